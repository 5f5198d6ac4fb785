"""Misbehaviour on command. Every method returns how many topics or connections it touched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .conn import Conn, Room
from .desk import Feed
from .garbage import SAMPLE, spoil
from .market_faults import MarketFaults
from .okx import OkxDesk
from .wire import BINARY, TEXT, Topic, TopicFault, frame, wrap

if TYPE_CHECKING:
    from .server import LocalVenue

REPORTS = ("mark", "index", "funding", "open_interest", "ticker", "kline")
EVENTS = ("liquidation", "block", "insurance")
KINDS: dict[str, tuple[str, ...]] = {  # what a fault calls it -> kinds of topics
    "": (),
    "trade": ("trade", "aggTrade", "fill"),
    **{kind: (kind,) for kind in ("depth", "bbo", *REPORTS, *EVENTS)},
}
CARRIERS = {  # venues that tell it together with something else
    "binance": {"index": "mark", "funding": "mark"},
    "bybit": {**dict.fromkeys(REPORTS[:4], "ticker"), "block": "trade"},
}
REST_MODES = (
    "429",
    "418",
    "403",
    "500",
    "503",
    "html",
    "garbage",
    "truncated",
    "nan",
    "hang",
    "slow",
    "abort",
    "error",  # HTTP 200 with the venue's own error in the body
    "empty",  # of the right shape, without rows
    "old",  # of yesterday
    "other",  # about another symbol than asked
)


@dataclass(slots=True)
class RestFault:
    """What the next `left` matching REST answers of a venue are to be."""

    venue: str
    mode: str  # one of REST_MODES
    path: str  # part of path and query; "": every request
    left: int  # answers still to spoil; -1: all
    seconds: float  # Retry-After of 429/418/403; how long hang and slow take


class Faults(MarketFaults):
    """The switches of one local venue. `symbol` is the venue's id or the unified name; `market`
    "" means all markets of the venue, `kind` "" all streams of the symbol."""

    def __init__(self, hub: LocalVenue) -> None:
        super().__init__(hub)
        self._rest: list[RestFault] = []
        self._swallow: dict[str, int] = {}  # room -> acknowledgements to keep back
        self._old: dict[int, tuple[str, int]] = {}  # id(feed) -> (body, answers left)

    # what is read while serving
    def over(self) -> bool:
        """No REST fault is left to give and no stalled socket holds anything back."""
        conns = [conn for room in self._hub.rooms.values() for conn in list(room.conns)]
        return not self._rest and not any(conn.stalled_until and conn.out for conn in conns)

    def take_rest(self, venue: str, path_qs: str) -> RestFault | None:
        for fault in self._rest:
            if fault.venue == venue and fault.path in path_qs:
                if fault.left > 0:
                    fault.left -= 1
                    if not fault.left:
                        self._rest.remove(fault)
                return fault
        return None

    def swallow_ack(self, room: str) -> bool:
        left = self._swallow.get(room, 0)
        self._swallow[room] = max(0, left - 1)
        return left > 0

    def take_old(self, feed: Feed) -> str | None:
        """Body of an old snapshot, if the next REST depth of this feed is to be one."""
        body, left = self._old.get(id(feed), ("", 0))
        if not left:
            return None
        self._old[id(feed)] = (body, left - 1)
        return body

    # streams
    def gap(self, venue: str, market: str, symbol: str, kind: str = "depth", n: int = 1) -> int:
        """The next n payloads are lost."""
        return self._each(venue, market, symbol, kind, "drop", n)

    def duplicate(
        self, venue: str, market: str, symbol: str, kind: str = "depth", n: int = 1
    ) -> int:
        """The next n payloads come twice."""
        return self._each(venue, market, symbol, kind, "dup", n)

    def swap(self, venue: str, market: str, symbol: str, kind: str = "depth", n: int = 1) -> int:
        """The next n pairs of payloads come in the wrong order."""
        return self._each(venue, market, symbol, kind, "swap", n)

    def crossed(self, venue: str, market: str, symbol: str, n: int = 1) -> int:
        """The next n depth payloads put a bid above the best ask (on the wire only)."""
        return self._each(venue, market, symbol, "depth", "cross", n)

    def silence(
        self, venue: str, market: str, symbol: str = "", kind: str = "", subscriptions: int = 0
    ) -> int:
        """Acknowledged, and nothing comes. Ends with a new subscription of the topic; the next
        `subscriptions` new ones are silent as well (-1: for ever)."""
        topics = self._topics(venue, market, symbol, kind)
        for topic in topics:
            fault = topic.fault = topic.fault or TopicFault()
            fault.silent, fault.spare = True, subscriptions
        return len(topics)

    def speak(self, venue: str, market: str, symbol: str = "", kind: str = "") -> int:
        """Ends silence."""
        topics = [t for t in self._topics(venue, market, symbol, kind) if t.fault is not None]
        for topic in topics:
            topic.fault = None
        return len(topics)

    def garbage(
        self,
        venue: str,
        market: str,
        symbol: str,
        what: str = "malformed",
        kind: str = "trade",
        n: int = 1,
    ) -> int:
        """n extra frames of the sort `what` (see garbage.SORTS) to the topic's subscribers."""
        conns: set[Conn] = set()
        for topic in self._topics(venue, market, symbol, kind):
            for members, shown in (
                (topic.subs, topic.last or SAMPLE),
                (topic.wrapped, wrap(topic.name, topic.last or SAMPLE)),
            ):
                for _ in range(n if members else 0):
                    data, binary = spoil(what, shown, self._hub.rng)
                    for conn in members:
                        conn.push(frame(data, BINARY if binary else TEXT))
                conns.update(members)
        self._hub.flush()
        return len(conns)

    def swallow_acks(self, venue: str, market: str = "", n: int = 1) -> int:
        """The next n subscriptions are not answered."""
        rooms = self._rooms(venue, market)
        for room in rooms:
            self._swallow[room.name] = n
        return len(rooms)

    def okx_reset(self, symbol: str) -> int:
        """OKX maintenance: seqId falls, the chain of prevSeqId holds."""
        feed = self._hub.feed("okx", "", symbol)
        if not isinstance(feed, OkxDesk):
            return 0
        feed.reset_seq()
        return 1

    # connections
    def cut(self, venue: str, market: str = "") -> int:
        """Every connection breaks in the middle of a frame."""
        return self._conns(venue, market, Conn.cut)

    def kick(self, venue: str, market: str = "", code: int = 0, reason: str = "") -> int:
        """Every connection ends: with a close frame, or (code 0) without."""
        if code:
            return self._conns(venue, market, lambda conn: conn.close(code, reason))
        return self._conns(venue, market, Conn.abort)

    def stall(self, venue: str, market: str = "", seconds: float = 5.0) -> int:
        """Sockets stay open and say nothing; then all that was held back comes at once."""
        conns = [conn for room in self._rooms(venue, market) for conn in room.conns]
        for conn in conns:
            conn.stalled_until = self._hub.monotonic() + seconds
            self._hub.later(seconds, conn.flush)
        return len(conns)

    def server_shutdown(self, seconds: float = 1.0) -> int:
        """Binance spot announces its shutdown, and cuts `seconds` later."""
        event = f'{{"e":"serverShutdown","E":{self._hub.now_ms()}}}'
        conns = [conn for room in self._rooms("binance", "spot") for conn in room.conns]
        for conn in conns:
            conn.text(wrap("!serverShutdown", event) if conn.combined else event)
            self._hub.later(seconds, conn.abort)
        self._hub.flush()
        return len(conns)

    def notice(self, seconds: float = 1.0) -> int:
        """OKX announces a service upgrade on /public; every connection is cut `seconds` later."""
        text = "The connection will soon be closed for a service upgrade. Please reconnect."
        conns = [conn for room in self._rooms("okx", "") for conn in room.conns]
        for conn in conns:
            if conn.route == "public":
                notice = {"event": "notice", "code": "64008", "msg": text, "connId": conn.id}
                conn.json(notice)
            self._hub.later(seconds, conn.abort)
        self._hub.flush()
        return len(conns)

    # the venue as a whole
    def refuse(self, venue: str, seconds: float = 0.0) -> asyncio.Task[None] | None:
        """New connections are refused, REST too; open ones stay. For `seconds`, or until
        `accept`. The task ends when the venue is open again."""
        self._hub.shut(venue)
        return asyncio.create_task(self._hub.reopen(venue, seconds)) if seconds else None

    def accept(self, venue: str) -> asyncio.Task[None]:
        return asyncio.create_task(self._hub.reopen(venue, 0.0))

    def restart(self, venue: str, seconds: float = 1.0) -> asyncio.Task[None]:
        """Everything closes and is refused for `seconds`; then ids start as after a restart
        (Bybit `u` at 1). The task ends when the venue is open again."""
        self._hub.shut(venue)
        self.kick(venue)
        for feed in self._hub.feeds(venue):
            feed.restart()
        return asyncio.create_task(self._hub.reopen(venue, seconds))

    # REST
    def rest(
        self, venue: str, mode: str = "429", n: int = 1, path: str = "", seconds: float = 1.0
    ) -> int:
        """The next n REST answers whose path and query contain `path` are spoilt."""
        if mode not in REST_MODES:
            raise ValueError(f"mode {mode!r}: one of {', '.join(REST_MODES)}")
        self._rest.append(RestFault(venue, mode, path, n, seconds))
        return n

    def old_snapshot(self, venue: str, market: str, symbol: str, k: int = 1) -> int:
        """The next k REST depth answers are the book as it is now, however old that is then."""
        feed = self._hub.feed(venue, market, symbol)
        levels = {"binance": 1000 if market == "linear" else 5000, "bybit": 1000, "okx": 400}
        self._old[id(feed)] = (feed.depth_body(levels[venue]), k)
        return k

    def clear(self) -> int:
        """Ends everything that has not run out by itself."""
        topics = [topic for room in self._hub.rooms.values() for topic in room.topics.values()]
        for topic in topics:
            topic.fault = None
        self._rest.clear()
        self._swallow.clear()
        self._old.clear()
        return len(topics)

    def _rooms(self, venue: str, market: str) -> list[Room]:
        rooms = [room for room in self._hub.rooms.values() if room.venue == venue]
        return [room for room in rooms if market in ("", room.market) or not room.market]

    def _conns(self, venue: str, market: str, action: object) -> int:
        assert callable(action)
        conns = [conn for room in self._rooms(venue, market) for conn in list(room.conns)]
        for conn in conns:
            action(conn)
        return len(conns)

    def _topics(self, venue: str, market: str, symbol: str, kind: str) -> list[Topic]:
        """Topics meant; where some of them have subscribers, only those."""
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r}: one of {', '.join(name for name in KINDS if name)}")
        feeds: Iterable[Feed] = (
            [self._hub.feed(venue, market, symbol)] if symbol else self._hub.feeds(venue, market)
        )
        general = [] if symbol else [room.general for room in self._rooms(venue, market)]
        every = dict.fromkeys([*feeds, *general, *(feed.related for feed in feeds)])
        topics = [topic for feed in every if feed is not None for topic in feed.topics.values()]
        if kind:
            kinds = KINDS[CARRIERS.get(venue, {}).get(kind, kind)]
            topics = [topic for topic in topics if topic.kind in kinds]
        return [topic for topic in topics if topic.live] or topics

    def _each(self, venue: str, market: str, symbol: str, kind: str, what: str, n: int) -> int:
        topics = self._topics(venue, market, symbol, kind)
        for topic in topics:
            fault = topic.fault = topic.fault or TopicFault()
            setattr(fault, what, getattr(fault, what) + n)
        return len(topics)
