"""The clock of the local venue: the rate of the markets, the slow streams, the heartbeats."""

from __future__ import annotations

import asyncio
import time
from random import Random
from typing import TYPE_CHECKING

from .desk import Desk, Feed
from .timers import Timers

if TYPE_CHECKING:
    from .server import LocalVenue


class Pace:
    def __init__(self, hub: LocalVenue) -> None:
        self.hub = hub
        self.timers = Timers()
        self.ahead_ms = 0  # how far `pass_time` has put the clocks forward
        self._market_rng = Random(hub.options.seed)  # whose turn it is
        self._burst_rng = Random()
        self._active: dict[Feed, None] = {}
        self._schedule: list[Desk] = []  # every active desk, as often as its weight

    def activate(self, feed: Feed) -> None:
        if feed in self._active:
            return
        self._active[feed] = None
        if isinstance(feed, Desk):
            self._schedule += [feed] * feed.inst.weight
            if self.hub.options.events_s:
                due = self.hub.clock() + feed.reports.next_rare_s()
                self.timers.add(due, feed.reports.rare)

    def retire(self, desk: Desk) -> None:
        self._active.pop(desk, None)
        self._schedule = [other for other in self._schedule if other is not desk]

    def pump(self, steps: int) -> int:
        made = self._step(steps, 0.0)
        self.hub.flush()
        return made

    def pass_time(self, seconds: float) -> int:
        hub, called = self.hub, 0
        ends = hub.clock() + seconds
        while True:
            due = self.timers.next_due
            target = ends if due is None else min(ends, due)
            self.ahead_ms += max(0, int((target - hub.clock()) * 1000 + 0.999))
            called += self.timers.turn(hub.clock())
            if target >= ends:
                break
        hub.flush()
        return called

    def _step(self, budget: float, pace_s: float) -> int:
        """Moves active markets until `budget` messages are made. `pace_s`: least time between
        two depth messages of one instrument."""
        made, schedule, random = 0, self._schedule, self._market_rng.random
        if not schedule:
            return 0
        now_ms, now = self.hub.now_ms(), time.monotonic()
        while made < budget:
            made += schedule[int(random() * len(schedule))].act(now_ms, now, pace_s)
        self.hub.stats["messages"] += made
        return made

    async def run(self) -> None:
        """Keeps the rate, in uneven portions as a market does; what is slow comes on top."""
        hub = self.hub
        credit, then = 0.0, time.monotonic()
        burst, burst_ends = 1.0, 0.0
        while True:
            await asyncio.sleep(hub.options.step_s)
            now = time.monotonic()
            if now > burst_ends:
                burst, burst_ends = 0.4 + 1.2 * self._burst_rng.random(), now + 0.05
            rate = hub.rate
            # at most 100 ms are made up for: a loop that fell behind must not run away
            credit = min(credit + rate * burst * (now - then), rate * 0.1 + 1)
            then = now
            if credit >= 1 and rate > 0:
                credit -= self._step(credit, hub.options.timing.depth_s)
            if rate > 0:
                self.timers.turn(hub.clock())
            hub.flush()

    async def keep(self) -> None:
        """Heartbeats, deadlines, repeats."""
        hub, timing = self.hub, self.hub.options.timing
        every = max(0.02, min(0.5, timing.bybit_repeat_s / 6, timing.okx_idle_s / 6))
        while True:
            await asyncio.sleep(every)
            now, now_ms = time.monotonic(), hub.now_ms()
            for feed in list(self._active):
                feed.now_ms = now_ms
                feed.repeat(now)
            for room in hub.rooms.values():
                for conn in list(room.conns):
                    if not conn.closing:
                        room.tick(conn, now)
                        conn.flush()
            hub.flush()
