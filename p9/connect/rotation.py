"""Replacing a connection without losing or doubling anything: make the new one before breaking
the old.

The new connection subscribes to everything the old one carries and is watched frame by frame.
The old one is closed once each topic that speaks has spoken on the new one; the core drops the
duplicates of the overlap by their ids.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from p9.connect.lane import AGE, Lane, Topic
from p9.connect.session import Session
from p9.venues import DEPTH

log = logging.getLogger(__name__)

QUIET_S = 3.0  # silent everywhere for so long after the acknowledgement: no data due
RACE_NS = 1_000_000_000  # data of one moment may reach the two connections so far apart
DEADLINE_S = 90.0  # a new connection that is not complete by then is given up
RETRY_S, RETRY_MAX_S = 60.0, 3600.0


@dataclass(slots=True)
class _Change:
    new: Session
    reason: str
    started: float
    urgent: bool  # the venue closes the old one in any case


class Rotation:
    """The successors of an endpoint's sessions."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._changes: dict[Session, _Change] = {}
        self._tries: dict[Session, tuple[int, float]] = {}  # how often, not before

    def __iter__(self) -> Iterator[Session]:
        return iter([change.new for change in self._changes.values()])

    def successor(self, session: Session) -> Session | None:
        change = self._changes.get(session)
        return change.new if change else None

    def predecessor(self, session: Session) -> Session | None:
        return next((old for old, change in self._changes.items() if change.new is session), None)

    def begin(self, old: Session, reason: str, now: float, *, urgent: bool = False) -> bool:
        """Opens the successor of `old`; False while one is under way or it is too soon."""
        if old in self._changes:
            self._changes[old].urgent |= urgent
            return False
        tries, not_before = self._tries.get(old, (0, 0.0))
        if old.state != "open" or (not urgent and (now < not_before or self._changes)):
            return False
        wait = min(RETRY_MAX_S, RETRY_S * 2.0 ** min(tries, 10))
        self._tries[old] = (tries + 1, now + wait)
        topics = [topic.fresh(self._lane.settings.quiet) for topic in old.topics.values()]
        new = Session(self._lane, old.socket, old.url, topics, watch_frames=True)
        self._changes[old] = _Change(new, reason, now, urgent)
        log.info("ws %s: replacing a connection: %s", self._lane.endpoint.name, reason)
        return True

    def tick(self, now: float) -> list[tuple[Session, Session]]:
        """(old, new) of those that are complete; the caller puts the new in the old's place."""
        done = []
        for old, change in list(self._changes.items()):
            if self._complete(old, change.new, now):
                done.append((old, change.new))
            elif not change.urgent and now - change.started > DEADLINE_S:
                del self._changes[old]
                self._lane.counters["rotations_given_up"] += 1
                log.warning(
                    "ws %s: the new connection is not complete after %.0f s, the old one stays",
                    self._lane.endpoint.name,
                    DEADLINE_S,
                )
                change.new.close("given up")
        return done

    def finish(self, old: Session) -> None:
        """The successor has taken over, or the old one is not wanted any more."""
        change = self._changes.pop(old, None)
        # how often in a row goes on with the successor, or a topic that stays silent would
        # replace one connection after the other
        planned = change is not None and (change.urgent or change.reason == AGE)
        if change is not None and not planned and old in self._tries:
            self._tries[change.new] = self._tries[old]
        self._tries.pop(old, None)

    def calm(self, session: Session, now: float) -> None:
        """All is well there: earlier replacements are forgotten once their wait is over."""
        if self._tries.get(session, (0, now))[1] < now:
            self._tries.pop(session, None)

    def _complete(self, old: Session, new: Session, now: float) -> bool:
        if new.state != "open":
            return False
        for name, topic in new.topics.items():
            if topic.state == "refused" or topic.here:
                continue
            before = old.topics.get(name)
            if before is not None and before.state == "refused":
                continue
            if not self._quiet(topic, now):
                return False
        return True

    def _quiet(self, topic: Topic, now: float) -> bool:
        """Acknowledged, and neither connection has had anything of it since."""
        if topic.state != "acked" or now - topic.watch.since < QUIET_S:
            return False
        if topic.row.feed == DEPTH and not self._lane.endpoint.book_by_ids:
            return False  # it takes the book over with a snapshot, or not at all
        return topic.seen_ns(self._lane.port) <= topic.acked_ns + RACE_NS
