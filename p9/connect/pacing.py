"""How fast to try: back-off after failures, and the connection budget of a venue."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Waits that double from `base_s` to `cap_s`, jittered so that many do not act as one."""

    base_s: float = 0.5
    cap_s: float = 30.0
    failures: int = 0

    def next(self) -> float:
        wait = min(self.cap_s, self.base_s * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return wait * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        self.failures = 0


class Pacer:
    """At most `burst` connection attempts at once, then one per `interval_s`; first come first.

    One per venue: the limits count by address, over all of its endpoints.
    """

    def __init__(self, interval_s: float, burst: int) -> None:
        self._interval_s = interval_s
        self._burst = burst
        self._free_at = 0.0  # when the whole burst is available again

    async def take(self) -> None:
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + self._interval_s
        wait = self._free_at - self._burst * self._interval_s - now
        if wait > 0:
            await asyncio.sleep(wait)
