"""What the venue told its readers: trade ids, and the book behind every depth id."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from .instruments import Instrument
from .market import ASK, BID, Book

Levels = list[tuple[Decimal, Decimal]]  # (price, size), best first; OKX sizes in contracts


class TradeRow(NamedTuple):
    """One print of one stream, in the venue's own text."""

    id: str
    price: str
    qty: str
    side: str  # the taker's: "buy" or "sell"
    ts_ms: int
    fills: int  # merged in it
    sent: bool  # False: a fault kept it from the wire, or nobody was subscribed
    seq: int  # Bybit, OKX; else 0
    organic: str = ""  # USD-M aggTrade: quantity without RPI


class ReportRow(NamedTuple):
    """One thing that the venue said on a slow stream or in a REST answer, in its own text."""

    ts_ms: int  # the venue's time of it
    values: dict[str, str]  # under the venue's keys
    sent: bool  # False: a fault kept it from the wire, or nobody was subscribed
    rest: bool = False  # an answer to a request


class DepthRow(NamedTuple):
    """One flush of the book. OKX and Bybit: ids are seqId and seq of the flush."""

    first_id: int
    last_id: int
    changes: list[tuple[int, int, int]]  # (side, ticks, lots now)


class LostRow(NamedTuple):
    """A depth push that a fault kept from the wire: Binance U and u, OKX prevSeqId and seqId,
    Bybit u twice."""

    topic: str
    first_id: int
    last_id: int


class Mark(NamedTuple):
    """One push of one Bybit depth topic: its own counter, and the flush that it shows."""

    u: int
    seq: int
    sent: bool


@dataclass(frozen=True, slots=True)
class BookState:
    bids: Levels
    asks: Levels


class InstrumentLog:
    """The log of one instrument. Everything is bounded; the base state moves on as it fills."""

    def __init__(self, inst: Instrument, limit: int, books: bool, report_limit: int = 1000) -> None:
        self.inst = inst
        self.limit = limit
        self.books = books
        self.reports: dict[str, deque[ReportRow]] = {}
        self._report_limit = report_limit
        self.trades: dict[str, deque[TradeRow]] = {}
        self.marks: dict[str, deque[Mark]] = {}
        self.lost: deque[LostRow] = deque(maxlen=limit)
        self.events: deque[DepthRow] = deque()
        self.base_id = 0
        self.base: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.last_id = 0

    def start(self, update_id: int, book: Book) -> None:
        """Everything before is forgotten: the state now is where rebuilding begins."""
        self.base_id = self.last_id = update_id
        self.events.clear()
        if self.books:
            self.base = (dict(book.lots[BID]), dict(book.lots[ASK]))

    def depth(self, first_id: int, last_id: int, changes: list[tuple[int, int, int]]) -> None:
        self.last_id = last_id
        if not self.books:
            return
        if len(self.events) >= self.limit:
            oldest = self.events.popleft()
            apply(self.base, oldest.changes)
            self.base_id = oldest.last_id
        self.events.append(DepthRow(first_id, last_id, changes))

    def trade(self, stream: str, row: TradeRow) -> None:
        rows = self.trades.get(stream)
        if rows is None:
            rows = self.trades[stream] = deque(maxlen=self.limit)
        rows.append(row)

    def report(self, kind: str, row: ReportRow) -> None:
        rows = self.reports.get(kind)
        if rows is None:
            rows = self.reports[kind] = deque(maxlen=self._report_limit)
        rows.append(row)

    def mark(self, topic: str, mark: Mark) -> None:
        marks = self.marks.get(topic)
        if marks is None:
            marks = self.marks[topic] = deque(maxlen=self.limit)
        marks.append(mark)

    def flush_of(self, topic: str, u: int) -> int:
        """The `seq` that a Bybit depth topic showed as `u` (the newest, after a restart)."""
        topics = [topic] if topic else list(self.marks)
        for name in topics:
            for mark in reversed(self.marks.get(name, ())):
                if mark.u == u:
                    return mark.seq
        raise KeyError(f"{self.inst.venue_id}: no push with u={u} in {topics}")

    def at(self, update_id: int) -> tuple[dict[int, int], dict[int, int]]:
        """Book in ticks and lots right after the flush `update_id`."""
        rows = list(self.events)
        last = next((i for i in reversed(range(len(rows))) if rows[i].last_id == update_id), None)
        if last is None and update_id != self.base_id:
            raise KeyError(f"{self.inst.venue_id}: no flush {update_id} (any more)")
        state = (dict(self.base[BID]), dict(self.base[ASK]))
        for row in rows[: 0 if last is None else last + 1]:
            apply(state, row.changes)
        return state


def apply(state: tuple[dict[int, int], dict[int, int]], rows: list[tuple[int, int, int]]) -> None:
    for side, ticks, lots in rows:
        if lots:
            state[side][ticks] = lots
        else:
            state[side].pop(ticks, None)


class Log:
    """All instruments, found by venue, market and symbol (the venue's id or the unified name)."""

    def __init__(self, limit: int, books: bool, report_limit: int) -> None:
        self.limit = limit
        self.books = books
        self.report_limit = report_limit
        self._by_name: dict[tuple[str, str, str], InstrumentLog] = {}

    def open(self, inst: Instrument) -> InstrumentLog:
        log = InstrumentLog(inst, self.limit, self.books, self.report_limit)
        for name in {inst.venue_id, inst.symbol}:
            self._by_name[inst.venue, inst.market, name] = log
        return log

    def venue(self, inst: Instrument) -> InstrumentLog:
        """What belongs to a venue and no instrument."""
        return self._by_name.get((inst.venue, "", "")) or self.open(inst)

    def of(self, venue: str, market: str, symbol: str) -> InstrumentLog:
        return self._by_name[venue, market, symbol]

    def __iter__(self) -> Iterator[InstrumentLog]:
        return iter(set(self._by_name.values()))

    def trades(self, venue: str, market: str, symbol: str, stream: str) -> list[TradeRow]:
        """Prints of one stream: "trade", "aggTrade", "publicTrade", "trades", "trades-all"."""
        return list(self.of(venue, market, symbol).trades.get(stream, ()))

    def reports(self, venue: str, market: str, symbol: str, kind: str) -> list[ReportRow]:
        """What was said of "mark", "index", "funding", "open_interest", "ticker", "liquidation",
        "block", "kline" or "long_short", oldest first. OKX indices stand under their id and market
        "index"; insurance funds ("insurance") under the venue with market "" and symbol ""."""
        return list(self.of(venue, market, symbol).reports.get(kind, ()))

    def book(
        self,
        venue: str,
        market: str,
        symbol: str,
        update_id: int,
        levels: int = 0,
        topic: str = "",
    ) -> BookState:
        """The book as it was at depth id `update_id`: Binance `u`, OKX `seqId`, Bybit `u` of
        `topic` (any depth topic of the symbol if not named). `levels` 0: every level.

        Raises KeyError when that id was never flushed or has left the log."""
        log = self.of(venue, market, symbol)
        flush = log.flush_of(topic, update_id) if venue == "bybit" else update_id
        return self.state(log, flush, levels)

    def state(self, log: InstrumentLog, flush: int, levels: int = 0) -> BookState:
        bids, asks = log.at(flush)
        tick, lot = Decimal(log.inst.price_step), Decimal(log.inst.qty_step)
        cut = levels or None
        return BookState(
            [(t * tick, bids[t] * lot) for t in sorted(bids, reverse=True)[:cut]],
            [(t * tick, asks[t] * lot) for t in sorted(asks)[:cut]],
        )
