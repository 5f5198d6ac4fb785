"""One connection's life: connect, subscribe, keep alive, notice its death, try again.

A session keeps a fixed set of topics alive on one socket at a time until it is closed. What
spans several connections (who carries which topic, rotation, the silence of a single topic)
is decided by its hub, `p9.feeds`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from picows import WSError, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from p9.lane import AGE, Lane, Topic
from p9.liveness import Pulse
from p9.pacing import Backoff
from p9.rest import retry_after
from p9.subscriptions import Subscriptions
from p9.venues import DEPTH, ControlLike

log = logging.getLogger(__name__)

CONNECT_S = 15.0            # name, TCP, TLS and upgrade together
HANDSHAKE_S = 8.0
STABLE_S = 30.0             # a connection that lived so long was a good one
BLOCKED_S = 30.0            # the upgrade was refused for too many of them
REFUSED_RETRY_S = 300.0     # a refused topic is tried again, by itself
REPEAT_LOG_S = 60.0


# (connection number, owner) -> listener, e.g. `FeedListener` bound to an engine
ListenerFactory = Callable[[int, "Session"], WSListener]


class Session:
    """Owner of its listener: `on_open`, `on_close`, `on_control` and `flush` are its calls."""

    def __init__(self, lane: Lane, socket: str, url: str, topics: Iterable[Topic],
                 *, watch_frames: bool = False) -> None:
        """`watch_frames`: note which topics have data on this very connection (`Topic.here`)."""
        self.lane = lane
        self.socket, self.url = socket, url
        self.topics = {topic.name: topic for topic in topics}
        self.state = "new"                      # new | connecting | open | waiting | closed
        self.why = ""                           # the last reason for not being open
        self.opened_at = 0.0                    # loop time
        self.conn = -1
        self.flush = lane.port.flush
        self._loop = asyncio.get_running_loop()
        self._wire = lane.endpoint.wire
        self._watch_frames = watch_frames
        self._backoff = Backoff(lane.settings.backoff_s, lane.settings.backoff_max_s)
        self._refused = {name for name, topic in self.topics.items() if topic.state == "refused"}
        self._transport: WSTransport | None = None
        self._listener: WSListener | None = None
        self._requests: Subscriptions | None = None
        self._expecting = False                 # a connection is being opened
        self._closing = False
        self._end_reason = ""
        self._rotate_at = 0.0
        self._pulse = Pulse(lane.endpoint.heartbeat, lane.settings.quiet.connection_s)
        self._ping_id = ""
        self._logged_at = -REPEAT_LOG_S
        self._task = self._loop.create_task(self._run(), name=f"ws {lane.endpoint.name} {socket}")

    # -- life -----------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._closing:
            try:
                wait = await self._connection()
            except Exception:
                # nothing that happens to one connection may end the session
                log.exception("ws %s: internal error", self.lane.endpoint.name)
                wait = 0.0
            if self._closing:
                break
            self.state = "waiting"
            self.lane.hub.on_lost(self)
            if self._closing:
                break
            await asyncio.sleep(max(wait, self._backoff.next()))
        self.state = "closed"

    async def _connection(self) -> float:
        """One connection from the attempt to its end; the least wait before the next."""
        lane = self.lane
        self.state = "connecting"
        await lane.pacer.take()
        self.conn = conn = lane.port.open(lane.endpoint)
        self._end_reason = ""
        error: Exception | None = None
        self._expecting = True
        try:
            async with asyncio.timeout(CONNECT_S):
                await ws_connect(
                    lambda: self._make(conn), self.url, ssl_context=lane.tls,
                    enable_auto_pong=False, max_frame_size=lane.settings.max_frame_bytes,
                    websocket_handshake_timeout=HANDSHAKE_S, max_redirects=0)
        except (OSError, WSError, ssl.SSLError, ValueError) as raised:
            error = raised
        finally:
            self._expecting = False
            if self._transport is None:
                lane.port.close(conn, "not opened")
        if self._transport is None:             # a loss during the handshake raises nothing
            return self._not_reached(error or ConnectionError("closed during the handshake"))
        try:
            if error is not None:
                self.reconnect(str(error))
            await self._transport.wait_disconnected()
        except Exception as raised:             # whatever the protocol or the listener raised
            self._end_reason = self._end_reason or f"{type(raised).__name__}: {raised}"
        finally:
            self._ended(conn)
        return 0.0

    def _close_frame(self) -> str:
        """What the venue said when it closed; "" if it said nothing."""
        handshake = self._transport.close_handshake if self._transport is not None else None
        said = handshake.recv if handshake is not None else None
        if said is None:
            return ""
        code = getattr(said.code, "value", said.code)
        return f"closed by the venue: {code} {said.reason[:100]}".rstrip()

    def _make(self, conn: int) -> WSListener:
        self._listener = listener = self.lane.make_listener(conn, self)
        return listener

    def _not_reached(self, error: Exception) -> float:
        self.lane.counters["connect_failures"] += 1
        self.why = f"not reached: {type(error).__name__} {str(error)[:120]}"
        now = self._loop.time()
        if now - self._logged_at >= REPEAT_LOG_S:
            self._logged_at = now
            log.warning("ws %s %s: %s", self.lane.endpoint.name, self.url, self.why)
        if isinstance(error, WSHandshakeError) and error.response is not None and (
                error.response.status in (403, 418, 429)):
            return max(BLOCKED_S, retry_after(error.response.headers)) * random.uniform(1.0, 1.3)
        return 0.0

    def on_open(self, transport: WSTransport) -> None:
        """The upgrade is done; no frame has come yet."""
        if not self._expecting or self._closing:
            transport.disconnect(False)             # it came after all, nobody waits any more
            return
        lane, now = self.lane, self._loop.time()
        self._expecting = False
        self._transport = transport
        self.state, self.why = "open", ""
        self.opened_at = now
        self._pulse.start(now)
        self._rotate_at, self._ping_id = 0.0, ""
        if lane.endpoint.limits.life_s:
            life = min(lane.settings.rotate_s, 0.98 * lane.endpoint.limits.life_s)
            self._rotate_at = now + life * random.uniform(0.95, 1.0)
        lane.counters["connects"] += 1
        lane.port.opened(self.conn, lane.endpoint, self.url)
        log.info("ws %s: open, %d topics, %s", lane.endpoint.name, len(self.topics), self.url)
        self._attach()
        self._requests = Subscriptions(
            self._wire, lane.endpoint.limits, self, lane.counters)
        self._requests.subscribe(
            [name for name, topic in self.topics.items() if topic.state != "refused"])
        lane.hub.on_open(self)

    def on_close(self) -> None:
        """The listener says that the connection is gone; `_connection` goes on from here."""

    def _ended(self, conn: int) -> None:
        now, lane = self._loop.time(), self.lane
        lived = now - self.opened_at
        reason = self._end_reason or self._close_frame() or "connection lost"
        if self._requests is not None:
            self._requests.stop()
        self._transport = self._requests = self._listener = None
        if lived >= STABLE_S:
            self._backoff.reset()
        if not self._closing:
            self.state, self.why = "waiting", reason
            lane.counters["drops"] += 1
            log.warning("ws %s: lost after %.1f s: %s", lane.endpoint.name, lived, reason)
        for topic in self.topics.values():
            if (not self._closing and topic.row.feed == DEPTH and topic.state in ("sent", "acked")
                    and not lane.hub.carried_elsewhere(self, topic)):
                lane.port.invalidate(topic.number, topic.instrument, "disconnect")
            if topic.state != "refused":
                topic.state = "wanted"
            topic.here = topic.heard = False
            topic.silent = ""
        lane.port.close(conn, reason)

    def reconnect(self, reason: str) -> None:
        """Ends the connection; a new one follows."""
        if self._transport is not None and not self._end_reason:
            self._end_reason = reason
            self.lane.counters["reconnects"] += 1
            self._transport.disconnect(False)

    def close(self, reason: str = "closed") -> None:
        """Ends it for good. Nothing is invalidated: the caller knows who carries the topics."""
        self._closing = True
        self._end_reason = self._end_reason or reason
        if self._transport is not None:
            self._transport.disconnect(False)       # `_run` ends with the connection
        else:
            self._task.cancel()
            self.state = "closed"

    async def wait_closed(self) -> None:
        await asyncio.wait([self._task], timeout=5.0)
        if not self._task.done():
            self._task.cancel()

    # -- frames ---------------------------------------------------------------------------

    def _attach(self) -> None:
        """Sets who sees each frame: the recorder, and for a while the look-out for topics."""
        recorder = self.lane.port.recorder
        sink = recorder.frame if recorder is not None else None
        if not self._watch_frames:
            setattr(self._listener, "recorder", sink)   # noqa: B010  (a compiled attribute)
            return
        missing = {name for name, topic in self.topics.items() if not topic.here}

        def look_out(conn: int, recv_ns: int, frame: bytes) -> None:
            if sink is not None:
                sink(conn, recv_ns, frame)
            name = self._wire.topic_of(frame)
            if name in missing:
                missing.discard(name)
                if name in self.topics:
                    self.topics[name].here = True
                if not missing:
                    self._watch_frames = False
                    setattr(self._listener, "recorder", sink)   # noqa: B010

        setattr(self._listener, "recorder", look_out)   # noqa: B010

    def on_control(self, control: ControlLike) -> None:
        """An acknowledgement, error, pong or notice. Never raises: the listener is C code."""
        try:
            if control.kind == "pong" or (control.id and control.id == self._ping_id):
                self._pulse.pong()
            elif self._wire.leaving(control):
                self.lane.hub.renew(self, control.msg or "the venue will close it")
            elif control.kind in ("ack", "error") and self._requests is not None:
                self._requests.on_control(control)
        except Exception:
            log.exception("ws %s: internal error", self.lane.endpoint.name)

    # -- subscriptions (the owner of `Subscriptions`) --------------------------------------

    def send_text(self, text: str) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, text.encode())
            self.lane.port.sent(self.conn, text)

    def on_sent(self, topics: Sequence[str]) -> None:
        now, port = self._loop.time(), self.lane.port
        for name in topics:
            topic = self.topics.get(name)
            if topic is None:
                continue
            topic.state = "sent"
            topic.watch.start(now, port.engine.last_seen(topic.number, topic.row.feed))
            if topic.row.feed == DEPTH and port.engine.book_state(topic.number) in (
                    "COLD", "INVALID"):
                port.subscribed(topic.number, topic.instrument)

    def on_accepted(self, name: str) -> None:
        topic = self.topics.get(name)
        if topic is not None:
            topic.state, topic.reason = "acked", ""
            topic.acked_ns = self.lane.port.clock_ns()
            topic.watch.acknowledged(self._loop.time())

    def on_refused(self, name: str, reason: str) -> None:
        topic = self.topics.get(name)
        if topic is not None:
            topic.state, topic.reason = "refused", reason[:200]
            topic.retry_at = self._loop.time() + REFUSED_RETRY_S * random.uniform(1.0, 1.3)
            self._refused.add(name)
            self.lane.hub.on_refused(self, topic)

    def has_spoken(self, name: str) -> bool:
        topic = self.topics.get(name)
        return topic is None or topic.watch.spoke(
            self.lane.port.engine.last_seen(topic.number, topic.row.feed))

    def on_exhausted(self, reason: str) -> None:
        if reason == "no answers":
            self.reconnect(reason)
        else:
            self.lane.hub.renew(self, reason)

    def add(self, topics: Iterable[Topic]) -> None:
        new = [topic for topic in topics if topic.name not in self.topics]
        self.topics.update({topic.name: topic for topic in new})
        if self._requests is not None:
            self._requests.subscribe([topic.name for topic in new])

    def remove(self, names: Iterable[str]) -> None:
        gone = [name for name in names if self.topics.pop(name, None) is not None]
        if self._requests is not None and gone:
            for name in gone:
                self._requests.forget(name)
            self._requests.unsubscribe(gone)

    def resubscribe(self, topic: Topic, leave: bool = True) -> bool:
        """Asks for it once more, with `leave` after unsubscribing. False: already under way."""
        if self._requests is None or topic.state == "refused" or self._requests.busy(topic.name):
            return False
        self.lane.counters["resubscribes" if leave else "probes"] += 1
        if leave:
            self._requests.unsubscribe([topic.name], again=True)
        else:
            self._requests.subscribe([topic.name], first=True)
        return True

    # -- time -----------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Ten times a second while it is open."""
        if self._requests is None or self._transport is None:
            return
        self._requests.tick(now)
        self._pulse.frame(now, getattr(self._listener, "last_recv_ns", 0))
        why = self._pulse.dead(now)
        if why:
            self.reconnect(why)
        elif self._pulse.ping_due(now):
            self._ping_id, text = self._wire.ping(self._requests.number())
            self._requests.spaced(now)
            self.send_text(text)
        if self._rotate_at and now >= self._rotate_at:
            self._rotate_at = now + 60.0            # asked again if it does not work out
            self.lane.hub.renew(self, AGE)
        self._retry_refused(now)

    def _retry_refused(self, now: float) -> None:
        """Each by itself, so that it harms no other; it may have been listed meanwhile."""
        for name in list(self._refused):
            topic = self.topics.get(name)
            if topic is None or topic.state != "refused":
                self._refused.discard(name)
            elif now >= topic.retry_at and self._requests is not None:
                topic.retry_at = now + REFUSED_RETRY_S * random.uniform(1.0, 1.3)
                self._requests.subscribe([name])

    def forgive(self, seconds: float) -> None:
        """The loop stood still: nothing could be heard."""
        self._pulse.forgive(seconds)
        for topic in self.topics.values():
            topic.watch.forgive(seconds)

    def settled(self) -> None:
        """The look-out for topics is not needed any more."""
        self._watch_frames = False
        if self._listener is not None:
            self._attach()

    def stats(self, now: float) -> dict[str, object]:
        states = Counter(topic.state for topic in self.topics.values())
        return {"socket": self.socket, "state": self.state, "why": self.why,
                "topics": len(self.topics), "states": dict(states),
                "age_s": round(now - self.opened_at, 1) if self.state == "open" else 0.0}
