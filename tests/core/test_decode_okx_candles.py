"""OKX: the venue's own candles, of the streams and of REST."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.support import TOLD, Bench
from tests.core.test_decode_okx_feeds import INVERSE, MS, SPOT, SWAP, after, frame

MINUTE = 1795305600000
CANDLE = [
    str(MINUTE), "64000", "64100.5", "63999", "64050", "1234", "12.34", "790000.5", "0",
]  # fmt: skip


def running(channel: str, row: list[str], name: str) -> list[dict[str, Any]]:
    """What the candles of a timeframe say after one of the venue's and one trade."""
    bench = Bench(feeds=[*TOLD, "candles"])
    trade = {
        "instId": name, "tradeId": "1", "px": "64060", "sz": "10", "side": "buy",
        "ts": str(MINUTE + 1000),
    }  # fmt: skip
    bench.feed("okx", frame(channel, [row], instId=name), (MINUTE + 500) * MS)
    bench.feed("okx", frame("trades", [trade], instId=name), (MINUTE + 1000) * MS)
    bench.feed("okx", frame(channel, [row], instId=name), (MINUTE + 2000) * MS)
    for tenth in range(60):
        bench.engine.on_timer((MINUTE + 2000 + 100 * tenth) * MS)
    assert bench.count("okx", "klines") == 2
    return [json.loads(text) for channel, text in bench.lines() if channel.startswith("candles:")]


@pytest.mark.parametrize(
    ("name", "row", "volume", "quote_volume"),
    [
        (SWAP, CANDLE, 12.34, 790000.5),
        (SPOT, [*CANDLE[:6], "790000.5", *CANDLE[7:]], 1234, 790000.5),
        (SPOT, [*CANDLE[:6], "790000.5"], 1234, 790000.5),
    ],
)
def test_a_running_candle_completes_ours(
    name: str, row: list[str], volume: float, quote_volume: float
) -> None:
    """4.5: base units stand in another column for derivatives; in 2022 there were seven."""
    bars = {bar["timeframe"]: bar for bar in running("candle1m", row, name)}
    bar = bars["1m"]
    assert [bar[key] for key in ("open", "high", "low", "close")] == [64000, 64100.5, 63999, 64050]
    assert (bar["volume"], bar["quote_volume"]) == (volume, quote_volume)
    assert bars["3m"]["open"] == 64060, "of another timeframe"


TIMEFRAMES = {
    "1s": "1s", "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1H": "1h",
    "4H": "4h", "1Dutc": "1d", "1Wutc": "1w",
}  # fmt: skip


@pytest.mark.parametrize("bar", TIMEFRAMES)
def test_bars_that_are_used(bar: str) -> None:
    frame_ns = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    text = TIMEFRAMES[bar]
    span = int(text[:-1]) * frame_ns[text[-1]]
    # weeks begin on Monday: 1970-01-05 was the first
    first = 4 * 86400 if text == "1w" else 0
    opened = ((MINUTE // 1000 - first) // span * span + first) * 1000
    bars = running(f"candle{bar}", [str(opened), *CANDLE[1:]], SWAP)
    # that second is over before the trade: nothing is left to complete
    wanted = set() if text == "1s" else {text}
    assert {found["timeframe"] for found in bars if found["open"] == 64000} == wanted


@pytest.mark.parametrize(
    "bar", ["2H", "6H", "6Hutc", "12Hutc", "1D", "2Dutc", "1W", "1M", "1Mutc", "3Mutc", "", "1h"]
)
def test_bars_that_are_not_used(bar: str) -> None:
    """Days and weeks of UTC+8 are not ours."""
    bench = Bench()
    assert after(frame(f"candle{bar}", [CANDLE], instId=SWAP), bench) == []
    assert bench.counts("okx") == {"ignored": 1}
    assert bench.count("okx", "klines") == 0


def wrong(column: int, value: Any) -> list[Any]:
    return [*CANDLE[:column], value, *CANDLE[column + 1 :]]


WRONG = [
    *[(wrong(column, "x"), "reject.number") for column in (0, 1, 2, 3, 4, 6, 7)],
    *[(wrong(column, "0"), "reject.negative") for column in (1, 2, 3, 4)],
    *[(wrong(column, "-1"), "reject.negative") for column in (1, 2, 3, 4, 6, 7)],
    *[(wrong(column, ""), "reject.negative") for column in (1, 2, 3, 4)],
    (wrong(0, "0"), "reject.number"),
    (wrong(6, ""), "reject.shape"),
    (wrong(8, ""), "reject.shape"),
    (wrong(8, "true"), "reject.shape"),
    (CANDLE[:8], "reject.shape"),
    (CANDLE[:6], "reject.shape"),
    ([], "reject.shape"),
    ({}, "reject.shape"),
    ("1795305600000", "reject.shape"),
]


@pytest.mark.parametrize(("row", "why"), WRONG)
def test_a_candle_that_is_wrong_takes_its_frame_along(row: Any, why: str) -> None:
    for rows in ([row], [CANDLE, row], [row, CANDLE]):
        bench = Bench()
        assert after(frame("candle1m", rows, instId=SWAP), bench) == []
        assert bench.counts("okx") == {why: 1}
        assert bench.count("okx", "klines") == 0


def test_a_candle_may_have_no_volume_and_further_columns() -> None:
    bench = Bench()
    rows = [wrong(6, "0"), wrong(7, "0"), wrong(7, ""), [*CANDLE, "new"]]
    assert after(frame("candle1m", rows, instId=SWAP), bench) == []
    assert (bench.counts("okx"), bench.count("okx", "klines")) == ({}, 4)


def test_candles_of_an_unknown_instrument() -> None:
    bench = Bench()
    assert after(frame("candle1m", [CANDLE], instId="DOGE-USDT"), bench) == []
    assert bench.counts("okx") == {"reject.symbol": 1}
    assert after(frame("candle1m", [CANDLE]), bench) == []
    assert bench.counts("okx") == {"reject.symbol": 1, "reject.shape": 1}


def answered(rows: list[Any], name: str = SWAP, **options: Any) -> tuple[str, Bench]:
    bench = Bench(**options)
    body = json.dumps({"code": "0", "msg": "", "data": rows}).encode()
    number = bench.numbers["okx", name]
    answer = bench.engine.feed_poll(
        "okx", "candles", (MINUTE + 500) * MS, body, number, timeframe="1m"
    )
    return answer, bench


@pytest.mark.parametrize("name", [SWAP, SPOT, INVERSE])
def test_candles_of_rest(name: str) -> None:
    """7.3: newest first, and named by the question alone."""
    closed = [str(MINUTE - 60000), *CANDLE[1:8], "1"]
    answer, bench = answered([CANDLE, closed], name)
    assert (answer, bench.count("okx", "klines")) == ("", 2)


def test_the_newest_candle_of_rest_completes_ours() -> None:
    older = [str(MINUTE - 60000), "1", "2", "1", "2", "5", "5", "5", "0"]
    for rows in ([CANDLE, older], [older, CANDLE]):
        _, bench = answered(rows, feeds=[*TOLD, "candles"])
        trade = {
            "instId": SWAP, "tradeId": "1", "px": "64060", "sz": "10", "side": "buy",
            "ts": str(MINUTE + 1000),
        }  # fmt: skip
        bench.feed("okx", frame("trades", [trade], instId=SWAP), (MINUTE + 1000) * MS)
        for tenth in range(60):
            bench.engine.on_timer((MINUTE + 2000 + 100 * tenth) * MS)
        opens = {
            json.loads(text)["open"]
            for channel, text in bench.lines()
            if channel == "candles:BTCUSDT-PERP:1m"
        }
        assert opens == {64000}


def test_candles_of_rest_that_are_none() -> None:
    assert answered([])[0] == "empty"
    assert answered([CANDLE, wrong(1, "x")])[0] == "reject.number"
    bench = Bench()
    body = json.dumps({"code": "0", "msg": "", "data": [CANDLE]}).encode()
    assert bench.engine.feed_poll("okx", "candles", MINUTE * MS, body) == "reject.shape"
