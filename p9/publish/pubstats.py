"""What the publisher counts: confirmations, errors, drops, latencies."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hdrh.histogram import HdrHistogram

from p9.log import event
from p9.publish.redis_link import error_word

log = logging.getLogger("p9.publish.publisher")

LOWEST_LATENCY_NS = 1_000
HIGHEST_LATENCY_NS = 3_600_000_000_000
LATENCY_DIGITS = 3
SAMPLE_EVERY_S = 5.0
SAMPLE_CHARS = 200
MAX_ERROR_WORDS = 50


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """`count` messages, first receive to confirmation; the times are 0 where count is 0."""

    count: int
    p50_ns: int
    p99_ns: int
    max_ns: int


class Latency:
    """Receive-to-confirmation times: one histogram of the running period, one of everything."""

    def __init__(self) -> None:
        self._period = _histogram()
        self._total = _histogram()

    def record(self, latency_ns: int, messages: int) -> None:
        # Wall clocks step: a negative or absurd time counts at the edge, it is not lost.
        value = min(max(latency_ns, LOWEST_LATENCY_NS), HIGHEST_LATENCY_NS)
        self._period.record_value(value, messages)
        self._total.record_value(value, messages)

    def period(self, *, reset: bool = False) -> LatencySummary:
        """Since the last reset."""
        summary = _summary(self._period)
        if reset:
            self._period.reset()
        return summary

    def total(self) -> LatencySummary:
        return _summary(self._total)

    def percentile_ns(self, percent: float) -> int:
        """Of everything; 0 where nothing was recorded."""
        return int(self._total.get_value_at_percentile(percent))

    def forget(self) -> None:
        """Begins anew, for a measurement without its start."""
        self._period.reset()
        self._total.reset()


def _histogram() -> HdrHistogram:
    return HdrHistogram(LOWEST_LATENCY_NS, HIGHEST_LATENCY_NS, LATENCY_DIGITS)


def _summary(histogram: HdrHistogram) -> LatencySummary:
    count = int(histogram.get_total_count())
    if not count:
        return LatencySummary(0, 0, 0, 0)
    p50, p99 = (int(histogram.get_value_at_percentile(p)) for p in (50.0, 99.0))
    return LatencySummary(count, p50, p99, int(histogram.get_max_value()))


class Throttle:
    """Lets one line per key through in `every_s`, and tells how many it has held back."""

    def __init__(self, every_s: float = SAMPLE_EVERY_S) -> None:
        self._every_s = every_s
        self._last: dict[str, tuple[float, int]] = {}

    def __call__(self, key: str) -> int | None:
        """None: hold this one back. Else how many like it were held back before."""
        now = time.monotonic()
        last_s, held = self._last.get(key, (-self._every_s, 0))
        if now - last_s < self._every_s:
            self._last[key] = (last_s, held + 1)
            return None
        self._last[key] = (now, 0)
        return held


@dataclass(slots=True)
class PublishCounters:
    """All cumulative."""

    batches: int = 0
    """Pub/sub batches confirmed."""
    messages: int = 0
    """PUBLISHes in them."""
    commands: int = 0
    """Commands in them, PUBLISH, SET and the rest; those answered with an error included."""
    stream_commands: int = 0
    """XADDs confirmed."""
    transactions: int = 0
    transaction_retries: int = 0
    resent: int = 0
    """PUBLISHes written again after a reconnect."""
    stream_readded: int = 0
    """Confirmed XADDs that a server had lost, added again."""
    stream_found: int = 0
    """XADDs refused by id that XRANGE found: applied before, the reply was lost."""
    kept_early: int = 0
    """Confirmed XADDs forgotten before their time, for room."""
    reconnects: int = 0
    rtt_ns: int = 0
    """Write to last reply of the newest confirmed batch."""
    errors: dict[str, int] = field(default_factory=dict)
    """Error replies by their first word."""
    dropped: dict[str, int] = field(default_factory=dict)
    """`kind.reason` -> messages that are lost for Redis; the kind of pub/sub is "pub"."""


class Ledger:
    """The counters, with the two ways of saying something bad: error samples and drop reports.

    `on_dropped(kind, n, reason)` is called from `report`, not from the place of the drop: the
    owner may publish an alert about it, and a long outage drops many times a second.
    """

    def __init__(self, on_dropped: Callable[[str, int, str], None] | None = None) -> None:
        self.counters = PublishCounters()
        self.latency = Latency()
        """Receive of a batch's first frame to confirmation."""
        self.stages = {"core": Latency(), "redis": Latency()}
        """Of that: until the batch was handed over; from its writing to its confirmation."""
        self.throttle = Throttle()
        self._on_dropped = on_dropped
        self._unreported: dict[tuple[str, str], int] = {}

    def error(self, text: str, where: str) -> str:
        """Counts an error reply; returns its word."""
        errors = self.counters.errors
        word = error_word(text)
        if word not in errors and len(errors) >= MAX_ERROR_WORDS:
            word = "other"
        errors[word] = errors.get(word, 0) + 1
        if (held := self.throttle(f"{where} {word}")) is not None:
            event(log, "warning", "redis refused a command", where=where,
                  error=text[:SAMPLE_CHARS], held=held)  # fmt: skip
        return word

    def drop(self, kind: str, messages: int, reason: str) -> None:
        key = f"{kind}.{reason}"
        dropped = self.counters.dropped
        dropped[key] = dropped.get(key, 0) + messages
        self._unreported[kind, reason] = self._unreported.get((kind, reason), 0) + messages

    def drop_all(self, messages_by_kind: Mapping[str, int], reason: str) -> None:
        for kind, messages in messages_by_kind.items():
            self.drop(kind, messages, reason)

    def report(self) -> None:
        """Tells what has been dropped since the last report."""
        if not self._unreported:
            return
        unreported, self._unreported = self._unreported, {}
        for (kind, reason), messages in unreported.items():
            if (held := self.throttle(f"drop {kind} {reason}")) is not None:
                event(log, "error", "messages dropped", kind=kind, messages=messages,
                      reason=reason, held=held)  # fmt: skip
            if self._on_dropped is not None:
                self._on_dropped(kind, messages, reason)
