"""Runs of trades: over two connections, with losses, with aggregates; none twice, none lost."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from tests.core.support import Bench

SPOT, LINEAR = "binance:spot", "binance:linear"


def trade(number: int) -> str:
    return json.dumps(
        {"e": "trade", "E": 1795305600101, "T": 1795305600100 + number, "s": "BTCUSDT"}
        | {"t": number, "p": "87010.1", "q": "0.001", "m": True}
    )


def aggregate(number: int, first: int, last: int) -> str:
    return json.dumps(
        {"e": "aggTrade", "E": 1795305600150, "s": "BTCUSDT", "a": number, "p": "87010.1"}
        | {"q": "1", "f": first, "l": last, "T": 1795305600100 + last, "m": True}
    )


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
    bench.feed(LINEAR, aggregate(10, 1, 15))
    bench.feed(LINEAR, aggregate(20, 30, 45))  # aggregates 11..19, fills 16..29 are missing
    for number in (12, 18, 44, 46):
        bench.feed(LINEAR, trade(number))
    told = [(message["id"], message["count"]) for message in Told(bench).trades]
    assert told == [("10", 15), ("20", 16), ("46", 1)]
