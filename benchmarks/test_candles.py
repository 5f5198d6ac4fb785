"""One print into the candles of all timeframes."""

from __future__ import annotations

import statistics
from array import array
from random import Random

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.contest import NOTES, rounds
from p9core.analytics.candles import Candles

START_NS = 1_790_000_000_000_000_000
PRINTS = 20_000
PROMISE_NS = 150


def prints(step_ns: int) -> array[int]:
    """A walk of the price, sides in runs, `step_ns` apart on average."""
    random = Random(11)
    rows = array("q")
    ts, px, side = START_NS, 6_500_000, 1
    for _ in range(PRINTS):
        ts += random.choice([0, 0, 0, 4 * step_ns])
        px += random.choice([-1, 0, 0, 1])
        side = -side if random.random() < 0.3 else side
        rows.extend((ts, px, random.randint(1, 10_000), side))
    return rows


@pytest.mark.parametrize("step_ns", [1_000_000, 50_000_000], ids=["1000/s", "20/s"])
def test_candles_trade(benchmark: BenchmarkFixture, step_ns: int) -> None:
    """At 20 a second, each twentieth print closes bars too."""
    rows = prints(step_ns)

    def fresh() -> tuple[tuple[Candles], dict[str, object]]:
        candles = Candles(2, 5)
        candles.trade(START_NS, 6_500_000, 1, 1)
        return (candles,), {}

    def fold(candles: Candles) -> None:
        candles.fold(rows)

    rounds(benchmark, fold, 60, setup=fresh, warmup=3)
    if benchmark.stats is not None:
        each_ns = statistics.median(benchmark.stats.stats.data) / PRINTS * 1e9
        NOTES.append(f"candles: {each_ns:.0f} ns a print into 12 timeframes ({step_ns} ns apart)")
        if step_ns == 1_000_000:
            assert each_ns <= PROMISE_NS
