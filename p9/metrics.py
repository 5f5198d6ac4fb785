"""Metrics as plain data, and their Prometheus text (exposition format 0.0.4).

Nothing is counted here: every part of the program has its own counters and is asked for them
when somebody looks. Names are `p9_*_total` (counters), `p9_*_seconds`, `p9_*_bytes` and other
gauges; labels are `exchange`, `market`, `feed` and a few fixed words, so their number is bounded.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from p9.log import event

log = logging.getLogger("p9.metrics")

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_SERIES = 100_000

Kind = Literal["counter", "gauge", "histogram", "summary"]


@dataclass(frozen=True, slots=True)
class Histogram:
    """`buckets`: (upper bound, count up to it), rising; +Inf is added from `count`."""

    buckets: tuple[tuple[float, int], ...]
    sum: float
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """`quantiles`: (0.99, value) and so on."""

    quantiles: tuple[tuple[float, float], ...]
    sum: float
    count: int


Value = int | float | Histogram | Summary


@dataclass(frozen=True, slots=True)
class Sample:
    """One series at one moment. `type` and `help` are the family's: its first sample's hold."""

    name: str
    type: Kind
    help: str
    labels: Mapping[str, str]
    value: Value


Source = Callable[[], Iterable[Sample]]


@dataclass(slots=True)
class Registry:
    """The parts that are asked for samples at a scrape. One that fails costs only its own."""

    sources: list[tuple[str, Source]] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, source: Source) -> None:
        """`name` ("publisher") is for the log and for the counter of failures."""
        self.sources.append((name, source))
        self.failures[name] = 0

    def collect(self) -> Iterator[Sample]:
        for name, source in self.sources:
            try:
                yield from list(source())
            except Exception as error:
                self.failures[name] += 1
                event(log, "error", "metrics source failed", source=name, error=error)
        for name, count in self.failures.items():
            yield Sample(
                "p9_metrics_source_failures_total",
                "counter",
                "Scrapes for which a part of the program could not give its metrics",
                {"source": name},
                count,
            )


def engine_samples(counters: Mapping[str, Mapping[str, int]]) -> Iterator[Sample]:
    """The core's counters by endpoint ("binance:spot" -> {"frames": 1, "reject.json": 2, ...}).

    An endpoint without a market ("okx") gets the label value "all".
    """
    for endpoint, counts in counters.items():
        exchange, _, market = endpoint.partition(":")
        labels = {"exchange": exchange, "market": market or "all"}
        for name, count in counts.items():
            family, _, reason = name.partition(".")
            yield _engine_sample(family, reason, labels, count)


_FEEDS = {"trades": "trade", "bbo": "bbo", "depth": "depth"}
_NAMES = {"bytes": "received_bytes", "polls": "poll_answers"}
_HELP = {
    "frames": "WebSocket frames received",
    "bytes": "Bytes of WebSocket payload received",
    "ignored": "Frames of no interest",
    "reject": "Frames that were refused, by reason",
    "gaps": "Holes in the sequence of a depth stream",
    "duplicates": "Messages that had been seen before",
    "candles": "Candles published",
    "candles_late": "Trades that came too late for a candle",
    "candles_refused": "Trades with a venue time or size that no candle can take",
    "candles_checked": "Own closed 1m candles that were compared with the venue's",
    "candles_differ": "Of those, the ones that differ",
    "checksum_ok": "Book checksums of the venue that agreed",
}


def _engine_sample(family: str, reason: str, labels: dict[str, str], count: int) -> Sample:
    if family in _FEEDS:
        labels = {**labels, "feed": _FEEDS[family]}
        return Sample("p9_messages_total", "counter", "Messages decoded", labels, count)
    if reason:
        labels = {**labels, "reason": reason}
    name = _NAMES.get(family) or re.sub(r"[^a-z0-9_]", "_", family.lower())
    text = _HELP.get(family, f"{family.replace('_', ' ').capitalize()}, counted by the core")
    return Sample(f"p9_{name}_total", "counter", text, labels, count)


_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_TAKEN_LABELS = {"histogram": "le", "summary": "quantile"}
_REFUSED = Sample("p9_metrics_refused_total", "counter", "Samples of this scrape left out", {}, 0)


def render(samples: Iterable[Sample]) -> str:
    """The text of one scrape. A sample that would spoil the whole scrape (bad name, a series
    that is there already, a type unlike its family's) is left out and counted in the text."""
    families: dict[str, tuple[Sample, list[str]]] = {}
    seen: set[tuple[str, str]] = set()
    refused: dict[str, int] = {}
    for sample in samples:
        labels = _labels(sample.labels)
        first = families.get(sample.name, (sample, []))[0]
        reason = _fault(sample, first)
        if not reason and (sample.name, labels) in seen:
            reason = "repeated"
        if not reason and len(seen) >= MAX_SERIES:
            reason = "too_many"
        if reason:
            refused[reason] = refused.get(reason, 0) + 1
            continue
        seen.add((sample.name, labels))
        families.setdefault(sample.name, (sample, []))[1].extend(_lines(sample))
    for reason, count in refused.items():
        labels_of = {"reason": reason}
        sample = Sample(_REFUSED.name, _REFUSED.type, _REFUSED.help, labels_of, count)
        families.setdefault(sample.name, (sample, []))[1].extend(_lines(sample))
    out: list[str] = []
    for name, (first, lines) in families.items():
        out.append(f"# HELP {name} {_escape(first.help)}")
        out.append(f"# TYPE {name} {first.type}")
        out.extend(lines)
    return "\n".join(out) + "\n" if out else ""


def _fault(sample: Sample, first: Sample) -> str:
    """Why a sample cannot be shown, or ""."""
    complex_type = {"histogram": Histogram, "summary": Summary}.get(sample.type)
    is_complex = isinstance(sample.value, Histogram | Summary)
    if not _NAME.fullmatch(sample.name) or sample.name == _REFUSED.name:
        return "name"
    if not all(_LABEL.fullmatch(name) for name in sample.labels):
        return "label"
    if _TAKEN_LABELS.get(sample.type) in sample.labels:
        return "label"
    if sample.type == "counter" and not sample.name.endswith("_total"):
        return "name"
    if sample.type != first.type:
        return "type"
    if complex_type is None:
        return "value" if is_complex or not isinstance(sample.value, int | float) else ""
    return "" if isinstance(sample.value, complex_type) else "value"


def _lines(sample: Sample) -> list[str]:
    name, labels, value = sample.name, sample.labels, sample.value
    if isinstance(value, int | float):
        return [f"{name}{_labels(labels)} {_number(value)}"]
    if isinstance(value, Histogram):
        buckets = [b for b in value.buckets if b[0] < math.inf] + [(math.inf, value.count)]
        lines = [
            f"{name}_bucket{_labels({**labels, 'le': _number(bound)})} {_number(count)}"
            for bound, count in buckets
        ]
    else:
        lines = [
            f"{name}{_labels({**labels, 'quantile': _number(quantile)})} {_number(at)}"
            for quantile, at in value.quantiles
        ]
    lines.append(f"{name}_sum{_labels(labels)} {_number(value.sum)}")
    lines.append(f"{name}_count{_labels(labels)} {_number(value.count)}")
    return lines


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escape(value, quotes=True)}"' for name, value in sorted(labels.items()))
    return "{" + ",".join(pairs) + "}"


def _escape(text: str, *, quotes: bool = False) -> str:
    text = str(text).replace("\\", "\\\\").replace("\n", "\\n")
    if quotes:
        text = text.replace('"', '\\"')
    # Readers that split at any line end must not see one, and lone surrogates are no UTF-8.
    return "".join(c if c.isprintable() else "?" for c in text) if not text.isprintable() else text


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(int(value))  # True is 1
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))
