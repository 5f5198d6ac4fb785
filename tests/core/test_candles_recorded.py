"""Recorded trades through candles and model, and beside the venues' own candles."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from p9core.analytics.candles import Candles
from tests.models.candles import MINUTE, MS, PRICES, CandlesModel, bucket
from tests.models.numbers import decimals, mantissa
from tests.models.rebuild import entries

FULL = bool(os.environ.get("P9_FULL"))

Bar = dict[str, Any]


class Tape(NamedTuple):
    """Prints and candles of one instrument, in the order they came."""

    px_exp: int
    qty_exp: int
    rows: list[Any]  # Row or a candle


class Row(NamedTuple):
    recv: int
    ts: int
    px: str
    qty: str
    side: int
    first: int  # ids of its fills, 0 where there are none
    last: int


def rows_of(recv: int, frame: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a frame says: prints, candles of a minute."""
    data = frame.get("data", frame)
    topic = frame.get("topic", "") or frame.get("arg", {}).get("channel", "")
    kind = data.get("e") if isinstance(data, dict) else None
    if kind in ("trade", "aggTrade") and data.get("X", "MARKET") == "MARKET":
        ids = (data["f"], data["l"]) if kind == "aggTrade" else (data["t"], data["t"])
        yield data["s"], Row(recv, data["T"], data["p"], data["q"], -1 if data["m"] else 1, *ids)
    elif kind == "kline":
        k = data["k"]
        yield data["s"], {
            "open": k["o"], "high": k["h"], "low": k["l"], "close": k["c"], "volume": k["v"],
            "quote_volume": k["q"], "buy_volume": k["V"], "trades": k["n"], "closed": k["x"],
            "timeframe": "1m", "open_time": k["t"] * MS, "first": k["f"], "last": k["L"],
        }  # fmt: skip
    elif topic.startswith("publicTrade."):
        for one in data:
            side = 1 if one["S"] == "Buy" else -1
            yield one["s"], Row(recv, one["T"], one["p"], one["v"], side, 0, 0)
    elif topic.startswith("kline.1."):
        for one in data:
            yield topic.rpartition(".")[2], {
                **{key: one[key] for key in ("open", "high", "low", "close", "volume")},
                "quote_volume": one["turnover"], "closed": one["confirm"], "timeframe": "1m",
                "open_time": one["start"] * MS, "until": one["timestamp"],
            }  # fmt: skip
    elif topic == "trades" and isinstance(data, list):
        for one in data:
            side = 1 if one["side"] == "buy" else -1
            yield one["instId"], Row(recv, int(one["ts"]), one["px"], one["sz"], side, 0, 0)


def tapes(path: Path) -> dict[str, Tape]:
    if not path.is_file():
        pytest.skip(f"no {path}")
    found: dict[str, list[Any]] = {}
    for entry in entries(path):
        if entry.kind == "frame" and entry.raw.startswith(b"{"):
            frame = json.loads(entry.raw)
            if isinstance(frame.get("data", {}), dict | list):
                for name, row in rows_of(entry.recv_ns, frame):
                    found.setdefault(name, []).append(row)
    out = {}
    for name, rows in found.items():
        prints = [row for row in rows if isinstance(row, Row)]
        if prints:
            px = max(decimals(row.px) for row in prints)
            qty = max(decimals(row.qty) for row in prints)
            out[name] = Tape(px, qty, rows)
    return out


def values(tape: Tape, row: Row) -> tuple[int, int, int, int]:
    return (
        row.ts * MS, mantissa(row.px, tape.px_exp), mantissa(row.qty, tape.qty_exp), row.side,
    )  # fmt: skip


FILES = [
    "binance/spot/btcusdt_2024-08-08_09",
    "binance/spot/btcusdt_2023-04-05_no_snapshot",
    "binance/spot/ten_alts_2021-04-05",
    "binance/usdm/btcusdt_2024-08-08",
    "binance/usdm/five_alts_2021-04-05",
    "binance/usdm/four_alts_klines_2021-07-22",
    "bybit/linear/btcusdt_solusdt_2026-08-09",
    "bybit/spot/btcusdt_2026-08-09",
    "okx/books_btcusdt_uniusdswap_2022-05-13",
    "okx/ten_instruments_l2tbt_2022-02-27",
]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.timeout(600)
def test_recorded_trades(recordings: Path, name: str) -> None:
    """The receive clock drives the timer, as it does live."""
    folded = 0
    for tape in tapes(recordings / f"{name}.jsonl.gz").values():
        candles, model = Candles(tape.px_exp, tape.qty_exp), CandlesModel()
        rows = [row for row in tape.rows if isinstance(row, Row)]
        for row in islice(rows, None if FULL else 3000):
            ts, px, qty, side = values(tape, row)
            lag = candles.lag_ns()
            if lag is not None:
                assert candles.timer(row.recv) == model.advance([row.recv - lag])
            count = row.last - row.first + 1
            said = candles.trade(ts, px, qty, side, count, row.recv)
            assert said == model.trade(ts, px, qty, side, count)
            folded += 1
            if folded % 100 == 0:
                assert candles.running(row.recv) == model.running(row.recv)
        assert candles.bars() == model.bars()
        assert candles.late_dropped == {key: one.late for key, one in model.series.items()}
        every = Candles(tape.px_exp, tape.qty_exp)
        every.fold(array("q", [one for row in rows for one in values(tape, row)]))
        if FULL or len(rows) <= 3000:
            last, other = candles.bars()[-1], every.bars()[-1]
            assert {**last, "trades": 0} == {**other, "trades": 0}
    assert folded > 0


def differences(tape: Tape, own: Bar, venue: Bar, before: int | None) -> list[str]:
    """Keys that the venue tells otherwise. `before`, the close before the bar: Bybit begins a
    candle at that, and its high and low hold it."""
    own = dict(own)
    if before is not None:
        own |= {"open": before, "high": max(own["high"], before), "low": min(own["low"], before)}
    exponents = dict.fromkeys(PRICES, tape.px_exp)
    exponents |= dict.fromkeys(("volume", "buy_volume"), tape.qty_exp)
    exponents |= {"quote_volume": tape.px_exp + tape.qty_exp, "trades": 0}
    return [
        key
        for key, exponent in exponents.items()
        if key in venue and Decimal(own[key]).scaleb(-exponent) != Decimal(venue[key])
    ]


def minute(candles: Candles, start: int) -> Bar:
    return next(
        bar for bar in candles.bars() if bar["timeframe"] == "1m" and bar["open_time"] == start
    )


def parted(tape: Tape, venue: Bar) -> tuple[list[Row], list[Row]] | None:
    """Prints of the venue's minute that are in its candle, and those behind it. None where that
    cannot be told: the candle ends inside a print, or less than 100 ms after one."""
    rows = [row for row in tape.rows if isinstance(row, Row)]
    rows = [row for row in rows if bucket("1m", row.ts * MS) == venue["open_time"]]
    if "last" in venue:
        within = [row for row in rows if row.last <= venue["last"]]
        known = bool(within) and within[-1].last == venue["last"]
    else:
        within = [row for row in rows if row.ts <= venue["until"]]
        known = bool(within) and within[-1].ts < venue["until"] - 100
    return (within, rows[len(within) :]) if known else None


def fold(candles: Candles, tape: Tape, rows: list[Row]) -> None:
    for row in rows:
        candles.trade(*values(tape, row), row.last - row.first + 1)


def covered(tape: Tape, venue: Bar) -> bool:
    """The recording holds the minute from its beginning."""
    if "first" in venue:
        return any(isinstance(row, Row) and row.first == venue["first"] for row in tape.rows)
    times = [row.ts * MS if isinstance(row, Row) else row["open_time"] for row in tape.rows]
    return min(times) < int(venue["open_time"])


# Candles of the venue that end where a print ends: of minutes recorded from their beginning, and
# of the ones before, where what is known at a running candle is carried on to the closed one.
KLINES = [
    ("binance/usdm/four_alts_klines_2021-07-22", 15, 33),
    ("binance/spot/four_alts_klines_2021-10-12", 1, 0),
    ("bybit/linear/btcusdt_solusdt_2026-08-09", 39, 0),
    ("bybit/spot/btcusdt_2026-08-09", 10, 0),
]


@pytest.mark.parametrize(("name", "running", "seeded"), KLINES)
def test_candles_of_the_venue(recordings: Path, name: str, running: int, seeded: int) -> None:
    compared = carried_on = 0
    for tape in tapes(recordings / f"{name}.jsonl.gz").values():
        told = [row for row in tape.rows if not isinstance(row, Row)]
        closed = {row["open_time"]: row for row in told if row["closed"]}
        for venue in told:
            start = venue["open_time"]
            parts = parted(tape, venue)
            if parts is None:
                continue
            candles = Candles(tape.px_exp, tape.qty_exp)
            fold(candles, tape, parts[0])
            if covered(tape, venue):
                previous = closed.get(start - MINUTE)
                before = None
                if "until" in venue and previous is not None:
                    before = mantissa(previous["close"], tape.px_exp)
                assert not differences(tape, minute(candles, start), venue, before), venue
                compared += 1
            elif start in closed and not venue["closed"]:
                assert candles.seed(venue)
                assert not differences(tape, minute(candles, start), venue, None)
                fold(candles, tape, parts[1])
                bar = minute(candles, start)
                assert not differences(tape, bar, closed[start], None), venue
                assert bar["q"] == "warming"
                carried_on += 1
    assert (compared, carried_on) == (running, seeded)


def test_closed_candles_of_the_venue(recordings: Path) -> None:
    compared = 0
    for name, _, _ in KLINES:
        for tape in tapes(recordings / f"{name}.jsonl.gz").values():
            for venue in tape.rows:
                if isinstance(venue, Row) or not venue["closed"] or not covered(tape, venue):
                    continue
                candles = Candles(tape.px_exp, tape.qty_exp)
                fold(candles, tape, [row for row in tape.rows if isinstance(row, Row)])
                found = candles.check(venue)
                if found is not None:
                    assert found["volume"] == found["quote_volume"] == "0"
                    assert all(found[key] for key in PRICES)
                    compared += 1
    if not compared:
        pytest.skip("no recording holds a whole minute and the venue's closed candle of it")
