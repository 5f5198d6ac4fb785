"""The publisher against real servers: addresses, hand-over, confirmation, bounds, numbers."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from p9.publish.logbatch import LogBatch, Transaction
from p9.publish.publisher import Publisher, RedisRefused, RedisUnreachable
from p9.publish.redis_link import label
from tests.fake_engine import FakeEngine
from tests.publishing import (
    CHANNELS,
    Subscriber,
    assert_streams_complete,
    drained,
    load,
    publishing,
    settings,
    stream_seqs,
    until,
)
from tests.redis_server import Proxy, RedisServer, free_port

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


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Any:
    def runner(work: Coroutine[Any, Any, None]) -> None:
        (uvloop.run if request.param == "uvloop" else asyncio.run)(work)

    return runner


# --- addresses and opening ---------------------------------------------------------------


async def _publish_some(url: str, server: RedisServer, **keys: Any) -> None:
    engine = FakeEngine(CHANNELS)
    async with Subscriber(server) as subscriber, publishing(url, engine, keys=keys) as publisher:
        await load(publisher, engine, 0.2)
        await drained(publisher)
        assert_streams_complete(server, engine)
        assert await subscriber.check(engine) == 0
        stats: Any = publisher.stats()
    sent = sum(engine.seq.values())
    assert stats["messages"] == sent
    assert stats["commands"] == 2 * sent
    assert stats["stream_commands"] == sum(engine.seq[c] for c in range(3))
    assert stats["unconfirmed_bytes"] == stats["unconfirmed_age_ns"] == 0
    assert stats["kept_bytes"] > 0
    assert not stats["errors"]
    assert not stats["dropped"]
    assert stats["latency"]["count"] == stats["latency_total"]["count"] == sent
    assert (
        0 < stats["latency"]["p50_ns"] <= stats["latency"]["p99_ns"] <= stats["latency"]["max_ns"]
    )
    assert stats["rtt_ns"] > 0


def test_tcp(server: RedisServer, run: Any) -> None:
    run(_publish_some(server.url, server))


def test_unix_socket_and_password(run: Any) -> None:
    with RedisServer(unix=True, password="s3cr@t/ü") as server:
        url = server.url.replace("s3cr@t/ü", "s3cr%40t%2F%C3%BC")
        run(_publish_some(url, server))


def test_tls(server: RedisServer, run: Any, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))

    async def main() -> None:
        async with Proxy(server.port, context) as proxy:
            url = f"rediss://127.0.0.1:{proxy.port}/0"
            await _publish_some(url, server, tls_ca=str(ca_file))
            with pytest.raises(RedisRefused, match=r"certificate|issuer"):
                await Publisher(settings(url)).open(timeout_s=5)
            with pytest.raises(RedisRefused, match=r"none\.pem"):
                await Publisher(settings(url, tls_ca="none.pem")).open(timeout_s=5)

    run(main())


def test_the_selected_database_is_used(server: RedisServer) -> None:
    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        async with publishing(server.url.replace("/0", "/3"), engine) as publisher:
            engine.emit(0)
            await drained(publisher)

    asyncio.run(main())
    with server.client() as client:
        assert client.dbsize() == 0
        client.select(3)
        assert client.xlen("log:trade:x:A") == 1


@pytest.mark.parametrize("user", ["", ":wrong-one@", "nobody:wrong-one@"])
def test_a_wrong_password_is_refused_at_once_and_not_shown(user: str) -> None:
    with RedisServer(password="right") as server:
        publisher = Publisher(settings(f"redis://{user}127.0.0.1:{server.port}/0"))
        started = time.monotonic()
        with pytest.raises(RedisRefused, match=r"WRONGPASS|NOAUTH") as caught:
            asyncio.run(publisher.open(timeout_s=20))
        assert time.monotonic() - started < 5
        assert "wrong-one" not in str(caught.value)
        assert "wrong-one" not in label(publisher.address)


def test_a_user_without_transactions_is_refused() -> None:
    with RedisServer(password="root") as server:
        with server.client() as client:
            client.execute_command("ACL SETUSER u on >pw ~* &* +@all -multi")
        publisher = Publisher(settings(f"redis://u:pw@127.0.0.1:{server.port}/0"))
        with pytest.raises(RedisRefused, match="NOPERM"):
            asyncio.run(publisher.open(timeout_s=20))


def test_unreachable_after_the_time_given() -> None:
    publisher = Publisher(settings(f"redis://127.0.0.1:{free_port()}/0"))
    started = time.monotonic()
    with pytest.raises(RedisUnreachable, match=r"127\.0\.0\.1"):
        asyncio.run(publisher.open(timeout_s=0.5))
    assert time.monotonic() - started < 2


def test_a_server_that_comes_late_is_waited_for() -> None:
    with RedisServer() as server:
        server.kill()

        async def main() -> None:
            asyncio.get_running_loop().call_later(0.3, server.start)
            async with publishing(server.url, FakeEngine(CHANNELS)) as publisher:
                assert publisher.connected

        asyncio.run(main())


# --- hand-over ---------------------------------------------------------------------------


def test_one_write_per_turn_holds_everything(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        async with publishing(server.url, engine) as publisher:
            link = publisher._link
            assert link is not None
            writes: list[bytes] = []
            written = link.write

            def write(parts: Sequence[bytes]) -> None:
                writes.append(b"".join(parts))
                written(parts)

            monkeypatch.setattr(link, "write", write)
            for channel in range(5):
                engine.emit(channel)
                publisher.flush()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(writes) == 1
            assert writes[0].count(b"PUBLISH") == 5
            assert writes[0].count(b"XADD") == 3
            assert writes[0].endswith(b"EXEC\r\n")
            await drained(publisher)
            assert publisher.stats()["batches"] == 1

    asyncio.run(main())


def test_one_transaction_in_flight_and_what_waits_is_joined(server: RedisServer) -> None:
    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        async with publishing(server.url, engine) as publisher:
            with server.stopped():
                for _ in range(10):
                    engine.emit(0)
                    publisher.flush()
                    await asyncio.sleep(0.005)
            await drained(publisher)
            stats = publisher.stats()
            assert (stats["stream_commands"], stats["transactions"]) == (10, 2)
            assert stats["batches"] == 10  # pub/sub did not wait

    asyncio.run(main())
    assert stream_seqs(server, FakeEngine(CHANNELS), 0) == list(range(1, 11))


def test_errors_among_pub_replies_are_counted(server: RedisServer) -> None:
    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        async with publishing(server.url, engine) as publisher:
            with server.client() as client:
                client.set("text", "x")
            for _ in range(3):
                engine.publish("SADD", "text", "y")
                engine.emit(0)
            engine.publish("NOSUCH")
            await drained(publisher)
            assert publisher.stats()["errors"] == {"WRONGTYPE": 3, "ERR": 1}
            assert publisher.connected

    asyncio.run(main())
    assert stream_seqs(server, FakeEngine(CHANNELS), 0) == [1, 2, 3]


@pytest.mark.parametrize("data", [b"+OK\r\n", b"what?\r\n"], ids=["not owed", "no protocol"])
def test_a_reply_out_of_place_ends_the_connection(server: RedisServer, data: bytes) -> None:
    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        async with Proxy(server.port) as proxy:
            url = f"redis://127.0.0.1:{proxy.port}"
            async with publishing(url, engine) as publisher:
                await load(publisher, engine, 0.1)
                await drained(publisher)
                proxy.inject(data)
                await until(lambda: publisher.stats()["reconnects"] == 1, "reconnect")
                await load(publisher, engine, 0.1)
                await drained(publisher)
                assert proxy.connections == 2

    asyncio.run(main())
    engine = FakeEngine(CHANNELS)
    for channel in range(3):
        seqs = stream_seqs(server, engine, channel)
        assert seqs == list(range(1, len(seqs) + 1))


def test_an_idle_connection_is_tried(server: RedisServer) -> None:
    async def main() -> None:
        async with publishing(
            server.url, FakeEngine(CHANNELS), reply_timeout_s=0.2, connect_timeout_s=0.2
        ) as publisher:
            await asyncio.sleep(0.5)
            assert publisher.connected
            with server.stopped():
                await until(lambda: not publisher.connected, "the dead server to be found")
            await until(lambda: publisher.connected, "reconnect")

    asyncio.run(main())


# --- ids that are refused ----------------------------------------------------------------


def test_refused_ids_count_only_when_found(server: RedisServer) -> None:
    dropped: Counter[tuple[str, str]] = Counter()

    def note(kind: str, number: int, reason: str) -> None:
        dropped[kind, reason] += number

    async def main() -> None:
        engine = FakeEngine(CHANNELS, epoch=5)
        names = [engine.stream_key(channel) for channel in range(3)]
        for channel in range(3):
            engine.emit(channel)
        output = engine.take_log()
        assert output is not None
        with server.client() as client:
            # A: the same entry is there. B: another one with this id. C: a greater id.
            _, _, command = Transaction([LogBatch(*output)]).commands([0])[0]
            payload = command.split(b"\r\n")[-2]
            client.xadd(names[0], {"m": payload}, id="5-1")
            client.xadd(names[1], {"m": "other"}, id="5-1")
            client.xadd(names[2], {"m": "other"}, id="5-3")
        engine.seq.clear()
        async with publishing(server.url, engine, on_dropped=note) as publisher:
            for channel in (0, 1, 2, 0, 1, 2, 2, 2):
                engine.emit(channel)
            await drained(publisher)
            stats: Any = publisher.stats()
            assert stats["dropped"] == {"trade.id_taken": 2, "trade.refused": 2}
            assert (stats["stream_found"], stats["stream_commands"]) == (1, 4)
            await until(lambda: dropped.total() == 4, "the report of the drops")
        with server.client() as client:
            ids = [[id_ for id_, _ in client.xrange(name)] for name in names]
        assert ids == [[b"5-1", b"5-2"], [b"5-1", b"5-2"], [b"5-3", b"5-4"]]

    asyncio.run(main())
    assert dropped == {("trade", "id_taken"): 2, ("trade", "refused"): 2}


def test_a_key_that_is_no_stream_costs_only_its_own_entries(server: RedisServer) -> None:
    async def main() -> None:
        engine = FakeEngine(CHANNELS)
        with server.client() as client:
            client.set(engine.stream_key(1), "x")
        async with publishing(server.url, engine) as publisher:
            for channel in (0, 1, 2, 0):
                engine.emit(channel)
            await drained(publisher)
            assert publisher.stats()["dropped"] == {"trade.WRONGTYPE": 1}
        assert stream_seqs(server, engine, 0) == [1, 2]
        assert stream_seqs(server, engine, 2) == [1]

    asyncio.run(main())
