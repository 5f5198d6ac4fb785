"""The plainest readers of the three protocols: books as {Decimal: Decimal}, by the venues' own
procedures. They check the venue here, and can check any other reader of the same frames."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from .log import BookState, Levels

Side = dict[Decimal, Decimal]


class BookReader:
    """Both sides, and what can go wrong with them."""

    def __init__(self) -> None:
        self.bids: Side = {}
        self.asks: Side = {}
        self.last_id = -1
        self.live = False
        self.gaps = 0
        self.stale = 0  # frames dropped as old
        self.applied = 0

    def state(self, levels: int = 0) -> BookState:
        """Best first."""
        cut = levels or None
        bids: Levels = sorted(self.bids.items(), reverse=True)[:cut]
        return BookState(bids, sorted(self.asks.items())[:cut])

    def crossed(self) -> bool:
        return bool(self.bids and self.asks) and max(self.bids) >= min(self.asks)

    def replace(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        self.bids, self.asks = {}, {}
        self.apply(bids, asks)

    def apply(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        for side, rows in ((self.bids, bids), (self.asks, asks)):
            for price, qty, *_ in rows:
                if Decimal(qty):
                    side[Decimal(price)] = Decimal(qty)
                else:
                    side.pop(Decimal(price), None)
        self.applied += 1

    def gap(self) -> None:
        self.gaps += 1
        self.live = False


class BinanceBook(BookReader):
    """Spot: ids are contiguous. Futures: `pu` is the `u` before."""

    def __init__(self, *, linear: bool) -> None:
        super().__init__()
        self.linear = linear
        self.fresh = False  # a snapshot was taken, no event applied on it yet
        self.buffer: list[dict[str, Any]] = []

    def diff(self, event: dict[str, Any]) -> None:
        if not self.live:
            self.buffer.append(event)
            return
        last, straddles = self.last_id, self.fresh
        if event["u"] < last or (event["u"] == last and not (self.linear and straddles)):
            self.stale += 1
        elif not self.linear:
            self._follow(event, event["U"] <= last + 1)
        elif straddles:  # the first after a snapshot covers its id
            self._follow(event, event["pu"] <= last)
        else:
            self._follow(event, event["pu"] == last)

    def snapshot(self, text: str) -> bool:
        """False if it does not reach the buffer: fetch again."""
        body = json.loads(text)
        last = body["lastUpdateId"]
        kept = [e for e in self.buffer if (e["u"] >= last if self.linear else e["u"] > last)]
        if kept and (kept[0]["pu"] > last if self.linear else kept[0]["U"] > last + 1):
            return False
        self.replace(body["bids"], body["asks"])
        self.last_id, self.live, self.fresh, self.buffer = last, True, True, []
        for event in kept:
            self.diff(event)
        return True

    def _follow(self, event: dict[str, Any], linked: bool) -> None:
        if not linked:
            self.gap()
            self.buffer = [event]
            return
        self.apply(event["b"], event["a"])
        self.last_id, self.fresh = event["u"], False


class BybitBook(BookReader):
    """One depth topic: a snapshot, then `u` grows by 1."""

    def push(self, message: dict[str, Any]) -> None:
        data, u = message["data"], message["data"]["u"]
        if message["type"] == "snapshot":
            self.replace(data["b"], data["a"])
            self.last_id, self.live = u, True
        elif not self.live or u <= self.last_id:
            self.stale += 1
        elif u != self.last_id + 1:
            self.gap()
        else:
            self.apply(data["b"], data["a"])
            self.last_id = u


class OkxBook(BookReader):
    """`books`: a snapshot or a REST book, then each prevSeqId is the seqId before."""

    def __init__(self) -> None:
        super().__init__()
        self.fresh = False  # a REST book was taken, no update applied on it yet
        self.buffer: list[dict[str, Any]] = []

    def push(self, message: dict[str, Any]) -> None:
        data = message["data"][0]
        if message["action"] == "snapshot":
            self.replace(data["bids"], data["asks"])
            self.last_id, self.live = data["seqId"], True
        elif not self.live:
            self.buffer.append(message)
        elif self.fresh and data["seqId"] <= self.last_id:
            self.stale += 1
        elif data["prevSeqId"] != self.last_id and not (
            self.fresh and data["prevSeqId"] < self.last_id
        ):
            self.gap()
            self.buffer = [message]
        else:
            self.apply(data["bids"], data["asks"])
            self.last_id, self.fresh = data["seqId"], False

    def rest(self, text: str) -> bool:
        """False if it does not reach the buffer: fetch again."""
        body = json.loads(text)["data"][0]
        seq = body["seqId"]
        if self.buffer and self.buffer[0]["data"][0]["prevSeqId"] > seq:
            return False
        kept, self.buffer = self.buffer, []
        self.replace(body["bids"], body["asks"])
        self.last_id, self.live, self.fresh = seq, True, True
        for message in kept:
            self.push(message)
        return True
