"""Subscription requests of one connection: chunked, spaced, numbered, and their answers.

A request is split so that no venue limit is broken; messages keep the venue's distance; each
topic ends as accepted or refused, whatever the answers look like: a refusal that names a topic
costs that topic, one that names none halves the request until the bad one stands alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from p9.venues import ControlLike, Limits, Wire

ACK_S = 8.0  # for a subscribe
UNSUBSCRIBE_S = 2.0  # then it is subscribed again all the same
MAX_WAIT_S = 30.0  # between repetitions
MAX_SILENT = 4  # subscribe requests in a row without any answer: the line is dead


class SubscriptionsOwner(Protocol):
    def send_text(self, text: str) -> None: ...
    def on_sent(self, topics: Sequence[str]) -> None:
        """A subscribe request for these is on its way."""

    def on_accepted(self, topic: str) -> None: ...
    def on_refused(self, topic: str, reason: str) -> None: ...
    def has_spoken(self, topic: str) -> bool:
        """Has data come since its subscription was sent?"""

    def on_exhausted(self, reason: str) -> None:
        """This connection cannot be used for requests any more."""


@dataclass(slots=True)
class _Job:
    topics: tuple[str, ...]
    leave: bool = False  # unsubscribe
    back: tuple[str, ...] = ()  # to be subscribed again after it


@dataclass(slots=True)
class _Sent:
    job: _Job
    deadline: float
    pending: dict[str, None] = field(default_factory=dict)  # an ordered set


class Subscriptions:
    """Made anew for each connection; `stop` at its end."""

    def __init__(
        self,
        wire: Wire,
        limits: Limits,
        owner: SubscriptionsOwner,
        counters: Counter[str],
    ) -> None:
        self._wire, self._limits, self._owner = wire, limits, owner
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Job] = deque()
        self._inflight: dict[str, _Sent] = {}
        self._tries: Counter[str] = Counter()
        self._number = 0
        self._silent = 0  # requests without any answer, in a row
        self._next_send = 0.0
        self._sent_at: deque[float] = deque()  # of the last hour, where that is limited
        self._timers: set[asyncio.TimerHandle] = set()
        self._pump_timer: asyncio.TimerHandle | None = None
        self._stopped = False

    # -- asking ---------------------------------------------------------------------------

    def subscribe(self, topics: Iterable[str], first: bool = False) -> None:
        jobs = [_Job(chunk) for chunk in self._chunks(topics)]
        if first:
            self._queue.extendleft(reversed(jobs))
        else:
            self._queue.extend(jobs)
        self._pump()

    def unsubscribe(self, topics: Iterable[str], again: bool = False) -> None:
        """With `again` they are subscribed again as soon as that is answered. Goes first."""
        jobs = [
            _Job(chunk, leave=True, back=chunk if again else ()) for chunk in self._chunks(topics)
        ]
        self._queue.extendleft(reversed(jobs))
        self._pump()

    def busy(self, topic: str) -> bool:
        """Is a request for it waiting or unanswered?"""
        return any(topic in job.topics or topic in job.back for job in self._queue) or any(
            topic in sent.pending or topic in sent.job.back for sent in self._inflight.values()
        )

    def forget(self, topic: str) -> None:
        """It is not wanted any more: whatever is queued for it is dropped."""
        for job in self._queue:
            job.topics = tuple(t for t in job.topics if t != topic)
            job.back = tuple(t for t in job.back if t != topic)
        for sent in self._inflight.values():
            sent.job.back = tuple(t for t in sent.job.back if t != topic)

    def number(self) -> int:
        self._number += 1
        return self._number

    def _chunks(self, topics: Iterable[str]) -> list[tuple[str, ...]]:
        chunks: list[tuple[str, ...]] = []
        part: list[str] = []
        size = 0
        for topic in topics:
            cost = len(topic.encode()) + 40  # keys, quotes and commas around it
            if part and (
                len(part) >= self._limits.topics_per_request
                or size + cost > self._limits.bytes_per_request
            ):
                chunks.append(tuple(part))
                part, size = [], 0
            part.append(topic)
            size += cost
        if part:
            chunks.append(tuple(part))
        return chunks

    # -- sending --------------------------------------------------------------------------

    def _pump(self) -> None:
        if self._pump_timer is not None:
            self._pump_timer.cancel()
            self._pump_timer = None
        while self._queue and not self._stopped:
            now = self._loop.time()
            if now < self._next_send:
                self._pump_timer = self._loop.call_at(self._next_send, self._pump)
                return
            job = self._queue.popleft()
            if not job.topics:
                self.subscribe(job.back, first=True)
                continue
            if not self._operation(now):
                self._queue.appendleft(job)
                self._owner.on_exhausted("operations per hour")
                return
            self._send(job, now)

    def _operation(self, now: float) -> bool:
        limit = self._limits.operations_per_hour
        if not limit:
            return True
        while self._sent_at and self._sent_at[0] <= now - 3600.0:
            self._sent_at.popleft()
        if len(self._sent_at) >= limit:
            return False
        self._sent_at.append(now)
        return True

    def _send(self, job: _Job, now: float) -> None:
        build = self._wire.unsubscribe if job.leave else self._wire.subscribe
        request_id, text = build(self.number(), job.topics)
        wait = UNSUBSCRIBE_S if job.leave else ACK_S
        self._inflight[request_id] = _Sent(job, now + wait, dict.fromkeys(job.topics))
        self.spaced(now)
        self._counters["unsubscribes" if job.leave else "subscribes"] += 1
        if not job.leave:
            self._owner.on_sent(job.topics)
        self._owner.send_text(text)

    def spaced(self, now: float) -> None:
        """A message goes out now (a ping too): the next one keeps the distance."""
        self._next_send = now + self._limits.spacing_s

    # -- answers --------------------------------------------------------------------------

    def on_control(self, control: ControlLike) -> None:
        """An ack or an error."""
        sent = self._inflight.get(control.id) if control.id else None
        if sent is None and not control.id and control.kind == "error" and self._inflight:
            sent = next(iter(self._inflight.values()))  # no id: the oldest is answered
        if sent is None:
            self._counters["stray_answers"] += 1
            return
        self._silent = 0
        if sent.job.leave:
            self._left(control, sent)
            return
        verdict = self._wire.judge(control, tuple(sent.pending))
        for topic in verdict.accepted:
            if sent.pending.pop(topic, topic) is None:
                self._accept(topic)
        for topic, reason in verdict.refused:
            if sent.pending.pop(topic, topic) is None:
                self._counters["refusals"] += 1
                self._owner.on_refused(topic, reason)
        if verdict.again:
            self._again(sent, verdict.again, verdict.wait_s)
        if verdict.apart:
            self._after(verdict.wait_s, lambda: self._apart(sent))
        self._clean()

    def _accept(self, topic: str) -> None:
        self._tries.pop(topic, None)
        self._counters["acks"] += 1
        self._owner.on_accepted(topic)

    def _left(self, control: ControlLike, sent: _Sent) -> None:
        """An unsubscribe was answered: refused or not, what should come back comes back."""
        verdict = self._wire.judge(control, tuple(sent.pending))
        for topic in (*verdict.accepted, *(t for t, _ in verdict.refused)):
            sent.pending.pop(topic, None)
        if not sent.pending or control.kind == "error":
            sent.pending.clear()
            self._clean()
            self.subscribe(sent.job.back, first=True)

    def _again(self, sent: _Sent, topics: Sequence[str], wait_s: float) -> None:
        mine = [topic for topic in topics if sent.pending.pop(topic, topic) is None]
        if not mine:
            return
        for topic in mine:
            self._tries[topic] += 1
        tries = max(self._tries[topic] for topic in mine)
        if tries > 3:  # "again" has stopped to help by itself
            wait_s = max(wait_s, 0.5 * 2.0 ** (tries - 3))
        self._after(min(MAX_WAIT_S, wait_s), lambda: self.subscribe(mine, first=True))

    def _apart(self, sent: _Sent) -> None:
        """One of those without an answer is bad: in halves, until it stands alone."""
        left = list(sent.pending)
        sent.pending.clear()
        self._clean()
        middle = (len(left) + 1) // 2
        for half in (left[middle:], left[:middle]):
            if half:
                self.subscribe(half, first=True)

    def _after(self, wait_s: float, call: Callable[[], None]) -> None:
        if wait_s <= 0:
            call()
            return

        def fire() -> None:
            self._timers.discard(handle)
            call()

        handle = self._loop.call_later(wait_s, fire)
        self._timers.add(handle)

    def _clean(self) -> None:
        for request_id in [key for key, sent in self._inflight.items() if not sent.pending]:
            del self._inflight[request_id]

    # -- time -----------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Looks for requests that were never answered."""
        for sent in [one for one in self._inflight.values() if one.deadline <= now]:
            sent.deadline = now + MAX_WAIT_S  # `apart` may still be waiting for it
            topics = list(sent.pending)
            sent.pending.clear()
            if sent.job.leave:
                self.subscribe(sent.job.back, first=True)
                continue
            self._counters["ack_timeouts"] += 1
            spoke = [topic for topic in topics if self._owner.has_spoken(topic)]
            for topic in spoke:  # the answer got lost, the data did not
                self._accept(topic)
            silent = [topic for topic in topics if topic not in spoke]
            if silent:
                self._silent += 1
                sent.pending.update(dict.fromkeys(silent))
                self._again(sent, silent, 1.0)
        self._clean()
        if self._silent >= MAX_SILENT:
            self._silent = 0
            self._owner.on_exhausted("no answers")

    def stop(self) -> None:
        self._stopped = True
        for handle in (*self._timers, *((self._pump_timer,) if self._pump_timer else ())):
            handle.cancel()
        self._timers.clear()
        self._queue.clear()
        self._inflight.clear()
