"""Candles that are not whole, and the venue's own beside them: late prints, holes, seeds,
comparisons, instruments that go and come, times that cannot be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .charts_kit import (
    ALONE,
    BINANCE,
    BYBIT,
    MINUTE,
    MS,
    OKX,
    SECOND,
    START,
    Kit,
    Message,
    Name,
    Print,
    compact,
)

HOUR = 60 * MINUTE
VENUES = [BINANCE, BYBIT, OKX]
Bars = list[Message]


def one(ts: int, price: str = "64000", qty: str = "1", side: int = 1) -> Print:
    return Print(ts, price, qty, side)


def steady(kit: Kit, name: Name, begin: int, seconds: float, price: str = "64000") -> int:
    """A print and a tick each 100 ms, 5 ms old when it comes; the end."""
    now = begin
    for _ in range(int(seconds * 10)):
        now += 100 * MS
        kit.trade(name, now, one(now - 5 * MS, price))
        kit.engine.on_timer(now)
    return now


def shown(bars: Bars) -> list[tuple[str, int, str]]:
    return [(bar["timeframe"], bar["rev"], bar["q"]) for bar in bars]


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
        assert (bar["buy_volume"], bar["trades"], bar["delta"]) == (Decimal("71.5"), 901, Decimal("21.5"))


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
    kit.trade(name, begin + SECOND, Print(begin + SECOND, "64500", "100" if name is OKX else "1", 1))
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


# ---- instruments that go and come -----------------------------------------------------------


@pytest.mark.parametrize("how", ["follow", "publish", "contract"])
def test_an_instrument_that_was_away_begins_anew(how: str) -> None:
    """What it traded meanwhile is not known: nothing of that time is told, least of all "ok"."""
    kit = Kit([BYBIT, OKX, ALONE])

    def switch(on: bool, now: int) -> None:
        if how == "follow":
            kit.engine.follow(kit.numbers[OKX], on, now)
        elif on:
            kit.add(OKX)
        else:
            kit.add(OKX, **({"publish": False} if how == "publish" else {"contract": None}))

    now = START
    for _ in range(200):
        now += 100 * MS
        kit.trade(OKX, now, one(now))
        kit.trade(BYBIT, now, one(now))
        kit.engine.on_timer(now)
    kit.lines()
    switch(False, now)
    kit.trade(OKX, now, one(now))
    now = steady(kit, BYBIT, now, 300)
    away = kit.lines()
    assert {message["exchange"] for name, message in away if name.startswith("candles")} == {
        "bybit", "all",
    }  # fmt: skip
    switch(True, now)
    begun = now
    now = steady(kit, OKX, now, 3)
    bars = [bar for bar in kit.candles("okx")]
    assert min(bar["open_time"] for bar in bars if bar["timeframe"] == "1s") >= begun - SECOND
    assert {bar["q"] for bar in bars if bar["timeframe"] == "5m"} == {"warming"}
    kit.timers(now, 2)
    whole = [bar for bar in kit.candles("all", "1h")]
    assert whole
    assert {bar["q"] for bar in whole} == {"warming"}


def test_a_group_without_members_is_silent() -> None:
    kit = Kit(VENUES)
    now = START
    for name in VENUES:
        kit.trade(name, START, one(START))
    for name in VENUES:
        kit.engine.follow(kit.numbers[name], False, now)
    now = kit.timers(now, 5)
    kit.lines()
    kit.timers(now, 5)
    assert kit.candles() == []
    kit.engine.follow(kit.numbers[OKX], True, now)
    now = steady(kit, OKX, now + HOUR, 3)
    bars = kit.candles("all", "1s")
    assert min(bar["open_time"] for bar in bars) >= START + HOUR


def test_digits_and_contract_size_may_change() -> None:
    kit = Kit([OKX, BYBIT])
    now = steady(kit, OKX, START, 3)  # contracts of 0.01
    kit.trade(BYBIT, now, one(now))
    kit.add(OKX, price_step="0.001", contract="0.1")
    now = steady(kit, OKX, now, 3, "64000.125")
    kit.timers(now, 1)
    bars = {bar["exchange"]: bar for bar in kit.candles(timeframe="1m")}
    for bar in (bars["okx"], bars["all"]):
        assert bar["volume"] == Decimal("0.3") + 3 + (bar["exchange"] == "all")
        assert bar["high"] == Decimal("64000.125")


def test_digits_that_do_not_fit_begin_anew() -> None:
    kit = Kit([BYBIT])
    big = Print(START, "1", "900000000000000", 1)
    kit.trade(BYBIT, START, big)
    kit.add(BYBIT, price_step="0.0000000000000001")  # a price of 64000 leaves int64
    kit.trade(BYBIT, START + SECOND, one(START + SECOND))
    kit.trade(BYBIT, START + SECOND, one(START + SECOND, "0.5"))
    kit.timers(START + SECOND, 2)
    bars = [bar for bar in kit.candles(timeframe="1m")]
    assert {bar["close"] for bar in bars} <= {1, Decimal("0.5")}


# ---- times that cannot be -------------------------------------------------------------------


def test_a_time_far_ahead_is_refused() -> None:
    kit = Kit([BINANCE])
    now = steady(kit, BINANCE, START, 3)
    kit.trade(BINANCE, now, one(now + 6 * SECOND), one(now + 30 * 86400 * SECOND))
    assert kit.count(BINANCE, "candles_refused") == 2
    now = steady(kit, BINANCE, now, 2)
    assert kit.count(BINANCE, "candles_refused") == 2
    bar = kit.candles(timeframe="1s")[-1]
    assert now - 2 * SECOND < bar["close_time"] <= now


def test_a_clock_set_back_is_believed_after_a_while() -> None:
    kit = Kit([BINANCE])
    now = steady(kit, BINANCE, START, 60)
    slow = 20 * SECOND
    for at in range(100):
        now += 100 * MS
        kit.trade(BINANCE, now - slow, one(now - 5 * MS))
    assert kit.count(BINANCE, "candles_refused") == 19


def test_a_wrong_first_time_is_got_over() -> None:
    """It would hold every print back as late for as long as it was ahead."""
    kit = Kit([BINANCE, BYBIT])
    kit.trade(BINANCE, START, one(START + 400 * 86400 * SECOND))
    now = steady(kit, BINANCE, START, 5)
    kit.lines()
    now = steady(kit, BINANCE, now, 3)
    newest = kit.candles(timeframe="1s")
    assert {bar["exchange"] for bar in newest} == {"binance", "all"}
    assert all(now - 4 * SECOND < bar["close_time"] <= now for bar in newest)


@pytest.mark.parametrize("ms", [1, 9_300_000_000_000, 99_999_999_999_999, 9_223_372_036_854])
def test_no_time_breaks_anything(ms: int) -> None:
    kit = Kit([BYBIT])
    now = steady(kit, BYBIT, START, 3)
    row = kit.wire.row(BYBIT, one(now)) | {"T": ms}
    kit.feed(BYBIT, now, compact({"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1,
                                  "data": [row]}))  # fmt: skip
    kit.lines()
    now = steady(kit, BYBIT, now, 3)
    assert all(abs(now - bar["ts_exchange"]) < 5 * SECOND for bar in kit.candles())


def test_receive_times_may_be_unknown() -> None:
    """Then prints alone close bars, and no timer runs ahead of them."""
    kit = Kit([BINANCE])
    for at in range(50):
        ts = START + at * 300 * MS
        kit.trade(BINANCE, 0, one(ts))
        kit.engine.on_timer(ts + 3000 * SECOND)
    bars = [bar for bar in kit.candles(timeframe="1s")]
    assert [bar["close_time"] for bar in bars] == [START + n * SECOND for n in range(1, 15)]
    assert {bar["ts_recv"] for bar in bars} == {None}
