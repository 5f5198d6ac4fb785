"""Bytes -> decoded, sequenced, applied, written as Redis commands; against orjson.loads alone
on the same bytes. Promised: a Binance depth frame and a trade frame are faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import synthetic
from benchmarks.contest import Contest, Play
from benchmarks.frames import SOURCES, Feed, Player

GENERATED = {
    "Binance depth": lambda: synthetic.binance_depth(),
    "Bybit depth": lambda: synthetic.bybit_depth(),
    "OKX books": lambda: synthetic.okx_books(),
    "Binance trade": lambda: synthetic.trades("binance:spot"),
    "Bybit trade": lambda: synthetic.trades("bybit:linear"),
    "OKX trade": lambda: synthetic.trades("okx"),
}


def loads() -> Play:
    decode = orjson.loads

    def play(frames: Sequence[bytes]) -> None:
        for frame in frames:
            decode(frame)

    return play


def promised(name: str) -> float | None:
    """The recorded kinds that the promise names. The few trades recorded of Bybit and OKX come
    several to a frame and only once to a book, so they are held to it where they are generated."""
    if name.startswith("generated"):
        return 1.0 if name.endswith("trade") or "Binance depth" in name else None
    return 1.0 if name.startswith("Binance") and not name.endswith("bookTicker") else None


def against_orjson(benchmark: BenchmarkFixture, config: pytest.Config, feed: Feed) -> None:
    played: list[Player] = []

    def ours() -> Play:
        played.append(Player(feed))
        return played[-1].play

    contest = Contest(benchmark, config, feed.name, feed.frames, ours, loads, "orjson.loads")
    contest.run(promised(feed.name))
    played[-1].check()


@pytest.mark.parametrize("name", [source.name for source in SOURCES])
def test_recorded(
    benchmark: BenchmarkFixture,
    pytestconfig: pytest.Config,
    real: Callable[[str], Feed],
    name: str,
) -> None:
    against_orjson(benchmark, pytestconfig, real(name))


@pytest.mark.parametrize("name", list(GENERATED))
def test_generated(benchmark: BenchmarkFixture, pytestconfig: pytest.Config, name: str) -> None:
    against_orjson(benchmark, pytestconfig, GENERATED[name]())
