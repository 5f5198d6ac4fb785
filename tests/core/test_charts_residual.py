"""Own closed minute beside the venue's: the same prints, or an alert with the numbers."""

from __future__ import annotations

import json
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
    Message,
    Name,
    Print,
)

VENUES = [BINANCE, BYBIT, OKX]
PRICES = ("64000", "64003.5", "63990", "64001")


class Minute:
    """Four prints in the minute behind START + `at`, a whole one as another came before."""

    def __init__(self, name: Name, **options: Any) -> None:
        self.name = name
        self.kit = Kit([name], **options)
        self.now = START - 2 * SECOND
        self.print("63999", self.now)

    def print(self, price: str, ts: int, side: int = 1) -> None:
        qty = "150" if self.name is OKX else "1.5"
        self.kit.trade(self.name, ts + 10 * MS, Print(ts, price, qty, side))

    def fill(self, start: int = START) -> None:
        self.now = self.kit.timers(start - 2 * SECOND, 2)
        for at, price in enumerate(PRICES):
            ts = start + (at * 15 + 1) * SECOND
            self.now = self.kit.timers(self.now, (ts - self.now) // (100 * MS) / 10)
            self.print(price, ts, 1 if at % 2 else -1)

    def truth(self, **changes: Any) -> Message:
        return {
            "open": "64000", "high": "64003.5", "low": "63990", "close": "64001", "volume": "6",
            "quote_volume": str(sum(map(Decimal, PRICES)) * Decimal("1.5")), "buy_volume": "3",
            "trades": 4, **changes,
        }  # fmt: skip

    def kline(self, start: int = START, **changes: Any) -> None:
        self.kit.kline(self.name, self.now, start, self.truth(**changes))

    def wait(self, seconds: float) -> None:
        self.now = self.kit.timers(self.now, seconds)

    def counts(self) -> tuple[int, int]:
        return (
            self.kit.count(self.name, "candles_checked"),
            self.kit.count(self.name, "candles_differ"),
        )

    def alerts(self) -> list[Message]:
        return [message for name, message in self.kit.lines() if name == "alert:candles"]


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("early_s", [0, 0.5, 3, 20])
def test_one_that_agrees(name: Name, early_s: float) -> None:
    """However long before our own bar closes, or after it, the venue's comes."""
    one = Minute(name)
    one.fill()
    if early_s == 20:  # the venue is done when our clock is not: it hears of no later time
        one.kline()
    one.wait((START + MINUTE - one.now) / SECOND + early_s)
    if early_s != 20:
        one.kline()
    one.wait(5)
    assert one.counts() == (1, 0)
    assert one.alerts() == []
    assert one.kit.engine.residuals() == [
        {
            "endpoint": name.endpoint, "exchange": name.exchange, "symbol": name.symbol,
            "timeframe": "1m", "open_time": str(START), "volume": "0", "quote_volume": "0",
            "trades": "0" if name is BINANCE else None, "venue_volume": "6", "prices": [],
        }
    ]  # fmt: skip


@pytest.mark.parametrize("name", VENUES)
def test_one_that_differs_is_told(name: Name) -> None:
    one = Minute(name)
    one.fill()
    one.wait(17)
    one.kline(volume="6.5", high="64004", quote_volume="400000")
    one.wait(5)
    assert one.counts() == (1, 1)
    own = sum(map(Decimal, PRICES)) * Decimal("1.5")
    (alert,) = one.alerts()
    assert list(alert) == [
        "type", "exchange", "symbol", "epoch", "seq", "ts_exchange", "ts_recv", "ts_pub", "prev",
        "timeframe", "open_time", "volume", "quote_volume", "trades", "venue_volume", "prices",
    ]  # fmt: skip
    numbers = {key: alert[key] for key in list(alert)[9:]}
    assert numbers == {
        "timeframe": "1m", "open_time": START, "volume": Decimal("-0.5"),
        "quote_volume": own - 400000, "trades": 0 if name is BINANCE else None,
        "venue_volume": Decimal("6.5"), "prices": ["high"],
    }  # fmt: skip
    assert (alert["exchange"], alert["symbol"], alert["seq"]) == (name.exchange, name.symbol, 1)
    (row,) = one.kit.engine.residuals()
    text = json.loads(json.dumps(numbers, default=str))
    assert {key: row[key] for key in numbers} == {
        **text, "open_time": str(START), "trades": "0" if name is BINANCE else None,
    }  # fmt: skip
    one.wait(20)
    assert one.alerts() == []  # once


@pytest.mark.parametrize(
    ("field", "price"),
    [("open", "64002"), ("high", "64004"), ("low", "63989"), ("close", "64002")],
)
def test_each_price_is_compared(field: str, price: str) -> None:
    one = Minute(BINANCE)
    one.fill()
    one.wait(17)
    changes: dict[str, Any] = {field: price}
    one.kline(**changes)
    one.wait(5)
    (alert,) = one.alerts()
    assert (alert["prices"], alert["volume"]) == ([field], 0)


def test_the_next_one_agrees_again() -> None:
    """The figures are of the newest comparison, whatever else is waiting to be compared."""
    one = Minute(BINANCE)
    one.fill()
    one.wait(17)
    one.kline(volume="7")
    one.wait(5)
    one.fill(START + MINUTE)
    one.wait(16)
    one.kline(START + MINUTE, volume="999")  # not compared yet
    (row,) = one.kit.engine.residuals()
    assert (row["open_time"], row["venue_volume"], row["volume"]) == (str(START), "7", "-1")
    one.kline(START + MINUTE)  # the same once more: the first one stands
    one.wait(5)
    assert one.counts() == (2, 2)
    one.fill(START + 2 * MINUTE)
    one.wait(17)
    one.kline(START + 2 * MINUTE)
    one.kline(START + MINUTE)  # one that was compared is not compared again
    one.wait(5)
    assert one.counts() == (3, 2)
    (row,) = one.kit.engine.residuals()
    assert (row["volume"], row["prices"]) == ("0", [])


def test_a_bar_may_open_at_the_close_before() -> None:
    """Bybit's do: its open and its range hold the price that the minute began with."""
    one = Minute(BYBIT)
    one.print("64050", START - SECOND)
    one.fill()
    one.wait(17)
    one.kline(open="64050", high="64050")
    one.wait(5)
    assert one.counts() == (1, 0)


def test_a_quiet_minute_agrees() -> None:
    """Venues tell bars without prints as well: flat, of nothing."""
    one = Minute(BINANCE)
    for _ in range(20):
        one.print("63999", one.now)
    one.wait(64)
    flat: dict[str, Any] = dict.fromkeys(("open", "high", "low", "close"), "63999")
    one.kline(**flat, volume="0", quote_volume="0", buy_volume="0", trades=0)
    one.wait(4)
    assert one.counts() == (1, 0)


def test_a_late_print_is_in_it() -> None:
    """Compared is what our bar came to, not what it was when it closed."""
    one = Minute(BINANCE)
    one.fill()
    one.wait(16)
    one.kline(volume="7.5", quote_volume="480005.25", trades=5, buy_volume="3")
    one.print("64000", START + 59 * SECOND)
    one.kit.lines()
    one.wait(5)
    assert one.counts()[0] == 1
    assert one.kit.engine.residuals()[0]["prices"] == ["close"]  # it is the last of ours


@pytest.mark.parametrize("why", ["partial", "gap", "other timeframe", "unknown", "future", "off"])
def test_what_is_not_compared(why: str) -> None:
    one = Minute(BINANCE)
    if why == "gap":
        one.kit.wire.ids[BINANCE] += 1
    one.fill()
    one.wait(17)
    wrong: dict[str, Any] = {"volume": "99"}
    if why == "partial":
        one.kline(START - MINUTE, **wrong)
    elif why == "other timeframe":
        one.kit.kline(BINANCE, one.now, START, one.truth(**wrong), timeframe="3m")
    elif why == "unknown":
        one.kline(START - 5 * MINUTE, **wrong)
    elif why == "future":
        one.kline(START + 500 * MINUTE, **wrong)
    elif why == "off":
        one.kline(**wrong)
        one.kit.engine.follow(one.kit.numbers[BINANCE], False, one.now)
    else:
        one.kline(**wrong)
    one.wait(5)
    assert one.counts() == (0, 0)
    assert one.alerts() == []
    assert one.kit.engine.residuals() == []
    if why in ("future", "unknown", "partial"):
        one.kline()
        one.wait(5)
        assert one.counts() == (1, 0)


def test_without_the_feed_there_are_no_candles_until_it_is_wanted() -> None:
    one = Minute(BINANCE, feeds=("trade",))
    one.fill()
    one.wait(17)
    one.kline(volume="7")
    one.wait(5)
    assert one.counts() == (0, 0)
    assert one.kit.candles() == []
    one.kit.engine.set_feeds(("trade", "candles"), one.now)
    one.fill(START + 2 * MINUTE)
    one.wait(20)
    assert {bar["timeframe"] for bar in one.kit.candles() if bar["closed"]} >= {"1s", "5s", "15s"}


def test_a_volume_that_cannot_be_compared_changes_nothing() -> None:
    one = Minute(BINANCE)
    one.fill()
    one.wait(17)
    one.kline(volume="7")
    one.wait(5)
    told = one.kit.engine.residuals()
    one.fill(START + MINUTE)
    one.wait(16)
    one.kline(START + MINUTE, volume="9" * 38)
    one.wait(5)
    assert one.kit.count(BINANCE, "klines") == 2
    assert one.counts() == (1, 1)
    assert one.kit.engine.residuals() == told
