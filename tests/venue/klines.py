"""Candles of one desk, exact: ticks and lots of every print, second by second."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from .market import Fill

SECOND_MS, MINUTE_MS, DAY_MS = 1_000, 60_000, 86_400_000
HELD = 1500  # closed bars kept of every frame


@dataclass(frozen=True, slots=True)
class Frame:
    """Which bar a time belongs to: multiples of `step_ms` moved by `shift_ms`, or months."""

    name: str
    step_ms: int
    shift_ms: int = 0
    months: int = 0

    def start(self, ms: int) -> int:
        if not self.months:
            return ms - (ms - self.shift_ms) % self.step_ms
        day = datetime.fromtimestamp((ms - self.shift_ms) // 1000, UTC)
        return self._month(day.year * 12 + (day.month - 1) // self.months * self.months)

    def end(self, start: int) -> int:
        """Start of the bar after that."""
        if not self.months:
            return start + self.step_ms
        day = datetime.fromtimestamp((start - self.shift_ms) // 1000, UTC)
        return self._month(day.year * 12 + day.month - 1 + self.months)

    def _month(self, count: int) -> int:
        first = datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)
        return int(first.timestamp()) * 1000 + self.shift_ms


def frame(name: str, count: int, unit: str, shift_ms: int = 0) -> Frame:
    """`unit`: s, m, h, d, w or M. Weeks begin on Monday (the epoch was a Thursday)."""
    if unit == "M":
        return Frame(name, 0, shift_ms, count)
    step = {"s": SECOND_MS, "m": MINUTE_MS, "h": 60 * MINUTE_MS, "d": DAY_MS, "w": 7 * DAY_MS}
    return Frame(name, count * step[unit], shift_ms + (4 * DAY_MS if unit == "w" else 0))


class Bar:
    """Sums over the prints of one span. Without prints: flat at the close before."""

    __slots__ = (
        "base",
        "buy_base",
        "buy_quote",
        "close",
        "count",
        "first",
        "high",
        "last",
        "lots",
        "low",
        "open",
        "quote",
        "start",
        "time_ms",
    )

    def __init__(self, start: int, close: int) -> None:
        self.start = start
        self.open = self.high = self.low = self.close = close  # ticks
        self.lots = 0
        self.base = self.quote = 0  # lots x unit, and that times ticks
        self.buy_base = self.buy_quote = 0  # of these, what takers bought
        self.count = 0  # fills
        self.first = self.last = -1  # trade ids
        self.time_ms = start  # of the newest print

    def merge(self, other: Bar) -> None:
        """Adds what came right behind."""
        if not other.count:
            return
        if not self.count:
            self.open, self.high, self.low = other.open, other.high, other.low
            self.first = other.first
        else:
            self.high = max(self.high, other.high)
            self.low = min(self.low, other.low)
        self.close, self.last, self.time_ms = other.close, other.last, other.time_ms
        self.lots += other.lots
        self.base += other.base
        self.quote += other.quote
        self.buy_base += other.buy_base
        self.buy_quote += other.buy_quote
        self.count += other.count

    def copy(self) -> Bar:
        twin = Bar(self.start, self.close)
        twin.open, twin.high, twin.low = self.open, self.high, self.low
        twin.lots, twin.base, twin.quote = self.lots, self.base, self.quote
        twin.buy_base, twin.buy_quote = self.buy_base, self.buy_quote
        twin.count, twin.first, twin.last = self.count, self.first, self.last
        twin.time_ms = self.time_ms
        return twin


class Series:
    """Bars of one frame, made of whole minutes (or seconds, for the frame of one second)."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.closed: deque[Bar] = deque(maxlen=HELD)
        self.current: Bar | None = None

    def take(self, part: Bar, end_ms: int) -> None:
        start = self.frame.start(part.start)
        if self.current is None or self.current.start != start:
            self.current = Bar(start, part.open)
        self.current.merge(part)
        self.current.close = part.close
        if self.frame.end(start) == end_ms:
            self.closed.append(self.current)
            self.current = None


class Tape:
    """Every print of a desk. `unit`: what a lot counts in the amounts, for contracts."""

    inverse = 0  # a contract counts quote currency; this, divided by ticks, gives base

    def __init__(self, ticks: int) -> None:
        self.unit = 1
        self.trades = 0  # fills since the start
        self.wrong = 0  # one-minute bars that are still to close with a wrong volume
        self.last_ticks, self.last_lots = ticks, 0
        self.total = Bar(0, ticks)  # of all whole seconds since the start
        self._second: Bar | None = None
        self._end = 0  # of the second, ms
        self._minute = Bar(0, ticks)
        self._series: dict[str, Series] = {}
        self._seconds = Series(Frame("second", SECOND_MS))
        self._minutes = Series(Frame("minute", MINUTE_MS))

    def add(self, time_ms: int, fill: Fill, first: int) -> None:
        """The fills of one taker order; `first`: the trade id of the first of them."""
        buy, ticks, parts = fill
        lots, count = sum(parts), len(parts)
        if time_ms >= self._end:
            self.roll(time_ms)
        bar = self._second
        assert bar is not None
        if not bar.count:
            bar.open = bar.high = bar.low = ticks
            bar.first = first
        elif ticks > bar.high:
            bar.high = ticks
        elif ticks < bar.low:
            bar.low = ticks
        base, quote = self.amounts(ticks, lots)
        bar.close, bar.last, bar.time_ms = ticks, first + count - 1, time_ms
        bar.lots += lots
        bar.base += base
        bar.quote += quote
        if buy:
            bar.buy_base += base
            bar.buy_quote += quote
        bar.count += count
        self.trades += count
        self.last_ticks, self.last_lots = ticks, parts[-1]

    def amounts(self, ticks: int, lots: int) -> tuple[int, int]:
        """(base, quote) of a print."""
        amount = lots * self.unit
        if self.inverse:
            return amount * self.inverse // ticks, amount
        return amount, ticks * amount

    def roll(self, time_ms: int) -> None:
        """Closes what ends at `time_ms` or before."""
        if self._second is None:
            start = time_ms - time_ms % SECOND_MS
            self._second, self._end = Bar(start, self.last_ticks), start + SECOND_MS
            self._minute = Bar(start - start % MINUTE_MS, self.last_ticks)
        while time_ms >= self._end:
            done = self._second
            self._seconds.take(done, self._end)
            self._minute.merge(done)
            self.total.merge(done)
            if self._end % MINUTE_MS == 0:
                self._close_minute(self._minute)
                self._minute = Bar(self._end, done.close)
            self._second = Bar(self._end, done.close)
            self._end += SECOND_MS

    def _close_minute(self, minute: Bar) -> None:
        end = minute.start + MINUTE_MS
        self._minutes.take(minute, end)
        for series in self._series.values():
            series.take(minute, end)
        if self.wrong:  # only what is said of this minute is wrong, longer bars are right
            self.wrong -= 1
            bars = self._minutes.closed
            bars[-1] = spoilt = bars[-1].copy()
            extra = 1 + minute.lots // 10
            spoilt.lots += extra
            spoilt.base += extra * self.unit

    def _of(self, frame: Frame) -> Series:
        if frame.step_ms == SECOND_MS:
            return self._seconds
        if frame.step_ms == MINUTE_MS:
            return self._minutes
        series = self._series.get(frame.name)
        if series is None:
            series = self._series[frame.name] = Series(frame)
            for minute in self._minutes.closed:
                series.take(minute, minute.start + MINUTE_MS)
        return series

    def closed(self, frame: Frame) -> deque[Bar]:
        """Closed bars, oldest first. Call `roll` before."""
        return self._of(frame).closed

    def running(self, frame: Frame) -> Bar:
        """The bar that `roll` has come to, as it stands."""
        second = self._second
        assert second is not None
        if frame.step_ms == SECOND_MS:
            return second
        start = frame.start(second.start)
        held = self._of(frame).current
        if held is None or held.start != start:
            held = self._minute if frame.step_ms == MINUTE_MS else Bar(start, second.open)
        bar = held.copy()
        if frame.step_ms != MINUTE_MS:
            bar.merge(self._minute)
        bar.merge(second)
        bar.start = start
        return bar

    def day(self) -> Bar:
        """Everything since the start."""
        bar = self.total.copy()
        if self._second is not None:
            bar.merge(self._second)
        return bar
