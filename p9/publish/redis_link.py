"""One raw connection to Redis: bytes out, replies counted off in order.

Policy lives above (publisher, streamlog): what is sent again, what is dropped. This file knows
the address, the handshake, TLS, and that every write is owed a known number of replies. It is the
only file of the package that imports hiredis.

A connection ends itself when a reply arrives that nobody is owed, when the bytes are no Redis
protocol, and when replies are owed but nothing at all has arrived for `reply_timeout_s`.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import hiredis

from p9 import tls
from p9.config import RedisAddress
from p9.secret import MASK

ReplyError = hiredis.ReplyError

READ_BUFFER_BYTES = 65_536
WRITE_HIGH_WATER_BYTES = 1 << 20
WATCH_PER_TIMEOUT = 4
"""The watch looks this often per reply timeout, and acts on the second look that finds silence:
after a stall of this process itself the first look may come before the waiting bytes are read."""

_NOTHING = object()  # not False or None: both are replies
_PING = b"*1\r\n$4\r\nPING\r\n"
_RETRY_LATER_WORDS = frozenset({"LOADING", "MASTERDOWN", "BUSY", "CLUSTERDOWN"})
_MAX_CLIENTS_TEXT = "max number of clients"


class RedisUnreachable(Exception):
    """No usable connection; waiting may help."""


class RedisRefused(RedisUnreachable):
    """The server answered and said no (password, rights, certificate); waiting does not help."""


class LinkLost(Exception):
    """The connection ended before the replies came."""


def pack(*words: str | int | bytes) -> bytes:
    """One command as RESP bytes; for what is rare (the hot path is written by p9core)."""
    # The stub's tuple type has room for one element only.
    return cast("bytes", hiredis.pack_command(words))  # type: ignore[arg-type]


def error_word(error: object) -> str:
    """First word of an error reply ("OOM", "WRONGTYPE"): few different ones, fit for counting."""
    word = str(error).split(" ", 1)[0][:24]
    return word if word.isalnum() and word.isupper() else "other"


def label(address: RedisAddress) -> str:
    """The address for logs: without user and password."""
    if address.path:
        return f"unix://{address.path}?db={address.db}"
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{'rediss' if address.tls else 'redis'}://{host}:{address.port}/{address.db}"


class Expect:
    """The replies owed to one write. `replies` keeps them; where it is None only errors matter."""

    __slots__ = ("owed", "replies")

    def __init__(self, owed: int, *, keep: bool) -> None:
        self.owed = owed
        self.replies: list[object] | None = [] if keep else None

    def on_error(self, text: str) -> None:
        """An error reply, where replies are not kept."""

    def on_done(self) -> None:
        """The last owed reply has come."""

    def on_lost(self) -> None:
        """The connection ended first."""


class _Ask(Expect):
    """A request somebody awaits."""

    __slots__ = ("future",)

    def __init__(self, owed: int, future: asyncio.Future[list[object]]) -> None:
        super().__init__(owed, keep=True)
        self.future = future

    def on_done(self) -> None:
        if not self.future.done():
            self.future.set_result(self.replies or [])

    def on_lost(self) -> None:
        if not self.future.done():
            self.future.set_exception(LinkLost())


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Who answered; empty or 0 where the server does not tell."""

    run_id: str = ""
    client_id: int = 0
    process_id: int = 0
    version: str = ""


class RedisLink(asyncio.BufferedProtocol):
    """The protocol object of one connection. Made by `connect`."""

    def __init__(self, reply_timeout_s: float) -> None:
        self.on_lost: Callable[[str], None] | None = None
        self.on_writable: Callable[[], None] | None = None
        self.server = ServerInfo()
        self.closed = False
        self.writable = False
        self.last_reply_ns = time.monotonic_ns()
        self._reply_timeout_ns = int(reply_timeout_s * 1e9)
        self._watch_s = reply_timeout_s / WATCH_PER_TIMEOUT
        self._watch_handle: asyncio.TimerHandle | None = None
        self._suspect = False
        self._owed: deque[Expect] = deque()
        self._owed_since_ns = 0
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._buffer = bytearray(READ_BUFFER_BYTES)
        self._transport: asyncio.Transport | None = None
        self.end_reason = "closed by the server"

    # --- asyncio's side ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER_BYTES)
        self.writable = True
        loop = asyncio.get_running_loop()
        self._watch_handle = loop.call_later(self._watch_s, self._watch)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.closed:
            return
        self.last_reply_ns = time.monotonic_ns()
        owed, gets = self._owed, self._reader.gets
        try:
            # The stub names str and bytes only; the reader takes any buffer and copies it.
            self._reader.feed(cast("bytes", self._buffer), 0, nbytes)
            while (reply := gets()) is not _NOTHING:
                if not owed:
                    self.drop("a reply that nobody is owed")
                    return
                head = owed[0]
                if head.replies is not None:
                    head.replies.append(reply)
                elif isinstance(reply, ReplyError):
                    head.on_error(str(reply))
                head.owed -= 1
                if not head.owed:
                    owed.popleft()
                    head.on_done()
                    if self.closed:
                        return
        except hiredis.ProtocolError as error:
            self.drop(f"not the Redis protocol: {error}")

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        if not self.closed:
            self.writable = True
            if self.on_writable is not None:
                self.on_writable()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self.end_reason = f"{type(error).__name__}: {error}"
        self._end()
        owed, self._owed = self._owed, deque()
        for expect in owed:
            expect.on_lost()
        if self.on_lost is not None:
            self.on_lost(self.end_reason)

    # --- the owner's side -------------------------------------------------------------------

    def owe(self, expect: Expect) -> None:
        """The next write (or part of it) earns these replies."""
        if not self._owed:
            self._owed_since_ns = time.monotonic_ns()
        self._owed.append(expect)

    def write(self, parts: Sequence[bytes]) -> None:
        """All parts in one write. The replies must have been announced by `owe`."""
        if self.closed or self._transport is None:
            return
        if len(parts) == 1:
            self._transport.write(parts[0])
        else:
            self._transport.writelines(parts)

    async def request(self, parts: Sequence[bytes], owed: int) -> list[object]:
        """Writes, and returns the replies (error replies as values). Raises LinkLost."""
        if self.closed:
            raise LinkLost
        future: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()
        self.owe(_Ask(owed, future))
        self.write(parts)
        return await future

    async def ask(self, commands: Sequence[bytes]) -> list[object]:
        """`request` for packed commands, one reply each."""
        return await self.request([b"".join(commands)], len(commands)) if commands else []

    def drop(self, reason: str) -> None:
        """Ends the connection at once; `on_lost` follows in the loop."""
        if not self.closed:
            self.end_reason = reason
            self._end()
            if self._transport is not None:
                self._transport.abort()

    def close(self) -> None:
        """Ends the connection after what is written has been sent."""
        if not self.closed:
            self.end_reason = "closed here"
            self._end()
            if self._transport is not None:
                self._transport.close()

    def _end(self) -> None:
        self.closed = True
        self.writable = False
        if self._watch_handle is not None:
            self._watch_handle.cancel()

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._watch_handle = loop.call_later(self._watch_s, self._watch)
        now_ns = time.monotonic_ns()
        if self._owed:
            # Progress counts, not the age of the oldest write: a long backlog may take its time.
            silent_ns = now_ns - max(self.last_reply_ns, self._owed_since_ns)
            if silent_ns <= self._reply_timeout_ns:
                self._suspect = False
            elif self._suspect:
                self.drop(f"no reply for {silent_ns / 1e9:.1f} s")
            else:
                self._suspect = True
        elif now_ns - self.last_reply_ns > self._reply_timeout_ns:
            # An idle connection is tried, so that a dead one is found before it is needed.
            self.owe(Expect(1, keep=False))
            self.write([_PING])


async def connect(
    address: RedisAddress, *, timeout_s: float, reply_timeout_s: float, tls_ca: str | None = None
) -> RedisLink:
    """Connects, authenticates, selects the database. Raises RedisUnreachable or RedisRefused."""
    loop = asyncio.get_running_loop()
    where = label(address)
    context = _tls_context(tls_ca) if address.tls else None
    link = RedisLink(reply_timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            if address.path:
                await loop.create_unix_connection(lambda: link, address.path)
            else:
                await loop.create_connection(lambda: link, address.host, address.port, ssl=context)
            link.server = await _handshake(link, address)
    except ssl.SSLCertVerificationError as error:
        raise RedisRefused(f"{where}: {error.verify_message}") from error
    except TimeoutError as error:
        raise RedisUnreachable(f"{where}: no answer within {timeout_s:g} s") from error
    except LinkLost as error:
        raise RedisUnreachable(f"{where}: {link.end_reason}") from error
    except OSError as error:
        raise RedisUnreachable(f"{where}: {error.strerror or error}") from error
    finally:
        if not link.server.version:
            link.drop("the handshake failed")
    return link


def _tls_context(tls_ca: str | None) -> ssl.SSLContext:
    try:
        return tls.context(tls_ca)
    except OSError as error:  # ssl.SSLError too
        raise RedisRefused(f"CA file {tls_ca}: {error.strerror or error}") from error


async def _handshake(link: RedisLink, address: RedisAddress) -> ServerInfo:
    password = address.password.reveal()
    needed: list[bytes] = []
    if address.username:
        needed.append(pack("AUTH", address.username, password))
    elif password:
        needed.append(pack("AUTH", password))
    if address.db:
        needed.append(pack("SELECT", address.db))
    # An empty transaction: where MULTI is not allowed, XADDs would run one by one.
    needed += [pack("MULTI"), pack("EXEC"), _PING]
    useful = [
        pack("CLIENT", "SETNAME", f"p9-{os.getpid()}"),
        pack("CLIENT", "ID"),
        pack("INFO", "server"),
    ]
    replies = await link.ask(needed + useful)
    for reply in replies[: len(needed)]:
        if isinstance(reply, ReplyError):
            text = str(reply)
            if password:
                text = text.replace(password, MASK)
            later = error_word(reply) in _RETRY_LATER_WORDS or _MAX_CLIENTS_TEXT in text
            raise (RedisUnreachable if later else RedisRefused)(f"{label(address)}: {text}")
    client_id, info = replies[-2:]
    facts = _info(info) if isinstance(info, bytes) else {}
    return ServerInfo(
        run_id=facts.get("run_id", ""),
        client_id=client_id if isinstance(client_id, int) else 0,
        process_id=int(facts.get("process_id", "0")),
        version=facts.get("valkey_version") or facts.get("redis_version") or "unknown",
    )


def _info(text: bytes) -> dict[str, str]:
    """The INFO reply as a mapping."""
    pairs = (line.partition(":") for line in text.decode("utf-8", "replace").splitlines())
    return {key: value for key, colon, value in pairs if colon}
