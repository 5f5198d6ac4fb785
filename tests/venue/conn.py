"""One WebSocket connection, and the room (market) it is in."""

from __future__ import annotations

import json
import socket
from collections import deque
from functools import partial
from struct import pack
from time import monotonic
from typing import TYPE_CHECKING, Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from .desk import Feed
from .market import serial
from .wire import CLOSE, PING, PONG, Topic, close_frame, frame

if TYPE_CHECKING:
    from .server import LocalVenue


class Conn(WSListener):
    """A client. Frames are gathered and written together at the end of a step."""

    def __init__(self, room: Room, route: str = "", combined: bool = False) -> None:
        self.room = room
        self.route = route  # Binance USD-M: "", "public", "market"
        self.combined = combined
        self.id = f"{serial():08x}"
        self.topics: dict[str, Topic | None] = {}  # None: acknowledged, never sends
        self.streams: list[str] = []  # asked for in the URL
        self.transport: WSTransport | None = None
        self.out: list[bytes] = []
        self.opened = self.last_push = self.last_recv = monotonic()
        self.stalled_until = 0.0  # monotonic seconds; nothing is written before
        self.held_bytes = 0  # gathered while stalled
        self.messages: deque[float] = deque()  # times of what counts against the venue's limit
        self.pinged = self.opened
        self.awaits_pong = b""
        self.closing = False
        self.parts: list[bytes] = []

    # called by picows
    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.room.conns.add(self)
        self.room.on_open(self)
        self.room.hub.flush()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.closing = True
        self.room.conns.discard(self)
        for topic in self.topics.values():
            if topic is not None:
                topic.remove(self)
        self.topics.clear()

    def on_ws_frame(self, transport: WSTransport, message: WSFrame) -> None:
        self.last_recv = monotonic()
        kind = message.msg_type
        if kind == WSMsgType.CLOSE:
            if not self.closing:
                self.push(frame(message.get_payload_as_bytes(), CLOSE))
                self.flush()
            transport.disconnect()
            return
        if self.closing:
            return
        if kind == WSMsgType.PING:
            self.push(frame(message.get_payload_as_bytes(), PONG))
            self.room.on_control(self)
        elif kind == WSMsgType.PONG:
            if message.get_payload_as_bytes() == self.awaits_pong:
                self.awaits_pong = b""
            self.room.on_control(self)
        else:
            self.parts.append(message.get_payload_as_bytes())
            if message.fin:
                data = b"".join(self.parts)
                self.parts.clear()
                self.room.on_text(self, data)
        self.room.hub.flush()

    # used by the rooms and the faults
    def push(self, data: bytes) -> None:
        """Queues whole frames for the end of the step."""
        if self.closing:
            return
        if not self.out:
            self.room.hub.dirty.append(self)
        self.out.append(data)
        if self.stalled_until:
            self.held_bytes += len(data)
            if self.held_bytes > self.room.hub.options.max_buffer_bytes:
                self.abort()

    def text(self, payload: str) -> None:
        self.push(frame(payload.encode()))

    def json(self, value: dict[str, Any]) -> None:
        self.text(json.dumps(value, separators=(",", ":"), ensure_ascii=False))

    def flush(self) -> None:
        if not self.out or self.transport is None:
            return
        if self.stalled_until:
            if monotonic() < self.stalled_until:
                return
            self.stalled_until, self.held_bytes = 0.0, 0
        data = b"".join(self.out)
        self.out.clear()
        if self.transport.underlying_transport.is_closing():
            return
        self.last_push = monotonic()
        # Server frames carry no mask, so that ready bytes go past picows to its transport:
        # one write for a whole batch.
        socket_side = self.transport.underlying_transport
        socket_side.write(data)
        if socket_side.get_write_buffer_size() > self.room.hub.options.max_buffer_bytes:
            self.room.hub.stats["slow readers cut off"] += 1
            self.abort()

    def backlog(self) -> int:
        """Bytes that the socket has not taken yet."""
        if self.transport is None:
            return 0
        size: int = self.transport.underlying_transport.get_write_buffer_size()
        return size

    def ping(self) -> None:
        self.pinged = monotonic()
        self.awaits_pong = str(int(self.pinged * 1000)).encode()
        self.push(frame(self.awaits_pong, PING))

    def close(self, code: int, reason: str) -> None:
        """A closing handshake as the venue does it; the socket goes 2 s later in any case."""
        if self.closing or self.transport is None:
            return
        self.push(close_frame(code, reason))
        self.stalled_until = 0.0
        self.flush()
        self.closing = True
        self.room.hub.stats[f"{self.room.name} closed {code}"] += 1
        self.room.hub.later(2.0, self.abort)

    def abort(self) -> None:
        """The socket is gone, without a word."""
        self.closing = True
        self.out.clear()
        if self.transport is not None:
            self.transport.underlying_transport.abort()

    def cut(self) -> None:
        """The TCP connection breaks in the middle of a frame."""
        if self.transport is None or self.closing:
            return
        self.stalled_until = 0.0
        self.flush()
        transport = self.transport.underlying_transport
        transport.write(pack("!BBH", 0x81, 126, 800) + b'{"stream":"btcusdt@depth@100ms",')
        self.closing = True
        sock = transport.get_extra_info("socket")

        def reset() -> None:
            try:  # a reset, not an orderly end
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
            except OSError:
                pass  # the client was faster
            transport.abort()

        self.room.hub.later(0.03, reset)  # the half frame has to arrive first


class Room:
    """One market of a venue: topics, feeds, connections, and the venue's manners.

    `name` is "binance:spot", "binance:linear", "bybit:spot", "bybit:linear" or "okx"."""

    venue = ""

    def __init__(self, hub: LocalVenue, name: str) -> None:
        self.hub = hub
        self.name = name
        self.market = name.partition(":")[2]
        self.topics: dict[str, Topic] = {}  # by the name that is subscribed
        self.feeds: dict[str, Feed] = {}  # by venue id
        self.conns: set[Conn] = set()
        self.general: Feed | None = None  # of what belongs to no single instrument

    def add_topic(self, feed: Feed, kind: str, name: str, every_s: float = 0.0) -> Topic:
        topic = Topic(name, kind, feed, every_s)
        feed.topics[name] = topic
        self.topics[name] = topic
        return topic

    def join(self, conn: Conn, name: str, topic: Topic | None) -> None:
        """Subscribes, and sends what the venue sends first."""
        if topic is not None:
            topic.feed.now_ms = self.hub.now_ms()
            if topic.every_s and not topic.live:
                topic.feed.begin(topic)
            payloads = topic.feed.opening(topic)
            if topic.add(conn):
                for payload in payloads:
                    conn.text(payload)
            self.hub.activate(topic.feed)
            if topic.every_s and not topic.timed:
                topic.timed = True
                first_s = min(topic.every_s, 0.25 if topic.kind == "kline" else topic.every_s)
                self.hub.timers.spread(self.hub.clock(), first_s, partial(topic.feed.run, topic))
        conn.topics[name] = topic

    def leave(self, conn: Conn, name: str) -> bool:
        """False if there was no such subscription."""
        if name not in conn.topics:
            return False
        topic = conn.topics.pop(name)
        if topic is not None:
            topic.remove(conn)
        return True

    def too_many(self, conn: Conn, limit: int, window_s: float) -> bool:
        """Counts one message of the client; True when it is one too many."""
        if not limit:
            return False
        now = monotonic()
        conn.messages.append(now)
        while conn.messages[0] <= now - window_s:
            conn.messages.popleft()
        return len(conn.messages) > limit

    def accept(self, path: str, query: dict[str, str]) -> Conn | None:
        """A connection for an upgrade request, None if the path is not of this room."""
        raise NotImplementedError

    def on_open(self, conn: Conn) -> None:
        """The handshake is done."""

    def on_control(self, conn: Conn) -> None:
        """A ping or pong frame came in."""

    def on_text(self, conn: Conn, data: bytes) -> None:
        raise NotImplementedError

    def tick(self, conn: Conn, now: float) -> None:
        """Several times a second for every connection. `now`: monotonic seconds."""
