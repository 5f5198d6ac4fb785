"""Decode, sequence, apply, nothing published; against a plain C++ On-Demand loop with a sorted
array (benchmarks/floor). Promised: within twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import synthetic
from benchmarks.contest import Contest, Play
from benchmarks.floor import WIRES
from benchmarks.frames import Feed, Player, Snapshot

# What the floor's scale of 10^8 makes of a price.
FLOOR_DECIMALS = 8

RECORDED = ("Binance spot depth", "Binance USD-M depth", "Bybit depth 200", "OKX books")
GENERATED = {
    "Binance": synthetic.binance_depth,
    "Bybit": synthetic.bybit_depth,
    "OKX": synthetic.okx_books,
}


class FloorPlayer:
    """The floor with this feed's books up."""

    def __init__(self, module: ModuleType, feed: Feed) -> None:
        self.floor = module.Floor(WIRES[feed.endpoint])
        # it holds nothing back for a snapshot that comes later, so that comes first
        for entry in feed.prelude:
            if isinstance(entry, Snapshot):
                assert self.floor.load(entry.venue_id.encode(), entry.body)
        for entry in feed.prelude:
            if not isinstance(entry, Snapshot):
                self.floor.feed(entry)

    def play(self, frames: Sequence[bytes]) -> None:
        feed = self.floor.feed
        for frame in frames:
            feed(frame)

    def agree(self, player: Player) -> None:
        """Both books are the same at both ends, or the comparison means nothing."""
        for book in player.engine.books():
            name = book["venue_id"].encode()
            bid, ask, px_exp, _ = player.engine.best(book["instrument"])
            for side, level in enumerate((bid, ask)):
                price = level[0] * 10 ** (FLOOR_DECIMALS - px_exp) if level else 0
                assert self.floor.best(name, side) == price, (book, side)
            counts = (self.floor.count(name, 0), self.floor.count(name, 1))
            assert counts == (book["bids"], book["asks"]), (book, counts)


def against_floor(
    benchmark: BenchmarkFixture, config: pytest.Config, module: ModuleType, feed: Feed
) -> None:
    made: list[tuple[Player, FloorPlayer]] = []

    def ours() -> Play:
        made.append((Player(feed, publish=False), FloorPlayer(module, feed)))
        return made[-1][0].play

    def rival() -> Play:
        return made[-1][1].play

    contest = Contest(
        benchmark, config, feed.name, feed.frames, ours, rival, "C++ On-Demand + array"
    )
    contest.run(2.0)
    player, floor = made[-1]
    player.check()
    floor.agree(player)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded(
    benchmark: BenchmarkFixture,
    pytestconfig: pytest.Config,
    real: Callable[[str], Feed],
    floor_module: ModuleType,
    name: str,
) -> None:
    against_floor(benchmark, pytestconfig, floor_module, real(name))


@pytest.mark.parametrize("name", list(GENERATED))
def test_generated(
    benchmark: BenchmarkFixture,
    pytestconfig: pytest.Config,
    floor_module: ModuleType,
    name: str,
) -> None:
    against_floor(benchmark, pytestconfig, floor_module, GENERATED[name]())
