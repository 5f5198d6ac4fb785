"""Looks at every topic about once a second, and does the mildest thing that may end a silence.

A suspicion is answered by asking for the topic once more, which loses nothing; a proof by leaving
it and subscribing again; a topic that stays silent has its connection replaced, and a connection
most of whose topics are silent is dropped. Each step waits longer than the one before, within a
budget.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

from p9.connect.lane import Lane, Topic
from p9.connect.rotation import Rotation
from p9.connect.session import Session
from p9.venues import DEPTH

log = logging.getLogger(__name__)

LOOKS = 10  # each topic is looked at once in so many ticks
STUCK_S = 40.0  # longer than the engine's own waits: nobody repairs this book
NO_DATA_S = 30.0  # a connection without any data for so long is replaced


class Lookout:
    """For the sessions of one endpoint."""

    def __init__(self, lane: Lane, rotation: Rotation) -> None:
        self._lane, self._rotation = lane, rotation
        self._sessions: Sequence[Session] = ()
        self._looks: list[tuple[Session, Topic]] = []
        self._of: dict[int, dict[str, Topic]] = {}  # number -> feed -> topic
        self._invalid: dict[int, float] = {}  # number -> since when its book is INVALID
        self._at = 0
        self._ticks = 0
        self._actions: deque[float] = deque()  # of the last minute

    def watch(self, sessions: Sequence[Session]) -> None:
        """From now on these, and the topics that they have now."""
        self._sessions = sessions
        self._looks = [
            (session, topic) for session in sessions for topic in session.topics.values()
        ]
        self._of = {}
        for _, topic in self._looks:
            for number in topic.served:
                self._of.setdefault(number, {})[topic.row.feed] = topic

    def tick(self, now: float) -> None:
        """Ten times a second: some of the topics."""
        self._ticks += 1
        if self._ticks % LOOKS == 0:
            for session in self._sessions:
                self._look_at(session, now)
        looks = self._looks
        for _ in range(-(-len(looks) // LOOKS)):
            self._at = (self._at + 1) % len(looks)
            session, topic = looks[self._at]
            if session.state == "open":
                self._look(session, topic, now)

    def _look_at(self, session: Session, now: float) -> None:
        """A connection that answers pings and carries no data at all is replaced."""
        acked = [
            topic
            for topic in session.topics.values()
            if topic.state == "acked" and not topic.row.rare
        ]
        limit = min(NO_DATA_S, self._lane.settings.quiet.connection_s)
        if all(topic.row.events for topic in acked):
            limit *= 4
        if (
            session.state == "open"
            and acked
            and all(now - topic.watch.last > limit for topic in acked)
        ):
            self._lane.hub.renew(session, "no data")

    def _look(self, session: Session, topic: Topic, now: float) -> None:
        if topic.state != "acked":
            topic.silent = ""
            return
        seen_ns = topic.seen_ns(self._lane.port)
        if topic.row.feed == DEPTH:
            self._look_at_book(topic, now)
        siblings = self._of[topic.number]
        topic.silent = topic.watch.look(
            now,
            seen_ns,
            [siblings[feed].watch for feed in topic.row.witness if feed in siblings],
            [
                other.watch
                for other in siblings.values()
                if other.row.shows_market and other is not topic
            ],
        )
        if topic.watch.moved_at == now:
            topic.heard = True
            self._rotation.calm(session, now)
        # while its connection is being replaced nothing else is done about it
        if topic.silent and topic.watch.may_act(now) and not self._rotation.successor(session):
            self._act(session, topic, now)

    def _look_at_book(self, topic: Topic, now: float) -> None:
        """Who breaks a book from outside must have it repaired; this is the net below that."""
        if self._lane.port.engine.book_state(topic.number) != "INVALID":
            self._invalid.pop(topic.number, None)
        elif now - self._invalid.setdefault(topic.number, now) > STUCK_S:
            del self._invalid[topic.number]
            self._lane.counters["stuck_books"] += 1
            self._lane.port.subscribed(topic.number, topic.instrument)

    def _act(self, session: Session, topic: Topic, now: float) -> None:
        if not self._budget(now):
            return
        before = topic.watch.actions
        topic.watch.acted(now)
        if topic.silent == "weak":
            self._doubt(session, topic, before)
            return
        peers = [t for t in session.topics.values() if t.state == "acked" and not t.row.events]
        strong = sum(t.silent == "strong" for t in peers)
        name, silent_s = self._lane.endpoint.name, now - topic.watch.last
        log.warning("ws %s: %s is silent for %.1f s", name, topic.name, silent_s)
        if before >= 1 and strong >= 2 and 2 * strong >= len(peers):
            session.reconnect(f"{strong} of {len(peers)} topics are silent")
        elif before < 2 or not self._lane.hub.renew(session, f"{topic.name} stays silent"):
            # its pace says that this cannot be, or the first remedy did not help: not served
            # any longer. Otherwise the new subscription shows whether anything was missed
            if topic.row.feed == DEPTH and (before > 0 or topic.watch.paced):
                self._lane.port.invalidate(topic.number, topic.instrument, "silent")
            session.resubscribe(topic)

    def _doubt(self, session: Session, topic: Topic, before: int) -> None:
        """Perhaps nothing happens there: whatever is done must not lose what may yet come."""
        if before > 0 and not topic.heard:
            session.resubscribe(topic)
        elif before > 1 and topic.watch.paced:
            self._lane.hub.renew(session, f"{topic.name} stays silent")
        else:
            session.resubscribe(topic, leave=False)

    def _budget(self, now: float) -> bool:
        while self._actions and self._actions[0] <= now - 60.0:
            self._actions.popleft()
        if len(self._actions) >= self._lane.settings.resync_per_minute:
            self._lane.counters["actions_postponed"] += 1
            return False
        self._actions.append(now)
        return True
