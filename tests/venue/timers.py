"""What is due when: the slow streams and rare events of all desks in one heap."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

Action = Callable[[], float]  # returns seconds until it is due again; below 0: never
GOLDEN = 0.618_033_988_749_895  # neighbours in a sequence of its multiples lie far apart


class Timers:
    """Calls actions when they are due. Times are the venue's own seconds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Action]] = []
        self._count = 0

    def add(self, due: float, action: Action) -> None:
        self._count += 1
        heappush(self._heap, (due, self._count, action))

    def spread(self, now: float, every_s: float, action: Action) -> None:
        """First call within `every_s`, each one at another point of it."""
        self.add(now + every_s * ((self._count * GOLDEN) % 1.0), action)

    @property
    def next_due(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def turn(self, now: float) -> int:
        """Calls everything that is due at `now`. A turn that was missed is left out."""
        heap, called = self._heap, 0
        while heap and heap[0][0] <= now:
            due, number, action = heappop(heap)
            wait = action()
            called += 1
            if wait >= 0:
                heappush(heap, (max(due + wait, now + 0.001), number, action))
        return called
