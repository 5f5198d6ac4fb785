"""Binance: all-market lists, forced orders, candles, and events that are not as they should be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.golden.binance_events import (
    BAR,
    BLOCK,
    DAY,
    MARK,
    ORDER,
    E,
    bar,
    both_forms,
    order,
)
from tests.core.support import Bench

SPOT, LINEAR = "binance:spot", "binance:linear"
HEADER = ("type", "exchange", "symbol", "epoch", "seq", "ts_exchange", "ts_recv", "ts_pub")
NS = 1_000_000


def two() -> Bench:
    """BTCUSDT and ETHUSDT, on both markets."""
    bench = Bench()
    for endpoint, symbol in ((SPOT, "ETHUSDT"), (LINEAR, "ETHUSDT-PERP")):
        bench.engine.add_instrument(
            endpoint,
            "ETHUSDT",
            exchange="binance",
            symbol=symbol,
            price_step="0.01",
            qty_step="0.001",
            market=endpoint.partition(":")[2],
        )
    return bench


def said(bench: Bench) -> list[tuple[str, dict[str, Any]]]:
    """What was published, as (channel, fields behind the header)."""
    return [
        (channel, {key: value for key, value in json.loads(text).items() if key not in HEADER})
        for channel, text in bench.data()
    ]


@pytest.mark.parametrize("frame", range(3))
def test_all_marks_in_one_list(frame: int) -> None:
    """TradFi symbols come in a list of their own; those that are not followed are passed over."""
    marks = [
        {**MARK, "s": "NOPEUSDT", "p": "not read"},
        MARK,
        {**MARK, "s": "币安人生USDT"},
        {**MARK, "s": "ETHUSDT", "p": "3100.5", "r": "", "T": 0},
        {**MARK, "s": "BTCUSD_PERP", "st": 2},
    ]
    bench = two()
    bench.feed(LINEAR, both_forms("!markPrice@arr@1s", marks)[frame])
    btc, eth = "binance:BTCUSDT-PERP", "binance:ETHUSDT-PERP"
    funding = {"rate": 0.0001, "interval_hours": None, "next_funding": 1795334400000 * NS}
    assert said(bench) == [
        (f"mark_price:{btc}", {"price": 87008.51234567}),
        (f"index_price:{btc}", {"price": 87009.4}),
        (f"funding:{btc}", funding),
        (f"mark_price:{eth}", {"price": 3100.5}),
        (f"index_price:{eth}", {"price": 87009.4}),
    ]
    assert bench.count(LINEAR, "reports") == 2
    assert bench.counts(LINEAR) == {}
    tradfi = [{**MARK, "s": "TSLAUSDT"}, {**MARK, "s": "XAUUSDT"}]
    bench.feed(LINEAR, both_forms("!markPrice@arr@1s", tradfi)[frame])
    assert bench.counts(LINEAR) == {"ignored": 1}
    assert said(bench) == []


@pytest.mark.parametrize("frame", range(3))
def test_all_tickers_in_one_list(frame: int) -> None:
    """What is of COIN-M counts contracts, whatever it is called."""
    days = [{**DAY, "st": 2, "v": "1"}, {**DAY, "s": "ETHUSDT", "P": "-12.5", "st": 1}]
    bench = two()
    bench.feed(LINEAR, both_forms("!ticker@arr", days)[frame])
    [(channel, fields)] = said(bench)
    assert channel == "ticker:binance:ETHUSDT-PERP"
    assert fields["last"] == 87012.3
    assert fields["volume"] == 100
    bench.feed(LINEAR, both_forms("!ticker@arr", days[:1])[frame])
    assert bench.counts(LINEAR) == {"ignored": 1}


def test_lists_that_are_not_used() -> None:
    mini = {"e": "24hrMiniTicker", "E": E, "s": "BTCUSDT", "c": "1", "o": "1"}
    for data in ([mini, mini], []):
        bench = Bench()
        for number, frame in enumerate(both_forms("!miniTicker@arr", data)):
            bench.feed(SPOT, frame)
            assert bench.counts(SPOT) == {"ignored": number + 1}, frame


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ({**MARK, "s": "ETHUSDT", "p": "x"}, "number"),
        ({**MARK, "s": "ETHUSDT", "p": "-1"}, "negative"),
        ({**MARK, "s": "ETHUSDT", "E": 0}, "shape"),
        ({**MARK, "s": 5}, "shape"),
        ({**DAY, "s": "ETHUSDT"}, "shape"),
        ({"e": "trade", "E": E, "s": "ETHUSDT"}, "unknown"),
        ({"e": "depthUpdate", "E": E, "s": "ETHUSDT", "b": [["1", "2"]], "a": []}, "unknown"),
        ({"s": "ETHUSDT", "p": "1"}, "unknown"),
        ({"e": 5}, "shape"),
        (5, "shape"),
        ([MARK], "shape"),
    ],
)
def test_a_list_is_taken_whole_or_not_at_all(second: Any, reason: str) -> None:
    for frame in both_forms("!markPrice@arr", [MARK, second]):
        bench = two()
        bench.feed(LINEAR, frame)
        assert said(bench) == []
        assert bench.counts(LINEAR) == {f"reject.{reason}": 1}


@pytest.mark.parametrize("broken", ["]", "}", ",]", "]]", "]}", '],"stream":"x"'])
def test_the_end_of_a_raw_list(broken: str) -> None:
    bench = Bench()
    bench.feed(LINEAR, json.dumps([MARK])[:-1] + broken)
    assert (bench.counts(LINEAR) == {}) == (broken == "]")


def test_names_in_a_list_are_resolved_where_they_can_be() -> None:
    asked = []

    def resolver(endpoint: str, name: str) -> dict[str, Any]:
        asked.append((endpoint, name))
        return {"exchange": "binance", "symbol": f"{name}-PERP", "market": "linear"}

    bench = Bench(resolver=resolver)
    marks = [MARK, {**MARK, "s": "AUSDT"}, {**MARK, "s": "BUSDT"}]
    bench.feed(LINEAR, json.dumps({"stream": "!markPrice@arr", "data": marks}))
    assert asked == [(LINEAR, "AUSDT"), (LINEAR, "BUSDT")]
    assert [channel.rpartition(":")[2] for channel, _ in said(bench)][::3] == [
        "BTCUSDT-PERP",
        "AUSDT-PERP",
        "BUSDT-PERP",
    ]


def test_the_stream_of_all_forced_orders() -> None:
    """Single objects for all that it is called `@arr`; frames as seen in 2021 and 2026."""
    frames = [
        '{"stream":"!forceOrder@arr","data":{"e":"forceOrder","E":1634653599186,"o":{"s":"IOTXUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"3661","p":"0.06606","ap":"0.06669","X":"FILLED","l":"962","z":"3661","T":1634653599180}}}',
        '{"stream":"!forceOrder@arr","data":{"e":"forceOrder","E":1791391083124,"o":{"s":"ILVUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"116.5","p":"3.80300","ap":"3.85642","X":"FILLED","l":"25.2","z":"116.5","T":1791391082119,"ps":"ILVUSDT","st":1}}}',
    ]
    bench = Bench()
    for frame in frames:
        bench.feed(LINEAR, frame)
    assert bench.counts(LINEAR) == {"ignored": 2}, "of what is not followed"
    for name in ("IOTXUSDT", "ILVUSDT"):
        bench.engine.add_instrument(
            LINEAR, name, exchange="binance", symbol=f"{name}-PERP", market="linear"
        )
    for frame in frames:
        bench.feed(LINEAR, frame)
    kind = {"side": "sell", "price_kind": "average", "complete": False}
    assert said(bench) == [
        (
            "liquidation:binance:IOTXUSDT-PERP",
            {"price": 0.06669, "qty": 3661, "notional": 244.15209, **kind},
        ),
        (
            "liquidation:binance:ILVUSDT-PERP",
            {"price": 3.85642, "qty": 116.5, "notional": 449.27293, **kind},
        ),
    ]


@pytest.mark.parametrize("event", [order({"st": 2}), order({}, st=2), order({}, ps="BTCUSD", st=2)])
def test_forced_orders_of_coin_m_are_not_ours(event: dict[str, Any]) -> None:
    bench = Bench()
    for number, frame in enumerate(both_forms("!forceOrder@arr", event)):
        bench.feed(LINEAR, frame)
        assert bench.counts(LINEAR) == {"ignored": number + 1}
    assert said(bench) == []


@pytest.mark.parametrize(
    ("interval", "open_ms"),
    [
        ("1s", 1795305601000),
        ("1m", 1795305660000),
        ("3m", 1795305780000),
        ("5m", 1795305900000),
        ("15m", 1795306500000),
        ("30m", 1795307400000),
        ("1h", 1795309200000),
        ("4h", 1795305600000),
        ("1d", 1795305600000),
        ("1w", 1795392000000),
    ],
)
def test_candles_that_are_used(interval: str, open_ms: int) -> None:
    """Raw and wrapped, in ms and in us; one that opens beside its grid is of another time zone."""
    bench = Bench()
    frames = both_forms("btcusdt@kline", bar(i=interval, t=open_ms))
    frames.append(json.dumps({**bar(i=interval, t=open_ms * 1000), "E": E * 1000}))
    for frame in frames:
        bench.feed(SPOT, frame)
    assert bench.count(SPOT, "klines") == 4
    assert bench.counts(SPOT) == {}
    bench.feed(SPOT, json.dumps(bar(i=interval, t=open_ms + 500)))
    assert bench.counts(SPOT) == {"ignored": 1}
    assert bench.count(SPOT, "klines") == 4


@pytest.mark.parametrize("interval", ["2h", "6h", "8h", "12h", "3d", "1M", "5s", "", "1", "1m "])
def test_candles_that_are_not_used(interval: str) -> None:
    bench = Bench()
    bench.feed(SPOT, json.dumps(bar(i=interval)))
    assert bench.counts(SPOT) == {"ignored": 1}
    assert bench.count(SPOT, "klines") == 0


MISSING = object()
NO_NUMBERS: list[Any] = ["x", True, [], "1" * 39, {}]
# event, key, value; what is said of it
WRONG: list[tuple[dict[str, Any], str, Any, str]] = [
    *((MARK, key, MISSING, "shape") for key in "EsprT"),
    *((MARK, key, value, "number") for key in "pir" for value in NO_NUMBERS),
    *((MARK, key, "-0.01", "negative") for key in "pi"),
    *((MARK, "T", value, "number") for value in ("soon", -1, "1.5", None)),
    *((MARK, "E", value, "shape") for value in (0, "", None, -1)),
    (MARK, "s", "NOPE", "symbol"),
    (MARK, "s", None, "shape"),
    *((DAY, key, MISSING, "shape") for key in "EscohlvqP"),
    *((DAY, key, "nan", "number") for key in "cohlvqP"),
    *((DAY, key, "-1", "negative") for key in "cohlvq"),
    (DAY, "s", "btcusdt", "symbol"),
    *((BLOCK, key, MISSING, "shape") for key in "EstpqTm"),
    *((BLOCK, key, value, "negative") for key in "pq" for value in ("0.0", "-1", "", None)),
    *((BLOCK, key, "1,5", "number") for key in "pq"),
    (BLOCK, "t", 'a"b', "number"),
    (BLOCK, "t", "", "number"),
    (BLOCK, "m", "true", "shape"),
    (BLOCK, "s", "NOPE", "symbol"),
    *((ORDER, key, MISSING, "shape") for key in ("s", "S", "ap", "z", "T")),
    *((ORDER, "S", value, "shape") for value in ("sell", "", None, "SELLS")),
    *((ORDER, key, "x", "number") for key in ("ap", "z")),
    *((ORDER, key, "-1", "negative") for key in ("ap", "z")),
    (ORDER, "s", "NOPE", "symbol"),
    (ORDER, "T", 0, "shape"),
    *((BAR, key, MISSING, "shape") for key in "tiohlcvqVnx"),
    *((BAR, key, "0", "negative") for key in "ohlc"),
    *((BAR, key, "-0.1", "negative") for key in "ohlcvqV"),
    *((BAR, key, value, "number") for key in "vqV" for value in ("", None, "x")),
    *((BAR, "n", value, "number") for value in (-1, "x", 1.5)),
    *((BAR, "x", value, "shape") for value in (1, "true", None)),
    (BAR, "i", 5, "shape"),
    (BAR, "t", "x", "shape"),
]


@pytest.mark.parametrize(
    ("event", "key", "value", "reason"),
    WRONG,
    ids=lambda value: "missing" if value is MISSING else str(value)[:12],
)
def test_an_event_that_is_wrong_says_why(
    event: dict[str, Any], key: str, value: Any, reason: str
) -> None:
    wrong = {name: item for name, item in event.items() if name != key}
    if value is not MISSING:
        wrong[key] = value
    wrap = {id(ORDER): {"e": "forceOrder", "E": E, "o": wrong}}
    wrap[id(BAR)] = {"e": "kline", "E": E, "s": "BTCUSDT", "k": wrong}
    frame = wrap.get(id(event), wrong)
    endpoint = LINEAR if event in (MARK, DAY, ORDER) else SPOT
    bench = Bench()
    for number, text in enumerate(both_forms("btcusdt@any", frame)):
        bench.feed(endpoint, text)
        assert bench.counts(endpoint) == {f"reject.{reason}": number + 1}, text
    assert said(bench) == []
    assert bench.count(endpoint, "klines") == 0


@pytest.mark.parametrize(
    "frame",
    [
        {"e": "kline", "E": E, "s": "BTCUSDT"},
        {"e": "kline", "E": E, "s": "BTCUSDT", "k": []},
        {"e": "kline", "E": E, "k": BAR},
        {"e": "kline", "s": "BTCUSDT", "k": BAR},
        {"e": "kline", "E": E, "s": "BTCUSDT", "k": "x", "o": BAR},
        {"e": "forceOrder", "E": E},
        {"e": "forceOrder", "E": E, "o": [ORDER]},
        {"e": "forceOrder", "o": ORDER},
        {"e": "forceOrder", "E": E, "s": "BTCUSDT", "o": {"S": "SELL"}},
    ],
)
def test_what_should_stand_inside(frame: dict[str, Any]) -> None:
    bench = Bench()
    bench.feed(LINEAR, json.dumps(frame))
    assert bench.counts(LINEAR) == {"reject.shape": 1}


def test_an_order_that_says_nothing_is_no_liquidation() -> None:
    bench = Bench()
    for fields in ({"ap": "0", "p": "0"}, {"z": "0", "q": "0"}, {"z": "", "p": ""}):
        bench.feed(LINEAR, json.dumps(order(fields)))
    assert bench.counts(LINEAR) == {"reject.negative": 3}
    assert said(bench) == []


def test_digits_are_kept_and_none_are_made_up() -> None:
    """38 of them; a value beyond any step of the instrument."""
    long = "87008.123456789012345678901234567890123"
    bench = Bench()
    bench.feed(LINEAR, json.dumps({**MARK, "p": long, "i": "1e-7", "r": "-0.000000010"}))
    texts = [text.partition('"ts_pub":')[2].partition(",")[2] for _, text in bench.data()]
    assert texts == [
        f'"price":{long}}}',
        '"price":0.0000001}',
        '"rate":-0.00000001,"interval_hours":null,"next_funding":1795334400000000000}',
    ]


def test_the_interval_is_seen_where_it_is_not_told() -> None:
    """4.13 has the next time only: it moves by one interval."""
    bench = Bench()
    bench.feed(LINEAR, json.dumps(MARK))
    later = MARK["T"] + 4 * 3600_000
    bench.feed(LINEAR, json.dumps({**MARK, "E": MARK["T"], "T": later}))
    assert [fields["interval_hours"] for name, fields in said(bench) if "funding" in name] == [
        None,
        4,
    ]
