"""Stream commands on their way: batches, the transactions made of them, what the replies mean."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from p9.publish.redis_link import Expect, ReplyError, error_word

BATCH_OVERHEAD_BYTES = 400
"""Objects around a batch, so that many small ones are not free of charge."""

_MULTI = b"*1\r\n$5\r\nMULTI\r\n"
_EXEC = b"*1\r\n$4\r\nEXEC\r\n"
_ID_REFUSED_TEXT = "equal or smaller"
_TRANSIENT_WORDS = frozenset(
    {"OOM", "READONLY", "MISCONF", "LOADING", "MASTERDOWN", "NOREPLICAS", "BUSY", "CLUSTERDOWN"}
)


class LogBatch:
    """The stream commands of one flush, as the engine wrote them."""

    __slots__ = ("count", "data", "index", "size", "taken_ns", "until_ns")

    def __init__(self, data: bytes, index: bytes, count: int) -> None:
        self.data = data
        self.index = index
        self.count = count
        self.size = len(data) + len(index) + BATCH_OVERHEAD_BYTES
        self.taken_ns = time.monotonic_ns()
        self.until_ns = 0
        """Monotonic; once confirmed, kept until then."""

    def rows(self) -> Iterator[tuple[int, int, int, int]]:
        """(channel, seq, offset, length) of each command."""
        numbers = iter(memoryview(self.index).cast("q").tolist())
        return zip(numbers, numbers, numbers, numbers, strict=True)

    def channels(self) -> list[int]:
        """One per command."""
        return memoryview(self.index).cast("q").tolist()[::4]


class Transaction(Expect):
    """MULTI, the commands of whole batches, EXEC."""

    __slots__ = ("_done", "batches", "count")

    def __init__(
        self, batches: list[LogBatch], done: Callable[[Transaction], None] | None = None
    ) -> None:
        self.batches = batches
        self.count = sum(batch.count for batch in batches)
        self._done = done
        super().__init__(self.count + 2, keep=True)

    def again(self) -> None:
        """Nothing of it has been answered."""
        self.owed = self.count + 2
        self.replies = []

    def parts(self) -> list[bytes]:
        return [_MULTI, *(batch.data for batch in self.batches), _EXEC]

    def commands(self, positions: Iterable[int]) -> list[tuple[int, int, bytes]]:
        """(channel, seq, RESP bytes) of the commands at these positions."""
        wanted = set(positions)
        rows = ((batch.data, row) for batch in self.batches for row in batch.rows())
        return [
            (channel, seq, data[offset : offset + length])
            for position, (data, (channel, seq, offset, length)) in enumerate(rows)
            if position in wanted
        ]

    def on_done(self) -> None:
        if self._done is not None:
            self._done(self)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the replies to a transaction say."""

    retry: str = ""
    """Text of the error for which it must be sent again as a whole; empty: it was executed."""
    refused: list[int] = field(default_factory=list)
    """Positions refused by id: there, or lost."""
    failed: list[tuple[int, str]] = field(default_factory=list)
    """Positions that no retry can help, with the error text."""

    @property
    def clean(self) -> bool:
        return not (self.retry or self.refused or self.failed)


def judge(replies: Sequence[object], count: int) -> Verdict:
    """`replies`: to MULTI, to `count` commands, to EXEC."""
    results = replies[-1]
    if not isinstance(results, list) or len(results) != count:
        # The error at queueing names the cause; EXEC only says that there was one.
        errors = (str(reply) for reply in replies if isinstance(reply, ReplyError))
        return Verdict(retry=next(errors, "EXEC gave no result"))
    verdict = Verdict()
    for position, result in enumerate(results):
        if not isinstance(result, ReplyError):
            continue
        text = str(result)
        if error_word(text) in _TRANSIENT_WORDS:
            return Verdict(retry=text)
        if _ID_REFUSED_TEXT in text:
            verdict.refused.append(position)
        else:
            verdict.failed.append((position, text))
    return verdict


def missing(answer: object, command: bytes) -> str:
    """Why a refused XADD is not in the stream, by the answer to XRANGE id id; empty: it is."""
    if not isinstance(answer, list) or not answer:
        return "refused"
    payload = answer[0][1][-1]
    # Another writer may have used the same id for something else.
    return "" if command.endswith(b"\r\n" + payload + b"\r\n") else "id_taken"
