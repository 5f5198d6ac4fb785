"""What the venue really was: its book behind every depth id, and its trades, forward in time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from tests.venue import LocalVenue
from tests.venue.desk import Desk
from tests.venue.instruments import Instrument
from tests.venue.log import DepthRow, InstrumentLog, Mark, TradeRow, apply
from tests.venue.market import ASK, BID, FAR

Sides = tuple[dict[int, int], dict[int, int]]  # {ticks: lots}, bids and asks
WINDOW = {"binance": 0, "bybit": 1000, "okx": 400}  # levels of the stream, 0: all of them
STREAM = {
    "binance:spot": "trade",
    "binance:linear": "aggTrade",
    "bybit:spot": "publicTrade",
    "bybit:linear": "publicTrade",
    "okx:spot": "trades",
    "okx:linear": "trades",
}


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """One instrument: exchange, market, unified symbol."""

    exchange: str
    market: str
    symbol: str

    @property
    def channel(self) -> str:
        return f"{self.exchange}:{self.symbol}"


class RestBooks:
    """Books that were given by REST between two flushes: no flush has their id."""

    def __init__(self, venue: LocalVenue, name: Name) -> None:
        self.by_id: dict[int, Sides] = {}
        self.edges: dict[int, tuple[int, int]] = {}  # what an answer showed goes down to here
        desk = venue.feed(name.exchange, name.market, name.symbol)
        assert isinstance(desk, Desk)
        answer = desk.depth_body

        def noted(levels: int) -> str:
            body = answer(levels)
            lots = desk.walk.book.lots
            self.by_id[desk.uid] = (dict(lots[BID]), dict(lots[ASK]))
            prices = desk.walk.book.prices
            self.edges[desk.uid] = (
                prices[BID][-levels] if len(prices[BID]) > levels else 0,
                prices[ASK][levels - 1] if len(prices[ASK]) > levels else FAR,
            )
            return body

        desk.depth_body = noted  # type: ignore[method-assign]


class TrueBook:
    """Walks forward through the log of one instrument; `at` goes to a depth id.

    Copies of the log are taken with `refresh`, in the venue's own thread.
    """

    def __init__(self, venue: LocalVenue, name: Name) -> None:
        self.name = name
        self.log: InstrumentLog = venue.log.of(name.exchange, name.market, name.symbol)
        self.inst: Instrument = self.log.inst
        self.rest = RestBooks(venue, name)
        self.window = WINDOW[name.exchange]
        self._events: list[DepthRow] = []
        self._marks: list[Mark] = []
        self._state: Sides | None = None
        self._at = 0  # events applied
        self._id = 0
        self._mark = -1
        self._edges = (0, FAR)  # of the REST snapshot that the book began with
        self._topic = f"orderbook.1000.{self.inst.venue_id}"

    def refresh(self) -> None:
        if self._state is None and self.log.base_id:
            self._state = (dict(self.log.base[BID]), dict(self.log.base[ASK]))
            self._id = self.log.base_id
        assert len(self.log.events) < self.log.limit, "the venue's log is too short for this test"
        self._events += islice(self.log.events, len(self._events), None)
        marks: deque[Mark] = self.log.marks.get(self._topic, deque())
        self._marks += islice(marks, len(self._marks), None)

    def at(self, last_id: int, *, snapshot: bool) -> Sides | None:
        """The book at that id; None when it is older than one that was asked for, or unknown."""
        if self._state is None:
            return None
        flush = last_id
        if self.name.exchange == "bybit":
            place = self._find_mark(last_id)
            if place < 0:
                return None
            self._mark, flush = place, self._marks[place].seq
        elif snapshot and last_id in self.rest.by_id:
            return self.rest.by_id[last_id]
        if flush == self._id:
            return self._state
        for number in range(self._at, len(self._events)):
            if self._events[number].last_id == flush:
                for event in self._events[self._at : number + 1]:
                    apply(self._state, event.changes)
                self._at, self._id = number + 1, flush
                return self._state
        return None

    def _find_mark(self, u: int) -> int:
        """The next push of that number; the one at hand where a snapshot repeats it."""
        for place in range(max(0, self._mark), len(self._marks)):
            if self._marks[place].u == u:
                return place
        return -1

    def wrong(self, held: Sides, last_id: int, *, snapshot: bool) -> str:
        """Why `held` is not the book at `last_id`, "" if it is.

        Beyond what a REST snapshot showed there are only levels that have changed since: those
        are right, and others may be missing.
        """
        true = self.at(last_id, snapshot=snapshot)
        if true is None:
            return f"id {last_id} is no flush after {self._id}"
        if snapshot and self.name.exchange == "binance":
            self._edges = self.rest.edges[max(i for i in self.rest.edges if i <= last_id)]
        for side, sign in ((BID, -1), (ASK, 1)):
            mine, real = held[side], true[side]
            if self.window and len(real) > self.window:
                best = sorted(real, key=lambda ticks: sign * ticks)[: self.window]
                real = {ticks: real[ticks] for ticks in best}
            if mine != real:
                edge = sign * self._edges[side]
                shown = {
                    ticks: lots
                    for ticks, lots in real.items()
                    if sign * ticks <= edge or ticks in mine
                }
                if mine != shown:
                    return f"side {side} at {last_id}: {_difference(mine, shown)}"
        return ""

    def ticks(self, price: Decimal | int) -> int:
        return _multiple(Decimal(price), Decimal(self.inst.price_step))

    def lots(self, qty: Decimal | int) -> int:
        return _multiple(Decimal(qty), Decimal(self.inst.qty_step) * self.contract)

    @property
    def contract(self) -> Decimal:
        return Decimal(self.inst.contract or "1")

    def trades(self) -> list[TradeRow]:
        """All prints of the stream that the pipeline reads. In the venue's thread."""
        return list(self.log.trades.get(STREAM[f"{self.name.exchange}:{self.name.market}"], ()))


def _multiple(value: Decimal, step: Decimal) -> int:
    number, rest = divmod(value, step)
    if rest:
        raise AssertionError(f"{value} is no multiple of {step}")
    return int(number)


def _difference(mine: dict[int, int], real: dict[int, int]) -> str:
    extra = {k: v for k, v in mine.items() if k not in real}
    short = {k: v for k, v in real.items() if k not in mine}
    other = {k: (v, real[k]) for k, v in mine.items() if k in real and real[k] != v}
    shown = [
        f"{name} {len(rows)}: {dict(list(rows.items())[:3])}"
        for name, rows in (("extra", extra), ("missing", short), ("other size", other))
        if rows
    ]
    return ", ".join(shown)
