"""The publisher against real servers: addresses, hand-over, confirmation, bounds, numbers."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import hiredis
import pytest
import trustme
import uvloop

from p9.logbatch import LogBatch, Transaction, judge, missing
from p9.publisher import Publisher, RedisRefused, RedisUnreachable
from p9.pubstats import Latency
from p9.redis_link import error_word, label
from tests.fake_engine import FakeEngine, pack
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
    assert 0 < stats["latency"]["p50_ns"] <= stats["latency"]["p99_ns"] <= stats["latency"]["max_ns"]
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
            with pytest.raises(RedisRefused, match="certificate|issuer"):
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
        client.select(3)  # type: ignore[no-untyped-call]
        assert client.xlen("log:trade:x:A") == 1


@pytest.mark.parametrize("user", ["", ":wrong-one@", "nobody:wrong-one@"])
def test_a_wrong_password_is_refused_at_once_and_not_shown(user: str) -> None:
    with RedisServer(password="right") as server:
        publisher = Publisher(settings(f"redis://{user}127.0.0.1:{server.port}/0"))
        started = time.monotonic()
        with pytest.raises(RedisRefused, match="WRONGPASS|NOAUTH") as caught:
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
    with pytest.raises(RedisUnreachable, match="127.0.0.1"):
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
            monkeypatch.setattr(link, "write", lambda p: (writes.append(b"".join(p)), written(p)))
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


# --- what replies mean -------------------------------------------------------------------


def _error(text: str) -> hiredis.ReplyError:
    return hiredis.ReplyError(text)


SMALL = "ERR The ID specified in XADD is equal or smaller than the target stream top item"


@pytest.mark.parametrize(
    ("replies", "retry", "refused", "failed"),
    [
        ([b"OK", b"Q", b"Q", [b"1-1", b"1-2"]], "", [], []),
        ([b"OK", b"Q", b"Q", None], "EXEC gave no result", [], []),
        ([b"OK", _error("OOM no"), b"Q", _error("EXECABORT x")], "OOM no", [], []),
        ([b"OK", b"Q", b"Q", _error("EXECABORT because of: MISCONF")],
         "EXECABORT because of: MISCONF", [], []),
        ([b"OK", b"Q", b"Q", _error("LOADING")], "LOADING", [], []),
        ([_error("NOPERM multi"), b"1-1", b"1-2", _error("ERR EXEC without MULTI")],
         "NOPERM multi", [], []),
        ([b"OK", b"Q", b"Q", [b"1-1"]], "EXEC gave no result", [], []),
        ([b"OK", b"Q", b"Q", [_error(SMALL), b"1-2"]], "", [0], []),
        ([b"OK", b"Q", b"Q", [_error(SMALL), _error("OOM no")]], "OOM no", [], []),
        ([b"OK", b"Q", b"Q", [b"1-1", _error("WRONGTYPE x")]], "", [], [(1, "WRONGTYPE x")]),
    ],
)  # fmt: skip
def test_judge(
    replies: list[object], retry: str, refused: list[int], failed: list[tuple[int, str]]
) -> None:
    verdict = judge(replies, 2)
    assert (verdict.retry, verdict.refused, verdict.failed) == (retry, refused, failed)
    assert verdict.clean is (not (retry or refused or failed))


def test_a_refused_id_is_there_only_with_its_own_payload() -> None:
    command = pack("XADD", "log:k", "MAXLEN", "~", 10, "1-2", "m", b"{}")
    assert missing([[b"1-2", [b"m", b"{}"]]], command) == ""
    assert missing([], command) == "refused"
    assert missing([[b"1-2", [b"m", b"}"]]], command) == "id_taken"


def test_commands_are_found_again_in_the_bytes_of_several_batches() -> None:
    engine = FakeEngine(CHANNELS)
    batches = []
    for channels in ((0, 1), (2,), (1, 0, 0)):
        for channel in channels:
            engine.emit(channel)
        output = engine.take_log()
        assert output is not None
        batches.append(LogBatch(*output))
    transaction = Transaction(batches)
    assert transaction.owed == 8
    found = transaction.commands([0, 2, 5])
    assert [(channel, seq) for channel, seq, _ in found] == [(0, 1), (2, 1), (0, 3)]
    assert all(command.startswith(b"*8\r\n$4\r\nXADD") for _, _, command in found)
    assert b"1-3" in found[2][2]


@pytest.mark.parametrize(
    ("text", "word"),
    [("OOM command not", "OOM"), ("ERR x", "ERR"), ("", "other"), ("a b", "other"),
     ("X" * 99, "X" * 24)],
)  # fmt: skip
def test_error_word(text: str, word: str) -> None:
    assert error_word(text) == word


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
            ids = [[id_ for id_, _ in client.xrange(name)] for name in names]  # type: ignore[union-attr]
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


# --- bounds ------------------------------------------------------------------------------


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
