"""The log streams: every XADD exactly once and in order.

Commands go in transactions, one in flight at a time: a failed one holds the later ones back and
is sent again as a whole. Three questions are settled here:

- A transaction failed (EXEC is nil, EXECABORT, OOM, READONLY, ...): nothing of it was done.
  It is sent again, later.
- An id was refused as not above the stream's last one. The reply is the same whether the entry
  is there (an earlier try whose reply was lost) or not, so XRANGE is asked, and only what it
  finds counts as confirmed.
- A server came back. It may have forgotten the end of its streams (appendfsync everysec; a
  promoted replica). What was confirmed is therefore kept for `keep_s`, and after a reconnect,
  before anything else, what stands above each stream's last id is added again.

Kept and waiting commands stay as the bytes the engine wrote plus its index (four int64 per
command), never as objects per message.
"""

from __future__ import annotations

import asyncio
import logging
import time
from array import array
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from p9.connect.pacing import Backoff
from p9.log import event
from p9.publish.logbatch import LogBatch, Transaction, Verdict, judge, missing
from p9.publish.pubstats import Ledger
from p9.publish.redis_link import LinkLost, RedisLink, ReplyError, pack

log = logging.getLogger("p9.publish.publisher")

MAX_TRANSACTION_BYTES = 1 << 20
MAX_TRANSACTION_COMMANDS = 10_000
QUESTIONS_PER_WRITE = 500
BATCHES_PER_TURN = 200
"""Kept batches looked through in one loop turn while reconciling."""
RETRY_FIRST_S = 0.05
RETRY_CAP_S = 2.0
READONLY_TRIES = 6
"""After so many tries the address is looked up and connected anew: the primary may have moved."""

_NOTHING_TO_ADD = 2**63 - 1


@dataclass(frozen=True, slots=True)
class StreamNames:
    """How the engine's channel numbers are called in Redis."""

    epoch: int
    key: Callable[[int], str]
    kind: Callable[[int], str]


class StreamLog:
    """Takes the engine's stream commands and gives transactions to write, one at a time."""

    def __init__(
        self, ledger: Ledger, *, keep_s: float, kept_limit_bytes: int, wake: Callable[[], None]
    ) -> None:
        self.names = StreamNames(0, str, str)
        self.bytes = 0
        """Of everything held: waiting, in flight, kept."""
        self.kept_bytes = 0
        self.waiting = 0
        """Commands not confirmed."""
        self.ready = False
        """Connected and reconciled."""
        self._ledger = ledger
        self._counters = ledger.counters
        self._keep_ns = int(keep_s * 1e9)
        self._kept_limit_bytes = kept_limit_bytes
        self._wake = wake
        self._pending: deque[LogBatch] = deque()
        self._kept: deque[LogBatch] = deque()
        self._current: Transaction | None = None
        self._busy = False
        self._channels: set[int] = set()
        self._link: RedisLink | None = None
        self._task: asyncio.Task[None] | None = None

    # --- the publisher's side ---------------------------------------------------------------

    def take(self, data: bytes, index: bytes, count: int) -> None:
        batch = LogBatch(data, index, count)
        self._pending.append(batch)
        self._channels.update(batch.channels())
        self.waiting += count
        self.bytes += batch.size

    def start(self, link: RedisLink) -> None:
        """A connection is there, and nothing of the streams has been sent on it."""
        self._link = link
        self._busy = False
        if self._kept:
            self._run(link, lambda: self._reconcile(link))
        else:
            self.ready = True

    def stop(self) -> None:
        """The connection is gone; a transaction in flight may or may not have been executed."""
        self.ready = False
        self._link = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def next(self) -> Transaction | None:
        """What to write now, if anything; it must be owed and written at once."""
        if not self.ready or self._busy:
            return None
        if self._current is None:
            self._current = self._join()
        if self._current is not None:
            self._current.again()
            self._busy = True
        return self._current

    def oldest_taken_ns(self) -> int:
        """Monotonic time of the oldest unconfirmed command; 0: none."""
        batches = self._current.batches if self._current is not None else self._pending
        return batches[0].taken_ns if batches else 0

    def shed(self, excess_bytes: int) -> None:
        """Makes room: the oldest kept first, then the oldest waiting (lost, and reported).

        The transaction that may be in flight stays; its own size bounds it.
        """
        target = self.bytes - excess_bytes
        while self.bytes > target and self._kept:
            self._forget_oldest(early=True)
        lost: Counter[str] = Counter()
        while self.bytes > target and self._pending:
            batch = self._pending.popleft()
            self.bytes -= batch.size
            self.waiting -= batch.count
            lost.update(map(self.names.kind, batch.channels()))
        self._ledger.drop_all(lost, "overflow")

    def prune(self) -> None:
        """Forgets what was kept long enough. Time spent without a server does not count."""
        now_ns = time.monotonic_ns()
        while self.ready and self._kept and self._kept[0].until_ns <= now_ns:
            self._forget_oldest(early=False)

    def abandon(self, reason: str) -> None:
        """At the end: what is still unconfirmed counts as dropped."""
        batches = [*(self._current.batches if self._current else ()), *self._pending]
        lost = Counter(self.names.kind(c) for batch in batches for c in batch.channels())
        self._ledger.drop_all(lost, reason)
        self._current = None
        self._pending.clear()
        self.waiting = 0

    # --- one transaction after the other ----------------------------------------------------

    def _join(self) -> Transaction | None:
        """All that waits, up to the size of a transaction; a flush is never split."""
        batches: list[LogBatch] = []
        size = count = 0
        while self._pending:
            size += len(self._pending[0].data)
            count += self._pending[0].count
            if batches and (size > MAX_TRANSACTION_BYTES or count > MAX_TRANSACTION_COMMANDS):
                break
            batches.append(self._pending.popleft())
        return Transaction(batches, self._answered) if batches else None

    def _answered(self, transaction: Transaction) -> None:
        verdict = judge(transaction.replies or (), transaction.count)
        link = self._link
        if verdict.clean:
            self._confirm(transaction)
        elif link is not None:
            self._run(link, lambda: self._settle(link, transaction, verdict))

    async def _settle(self, link: RedisLink, transaction: Transaction, verdict: Verdict) -> None:
        lost = await self._insist(link, transaction, verdict)
        self._confirm(transaction, lost)

    def _confirm(self, transaction: Transaction, lost: int = 0) -> None:
        until_ns = time.monotonic_ns() + self._keep_ns
        for batch in transaction.batches:
            batch.until_ns = until_ns
            self._kept.append(batch)
            self.kept_bytes += batch.size
        self._current = None
        self._busy = False
        self.waiting -= transaction.count
        self._counters.transactions += 1
        self._counters.stream_commands += transaction.count - lost
        self.prune()
        # In good times what is kept leaves half of the room to what is on its way.
        while self.kept_bytes > self._kept_limit_bytes and len(self._kept) > 1:
            self._forget_oldest(early=True)
        self._wake()

    def _forget_oldest(self, *, early: bool) -> None:
        batch = self._kept.popleft()
        self.bytes -= batch.size
        self.kept_bytes -= batch.size
        if early:
            self._counters.kept_early += batch.count

    # --- when something is wrong ------------------------------------------------------------

    def _run(self, link: RedisLink, work: Callable[[], Awaitable[None]]) -> None:
        """One at a time: a transaction is settled, or a new connection is reconciled."""

        async def guarded() -> None:
            try:
                await work()
            except LinkLost:
                pass  # the next connection starts over
            except Exception:
                log.exception("internal error in the stream log; connecting anew")
                link.drop("internal error")

        self._task = asyncio.get_running_loop().create_task(guarded())

    async def _insist(
        self, link: RedisLink, transaction: Transaction, verdict: Verdict | None = None
    ) -> int:
        """Until every command was executed once or is known to be lost. Returns the lost."""
        backoff = Backoff(RETRY_FIRST_S, RETRY_CAP_S)
        while True:
            if verdict is None:
                replies = await link.request(transaction.parts(), transaction.count + 2)
                verdict = judge(replies, transaction.count)
            if not verdict.retry:
                lost = await self._count_lost(link, transaction, verdict)
                if lost is not None:
                    return lost
            else:
                word = self._ledger.error(verdict.retry, "stream transaction")
                if word == "READONLY" and backoff.failures >= READONLY_TRIES:
                    link.drop("the server stays read-only")
                    raise LinkLost
            self._counters.transaction_retries += 1
            await asyncio.sleep(backoff.next())
            verdict = None

    async def _count_lost(
        self, link: RedisLink, transaction: Transaction, verdict: Verdict
    ) -> int | None:
        """Counts and reports what was refused and is not there; None: no answer, ask again."""
        names = self.names
        refused = transaction.commands(verdict.refused)
        answers: list[object] = []
        for start in range(0, len(refused), QUESTIONS_PER_WRITE):
            part = refused[start : start + QUESTIONS_PER_WRITE]
            ids = ((names.key(channel), f"{names.epoch}-{seq}") for channel, seq, _ in part)
            answers += await link.ask([pack("XRANGE", key, id_, id_) for key, id_ in ids])
        if failed := next((a for a in answers if isinstance(a, ReplyError)), None):
            self._ledger.error(str(failed), "XRANGE")
            return None
        lost: Counter[tuple[str, str]] = Counter()
        for (channel, _, command), answer in zip(refused, answers, strict=True):
            if reason := missing(answer, command):
                lost[names.kind(channel), reason] += 1
        self._counters.stream_found += len(refused) - lost.total()
        hopeless = transaction.commands(position for position, _ in verdict.failed)
        for (channel, _, _), (_, text) in zip(hopeless, verdict.failed, strict=True):
            lost[names.kind(channel), self._ledger.error(text, "stream command")] += 1
        for (kind, reason), number in lost.items():
            self._ledger.drop(kind, number, reason)
        return lost.total()

    async def _reconcile(self, link: RedisLink) -> None:
        """Adds again what this server has lost of the confirmed; then streams may go on."""
        floors = await self._floors(link)
        readded = 0
        async for transaction in self._above(floors):
            lost = await self._insist(link, transaction)
            readded += transaction.count - lost
        if readded:
            self._counters.stream_readded += readded
            event(log, "warning", "redis had lost confirmed stream entries: added again",
                  entries=readded)  # fmt: skip
        until_ns = time.monotonic_ns() + self._keep_ns
        for batch in self._kept:
            batch.until_ns = until_ns
        self.ready = True
        self._wake()

    async def _floors(self, link: RedisLink) -> dict[int, int]:
        """Per channel the seq (of this epoch) up to which its stream has everything."""
        floors: dict[int, int] = {}
        backoff = Backoff(RETRY_FIRST_S, RETRY_CAP_S)
        while asking := sorted(self._channels - floors.keys())[:QUESTIONS_PER_WRITE]:
            keys = map(self.names.key, asking)
            tops = await link.ask([pack("XREVRANGE", k, "+", "-", "COUNT", 1) for k in keys])
            for channel, top in zip(asking, tops, strict=True):
                if not isinstance(top, ReplyError):
                    floors[channel] = self._floor(top)
                elif self._ledger.error(str(top), "XREVRANGE") == "WRONGTYPE":
                    floors[channel] = _NOTHING_TO_ADD  # the key is no stream: it takes no entry
            if any(channel not in floors for channel in asking):
                await asyncio.sleep(backoff.next())
        return floors

    def _floor(self, top: object) -> int:
        if not isinstance(top, list) or not top:
            return 0
        epoch, seq = map(int, top[0][0].split(b"-"))
        if epoch == self.names.epoch:
            return int(seq)
        # A later epoch above ours: another writer has taken over, nothing of ours can be added.
        return _NOTHING_TO_ADD if epoch > self.names.epoch else 0

    async def _above(self, floors: dict[int, int]) -> AsyncIterator[Transaction]:
        """The kept commands above the floors, in order, as transactions of bounded size."""
        parts: list[bytes] = []
        index = array("q")
        size = 0
        for turn, batch in enumerate(tuple(self._kept), 1):
            for channel, seq, offset, length in batch.rows():
                if seq > floors.get(channel, 0):
                    parts.append(batch.data[offset : offset + length])
                    index.extend((channel, seq, size, length))
                    size += length
            if size > MAX_TRANSACTION_BYTES:
                yield Transaction([LogBatch(b"".join(parts), index.tobytes(), len(parts))])
                parts, index, size = [], array("q"), 0
            elif turn % BATCHES_PER_TURN == 0:
                await asyncio.sleep(0)
        if parts:
            yield Transaction([LogBatch(b"".join(parts), index.tobytes(), len(parts))])
