"""The slow streams of a desk: what all venues share. A venue's class writes the payloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from math import log
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from .instruments import decimal_text
from .klines import Bar, Frame
from .log import ReportRow
from .market import Fill
from .reference import Reference
from .wire import Topic

if TYPE_CHECKING:
    from .conn import Room
    from .desk import Desk

SOON_S = 0.002  # behind the end of a bar: no print of it can follow
Notes = Iterable[tuple[str, dict[str, str]]]  # (kind in the log, values)


def amount_step(*steps: str) -> str:
    """Decimal text of the product of steps, as short as it goes."""
    product = Decimal(1)
    for step in steps:
        product *= Decimal(step)
    return f"{product.normalize():f}"


class Forced(NamedTuple):
    """A liquidation."""

    ts_ms: int
    sell: bool  # the forced order's side: a long was liquidated
    ticks: int  # bankruptcy price
    average: int  # ticks at which it was filled
    lots: int


class Reports:
    """`every_s` of a topic is set when it is made; a writer publishes and returns the seconds
    until its next turn."""

    trade_lag_ms = 1  # a print carries a time so long before it is sent
    still_klines = True  # bars are repeated although nothing changed

    def __init__(self, desk: Desk, room: Room) -> None:
        self.desk = desk
        self.hub = room.hub
        self.reference = Reference(desk, room.hub.options.seed)
        self._rng = Random(f"{self.reference.salt}:events")
        self.frames: dict[str, Frame] = {}  # by topic name
        self._shown: dict[str, tuple[int, int]] = {}  # topic -> start and fills of the newest bar
        self.writers: dict[str, Callable[[Topic], float]] = {
            "kline": self.kline,
            "ticker": self.ticker,
        }

    def begin(self, topic: Topic) -> None:
        """The first reader came. What went before is not told."""
        if topic.kind == "kline":
            self._roll()
            self._shown[topic.name] = (self.desk.tape.running(self.frames[topic.name]).start, -1)

    def run(self, topic: Topic) -> float:
        """One turn of a topic's timer."""
        if not topic.live or self.desk.gone:
            topic.timed = False
            return -1.0
        self.now()
        return self.writers[topic.kind](topic)

    def now(self) -> int:
        """The venue's time, and the walks as they are then."""
        now_ms = self.desk.now_ms = self.hub.now_ms()
        self.reference.advance(now_ms)
        return now_ms

    def say(self, topic: Topic, payload: str, notes: Notes) -> None:
        self.log(notes, sent=topic.publish(payload))

    def log(self, notes: Notes, *, sent: bool) -> None:
        for kind, values in notes:
            self.desk.log.report(kind, ReportRow(self.desk.now_ms, values, sent))

    def kline(self, topic: Topic) -> float:
        frame, tape, name = self.frames[topic.name], self.desk.tape, topic.name
        self._roll()
        running = tape.running(frame)
        start, count = self._shown.get(name, (running.start, -1))
        bars: list[tuple[Bar, bool]] = []
        for bar in reversed(tape.closed(frame)):
            if bar.start < start:
                break
            bars.insert(0, (bar, True))
        if self.still_klines or (running.count and (bars or running.count != count)):
            bars.append((running, False))
        if bars:
            self.say_klines(topic, frame, bars)
            self._shown[name] = (running.start, running.count)
        left_ms = frame.end(running.start) + self.trade_lag_ms - self.desk.now_ms
        return min(topic.every_s, max(0.0, left_ms / 1000) + SOON_S)

    def _roll(self) -> None:
        self.desk.tape.roll(self.hub.now_ms() - self.trade_lag_ms)

    def bars(self, frame: Frame) -> list[tuple[Bar, bool]]:
        """(bar, closed), oldest first, for REST."""
        _ = self.desk.walk
        self._roll()
        tape = self.desk.tape
        closed = [(bar, True) for bar in tape.closed(frame)]
        return [*closed, (tape.running(frame), False)]

    # rare events
    def rare(self) -> float:
        """A liquidation, or a block trade: the timer of an active market."""
        if self.desk.gone:
            return -1.0
        self.now()
        roll = self._rng.random()
        if roll < 0.2:
            self.block(1)
        else:
            self.liquidate(1)
        return self.next_rare_s()

    def next_rare_s(self) -> float:
        return -log(1.0 - self._rng.random()) * self.hub.options.events_s

    def forced(self) -> Forced:
        """An order that closes somebody's position, made up near the mid price."""
        desk, rng = self.desk, self._rng
        sell = rng.random() < 0.5
        mid = desk.mid_2x() // 2
        far = 1 + int(mid * 0.01 * rng.random())
        lots = 1 + int(desk.inst.lots * rng.random() ** 3)
        sign = -1 if sell else 1
        return Forced(
            desk.now_ms - 1, sell, max(1, mid + sign * far), max(1, mid + sign * far // 3), lots
        )

    def agreed(self) -> Fill:
        """A block trade: large, and a little off the market."""
        rng = self._rng
        mid = self.desk.mid_2x() // 2
        ticks = max(1, mid + int(mid * 0.002 * (rng.random() - 0.5)))
        return Fill(rng.random() < 0.5, ticks, [self.desk.inst.lots * rng.randint(3, 40)])

    # a venue's own
    def opening(self, topic: Topic) -> list[str]:
        """What a new subscriber is sent first."""
        return []

    def say_klines(self, topic: Topic, frame: Frame, bars: list[tuple[Bar, bool]]) -> None:
        raise NotImplementedError

    def ticker(self, topic: Topic) -> float:
        raise NotImplementedError

    def liquidate(self, count: int) -> int:
        """Makes so many now; returns how many. None where the venue has no such stream."""
        return 0

    def block(self, count: int) -> int:
        return 0


def percent_text(now: int, then: int, places: int, *, scale: int) -> str:
    """(now - then) / then as decimal text: `scale` 100 for percent, 1 for a fraction."""
    if not then:
        return "0"
    unit = 10**places
    value = ((now - then) * scale * unit * 2 + then) // (2 * then)  # rounded half up
    whole, part = divmod(abs(value), unit)
    return f"{'-' if value < 0 else ''}{whole}.{part:0{places}d}"


def signed_text(value: int, places: int, *, short: bool = False) -> str:
    """`value` / 10**places."""
    text = decimal_text(1, places, short=short)
    return f"-{text(-value)}" if value < 0 else text(value)
