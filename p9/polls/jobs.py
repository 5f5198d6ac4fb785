"""What is asked by REST again and again: one row a question, one job an instrument (or a batch).

A job knows when it is due and what is left to ask; it asks nothing itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from p9.connect.pacing import Backoff
from p9.venues import Poll, RestCall, RestPool

POOL_SHARE = 0.8  # of a rate limit, at most: others ask too
EVEN = 0.9  # of the even spacing: the rest makes up for what failed
SPACING_S = 0.25  # of two calls of a row at most: a few symbols need not wait for their turn
SEED_SPACING_S = 0.1
MARGIN, MARGIN_S = 0.2, 3.0  # of an age is kept for the call itself, at most so much
RETRY_SHARE, RETRY_S = 0.125, 0.5  # of the period, and at least so much, before the next try
RETRY_MAX_S = 300.0
SEED_TRIES = 5
SEED_AFTER_S = 2.0  # the stream should have begun before the candle that it goes on from

Age = Callable[[str, int], "float | None"]
"""(feed, instrument) -> seconds since it was last seen, or began; None: only asking brings it."""


def margin_s(age_s: float) -> float:
    return min(MARGIN_S, MARGIN * age_s)


@dataclass(frozen=True, slots=True)
class Question:
    """One call, and how its answer is to be taken."""

    call: RestCall
    ask: str
    number: int = -1  # of the instrument it is for; -1: of all
    timeframe: str = ""
    old_s: float = 0.0


@dataclass(slots=True, eq=False)
class Row:
    """The jobs of one question share a pace: their calls are spread, never a burst."""

    endpoint: str
    poll: Poll | None  # None: the candles that bars are seeded from
    limits: dict[str, float] = field(default_factory=dict)  # feed -> age at which it is asked for
    jobs: dict[str, Job] = field(default_factory=dict)
    busy: int = 0
    free_at: float = 0.0
    spacing_s: float = SEED_SPACING_S
    least_s: float = 0.0  # a round cannot be made more often

    def space(self, pools: Iterable[RestPool]) -> None:
        """The calls of a round, evenly over the age that they are to prevent, or over the time
        that the venue's rate limits make of it."""
        calls = [one.call for job in self.jobs.values() for one in job.questions]
        rate = {pool.name: POOL_SHARE * pool.limit / pool.window_s for pool in pools}
        self.least_s = sum(call.weight / rate[call.pool] for call in calls)
        if calls:
            round_s = max(self.least_s, min(self.limits.values(), default=0.0))
            self.spacing_s = min(SPACING_S, EVEN * round_s / len(calls))

    def slot(self, now: float) -> float:
        """When the next call may begin; it is then taken."""
        at = max(now, self.free_at)
        self.free_at = at + self.spacing_s
        return at


class Job:
    """Keeps some feeds of some instruments younger than their greatest ages."""

    def __init__(self, row: Row, now: float) -> None:
        self.row = row
        self.questions: list[Question] = []
        self.members: Mapping[str, Sequence[int]] = {}  # feed -> instruments
        self.gone = self.busy = False
        self.slot = 0.0  # reserved for its next call
        self.error = ""  # why the last call gave nothing; "" if it did
        self.asked = 0  # calls made
        self._left: list[Question] = []  # of this round
        self._began_at = 0.0  # the round, or the last one; 0: none
        self._waits: dict[Question, float] = {}  # after a failure, until when
        self._period_s = row.poll.period_s if row.poll else 0.0
        whole = min(self._period_s or self._limit_s, RETRY_MAX_S)
        base = max(RETRY_S, RETRY_SHARE * whole)
        self._backoff = Backoff(base, max(base, whole))

    @property
    def _limit_s(self) -> float:
        return max(self.row.least_s, min(self.row.limits.values(), default=RETRY_MAX_S))

    def cover(self, questions: Iterable[Question], members: Mapping[str, Sequence[int]]) -> None:
        """What it asks from now on, and whose feeds it keeps fresh by that."""
        self.questions, self.members = list(questions), members
        self._left = [one for one in self._left if one in self.questions]

    def due(self, now: float, age: Age) -> float:
        """When it has to ask next, as far as is known now."""
        if 0 < len(self._left) < len(self.questions):  # the rest of a round
            return min(self._ready_at(self._first()), self._new_round(now, age))
        if self._left:  # all of it
            wanted = now if self._period_s else self._aged(now, age)
            return max(self._ready_at(self._first()), wanted)
        return self._new_round(now, age)

    def _new_round(self, now: float, age: Age) -> float:
        """When everything has to be asked again, what was not answered last time too."""
        if self._period_s:
            return self._began_at + self._period_s if self._began_at else now
        # what a whole answer did not bring, the next one would not bring either
        again = self._began_at + self._limit_s if self._began_at else now
        return max(again, self._aged(now, age))

    def _aged(self, now: float, age: Age) -> float:
        """When the first of its feeds will be too old."""
        due = now + self._limit_s
        for feed, limit in self.row.limits.items():
            for number in self.members.get(feed, ()):
                seconds = age(feed, number)
                if seconds is None:
                    return now
                due = min(due, now + max(limit, self.row.least_s) - seconds)
        return due

    def _ready_at(self, question: Question) -> float:
        return self._waits.get(question, 0.0)

    def _first(self) -> Question:
        """Of what is left, what may be asked first: a bad one does not hold up the others."""
        return min(self._left, key=self._ready_at)

    def next_question(self, now: float, age: Age) -> Question:
        """The one to ask now."""
        partly = len(self._left) < len(self.questions)
        if not self._left or (partly and self._new_round(now, age) <= now):
            self._left, self._began_at = list(self.questions), now
            self._waits.clear()
        return self._first()

    def answered(self, question: Question, why: str, now: float, wait_s: float = 0.0) -> None:
        """`why`: "" when it was taken; `wait_s`: not before, if the venue said so."""
        self.error = why
        self.asked += 1
        if why:
            self._waits[question] = now + max(wait_s, self._backoff.next())
            return
        if question in self._left:
            self._left.remove(question)
        if not self._left:
            self._backoff.reset()


class Seed(Job):
    """Asks once for the running candle of each timeframe of an instrument."""

    def __init__(self, row: Row, now: float) -> None:
        super().__init__(row, now)
        self._backoff = Backoff(2.0, 60.0)
        self._after = now + SEED_AFTER_S
        self._tries: Counter[Question] = Counter()

    def cover(self, questions: Iterable[Question], members: Mapping[str, Sequence[int]]) -> None:
        questions = list(questions)
        new = [one for one in questions if one not in self.questions]
        super().cover(questions, members)
        self._left += new

    def next_question(self, now: float, age: Age) -> Question:
        return self._first()

    def due(self, now: float, age: Age) -> float:
        if not self._left:
            return now + self._limit_s
        return max(self._after, self._ready_at(self._first()))

    def answered(self, question: Question, why: str, now: float, wait_s: float = 0.0) -> None:
        super().answered(question, why, now, wait_s)
        self._tries[question] += 1
        if self._tries[question] >= SEED_TRIES and question in self._left:
            self._left.remove(question)  # its bar will do without


def limits_of(poll: Poll, ages_s: Mapping[str, float]) -> dict[str, float]:
    """Feed -> the age in seconds at which the row asks for it; empty: none of them is wanted."""
    return {feed: ages_s[feed] - margin_s(ages_s[feed]) for feed in poll.feeds if feed in ages_s}
