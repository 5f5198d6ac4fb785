"""Candles of instruments that go and come, change their digits, or tell times that cannot be."""

from __future__ import annotations

from decimal import Decimal

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
    Print,
    compact,
    one,
    steady,
)

HOUR = 60 * MINUTE
VENUES = [BINANCE, BYBIT, OKX]


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
    bars = kit.candles("okx")
    assert min(bar["open_time"] for bar in bars if bar["timeframe"] == "1s") >= begun - SECOND
    assert {bar["q"] for bar in bars if bar["timeframe"] == "5m"} == {"warming"}
    kit.timers(now, 2)
    whole = kit.candles("all", "1h")
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
    bars = kit.candles(timeframe="1m")
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
    for _ in range(100):
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
    bars = kit.candles(timeframe="1s")
    assert [bar["close_time"] for bar in bars] == [START + n * SECOND for n in range(1, 15)]
    assert {bar["ts_recv"] for bar in bars} == {None}
