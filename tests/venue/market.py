"""A market that never stops: an exact book in ticks and lots, moved by a seeded random walk."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from itertools import count as counter
from random import Random
from typing import NamedTuple

from .instruments import Instrument

BID, ASK = 0, 1
FAR = 1 << 62  # beyond every ask: "the whole side is inside the window"
Change = tuple[int, int]  # (ticks, lots); lots 0 takes the level away


class Fill(NamedTuple):
    """One taker order's fills at one price."""

    buy: bool  # the taker bought
    ticks: int
    parts: list[int]  # lots of each fill


class Book:
    """Both sides as {ticks: lots} with sorted prices, and what changed since the last flush."""

    __slots__ = ("lots", "prices", "touched")

    def __init__(self) -> None:
        self.lots: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.prices: tuple[list[int], list[int]] = ([], [])  # ascending on both sides
        self.touched: tuple[dict[int, int], dict[int, int]] = ({}, {})  # ticks -> lots before

    def set(self, side: int, ticks: int, lots: int) -> None:
        held = self.lots[side]
        before = held.get(ticks, 0)
        self.touched[side].setdefault(ticks, before)
        if lots:
            held[ticks] = lots
            if not before:
                insort(self.prices[side], ticks)
        elif before:
            del held[ticks]
            prices = self.prices[side]
            del prices[bisect_left(prices, ticks)]

    def best(self, side: int) -> int:
        return self.prices[BID][-1] if side == BID else self.prices[ASK][0]

    def top(self, side: int, levels: int) -> list[Change]:
        """The best `levels`, best first."""
        held = self.lots[side]
        prices = self.prices[side]
        picked = prices[: -levels - 1 : -1] if side == BID else prices[:levels]
        return [(ticks, held[ticks]) for ticks in picked]

    def changes(self) -> list[tuple[int, int, int]]:
        """(side, ticks, lots now) of every level that differs from the last flush."""
        return [
            (side, ticks, self.lots[side].get(ticks, 0))
            for side in (BID, ASK)
            for ticks, before in self.touched[side].items()
            if self.lots[side].get(ticks, 0) != before
        ]

    def touched_now(self, side: int) -> list[Change]:
        """Every level touched since the flush, with its size now. A level that came and went
        is told too: a snapshot taken in between may hold it."""
        held = self.lots[side]
        return [(ticks, held.get(ticks, 0)) for ticks in self.touched[side]]

    def flushed(self) -> None:
        self.touched[BID].clear()
        self.touched[ASK].clear()


class Window:
    """The best n levels a side, as a stream last showed them."""

    __slots__ = ("edges", "levels")

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self.edges = [0, FAR]  # worst price inside

    def reset(self, book: Book) -> None:
        for side in (BID, ASK):
            self.edges[side] = self._edge(book, side)

    def _edge(self, book: Book, side: int) -> int:
        prices = book.prices[side]
        if len(prices) < self.levels:
            return 0 if side == BID else FAR
        return prices[-self.levels] if side == BID else prices[self.levels - 1]

    def delta(self, book: Book, side: int, *, whole: bool) -> list[Change]:
        """What turns the window of the last flush into that of now, best price first, and moves
        the edge. `whole` repeats levels that came and went since."""
        held, touched = book.lots[side], book.touched[side]
        old, new = self.edges[side], self._edge(book, side)
        self.edges[side] = new
        sign = 1 if side == BID else -1
        out: list[Change] = []
        for ticks, before in touched.items():
            inside = (ticks - new) * sign >= 0
            now = held.get(ticks, 0) if inside else 0
            shown = before if (ticks - old) * sign >= 0 else 0
            if now != shown or whole:
                out.append((ticks, now))
        if old != new:
            prices = book.prices[side]
            grown = (old - new) * sign > 0
            low, high = min(old, new), max(old, new)
            if side == BID:  # [low, high) lies between the two edges
                between = prices[bisect_left(prices, low) : bisect_left(prices, high)]
            else:  # (low, high]
                between = prices[bisect_right(prices, low) : bisect_right(prices, high)]
            out += [(t, held[t] if grown else 0) for t in between if t not in touched]
        out.sort(reverse=side == BID)
        return out


class Walk:
    """Moves one book: orders at the top, orders in the depth, and takers."""

    def __init__(self, inst: Instrument, rng: Random, levels: int) -> None:
        self.book = Book()
        self.rng = rng
        self.levels = levels
        self.lots = inst.lots
        self.start = inst.start_ticks
        self.gap = max(1, int(inst.start_ticks * 0.03 / levels))
        for side in (BID, ASK):
            ticks = self.start - (side == BID)
            for _ in range(self._wanted(side)):
                self.book.set(side, ticks, self._size())
                ticks += self._gap() * (1 if side == ASK else -1)
                if ticks < 1:
                    break
        self.book.flushed()

    def _size(self) -> int:
        return 1 + int(self.lots * self.rng.random() ** 4)

    def _gap(self) -> int:
        return 1 + int(self.gap * self.rng.random())

    def _wanted(self, side: int) -> int:
        """Levels to hold: near zero there is no room for all of them below the price."""
        if side == ASK or not self.book.prices[BID]:
            return min(self.levels, max(2, self.start // 2)) if side == BID else self.levels
        return min(self.levels, max(2, self.book.best(BID) // 2))

    def top(self) -> int:
        """One change at the best price. Returns the number of level changes."""
        book, rng = self.book, self.rng
        side = BID if rng.random() < 0.5 else ASK
        bid, ask = book.best(BID), book.best(ASK)
        spread = ask - bid
        roll = rng.random()
        if spread > 1 and roll < min(0.8, 0.15 * spread):  # somebody improves
            if not self.start * 0.9 < bid < self.start * 1.1:  # and leads the price back
                side = BID if bid < self.start else ASK
            step = 1 + int((spread - 1) * rng.random() ** 3)
            book.set(side, bid + step if side == BID else ask - step, self._size())
        elif roll > 0.88:  # the best order goes
            if bid > self.start * 1.15:
                side = BID
            elif ask < self.start * 0.85:
                side = ASK
            if len(book.prices[side]) > 2:
                book.set(side, book.best(side), 0)
        else:
            best = book.best(side)
            size = self._size()
            book.set(side, best, size + (size == book.lots[side][best]))
        return 1

    def deep(self, changes: int) -> int:
        """`changes` level changes behind the best prices."""
        book, random = self.book, self.rng.random
        for _ in range(changes):
            side = BID if random() < 0.5 else ASK
            prices = book.prices[side]
            held, wanted = len(prices), self._wanted(side)
            place = 1 + int((held - 1) * random() ** 2)  # from the best, mostly near it
            place = min(place, held - 1)
            ticks = prices[-1 - place] if side == BID else prices[place]
            roll = random()
            if held < wanted and (roll < 0.5 or held < 3):  # a new price, outside if short
                outer = prices[0] if side == BID else prices[-1]
                ticks = outer if held < wanted * 0.9 or random() < 0.3 else ticks
                ticks += -self._gap() if side == BID else self._gap()
                if ticks >= 1:
                    book.set(side, ticks, self._size())
            elif roll < 0.25 or held > wanted + 20:
                if held > 2:
                    outer = prices[0] if side == BID else prices[-1]
                    book.set(side, outer if held > wanted + 20 else ticks, 0)
            else:
                book.set(side, ticks, self._size())
        return changes

    def take(self) -> Fill:
        """A taker order against the best price; an emptied level is gone."""
        book, rng = self.book, self.rng
        buy = rng.random() < 0.5
        side = ASK if buy else BID
        if len(book.prices[side]) < 3:
            buy, side = not buy, 1 - side
        ticks = book.best(side)
        there = book.lots[side][ticks]
        total = 1 + int((there - 1) * rng.random() ** 2)
        if len(book.prices[side]) > 2 and rng.random() < 0.1:
            total = there
        elif total == there:  # leave the last level of a thin side standing
            total = max(1, there - 1)
        book.set(side, ticks, there - total)
        if not book.prices[side]:
            book.set(side, ticks, 1)
        parts = [total]
        if total > 3 and rng.random() < 0.2:
            first = 1 + total // 3
            parts = [first, total - first] if rng.random() < 0.7 else [1, first, total - first - 1]
        return Fill(buy, ticks, parts)


_serial = counter(1)


def serial() -> int:
    """A number no two connections of a process share."""
    return next(_serial)
