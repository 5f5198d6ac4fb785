"""`p9 symbols`: against the local venue, and on recorded listings."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from p9 import cli, venues
from p9.config import Config, loads
from p9.symbols.command import Options, report, run
from p9.symbols.layout import WIDTH, size, table
from p9.symbols.listing import Listed
from tests.listing_rows import recorded_rest
from tests.venue import LocalVenue

SYMBOLS = ["BTCUSDT", "BTCUSDT-PERP", "1000PEPEUSDT-PERP", "BTCUSD-PERP", "NOPEUSDT"]


def running(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 30.0))


def text_of(venue: LocalVenue, symbols: Sequence[str] = SYMBOLS) -> str:
    exchanges = {
        name: {"endpoints": endpoints, "tls_ca": venue.ca_file}
        for name, endpoints in venue.urls.items()
    }
    return yaml.safe_dump({"exchanges": exchanges, "symbols": list(symbols)})


async def printed(config: Config, every: bool = False) -> tuple[int, dict[str, list[str]]]:
    """(exit status, exchange -> its lines)."""
    output = io.StringIO()
    status = await asyncio.to_thread(run, Options(config, every), output)
    parts = ("\n" + output.getvalue()).split("\n\n")
    found: dict[str, list[str]] = {}
    for lines in (part.strip("\n").split("\n") for part in parts):
        name = lines[0].partition(":")[0]
        if name in ("binance", "bybit", "okx"):
            found[name] = []
        found[list(found)[-1]] += lines
    return status, found


def test_what_is_configured() -> None:
    async def main() -> None:
        async with LocalVenue(rate=0) as venue:
            status, found = await printed(loads(text_of(venue)))
        assert status == 0
        assert [*found] == ["binance", "bybit", "okx"]
        binance, okx = found["binance"], found["okx"]
        assert binance[0].startswith("binance: 3 of ")
        assert "! not listed: BTCUSD-PERP, NOPEUSDT" in binance
        assert "! not listed: 1000PEPEUSDT-PERP, NOPEUSDT" in okx
        cells = {line.split()[0]: line.split() for line in binance if line}
        assert cells["BTCUSDT"] == [
            "BTCUSDT", "BTCUSDT", "0.01", "0.00001", "1", "TRADING", "BTC", "[1]",
        ]  # fmt: skip
        assert cells["1000PEPEUSDT-PERP"] == [
            "1000PEPEUSDT-PERP", "1000PEPEUSDT", "0.0000001", "1", "1", "TRADING",
            "1000", "x", "PEPE",
        ]  # fmt: skip
        cells = {line.split()[0]: line.split() for line in okx if line}
        assert cells["BTCUSDT-PERP"][1:5] == ["BTC-USDT-SWAP", "0.1", "0.01", "0.01"]
        assert cells["BTCUSD-PERP"][1:6] == ["BTC-USD-SWAP", "0.1", "1", "100", "USD"]
        assert "[2] no imbalance, candles: no analytics of inverse contracts" in okx
        assert [line for line in okx if line.startswith("[1] no liquidation, funding")]

    running(main())


def test_all_that_is_listed() -> None:
    async def main() -> None:
        async with LocalVenue(rate=0, extra_symbols=3) as venue:
            status, found = await printed(loads(text_of(venue)), every=True)
        assert status == 0
        for exchange, lines in found.items():
            first = {line.split()[0] for line in lines if line}
            # what is listed and has no data stands there with its status
            assert {"BTCUSDT", "ETHUSDT", "SYM003USDT-PERP"} <= first
            assert not [line for line in lines if "not listed" in line]
            listed = [word for word in first if "USD" in word or word.endswith("BTC")]
            assert lines[0] == f"{exchange}: {len(listed)} of {len(listed)} instruments"
        assert [line for line in found["okx"] if "OLD-USDT " in line and "suspend" in line]
        assert [line for line in found["okx"] if "BTCUSDT-261225" in line and "2026-12-25" in line]

    running(main())


def test_an_exchange_that_is_not_reached_is_said() -> None:
    async def main() -> None:
        async with LocalVenue(rate=0) as venue:
            venue.faults.refuse("bybit")
            venue.faults.rest("binance", "html", 9, "/fapi/v1/exchangeInfo")
            config = loads(text_of(venue))
            status, found = await printed(config)
            assert status == 0
            assert found["bybit"] == [
                "bybit: 0 of 0 instruments",
                "! bybit:spot was not reached: unreachable",
                "! bybit:linear was not reached: unreachable",
            ]
            assert "! binance:linear was not reached: not_json" in found["binance"]
            assert [line for line in found["binance"] if line.startswith("! not listed (as far")]
            assert [line for line in found["binance"] if line.startswith("BTCUSDT ")]
            venue.faults.refuse("binance")
            venue.faults.refuse("okx")
            status, found = await printed(config)
            assert status == 3
            assert all("not reached" in line for lines in found.values() for line in lines[1:])

    running(main())


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with LocalVenue(rate=0) as venue:
            path = tmp_path / "config.yaml"
            path.write_text(text_of(venue))
            command = ["symbols", "-c", str(path), "--refresh"]
            assert await asyncio.to_thread(cli.main, command) == 0
            some = capsys.readouterr().out
            assert await asyncio.to_thread(cli.main, [*command, "--all"]) == 0
            every = capsys.readouterr().out
            assert "BTCUSDT-PERP" in some
            assert "\x1b" not in some
            assert len(every.splitlines()) > len(some.splitlines())

    running(main())
    assert cli.main(["symbols", "-c", str(tmp_path / "none.yaml")]) == 2


def test_recorded_listings_fit_the_page(recordings: Path) -> None:
    seen = 0
    for url, raw in recorded_rest(recordings):
        entry = venues.classify_rest(url)
        if entry is None or entry.kind != "instruments":
            continue
        every = {one.symbol: one for one in venues.instruments(entry.endpoint, raw)}
        lines = [*report(Listed("x", every, reached=True), None)]
        assert max(size(line) for line in lines) <= WIDTH
        assert all(line == line.rstrip() for line in lines)
        first = {line.partition(" ")[0] for line in lines}
        assert set(every) <= first
        seen += len(every)
    assert seen == 4006


def test_columns() -> None:
    rows = [("a", "none", "c"), ("币", "", "1"), ("long", "", "22")]
    assert table(rows) == ["a     c", "币    1", "long  22"]
    wide = [("head", "x", "end"), *[("abc", "1", "z")] * 5, ("y" * 60, "7" * 60, "z")]
    lines = table(wide)
    assert max(map(size, lines)) <= WIDTH
    assert lines[-2:] == ["y" * 60, f"    {'7' * 60} z"]
    assert len({line.index("1") for line in lines[1:6]}) == 1


def test_a_name_that_is_taken_is_told() -> None:
    one = venues.fallback("binance:spot", "BTCUSDT")
    listed = Listed("x", {one.symbol: one}, disabled=[one], reached=True)
    assert "! BTCUSDT is not served: its name BTCUSDT is another's already" in [
        *report(listed, ["BTCUSDT"])
    ]
    assert not [line for line in report(listed, ["ETHUSDT"]) if "not served" in line]
