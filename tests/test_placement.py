"""Which topics share a connection."""

from __future__ import annotations

import pytest

from p9 import venues
from p9.connect.lane import Topic
from p9.connect.liveness import Quiet
from p9.connect.needs import Needs, Wanted
from p9.connect.placement import fits, pack
from p9.venues import ENDPOINTS, FEEDS

Topics = list[Topic]


def topics(endpoint: str, count: int, first: int = 0, socket: str = "", tail: str = "") -> Topics:
    """All feeds of `count` instruments that travel on one socket."""
    needs = Needs(ENDPOINTS[endpoint], 1000, frozenset(), Quiet())
    wanted = [
        Wanted(venues.fallback(endpoint, f"SYMBOL{number}-USDT{tail}"), number, FEEDS)
        for number in range(first, first + count)
    ]
    return [t for t in needs.update(wanted).values() if socket in ("", t.row.socket)]


@pytest.mark.parametrize(
    ("endpoint", "socket", "connections"),
    [
        ("binance:spot", "main", 8),  # 3000 topics, 400 each
        ("binance:linear", "market", 7),  # 2500
        ("binance:linear", "public", 3),  # 1000
        ("bybit:spot", "main", 6),  # 2500, 450 each, and 18000 characters
        ("bybit:linear", "main", 7),  # 3000
        ("okx", "public", 18),  # 28 books each
        ("okx", "business", 5),  # 1000, 240 each
    ],
)
def test_five_hundred_instruments(endpoint: str, socket: str, connections: int) -> None:
    limits = ENDPOINTS[endpoint].limits
    every = topics(endpoint, 500, socket=socket)
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
    loads = [topics("okx", 28, 0, "public"), topics("okx", 20, 28, "public")]
    added, fresh = pack(limits, loads, topics("okx", 10, 48, "public"))
    assert {index: len(more) for index, more in added.items()} == {1: 32}
    assert [len(load) for load in fresh] == [8]
    assert len(loads[1]) == 80  # left as it was


def test_what_many_have_in_common_goes_where_there_is_room() -> None:
    limits = ENDPOINTS["okx"].limits
    every = topics("okx", 60, socket="public", tail="-SWAP")
    shared = [topic for topic in every if topic.row.shared]
    assert len(every) == 60 * 8 + 1  # an index each, one topic for all liquidations
    _, fresh = pack(limits, [], every)
    assert [sum(t.row.feed == "depth" for t in load) for load in fresh] == [28, 28, 4]
    for topic in shared:
        assert sum(topic in load for load in fresh) == 1
    own = {t.number: index for index, load in enumerate(fresh) for t in load if not t.row.shared}
    assert len(own) == 60
