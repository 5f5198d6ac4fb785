"""One measurement: what P9 does with frames against what a rival does with the same frames,
turn about, in one run. Only the ratio of neighbouring rounds counts, and of those only the
processor time of this thread: the machine may be busy. (pytest-benchmark's own table is of wall
clock time.)"""

from __future__ import annotations

import gc
import os
import statistics
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

Play = Callable[[Sequence[bytes]], None]

# What one round plays: long enough for the clock, short enough to fit into the cache and to
# be seldom interrupted.
ROUND_BYTES = 200_000


@dataclass(frozen=True)
class Row:
    """One line of the table at the end. Times are s per frame, medians."""

    what: str
    rival: str
    size: int  # mean bytes of a frame
    ours_s: float
    rival_s: float
    ratio: float
    low: float  # the tenth and ninetieth of a hundred rounds
    high: float
    promise: float | None


ROWS: list[Row] = []
NOTES: list[str] = []


def rounds(
    benchmark: BenchmarkFixture,
    target: Callable[..., Any],
    count: int,
    *,
    setup: Callable[[], Any] | None = None,
    warmup: int = 0,
) -> Any:
    """`target` that often under pytest-benchmark's clock, whose `pedantic` has no types."""
    untyped: Any = benchmark
    return untyped.pedantic(target, setup=setup, rounds=count, warmup_rounds=warmup)


def is_short(config: pytest.Config) -> bool:
    """Few rounds: CI asks for that by a small --benchmark-max-time, anyone by P9_BENCH_SHORT=1."""
    if os.environ.get("P9_BENCH_SHORT", "") not in ("", "0"):
        return True
    return float(config.getoption("benchmark_max_time")) < 1.0


@contextmanager
def quiet() -> Iterator[None]:
    """No collection while the clock runs, for either: orjson makes containers, P9 none."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def warm(frames: Sequence[bytes]) -> None:
    """Brings the bytes near, so that who comes first does not pay for both."""
    for frame in frames:
        zlib.crc32(frame)


class Contest:
    """`ours` and `rival` make players that start at the first frame and are given all frames
    in order, a slice a round; they are made anew when the frames are through."""

    def __init__(
        self,
        benchmark: BenchmarkFixture,
        config: pytest.Config,
        what: str,
        frames: Sequence[bytes],
        ours: Callable[[], Play],
        rival: Callable[[], Play],
        rival_name: str,
    ) -> None:
        self.benchmark = benchmark
        self.what = what
        self.frames = frames
        self.make = (ours, rival)
        self.rival_name = rival_name
        self.size = sum(map(len, frames)) // len(frames)
        self.slice = min(len(frames), max(64, ROUND_BYTES // self.size))
        self.rounds = 31 if is_short(config) else 151
        self.slack = 1.25 if is_short(config) else 1.0
        self.at = len(frames)
        self.ours_s: list[float] = []
        self.rival_s: list[float] = []

    def prepare(self) -> tuple[tuple[Sequence[bytes]], dict[str, object]]:
        """Before each of our rounds: the rival's round on the same frames."""
        if self.at + self.slice > len(self.frames):
            self.at = 0
            self.ours, self.rival = (make() for make in self.make)
        frames = self.frames[self.at : self.at + self.slice]
        self.at += self.slice
        warm(frames)
        started = time.thread_time()
        self.rival(frames)
        self.rival_s.append(time.thread_time() - started)
        warm(frames)
        return (frames,), {}

    def target(self, frames: Sequence[bytes]) -> None:
        started = time.thread_time()
        self.ours(frames)
        self.ours_s.append(time.thread_time() - started)

    def run(self, promise: float | None = None) -> float | None:
        """Median ratio ours / rival, or None where pytest-benchmark was told not to measure.
        AssertionError where it breaks the promise."""
        with quiet():
            rounds(self.benchmark, self.target, self.rounds, setup=self.prepare, warmup=1)
        if self.benchmark.stats is None:
            return None
        # the first round of each warmed up
        ours, rival = self.ours_s[1:], self.rival_s[1:]
        ratios = sorted(a / b for a, b in zip(ours, rival, strict=True))
        row = Row(
            what=self.what,
            rival=self.rival_name,
            size=self.size,
            ours_s=statistics.median(ours) / self.slice,
            rival_s=statistics.median(rival) / self.slice,
            ratio=statistics.median(ratios),
            low=ratios[len(ratios) // 10],
            high=ratios[-1 - len(ratios) // 10],
            promise=promise,
        )
        ROWS.append(row)
        self.benchmark.extra_info.update(rival=row.rival, ratio=round(row.ratio, 3))
        # The table says what the median says. A test fails where nine rounds of ten break the
        # promise: on a machine with other work a median near it comes and goes. The short form
        # only guards against a slow-down: it is too short to meet the processor in more than one
        # of its states, and these alone make 0.74 and 1.17 of one build's ratio.
        assert promise is None or row.low < promise * self.slack, (
            f"{row.what}: {row.ratio:.2f} times {row.rival}, promised is less than {promise:g}"
        )
        return row.ratio
