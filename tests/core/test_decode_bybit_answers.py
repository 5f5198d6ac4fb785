"""Bybit: REST bodies, each read as the answer to what was asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.child import in_child
from tests.core.support import RECV, Bench, key_orders
from tests.core.test_broken_frames import WRONG, replaced
from tests.core.test_decode_bybit import prints
from tests.core.test_decode_bybit_feeds import LINEAR, SPOT, TICKER, told
from tests.core.test_decode_bybit_lists import running

TIME = 1795305600123  # of the server, ms
OTHER = {**TICKER, "symbol": "1000OTHERUSDT"}
LONG_SHORT = {
    "symbol": "SOLUSDT",
    "buyRatio": "0.6512",
    "sellRatio": "0.3488",
    "timestamp": "1795305600000",
}
POOLS = [
    {"coin": "USDT", "symbols": "SOLUSDT", "balance": "25110.1180", "value": "25000"},
    {"coin": "USDC", "symbols": "BTCPERP,ETHPERP", "balance": "-3", "value": "-3"},
]
# newest first; the first began 123 ms ago
CANDLES = [
    ["1795305600000", "181.4", "181.6", "181.3", "181.5", "10.5", "1905.75"],
    ["1795305540000", "181.1", "181.4", "181.0", "181.4", "0", "0"],
]


def body(result: Any, **outer: Any) -> str:
    whole = {
        "retCode": 0,
        "retMsg": "OK",
        "result": result,
        "retExtInfo": {},
        "time": TIME,
        **outer,
    }
    return json.dumps({key: value for key, value in whole.items() if value is not None})


def listed(*rows: Any, **result: Any) -> str:
    return body({"category": "linear", "list": list(rows), **result})


BODIES = {
    "ticker": listed(TICKER),
    "open_interest": listed(
        {"openInterest": "8123456.1", "singleOpenInterest": "4061728", "timestamp": str(TIME)},
        symbol="SOLUSDT",
        nextPageCursor="",
    ),
    "long_short": body({"list": [LONG_SHORT], "nextPageCursor": ""}),
    "insurance_fund": body({"updatedTime": "1795305540000", "list": POOLS}),
    "candles": listed(*CANDLES, symbol="SOLUSDT"),
}
SAYS = {
    "ticker": {
        "mark_price": '{"price":181.43}',
        "index_price": '{"price":181.49}',
        "funding": '{"rate":0.0001,"interval_hours":8,"next_funding":1795334400000000000}',
        "open_interest": '{"base":4061728.1,"contracts":4061728.1,"notional":736919711.18,"derived":["contracts"]}',  # noqa: E501
        "ticker": '{"last":181.42,"open":179.07,"high":183.9,"low":177.55,"volume":12210034.4,"quote_volume":2210334455.121,"change_pct":0.0131}',  # noqa: E501
    },
    "open_interest": {
        "open_interest": '{"base":4061728,"contracts":4061728,"notional":736919311.04,"derived":["contracts","notional"]}',  # noqa: E501
    },
    "long_short": {
        "long_short": '{"ratio":1.86697248,"long_account":0.6512,"short_account":0.3488,"period":"5m"}',  # noqa: E501
    },
    "insurance_fund": {
        "insurance_fund": '{"balances":[{"asset":"USDT","amount":25110.118,"pool":"SOLUSDT"},{"asset":"USDC","amount":-3,"pool":"BTCPERP,ETHPERP"}]}',  # noqa: E501
    },
    "candles": {},
}
ASKS = pytest.mark.parametrize("ask", BODIES)


def poll(bench: Bench, ask: str, text: str | bytes, number: int = -1, **more: Any) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    timeframe = "1m" if ask == "candles" else ""
    return bench.engine.feed_poll(LINEAR, ask, RECV, raw, number, timeframe, **more)


def answered(ask: str, text: str | bytes) -> str:
    """What comes of an answer about SOLUSDT; one that is refused says nothing."""
    bench = Bench()
    outcome = poll(bench, ask, text, bench.numbers[LINEAR, "SOLUSDT"])
    if outcome:
        assert told(bench) == {}
    return outcome


@ASKS
def test_an_answer_is_published(ask: str) -> None:
    for form in (BODIES[ask], *key_orders(BODIES[ask])):
        for number in (-1, Bench().numbers[LINEAR, "SOLUSDT"]):
            bench = Bench()
            if ask == "open_interest":
                # its value is of the mark price
                poll(bench, "ticker", BODIES["ticker"])
                told(bench)
            assert poll(bench, ask, form, number) == "", form
            assert told(bench) == SAYS[ask], form
            assert bench.count(LINEAR, "klines") == (2 if ask == "candles" else 0)


@ASKS
def test_an_answer_that_is_cut_says_nothing(ask: str) -> None:
    raw = BODIES[ask].encode()
    for size in range(len(raw)):
        assert answered(ask, raw[:size]) == "reject.json", raw[:size]


@ASKS
def test_answers_with_parts_of_another_type_or_missing(ask: str) -> None:
    """What is taken is well-formed and never negative; what is refused says nothing."""

    def run() -> None:
        bench, bodies = Bench(), 0
        number = bench.numbers[LINEAR, "SOLUSDT"]
        for broken in replaced(json.loads(BODIES[ask]), WRONG):
            for of in (-1, number):
                bodies += 1
                outcome = poll(bench, ask, json.dumps(broken), of)
                lines = bench.lines()
                assert not (outcome and lines), broken
                for channel, text in lines:
                    said = json.loads(text)
                    if channel.startswith(("mark_price", "index_price")):
                        assert said["price"] >= 0
                    elif channel.startswith("open_interest"):
                        assert said["base"] >= 0
        assert bodies > 400

    in_child(run)


@ASKS
def test_no_answer(ask: str) -> None:
    for text, outcome in (
        (body({}, retCode=10001, retMsg="params error: symbol invalid"), "reject.shape"),
        (BODIES[ask].replace('"retCode": 0', '"retCode": 10016'), "reject.shape"),
        (BODIES[ask].replace('"retCode": 0', '"retCode": ""'), "reject.shape"),
        (body({}), "reject.shape"),
        (body([]), "reject.shape"),
        (body({"list": None}), "reject.shape"),
        (body({"category": "linear", "symbol": "SOLUSDT", "list": {}}), "reject.shape"),
        (body({"category": "linear", "symbol": "SOLUSDT", "list": []}), "empty"),
        (body({"category": "linear", "symbol": "SOLUSDT", "list": [None]}), "reject.shape"),
        (BODIES[ask].replace("linear", "spot"), "reject.shape"),
        (BODIES[ask].replace(f'"time": {TIME}', '"time": "x"'), "reject.number"),
        (BODIES[ask].replace(f', "time": {TIME}', ""), "reject.shape"),
        ("<html>403</html>", "reject.json"),
        ("[]", "reject.json"),
        ("{}", "reject.shape"),
        ("", "reject.json"),
    ):
        if text == BODIES[ask]:
            continue  # no category stands in it
        assert answered(ask, text) == outcome, text


@pytest.mark.parametrize("ask", ["ticker", "open_interest", "long_short", "candles"])
def test_an_answer_about_another_symbol(ask: str) -> None:
    text = BODIES[ask].replace("SOLUSDT", "BTCUSDT")
    assert answered(ask, text) == "reject.symbol"
    assert poll(Bench(), ask, text) == "empty", "asked for all: passed over"
    assert answered(ask, BODIES[ask].replace('"SOLUSDT"', "5")) == "reject.shape"
    for named in ('"symbol": "SOLUSDT", ', ', "symbol": "SOLUSDT"'):
        text = BODIES[ask].replace(named, "")
        assert text == BODIES[ask] or answered(ask, text) == "reject.shape"


def test_the_tickers_of_a_market() -> None:
    bench = Bench()
    assert poll(bench, "ticker", listed(OTHER, TICKER, {**OTHER, "lastPrice": "x"})) == ""
    assert told(bench) == SAYS["ticker"]
    number = bench.numbers[LINEAR, "SOLUSDT"]
    assert poll(bench, "ticker", listed(TICKER, OTHER), number) == "reject.symbol"
    assert poll(bench, "ticker", listed(OTHER, {**TICKER, "markPrice": "-1"})) == "reject.negative"


def test_spot_tickers_have_no_derivatives_fields() -> None:
    bench = Bench()
    raw = body({"category": "spot", "list": [TICKER]}).encode()
    assert bench.engine.feed_poll(SPOT, "ticker", RECV, raw) == ""
    assert told(bench) == {"ticker": SAYS["ticker"]["ticker"]}


def test_an_older_answer_says_nothing() -> None:
    """The tickers are of the server's time, not of the time that they came."""
    number = Bench().numbers[LINEAR, "SOLUSDT"]
    assert (
        poll(Bench(), "ticker", BODIES["ticker"], number, old_ns=RECV - TIME * 10**6 - 1) == "old"
    )
    assert poll(Bench(), "ticker", BODIES["ticker"], number, old_ns=RECV - TIME * 10**6) == ""


@pytest.mark.parametrize(
    ("ask", "rows", "says"),
    [
        (
            "open_interest",
            [{"singleOpenInterest": "1"}, {"singleOpenInterest": "2"}],
            '{"base":2,"contracts":2,',
        ),
        # before 2026-06-11
        ("open_interest", [{"openInterest": "15"}, {"openInterest": "11"}], '{"base":5.5,'),
        (
            "long_short",
            [
                {"symbol": "SOLUSDT", "buyRatio": "0.1", "sellRatio": "0.9"},
                {"symbol": "SOLUSDT", "buyRatio": "0.4", "sellRatio": "0.6"},
            ],
            '{"ratio":0.66666667,"long_account":0.4,"short_account":0.6,',
        ),
    ],
)
def test_the_newest_row_counts(ask: str, rows: list[dict[str, str]], says: str) -> None:
    rows = [{**row, "timestamp": str(TIME + n)} for n, row in enumerate(rows)]
    for order in (rows, rows[::-1]):
        bench = Bench()
        assert poll(bench, ask, listed(*order, symbol="SOLUSDT")) == ""
        ((_, text),) = bench.lines()
        assert f'"ts_exchange":{TIME + 1}000000,' in text
        assert text.partition('"ts_pub":')[2].partition(",")[2].startswith(says[1:]), text


@pytest.mark.parametrize(
    ("ask", "old", "new", "outcome"),
    [
        ("open_interest", '"4061728"', '"-1"', "reject.negative"),
        ("open_interest", '"4061728"', '"x"', "reject.number"),
        (
            "open_interest",
            '"openInterest": "8123456.1", "singleOpenInterest": "4061728", ',
            "",
            "reject.shape",
        ),
        ("open_interest", f', "timestamp": "{TIME}"', "", "reject.shape"),
        ("open_interest", f'"timestamp": "{TIME}"', '"timestamp": ""', "reject.number"),
        ("long_short", '"0.6512"', '""', "reject.number"),
        ("long_short", '"0.6512"', "null", "reject.number"),
        ("long_short", '"0.3488"', '"-0.3"', "reject.negative"),
        ("long_short", '"buyRatio": "0.6512", ', "", "reject.shape"),
        ("insurance_fund", '"25110.1180"', '"1.2.3"', "reject.number"),
        ("insurance_fund", '"25110.1180"', '""', "reject.number"),
        ("insurance_fund", ', "balance": "-3"', "", "reject.shape"),
        ("insurance_fund", '"coin": "USDC", ', "", "reject.shape"),
        ("insurance_fund", '"USDC"', "5", "reject.shape"),
        ("insurance_fund", '"1795305540000"', '"never"', "reject.number"),
        ("candles", '"181.6"', '"-181.6"', "reject.negative"),
        ("candles", '"181.6"', '"0"', "reject.negative"),
        ("candles", '"10.5"', '"-1"', "reject.negative"),
        ("candles", '"10.5"', '""', "reject.number"),
        ("candles", ', "10.5", "1905.75"', "", "reject.shape"),
        ("candles", '"1795305540000"', '"1795305600000"', "reject.shape"),
        ("candles", '"1795305540000"', '"soon"', "reject.number"),
    ],
)
def test_a_list_is_taken_whole_or_not_at_all(ask: str, old: str, new: str, outcome: str) -> None:
    text = BODIES[ask].replace(old, new)
    assert text != BODIES[ask]
    assert answered(ask, text) == outcome


def test_the_newest_candle_is_the_running_one() -> None:
    """6.7 has no word of it: the server's time says that the bar is not at its end."""
    bench = Bench(feeds=["candles"])
    bench.feed(LINEAR, prints("a", T=1795305600400, p="181.5"))
    assert poll(bench, "candles", BODIES["candles"]) == ""
    bar = running(bench, "1m")
    assert bar["open_time"] == "1795305600000000000"
    assert (bar["open"], bar["high"], bar["low"]) == ("181.4", "181.6", "181.3")
    assert (bar["close"], bar["volume"], bar["quote_volume"]) == ("181.5", "10.5", "1905.75")


def test_all_accounts_long_is_no_ratio() -> None:
    bench = Bench()
    row = {**LONG_SHORT, "buyRatio": "1", "sellRatio": "0"}
    assert poll(bench, "long_short", listed(row)) == ""
    assert '"ratio":1' not in str(told(bench))


def test_unknown_asks_are_empty() -> None:
    bench = Bench()
    for ask in ("mark_price", "index_price", "funding", "funding_interval"):
        assert poll(bench, ask, BODIES["ticker"]) == "empty"
