"""Snapshots and imbalance of books, the slow and obvious way: dictionaries and fractions.

What is said is a list of (kind, instrument, fields), in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.models.numbers import EXACT

TICK = 10**8
SILENT = 5 * 10**9
FAR_BACK = 60 * 10**9
LATE_TURNS = 10
Levels = dict[Fraction, Fraction]
Said = tuple[str, int, dict[str, Any]]


def decimal(value: Fraction) -> Decimal:
    """Of a fraction that has an end."""
    places = 0
    while value * 10**places % 1:
        places += 1
    return Decimal(int(value * 10**places)).scaleb(-places, EXACT)


def rounded(value: Fraction, places: int) -> Decimal:
    """To the nearest, halves away from zero."""
    scaled = abs(value) * 10**places
    whole = int(scaled) + (scaled % 1 >= Fraction(1, 2))
    return Decimal(whole if value >= 0 else -whole).scaleb(-places, EXACT)


def imbalance(bids: list[Fraction], asks: list[Fraction]) -> Decimal | None:
    """analytics.md 5.2, of the sizes of the best levels."""
    total = sum(bids) + sum(asks)
    return rounded(Fraction(sum(bids) - sum(asks), total), 12) if total else None


@dataclass
class Book:
    number: int
    inverse: bool = False
    factor: Fraction = Fraction(1)
    px_exp: int = 2
    served: bool = True
    followed: bool = True
    bids: Levels = field(default_factory=dict)
    asks: Levels = field(default_factory=dict)
    live: bool = False
    was_live: bool = False
    reason: str = ""
    since: int | None = None
    seen: int = 0
    last_id: int | None = None
    ts: int | None = None
    said_at: int = 0
    said_q: str = ""
    due: bool = False
    pending: tuple[int, dict[str, Any]] | None = None

    def best(self, count: int) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
        bids = [[price, self.bids[price]] for price in sorted(self.bids, reverse=True)[:count]]
        asks = [[price, self.asks[price]] for price in sorted(self.asks)[:count]]
        return bids, asks

    def quality(self, now: int) -> tuple[str, int | None]:
        if self.live:
            late = now > self.seen + SILENT
            return ("stale", self.seen + SILENT) if late else ("ok", self.since)
        if not self.was_live:
            return "warming", None
        return ("gap" if self.reason == "gap" else "stale"), self.since


class Computed:
    """What an engine with these books should say."""

    def __init__(self, books: list[Book], period: int, levels: int, depths: list[int]) -> None:
        self.books, self.period, self.levels, self.depths = books, period, levels, depths
        self.turn = 0
        self.said: list[Said] = []

    # ---- snapshots ------------------------------------------------------------------

    def pass_turns(self, now: int) -> None:
        """Before anything of `now` happens."""
        turn = now // self.period * self.period
        if self.turn and turn < self.turn - FAR_BACK:
            self.turn = 0
            for book in self.books:
                book.pending = None
        if self.turn:
            passed = list(range(self.turn + self.period, turn + 1, self.period))
            for one in passed if len(passed) <= LATE_TURNS else passed[-1:]:
                for book in self.books:
                    self.say_pending(book)
                    if book.served and book.followed:
                        book.pending = one, self.content(book, one)
        self.turn = max(turn, self.turn)

    def content(self, book: Book, now: int) -> dict[str, Any]:
        q, since = book.quality(now)
        bids, asks = book.best(self.levels) if book.live else ([], [])
        written = [
            [[decimal(price), decimal(qty * book.factor)] for price, qty in side]
            for side in (bids, asks)
        ]
        return {
            "ts_exchange": now, "ts_recv": None, "q": q, "since": since, "levels": self.levels,
            "last_id": book.last_id if book.live else None, "bids": written[0], "asks": written[1],
        }  # fmt: skip

    def say_pending(self, book: Book) -> None:
        if book.pending is not None and book.served:
            self.said.append(("snapshot", book.number, book.pending[1]))
        book.pending = None

    # ---- imbalance ------------------------------------------------------------------

    def moved(self, book: Book, now: int, recv: int | None) -> None:
        if book.inverse or not book.served or not book.followed:
            return
        if now - book.said_at >= TICK:
            self.say_imbalance(book, now, recv)
        else:
            book.due = True

    def say_imbalance(self, book: Book, now: int, recv: int | None) -> None:
        q, since = book.quality(now)
        values: list[Decimal | None] = [None] * len(self.depths)
        micro = None
        if book.live:
            for i, depth in enumerate(self.depths):
                bids, asks = book.best(depth)
                values[i] = imbalance([qty for _, qty in bids], [qty for _, qty in asks])
            bids, asks = book.best(1)
            if bids and asks:
                [[bid, bid_qty]], [[ask, ask_qty]] = bids, asks
                price = (ask * bid_qty + bid * ask_qty) / (bid_qty + ask_qty)
                micro = rounded(price, book.px_exp + 8)
        fields = {"ts_exchange": book.ts, "ts_recv": recv, "q": q, "since": since,
                  "levels": self.depths, "value": values, "microprice": micro}  # fmt: skip
        self.said.append(("imbalance", book.number, fields))
        book.said_at, book.said_q, book.due = now, q, False

    # ---- what happens ---------------------------------------------------------------

    def timer(self, now: int) -> None:
        self.pass_turns(now)
        slots = self.period // TICK
        for book in self.books:
            if book.number % slots <= (now - self.turn) // TICK:
                self.say_pending(book)
        for book in self.books:
            if (
                book.said_at
                and not book.inverse and book.served and book.followed
                and now - book.said_at >= TICK
                and (book.due or book.quality(now)[0] != book.said_q)
            ):  # fmt: skip
                self.say_imbalance(book, now, None)

    def load(self, book: Book, now: int, ts: int, last_id: int, bids: Levels, asks: Levels) -> None:
        self.pass_turns(now)
        book.seen, book.ts, book.last_id = now, ts, last_id
        book.bids, book.asks = dict(bids), dict(asks)
        if not book.live:
            book.live, book.was_live, book.since = True, True, now
        self.moved(book, now, now)

    def apply(
        self, book: Book, now: int, ts: int, last_id: int, bids: Levels, asks: Levels
    ) -> None:
        self.pass_turns(now)
        book.seen = now
        if not book.live:
            return
        book.ts, book.last_id = ts, last_id
        for side, changes in ((book.bids, bids), (book.asks, asks)):
            side.update(changes)
            for price in [price for price, qty in side.items() if not qty]:
                del side[price]
        self.moved(book, now, now)

    def fail(self, book: Book, now: int, reason: str) -> None:
        self.pass_turns(now)
        book.reason = reason
        if book.live:
            book.live, book.since = False, now
            self.moved(book, now, None)

    def follow(self, book: Book, now: int, on: bool) -> None:
        if on == book.followed:
            return
        self.pass_turns(now)
        book.followed = on
        if not on:
            book.pending, book.said_at = None, 0
            if book.live:
                self.fail(book, now, "removed")
