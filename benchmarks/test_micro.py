"""Small parts by themselves, through what Python can reach of them."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from decimal import Decimal

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import synthetic
from benchmarks.contest import NOTES, is_short, quiet, rounds
from benchmarks.frames import Feed, Player
from benchmarks.test_scale import timed
from p9core import number
from p9core.book import L2Book

random_source = random.Random(7)
TEXTS = [f"{random_source.uniform(1, 99999):.{random_source.randint(0, 8)}f}" for _ in range(1000)]
MANTISSAS = [number.parse(text, 8) for text in TEXTS]


def test_number_parse(benchmark: BenchmarkFixture) -> None:
    parse = number.parse
    found = benchmark(lambda: [parse(text, 8) for text in TEXTS])
    assert found == [int(Decimal(text).scaleb(8)) for text in TEXTS]


def test_number_parse_decimal(benchmark: BenchmarkFixture) -> None:
    """The same with the standard library, to compare with."""
    benchmark(lambda: [Decimal(text) for text in TEXTS])


def test_number_format(benchmark: BenchmarkFixture) -> None:
    write = number.format
    found = benchmark(lambda: [write(mantissa, 8) for mantissa in MANTISSAS])
    assert [Decimal(text) for text in found] == [Decimal(text) for text in TEXTS]


def test_number_product(benchmark: BenchmarkFixture) -> None:
    multiply = number.product
    found = benchmark(lambda: [multiply(mantissa, mantissa, 16) for mantissa in MANTISSAS])
    assert Decimal(found[0]) == Decimal(TEXTS[0]) ** 2


@pytest.mark.parametrize("levels", [20, 400, 1000, 5000])
def test_book_apply(benchmark: BenchmarkFixture, levels: int) -> None:
    """Twenty changes, half of them come and go."""
    book = L2Book(keep=levels + 64)
    book.load(
        [(1_000_000 - 2 * i, 5) for i in range(levels)],
        [(1_000_002 + 2 * i, 5) for i in range(levels)],
    )
    at = [i * levels // 10 for i in range(10)]
    there = [(1_000_000 - 2 * i - 1, 7) for i in at]
    back = [(px, 0) for px, _ in there]

    def both() -> None:
        book.apply(there, [])
        book.apply(back, [])

    benchmark(both)
    assert len(book.bids()) == levels


@pytest.mark.parametrize(
    "make", [synthetic.binance_depth, lambda: synthetic.trades("binance:spot")]
)
def test_publishing_share(
    benchmark: BenchmarkFixture, pytestconfig: pytest.Config, make: Callable[[], Feed]
) -> None:
    """What writing the message and the Redis command adds to decoding and applying."""
    feed = make()
    shares: list[float] = []

    def once() -> None:
        silent = timed(Player(feed, publish=False), feed.frames)
        shares.append(timed(Player(feed), feed.frames) / silent)

    with quiet():
        rounds(benchmark, once, 9 if is_short(pytestconfig) else 40)
    ratio = statistics.median(shares)
    NOTES.append(f"{feed.name}: with publishing {ratio:.2f} times the cost without")
