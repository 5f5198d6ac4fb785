"""Candles as lists of prints, and the lag as a list of messages: slow, obvious, exact."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

MS, SECOND = 1_000_000, 1_000_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND
WIDTHS = {
    "1s": SECOND,
    "5s": 5 * SECOND,
    "15s": 15 * SECOND,
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": HOUR,
    "4h": 4 * HOUR,
    "1d": DAY,
    "1w": 7 * DAY,
}
MONDAY = 4 * DAY  # 1970-01-05
SUNDAY = 1_786_276_800 * SECOND  # 2026-08-09 12:00, where tests begin
PRICES = ("open", "high", "low", "close")
HOLD = SECOND // 2
AMEND = 2 * SECOND
MOST_EMPTY = 512

Told = dict[str, Any]


def bucket(timeframe: str, ts: int) -> int:
    """Where the bucket of `ts` begins."""
    width = WIDTHS[timeframe]
    offset = MONDAY if timeframe == "1w" else 0
    return (ts - offset) // width * width + offset


@dataclass
class Print:
    px: int
    qty: int
    side: int
    count: int


@dataclass
class Bucket:
    """One bucket of one timeframe: the prints in it, in stream order."""

    timeframe: str
    start: int
    partial: bool = False
    prints: list[Print] = field(default_factory=list)
    seed: Told | None = None  # what the venue told in place of all prints before it
    rev: int = 0
    changed: bool = False

    @property
    def end(self) -> int:
        return self.start + WIDTHS[self.timeframe]

    @property
    def empty(self) -> bool:
        return not self.prints and self.seed is None

    def told(self, fill: int, closed: bool) -> Told:
        """The bar; `fill` is the close before it."""
        base = self.seed or dict.fromkeys(
            ("volume", "buy_volume", "quote_volume", "delta_max", "delta_min", "trades"), 0
        )
        prices = [one.px for one in self.prints]
        if self.seed is not None:
            prices = [base["open"], base["high"], base["low"], base["close"], *prices]
        prices = prices or [fill]
        # after a seed that told no buys, those that were seen before it go on
        delta = base.get("delta", 2 * base["buy_volume"] - base["volume"])
        path = [base["delta_min"], base["delta_max"]]
        for one in self.prints:
            delta += one.side * one.qty
            path.append(delta)
        return {
            "timeframe": self.timeframe,
            "open_time": self.start,
            "close_time": self.end,
            "open": prices[0],
            "high": max(prices),
            "low": min(prices),
            "close": prices[-1],
            "volume": base["volume"] + sum(one.qty for one in self.prints),
            "buy_volume": base["buy_volume"] + sum(p.qty for p in self.prints if p.side > 0),
            "quote_volume": base["quote_volume"] + sum(p.px * p.qty for p in self.prints),
            "delta": delta,
            "delta_max": max(path),
            "delta_min": min(path),
            "trades": base["trades"] + sum(one.count for one in self.prints),
            "closed": closed,
            "rev": self.rev,
            "q": "warming" if self.partial else "ok",
        }


class Series:
    """One timeframe."""

    def __init__(self, timeframe: str, ts: int) -> None:
        self.timeframe = timeframe
        first = Bucket(timeframe, bucket(timeframe, ts), partial=True)
        self.open = {first.start: first}  # buckets that are not closed, by their start
        self.now = first.start  # of the running one
        self.closed: Bucket | None = None
        self.closed_at = 0
        self.fill = 0  # the close before the newest closed bucket
        self.told_ns: int | None = None
        self.late = self.skipped = 0

    def at(self, start: int) -> Bucket:
        return self.open.setdefault(start, Bucket(self.timeframe, start))

    @property
    def running(self) -> Bucket:
        return self.at(self.now)

    def close(self) -> int:
        """The newest close, which an empty bar repeats."""
        return 0 if self.closed is None else int(self.closed.told(self.fill, True)["close"])

    def due(self, clock: int) -> list[Bucket]:
        """Buckets that the clock has passed, without the oldest empty ones of very many."""
        width = WIDTHS[self.timeframe]
        passed = max(0, (clock - self.now) // width)
        kept = [
            start for start in self.open if start + width <= clock and not self.open[start].empty
        ]
        empty = passed - len(kept)
        # the newest empty ones
        start = self.now + (passed - 1) * width
        newest: list[int] = []
        while start >= self.now and len(newest) < MOST_EMPTY:
            if start not in kept:
                newest.append(start)
            start -= width
        self.skipped += empty - len(newest)
        return [self.at(start) for start in sorted(kept + newest)]


class CandlesModel:
    """The candles of `members` streams; each step returns what is emitted."""

    def __init__(self, members: int = 1) -> None:
        self.clocks: list[int | None] = [None] * members
        self.live = [True] * members
        self.clock: int | None = None
        self.series: dict[str, Series] = {}

    def settle(self) -> None:
        known = [told for told in self.clocks if told is not None]
        if not known:
            return
        slow = [told for told, live in zip(self.clocks, self.live, strict=True) if live]
        if len(self.clocks) == 1 or not slow:
            clock = max(known)
        else:
            clock = max(min(-1 if told is None else told for told in slow), max(known) - HOLD)
        self.clock = clock if self.clock is None else max(clock, self.clock)

    def heard(self, member: int, ts: int) -> None:
        self.clocks[member] = max(ts, self.clocks[member] or 0)
        self.settle()

    def pass_due(self) -> list[Told]:
        if self.clock is None or not self.series:
            return []
        due = [
            (one.end, place, one)
            for place, series in enumerate(self.series.values())
            for one in series.due(self.clock)
        ]
        told = []
        for _, _, one in sorted(due, key=lambda item: item[:2]):
            series = self.series[one.timeframe]
            series.fill = series.close()
            series.closed, series.closed_at = one, self.clock
            told.append(one.told(series.fill, True))
        for series in self.series.values():
            width = WIDTHS[series.timeframe]
            series.now = max(series.now, series.now + (self.clock - series.now) // width * width)
            series.open = {k: v for k, v in series.open.items() if k >= series.now}
        return told

    def trade(
        self, ts: int, px: int, qty: int, side: int, count: int = 1, member: int = 0
    ) -> list[Told]:
        self.heard(member, ts)
        assert self.clock is not None
        told = self.pass_due()
        first = not self.series
        if first:
            self.series = {name: Series(name, ts) for name in WIDTHS}
        for name, series in self.series.items():
            start = bucket(name, ts)
            if start >= series.now:
                into = series.at(start)
            elif (
                series.closed is not None
                and series.closed.start == start
                and self.clock - series.closed_at < AMEND
            ):
                into = series.closed
            else:
                series.late += 1
                continue
            into.prints.append(Print(px, qty, side, count))
            into.changed = True
            if into is series.closed:
                into.rev += 1
                told.append(into.told(0, True))
        return told + (self.pass_due() if first else [])

    def advance(self, until: list[int | None]) -> list[Told]:
        for member, ts in enumerate(until):
            if ts is not None and self.live[member]:
                self.heard(member, ts)
        return self.pass_due()

    def running(self, now: int) -> list[Told]:
        told = []
        for name, series in self.series.items():
            one = series.running
            waits = series.told_ns is not None and 0 <= now - series.told_ns < SECOND
            if name != "1s" and one.changed and not waits:
                one.changed, series.told_ns = False, now
                told.append(one.told(series.close(), False))
        return told

    def member_live(self, member: int, live: bool) -> None:
        self.live[member] = live
        self.settle()

    def seed(self, timeframe: str, start: int, venue: Told) -> bool:
        """`venue`: open, high, low, close, volume, quote_volume in mantissas, and buy_volume and
        trades, or None for them."""
        one = self.series[timeframe].running if self.series else None
        if one is None or one.start != start or not one.partial:
            return False
        own = one.told(0, False)
        taken = {key: own[key] if venue[key] is None else venue[key] for key in venue}
        for key in ("delta", "delta_max", "delta_min"):
            taken[key] = own[key]
        if venue["buy_volume"] is not None:
            taken["delta"] = 2 * taken["buy_volume"] - taken["volume"]
            known = [own["delta_min"], own["delta_max"]] if one.seed is not None else [0]
            taken["delta_max"] = max(*known, taken["delta"])
            taken["delta_min"] = min(*known, taken["delta"])
        one.seed, one.prints, one.changed = taken, [], True
        return True

    def bars(self) -> list[Told]:
        told = []
        for series in self.series.values():
            if series.closed is not None:
                told.append(series.closed.told(series.fill, True))
            told.append(series.running.told(series.close(), False))
        return told


HALF_LIFE_SLOTS = 60  # of 10 s


def quantiles(messages: list[tuple[int, int]], share: Fraction) -> tuple[int, int]:
    """The lags between which the quantile of all messages (receive time, lag) must lie, a
    ten-thousandth of the weight either way."""
    newest = max(recv for recv, _ in messages) // (10 * SECOND)
    weights = [
        (lag, Fraction(0.5 ** ((newest - recv // (10 * SECOND)) / HALF_LIFE_SLOTS)))
        for recv, lag in messages
    ]
    total = sum(weight for _, weight in weights)

    def reached(wanted: Fraction) -> int:
        below = Fraction(0)
        for lag, weight in sorted(weights):
            below += weight
            if below >= wanted * total:
                return lag
        return max(lag for lag, _ in weights)

    return reached(share - Fraction(1, 10000)), reached(share + Fraction(1, 10000))
