"""Plays a recorded market to whoever subscribes, and serves its recorded REST snapshots.

Recordings: gzip, zstd or plain JSON lines, one record a line, with the keys k, conn, recv_ns, url,
venue, market and raw. The market follows from the addresses or, without any, from the path and the
frames. Depth variants stand in for each other: a recorded `depth@0ms` is what a subscriber of
`depth@100ms` gets, a recorded `orderbook.200` what one of `orderbook.1000` gets, under the name
that was subscribed."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard

from .conn import Room
from .desk import Feed
from .instruments import Instrument
from .wire import Topic

if TYPE_CHECKING:
    from .server import LocalVenue

BINANCE_DEPTHS = ("depth", "depth@0ms", "depth@100ms", "depth@500ms")
BYBIT_DEPTHS = ("50", "200", "1000")
OKX_DEPTHS = ("books", "books-l2-tbt", "books50-l2-tbt")
ROOM_BY_URL = (
    ("fstream.binance", "binance:linear"),
    ("fapi.binance", "binance:linear"),
    ("binance.com", "binance:spot"),
    ("bybit.com/v5/public/spot", "bybit:spot"),
    ("bybit.com/v5/public/linear", "bybit:linear"),
    ("okx.com", "okx"),
)
ROOM_BY_PATH = (
    (("binance", "usdm"), "binance:linear"),
    (("binance", "linear"), "binance:linear"),
    (("binance", "spot"), "binance:spot"),
    (("bybit", "spot"), "bybit:spot"),
    (("bybit", "linear"), "bybit:linear"),
    (("okx",), "okx"),
)
START_DELAY_S = 1.0  # from the first subscription, so that the others are in time too
BATCH = 200  # frames between two looks at the sockets


def find_recording(name: str) -> Path:
    """A path as given, or below P9_RECORDINGS, or below ../shared/recordings of the project."""
    project = Path(__file__).resolve().parents[2]
    roots = [Path(), Path(os.environ.get("P9_RECORDINGS", "/nonexistent"))]
    roots.append(project.parent / "shared" / "recordings")
    for root in roots:
        if (root / name).is_file():
            return root / name
    raise FileNotFoundError(f"no recording {name!r} in {', '.join(map(str, roots))}")


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file, in order of arrival."""
    with path.open("rb") as file:
        stream: Any = file
        if path.suffix == ".gz":
            stream = gzip.GzipFile(fileobj=file)
        elif path.suffix == ".zst":
            stream = zstandard.ZstdDecompressor().stream_reader(file)
        for line in io.TextIOWrapper(stream, encoding="utf-8"):
            yield json.loads(line)


class PlayedFeed(Feed):
    """One instrument of a recording."""

    def __init__(self, playback: Playback, inst: Instrument) -> None:
        self.playback = playback
        self.inst = inst
        self.topics = {}
        self.bodies: list[str] = []  # REST depth bodies in order
        self.served = 0  # how many of them lie behind the play position

    def opening(self, topic: Topic) -> list[str]:
        self.playback.wanted.set()
        return []

    def depth_body(self, levels: int) -> str:
        if not self.bodies:
            return "{}"
        return self.bodies[max(0, self.served - 1)]


class Playback:
    """One file, played from its beginning whenever subscribers come to an idle one."""

    def __init__(self, hub: LocalVenue, name: str, speed: float) -> None:
        self.hub = hub
        self.path = find_recording(name)
        self.speed = speed  # 0: as fast as possible
        self.wanted = asyncio.Event()
        self.played = 0  # frames sent or passed over since the start
        self.rounds = 0  # times the file was played to its end
        self.room = hub.rooms[self._room_name()]
        # recorded stream name -> topics that get it; filled by the scan
        self._targets: dict[str, list[Topic]] = {}
        self._feeds: dict[str, PlayedFeed] = {}
        self._scan()

    def _room_name(self) -> str:
        for record, _ in zip(records(self.path), range(1000), strict=False):
            url = str(record.get("url", ""))
            for part, room in ROOM_BY_URL:
                if part in url:
                    return room
        parts = self.path.parts
        for needed, room in ROOM_BY_PATH:
            if set(needed) <= set(parts):
                return room
        raise ValueError(f"{self.path}: cannot tell which venue and market this is")

    def _scan(self) -> None:
        """Which instruments and streams there are, with how many decimals."""
        digits: dict[str, tuple[int, int]] = {}
        streams: dict[str, str] = {}  # stream name -> venue id
        bodies: dict[str, list[str]] = {}  # REST depth answers by venue id
        for record in records(self.path):
            raw = record.get("raw", "")
            if record["k"] == "recv":
                name = stream_name(raw)
                if not name:
                    continue
                symbol = streams.get(name) or symbol_of(self.room.venue, name)
                streams[name] = symbol
            elif record["k"] == "rest" and "depth" in record["url"]:
                symbol = rest_symbol(record["url"])
                bodies.setdefault(symbol, []).append(raw)
            else:
                continue
            price, qty = digits.get(symbol, (0, 0))
            for price_text, qty_text in quoted(json.loads(raw)):
                price = max(price, decimals(price_text))
                qty = max(qty, decimals(qty_text))
            digits[symbol] = price, qty
        for symbol, (price, qty) in digits.items():
            self._add_feed(symbol, price, qty)
            self._feeds[symbol].bodies = bodies.get(symbol, [])
        for name, symbol in streams.items():
            self._add_stream(name, self._feeds[symbol])

    def _add_feed(self, symbol: str, price: int, qty: int) -> None:
        inst = played_instrument(self.room, symbol, price, qty)
        feed = PlayedFeed(self, inst)
        self._feeds[symbol] = feed
        self.room.feeds[symbol] = feed
        self.hub.add_feed(feed)

    def _add_stream(self, recorded: str, feed: PlayedFeed) -> None:
        kind = kind_of(recorded)
        for name in stand_ins(self.room.venue, recorded):
            if name not in self.room.topics:
                self.room.add_topic(feed, kind, name)
            self._targets.setdefault(recorded, []).append(self.room.topics[name])

    async def run(self) -> None:
        while True:
            await self.wanted.wait()
            await asyncio.sleep(START_DELAY_S)
            for feed in self._feeds.values():
                feed.served = 0
            await self._play()
            self.rounds += 1
            self.wanted.clear()

    async def _play(self) -> None:
        first_ns, begun = 0, time.monotonic()
        for count, record in enumerate(records(self.path)):
            now_ns = int(record.get("recv_ns", 0))
            first_ns = first_ns or now_ns
            if self.speed and now_ns:
                ahead = (now_ns - first_ns) / 1e9 / self.speed - (time.monotonic() - begun)
                if ahead > 0.001:
                    self.hub.flush()
                    await asyncio.sleep(ahead)
            if count % BATCH == 0:
                self.hub.flush()
                await self._keep_up()
                if not self.room.conns:
                    return  # the next subscriber gets it from the beginning
            if record["k"] == "recv":
                self._publish(record["raw"])
            elif record["k"] == "rest" and "depth" in record["url"]:
                self._feeds[rest_symbol(record["url"])].served += 1
        self.hub.flush()

    async def _keep_up(self) -> None:
        """Lets readers breathe: at full speed the file would fill every buffer."""
        await asyncio.sleep(0)
        while any(conn.backlog() > 1 << 20 for conn in self.room.conns):
            await asyncio.sleep(0.002)

    def _publish(self, raw: str) -> None:
        self.played += 1
        recorded = stream_name(raw)
        for topic in self._targets.get(recorded, ()):
            if not topic.live:
                continue
            payload = raw
            if self.room.venue == "binance":
                payload = raw[raw.index('"data":') + 7 : -1]  # the topic wraps it again
            elif self.room.venue == "bybit" and topic.name != recorded:
                payload = raw.replace(recorded, topic.name, 1)
            elif topic.name != recorded:
                old, new = recorded.partition(":")[0], topic.name.partition(":")[0]
                payload = raw.replace(f'"{old}"', f'"{new}"', 1)
            topic.publish(payload)


def stream_name(raw: str) -> str:
    """Name as the rooms know it: `btcusdt@trade`, `orderbook.200.BTCUSDT`, `books:BTC-USDT`;
    "" for what is no data."""
    if raw.startswith('{"stream":"'):
        return raw[11 : raw.index('"', 11)]
    if raw.startswith('{"topic":"'):
        return raw[10 : raw.index('"', 10)]
    if raw.startswith('{"arg":'):
        arg = json.loads(raw)["arg"]
        return f"{arg['channel']}:{arg['instId']}" if "instId" in arg else ""
    return ""


def symbol_of(venue: str, name: str) -> str:
    if venue == "binance":
        return name.partition("@")[0].upper()
    return name.rpartition(":" if venue == "okx" else ".")[2]


def rest_symbol(url: str) -> str:
    return url.partition("symbol=")[2].partition("&")[0]


def kind_of(name: str) -> str:
    """The kind of a topic, as the generated ones have it."""
    if name.startswith(("orderbook.1.", "bbo-tbt:")) or name.endswith("@bookTicker"):
        return "bbo"
    if "@depth" in name or name.startswith(("orderbook.", "books")):
        return "depth"
    if name.endswith("@aggTrade"):
        return "aggTrade"
    return "trade" if "rade" in name else "other"


def stand_ins(venue: str, name: str) -> list[str]:
    """The stream names that a recorded stream may be subscribed under."""
    if kind_of(name) != "depth":
        return [name]
    if venue == "binance":
        symbol = name.partition("@")[0]
        return [f"{symbol}@{suffix}" for suffix in BINANCE_DEPTHS]
    if venue == "bybit":
        symbol = name.rpartition(".")[2]
        return [f"orderbook.{depth}.{symbol}" for depth in BYBIT_DEPTHS]
    symbol = name.partition(":")[2]
    return [f"{channel}:{symbol}" for channel in OKX_DEPTHS]


def quoted(value: Any) -> Iterator[tuple[str, str]]:
    """Every (price, size) of a decoded message: levels, prints, best prices, on all venues."""
    if isinstance(value, list):
        for item in value:
            yield from quoted(item)
    if not isinstance(value, dict):
        return
    for side in ("b", "a", "bids", "asks"):
        levels = value.get(side)
        if isinstance(levels, list):
            yield from ((level[0], level[1]) for level in levels)
        elif isinstance(levels, str) and side.upper() in value:
            yield levels, value[side.upper()]
    for price, qty in (("p", "q"), ("p", "v"), ("px", "sz")):
        if isinstance(value.get(price), str) and isinstance(value.get(qty), str):
            yield value[price], value[qty]
    yield from quoted(value.get("data"))


def decimals(text: str) -> int:
    return len(text.partition(".")[2].rstrip("0"))


def played_instrument(room: Room, symbol: str, price: int, qty: int) -> Instrument:
    """As much of an instrument as its frames tell. Contract sizes are not among it: swaps get
    the value 1."""
    market = room.market
    base, quote = symbol, ""
    if room.venue == "okx":
        parts = symbol.split("-")
        base, quote = parts[0], parts[1] if len(parts) > 1 else ""
        inverse = "inverse" if quote == "USD" else "linear"
        market = "spot" if len(parts) == 2 else inverse
    else:
        for known in ("USDT", "USDC", "BUSD", "BTC", "ETH", "BNB", "EUR", "AUD", "BRL", "USD"):
            if symbol.endswith(known) and symbol != known:
                base, quote = symbol.removesuffix(known), known
                break
    return Instrument(
        venue=room.venue,
        market=market,
        venue_id=symbol,
        base=base,
        quote=quote,
        settle=quote,
        price_step=step(price),
        qty_step=step(qty),
        start_ticks=1,
        lots=1,
        levels=1,
        contract="" if market == "spot" else "1" if room.venue == "okx" else "",
    )


def step(places: int) -> str:
    return "1" if places == 0 else "0." + "0" * (places - 1) + "1"
