"""What a recording says, from its frames with `json` and `Decimal` alone: books, trades, best
prices, holes. Written from the protocol pages; slow and obvious."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.models.book import Levels
from tests.models.numbers import units


class Entry(NamedTuple):
    """One line of a recording that an engine is given."""

    kind: str  # "frame", or "depth" for the body of a depth request
    recv_ns: int
    raw: bytes
    symbol: str  # of a depth request
    limit: int


def entries(path: Path) -> Iterator[Entry]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["k"] == "recv":
                yield Entry("frame", record.get("recv_ns", 0), record["raw"].encode(), "", 0)
            elif record["k"] == "rest" and "/depth?" in record["url"]:
                found = re.search(r"symbol=(\w+)&limit=(\d+)", record["url"])
                assert found, record["url"]
                yield Entry(
                    "depth", record["recv_ns"], record["raw"].encode(), found[1], int(found[2])
                )


class Best(NamedTuple):
    id: str
    bid: tuple[int, int] | None
    ask: tuple[int, int] | None


class Fill(NamedTuple):
    """A print as the contract's message tells of it, price and size at 18 decimals."""

    id: str
    price: int
    qty: int
    side: str
    fills: int


def level(pair: list[str]) -> tuple[int, int]:
    return units(pair[0]), units(pair[1])


@dataclass
class Line:
    """One instrument."""

    bids: Levels = field(default_factory=dict)
    asks: Levels = field(default_factory=dict)
    last_id: int | None = None
    live: bool = False
    waiting: list[dict[str, Any]] = field(default_factory=list)
    loaded: bool = False  # a snapshot is there; before an update has followed it
    # the book may be served, afterwards it must
    joined: bool = False  # an update has followed the snapshot
    last_trade: int | None = None
    last_best: int = -1

    def load(self, bids: list[list[str]], asks: list[list[str]], last_id: int | None) -> None:
        self.bids, self.asks = dict(map(level, bids)), dict(map(level, asks))
        self.last_id = last_id

    def apply(self, bids: list[list[str]], asks: list[list[str]], last_id: int | None) -> None:
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, qty in map(level, levels):
                if qty:
                    side[price] = qty
                else:
                    side.pop(price, None)
        self.last_id = last_id

    def crc(self) -> int:
        """OKX 5.4, from canonical digits."""

        def text(value: int) -> str:
            whole, after = divmod(value, 10**18)
            return f"{whole}.{after:018d}".rstrip("0").rstrip(".")

        bids, asks = sorted(self.bids.items(), reverse=True)[:25], sorted(self.asks.items())[:25]
        parts = [
            text(number)
            for n in range(25)
            for side in (bids, asks)
            for pair in side[n : n + 1]
            for number in pair
        ]
        crc = zlib.crc32(":".join(parts).encode())
        return crc - (crc >> 31 << 32)


class Rebuild:
    """`endpoint` as the engine names it. `take` returns the instruments that a frame touched."""

    def __init__(self, endpoint: str) -> None:
        self.exchange, _, self.market = endpoint.partition(":")
        self.lines: dict[str, Line] = {}
        self.fills: list[tuple[str, Fill]] = []
        self.best: list[tuple[str, Best]] = []
        self.gaps: list[str] = []
        self.checksums = 0

    def line(self, name: str) -> Line:
        return self.lines.setdefault(name, Line())

    def take(self, entry: Entry) -> str:
        """The instrument whose book this entry may have changed, or ""."""
        if entry.kind == "depth":
            return self.binance_snapshot(entry)
        if entry.raw == b"pong":
            return ""
        frame = json.loads(entry.raw)
        return str(getattr(self, self.exchange)(frame) or "")

    # ---- Binance ---------------------------------------------------------------------

    def binance(self, frame: dict[str, Any]) -> str | None:
        data = frame.get("data", frame)
        kind = data.get("e", "bookTicker" if "B" in data else "")
        if kind == "depthUpdate":
            return self.binance_depth(data)
        line = self.line(data["s"]) if "s" in data else Line()
        if kind == "bookTicker" and data["u"] > line.last_best:
            line.last_best = data["u"]
            sides = [(units(data[p]), units(data[q])) for p, q in ("bB", "aA")]
            bid, ask = (side if side[1] else None for side in sides)
            self.best.append((data["s"], Best(str(data["u"]), bid, ask)))
        elif kind in ("trade", "aggTrade"):
            number = data["t" if kind == "trade" else "a"]
            if line.last_trade is not None and number != line.last_trade + 1:
                self.gaps.append("trade")
            line.last_trade = number
            if data.get("X", "MARKET") == "MARKET":
                count = 1 if kind == "trade" else data["l"] - data["f"] + 1
                side = "sell" if data["m"] else "buy"
                fill = Fill(str(number), units(data["p"]), units(data["q"]), side, count)
                self.fills.append((data["s"], fill))
        return None

    def binance_link(self, line: Line, data: dict[str, Any]) -> str:
        """ "next", "old" or "gap". Only the first update behind a USD-M snapshot may straddle it;
        a spot update may always begin before what is known ends."""
        assert line.last_id is not None
        if data["u"] <= line.last_id:
            return "old"
        spot = self.market == "spot"
        before = data["U"] - 1 if spot else data["pu"]
        straddles = before < line.last_id and (spot or not line.joined)
        return "next" if before == line.last_id or straddles else "gap"

    def binance_apply(self, line: Line, data: dict[str, Any]) -> bool:
        link = self.binance_link(line, data)
        if link == "next":
            line.apply(data["b"], data["a"], data["u"])
            line.joined = True
        return link != "gap"

    def binance_depth(self, data: dict[str, Any]) -> str:
        line = self.line(data["s"])
        if not line.live:
            line.waiting.append(data)
            self.binance_join(line)
        elif not self.binance_apply(line, data):
            self.gaps.append("depth")
            line.live, line.loaded, line.waiting = False, False, [data]
        return str(data["s"])

    def binance_snapshot(self, entry: Entry) -> str:
        line = self.line(entry.symbol)
        if not line.live:
            found = json.loads(entry.raw)
            line.load(found["bids"], found["asks"], found["lastUpdateId"])
            line.loaded, line.joined = True, False
            self.binance_join(line)
        return entry.symbol

    def binance_join(self, line: Line) -> None:
        """5.1 steps 3 to 6, 5.2 steps 3 to 5: the snapshot and the updates that wait."""
        if line.loaded and line.waiting:
            if all(self.binance_apply(line, data) for data in line.waiting):
                line.live, line.waiting = line.joined, []
            else:
                line.loaded = False  # too old, or a hole behind it

    # ---- Bybit -----------------------------------------------------------------------

    def bybit(self, frame: dict[str, Any]) -> str | None:
        topic, data = frame.get("topic", ""), frame.get("data", {})
        if topic.startswith("publicTrade."):
            for fill in data:
                self.fills.append(
                    (
                        fill["s"],
                        Fill(fill["i"], units(fill["p"]), units(fill["v"]), fill["S"].lower(), 1),
                    )
                )
        if not topic.startswith("orderbook."):
            return None
        line = self.line(data["s"])
        if topic.startswith("orderbook.1."):
            if data["seq"] > line.last_best:
                line.last_best = data["seq"]
                bid, ask = (level(side[0]) if side else None for side in (data["b"], data["a"]))
                self.best.append((data["s"], Best(str(data["u"]), bid, ask)))
            return None
        if frame["type"] == "snapshot":
            line.load(data["b"], data["a"], data["u"])
            line.live = True
        elif line.live and data["u"] > (line.last_id or 0):
            if data["u"] == (line.last_id or 0) + 1:
                line.apply(data["b"], data["a"], data["u"])
            else:
                line.live = False
                self.gaps.append("depth")
        return str(data["s"])

    # ---- OKX -------------------------------------------------------------------------

    def okx(self, frame: dict[str, Any]) -> str | None:
        channel, name = frame["arg"]["channel"], frame["arg"].get("instId", "")
        if channel == "trades":
            for fill in frame.get("data", ()):
                self.fills.append(
                    (
                        name,
                        Fill(
                            fill["tradeId"],
                            units(fill["px"]),
                            units(fill["sz"]),
                            fill["side"],
                            int(fill.get("count", 1)),
                        ),
                    )
                )
        if channel not in ("books", "books-l2-tbt") or "data" not in frame:
            return None
        line = self.line(name)
        for data in frame["data"]:
            if frame["action"] == "snapshot":
                line.load(data["bids"], data["asks"], data.get("seqId"))
                line.live = True
            elif line.live and data.get("prevSeqId") != line.last_id:
                line.live = False
                self.gaps.append("depth")
            elif line.live:
                line.apply(data["bids"], data["asks"], data.get("seqId"))
            if line.live and data.get("checksum"):
                if line.crc() == data["checksum"]:
                    self.checksums += 1
                else:
                    line.live = False
                    self.gaps.append("checksum")
        return str(name)
