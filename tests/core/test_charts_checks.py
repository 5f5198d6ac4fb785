"""Candles that are not whole, and the venue's own beside them: late prints, holes, seeds,
comparisons, instruments that go and come, times that cannot be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .charts_kit import (
    BINANCE,
    BYBIT,
    MINUTE,
    MS,
    OKX,
    SECOND,
    START,
    Kit,
    Name,
    Print,
    compact,
    one,
    steady,
)

HOUR = 60 * MINUTE
VENUES = [BINANCE, BYBIT, OKX]


# ---- late prints ----------------------------------------------------------------------------


def test_what_is_amended_and_what_is_counted() -> None:
    """T is at 16 s: 15..16 s is the newest closed second, 10..15 and 0..15 the newest of theirs."""
    kit = Kit([BINANCE])
    now = steady(kit, BINANCE, START, 16.1)
    kit.lines()
    late = Print(START + 15 * SECOND + 500 * MS, "64001", "2", 1)
    kit.trade(BINANCE, now, late)
    bars = kit.candles()
    assert [(bar["timeframe"], bar["rev"]) for bar in bars] == [("1s", 1)]
    assert (bars[0]["high"], bars[0]["close"], bars[0]["prev"] > 0) == (64001, 64001, True)
    kit.trade(BINANCE, now, late._replace(ts=START + 14 * SECOND, qty="3"))
    assert [(bar["timeframe"], bar["rev"]) for bar in kit.candles()] == [("5s", 1), ("15s", 1)]
    assert kit.count(BINANCE, "candles_late") == 1  # its second was passed before
    now = steady(kit, BINANCE, now, 2)
    kit.lines()
    kit.trade(BINANCE, now, late._replace(ts=START + 14 * SECOND, qty="4"))
    assert kit.candles() == []
    assert kit.count(BINANCE, "candles_late") == 2
    kit.timers(now, 1)
    by = {bar["timeframe"]: bar for bar in kit.candles() if not bar["closed"]}
    assert by["1m"]["volume"] == Decimal(181 + 2 + 3 + 4)  # but it is part of what runs


# ---- holes ----------------------------------------------------------------------------------


def test_a_hole_is_told_by_the_bars_that_hold_it() -> None:
    kit = Kit([BINANCE, BYBIT])
    kit.trade(BYBIT, START, one(START - 5 * MS))
    now = steady(kit, BINANCE, START - 1000 * MS, 62)  # every bar up to 1m has begun before us
    kit.lines()
    kit.wire.ids[BINANCE] += 3
    now = steady(kit, BINANCE, now + 1500 * MS, 6)  # from 60.995 to 62.595
    kit.timers(now, 1)
    bars = kit.candles()
    for exchange in ("binance", "all"):
        q = {(bar["timeframe"], (bar["open_time"] - START) // SECOND): bar["q"] for bar in bars
             if bar["closed"] and bar["exchange"] == exchange}  # fmt: skip
        assert [q["1s", at] for at in (61, 62, 63, 64)] == ["gap", "gap", "ok", "ok"]
        assert q["5s", 60] == "gap"
        running = {bar["timeframe"]: bar["q"] for bar in bars
                   if not bar["closed"] and bar["exchange"] == exchange}  # fmt: skip
        assert running == {"5s": "ok", **dict.fromkeys(
            ("15s", "1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"), "gap")}  # fmt: skip
    assert {bar["q"] for bar in bars if bar["exchange"] == "bybit"} <= {"ok", "warming"}


@pytest.mark.parametrize("name", VENUES)
def test_an_interruption_is_a_hole_where_ids_do_not_tell(name: Name) -> None:
    kit = Kit([name])
    now = steady(kit, name, START, 16)
    kit.engine.trades_broken(kit.numbers[name], now)
    kit.lines()
    now = steady(kit, name, now + 2 * SECOND, 4)
    kit.timers(now, 1)
    closed = {(bar["timeframe"], (bar["open_time"] - START) // SECOND): bar["q"]
              for bar in kit.candles() if bar["closed"]}  # fmt: skip
    told = "ok" if name is BINANCE else "gap"  # from 15.995 to 18.095 s
    assert [closed["1s", at] for at in (16, 17, 18, 19)] == [told, told, told, "ok"]
    assert closed["5s", 15] == told


def test_a_second_hole_leaves_the_first_one_told() -> None:
    kit = Kit([BINANCE])
    now = steady(kit, BINANCE, START, 16)
    kit.wire.ids[BINANCE] += 1
    now = steady(kit, BINANCE, now, 44.5)
    kit.wire.ids[BINANCE] += 1
    kit.lines()
    now = steady(kit, BINANCE, now, 0.6)
    by = {bar["timeframe"]: bar["q"] for bar in kit.candles() if not bar["closed"]}
    assert by["1m"] == by["1h"] == "gap"
    # the 15 s that hold the first one were closed before the second came
    kit.trade(BINANCE, now, one(START + MINUTE - 10 * MS))
    amended = {bar["timeframe"]: bar["q"] for bar in kit.candles()}
    assert amended == {"1m": "gap", "15s": "ok", "5s": "ok"}


def test_a_hole_that_is_filled_is_none() -> None:
    kit = Kit([BINANCE, BYBIT])
    now = steady(kit, BINANCE, START, 20)
    kit.wire.ids[BINANCE] += 1
    kit.trade(BINANCE, now + 50 * MS, one(now + 40 * MS))
    held = kit.wire.ids[BINANCE]
    kit.wire.ids[BINANCE] -= 2
    kit.trade(BINANCE, now + 60 * MS, one(now + 30 * MS))  # the one that was missing
    kit.wire.ids[BINANCE] = held
    kit.lines()
    now = steady(kit, BINANCE, now + 60 * MS, 3)
    assert {bar["q"] for bar in kit.candles() if bar["timeframe"] in ("1s", "5s")} == {"ok"}


# ---- seeds ----------------------------------------------------------------------------------

SEED: dict[str, Any] = {
    "open": 63000, "high": 65000, "low": 62000, "close": 64000, "volume": Decimal("120.5"),
    "quote_volume": Decimal(7712000), "buy_volume": Decimal("70.5"), "trades": 900,
}  # fmt: skip


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("first", ["seed", "trade"])
def test_a_bar_begun_before_us_is_seeded(name: Name, first: str) -> None:
    kit = Kit([name])
    begin = START + 30 * MINUTE
    price, qty = "64500", "100" if name is OKX else "1"
    if first == "trade":
        kit.trade(name, begin, Print(begin, price, qty, 1))
    kit.kline(name, begin + MS, START, SEED, closed=False, timeframe="1h")
    kit.trade(name, begin + 2 * MS, Print(begin + 2 * MS, price, qty, 1))
    kit.timers(begin, 2)
    bars = [bar for bar in kit.candles(timeframe="1h") if not bar["closed"]]
    bar = bars[-1]
    assert [bar[key] for key in ("open", "high", "low", "close")] == [63000, 65000, 62000, 64500]
    assert bar["volume"] == Decimal("121.5")
    assert (bar["q"], bar["since"], bar["open_time"]) == ("warming", START, START)
    assert bar["quote_volume"] == 7712000 + 64500
    if name is BINANCE:
        assert (bar["buy_volume"], bar["trades"], bar["delta"]) == (
            Decimal("71.5"),
            901,
            Decimal("21.5"),
        )


POLLED = {
    BINANCE: [[START // MS, "63000", "65000", "62000", "64000", "120.5", START // MS + 3_599_999,
               "7712000", 900, "70.5", "0", "0"]],
    BYBIT: {"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "symbol": "BTCUSDT",
            "list": [[str(START // MS), "63000", "65000", "62000", "64000", "120.5", "7712000"]]},
            "retExtInfo": {}, "time": START // MS + 1_800_000},
    OKX: {"code": "0", "msg": "", "data": [[str(START // MS), "63000", "65000", "62000", "64000",
                                            "12050", "120.5", "7712000", "0"]]},
}  # fmt: skip


@pytest.mark.parametrize("name", VENUES)
def test_a_poll_seeds_as_well(name: Name) -> None:
    kit = Kit([name])
    begin = START + 30 * MINUTE
    answer = compact(POLLED[name])
    why = kit.engine.feed_poll(name.endpoint, "candles", begin, answer, kit.numbers[name], "1h")
    assert why == ""
    kit.trade(
        name, begin + SECOND, Print(begin + SECOND, "64500", "100" if name is OKX else "1", 1)
    )
    kit.timers(begin + SECOND, 2)
    bar = kit.candles(timeframe="1h")[-1]
    assert (bar["open"], bar["volume"], bar["q"]) == (63000, Decimal("121.5"), "warming")


def test_a_seed_of_another_bucket_is_none() -> None:
    kit = Kit([BINANCE])
    kit.kline(BINANCE, START, START - HOUR, SEED, closed=False, timeframe="1h")
    now = steady(kit, BINANCE, START, 2)
    kit.kline(BINANCE, now, START + HOUR, SEED, closed=False, timeframe="1h")
    kit.timers(now, 1)
    assert {bar["open"] for bar in kit.candles(timeframe="1h")} == {64000}
