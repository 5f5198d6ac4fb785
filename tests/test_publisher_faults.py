"""The delivery rules under faults, at load, against real servers.

Streams: every entry exactly once and in order. Pub/sub: at least once, in order after a reader
has dropped what is at or below its last.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop

from tests.fake_engine import FakeEngine
from tests.publishing import (
    CHANNELS,
    Subscriber,
    assert_streams_complete,
    drained,
    load,
    publishing,
    until,
)
from tests.redis_server import Proxy, RedisServer

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


# --- the server dies ---------------------------------------------------------------------


@pytest.mark.parametrize("lost_bytes", [0, 50_000, 1_000_000])
def test_killed_and_restarted_with_the_unsynced_end_lost(lost_bytes: int) -> None:
    async def main(server: RedisServer) -> None:
        engine = FakeEngine(CHANNELS)
        async with publishing(server.url, engine) as publisher:
            running = asyncio.create_task(load(publisher, engine, 1.5))
            await asyncio.sleep(0.5)
            server.kill()
            server.lose_tail(lost_bytes)
            await asyncio.sleep(0.2)
            await asyncio.to_thread(server.start)
            await running
            await drained(publisher)
            assert_streams_complete(server, engine)
            stats: Any = publisher.stats()
            assert stats["reconnects"] == 1
            assert stats["messages"] == engine.seq.total()
            if lost_bytes:
                # With nothing cut off there may be some too: the server puts a write off for
                # up to two seconds while an earlier fsync is under way, and answers meanwhile.
                assert stats["stream_readded"] > 0
            assert not stats["dropped"]
            assert not stats["kept_early"]

    with RedisServer(appendonly="yes", appendfsync="everysec") as server:
        asyncio.run(main(server))


def test_restarted_empty_everything_kept_is_added_again(server: RedisServer) -> None:
    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        async with publishing(server.url, engine) as publisher:
            for _ in range(3):
                await load(publisher, engine, 0.3, each_turn=100)
                server.kill()
                server.start()
            await until(lambda: publisher.stats()["reconnects"] == 3, "reconnect")
            await drained(publisher)
            await until(lambda: bool(publisher.stats()["streams_ready"]), "reconciliation")
            assert_streams_complete(server, engine)
            assert not publisher.stats()["dropped"]

    asyncio.run(main())


def test_time_without_a_server_does_not_count_as_kept(server: RedisServer) -> None:
    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        async with publishing(server.url, engine, keys={"keep_s": 1.0}) as publisher:
            await load(publisher, engine, 0.2)
            await drained(publisher)
            server.kill()
            await asyncio.sleep(1.3)
            server.start()
            await until(lambda: bool(publisher.stats()["streams_ready"]), "reconciliation")
            assert_streams_complete(server, engine)

    asyncio.run(main())


def test_killed_again_while_adding_again(server: RedisServer) -> None:
    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        chance = random.Random(7)
        async with Proxy(server.port) as proxy:
            url = f"redis://127.0.0.1:{proxy.port}"
            async with publishing(url, engine) as publisher:
                for _ in range(8):
                    for number in range(3000):
                        engine.emit(number % 5, size=300)
                    await drained(publisher)
                with server.client() as client:
                    client.flushall()
                for _ in range(5):
                    # Replies to XADDs in MULTI are small: cut somewhere among them.
                    proxy.cut_after(chance.randrange(1000, 60_000))
                    connections = proxy.connections
                    engine.emit(0)
                    publisher.flush()
                    if connections == 1:
                        proxy.cut()
                    await until(lambda n=connections: proxy.connections > n, "cut")  # type: ignore[misc]
                await drained(publisher)
                assert_streams_complete(server, engine)
                assert not publisher.stats()["dropped"]

    asyncio.run(main())


# --- the server stands still -------------------------------------------------------------


@pytest.mark.parametrize("reply_timeout_s", [10.0, 0.6], ids=["waited for", "given up"])
def test_stopped_for_two_seconds(server: RedisServer, reply_timeout_s: float) -> None:
    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        timeouts: dict[str, Any] = {"reply_timeout_s": reply_timeout_s, "connect_timeout_s": 0.5}
        async with Subscriber(server) as subscriber:
            async with publishing(server.url, engine, **timeouts) as publisher:
                running = asyncio.create_task(load(publisher, engine, 2.8))
                await asyncio.sleep(0.3)
                with server.stopped():
                    await asyncio.sleep(2.0)
                await running
                await drained(publisher)
                stats: Any = publisher.stats()
            assert_streams_complete(server, engine)
            repeats = await subscriber.check(engine)
        if reply_timeout_s > 2:
            assert (repeats, stats["reconnects"], stats["resent"]) == (0, 0, 0)
        else:
            assert stats["reconnects"] == 1
            assert stats["resent"] > 0
        assert not stats["dropped"]
        assert not stats["errors"]

    asyncio.run(main())


def test_an_abandoned_connection_cannot_write_older_values_later() -> None:
    """The old connection has left much in the server's socket, the new one has little to say."""

    async def main(server: RedisServer) -> None:
        engine = FakeEngine(["bbo:x:A"])
        timeouts: dict[str, Any] = {"reply_timeout_s": 0.3, "connect_timeout_s": 30.0}
        async with Proxy(server.port, outlive=True) as proxy:
            url = f"redis://127.0.0.1:{proxy.port}"
            async with publishing(url, engine, keys={"buffer_mb": 1}, **timeouts) as publisher:
                with server.stopped():
                    for number in range(1000):
                        if number < 600:  # slow, so that both connections have work at a time
                            engine.publish("DEBUG", "SLEEP", "0.001")
                        engine.emit(0, size=3000)
                        await publisher.drain(0)
                    await until(lambda: not publisher.connected, "giving up")
                    engine.emit(0)
                await drained(publisher)
                await asyncio.sleep(1.0)
                stats: Any = publisher.stats()
                assert stats["reconnects"] == 1
                assert stats["dropped"]["pub.overflow"] > 600
        with server.client() as client:
            value = client.get("last:bbo:x:A")
            assert isinstance(value, bytes)
            assert b'"seq":1001,' in value

    with RedisServer(enable_debug_command="yes") as server:
        asyncio.run(main(server))


# --- the server says no ------------------------------------------------------------------


def test_out_of_memory_then_freed() -> None:
    async def main(server: RedisServer) -> None:
        engine = FakeEngine(CHANNELS)
        async with Subscriber(server) as subscriber, publishing(server.url, engine) as publisher:
            await load(publisher, engine, 0.2)
            await drained(publisher)
            with server.client() as client:
                client.config_set("maxmemory", "1")
                await load(publisher, engine, 0.5)
                before: Any = publisher.stats()
                assert before["errors"]["OOM"] > 0
                assert before["unconfirmed_stream_commands"] > 0
                client.config_set("maxmemory", "0")
            await load(publisher, engine, 0.2)
            await drained(publisher)
            assert_streams_complete(server, engine)
            assert await subscriber.check(engine) == 0
            stats: Any = publisher.stats()
            assert stats["transaction_retries"] > 0
            assert (stats["reconnects"], stats["dropped"]) == (0, {})

    with RedisServer(maxmemory_policy="noeviction") as server:
        asyncio.run(main(server))


def test_memory_that_comes_and_goes() -> None:
    """A server at its limit refuses one command and takes the next."""

    async def main(server: RedisServer) -> None:
        engine = FakeEngine(CHANNELS)
        async with publishing(server.url, engine) as publisher:
            running = asyncio.create_task(load(publisher, engine, 1.5))
            with server.client() as client:
                while not running.done():
                    client.config_set("maxmemory", "1")
                    await asyncio.sleep(0.03)
                    client.config_set("maxmemory", "0")
                    await asyncio.sleep(0.03)
            await running
            await drained(publisher)
            assert_streams_complete(server, engine)
            assert publisher.stats()["dropped"] == {}

    with RedisServer(maxmemory_policy="noeviction") as server:
        asyncio.run(main(server))


@pytest.mark.parametrize("tries", [2, 1000], ids=["connected anew", "stayed connected"])
def test_read_only_replica_then_primary_again(
    server: RedisServer, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p9.publish.streamlog.READONLY_TRIES", tries)

    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        async with publishing(server.url, engine) as publisher:
            await load(publisher, engine, 0.1)
            with server.client() as client:
                # The primary that it follows does not exist: data stay, writes are refused.
                client.execute_command("REPLICAOF 127.0.0.1 1")
                await load(publisher, engine, 0.8)
                stats: Any = publisher.stats()
                assert publisher.unconfirmed().stream_commands > 0
                assert (stats["reconnects"] > 0) is (tries == 2)
                client.execute_command("REPLICAOF NO ONE")
            await load(publisher, engine, 0.1)
            await drained(publisher)
            assert_streams_complete(server, engine)
            stats = publisher.stats()
            assert stats["errors"]["READONLY"] > 0
            assert not stats["dropped"]

    asyncio.run(main())


# --- the connection breaks ---------------------------------------------------------------


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_cut_in_the_middle_of_replies(server: RedisServer, runner: Any) -> None:
    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        chance = random.Random(3)
        async with Proxy(server.port) as proxy, Subscriber(server) as subscriber:
            url = f"redis://127.0.0.1:{proxy.port}"
            async with publishing(url, engine) as publisher:
                running = asyncio.create_task(load(publisher, engine, 2.0, each_turn=50))
                while not running.done():
                    proxy.cut_after(chance.randrange(0, 20_000))
                    await asyncio.sleep(chance.random() * 0.2)
                await running
                proxy.cut_after(1 << 40)
                await drained(publisher)
                stats: Any = publisher.stats()
            assert_streams_complete(server, engine)
            await subscriber.check(engine)
        assert stats["reconnects"] >= 3
        assert stats["stream_found"] + stats["resent"] > 0
        assert not stats["dropped"]

    runner(main())


def test_a_reply_to_exec_that_is_lost_is_settled_by_asking(server: RedisServer) -> None:
    """The transaction was executed, its reply never arrived: nothing twice, nothing missing."""

    async def main(proxy: Proxy) -> None:
        engine = FakeEngine(["trade:x:A"])
        async with publishing(f"redis://127.0.0.1:{proxy.port}", engine) as publisher:
            for _ in range(5):
                engine.emit(0)
                proxy.cut_after(0)
                await drained(publisher)
            stats: Any = publisher.stats()
        assert_streams_complete(server, engine)
        assert (stats["reconnects"], stats["stream_found"]) == (5, 5)
        assert stats["stream_commands"] == 5

    async def proxied() -> None:
        async with Proxy(server.port) as proxy:
            await main(proxy)

    asyncio.run(proxied())


def test_reconnecting_goes_on_and_slows_down(server: RedisServer) -> None:
    async def main() -> None:
        engine = FakeEngine(["trade:x:A"])
        links: list[bool] = []
        async with Proxy(server.port) as proxy:
            url = f"redis://127.0.0.1:{proxy.port}"
            async with publishing(url, engine, on_link=lambda up, _: links.append(up)) as publisher:
                until_s = time.monotonic() + 1.5
                while time.monotonic() < until_s:
                    proxy.cut()  # whenever it is connected
                    engine.emit(0)
                    publisher.flush()
                    await asyncio.sleep(0.002)
                tries = proxy.connections
                await drained(publisher)
        assert 3 <= tries <= 12
        assert links[:4] == [True, False, True, False]
        assert_streams_complete(server, engine)

    asyncio.run(main())
