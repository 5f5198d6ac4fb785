"""How the pipeline is: what is missing, the summary line, the metrics. Only asks and counts."""

from __future__ import annotations

import resource
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from p9.markets.exchanges import Markets
from p9.metrics import Kind, Sample, engine_samples
from p9.publish.publisher import Publisher
from p9core.engine import Engine

FEEDS = {"trades": "trade", "bbo": "bbo", "depth": "depth"}
OTHERS = ("reports", "prints", "klines")  # of all other feeds


class Health:
    """Looks at the engine, the publisher and the markets of one run."""

    def __init__(self, engine: Engine, publisher: Publisher, markets: Markets) -> None:
        self._engine, self._publisher, self._markets = engine, publisher, markets
        self._before: Counter[str] = Counter()
        self._lag_max_s = 0.0

    def lag(self, seconds: float) -> None:
        """How late a timer of the loop was."""
        self._lag_max_s = max(self._lag_max_s, seconds)

    def missing(self) -> list[str]:
        """What keeps the pipeline from being ready; empty: nothing."""
        rows = self._markets.missing()
        if not self._publisher.connected:
            rows.insert(0, "redis: not connected")
        return rows

    def summary(self, period_s: float) -> dict[str, Any]:
        """The fields of the summary line; rates are of the period since the last one."""
        counts = Counter[str]()
        for row in self._engine.counters().values():
            counts.update(row)
        since = counts - self._before
        self._before = counts
        books = self._engine.books()
        latency = self._publisher.latency.period(reset=True)
        stages = {name: stage.period(reset=True) for name, stage in self._publisher.stages.items()}
        stats = self._publisher.stats()
        lag, self._lag_max_s = self._lag_max_s, 0.0
        fields: dict[str, Any] = {
            "frames_s": round(since["frames"] / period_s, 1),
            **{f"{feed}_s": round(since[name] / period_s, 1) for name, feed in FEEDS.items()},
            "others_s": round(sum(since[name] for name in OTHERS) / period_s, 1),
            "books_live": f"{sum(row['state'] == 'LIVE' for row in books)}/{len(books)}",
            "confirmed": latency.count,
            "latency_p50_ms": round(latency.p50_ns / 1e6, 3),
            "latency_p99_ms": round(latency.p99_ns / 1e6, 3),
            "latency_max_ms": round(latency.max_ns / 1e6, 3),
            **{f"{name}_p99_ms": round(stage.p99_ns / 1e6, 3) for name, stage in stages.items()},
            "wire_ms": {
                name: round(row["mean_ns"] / 1e6, 1) for name, row in self._engine.wire().items()
            },
            "loop_lag_ms": round(lag * 1e3, 1),
            "queue": _number(stats, "unconfirmed_messages"),
            "memory_mb": round(memory_bytes() / 2**20, 1),
        }
        trouble = {
            "rejects": sum(n for name, n in since.items() if name.startswith("reject.")),
            "gaps": since["depth_gaps"] + since["trade_gaps"],
            "missing": len(self._markets.missing()),
            "stale": self._markets.stale().total(),
        }
        return fields | {name: n for name, n in trouble.items() if n}

    def samples(self) -> Iterator[Sample]:
        """Everything for /metrics."""
        yield from engine_samples(self._engine.counters())
        yield from self._polls()
        yield from self._books()
        yield from residual_samples(self._engine.residuals())
        yield from self._publishing()
        yield from self._connections()
        yield Sample("p9_process_resident_bytes", "gauge", "Memory in use", {}, memory_bytes())

    def _books(self) -> Iterator[Sample]:
        states: Counter[tuple[str, str, str]] = Counter()
        resyncs: Counter[tuple[str, str]] = Counter()
        held = 0
        for row in self._engine.books():
            where = _where(row["endpoint"])
            states[(*where, row["state"])] += 1
            resyncs[where] += row["resyncs"]
            held += row["memory_bytes"]
        for (exchange, market, state), n in sorted(states.items()):
            yield Sample(
                "p9_books",
                "gauge",
                "Books by state",
                {"exchange": exchange, "market": market, "state": state},
                n,
            )
        for (exchange, market), n in sorted(resyncs.items()):
            yield Sample(
                "p9_resyncs_total",
                "counter",
                "Times that a book left LIVE",
                {"exchange": exchange, "market": market},
                n,
            )
        yield Sample("p9_books_bytes", "gauge", "Memory of all books", {}, held)

    def _polls(self) -> Iterator[Sample]:
        for exchange, results in self._markets.polls().items():
            for (ask, result), n in sorted(results.items()):
                yield Sample(
                    "p9_polls_total",
                    "counter",
                    "REST polls by what came of them: ok, or why nothing did",
                    {"exchange": exchange, "ask": ask, "result": result},
                    n,
                )
        for (endpoint, feed), n in sorted(self._markets.stale().items()):
            exchange, market = _where(endpoint)
            yield Sample(
                "p9_stale_feeds",
                "gauge",
                "Feeds that are older than their greatest age",
                {"exchange": exchange, "market": market, "feed": feed},
                n,
            )

    def _publishing(self) -> Iterator[Sample]:
        stats = self._publisher.stats()
        for name, kind, text in PUBLISHER:
            suffix = "_total" if kind == "counter" else ""
            yield Sample(f"p9_publish_{name}{suffix}", kind, text, {}, _number(stats, name))
        for label, name in (("reason", "dropped"), ("word", "errors")):
            rows = stats[name]
            assert isinstance(rows, Mapping)
            for key, n in rows.items():
                yield Sample(
                    f"p9_publish_{name}_total",
                    "counter",
                    f"Messages {name}" if name == "dropped" else "Error replies",
                    {label: key},
                    n,
                )
        stages = {"all": self._publisher.latency, **self._publisher.stages}
        for stage, latency in stages.items():
            total = latency.total()
            for quantile, value in (
                ("0.5", total.p50_ns),
                ("0.99", total.p99_ns),
                ("1", total.max_ns),
            ):
                yield Sample(
                    "p9_latency_seconds",
                    "gauge",
                    "From the receive of a frame to the confirmation of its message, and "
                    "of that until hand-over (core) and from write to reply (redis)",
                    {"stage": stage, "quantile": quantile},
                    value / 1e9,
                )
        yield Sample(
            "p9_redis_connected",
            "gauge",
            "1 while Redis is connected",
            {},
            int(self._publisher.connected),
        )

    def _connections(self) -> Iterator[Sample]:
        endpoints: Any = self._markets.stats()["endpoints"]
        for name, row in endpoints.items():
            exchange, market = _where(name)
            labels = {"exchange": exchange, "market": market}
            up = sum(one["state"] == "open" for one in row["connections"])
            yield Sample("p9_connections", "gauge", "Open connections", labels, up)
            for what, n in sorted(row["counters"].items()):
                yield Sample(
                    "p9_connection_events_total",
                    "counter",
                    "What happened to connections and subscriptions",
                    {**labels, "event": str(what)},
                    n,
                )


PUBLISHER: tuple[tuple[str, Kind, str], ...] = (
    ("messages", "counter", "Messages confirmed by Redis"),
    ("commands", "counter", "Commands confirmed by Redis, streams not counted"),
    ("stream_commands", "counter", "Stream entries confirmed by Redis"),
    ("transactions", "counter", "Stream transactions done"),
    ("transaction_retries", "counter", "Stream transactions that were tried again"),
    ("resent", "counter", "Messages written again after a reconnect"),
    ("stream_readded", "counter", "Stream entries that the server had lost, added again"),
    ("reconnects", "counter", "Connections to Redis after the first"),
    ("unconfirmed_messages", "gauge", "Messages that wait for their confirmation"),
    ("unconfirmed_stream_commands", "gauge", "Stream entries that wait for theirs"),
    ("unconfirmed_bytes", "gauge", "Bytes of what waits"),
    ("kept_bytes", "gauge", "Bytes of confirmed stream entries that are still kept"),
)


def residual_samples(residuals: Iterable[Mapping[str, Any]]) -> Iterator[Sample]:
    """How far own candles are from the venues', by the newest comparison of each instrument."""
    worst: dict[tuple[str, str], float] = {}
    for row in residuals:
        off, venue = abs(Decimal(row["volume"])), Decimal(row["venue_volume"])
        # a venue that tells of no trade at all where there was one is wrong by all of it
        ratio = float(off / venue) if venue else float(off > 0)
        where = _where(row["endpoint"])
        worst[where] = max(worst.get(where, 0.0), ratio)
    for (exchange, market), ratio in sorted(worst.items()):
        yield Sample(
            "p9_candle_residual_ratio",
            "gauge",
            "Largest |own - venue| / venue volume of the newest 1m candles that were compared",
            {"exchange": exchange, "market": market},
            ratio,
        )


def _number(stats: Mapping[str, object], name: str) -> int:
    value = stats[name]
    assert isinstance(value, int)
    return value


def _where(endpoint: str) -> tuple[str, str]:
    exchange, _, market = endpoint.partition(":")
    return exchange, market or "all"


def memory_bytes() -> int:
    """Resident memory of this process; its peak where the system does not tell more."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
