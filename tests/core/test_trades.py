"""Runs of trades: over two connections, with losses, with aggregates; none twice, none lost."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from tests.core.support import Bench

SPOT, LINEAR = "binance:spot", "binance:linear"


def trade(number: int, qty: str = "0.001", **fields: Any) -> str:
    return json.dumps(
        {
            "e": "trade",
            "E": 1795305600101,
            "T": 1795305600100 + number,
            "s": "BTCUSDT",
            "t": number,
            "p": "87010.1",
            "q": qty,
            "m": True,
            **fields,
        }
    )


def aggregate(number: int, first: int, last: int, qty: str) -> str:
    return json.dumps(
        {
            "e": "aggTrade",
            "E": 1795305600150,
            "s": "BTCUSDT",
            "a": number,
            "p": "87010.1",
            "q": qty,
            "f": first,
            "l": last,
            "T": 1795305600100 + last,
            "m": True,
        }
    )


def said(bench: Bench) -> list[dict[str, Any]]:
    return [json.loads(text) for _, text in bench.data()]


class Told:
    """What was published, and which ids were said to be missing."""

    def __init__(self, bench: Bench) -> None:
        self.trades: list[dict[str, Any]] = []
        self.missing: set[int] = set()
        for channel, text in bench.lines():
            message = json.loads(text)
            if channel.startswith("trade:"):
                self.trades.append(message)
            elif channel == "alert:gap":
                hole = range(message["first_id"], message["last_id"] + 1)
                self.missing = (
                    self.missing - set(hole) if message["filled"] else (self.missing | set(hole))
                )

    def ids(self) -> list[int]:
        return [int(message["id"]) for message in self.trades]


def rotation(random: Random, ahead: int, lost: float) -> tuple[Bench, int]:
    """An old and a new connection, the new one `ahead` by some frames; and the last id."""
    bench = Bench()
    old, new = bench.conns[SPOT], bench.engine.open_conn(SPOT)
    last = random.randint(60, 120)
    joins, ends = random.randint(ahead + 2, 30), random.randint(40, last)
    for number in range(1, last + ahead + 1):
        if joins <= number <= last and random.random() >= lost:
            bench.conns[SPOT] = new
            bench.feed(SPOT, trade(number))
        behind = number - ahead
        if 1 <= behind <= ends and random.random() >= lost:
            bench.conns[SPOT] = old
            bench.feed(SPOT, trade(behind))
    return bench, last


@pytest.mark.parametrize("ahead", [0, 1, 2, 7])
@pytest.mark.parametrize("seed", range(10))
def test_a_rotation_neither_loses_nor_doubles_a_trade(seed: int, ahead: int) -> None:
    """The new connection may be the faster one: what the old one still brings is told, late."""
    bench, last = rotation(Random(seed), ahead, 0)
    told = Told(bench)
    assert sorted(told.ids()) == list(range(1, last + 1))
    assert told.missing == set(), "a hole was said and never said to be filled"
    late = [message for message in told.trades if "late" in message.get("flags", ())]
    highest = 0
    for message in told.trades:
        assert (int(message["id"]) < highest) == (message in late)
        highest = max(highest, int(message["id"]))
    assert [message["seq"] for message in told.trades] == list(range(1, last + 1))


@pytest.mark.parametrize("ahead", [0, 1, 7])
@pytest.mark.parametrize("seed", range(20))
def test_what_is_not_told_is_said_to_be_missing(seed: int, ahead: int) -> None:
    bench, _ = rotation(Random(seed), ahead, 0.1)
    told = Told(bench)
    assert len(set(told.ids())) == len(told.ids()), "a trade was told twice"
    everything = set(range(min(told.ids()), max(told.ids()) + 1))
    assert everything - set(told.ids()) <= told.missing, "a trade is missing without a word"


def test_a_hole_among_aggregates_is_no_hole_among_fills() -> None:
    """Young symbols: ids of aggregates and of single fills are of one size."""
    bench = Bench()
    bench.feed(LINEAR, aggregate(10, 1, 15, "1"))
    bench.feed(LINEAR, aggregate(20, 30, 45, "1"))  # aggregates 11..19, fills 16..29 are missing
    for number in (12, 18, 44, 46):
        bench.feed(LINEAR, trade(number))
    told = [(message["id"], message["count"]) for message in Told(bench).trades]
    assert told == [("10", 15), ("20", 16), ("46", 1)]


def holes(bench: Bench) -> list[tuple[str, int, int]]:
    return [
        (message["feed"], message["first_id"], message["last_id"])
        for channel, text in bench.lines()
        if channel == "alert:gap"
        for message in [json.loads(text)]
    ]


def fills_of(messages: list[dict[str, Any]], aggregates: dict[str, range]) -> list[int]:
    """Every single fill that the messages tell of."""
    return [
        fill
        for message in messages
        for fill in aggregates.get(f"{message['id']}/{message['count']}", [int(message["id"])])
    ]


@pytest.mark.parametrize("seed", range(30))
def test_single_fills_take_over_from_aggregates(seed: int) -> None:
    """`@trade` comes beside `@aggTrade`, ahead of it or behind it: no fill twice, none lost."""
    random = Random(seed)
    batches, fill, aggregates = [], 1000, {}
    for number in range(40):
        size = random.randint(2, 6)
        batches.append((number, fill, fill + size - 1))
        aggregates[f"{number}/{size}"] = range(fill, fill + size)
        fill += size
    joined = random.choice([0, random.randrange(1, 40)])  # batch at which `@trade` begins
    behind = joined and random.randint(0, 30)  # by how many fills it lags there
    bench = Bench()
    numbers = list(range(batches[joined][1] - behind if joined else 1000, fill))
    numbers = [number for number in numbers if number >= 1000]
    waiting = iter(numbers)
    for number, first, last in batches:
        if number >= joined and random.random() < (1 if number in (0, joined) else 0.7):
            for _ in range(random.randint(1, 8)):
                bench.feed(LINEAR, trade(next(waiting, fill - 1)))
        bench.feed(LINEAR, aggregate(number, first, last, "0.001"))
    for number in waiting:
        bench.feed(LINEAR, trade(number))
    messages = [json.loads(text) for channel, text in bench.lines() if channel.startswith("trade")]
    assert fills_of(messages, aggregates) == list(range(1000, fill))
    assert bench.count(LINEAR, "trade_gaps") == 0


def test_fills_missing_between_aggregates_and_trades_are_told() -> None:
    bench = Bench()
    bench.feed(LINEAR, aggregate(5, 100, 109, "1"))
    bench.feed(LINEAR, trade(115))
    assert holes(bench) == [("trade", 110, 114)]
    bench.feed(LINEAR, aggregate(6, 110, 115, "1"))
    assert said(bench) == []
    assert bench.count(LINEAR, "superseded") == 1


@pytest.mark.parametrize("endpoint", [SPOT, LINEAR])
def test_gaps_and_repeats_of_trades(endpoint: str) -> None:
    bench = Bench()
    for number in (7, 8, 8, 7, 12, 11, 13, 14):
        bench.feed(endpoint, trade(number))
    lines = bench.lines()
    trades = [json.loads(text) for channel, text in lines if channel.startswith("trade")]
    # 11 is of a declared hole: of two connections the newer one was read first
    assert [(one["id"], one.get("flags")) for one in trades] == [
        ("7", None),
        ("8", None),
        ("12", None),
        ("11", ["late"]),
        ("13", None),
        ("14", None),
    ]
    gap = [json.loads(text) for channel, text in lines if channel == "alert:gap"]
    assert [(g["feed"], g["first_id"], g["last_id"], g["filled"]) for g in gap] == [
        ("trade", 9, 11, False)
    ]
    assert bench.counts(endpoint) == {"duplicates": 2, "trade_gaps": 1}


def test_off_book_prints_are_kept_out_and_make_no_hole() -> None:
    bench = Bench()
    bench.feed(LINEAR, trade(1, X="MARKET"))
    bench.feed(LINEAR, trade(2, X="INSURANCE_FUND", p="70000.5"))
    bench.feed(LINEAR, trade(3, "0", X="NA", p="0"))
    bench.feed(LINEAR, trade(4, X="ADL"))
    bench.feed(LINEAR, trade(5, X="MARKET"))
    assert [message["id"] for message in said(bench)] == ["1", "5"]
    assert bench.counts(LINEAR) == {"off_book": 3}
