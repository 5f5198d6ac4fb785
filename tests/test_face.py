"""The HTTP face over real sockets: answers, refusals, and that nobody can hold it up."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterable

import pytest

import p9.face as face_module
from p9.face import CannotServe, Face, PortTaken
from p9.metrics import Sample

HOST = "127.0.0.1"


class World:
    """What the face asks."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.error: Exception | None = None

    def ready(self) -> list[str]:
        if self.error:
            raise self.error
        return self.missing

    def metrics(self) -> Iterable[Sample]:
        if self.error:
            raise self.error
        yield Sample("p9_x_total", "counter", "X", {"symbol": "币"}, 7)


def served(test: Callable[[Face, World], Awaitable[None]], port: int = 0) -> None:
    async def main() -> None:
        world = World()
        face = Face(HOST, port, world.ready, world.metrics)
        await face.start()
        try:
            await asyncio.wait_for(test(face, world), 20)
        finally:
            await face.stop()

    asyncio.run(main())


async def raw(face: Face, request: bytes) -> bytes:
    """All that comes back until the other side closes."""
    reader, writer = await asyncio.open_connection(HOST, face.port)
    writer.write(request)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def ask(face: Face, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\n\r\n"
    return parsed(await raw(face, request.encode()))


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    return int(first.split()[1]), headers, body


def test_live_ready_metrics() -> None:
    async def test(face: Face, world: World) -> None:
        status, headers, body = await ask(face, "/live")
        assert (status, json.loads(body)) == (200, {"live": True})
        assert headers["server"] == "p9"
        assert headers["connection"] == "close"
        status, headers, body = await ask(face, "/ready")
        assert (status, json.loads(body)) == (200, {"ready": True, "missing": []})
        assert headers["content-type"] == "application/json"
        world.missing = ["trade:okx:BTCUSDT", "redis"]
        status, _, body = await ask(face, "/ready?x=1")
        want = {"ready": False, "missing": ["trade:okx:BTCUSDT", "redis"]}
        assert (status, json.loads(body)) == (503, want)
        status, headers, body = await ask(face, "/metrics")
        assert status == 200
        assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert body.decode().endswith('p9_x_total{symbol="币"} 7\n')

    served(test)


def test_head_has_no_body() -> None:
    async def test(face: Face, world: World) -> None:
        for path in ("/live", "/ready", "/metrics"):
            status, headers, body = await ask(face, path, "HEAD")
            assert (status, body) == (200, b"")
            assert int(headers["content-length"]) > 0

    served(test)


def test_other_paths_and_methods() -> None:
    async def test(face: Face, world: World) -> None:
        for path in ("/", "/live/", "/../etc/passwd", "/METRICS"):
            assert (await ask(face, path))[0] == 404
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
            status, headers, _ = await ask(face, "/live", method)
            assert (status, headers["allow"]) == (405, "GET, HEAD")
        body = b"POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\nabc"
        assert parsed(await raw(face, body))[0] == 405

    served(test)


def test_errors_inside_are_answers_and_are_not_shown() -> None:
    async def test(face: Face, world: World) -> None:
        world.error = RuntimeError("hunter22")
        status, _, body = await ask(face, "/metrics")
        assert (status, body) == (500, b"internal error\n")
        status, _, body = await ask(face, "/ready")
        assert status == 503
        assert json.loads(body)["ready"] is False
        assert b"hunter22" not in body
        assert (await ask(face, "/live"))[0] == 200

    served(test)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1000 + b"\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_no_http_gets_a_short_answer(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(face: Face, world: World) -> None:
        answer = await raw(face, request_bytes)
        status, headers, body = parsed(answer)
        assert status == 400
        assert headers["server"] == "p9"
        assert b"aiohttp" not in answer
        assert body == b"bad request\n"
        assert (await ask(face, "/live"))[0] == 200

    served(test)
    assert not [r for r in caplog.records if r.levelname in ("WARNING", "ERROR")]


def test_no_answer_names_a_version() -> None:
    async def test(face: Face, world: World) -> None:
        for path, method in (("/live", "GET"), ("/x", "GET"), ("/live", "POST")):
            _, headers, _ = await ask(face, path, method)
            assert headers["server"] == "p9"

    served(test)


def test_a_silent_connection_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_module, "DEADLINE_S", 0.3)

    async def test(face: Face, world: World) -> None:
        for request in (b"", b"GET /live HTTP/1.1\r\nHost:", b"POST /x HTTP/1.1\r\n"):
            began = asyncio.get_running_loop().time()
            await raw(face, request)
            assert asyncio.get_running_loop().time() - began < 5

    served(test)


def test_a_reader_that_does_not_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_module, "DEADLINE_S", 0.3)
    big = Sample("p9_x_total", "counter", "x" * 30_000_000, {}, 1)

    async def main() -> None:
        face = Face(HOST, 0, list, lambda: [big])
        await face.start()
        _, writer = await asyncio.open_connection(HOST, face.port, limit=1024)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.15)
        assert face.connections == 1
        await asyncio.sleep(0.5)
        assert face.connections == 0
        writer.close()
        await face.stop()

    asyncio.run(main())


def test_few_connections_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_module, "MAX_CONNECTIONS", 5)

    async def test(face: Face, world: World) -> None:
        idle = [await asyncio.open_connection(HOST, face.port) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert await raw(face, b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        for _, writer in idle:
            writer.close()
        await asyncio.sleep(0.05)
        assert (await ask(face, "/live"))[0] == 200

    served(test)


def test_one_request_for_each_connection() -> None:
    async def test(face: Face, world: World) -> None:
        one = b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
        assert (await raw(face, one * 3)).count(b"HTTP/1.1 200") == 1

    served(test)


@pytest.mark.parametrize("loop_kind", ["asyncio", "uvloop"])
def test_port_taken(loop_kind: str) -> None:
    async def main(port: int) -> None:
        face = Face(HOST, port, list, list)
        with pytest.raises(PortTaken, match=f"{HOST}:{port} is taken"):
            await face.start()
        await face.stop()

    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        factory = pytest.importorskip("uvloop").new_event_loop if loop_kind == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main(other.getsockname()[1]))


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_ours(host: str) -> None:
    async def main() -> None:
        with pytest.raises(CannotServe, match="cannot listen on"):
            await Face(host, 0, list, list).start()

    asyncio.run(main())


def test_stop_is_quick_harmless_and_frees_the_port() -> None:
    async def main() -> None:
        face = Face(HOST, 0, list, list)
        await face.stop()
        await face.start()
        await asyncio.open_connection(HOST, face.port)
        await asyncio.sleep(0.02)
        began = asyncio.get_running_loop().time()
        await face.stop()
        await face.stop()
        assert asyncio.get_running_loop().time() - began < 3
        again = Face(HOST, face.port, list, list)
        await again.start()
        await again.stop()

    asyncio.run(main())
