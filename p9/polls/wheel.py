"""Many small things that are due at their own times, behind one timer."""

from __future__ import annotations

import heapq
import itertools
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

AFTER_ERROR_S = 5.0

Act = Callable[[float], "float | None"]
"""Called with the time; gives when to be called again, None: never."""


class Wheel:
    """`turn` calls what is due. Times are of a clock that never jumps."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Act]] = []
        self._order = itertools.count()

    def at(self, due: float, act: Act) -> None:
        heapq.heappush(self._heap, (due, next(self._order), act))

    def turn(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            _, _, act = heapq.heappop(self._heap)
            try:
                due = act(now)
            except Exception:
                log.exception("timer: internal error")
                due = now + AFTER_ERROR_S
            if due is not None:
                # what is due at once has its next turn after all others had theirs
                self.at(max(due, now + 0.001), act)

    def __len__(self) -> int:
        return len(self._heap)
