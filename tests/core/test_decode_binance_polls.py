"""Binance: what REST bodies tell that polls ask for, and bodies that are not as they should be."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from tests.core.golden.binance_bodies import (
    BODIES,
    DAY,
    FUND,
    INFO,
    MARK_SAYS,
    NOW,
    NS,
    PREMIUM,
    RATIO,
    ROW,
    SAYS,
)
from tests.core.support import RECV, Bench, reordered

LINEAR = "binance:linear"
HEADER = ("type", "exchange", "symbol", "epoch", "seq", "ts_recv", "ts_pub")
HEADER = ("type", "exchange", "symbol", "epoch", "seq", "ts_recv", "ts_pub")
OF_ONE = ("mark_price", "open_interest", "long_short", "ticker", "candles")


class Polled:
    """A bench of USD-M, and answers to what was asked for BTCUSDT (or for all)."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.number = self.bench.numbers[LINEAR, "BTCUSDT"]

    def answer(self, ask: str, body: Any, of: bool | None = None) -> str:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        one = ask in OF_ONE if of is None else of
        frame = "1m" if ask == "candles" else ""
        return self.bench.engine.feed_poll(
            LINEAR, ask, RECV, raw, self.number if one else -1, frame
        )

    def said(self) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for channel, text in self.bench.data():
            fields = json.loads(text)
            assert fields.pop("ts_exchange") == NOW * NS
            found.append(
                (channel.partition(":")[0], {k: v for k, v in fields.items() if k not in HEADER})
            )
        return found


@pytest.mark.parametrize("ask", BODIES)
def test_what_an_answer_tells(ask: str) -> None:
    polled = Polled()
    assert polled.answer(ask, BODIES[ask]) == ""
    assert polled.said() == SAYS[ask]
    assert polled.bench.count(LINEAR, "klines") == (ask == "candles")


@pytest.mark.parametrize("ask", BODIES)
def test_order_and_spacing_of_a_body_do_not_matter(ask: str) -> None:
    for seed in range(10):
        body = reordered(BODIES[ask], Random(seed))
        polled = Polled()
        assert polled.answer(ask, json.dumps(body, separators=(" , ", " : ")).encode()) == ""
        assert polled.said() == SAYS[ask]


def test_bodies_of_all_symbols() -> None:
    """Those that are not followed are passed over, whatever they hold."""
    odd = {"symbol": "NOPEUSDT", "markPrice": None}
    polled = Polled()
    assert polled.answer("mark_price", [odd, PREMIUM, odd], of=False) == ""
    assert polled.said() == MARK_SAYS
    assert polled.answer("ticker", [{"symbol": "X"}, DAY], of=False) == ""
    assert polled.said() == SAYS["ticker"]
    assert polled.answer("mark_price", [odd], of=False) == "empty"
    assert polled.answer("funding_interval", [odd], of=False) == "empty"
    assert polled.answer("insurance_fund", [FUND, {"symbols": ["X"], "assets": []}]) == ""
    assert polled.said() == SAYS["insurance_fund"]


def test_the_interval_is_said_with_the_rate() -> None:
    polled = Polled()
    assert polled.answer("funding_interval", [INFO], of=False) == ""
    assert polled.said() == []
    assert polled.answer("mark_price", PREMIUM) == ""
    assert polled.said()[2][1]["interval_hours"] == 4


def test_a_contract_without_funding() -> None:
    polled = Polled()
    for rate in ("", "0.00000000"):
        body = {**PREMIUM, "lastFundingRate": rate, "nextFundingTime": 0, "time": NOW}
        assert polled.answer("mark_price", body) == ""
    assert [name for name, _ in polled.said()] == ["mark_price", "index_price"]


@pytest.mark.parametrize("as_text", [False, True])
def test_the_newest_ratio_of_a_history(as_text: bool) -> None:
    """Oldest first, and the other way round; the time was a text once."""
    rows = [
        {**RATIO, "longShortRatio": str(9 - age), "timestamp": NOW - age * 300_000}
        for age in (3, 2, 1, 0)
    ]
    for row in rows:
        row["timestamp"] = str(row["timestamp"]) if as_text else row["timestamp"]
    for body in (rows, rows[::-1]):
        polled = Polled()
        assert polled.answer("long_short", body) == ""
        assert [fields["ratio"] for _, fields in polled.said()] == [9]


def test_candles_oldest_first() -> None:
    rows = [[ROW[0] + 60_000 * number, *ROW[1:]] for number in range(5)]
    polled = Polled()
    assert polled.answer("candles", rows) == ""
    assert polled.bench.count(LINEAR, "klines") == 5
    assert polled.answer("candles", [row[:11] for row in rows]) == ""
    for wrong in (rows[::-1], [rows[0], rows[0]], [row[:9] for row in rows]):
        assert polled.answer("candles", wrong) == "reject.shape"
    assert polled.answer("candles", rows, of=False) == "reject.symbol"
    assert polled.bench.count(LINEAR, "klines") == 10


@pytest.mark.parametrize("ask", BODIES)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "json"),
        (b"<html>502 Bad Gateway</html>", "json"),
        (b'{"code":-1121,"msg":"Invalid symbol."}', "shape"),
        (b"{}", "shape"),
        (b'"x"', "json"),
        (b"[[]]", "shape"),
        (b"[5]", "shape"),
        (b"[{}]", "shape"),
        (b'[{"symbol":5}]', "shape"),
        (b"\xff", "utf8"),
        (b"[", "json"),
    ],
)
def test_a_body_that_is_no_answer(ask: str, body: bytes, reason: str) -> None:
    polled = Polled()
    assert polled.answer(ask, body) == f"reject.{reason}"
    assert polled.answer(ask, json.dumps(BODIES[ask]).encode()[:-1]) == "reject.json"
    assert polled.answer(ask, json.dumps(BODIES[ask]).encode() + b"]") == "reject.json"
    assert polled.said() == []
    assert polled.bench.count(LINEAR, "reports") == 0


@pytest.mark.parametrize("ask", BODIES)
def test_a_list_of_nothing(ask: str) -> None:
    assert Polled().answer(ask, b"[]") == "empty"


@pytest.mark.parametrize("ask", ["index_price", "funding"])
def test_what_has_no_body_of_its_own(ask: str) -> None:
    assert Polled().answer(ask, PREMIUM) == "reject.unknown"


@pytest.mark.parametrize("ask", ["mark_price", "open_interest", "long_short", "ticker"])
def test_an_answer_about_another_symbol(ask: str) -> None:
    [body] = BODIES[ask] if isinstance(BODIES[ask], list) else [BODIES[ask]]
    polled = Polled()
    assert polled.answer(ask, [{**body, "symbol": "ETHUSDT"}]) == "reject.symbol"
    assert polled.answer(ask, [body, {**body, "symbol": "ETHUSDT"}]) == "reject.symbol"
    assert polled.answer(ask, {**body, "symbol": "btcusdt"}) == "reject.symbol"
    assert polled.said() == []


NUMBERS = {
    "mark_price": ["markPrice", "indexPrice", "lastFundingRate"],
    "funding_interval": ["fundingIntervalHours"],
    "open_interest": ["openInterest"],
    "long_short": ["longShortRatio", "longAccount", "shortAccount"],
    "ticker": ["lastPrice", "openPrice", "volume", "quoteVolume", "priceChangePercent"],
}
NO_NUMBERS: list[Any] = ["x", True, [], {}, "1" * 39, "--1", "1 "]
NO_AMOUNTS: list[Any] = ["x", "", None, []]
SIGNED = ("lastFundingRate", "priceChangePercent")
FIELDS = [(ask, key) for ask, keys in NUMBERS.items() for key in keys]


@pytest.mark.parametrize(("ask", "key"), FIELDS)
def test_numbers_that_are_none(ask: str, key: str) -> None:
    [body] = BODIES[ask] if isinstance(BODIES[ask], list) else [BODIES[ask]]
    polled = Polled()
    for wrong in NO_NUMBERS:
        assert polled.answer(ask, [{**body, key: wrong}]) == "reject.number", wrong
    without = {name: value for name, value in body.items() if name != key}
    assert polled.answer(ask, [without]) == "reject.shape"
    assert polled.answer(ask, [{**without, "zz" + key: 1}]) == "reject.shape"
    assert polled.said() == []
    negative = polled.answer(ask, [{**body, key: "-0.5"}])
    assert negative == ("" if key in SIGNED else "reject.negative")


@pytest.mark.parametrize(
    ("ask", "key"),
    [
        ("mark_price", "time"),
        ("open_interest", "time"),
        ("long_short", "timestamp"),
        ("ticker", "closeTime"),
    ],
)
def test_times_that_are_none(ask: str, key: str) -> None:
    [body] = BODIES[ask] if isinstance(BODIES[ask], list) else [BODIES[ask]]
    for wrong in (0, "", -1, None, "x", 1.5):
        assert Polled().answer(ask, [{**body, key: wrong}]) == "reject.shape", wrong


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"symbols": "BTCUSDT"}, "shape"),
        ({"symbols": ["A", 5]}, "shape"),
        ({"assets": {}}, "shape"),
        ({"assets": [5]}, "shape"),
        ({"assets": [{"marginBalance": "1", "updateTime": NOW}]}, "shape"),
        ({"assets": [{"asset": "USDT", "updateTime": NOW}]}, "number"),
        ({"assets": [{"asset": "USDT", "marginBalance": "", "updateTime": NOW}]}, "number"),
        ({"assets": [{"asset": "USDT", "marginBalance": "1", "updateTime": "x"}]}, "shape"),
    ],
)
def test_funds_that_are_none(change: dict[str, Any], reason: str) -> None:
    polled = Polled()
    assert polled.answer("insurance_fund", {**FUND, **change}) == f"reject.{reason}"
    assert polled.answer("insurance_fund", [FUND, {**FUND, **change}]) == f"reject.{reason}"
    assert polled.said() == []


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, "x", "shape"),
        (0, 0, "shape"),
        *((place, value, "negative") for place in (1, 2, 3, 4) for value in ("0", "-1", "")),
        *((place, "-1", "negative") for place in (5, 7, 9)),
        *((place, value, "number") for place in (5, 7, 9) for value in NO_AMOUNTS),
        (8, -1, "number"),
        (8, "x", "number"),
    ],
)
def test_candles_that_are_none(place: int, value: Any, reason: str) -> None:
    row = [*ROW]
    row[place] = value
    polled = Polled()
    assert polled.answer("candles", [row]) == f"reject.{reason}"
    assert polled.bench.count(LINEAR, "klines") == 0
