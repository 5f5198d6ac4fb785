"""The real recordings: whole, and the same bytes every time."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from p9.replay.command import run
from tests.replaying import Row, options, write

# file -> what it holds by the table of its README; everything else must be zero
WHOLE: dict[str, Row] = {
    "binance/usdm/btcusdt_2024-08-08": {"bbo": 66_089, "trades": 21_313, "depth": 6_551},
    "binance/usdm/btcusdt_2023-04-04_05": {
        "bbo": 44_205,
        "trades": 12_934,
        "off_book": 1,
        "depth": 16_110,
    },
    "binance/usdm/five_alts_2021-04-05": {"bbo": 3_424, "trades": 574, "depth": 4_423},
    "binance/usdm/four_alts_klines_2021-07-22": {"bbo": 613, "trades": 91, "depth": 764},
    "binance/spot/btcusdt_2024-08-08_09": {"bbo": 73_174, "trades": 19_904, "depth": 6_495},
    "binance/spot/btcusdt_2023-04-05_no_snapshot": {"bbo": 8_015, "trades": 3_144, "depth": 3_929},
    "binance/spot/ten_alts_2021-04-05": {"bbo": 5_408, "trades": 1_240, "depth": 4_709},
    "binance/spot/four_alts_klines_2021-10-12": {"bbo": 84, "trades": 2, "depth": 177},
    "bybit/linear/btcusdt_solusdt_2026-08-09": {"depth": 797},
    "bybit/linear/orderbook1_2025-06-13": {"bbo": 198},
    "bybit/spot/btcusdt_2026-08-09": {"depth": 300},
    "okx/ten_instruments_l2tbt_2022-02-27": {"depth": 3_679, "checksum_ok": 3_679, "trades": 19},
    "okx/books_btcusdt_uniusdswap_2022-05-13": {"depth": 290, "checksum_ok": 290, "trades": 74},
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_real_recording_is_whole(name: str, recordings: Path, tmp_path: Path) -> None:
    path = recordings / f"{name}.jsonl.gz"
    outs = [tmp_path / "1", tmp_path / "2"]
    for out in outs:
        given = options(path, strict=True, out=str(out), report=str(tmp_path / "r.json"))
        assert run(given) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    report = json.loads((tmp_path / "r.json").read_text())
    (counters,) = [found for found in report["endpoints"].values() if found]
    assert {key: counters.get(key) for key in WHOLE[name]} == WHOLE[name]
    assert report["faults"] == report["gaps"] == report["samples"] == []
    books = [book for book in report["books"] if book["state"] != "COLD"]
    expected = "BUFFERING" if "no_snapshot" in name else "LIVE"
    assert {book["state"] for book in books} <= {expected}
    assert report["messages"] == outs[0].read_bytes().count(b"\n")


def test_a_hole_is_found_exactly_where_it_is(recordings: Path, tmp_path: Path) -> None:
    path = recordings / "binance/usdm/five_alts_2021-04-05.jsonl.gz"
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    of_symbol = [
        n for n, row in enumerate(rows)
        if row["k"] == "recv" and row["raw"].startswith('{"stream":"batusdt@depth')
    ]  # fmt: skip
    gone = of_symbol[400]
    missing = json.loads(rows[gone]["raw"])["data"]
    following = json.loads(rows[of_symbol[401]]["raw"])["data"]
    report = tmp_path / "r.json"
    broken = write(tmp_path / "binance/usdm/x.jsonl.gz", rows[:gone] + rows[gone + 1 :])
    assert run(options(broken, strict=True, report=str(report))) == 4
    (gap,) = json.loads(report.read_text())["gaps"]
    assert (gap["symbol"], gap["feed"]) == ("BATUSDT-PERP", "depth")
    assert gap["first_id"] <= missing["u"] <= gap["last_id"]
    assert gap["last_id"] <= following["u"]


def test_everything_at_once_in_any_grouping(recordings: Path, tmp_path: Path) -> None:
    """One call over the whole folder; twice the same bytes."""
    outs = [tmp_path / "1", tmp_path / "2"]
    for out in outs:
        assert run(options(recordings, out=str(out))) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert outs[0].read_bytes().count(b"\n") > 250_000
