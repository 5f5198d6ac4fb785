"""The feeds of one endpoint: which connection carries which topic, and what their silence means.

From the wanted topics (feeds x instruments) it packs connections within the venue's limits,
looks at every topic about once a second, and answers `missing` and `stats`.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterable, Mapping

from p9.connect.lane import Lane, Settings, Topic
from p9.connect.link import ListenerFactory
from p9.connect.liveness import StallGuard
from p9.connect.lookout import Lookout
from p9.connect.needs import Needs
from p9.connect.needs import Wanted as Wanted
from p9.connect.pacing import Pacer
from p9.connect.placement import pack
from p9.connect.rotation import Rotation
from p9.connect.session import Session
from p9.port import Port
from p9.venues import DEPTH, Endpoint

log = logging.getLogger(__name__)

TICK_S = 0.1
BREAKS, BREAKS_S = 4, 2.0  # so many books of a connection, and a quarter, broken at once
RECONNECT_GAP_S = 30.0


class Feeds:
    """The sessions of one endpoint. Use from one event loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        addresses: Mapping[str, str],
        *,
        port: Port,
        make_listener: ListenerFactory,
        settings: Settings,
        tls: ssl.SSLContext | None,
        pacer: Pacer,
        levels: int = 1000,
        on_state: Callable[[str, bool, str], None] | None = None,
        options: frozenset[str] = frozenset(),
    ) -> None:
        """`addresses`: socket class -> URL. `levels` of depth that are served.

        `on_state(endpoint, all connections open, why not)` on a change. `options`: feeds taken
        from their optional source.
        """
        self.endpoint = endpoint
        self._addresses = addresses
        self._needs = Needs(endpoint, levels, options, settings.quiet)
        self._lane = Lane(endpoint, port, self, settings, make_listener, tls, pacer)
        self._rotation = Rotation(self._lane)
        self._lookout = Lookout(self._lane, self._rotation)
        self._sessions: list[Session] = []
        self._of: dict[int, dict[str, Topic]] = {}  # number -> feed -> the topic in charge
        self._where: dict[str, Session] = {}  # topic name -> session in charge
        self._breaks: dict[Session, dict[int, float]] = {}  # number -> when its book broke
        self._calm_until: dict[str, float] = {}  # socket class -> no reconnect before
        self._stall = StallGuard(self._forgive)
        self._up: bool | None = None
        self._on_state = on_state
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(TICK_S, self._tick)

    # -- what is wanted ---------------------------------------------------------------------

    def update(self, wanted: Iterable[Wanted]) -> None:
        """Subscribes to what is new and leaves what is not wanted any more."""
        topics = self._needs.update(wanted)
        for session in list(self._sessions):
            for name in session.topics.keys() & topics.keys():
                served = session.topics[name].served
                served.clear()
                served.update(topics[name].served)
            self._drop(session, [name for name in session.topics if name not in topics])
        new = [topic for name, topic in topics.items() if name not in self._where]
        by_socket: dict[str, list[Topic]] = {}
        for topic in new:
            by_socket.setdefault(topic.row.socket, []).append(topic)
        for socket, group in by_socket.items():
            self._place(socket, group)
        self._index()

    def _drop(self, session: Session, names: list[str]) -> None:
        for name in names:
            topic = session.topics[name]
            if topic.row.feed == DEPTH:
                self._lane.port.invalidate(topic.number, topic.instrument, "removed")
        successor = self._rotation.successor(session)
        for one in (session, successor):
            if one is not None:
                one.remove(names)
        if not session.topics:
            self._close(session)

    def _place(self, socket: str, topics: list[Topic]) -> None:
        """Onto connections with room, else onto new ones."""
        # what is being replaced takes nothing more: its successor has its topics already
        ready = [
            session
            for session in self._sessions
            if session.socket == socket and self._rotation.successor(session) is None
        ]
        added, fresh = pack(
            self.endpoint.limits, [list(session.topics.values()) for session in ready], topics
        )
        for index, more in added.items():
            ready[index].add(more)
        for load in fresh:
            self._sessions.append(Session(self._lane, socket, self._addresses[socket], load))

    def _index(self) -> None:
        self._of, self._where = {}, {}
        for session in self._sessions:
            for topic in session.topics.values():
                self._where[topic.name] = session
                for number in topic.served:
                    self._of.setdefault(number, {})[topic.row.feed] = topic
        self._lookout.watch(tuple(self._sessions))

    def _close(self, session: Session) -> None:
        successor = self._rotation.successor(session)
        self._rotation.finish(session)
        for one in (session, successor):
            if one is not None:
                one.close("not wanted")
        self._breaks.pop(session, None)
        if session in self._sessions:
            self._sessions.remove(session)

    def tune(self, settings: Settings) -> None:
        """Patience and budgets are these from now on."""
        self._lane.settings = settings
        self._needs.quiet = settings.quiet
        for session in (*self._sessions, *self._rotation):
            session.tune(settings.quiet)

    # -- the hub of the sessions --------------------------------------------------------------

    def on_open(self, session: Session) -> None:
        self._tell()

    def on_refused(self, session: Session, topic: Topic) -> None:
        log.warning("ws %s: %s refused: %s", self.endpoint.name, topic.name, topic.reason)

    def on_lost(self, session: Session) -> None:
        self._tell()
        successor = self._rotation.successor(session)
        if successor is not None:
            # whatever its state: two connections that both come up would fight for the books
            self._replace(session, successor)

    def carried_elsewhere(self, session: Session, topic: Topic) -> bool:
        other = self._rotation.successor(session)
        if other is not None:
            twin = other.topics.get(topic.name)
            return other.state == "open" and twin is not None and twin.here
        old = self._rotation.predecessor(session)
        if old is None or old.state != "open":
            return False
        if self.endpoint.book_by_ids or not topic.here or topic.row.feed != DEPTH:
            return True
        # the book went over to the connection that is now lost: fetch it back
        self._loop.call_soon(self.resubscribe, topic.number)
        return False

    def renew(self, session: Session, reason: str, urgent: bool = False) -> bool:
        return session in self._sessions and self._rotation.begin(
            session, reason, self._loop.time(), urgent=urgent
        )

    def _replace(self, old: Session, new: Session) -> None:
        self._rotation.finish(old)
        self._lane.counters["rotations"] += 1
        self._sessions[self._sessions.index(old)] = new
        self._breaks.pop(old, None)
        new.settled()
        old.close("replaced")
        port = self._lane.port
        for topic in new.topics.values():
            before = old.topics.get(topic.name)
            if before is not None and topic.state == "acked":
                topic.heard |= before.heard  # what was due in the meantime came on both
            if (
                topic.row.feed == DEPTH
                and topic.state in ("sent", "acked")
                and port.engine.book_state(topic.number) == "INVALID"
            ):
                # it broke with the old connection, after it was subscribed on the new one
                port.subscribed(topic.number, topic.instrument)
        self._index()
        self._tell()

    def _tell(self) -> None:
        down = [s for s in self._sessions if s.state != "open"]
        up = not down
        if up == self._up or not (up or any(s.why for s in down)):
            return
        first, self._up = self._up is None, up
        if self._on_state is not None and not (first and up):
            self._on_state(self.endpoint.name, up, next((s.why for s in down if s.why), ""))

    # -- time ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK_S, self._tick)
        now = self._loop.time()
        self._stall.tick(now)
        for session in (*self._sessions, *self._rotation):
            session.tick(now)
        for old, new in self._rotation.tick(now):
            self._replace(old, new)
        self._lookout.tick(now)

    def _forgive(self, seconds: float) -> None:
        for session in (*self._sessions, *self._rotation):
            session.forgive(seconds)

    # -- asked from outside -------------------------------------------------------------------

    def resubscribe(self, number: int, feed: str = DEPTH) -> bool:
        """Subscribes to a feed of an instrument again (its book is broken). False: cannot now,
        or it is under way; a connection that is not open subscribes when it opens."""
        topic = self._of.get(number, {}).get(feed)
        session = self._where.get(topic.name) if topic else None
        if topic is None or session is None or session.state != "open":
            return False
        if self._broke(session, number):
            return True
        newest = self._rotation.successor(session)
        if newest is not None and newest.state == "open" and topic.name in newest.topics:
            return newest.resubscribe(newest.topics[topic.name])
        return session.resubscribe(topic)

    def _broke(self, session: Session, number: int) -> bool:
        """Reconnects, when more than a few books of this connection broke at once."""
        now = self._loop.time()
        recent = {n: at for n, at in self._breaks.get(session, {}).items() if now - at < BREAKS_S}
        recent[number] = now
        self._breaks[session] = recent
        books = sum(topic.row.feed == DEPTH for topic in session.topics.values())
        if len(recent) < max(BREAKS, books / 4) or now < self._calm_until.get(session.socket, 0.0):
            return False
        self._calm_until[session.socket] = now + RECONNECT_GAP_S
        session.reconnect(f"{len(recent)} of {books} books broke at once")
        return True

    def size(self) -> int:
        """How many instruments it carries."""
        return self._needs.size()

    def missing(self) -> list[str]:
        """What is not live, as "exchange feed symbol: why"; empty: everything is."""
        whys = {
            name: self._missing(session, topic)
            for session in self._sessions
            for name, topic in session.topics.items()
        }
        return self._needs.missing(whys)

    def _missing(self, session: Session, topic: Topic) -> str:
        if session.state != "open":
            return session.why or "connecting"
        if topic.state == "refused":
            return f"refused: {topic.reason}"
        engine = self._lane.port.engine
        spoke = self._heard(session, topic)
        if topic.state != "acked" and not spoke:
            return "not acknowledged"
        if topic.row.feed == DEPTH:
            state = engine.book_state(topic.number)
            return "" if state == "LIVE" else f"book {state}"
        if topic.row.events:
            ticking = [t for t in session.topics.values() if not t.row.events]
            alive = spoke or not ticking or any(self._heard(session, t) for t in ticking)
            return "" if alive else "no data on its connection"
        if not spoke:
            return "no data yet"
        return "silent" if topic.silent == "strong" else ""

    def _heard(self, session: Session, topic: Topic) -> bool:
        """Has there been data of it on this connection?"""
        topic.heard = topic.heard or session.has_spoken(topic.name)
        return topic.heard

    def stats(self) -> dict[str, object]:
        """Counters of the endpoint and the state of each connection."""
        now = self._loop.time()
        refused = {
            t.name: t.reason
            for s in self._sessions
            for t in s.topics.values()
            if t.state == "refused"
        }
        return {
            "counters": dict(self._lane.counters),
            "refused": refused,
            "connections": [s.stats(now) for s in (*self._sessions, *self._rotation)],
        }

    async def close(self) -> None:
        """Ends all connections. Books are left as they are."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        every = [*self._sessions, *self._rotation]
        self._lookout.watch(())
        for session in every:
            session.close("shutdown")
        await asyncio.gather(*(session.wait_closed() for session in every))
