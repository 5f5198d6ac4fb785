"""The slow streams of a desk: what all venues share. A venue's class writes the payloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from .instruments import decimal_text
from .klines import Bar, Frame
from .log import ReportRow
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


class Reports:
    """`every_s` of a topic is set when it is made; a writer publishes and returns the seconds
    until its next turn."""

    trade_lag_ms = 1  # a print carries a time so long before it is sent
    still_klines = True  # bars are repeated although nothing changed

    def __init__(self, desk: Desk, room: Room) -> None:
        self.desk = desk
        self.hub = room.hub
        self.reference = Reference(desk, room.hub.options.seed)
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

    def log(self, notes: Notes, *, sent: bool, rest: bool = False) -> None:
        for kind, values in notes:
            self.desk.log.report(kind, ReportRow(self.desk.now_ms, values, sent, rest))

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

    # a venue's own
    def opening(self, topic: Topic) -> list[str]:
        """What a new subscriber is sent first."""
        return []

    def say_klines(self, topic: Topic, frame: Frame, bars: list[tuple[Bar, bool]]) -> None:
        raise NotImplementedError

    def ticker(self, topic: Topic) -> float:
        raise NotImplementedError

    def liquidate(self, count: int) -> int:
        """Makes so many now; returns how many."""
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
