"""Venues as their protocol pages describe them: a moving book, numbered, and all that it was.

Every state of the book is a version; frames say from which version to which they lead, so a
test can look up what a reader must hold at any id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

from tests.models.book import Changes, Levels, best, difference

TICK, LOT = 10**16, 10**15  # one hundredth, one thousandth, at 18 decimals
State = tuple[Levels, Levels]


@dataclass(frozen=True)
class Frame:
    """One frame as it goes over the wire."""

    text: bytes
    snapshot: bool
    since: int  # version that it follows
    version: int  # version that it leads to


def texts(changes: Changes, columns: tuple[str, ...] = ()) -> list[list[str]]:
    """[[price, size, ...]] as venues write them, zeros at the end and all."""
    return [
        [
            f"{price // TICK // 100}.{price // TICK % 100:02d}",
            f"{qty // LOT // 1000}.{qty // LOT % 1000:03d}" if qty else "0",
            *columns,
        ]
        for price, qty in changes
    ]


class Market:
    """An uncrossed book that moves at random."""

    def __init__(self, random: Random, levels: int) -> None:
        self.random, self.levels = random, levels
        self.drift = 0
        self.bids: Levels = {}
        self.asks: Levels = {}
        for n in range(levels):
            self.bids[(10_000 - 2 * n) * TICK] = random.randint(1, 9999) * LOT
            self.asks[(10_001 + 2 * n) * TICK] = random.randint(1, 9999) * LOT

    def move(self) -> None:
        """One level appears, changes or goes; what it would cross goes too."""
        random = self.random
        bid = random.random() < 0.5 + (0.2 if self.drift > 0 else -0.2 if self.drift < 0 else 0)
        side, other = (self.bids, self.asks) if bid else (self.asks, self.bids)
        sign = 1 if bid else -1
        ordered = sorted(side, reverse=bid)
        held = len(ordered)
        if held > 3 and random.random() < (0.7 if held > self.levels else 0.4):
            near = min(int(random.expovariate(0.3)), held - 1)
            del side[ordered[near if random.random() < 0.7 else random.randrange(held)]]
            return
        away = random.randint(-3, 8) if random.random() < 0.7 else random.randint(-1, 3 * held)
        price = max(TICK, ordered[0] - sign * away * TICK)
        for level in [level for level in other if sign * (level - price) <= 0]:
            if len(other) <= 3:
                return
            del other[level]
        side[price] = random.randint(1, 9999) * LOT


class Venue:
    """What the venues share. `window`: levels a side that the stream speaks of, 0 for all."""

    pushes = False

    def __init__(self, random: Random, window: int = 0, levels: int = 25) -> None:
        self.random, self.window = random, window
        self.market = Market(random, levels)
        self.history: list[State] = []
        self.ids: list[int] = []  # of each version
        self.found: dict[int, int] = {}  # id -> newest version of that id
        self.event_ends: list[int] = []  # versions at which an event ended
        self.id = random.randint(10**9, 10**12)
        self.note()

    def view(self) -> State:
        bids, asks = dict(self.market.bids), dict(self.market.asks)
        if self.window:
            bids, asks = best(bids, True, self.window), best(asks, False, self.window)
        return bids, asks

    def note(self) -> int:
        """The book as it is now becomes a version."""
        self.history.append(self.view())
        self.ids.append(self.id)
        self.found[self.id] = len(self.ids) - 1
        return len(self.ids) - 1

    def now(self) -> int:
        return len(self.ids) - 1

    def order(self, changes: Changes) -> Changes:
        """Rising, falling, and now and then neither; now and then a level that did not change."""
        way = self.random.random()
        if way < 0.1:
            changes = [*changes, (TICK, 0)]
        if way > 0.9:
            self.random.shuffle(changes)
        elif way > 0.5:
            changes.reverse()
        return changes

    def change(self) -> tuple[Changes, Changes]:
        """Every level that was touched since the end of the last event, as it is now."""
        states = [*self.history[self.event_ends[-1] :], self.view()]
        sides = []
        for side in (0, 1):
            touched = {
                price
                for one, other in pairwise(states)
                for price, _ in difference(one[side], other[side])
            }
            sides.append(
                self.order([(price, states[-1][side].get(price, 0)) for price in sorted(touched)])
            )
        return sides[0], sides[1]

    def event(self) -> Frame | None:
        raise NotImplementedError

    def pushed(self) -> Frame:
        raise NotImplementedError

    def rest(self, version: int, limit: int) -> tuple[bytes, State]:
        """The body of a depth request at a version, and its levels."""
        bids, asks = self.history[version]
        cut = best(bids, True, limit), best(asks, False, limit)
        body = self.body(
            self.ids[version],
            texts(sorted(cut[0].items(), reverse=True)),
            texts(sorted(cut[1].items())),
        )
        return json.dumps(body).encode(), cut

    def body(self, number: int, bids: list[list[str]], asks: list[list[str]]) -> dict[str, Any]:
        return {"lastUpdateId": number, "bids": bids, "asks": asks}


class Binance(Venue):
    """5.1 and 5.2: diffs of a whole book; `linear` has its own chain of ids."""

    def __init__(self, random: Random, linear: bool, levels: int = 25) -> None:
        super().__init__(random, 0, levels)
        self.linear = linear
        self.combined = random.random() < 0.5
        self.event_ends.append(0)

    def event(self) -> Frame:
        since = self.event_ends[-1]
        first = self.id + (self.random.randint(1, 50) if self.linear else 1)
        for number in range(self.random.randint(1, 5)):
            self.market.move()
            if self.linear:
                self.id = first if number == 0 else self.id + self.random.randint(1, 50)
            else:
                self.id += 1
            self.note()
        bids, asks = self.change()
        self.event_ends.append(self.now())
        data: dict[str, Any] = {
            "e": "depthUpdate",
            "E": 1795305600205,
            "s": "BTCUSDT",
            "U": first,
            "u": self.id,
            "b": texts(bids),
            "a": texts(asks),
        }
        if self.linear:
            data |= {"T": 1795305600199, "ps": "BTCUSDT", "st": 1, "pu": self.ids[since]}
        frame = {"stream": "btcusdt@depth@100ms", "data": data} if self.combined else data
        return Frame(json.dumps(frame).encode(), False, since, self.now())


class Bybit(Venue):
    """4.1: a window, ids that grow by one; a restart begins at one."""

    pushes = True

    def __init__(self, random: Random, window: int) -> None:
        super().__init__(random, window, window + 8)
        self.event_ends.append(0)

    def frame(self, kind: str, bids: Changes, asks: Changes, since: int) -> Frame:
        data = {
            "s": "SOLUSDT",
            "b": texts(bids),
            "a": texts(asks),
            "u": self.id,
            "seq": 10**9 + len(self.ids),
        }
        frame = {
            "topic": f"orderbook.{self.window}.SOLUSDT",
            "type": kind,
            "ts": 1795305600123,
            "data": data,
            "cts": 1795305600119,
        }
        return Frame(json.dumps(frame).encode(), kind == "snapshot", since, self.now())

    def event(self) -> Frame | None:
        for _ in range(self.random.randint(1, 5)):
            self.market.move()
        bids, asks = self.change()
        if not bids and not asks:
            return None
        since = self.now()
        self.id += 1
        self.event_ends.append(self.note())
        return self.frame("delta", bids, asks, since)

    def pushed(self) -> Frame:
        # of the book when the last event ended: what moved since goes into the next one
        bids, asks = self.history[-1]
        return self.frame(
            "snapshot", sorted(bids.items(), reverse=True), sorted(asks.items()), self.now()
        )

    def restart(self) -> Frame:
        self.id = 1
        self.event_ends.append(self.note())
        return self.pushed()


class Okx(Venue):
    """5.1: a window, a chain of ids that may go back; heartbeats."""

    def __init__(self, random: Random, window: int, pushes: bool, resets: bool) -> None:
        super().__init__(random, window, window + 8 if window else 25)
        self.pushes, self.resets = pushes, resets
        self.says_deletes = random.random() < 0.5
        self.used = {self.id}
        self.reset_at = 0  # version of the newest reset
        self.event_ends.append(0)

    def frame(self, action: str, bids: Changes, asks: Changes, prev: int, since: int) -> Frame:
        data = {
            "asks": texts(asks, ("0", "3")),
            "bids": texts(bids, ("0", "1")),
            "ts": "1790000000200",
            "checksum": 0,
            "prevSeqId": prev,
            "seqId": self.id,
        }
        channel = "books50-l2-tbt" if self.window else "books"
        frame = {
            "arg": {"channel": channel, "instId": "BTC-USDT"},
            "action": action,
            "data": [data],
        }
        return Frame(json.dumps(frame).encode(), action == "snapshot", since, self.now())

    def event(self) -> Frame:
        prev, since = self.id, self.now()
        if self.random.random() < 0.1:
            return self.frame("update", [], [], prev, since)
        for _ in range(self.random.randint(1, 5)):
            self.market.move()
        bids, asks = self.change()
        if not self.says_deletes:
            # what was pushed out of the window goes without a word
            bids = [level for level in bids if level[1] or level[0] not in self.market.bids]
            asks = [level for level in asks if level[1] or level[0] not in self.market.asks]
        if self.resets and self.random.random() < 0.015 and prev > 10**6:
            while self.id in self.used:
                self.id = self.random.randint(0, prev - 1)
            self.reset_at = len(self.ids)
        else:
            while self.id in self.used:
                self.id += self.random.randint(1, 300)
        self.used.add(self.id)
        self.event_ends.append(self.note())
        return self.frame("update", bids, asks, prev, since)

    def pushed(self) -> Frame:
        bids, asks = self.history[-1]
        return self.frame(
            "snapshot", sorted(bids.items(), reverse=True), sorted(asks.items()), -1, self.now()
        )

    def body(self, number: int, bids: list[list[str]], asks: list[list[str]]) -> dict[str, Any]:
        def wide(levels: list[list[str]]) -> list[list[str]]:
            return [[*level, "0", "1"] for level in levels]

        return {
            "code": "0",
            "msg": "",
            "data": [
                {"asks": wide(asks), "bids": wide(bids), "ts": "1790000000200", "seqId": number}
            ],
        }
