"""Message -> line: time, age, way through the pipeline, exchange, symbol, kind, then the cells.

A column is as wide as the widest text that it has held (up to a bound), so that lines stay
aligned without a look ahead.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from p9.tail.kinds import KINDS, cells_of
from p9.tail.message import Message
from p9.tail.text import Piece, cells, cut, pad, render, short_time, visible

NARROW = 100
"""Below it columns are narrower, and the exchange is cut to three letters."""
MAX_LABEL = 13
AGE_WARN_NS = 1_000_000_000
TITLES = (("time", 12), ("age", -6), ("p9", -5))


class Bounds(NamedTuple):
    """Of the columns that grow. What is longer is cut, or stands out of line (a cell)."""

    exchange: int
    symbol: int
    cell: int


WIDE_BOUNDS = Bounds(7, 18, 12)
NARROW_BOUNDS = Bounds(3, 14, 4)


class Layout:
    """`width` 0: lines have no bound."""

    def __init__(self, *, colour: bool, width: int = 0) -> None:
        self.width = width
        self._colour = colour
        self._wide: dict[tuple[str, int], int] = {("symbol", 0): 7, ("label", 0): 5}

    @property
    def _bounds(self) -> Bounds:
        return NARROW_BOUNDS if 0 < self.width < NARROW else WIDE_BOUNDS

    def line(self, message: Message) -> str:
        fields = message.fields
        kind = KINDS.get(message.kind)
        label, style = (kind.label, kind.style) if kind else (visible(message.kind), "bold")
        row = self._head(message, _text(fields.get("exchange")), _text(fields.get("symbol")))
        row.append(self._column("label", 0, Piece(cut(label, MAX_LABEL), style), MAX_LABEL))
        quality = fields.get("q")
        if isinstance(quality, str) and quality != "ok":
            row.append(Piece(visible(quality), "warn"))
        own = cells_of(message)
        bound = self._bounds.cell
        row += [self._column(message.kind, i, p, bound) for i, p in enumerate(own[:-1])]
        return self.render([*row, *own[-1:]])

    def raw(self, message: Message, why: str, text: str) -> str:
        """A payload that is no message, as it is."""
        row = [_clock(message.received_ns), _age(message), _way(message), Piece(why, "alarm")]
        return self.render([*row, Piece(message.channel), Piece(text, "dim")])

    def note(self, received_ns: int, text: str, style: str) -> str:
        """A line of this program: a hole, what was left out, Redis lost."""
        return self.render([_clock(received_ns), Piece(text, style)])

    def titles(self) -> str:
        row = [pad(Piece(name, "dim", right=w < 0), abs(w)) for name, w in TITLES]
        return self.render([*row, Piece("exchange symbol, kind and fields", "dim")])

    def render(self, row: list[Piece]) -> str:
        return render(row, self.width, colour=self._colour)

    def _head(self, message: Message, exchange: str, symbol: str) -> list[Piece]:
        bounds = self._bounds
        # Three letters tell the venues apart; a mark for the cut would take one of them.
        name = exchange[:3] if bounds is NARROW_BOUNDS else cut(exchange, bounds.exchange)
        title = Piece(cut(symbol, bounds.symbol), "bold")
        return [
            _clock(message.received_ns),
            _age(message),
            _way(message),
            pad(Piece(name), bounds.exchange),
            self._column("symbol", 0, title, bounds.symbol),
        ]

    def _column(self, name: str, number: int, piece: Piece, bound: int) -> Piece:
        key = name, number
        took = cells(piece.text)
        wide = self._wide.get(key, 0)
        if wide < took <= bound and (key in self._wide or name in KINDS):
            self._wide[key] = wide = took
        return pad(piece, min(wide, bound))


def _text(value: object) -> str:
    return visible(value) if isinstance(value, str) else ""


def _clock(ns: int) -> Piece:
    seconds, rest = divmod(ns, 1_000_000_000)
    text = time.strftime("%H:%M:%S", time.localtime(seconds))
    return Piece(f"{text}.{rest // 1_000_000:03d}", "dim")


def _age(message: Message) -> Piece:
    """Now - ts_exchange: how old the news is."""
    at = message.time_ns("ts_exchange")
    age = None if at is None else message.received_ns - at
    late = age is not None and age > AGE_WARN_NS
    text = "–" if age is None else short_time(age)
    return pad(Piece(text, "warn" if late else "dim", right=True), 6)


def _way(message: Message) -> Piece:
    """ts_pub - ts_recv: what the pipeline took."""
    came, went = message.time_ns("ts_recv"), message.time_ns("ts_pub")
    text = "–" if came is None or went is None else short_time(went - came)
    return pad(Piece(text, "dim", right=True), 5)
