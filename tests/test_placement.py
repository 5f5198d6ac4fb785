"""Which topics share a connection."""

from __future__ import annotations

import pytest

from p9 import venues
from p9.connect.lane import Topic
from p9.connect.liveness import Quiet, Watch
from p9.connect.placement import fits, pack
from p9.venues import ENDPOINTS


def topics(endpoint: str, count: int, first: int = 0) -> list[Topic]:
    """All feeds of `count` instruments that travel on one socket."""
    row = ENDPOINTS[endpoint]
    made = []
    for number in range(first, first + count):
        one = venues.fallback(endpoint, f"SYMBOL{number}-USDT")
        for feed in row.feeds:
            if not feed.option:
                name = row.topic(feed, one, 1000)
                made.append(Topic(name, feed, one, number, Watch(feed, Quiet())))
    return made


@pytest.mark.parametrize(
    ("endpoint", "connections"),
    [
        ("binance:spot", 4),  # 1500 topics, 400 each
        ("bybit:linear", 4),  # 450 each, and 18000 characters
        ("okx", 18),  # 28 books each
    ],
)
def test_five_hundred_instruments(endpoint: str, connections: int) -> None:
    limits = ENDPOINTS[endpoint].limits
    every = topics(endpoint, 500)
    added, fresh = pack(limits, [], every)
    assert added == {}
    assert len(fresh) == connections
    assert sorted(t.name for load in fresh for t in load) == sorted(t.name for t in every)
    for load in fresh:
        assert fits(limits, load, [])
        assert sum(len(topic.name) for topic in load) <= 18_000
    # all feeds of an instrument are neighbours
    for number in range(500):
        assert sum(any(t.number == number for t in load) for load in fresh) == 1


def test_what_comes_later_fills_the_room_that_is_left() -> None:
    limits = ENDPOINTS["okx"].limits
    loads = [topics("okx", 28), topics("okx", 20, 28)]
    added, fresh = pack(limits, loads, topics("okx", 10, 48))
    assert {index: len(more) for index, more in added.items()} == {1: 24}
    assert [len(load) for load in fresh] == [6]
    assert len(loads[1]) == 60  # left as it was
