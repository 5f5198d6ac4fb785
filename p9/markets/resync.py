"""Executes what the engine wants: depth snapshots, new subscriptions, fresh instruments.

One at a time for each instrument, within a budget per exchange, through the shared REST
ledger: whatever breaks, this never becomes a storm. The engine asks again after its own
back-off, so a want may always be dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from p9.connect.feeds import Feeds
from p9.port import Port
from p9.rest.client import RestClient, RestError
from p9.venues import Endpoint, Instrument, Priority, RestCall

log = logging.getLogger(__name__)

SNAPSHOTS_AT_ONCE = 6  # per exchange
DEEP_SHARE = 0.5  # of a pool may go into the deepest snapshots of all instruments
REFRESH_GAP_S = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instrument lives."""

    instrument: Instrument
    endpoint: Endpoint
    feeds: Feeds
    rest: RestClient


class _Budget:
    """At most `per_minute` in any 60 s."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._used: deque[float] = deque()

    async def take(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            while self._used and self._used[0] <= now - 60.0:
                self._used.popleft()
            if len(self._used) < self.per_minute:
                self._used.append(now)
                return
            await asyncio.sleep(self._used[0] + 60.0 - now + 0.01)


class Resync:
    def __init__(
        self,
        port: Port,
        lookup: Callable[[int], Place | None],
        refresh: Callable[[str], Awaitable[None]],
        *,
        levels: int,
        per_minute: int,
    ) -> None:
        """`lookup(number)`: where an instrument lives, None once it is not wanted any more;
        `refresh(endpoint)` loads its instruments again and may raise RestError."""
        self.counters: Counter[str] = Counter()
        self._port, self._lookup, self._refresh = port, lookup, refresh
        self._levels, self._per_minute = levels, per_minute
        self._budgets: dict[str, _Budget] = {}
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._busy: set[int] = set()  # instruments with a snapshot or resubscription
        self._started: set[int] = set()  # instruments that had their first snapshot
        self._refreshing: set[str] = set()
        self._refreshed: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def on_wants(self, wants: list[tuple[str, int, int]]) -> None:
        """What `Engine.take_wants` gave: (kind, instrument, attempt)."""
        for kind, number, _ in wants:
            place = self._lookup(number)
            if place is None:
                self.counters["not_wanted"] += 1
            elif kind == "instruments":
                self._want_refresh(place.endpoint.name)
            elif number in self._busy:
                self.counters["coalesced"] += 1
            else:
                self._busy.add(number)
                again = kind == "resubscribe" or not place.endpoint.depth_limits
                self._spawn(
                    self._resubscribe(number, place) if again else self._snapshot(number, place)
                )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def limit(self, per_minute: int) -> None:
        """So many from now on."""
        self._per_minute = per_minute
        for budget in self._budgets.values():
            budget.per_minute = per_minute

    def _budget(self, exchange: str) -> _Budget:
        return self._budgets.setdefault(exchange, _Budget(self._per_minute))

    async def _snapshot(self, number: int, place: Place) -> None:
        name, exchange = place.endpoint.name, place.instrument.exchange
        gate = self._gates.setdefault(exchange, asyncio.Semaphore(SNAPSHOTS_AT_ONCE))
        try:
            if number in self._started:  # the first ones after a start are not counted
                await self._budget(exchange).take()
            async with gate:
                if self._lookup(number) is None:
                    return
                await self._fetch(number, place)
        except Exception:
            log.exception("resync %s: internal error", name)
        finally:
            self._busy.discard(number)

    async def _fetch(self, number: int, place: Place) -> None:
        call = self._call(place)
        if call is None:
            return
        instrument = place.instrument
        self.counters["snapshots"] += 1
        try:
            reply = await place.rest.get(call, priority=Priority.RESYNC, attempts=1)
        except RestError as error:
            self.counters[f"snapshot_failed.{error.reason}"] += 1
            log.warning("snapshot %s %s: %s", instrument.exchange, instrument.symbol, error.reason)
            self._port.snapshot_failed(number, instrument)
            return
        why = self._port.snapshot(number, instrument, reply)
        if why:
            self.counters[f"snapshot_refused.{why}"] += 1
        else:
            self._started.add(number)

    def _call(self, place: Place) -> RestCall | None:
        """Deep, since a book knows nothing beyond its snapshot until it changes; only what is
        served, where that would hold up the start of so many."""
        ask, venue_id = place.endpoint.depth_call, place.instrument.venue_id
        deep = ask(venue_id, 4 * self._levels)
        if deep is None:
            return None
        limit = next(pool.limit for pool in place.endpoint.pools if pool.name == deep.pool)
        slow = place.endpoint.pools[0].window_s >= 10.0  # short windows refill at once
        if slow and place.feeds.size() * deep.weight > DEEP_SHARE * limit:
            return ask(venue_id, self._levels)
        return deep

    async def _resubscribe(self, number: int, place: Place) -> None:
        try:
            await self._budget(place.instrument.exchange).take()
            if self._lookup(number) is not None:
                done = place.feeds.resubscribe(number)
                self.counters["resubscribed" if done else "resubscribe_not_now"] += 1
        except Exception:
            log.exception("resync %s: internal error", place.endpoint.name)
        finally:
            self._busy.discard(number)

    def _want_refresh(self, name: str) -> None:
        now = asyncio.get_running_loop().time()
        due = self._refreshed.get(name, -REFRESH_GAP_S) + REFRESH_GAP_S
        if name in self._refreshing:
            self.counters["coalesced"] += 1
            return
        self._refreshing.add(name)
        self._spawn(self._refresh_after(name, max(0.0, due - now)))

    async def _refresh_after(self, name: str, wait_s: float) -> None:
        try:
            await asyncio.sleep(wait_s)
            self._refreshed[name] = asyncio.get_running_loop().time()
            self.counters["refreshes"] += 1
            await self._refresh(name)
        except RestError as error:
            self.counters[f"refresh_failed.{error.reason}"] += 1
            log.warning("instruments %s: %s", name, error.reason)
        except Exception:
            log.exception("instruments %s: internal error", name)
        finally:
            self._refreshing.discard(name)

    def stats(self) -> dict[str, object]:
        return {"counters": dict(self.counters), "busy": len(self._busy)}

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
