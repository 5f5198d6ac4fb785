"""The publisher's bounds and numbers: overflow, keeping, draining, latencies."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from p9.publish.pubstats import Latency
from tests.fake_engine import FakeEngine
from tests.publishing import CHANNELS, drained, publishing, stream_seqs, until
from tests.redis_server import RedisServer

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def shared() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def server(shared: RedisServer) -> RedisServer:
    """A running server without data."""
    with shared.client() as client:
        client.flushall()
    return shared


def test_overflow_drops_pubsub_first_then_the_oldest_stream_commands() -> None:
    reports: Counter[tuple[str, str]] = Counter()

    def note(kind: str, number: int, reason: str) -> None:
        reports[kind, reason] += number

    async def main(server: RedisServer) -> None:
        engine = FakeEngine(["trade:x:A", "bbo:x:A"])
        async with publishing(
            server.url, engine, keys={"buffer_mb": 1}, on_dropped=note
        ) as publisher:
            server.kill()
            await until(lambda: not publisher.connected, "the loss")
            stats: Any = publisher.stats()
            while not stats["dropped"]:
                engine.emit(0, size=1000)
                engine.emit(1, size=1000)
                await publisher.drain(0)
                stats = publisher.stats()
            assert set(stats["dropped"]) == {"pub.overflow"}
            for _ in range(3000):
                engine.emit(0, size=1000)
                await publisher.drain(0)
            stats = publisher.stats()
            assert stats["dropped"]["trade.overflow"] > 1000
            assert stats["unconfirmed_bytes"] <= 1 << 20
            assert stats["unconfirmed_stream_commands"] > 500
            server.start()
            await drained(publisher)
            stats = publisher.stats()
            lost = stats["dropped"]["trade.overflow"]
            assert stats["stream_commands"] + lost == engine.seq[0]
            assert stats["messages"] + stats["dropped"]["pub.overflow"] == engine.seq.total()
            # The oldest are missing, all others are there and in order.
            seqs = stream_seqs(server, engine, 0)
            assert seqs == list(range(lost + 1, engine.seq[0] + 1))

    with RedisServer() as server:
        asyncio.run(main(server))
    assert reports["trade", "overflow"] > 0
    assert reports["pub", "overflow"] > 0


def test_what_is_kept_ends_by_time_and_leaves_half_of_the_room(server: RedisServer) -> None:
    async def main() -> None:
        engine = FakeEngine(["trade:x:A"])
        keys = {"buffer_mb": 1, "keep_s": 0.5}
        async with publishing(server.url, engine, keys=keys) as publisher:
            for _ in range(20):
                for _ in range(50):
                    engine.emit(0, size=1000)
                await drained(publisher)
            stats: Any = publisher.stats()
            assert 300_000 < stats["kept_bytes"] <= 1 << 19
            assert stats["kept_early"] > 0
            assert not stats["dropped"]
            await until(lambda: publisher.stats()["kept_bytes"] == 0, "the end of keeping")

    asyncio.run(main())


def test_drain_says_what_is_left_and_close_counts_it(server: RedisServer) -> None:
    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        async with publishing(server.url, engine) as publisher:
            with server.stopped():
                for channel in range(5):
                    engine.emit(channel)
                started = time.monotonic()
                left = await publisher.drain(0.2)
                assert time.monotonic() - started < 1
                assert (left.messages, left.stream_commands, left.total) == (5, 3, 8)
                await publisher.close()
            assert publisher.stats()["dropped"] == {"pub.closed": 5, "trade.closed": 3}
            assert publisher.unconfirmed().total == 0

    asyncio.run(main())


def test_latency_is_summed_up_per_period_and_in_all() -> None:
    latency = Latency()
    latency.record(1_000_000, 99)
    latency.record(50_000_000, 1)
    period = latency.period(reset=True)
    assert period.count == 100
    assert period.p50_ns == pytest.approx(1_000_000, rel=1e-3)
    assert period.p99_ns == pytest.approx(1_000_000, rel=1e-3)
    assert period.max_ns == pytest.approx(50_000_000, rel=1e-3)
    latency.record(-5, 1)  # the wall clock was set back
    latency.record(1 << 62, 1)
    assert latency.period().count == 2
    assert latency.total().count == 102
