"""An L2 book as two dictionaries, and the reader that a subscriber of `depth` would write."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from tests.models.numbers import units

Levels = dict[int, int]
Changes = list[tuple[int, int]]


def replaced(levels: Levels, changes: Changes) -> Levels:
    """The side after `changes`: new absolute sizes, 0 deletes."""
    after = dict(levels)
    for price, qty in changes:
        if qty:
            after[price] = qty
        else:
            after.pop(price, None)
    return after


def best(levels: Levels, bid: bool, count: int) -> Levels:
    """The `count` best levels."""
    return {price: levels[price] for price in sorted(levels, reverse=bid)[:count]}


def difference(before: Levels, after: Levels) -> Changes:
    """What turns one side into the other, in order of price."""
    return [
        (price, after.get(price, 0))
        for price in sorted(before.keys() | after.keys())
        if before.get(price, 0) != after.get(price, 0)
    ]


class SideModel:
    """One side of a kept book: at most `keep + slack` levels, then the `keep` best stay."""

    def __init__(self, bid: bool, keep: int, slack: int) -> None:
        self.bid, self.keep, self.slack = bid, keep, slack
        self.levels: Levels = {}
        self.floor: int | None = None  # prices worse than this are taken no more
        self.known: int | None = None  # prices worse than this were beyond the snapshot

    def worse(self, price: int, than: int | None) -> bool:
        return than is not None and (price < than if self.bid else price > than)

    def load(self, changes: Changes, limit: int) -> None:
        self.levels, self.floor, self.known = {}, None, None
        self.apply(changes)
        if 0 < limit <= len(self.levels):
            self.known = self.worst()

    def worst(self) -> int:
        return min(self.levels) if self.bid else max(self.levels)

    def apply(self, changes: Changes) -> None:
        self.levels = replaced(
            self.levels, [change for change in changes if not self.worse(change[0], self.floor)]
        )
        if len(self.levels) > self.keep + self.slack:
            self.levels = best(self.levels, self.bid, self.keep)
            if self.slack:
                self.floor = self.worst()

    def whole(self) -> int | None:
        """Levels known to be without a hole; None where all of them are."""
        bounds = [bound for bound in (self.floor, self.known) if bound is not None]
        if not bounds:
            return None
        bound = max(bounds) if self.bid else min(bounds)
        return sum(not self.worse(price, bound) for price in self.levels)


class Reader:
    """What a subscriber knows of one book, from the published messages alone."""

    def __init__(self) -> None:
        self.bids: Levels = {}
        self.asks: Levels = {}
        self.last_id: int | None = None
        self.live = False
        self.reason: str | None = None
        self.seq = 0
        self.snapshots = 0

    def take(self, text: str | bytes) -> dict[str, Any]:
        """One message of the depth channel. AssertionError where a reader would be lost."""
        message: dict[str, Any] = json.loads(text, parse_float=Decimal)
        assert message["type"] == "depth"
        assert message["seq"] == self.seq + 1, "a number was left out or given twice"
        self.seq += 1
        if message.get("invalid"):
            assert self.live, "a book that was not served became invalid"
            self.live, self.reason = False, message["reason"]
            return message
        if message["snapshot"]:
            self.bids, self.asks, self.live = {}, {}, True
            self.snapshots += 1
        assert self.live, "an update without a book under it"
        for side, levels in ((message["bids"], self.bids), (message["asks"], self.asks)):
            for price, qty in side:
                if qty == 0:
                    levels.pop(units(price), None)
                else:
                    levels[units(price)] = units(qty)
        self.last_id = message["last_id"]
        return message
