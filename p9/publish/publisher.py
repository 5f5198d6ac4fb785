"""Steps 10 and 11: the engine's batches to Redis, and every one of them confirmed.

Pub/sub commands are written as they come and confirmed by counting replies; what is unconfirmed
when a connection ends is written again, in order (at-least-once). Stream commands go through
`streamlog` (exactly-once). Both wait in bounded memory while there is no server.

    open -> negotiate_epoch -> (the engine is made) -> attach -> flush ... -> drain -> close
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import NamedTuple, Protocol

from p9.config.model import Redis
from p9.connect.pacing import Backoff
from p9.log import event
from p9.publish import epoch
from p9.publish.pubqueue import PubQueue
from p9.publish.pubstats import Latency, Ledger
from p9.publish.redis_link import (
    LinkLost,
    RedisLink,
    RedisRefused,
    RedisUnreachable,
    ServerInfo,
    connect,
    label,
    pack,
)
from p9.publish.streamlog import StreamLog, StreamNames

__all__ = ["Publisher", "RedisRefused", "RedisUnreachable", "Unconfirmed"]

log = logging.getLogger("p9.publish.publisher")

RETRY_FIRST_S = 0.05
RETRY_CAP_S = 5.0
STEADY_AFTER_S = 2.0
"""A connection that has lived so long counts as a success: the back-off starts anew."""
HELD_UP_FLUSH_S = 0.02
"""Hand-overs are this far apart while nothing can be written: fewer, larger batches."""
MAX_WRITE_BYTES = 1 << 20
TICK_S = 0.25


class EngineOutput(Protocol):
    """What the publisher uses of p9core.engine.Engine."""

    def take_pub(self) -> tuple[bytes, int, int, int] | None: ...
    def take_log(self) -> tuple[bytes, bytes, int] | None: ...
    def channel_name(self, channel: int, /) -> str: ...
    def stream_key(self, channel: int, /) -> str: ...


class Unconfirmed(NamedTuple):
    """What is on its way or waiting."""

    messages: int
    """PUBLISHes."""
    stream_commands: int

    @property
    def total(self) -> int:
        return self.messages + self.stream_commands


class Publisher:
    """One per engine. Callbacks run in the loop and must not raise:

    `on_dropped(kind, n, reason)`: messages that Redis will not get; kind "pub" for pub/sub, else
    the stream kind ("trade"). At most every TICK_S, summed up.
    `on_link(up, text)`: connected, or disconnected and why. After a reconnect the server may be
    another one, or empty: what was said only once (sets, metadata) should be said again.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        on_dropped: Callable[[str, int, str], None] | None = None,
        on_link: Callable[[bool, str], None] | None = None,
        connect_timeout_s: float = 5.0,
        reply_timeout_s: float = 5.0,
    ) -> None:
        self.address = redis.address
        self.ledger = Ledger(on_dropped)
        self.epoch = 0
        self._prefix = redis.prefix
        self._tls_ca = redis.tls_ca
        self._on_link = on_link
        self._connect_timeout_s = connect_timeout_s
        self._reply_timeout_s = reply_timeout_s
        self._limit_bytes = redis.buffer_mb << 20
        self._streams = StreamLog(
            self.ledger,
            keep_s=redis.keep_s,
            kept_limit_bytes=self._limit_bytes // 2,
            wake=self._pump,
        )
        self._pubs = PubQueue(self.ledger, self._note_idle)
        self._engine: EngineOutput | None = None
        self._link: RedisLink | None = None
        self._linked_ns = 0
        self._predecessor = ServerInfo()
        self._backoff = Backoff(RETRY_FIRST_S, RETRY_CAP_S)
        self._handle: asyncio.Handle | None = None
        self._tick_handle: asyncio.TimerHandle | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._disconnected = asyncio.Event()
        self._idle = asyncio.Event()
        self._closed = False

    # --- life -------------------------------------------------------------------------------

    async def open(self, timeout_s: float = 30.0) -> None:
        """Connects, trying for `timeout_s`; from then on it stays or comes back by itself.

        Raises RedisUnreachable; RedisRefused at once, where waiting would not help.
        """
        until = time.monotonic() + timeout_s
        while True:
            try:
                self._adopt(await self._connect(max(0.1, until - time.monotonic())))
                break
            except RedisRefused:
                raise
            except RedisUnreachable as error:
                delay_s = min(1.0, self._backoff.next())
                if time.monotonic() + delay_s > until:
                    raise
                self._note_unreachable(error)
                await asyncio.sleep(delay_s)
        self._supervisor = asyncio.create_task(self._stay_connected())
        self._tick()

    async def negotiate_epoch(self, stream_keys: Iterable[str], prefix: str, now_ms: int) -> int:
        """See epoch.negotiate. Before `attach`."""
        if self._link is None:
            raise RedisUnreachable(f"{label(self.address)}: not connected")
        try:
            self.epoch = await epoch.negotiate(self._link, stream_keys, prefix, now_ms)
        except LinkLost as error:
            raise RedisUnreachable(f"{label(self.address)}: lost while starting") from error
        return self.epoch

    def attach(self, engine: EngineOutput, epoch: int | None = None) -> None:
        """From now on `flush` takes from this engine. `epoch`: where none was negotiated."""
        self.epoch = self.epoch if epoch is None else epoch
        skip = len(self._prefix)
        self._streams.names = StreamNames(
            self.epoch, engine.stream_key, lambda c: engine.channel_name(c)[skip:].partition(":")[0]
        )
        self._engine = engine

    def flush(self) -> None:
        """There may be output. Called at the end of socket reads and by the 100 ms timer.

        All calls of one loop turn make one hand-over, and so one write.
        """
        if self._handle is not None or self._closed:
            return
        loop = asyncio.get_running_loop()
        if self._link is not None and self._link.writable:
            self._handle = loop.call_soon(self._hand_over)
        else:
            self._handle = loop.call_later(HELD_UP_FLUSH_S, self._hand_over)

    async def drain(self, timeout_s: float) -> Unconfirmed:
        """Takes what the engine has, waits for all confirmations; returns what is left."""
        self._hand_over()
        try:
            async with asyncio.timeout(timeout_s):
                while self.unconfirmed().total:
                    self._idle.clear()
                    await self._idle.wait()
                    self._hand_over()
        except TimeoutError:
            pass  # what is left says it
        return self.unconfirmed()

    async def close(self) -> None:
        """Ends everything. What is unconfirmed is counted as dropped ("closed") and reported."""
        if self._closed:
            return
        self._closed = True
        for handle in (self._handle, self._tick_handle):
            if handle is not None:
                handle.cancel()
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
        link, self._link = self._link, None
        if link is not None:
            link.on_lost = link.on_writable = None
            link.close()
        self._streams.stop()
        self._streams.abandon("closed")
        self._pubs.abandon("closed")
        self.ledger.report()

    # --- numbers ----------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._link is not None

    @property
    def latency(self) -> Latency:
        """From the first receive in a batch to its confirmation, per message."""
        return self.ledger.latency

    @property
    def stages(self) -> dict[str, Latency]:
        """Parts of the latency: "core" (receive to hand-over), "redis" (write to reply)."""
        return self.ledger.stages

    def unconfirmed(self) -> Unconfirmed:
        return Unconfirmed(self._pubs.messages, self._streams.waiting)

    def stats(self) -> dict[str, object]:
        """For metrics and logs; counters are cumulative, times in ns."""
        pubs, streams = self._pubs, self._streams
        oldest = [ns for ns in (pubs.oldest_taken_ns(), streams.oldest_taken_ns()) if ns]
        return {
            "connected": self.connected,
            "streams_ready": streams.ready,
            **asdict(self.ledger.counters),
            "unconfirmed_batches": pubs.batches,
            "unconfirmed_messages": pubs.messages,
            "unconfirmed_stream_commands": streams.waiting,
            "unconfirmed_bytes": pubs.bytes + streams.bytes - streams.kept_bytes,
            "unconfirmed_age_ns": time.monotonic_ns() - min(oldest) if oldest else 0,
            "kept_bytes": streams.kept_bytes,
            "limit_bytes": self._limit_bytes,
            "latency": asdict(self.latency.period()),
            "latency_total": asdict(self.latency.total()),
        }

    # --- hand-over --------------------------------------------------------------------------

    def _hand_over(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        engine = self._engine
        if engine is None:
            return
        if (output := engine.take_pub()) is not None:
            self._pubs.take(*output)
        if (commands := engine.take_log()) is not None:
            self._streams.take(*commands)
        excess = self._pubs.bytes + self._streams.bytes - self._limit_bytes
        if excess > 0:
            excess -= self._pubs.shed(excess)
            if excess > 0:
                self._streams.shed(excess)
        self._pump()

    def _pump(self) -> None:
        """Writes what may be written now: pub/sub first, at most one transaction."""
        link = self._link
        if link is not None and link.writable:
            transaction = self._streams.next()
            while link.writable and (transaction is not None or self._pubs.waiting):
                parts = self._pubs.next(link, MAX_WRITE_BYTES)
                if transaction is not None:
                    link.owe(transaction)
                    parts += transaction.parts()
                    transaction = None
                link.write(parts)
        self._note_idle()

    def _note_idle(self) -> None:
        if not self.unconfirmed().total:
            self._idle.set()

    # --- the connection ---------------------------------------------------------------------

    async def _connect(self, timeout_s: float | None = None) -> RedisLink:
        link = await connect(
            self.address,
            timeout_s=min(self._connect_timeout_s, timeout_s or self._connect_timeout_s),
            reply_timeout_s=self._reply_timeout_s,
            tls_ca=self._tls_ca,
        )
        before = self._predecessor
        if before.client_id and before.run_id == link.server.run_id != "":
            # What the old connection still has in the server's socket must not be executed
            # after what is written here: an older "last:" value would stay.
            try:
                await link.ask([pack("CLIENT", "KILL", "ID", before.client_id)])
            except LinkLost as error:
                raise RedisUnreachable(f"{label(self.address)}: lost at once") from error
            except asyncio.CancelledError:
                link.drop("closed here")
                raise
        return link

    def _adopt(self, link: RedisLink) -> None:
        """Everything goes over this connection now: first what was unconfirmed."""
        link.on_lost = lambda reason: self._lost(link, reason)
        link.on_writable = self._pump
        if link.closed:
            link.on_lost = None
            raise RedisUnreachable(f"{label(self.address)}: {link.end_reason}")
        self._link = link
        self._linked_ns = time.monotonic_ns()
        self._predecessor = link.server
        self._disconnected.clear()
        event(log, "info", "redis connected", redis=label(self.address),
              version=link.server.version)  # fmt: skip
        self._streams.start(link)
        self._pump()
        if self._on_link is not None:
            self._on_link(True, "connected")

    def _lost(self, link: RedisLink, reason: str) -> None:
        if link is not self._link:
            return
        self._link = None
        self._streams.stop()
        self._pubs.take_back()
        if time.monotonic_ns() - self._linked_ns > STEADY_AFTER_S * 1e9:
            self._backoff.reset()
        self._disconnected.set()
        event(log, "warning", "redis connection lost", reason=reason)
        if self._on_link is not None:
            self._on_link(False, reason)

    async def _stay_connected(self) -> None:
        """Connects again whenever the connection is lost; never gives up."""
        while True:
            await self._disconnected.wait()
            await asyncio.sleep(self._backoff.next())
            try:
                self._adopt(await self._connect())
                self.ledger.counters.reconnects += 1
            except RedisUnreachable as error:
                self._note_unreachable(error)
            except Exception:
                log.exception("internal error while connecting to redis")

    def _note_unreachable(self, error: RedisUnreachable) -> None:
        if (held := self.ledger.throttle("connect")) is not None:
            event(log, "warning", "redis unreachable", error=error, held=held)

    def _tick(self) -> None:
        self._tick_handle = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        self._streams.prune()
        self.ledger.report()
