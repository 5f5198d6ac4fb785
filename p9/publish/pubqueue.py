"""Pub/sub commands on their way: in order, at least once, in batches of one hand-over."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from p9.publish.pubstats import Ledger
from p9.publish.redis_link import Expect, RedisLink

BATCH_OVERHEAD_BYTES = 400
"""Objects around a batch, so that many small ones are not free of charge."""


class PubBatch(Expect):
    """The commands of one hand-over, as the engine wrote them."""

    __slots__ = (
        "_queue", "commands", "data", "first_recv_ns", "messages", "sent_ns", "size", "taken_ns"
    )  # fmt: skip

    def __init__(
        self, queue: PubQueue, data: bytes, commands: int, messages: int, first_recv_ns: int
    ) -> None:
        super().__init__(commands, keep=False)
        self.data = data
        self.commands = commands
        self.messages = messages
        self.first_recv_ns = first_recv_ns
        """Wall clock; 0: none."""
        self.size = len(data) + BATCH_OVERHEAD_BYTES
        """0 once its bytes are given up: it can still be confirmed, but not written again."""
        self.taken_ns = time.monotonic_ns()
        self.sent_ns = 0
        self._queue = queue

    def on_error(self, text: str) -> None:
        self._queue.ledger.error(text, "publish")

    def on_done(self) -> None:
        self._queue.confirmed(self)


class PubQueue:
    """Batches that wait, and batches that are written and owed replies."""

    def __init__(self, ledger: Ledger, on_confirmed: Callable[[], None]) -> None:
        self.ledger = ledger
        self.bytes = 0
        self.messages = 0
        """PUBLISHes not confirmed."""
        self._on_confirmed = on_confirmed
        self._unsent: deque[PubBatch] = deque()
        self._sent: deque[PubBatch] = deque()

    @property
    def batches(self) -> int:
        return len(self._sent) + len(self._unsent)

    @property
    def waiting(self) -> bool:
        """Something has not been written."""
        return bool(self._unsent)

    def oldest_taken_ns(self) -> int:
        """Monotonic time of the oldest unconfirmed batch; 0: none."""
        queue = self._sent or self._unsent
        return queue[0].taken_ns if queue else 0

    def take(self, data: bytes, commands: int, messages: int, first_recv_ns: int) -> None:
        batch = PubBatch(self, data, commands, messages, first_recv_ns)
        self._unsent.append(batch)
        self.bytes += batch.size
        self.messages += messages
        if messages and first_recv_ns:
            self.ledger.stages["core"].record(time.time_ns() - first_recv_ns, messages)

    def next(self, link: RedisLink, limit_bytes: int) -> list[bytes]:
        """The next batches, about that many bytes; they are owed and must be written at once."""
        parts: list[bytes] = []
        size = 0
        now_ns = time.monotonic_ns()
        while self._unsent and size < limit_bytes:
            batch = self._unsent.popleft()
            if batch.sent_ns:
                self.ledger.counters.resent += batch.messages
            batch.sent_ns = now_ns
            self._sent.append(batch)
            link.owe(batch)
            parts.append(batch.data)
            size += len(batch.data)
        return parts

    def confirmed(self, batch: PubBatch) -> None:
        self._sent.popleft()
        self.bytes -= batch.size
        self.messages -= batch.messages
        counters = self.ledger.counters
        counters.batches += 1
        counters.messages += batch.messages
        counters.commands += batch.commands
        counters.rtt_ns = time.monotonic_ns() - batch.sent_ns
        if batch.messages:
            self.ledger.stages["redis"].record(counters.rtt_ns, batch.messages)
        if batch.messages and batch.first_recv_ns:
            self.ledger.latency.record(time.time_ns() - batch.first_recv_ns, batch.messages)
        self._on_confirmed()

    def take_back(self) -> None:
        """The connection is gone: what was written and not confirmed is to be written again."""
        given_up = 0
        while self._sent:
            batch = self._sent.pop()
            if batch.size:
                batch.owed = batch.commands
                self._unsent.appendleft(batch)
            else:
                given_up += batch.messages
        self._drop(given_up, "overflow")

    def shed(self, excess_bytes: int) -> int:
        """Gives the oldest up to make room; returns the bytes freed."""
        freed = lost = 0
        for batch in self._sent:
            if freed >= excess_bytes:
                break
            # Already written: it may still be confirmed, only writing it again is given up.
            freed += batch.size
            batch.size = 0
            batch.data = b""
        while freed < excess_bytes and self._unsent:
            batch = self._unsent.popleft()
            freed += batch.size
            lost += batch.messages
        self.bytes -= freed
        self._drop(lost, "overflow")
        return freed

    def abandon(self, reason: str) -> None:
        """At the end: what is still unconfirmed counts as dropped."""
        self._sent.clear()
        self._unsent.clear()
        self.bytes = 0
        self._drop(self.messages, reason)

    def _drop(self, messages: int, reason: str) -> None:
        if messages:
            self.messages -= messages
            self.ledger.drop("pub", messages, reason)
