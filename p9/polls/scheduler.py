"""The polls of one exchange: what streams do not bring, or not often enough, is asked by REST.

One timer looks at what is due; each call is a short task. All of them pay at the exchange's
weight ledger. Whatever an answer is, it delays only its own question.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Protocol

from p9.config.feeds import Feeds as FeedsConfig
from p9.connect.feeds import Wanted
from p9.polls.freshness import Freshness, Subject
from p9.polls.jobs import Age, Job, Question, Row, Seed, limits_of, margin_s
from p9.polls.wheel import Act, Wheel
from p9.port import Port
from p9.rest.client import RestError, RestReply
from p9.venues import CANDLES, FUNDING, INSURANCE, Endpoint, Priority, RestCall

log = logging.getLogger(__name__)

TICK_S = 0.1
ROW_CALLS, CALLS = 4, 12  # in flight at once; the client has 16 connections for all purposes
WAIT_S = 0.2  # when there is no room
JITTER_S = 0.5  # of a start
SEED_CANDLES = 2  # the running one and the one before
PERIODS = 1.5  # what is asked by time is stale after so many
ALL = ""  # the job of a batch
EXCHANGE = -1  # instead of an instrument: of all of them
SHORT = ("1s", "5s", "15s")  # no venue has candles of them that would be worth a call


class Asking(Protocol):
    """The call of `p9.rest.client.RestClient` that is used here."""

    async def get(
        self, call: RestCall, *, priority: Priority = ..., attempts: int = ...
    ) -> RestReply: ...


class _Side:
    """What runs on one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.rows = [Row(endpoint.name, poll) for poll in endpoint.polls]
        self.seeds = Row(endpoint.name, None)
        self.running: dict[int, Wanted] = {}
        self.born_ns: dict[int, int] = {}  # since when
        self.streams: dict[int, frozenset[str]] = {}  # what streams bring of it
        self.covers: dict[tuple[int, str], Job] = {}  # (number, feed) -> who asks for it


class Pollers:
    """`start`, `update` with what runs, `close` at the end. Use from one event loop."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        rest: Asking,
        port: Port,
        config: FeedsConfig,
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.results: Counter[tuple[str, str]] = Counter()  # (ask, "ok" or why not)
        self._sides = {row.name: _Side(row) for row in endpoints}
        self._rest, self._port, self._config = rest, port, config
        self._clock = clock or asyncio.get_running_loop().time
        self._wheel = Wheel()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.fresh = Freshness(port, self._wheel, self._reason)

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self.start)
        self.turn()

    def turn(self) -> None:
        """Does what is due; the timer calls this."""
        self._wheel.turn(self._clock())

    # -- what is wanted ---------------------------------------------------------------------

    def configure(self, config: FeedsConfig) -> None:
        """New settings; an `update` of each endpoint has to follow."""
        self._config = config

    def update(self, name: str, running: Iterable[Wanted]) -> None:
        """All instruments that run on an endpoint."""
        side, now_ns = self._sides[name], self._port.clock_ns()
        side.running = {one.number: one for one in running}
        side.born_ns = {number: side.born_ns.get(number, now_ns) for number in side.running}
        side.streams = {
            number: _streams(side.endpoint, one) for number, one in side.running.items()
        }
        side.covers.clear()
        ages_s = self._config.max_age_s()
        for row in side.rows:
            self._update_row(side, row, ages_s)
        self._update_seeds(side)
        self.fresh.watch(name, dict(self._subjects(side, ages_s)), self._clock())

    def _update_row(self, side: _Side, row: Row, ages_s: Mapping[str, float]) -> None:
        poll, enabled = row.poll, self._config.enabled()
        assert poll is not None
        wanted = any(feed in enabled for feed in poll.feeds or (FUNDING,))
        of_kind = {
            one.instrument.venue_id: one
            for one in side.running.values()
            if wanted and (not poll.kinds or one.instrument.kind in poll.kinds)
        }
        limits = {} if poll.period_s else limits_of(poll, ages_s)
        if limits != row.limits:
            row.limits = limits
            self._update_jobs(row, ())  # what is waited for is not right any more
        asked: dict[str, list[Question]] = {}
        if of_kind and (poll.period_s or limits):
            for call, of in poll.calls([one.instrument for one in of_kind.values()]):
                key, number = (of.venue_id, of_kind[of.venue_id].number) if of else (ALL, EXCHANGE)
                asked.setdefault(key, []).append(Question(call, poll.ask, number, old_s=poll.old_s))
        self._update_jobs(row, asked)
        for key, job in row.jobs.items():
            of_job = of_kind.values() if key == ALL else [of_kind[key]]
            members = {feed: self._members(side, feed, of_job) for feed in poll.feeds}
            job.cover(asked[key], members)
            for feed in members:
                side.covers.update({(number, feed): job for number in members[feed]})
        row.space(side.endpoint.pools)
        if limits and row.least_s > min(limits.values()):
            log.warning(
                "%s %s: a round of calls takes %.0f s within the venue's limits",
                side.endpoint.name,
                poll.ask,
                row.least_s,
            )

    def _members(self, side: _Side, feed: str, of: Iterable[Wanted]) -> list[int]:
        """The instruments among these that have a feed."""
        if feed == INSURANCE:
            return [EXCHANGE]
        return [one.number for one in of if not side.endpoint.lacks(one.instrument, feed)]

    def _update_seeds(self, side: _Side) -> None:
        asked: dict[str, list[Question]] = {}
        candles = self._config.candles
        for one in side.running.values() if candles.enabled else ():
            venue_id = one.instrument.venue_id
            for timeframe in reversed(candles.timeframes):  # the longest bars need it longest
                call = side.endpoint.kline_call(venue_id, timeframe, SEED_CANDLES)
                if call is not None and timeframe not in SHORT:
                    asked.setdefault(venue_id, []).append(
                        Question(call, CANDLES, one.number, timeframe)
                    )
        self._update_jobs(side.seeds, asked, Seed)
        for key, job in side.seeds.jobs.items():
            job.cover(asked[key], {})

    def _update_jobs(self, row: Row, asked: Collection[str], kind: type[Job] = Job) -> None:
        now = self._clock()
        for key in [key for key in row.jobs if key not in asked]:
            row.jobs.pop(key).gone = True
        for key in asked:
            if key not in row.jobs:
                job = row.jobs[key] = kind(row, now)
                self._wheel.at(now + random.uniform(0.0, JITTER_S), self._act_of(job))

    def _subjects(
        self, side: _Side, ages_s: Mapping[str, float]
    ) -> Iterator[tuple[Subject, float]]:
        """What has a greatest age and is offered, with that age."""
        symbols = {n: one.instrument.symbol for n, one in side.running.items()} | {EXCHANGE: ""}
        for feed, age_s in ages_s.items():
            for number, symbol in symbols.items():
                job = side.covers.get((number, feed))
                least_s = 0.0
                if feed not in side.streams.get(number, ()):
                    if job is None:
                        continue
                    # no more than the venue's own rhythm and limits allow
                    period_s = job.row.poll.period_s if job.row.poll else 0.0
                    least_s = max(PERIODS * period_s, job.row.least_s + margin_s(age_s))
                yield Subject(side.endpoint.name, feed, number, symbol), max(age_s, least_s)

    # -- what is due ------------------------------------------------------------------------

    def _act_of(self, job: Job) -> Act:
        side = self._sides[job.row.endpoint]

        def age(feed: str, number: int) -> float | None:
            return self._age(side, feed, number)

        return lambda now: self._act(job, now, age)

    def _age(self, side: _Side, feed: str, number: int) -> float | None:
        seen_ns = self.fresh.seen_ns(side.endpoint.exchange, feed, number)
        born_ns = side.born_ns.get(number, 0)
        if seen_ns <= born_ns:
            if feed not in side.streams.get(number, ()):
                return None
            seen_ns = born_ns  # the stream has a little time to begin
        return max(0.0, (self._port.clock_ns() - seen_ns) / 1e9)

    def _act(self, job: Job, now: float, age: Age) -> float | None:
        """Asks, if it is time to; when to come back, None: not before the answer."""
        if job.gone:
            return None
        due = job.due(now, age)
        if due > now:
            job.slot = 0.0
            return due
        row = job.row
        job.slot = job.slot or row.slot(now)
        if job.slot > now:
            return job.slot
        if row.busy >= ROW_CALLS or len(self._tasks) >= CALLS:
            return now + WAIT_S
        job.slot = 0.0
        row.busy += 1
        job.busy = True
        question = job.next_question(now, age)
        task = asyncio.get_running_loop().create_task(self._ask(job, question, age))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return None

    async def _ask(self, job: Job, question: Question, age: Age) -> None:
        why, wait_s = "internal", 0.0
        try:
            reply = await self._rest.get(question.call, priority=Priority.POLL, attempts=1)
            if not job.gone:
                one = question
                why = self._port.poll(reply, one.ask, one.number, one.timeframe, one.old_s)
        except RestError as error:
            why, wait_s = error.reason, error.retry_after
        except Exception:
            log.exception("poll %s: internal error", question.ask)
        finally:
            job.row.busy -= 1
            job.busy = False
        poll = job.row.poll
        if why == "empty" and poll is not None and not poll.feeds:
            why = ""  # it names only what is not as usual
        if not job.gone:
            self.results[question.ask, why or "ok"] += 1
            job.answered(question, why, self._clock(), wait_s)
            self._wheel.at(self._clock(), lambda now: self._act(job, now, age))

    def _reason(self, subject: Subject) -> str:
        job = self._sides[subject.endpoint].covers.get((subject.number, subject.feed))
        if job is None:
            return "the stream is silent"
        waits = job.busy or not job.asked
        return job.error or ("no answer yet" if waits else "not in the answer")

    # -- asked from outside -----------------------------------------------------------------

    def stats(self) -> dict[str, object]:
        return {
            "results": dict(self.results),
            "stale": dict(self.fresh.stale()),
            "in_flight": len(self._tasks),
        }

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _streams(endpoint: Endpoint, one: Wanted) -> frozenset[str]:
    """Those of its feeds that a stream brings (or what they are made of)."""
    return frozenset(feed for feed in one.feeds if endpoint.rows(one.instrument, feed))
