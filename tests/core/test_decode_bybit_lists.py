"""Bybit: candles and insurance pools of the streams."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.support import RECV, Bench, key_orders
from tests.core.test_decode_bybit import prints
from tests.core.test_decode_bybit_feeds import LINEAR, SPOT, Wire, frame

CANDLE: dict[str, Any] = {
    "start": 1795305600000,
    "end": 1795305899999,
    "interval": "5",
    "open": "181.40",
    "close": "181.52",
    "high": "181.60",
    "low": "181.33",
    "volume": "5210.4",
    "turnover": "945310.77",
    "confirm": False,
    "timestamp": 1795305660984,
}
POOL = {
    "coin": "USDT",
    "symbols": "SOLUSDT",
    "balance": "25110.1180",
    "updateTime": "1795305600000",
}


def changed(row: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {key: value for key, value in {**row, **fields}.items() if value is not None}


def candles(*rows: Any, interval: str = "5") -> str:
    return frame(f"kline.{interval}.SOLUSDT", list(rows))


# ---- candles --------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", [SPOT, LINEAR])
@pytest.mark.parametrize("interval", ["1", "3", "5", "15", "30", "60", "240", "D", "W"])
def test_candles_of_our_timeframes_are_taken(endpoint: str, interval: str) -> None:
    bench = Bench()
    row = changed(CANDLE, interval=interval)
    for form in key_orders(candles(row, changed(row, confirm=True), interval=interval)):
        before = bench.count(endpoint, "klines")
        bench.feed(endpoint, form)
        assert bench.count(endpoint, "klines") == before + 2, form
    assert bench.counts(endpoint) == {}


@pytest.mark.parametrize("interval", ["120", "360", "720", "M", "2", "", "05", "55"])
def test_candles_of_other_timeframes_are_ignored(interval: str) -> None:
    wire = Wire()
    assert wire.refused(candles(changed(CANDLE, interval=interval), interval=interval)) == "ignored"


def running(bench: Bench, timeframe: str) -> dict[str, str]:
    """The newest bar of the bench after some seconds of quiet, its numbers as text."""
    for tenth in range(1, 30):
        bench.engine.on_timer(RECV + tenth * 100_000_000)
    texts = [text for channel, text in bench.lines() if channel.endswith(f":{timeframe}")]
    bar: dict[str, str] = json.loads(texts[-1], parse_float=str, parse_int=str)
    return bar


def test_each_value_of_a_candle_has_its_place() -> None:
    """Seen where the venue's running candle stands in for a bar that began before us."""
    bench = Bench(feeds=["candles"])
    bench.feed(LINEAR, prints("a", T=1795305600400, p="181.5"))
    bench.feed(LINEAR, candles(CANDLE))
    bar = running(bench, "5m")
    assert {name: bar[name] for name in ("open_time", "close", "quote_volume")} == {
        "open_time": "1795305600000000000",
        "close": "181.52",
        "quote_volume": "945310.77",
    }
    assert (bar["open"], bar["high"], bar["low"]) == ("181.4", "181.6", "181.33")
    assert bar["volume"] == "5210.4"


def test_a_candle_of_no_trade() -> None:
    wire = Wire()
    wire.feed(candles(changed(CANDLE, volume="0", turnover="0.0")))
    assert wire.bench.count(LINEAR, "klines") == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        *(({name: None}, "reject.shape") for name in ("start", "open", "turnover", "confirm")),
        ({"confirm": "true"}, "reject.shape"),
        ({"interval": "15"}, "reject.shape"),
        ({"interval": 5}, "reject.shape"),
        ({"start": "x"}, "reject.number"),
        ({"start": 0}, "reject.number"),
        ({"high": ""}, "reject.number"),
        ({"high": "1.2.3"}, "reject.number"),
        ({"low": "0"}, "reject.negative"),
        ({"close": "-1"}, "reject.negative"),
        ({"volume": "-1"}, "reject.negative"),
        ({"open": "9" * 39}, "reject.overflow"),
    ],
    ids=str,
)
def test_candles_are_taken_whole_or_not_at_all(fields: dict[str, Any], why: str) -> None:
    wire = Wire()
    assert wire.refused(candles(CANDLE, changed(CANDLE, **fields))) == why
    assert wire.bench.count(LINEAR, "klines") == 0


def test_frames_of_candles_that_are_none() -> None:
    wire = Wire()
    nothing: list[Any] = [{}, [], None, [None], [[]], CANDLE]
    for data in nothing:
        assert wire.refused(frame("kline.5.SOLUSDT", data)) == "reject.shape"
    assert wire.refused(frame("kline.5", [CANDLE])) == "reject.shape"
    assert wire.refused(frame("kline.5.", [CANDLE])) == "reject.shape"
    assert wire.refused(frame("kline.5.BTCUSDT", [CANDLE])) == "reject.symbol"


# ---- insurance pools ------------------------------------------------------------------------


def pools(*rows: Any, kind: str = "delta") -> str:
    return frame("insurance.USDT", list(rows), kind)


def test_pools_are_of_the_exchange() -> None:
    for form in key_orders(pools(POOL, kind="snapshot")):
        bench = Bench()
        bench.feed(LINEAR, form)
        ((channel, text),) = bench.lines()
        assert channel == "insurance_fund:bybit"
        assert text == (
            '{"type":"insurance_fund","exchange":"bybit","epoch":7,"seq":1,'
            f'"ts_exchange":1795305600000000000,"ts_recv":{RECV},"ts_pub":{RECV},'
            '"balances":[{"asset":"USDT","amount":25110.118,"pool":"SOLUSDT"}]}'
        )


def test_a_delta_leaves_the_other_pools_as_they_were() -> None:
    wire = Wire()
    later = {"updateTime": "1795305601000"}
    wire.feed(pools(POOL, changed(POOL, symbols="AUSDT", balance="7"), kind="snapshot"))
    # a pool in debt is what auto-deleveraging is for
    found = wire.feed(pools(changed(POOL, balance="-2.50", **later)))["insurance_fund"]
    assert [
        (row["asset"], row["pool"], row["amount"]) for row in json.loads(found)["balances"]
    ] == [("USDT", "SOLUSDT", -2.5), ("USDT", "AUSDT", 7)]


def test_a_pool_without_a_time_is_of_the_message() -> None:
    bench = Bench()
    bench.feed(LINEAR, pools(changed(POOL, updateTime=None)))
    assert '"ts_exchange":1795305600402000000,' in bench.lines()[0][1]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"coin": None}, "reject.shape"),
        ({"coin": ""}, "reject.shape"),
        ({"coin": 5}, "reject.shape"),
        ({"symbols": ["SOLUSDT"]}, "reject.shape"),
        ({"balance": None}, "reject.shape"),
        ({"balance": ""}, "reject.number"),
        ({"balance": "x"}, "reject.number"),
        ({"balance": "1" * 39}, "reject.overflow"),
        ({"updateTime": "x"}, "reject.number"),
    ],
    ids=str,
)
def test_pools_are_taken_whole_or_not_at_all(fields: dict[str, Any], why: str) -> None:
    assert Wire().refused(pools(POOL, changed(POOL, **fields))) == why


def test_frames_of_pools_that_are_none() -> None:
    wire = Wire()
    nothing: list[Any] = [{}, None, [None], [[]], POOL]
    for data in nothing:
        assert wire.refused(frame("insurance.USDT", data)) == "reject.shape"
    assert wire.refused(pools()) == "ignored"


@pytest.mark.parametrize("text", [candles(CANDLE), pools(POOL)], ids=["candles", "pools"])
def test_a_frame_that_is_cut_says_nothing(text: str) -> None:
    wire = Wire()
    for size in range(len(text)):
        assert wire.refused(text[:size]) == "reject.json", text[:size]
    assert wire.bench.count(LINEAR, "klines") == 0
