"""The REST weight ledger of one venue: every caller pays here before it asks.

One pool per rate limit. Weight is counted over a sliding window, raised to what the venue
says was used (others behind the same address count too). While a hold stands, nothing goes.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable

from p9.venues import Priority, RestPool

SHARE = 0.9  # of a limit is ours to use: clocks and windows never agree exactly
WAITERS = 2000  # at most, per pool


class LedgerFull(Exception):
    """Too many calls wait for weight already, or the ledger was stopped."""


class _Pool:
    def __init__(self, row: RestPool, clock: Callable[[], float]) -> None:
        self.row = row
        self.limit = max(1, int(row.limit * SHARE))
        self.used = 0
        self.hold_until = 0.0
        self.waited = 0
        self._clock = clock
        self._spent: deque[tuple[float, int]] = deque()  # bounded: each entry has weight >= 1
        self._order = itertools.count()
        self._waiters: list[tuple[int, int, int, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    def _expire(self, now: float) -> None:
        while self._spent and self._spent[0][0] + self.row.window_s <= now:
            self.used -= self._spent.popleft()[1]

    def _spend(self, weight: int) -> None:
        if weight > 0:
            self._spent.append((self._clock(), weight))
            self.used += weight

    def _free_at(self, weight: int, now: float) -> float:
        """When `weight` more will fit; `now` if it does already."""
        if now < self.hold_until:
            return self.hold_until
        self._expire(now)
        excess = self.used + weight - self.limit
        for at, spent in self._spent:
            if excess <= 0:
                break
            excess -= spent
            now = at + self.row.window_s
        return now

    async def take(self, weight: int, priority: Priority) -> None:
        now = self._clock()
        if not self._waiters and self._free_at(weight, now) <= now:
            self._spend(weight)
            return
        if len(self._waiters) >= WAITERS:
            raise LedgerFull(self.row.name)
        self.waited += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (priority, next(self._order), weight, future))
        self.pump()
        await future

    def pump(self) -> None:
        """Lets those go whose turn it is, and comes back when the next one can."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiters:
            _, _, weight, future = self._waiters[0]
            if future.done():  # its caller gave up
                heapq.heappop(self._waiters)
                continue
            now = self._clock()
            at = self._free_at(weight, now)
            if at > now:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(at - now + 0.001, self.pump)
                return
            heapq.heappop(self._waiters)
            self._spend(weight)
            future.set_result(None)

    def observed(self, used: int) -> None:
        self._expire(self._clock())
        self._spend(min(used, 2 * self.row.limit) - self.used)

    def hold(self, seconds: float) -> None:
        self.hold_until = max(self.hold_until, self._clock() + seconds)

    def held_s(self) -> float:
        return max(0.0, self.hold_until - self._clock())

    def stats(self) -> dict[str, float]:
        self._expire(self._clock())
        return {
            "used": self.used,
            "limit": self.limit,
            "held_s": round(self.held_s(), 3),
            "waiting": len(self._waiters),
            "waited": self.waited,
        }

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for _, _, _, future in self._waiters:
            if not future.done():
                future.set_exception(LedgerFull("stopped"))
        self._waiters.clear()


class Ledger:
    """The pools of one venue."""

    def __init__(
        self,
        pools: Iterable[RestPool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pools = {row.name: _Pool(row, clock) for row in pools}

    async def take(self, pool: str, weight: int, priority: Priority = Priority.POLL) -> None:
        """Waits until `weight` may be spent; those of smaller priority value go first.

        Raises LedgerFull when too many wait already.
        """
        await self._pools[pool].take(weight, priority)

    def observed(self, pool: str, used: int) -> None:
        """The venue says that so much of the window is used."""
        self._pools[pool].observed(used)

    def hold(self, pool: str | None, seconds: float) -> None:
        """Nothing more of this pool (None: of the whole venue) for so long."""
        for name, row in self._pools.items():
            if pool in (None, name):
                row.hold(seconds)

    def held_s(self, pool: str) -> float:
        return self._pools[pool].held_s()

    def stats(self) -> dict[str, dict[str, float]]:
        return {name: pool.stats() for name, pool in self._pools.items()}

    def stop(self) -> None:
        """Those who wait get LedgerFull."""
        for pool in self._pools.values():
            pool.stop()
