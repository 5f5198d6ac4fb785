"""Mark, index, funding, open interest, account ratio: small seeded walks around the mid price.

Integers throughout. What belongs to a moment in time (a settled funding rate, the ratio of a
period, the balance of a pool) is a function of seed and time, so that REST can tell any past."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING
from zlib import crc32

from .instruments import split_step

if TYPE_CHECKING:
    from .desk import Desk

STEP_MS = 100  # values move at most this often
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
INTEREST_MS = 300_000
MILLION = 10**6
RATE_UNIT = 10**16  # funding rates are held in 1e-16
RATE_MOST = 3 * 10**12  # 0.0003
DAY_SPREAD = 300  # the made-up opening price lies within so many 1e-4 of the first price


def noise(salt: str, number: int, span: int) -> int:
    """A number in [-span, span] that belongs to `salt` and `number`."""
    return crc32(f"{salt}:{number}".encode()) % (2 * span + 1) - span


class Reference:
    """One instrument. `advance` first, then read."""

    def __init__(self, desk: Desk, seed: int) -> None:
        inst = desk.inst
        self.desk = desk
        self.salt = f"{seed}:{inst.venue}:{inst.market}:{inst.venue_id}"
        self._rng = Random(f"{self.salt}:reference")
        self.places = 8 if inst.venue == "binance" else split_step(inst.price_step)[1]
        tick, tick_places = split_step(inst.price_step)
        self._numerator = tick * 10 ** max(0, self.places - tick_places)
        self._divisor = 2 * MILLION * 10 ** max(0, tick_places - self.places)
        self._premium, self._basis = 0, self._rng.randint(-200, 200)  # 1e-6 of the mid
        self._stamp = 0  # ms of the newest step
        self.mark = self.average = self.index = 0  # in 10^-places
        self.interest = (  # open positions of one side, in lots
            inst.lots * (2000 + noise(f"{self.salt}:interest", 0, 1000))
        )
        self._rate_noise = 0
        self.hours = inst.funding_hours
        self._changes: list[tuple[int, int]] = []  # (ms, hours per funding until then)
        # A venue that has run for some minutes has no 24 h behind it: the opening price and
        # what was traded before the start are made up, and stay as they are.
        self.day_open = inst.start_ticks * (10_000 + noise(self.salt, 1, DAY_SPREAD)) // 10_000
        self.day_lots = inst.lots * (5_000 + noise(self.salt, 2, 2_000))
        self.day_count = 500_000 + noise(self.salt, 3, 200_000)
        self._kept: dict[int, int] = {}  # 5 minutes -> interest at their end
        self.advance(0)
        self.first_mark = self.mark

    def advance(self, now_ms: int) -> None:
        """A step of the walks, if the newest was long enough ago."""
        if now_ms and now_ms - self._stamp < STEP_MS:
            return
        self._stamp = now_ms
        rng = self._rng
        roll = rng.random()
        if roll < 0.6:
            self._premium = within(self._premium + rng.randint(-4, 4), 60)
        if roll < 0.3:
            self._basis = within(self._basis + rng.randint(-4, 4), 300)
        if roll > 0.8:
            self._rate_noise = within(self._rate_noise + rng.randint(-(10**10), 10**10), 10**11)
        if roll > 0.7:
            most = max(1, self.desk.inst.lots // 50)
            self.interest = max(1, self.interest + rng.randint(-most, most))
        self._keep(now_ms // INTEREST_MS)
        mid = self.desk.mid_2x() * self._numerator
        self.mark = mid * (MILLION + self._premium) // self._divisor
        self.index = mid * (MILLION + self._basis) // self._divisor
        before = self.average or self.mark
        self.average = before + (self.mark - before) // 16

    # open interest
    def _keep(self, number: int) -> None:
        if number and number not in self._kept:
            self._kept[number] = self.interest
            if len(self._kept) > 600:
                del self._kept[next(iter(self._kept))]

    def past_interest(self, ms: int) -> int:
        """At a multiple of 5 minutes: what it was then, or made up for before the start."""
        number = ms // INTEREST_MS
        if number in self._kept:
            return self._kept[number]
        base = next(iter(self._kept.values()), self.interest)
        return max(1, base + base * noise(f"{self.salt}:past", number, 100) // 10_000)

    # funding
    def next_funding(self, ms: int) -> int:
        span = self.hours * HOUR_MS
        return (ms // span + 1) * span

    def settled(self, funding_ms: int) -> int:
        """The rate of the funding at that time, in 1e-16."""
        return 10**12 + noise(f"{self.salt}:funding", funding_ms, RATE_MOST // 10**4) * 10**4

    def rate(self, now_ms: int) -> int:
        """What is predicted of the next funding; it comes to what is settled then."""
        due, span = self.next_funding(now_ms), self.hours * HOUR_MS
        return self.settled(due) + self._rate_noise * (due - now_ms) // span

    def set_hours(self, hours: int, now_ms: int) -> None:
        self._changes.append((now_ms, self.hours))
        self.hours = hours

    def fundings(self, first_ms: int, last_ms: int, most: int) -> list[tuple[int, int]]:
        """(time, rate) of the settled fundings in [first, last], newest first, at most `most`."""
        out: list[tuple[int, int]] = []
        changes = list(self._changes)
        hours, ms = self.hours, last_ms + 1
        while len(out) < most:
            while changes and ms - 1 <= changes[-1][0]:  # all of it was before that change
                hours = changes.pop()[1]
            span = hours * HOUR_MS
            due = (ms - 1) // span * span
            if changes and due <= changes[-1][0]:  # from there on back another interval held
                ms, hours = changes.pop()
                ms += 1
                continue
            if due < first_ms:
                break
            ms = due
            out.append((ms, self.settled(ms)))
        return out

    def long_share(self, period: int) -> int:
        """Accounts that are long at the end of period number `period`, in 1e-4."""
        salt = f"{self.salt}:accounts"
        return 5300 + sum(noise(salt, period - back, 250) for back in range(4))


def within(value: int, most: int) -> int:
    return max(-most, min(most, value))


class Pool:
    """An insurance fund. Its balance changes at some of the multiples of `period_ms`, moved by
    `shift_ms`."""

    def __init__(self, name: str, seed: int, period_ms: int, shift_ms: int = 0) -> None:
        self.period_ms, self.shift_ms = period_ms, shift_ms
        self._salt = f"{seed}:pool:{name}"
        self._base = 10**13 + noise(self._salt, 0, 10**9) * 8000  # in 1e-8

    def at(self, now_ms: int) -> tuple[int, int]:
        """(time of the newest change in ms, balance then in 1e-8)."""
        number = (now_ms - self.shift_ms) // self.period_ms
        while noise(self._salt, number, 1) < 0:  # one in three leaves it as it was
            number -= 1
        then = number * self.period_ms + self.shift_ms
        return then, self._base + noise(self._salt, number, 10**9) * 10
