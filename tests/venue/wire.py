"""WebSocket frames, and the topics that carry them to their subscribers."""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conn import Conn
    from .desk import Feed

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One whole, unmasked server frame. The same bytes serve every subscriber."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65_536:
        return pack("!BBH", 0x80 | opcode, 126, size) + payload
    return pack("!BBQ", 0x80 | opcode, 127, size) + payload


def close_frame(code: int, reason: str) -> bytes:
    return frame(pack("!H", code) + reason.encode()[:123], CLOSE)


@dataclass(slots=True)
class TopicFault:
    """What is to go wrong with the next payloads of one topic."""

    drop: int = 0  # payloads that never reach the wire
    dup: int = 0  # payloads sent twice
    swap: int = 0  # pairs sent in the wrong order
    cross: int = 0  # depth payloads with a level that crosses the book
    silent: bool = False  # nothing at all
    spare: int = 0  # new subscriptions that stay silent too; -1: all of them
    held: str | None = None  # first half of a swapped pair

    def spent(self) -> bool:
        return not (self.drop or self.dup or self.swap or self.cross or self.silent or self.held)


class Topic:
    """One stream of one instrument and the connections that get it."""

    __slots__ = (
        "every_s",
        "fault",
        "feed",
        "kind",
        "last",
        "lost",
        "name",
        "sent",
        "subs",
        "timed",
        "wrapped",
    )

    def __init__(self, name: str, kind: str, feed: Feed, every_s: float = 0.0) -> None:
        self.name = name  # as subscribed
        self.kind = kind  # "trade", "bbo", "depth", or a venue's own word
        self.feed = feed
        self.every_s = every_s  # pace of a slow stream; 0: it follows the market
        self.timed = False  # a timer runs for it
        self.subs: list[Conn] = []  # get the payload as it is
        self.wrapped: list[Conn] = []  # get it in Binance's {"stream":...,"data":...}
        self.fault: TopicFault | None = None
        self.last = ""  # newest payload, what garbage is made of
        self.sent = 0
        self.lost = 0  # kept from the wire by a fault

    @property
    def live(self) -> bool:
        return bool(self.subs or self.wrapped)

    @property
    def mute(self) -> bool:
        """A new subscriber is to hear nothing."""
        return self.fault is not None and self.fault.silent and self.fault.spare != 0

    def add(self, conn: Conn) -> bool:
        """A new subscriber. False if it is to hear nothing."""
        (self.wrapped if conn.combined else self.subs).append(conn)
        fault = self.fault
        if fault is None or not fault.silent:
            return True
        if fault.spare:
            fault.spare = fault.spare - (fault.spare > 0)
        else:
            fault.silent = False  # a fault of the old subscription: it ends with it
        return not fault.silent

    def remove(self, conn: Conn) -> None:
        for members in (self.subs, self.wrapped):
            if conn in members:
                members.remove(conn)

    def publish(self, payload: str) -> bool:
        """Sends to all subscribers; False if a fault kept it from the wire."""
        self.last = payload
        if self.fault is not None:
            return self._publish_faulty(payload)
        self._send(payload)
        return True

    def take_cross(self) -> bool:
        """True if the payload about to be built is to show a crossed book."""
        if self.fault is None or not self.fault.cross:
            return False
        self.fault.cross -= 1
        return True

    def _send(self, payload: str) -> None:
        if self.subs:
            data = frame(payload.encode())
            for conn in self.subs:
                conn.push(data)
        if self.wrapped:
            data = frame(wrap(self.name, payload).encode())
            for conn in self.wrapped:
                conn.push(data)
        self.sent += 1

    def _publish_faulty(self, payload: str) -> bool:
        fault = self.fault
        assert fault is not None
        if fault.silent or fault.drop:
            fault.drop = max(0, fault.drop - 1)
            self.lost += 1
            return False
        if fault.held is not None:
            self._send(payload)
            self._send(fault.held)
            fault.held = None
        elif fault.swap:
            fault.swap -= 1
            fault.held = payload
        else:
            self._send(payload)
            if fault.dup:
                fault.dup -= 1
                self._send(payload)
        if fault.spent():
            self.fault = None
        return True


def wrap(name: str, payload: str) -> str:
    return f'{{"stream":"{name}","data":{payload}}}'
