"""When is silence a fault? One `Watch` per subscribed topic, looked at about once a second.

A quiet market sends nothing for minutes, and a subscription that was acknowledged may never
speak. What tells them apart: what the venue promises (a first push, repeats), other feeds of
the same symbol that move meanwhile, and long limits. Times are of a clock that never jumps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from p9.venues import BBO, BLOCK_TRADE, DEPTH, INDEX, LIQUIDATION, MARK, FeedRow, Heartbeat

WITNESS_HITS = 3  # a witness must have moved in so many looks, or chance would do
PACE_MOVES = 15  # looks with movement until a topic's own pace is known
UNKNOWN_FACTOR = 4.0  # more patience until then
PACE_FACTOR, PACE_MIN_S = 8.0, 8.0  # so many times its longest pause is no pause any more
ACTION_MIN_S, ACTION_MAX_S = 5.0, 600.0
CALM_S = 60.0  # moving again for so long forgets earlier actions


@dataclass(frozen=True, slots=True)
class Quiet:
    """Seconds without a frame after which a feed is looked into whatever the others do.

    What follows from trades is as patient as trades, what is told all the time as quotes are;
    what speaks of rare events may be silent for ever.
    """

    trade_s: float = 600.0
    bbo_s: float = 180.0
    depth_s: float = 120.0
    connection_s: float = 60.0

    def of(self, feed: str) -> float:
        if feed in (LIQUIDATION, BLOCK_TRADE):
            return math.inf
        if feed in (BBO, MARK, INDEX):
            return self.bbo_s
        return self.depth_s if feed == DEPTH else self.trade_s


class Others:
    """In how many looks one of the other feeds had moved, since this one fell silent."""

    __slots__ = ("_at", "hits")

    def __init__(self) -> None:
        self.hits = 0
        self._at = 0.0

    def look(self, since: float, watches: Iterable[Watch]) -> None:
        moved = max((watch.moved_at for watch in watches), default=0.0)
        if moved > max(since, self._at):
            self._at = moved
            self.hits += 1


class Watch:
    """The silence of one topic on its present connection."""

    __slots__ = (
        "_action_at",
        "_baseline",
        "_longest",
        "_moves",
        "_next",
        "_quiet_s",
        "_row",
        "_sibling",
        "_witness",
        "actions",
        "moved_at",
        "since",
    )

    def __init__(self, row: FeedRow, quiet: Quiet) -> None:
        self._row = row
        self.tune(quiet)
        self.actions = 0  # taken against the present silence
        self._action_at = 0.0
        self._next = 0.0
        self._moves, self._longest = 0, 0.0  # its pace: longest pause, forgotten slowly
        self.start(0.0, 0)

    def tune(self, quiet: Quiet) -> None:
        self._quiet_s = quiet.of(self._row.feed)

    def start(self, now: float, seen_ns: int) -> None:
        """The subscription was sent; `seen_ns` is when data was last seen: only newer counts."""
        self.since = now
        self.moved_at = 0.0  # 0: nothing since
        self._baseline = seen_ns
        self._witness, self._sibling = Others(), Others()

    def acknowledged(self, now: float) -> None:
        """Silence counts from here (data may come before the acknowledgement)."""
        self.since = now

    def spoke(self, seen_ns: int) -> bool:
        """Has data come since the subscription was sent?"""
        return bool(self.moved_at) or seen_ns != self._baseline

    @property
    def paced(self) -> bool:
        """Has it moved often enough for its own pace to be known?"""
        return self._moves >= PACE_MOVES

    @property
    def last(self) -> float:
        """The beginning of the present silence."""
        return max(self.since, self.moved_at)

    def forgive(self, seconds: float) -> None:
        """Nobody listened for so long: that is no silence."""
        self.since += seconds
        if self.moved_at:
            self.moved_at += seconds

    def look(
        self,
        now: float,
        seen_ns: int,
        witnesses: Iterable[Watch],
        siblings: Iterable[Watch],
    ) -> str:
        """ "" all is well; "weak": perhaps nothing happens there; "strong": it is dead.

        `witnesses` are the row's, `siblings` what else of the symbol shows the market.
        """
        if seen_ns != self._baseline:
            self._baseline = seen_ns
            if self.moved_at:
                self._longest = max(0.99 * self._longest, now - self.moved_at)
                self._moves += 1
            self.moved_at = now
            self._witness, self._sibling = Others(), Others()
            if self.actions and now - self._action_at > CALM_S:
                self.actions = 0
            return ""
        self._witness.look(self.last, witnesses)
        self._sibling.look(self.last, siblings)
        return self._judge(now)

    def _judge(self, now: float) -> str:
        row, silent = self._row, now - self.last
        moving = "weak" if row.weak else "strong"
        if not self.moved_at and row.first_s and silent > min(row.first_s, self._quiet_s):
            return "strong"
        if row.repeat_s and silent > 1.5 * row.repeat_s + 2.0:
            return "strong"
        if self._witness.hits >= WITNESS_HITS and silent > min(self._witness_s(), self._quiet_s):
            return moving
        pace_s = max(PACE_MIN_S, PACE_FACTOR * self._longest)
        if (
            row.witness  # what moves by itself has no pace of the market
            and self.paced
            and self._sibling.hits >= WITNESS_HITS
            and silent > min(pace_s, self._quiet_s)
        ):
            return moving
        return "weak" if silent > self._quiet_s else ""

    def _witness_s(self) -> float:
        """How long it may be silent while a witness moves: a slow market may be slow to show it."""
        limit = self._row.witness_s
        if not self.moved_at or self._row.weak:
            return limit
        return max(limit, PACE_FACTOR * self._longest) if self.paced else UNKNOWN_FACTOR * limit

    def may_act(self, now: float) -> bool:
        return now >= self._next

    def acted(self, now: float) -> None:
        """Something was done about it: the next time takes twice as long."""
        wait = max(ACTION_MIN_S, min(self._row.witness_s or ACTION_MIN_S, self._quiet_s))
        self._next = now + min(ACTION_MAX_S, wait * 2.0 ** min(self.actions, 10))
        self._action_at = now
        self.actions += 1


class Pulse:
    """Is one connection alive: when was a frame received, which ping is not answered yet?"""

    def __init__(self, beat: Heartbeat, connection_s: float) -> None:
        self._beat, self._connection_s = beat, connection_s
        self.start(0.0)

    def tune(self, quiet: Quiet) -> None:
        self._connection_s = quiet.connection_s

    def start(self, now: float) -> None:
        """A new connection is open."""
        self._frame_ns, self._frame_at, self._ping_at = 0, now, now
        self._due = 0.0  # when an answer is late; 0: none is awaited

    def frame(self, now: float, seen_ns: int) -> None:
        """`seen_ns`: receive time of the newest frame."""
        if seen_ns != self._frame_ns:
            self._frame_ns, self._frame_at = seen_ns, now
            if self._beat.idle:
                self._due = 0.0  # any frame answers

    def pong(self) -> None:
        self._due = 0.0

    def dead(self, now: float) -> str:
        """Why the connection is to be given up, or ""."""
        if self._due and now > self._due:
            return "no pong"
        return "nothing received" if now - self._frame_at > self._connection_s else ""

    def ping_due(self, now: float) -> bool:
        """True when a ping is to be sent now; it is then taken as sent."""
        beat = self._beat
        since = max(self._frame_at, self._ping_at) if beat.idle else self._ping_at
        if self._due or now - since < beat.every_s:
            return False
        self._ping_at, self._due = now, now + beat.pong_s
        return True

    def forgive(self, seconds: float) -> None:
        self._frame_at += seconds
        if self._due:
            self._due += seconds


class StallGuard:
    """Notices that the loop itself stood still, so that nothing else is blamed for it."""

    def __init__(self, forgive: Callable[[float], None], tolerated_s: float = 1.0) -> None:
        self._forgive = forgive
        self._tolerated_s = tolerated_s
        self._last = 0.0

    def tick(self, now: float) -> None:
        gap = now - self._last if self._last else 0.0
        self._last = now
        if gap > self._tolerated_s:
            self._forgive(gap)
