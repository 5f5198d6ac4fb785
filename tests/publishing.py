"""What the tests of the publisher share: a publisher around a fake engine, load, and the checks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

import redis
import redis.asyncio

from p9.config import urls
from p9.config.model import Redis
from p9.publish.publisher import Publisher
from tests.fake_engine import FakeEngine
from tests.redis_server import Oracle

CHANNELS = ["trade:x:A", "trade:x:B", "trade:x:C", "bbo:x:A", "bbo:x:B"]
WAIT_S = 15.0


def settings(url: str, **keys: Any) -> Redis:
    return Redis(url=urls.redis_url(url), **keys)


@contextlib.asynccontextmanager
async def publishing(
    url: str, engine: FakeEngine, *, keys: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[Publisher]:
    publisher = Publisher(settings(url, **(keys or {})), **options)
    await publisher.open(timeout_s=WAIT_S)
    try:
        publisher.attach(engine, engine.epoch)
        yield publisher
    finally:
        await publisher.close()


async def load(
    publisher: Publisher, engine: FakeEngine, duration_s: float, each_turn: int = 20
) -> None:
    """Messages over all channels in turn, some thousand a second."""
    until = time.monotonic() + duration_s
    number = 0
    while time.monotonic() < until:
        for _ in range(each_turn):
            engine.emit(number % len(engine.channels))
            number += 1
        publisher.flush()
        await asyncio.sleep(0.004)


async def until(condition: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"waited {timeout_s} s for: {what}"
        await asyncio.sleep(0.005)


async def drained(publisher: Publisher) -> None:
    left = await publisher.drain(WAIT_S)
    assert left.total == 0, (left, publisher.stats())


def stream_seqs(server: Oracle, engine: FakeEngine, channel: int) -> list[int]:
    """The seqs in a stream; payload and id have to agree."""
    with server.client() as client:
        rows: Any = client.xrange(engine.stream_key(channel))
    seqs = []
    for id_, fields in rows:
        epoch, seq = map(int, id_.split(b"-"))
        payload = json.loads(fields[b"m"])
        assert (payload["epoch"], payload["seq"]) == (epoch, seq)
        seqs.append(seq)
    return seqs


def assert_streams_complete(server: Oracle, engine: FakeEngine) -> None:
    """Every trade exactly once and in order; nothing of the other kinds."""
    for channel, name in enumerate(engine.channels):
        if name.startswith("trade:"):
            assert engine.seq[channel] > 0
            seqs = stream_seqs(server, engine, channel)
            assert seqs == list(range(1, engine.seq[channel] + 1)), name
        else:
            with server.client() as client:
                assert not client.exists(engine.stream_key(channel))


class Subscriber:
    """Reads all channels, directly from the server."""

    def __init__(self, server: Oracle) -> None:
        self._client = redis.asyncio.Redis(port=server.port, password=server.password or None)
        self._pubsub = self._client.pubsub()
        self._task: asyncio.Task[None] | None = None
        self.seqs: defaultdict[str, list[int]] = defaultdict(list)

    async def __aenter__(self) -> Subscriber:
        await self._pubsub.psubscribe("*")
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._client.aclose()

    async def _read(self) -> None:
        async for message in self._pubsub.listen():
            if message["type"] == "pmessage":
                self.seqs[message["channel"].decode()].append(json.loads(message["data"])["seq"])

    async def check(self, engine: FakeEngine) -> int:
        """At least once, in order after dropping what is at or below the last. Returns repeats."""
        last = {engine.channel_name(c): seq for c, seq in engine.seq.items()}
        await until(lambda: all(self.seqs[n][-1:] == [s] for n, s in last.items()), "subscriber")
        repeats = 0
        for name, seqs in self.seqs.items():
            newest = 0
            for seq in seqs:
                if seq <= newest:
                    repeats += 1
                    continue
                assert seq == newest + 1, f"{name}: {newest} then {seq}"
                newest = seq
        return repeats
