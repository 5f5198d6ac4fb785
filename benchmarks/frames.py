"""The frames that are measured: real recordings where they are, generated ones everywhere."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import orjson

from p9core.engine import Engine

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = Path(os.environ.get("P9_RECORDINGS", ROOT.parent / "shared" / "recordings"))

# Receive time of the first frame; one frame a millisecond.
START_NS = 1_790_000_000_000_000_000
STEP_NS = 1_000_000


class Instrument(NamedTuple):
    """What `Engine.add_instrument` is told; the steps are decimal text."""

    venue_id: str
    exchange: str
    symbol: str
    price_step: str
    qty_step: str


class Snapshot(NamedTuple):
    """A REST depth body that starts a Binance book."""

    venue_id: str
    body: bytes
    limit: int


@dataclass(frozen=True)
class Feed:
    """One kind of frame of one endpoint. `prelude` brings the books up and is never timed."""

    name: str
    endpoint: str
    prelude: tuple[bytes | Snapshot, ...]
    frames: tuple[bytes, ...]
    instruments: tuple[Instrument, ...]

    @property
    def mean_size(self) -> int:
        return sum(map(len, self.frames)) // len(self.frames)


class Player:
    """An engine of its own with this feed's books up, ready for `feed.frames`."""

    def __init__(self, feed: Feed, *, publish: bool = True, sink: str = "resp") -> None:
        # what is computed besides of book and trades is another promise's business
        self.engine = Engine(epoch=1, sink=sink, feeds=("trade", "bbo", "depth"))
        self.numbers = {
            one.venue_id: self.engine.add_instrument(
                feed.endpoint,
                one.venue_id,
                exchange=one.exchange,
                symbol=one.symbol,
                price_step=one.price_step,
                qty_step=one.qty_step,
                publish=publish,
            )
            for one in feed.instruments
        }
        self.conn = self.engine.open_conn(feed.endpoint)
        for entry in feed.prelude:
            if isinstance(entry, Snapshot):
                number = self.numbers[entry.venue_id]
                self.engine.feed_snapshot(number, START_NS, entry.body, entry.limit)
            else:
                self.engine.feed(self.conn, START_NS, entry)
        self.drain()

    def drain(self) -> None:
        self.engine.take_pub()
        self.engine.take_log()
        self.engine.take_lines()

    def play(self, frames: Sequence[bytes], turn: int = 16) -> None:
        """Feeds the frames; what they publish is taken every `turn` frames, as a loop turn does."""
        feed, take, conn = self.engine.feed, self.engine.take_pub, self.conn
        for start in range(0, len(frames), turn):
            for frame in frames[start : start + turn]:
                feed(conn, START_NS, frame)
            take()

    def check(self) -> None:
        """AssertionError where frames were refused or a book is not LIVE: then the figure would
        be one of errors."""
        for counts in self.engine.counters().values():
            bad = {key: n for key, n in counts.items() if key.startswith("reject.")}
            assert not bad, bad
            assert not counts.get("depth_gaps"), counts
        for book in self.engine.books():
            assert book["state"] in ("LIVE", "COLD"), book
        has_depth = any(counts.get("depth") for counts in self.engine.counters().values())
        assert not has_depth or any(b["state"] == "LIVE" for b in self.engine.books())


def step_of(decimals: int) -> str:
    return "1" if decimals == 0 else f"0.{'0' * (decimals - 1)}1"


def learned(
    endpoint: str, prelude: Sequence[bytes | Snapshot], frames: Sequence[bytes]
) -> tuple[Instrument, ...]:
    """The instruments of these frames, their steps taken from the digits that stand there."""
    exchange = endpoint.partition(":")[0]

    def spec(_endpoint: str, venue_id: str) -> dict[str, object]:
        return {"exchange": exchange, "symbol": venue_id.replace("-", ""), "contract": "1"}

    engine = Engine(epoch=1, sink="lines", learn=True, resolver=spec)
    conn = engine.open_conn(endpoint)
    for entry in (*prelude, *frames):
        if isinstance(entry, Snapshot):
            number = engine.add_instrument(
                endpoint, entry.venue_id, exchange=exchange, symbol=entry.venue_id
            )
            engine.feed_snapshot(number, START_NS, entry.body, entry.limit)
        else:
            engine.feed(conn, START_NS, entry)
        engine.take_lines()
    found = []
    for book in engine.books():
        _, _, px, qty = engine.best(book["instrument"])
        found.append(
            Instrument(book["venue_id"], exchange, book["symbol"], step_of(px), step_of(qty))
        )
    return tuple(found)


class Source(NamedTuple):
    name: str
    endpoint: str
    file: str
    marks: bytes  # only frames that hold these bytes
    change: Callable[[list[bytes]], list[bytes]] | None = None


def as_today(frames: list[bytes]) -> list[bytes]:
    """OKX books of 2022 as OKX sends them since 2026-06: no checksum, a chain of ids."""
    last: dict[bytes, int] = {}
    out = []
    for frame in frames:
        name = re.search(rb'"instId":"([^"]+)"', frame)
        assert name is not None
        previous = -1 if b'"action":"snapshot"' in frame else last.get(name[1], 1000)
        # ids of today's length
        number = last.get(name[1], 78677952000) + 37
        last[name[1]] = number
        ids = b'"checksum":0,"seqId":%d,"prevSeqId":%d' % (number, previous)
        out.append(re.sub(rb'"checksum":-?\d+', ids, frame))
    return out


USDM = "binance/usdm/btcusdt_2024-08-08.jsonl.gz"
SPOT = "binance/spot/btcusdt_2024-08-08_09.jsonl.gz"
BYBIT = "bybit/linear/btcusdt_solusdt_2026-08-09.jsonl.gz"
BYBIT_TOP = "bybit/linear/orderbook1_2025-06-13.jsonl.gz"
OKX = "okx/books_btcusdt_uniusdswap_2022-05-13.jsonl.gz"

SOURCES = (
    Source("Binance spot depth", "binance:spot", SPOT, b'"depthUpdate"'),
    Source("Binance spot trade", "binance:spot", SPOT, b'"e":"trade"'),
    Source("Binance spot bookTicker", "binance:spot", SPOT, b"@bookTicker"),
    Source("Binance USD-M depth", "binance:linear", USDM, b'"depthUpdate"'),
    Source("Binance USD-M trade", "binance:linear", USDM, b'"e":"trade"'),
    Source("Binance USD-M bookTicker", "binance:linear", USDM, b"@bookTicker"),
    Source("Bybit depth 200", "bybit:linear", BYBIT, b'"orderbook.200.'),
    Source("Bybit trade", "bybit:linear", BYBIT, b'"publicTrade.'),
    Source("Bybit depth 1", "bybit:linear", BYBIT_TOP, b'"orderbook.1.'),
    Source("OKX books", "okx", OKX, b'"channel":"books"', as_today),
    Source("OKX books, checksum", "okx", OKX, b'"channel":"books"'),
    Source("OKX trade", "okx", OKX, b'"channel":"trades"'),
)


@lru_cache(maxsize=2)
def records(file: str) -> list[dict[str, object]]:
    with gzip.open(RECORDINGS / file, "rb") as lines:
        return [orjson.loads(line) for line in lines]


@lru_cache(maxsize=32)
def recorded(name: str) -> Feed:
    """FileNotFoundError where the recording is not there."""
    source = next(one for one in SOURCES if one.name == name)
    frames: list[bytes] = []
    snapshot: tuple[int, Snapshot] | None = None
    for record in records(source.file):
        raw = str(record.get("raw") or "").encode()
        if record["k"] == "recv" and source.marks in raw and b'"event"' not in raw:
            frames.append(raw)
        elif record["k"] == "rest" and "/depth" in str(record["url"]) and snapshot is None:
            symbol = re.search(r"symbol=([A-Z0-9]+)", str(record["url"]))
            assert symbol is not None
            # limit 0: a recording has no second snapshot to refresh the book from
            snapshot = len(frames), Snapshot(symbol[1], raw, 0)
    if source.change is not None:
        frames = source.change(frames)
    prelude: list[bytes | Snapshot] = []
    if snapshot is not None and b"depthUpdate" in source.marks:
        at = snapshot[0] + 1
        prelude = [*frames[: at - 1], snapshot[1], frames[at - 1]]
    else:
        at = opening(frames)
        prelude = list(frames[:at])
    return Feed(
        source.name,
        source.endpoint,
        tuple(prelude),
        tuple(frames[at:]),
        learned(source.endpoint, prelude, frames[at:]),
    )


def opening(frames: Sequence[bytes]) -> int:
    """How many frames from the start hold the first of every instrument."""
    names = [re.search(rb'"(?:instId|s)":"([^"]+)"', frame) for frame in frames]
    seen: set[bytes] = set()
    last = 0
    for i, name in enumerate(names):
        if name is not None and name[1] not in seen:
            seen.add(name[1])
            last = i
    return min(last + 1, len(frames) // 2)
