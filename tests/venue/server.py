"""The local venue: rooms, sockets, and the clock that drives the markets."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any

from . import binance_rest, bybit_rest, okx_rest
from .binance import BinanceRoom
from .binance_desk import BinanceDesk
from .binance_meter import BinanceMeter
from .bybit import BybitDesk, BybitRoom
from .conn import Conn, Room
from .control import control_routes
from .desk import Desk, Feed
from .faults import Faults
from .instruments import Instrument, all_instruments
from .log import Log
from .okx import OkxDesk, OkxRoom
from .options import Options
from .pace import Pace
from .playback import Playback
from .ports import ConnectGate, Port, WsFront, endpoints
from .rest import Meter, RestSite
from .tls import authority, server_context

VENUES = ("binance", "bybit", "okx")


class LocalVenue:
    """Binance, Bybit and OKX on loopback. `async with LocalVenue(rate=500) as v:`

    v.urls     {exchange: the `endpoints` of the configuration}
    v.ca_file  the CA certificate to trust ("" with plain=True)
    v.faults   misbehaviour, v.log what was sent, v.stats counts of events
    v.pump(n)  n steps of the markets at once, for tests with rate=0
    v.pass_time(s)  the slow streams of s seconds at once, likewise
    """

    def __init__(self, options: Options | None = None, **changes: Any) -> None:
        self.options = replace(options or Options(), **changes)
        self.rate = self.options.rate
        self.pace = Pace(self)
        self.timers = self.pace.timers
        self.rng = Random(self.options.seed)  # manners: ack or data first, garbage
        self.log = Log(self.options.log_limit, self.options.log_books, self.options.report_limit)
        self.faults = Faults(self)
        self.stats: Counter[str] = Counter()
        self.requests: dict[str, deque[str]] = {venue: deque(maxlen=10_000) for venue in VENUES}
        self.gate = ConnectGate(self.options.limits.connects)
        self.dirty: list[Conn] = []
        self.shut_venues: set[str] = set()
        self.ca_file = ""
        self.urls: dict[str, Any] = {}
        self.control_url = ""
        self.ports: dict[str, int] = {}  # name of the socket -> port number
        self.playback: Playback | None = None
        self.rooms: dict[str, Room] = {
            "binance:spot": BinanceRoom(self, "binance:spot"),
            "binance:linear": BinanceRoom(self, "binance:linear"),
            "bybit:spot": BybitRoom(self, "bybit:spot"),
            "bybit:linear": BybitRoom(self, "bybit:linear"),
            "okx": OkxRoom(self, "okx"),
        }
        self._feeds: list[Feed] = []
        self._by_symbol: dict[tuple[str, str, str], Feed] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._rest: list[RestSite] = []
        self._ports: list[Port] = []
        self._context: ssl.SSLContext | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        if self.options.recording:
            self.playback = Playback(self, self.options.recording, self.options.speed)
        self._make_desks()

    # set-up
    def _make_desks(self) -> None:
        played = self.playback.room.name if self.playback is not None else ""
        for inst in all_instruments(self.options.extra_symbols, self.options.seed):
            room = self.rooms["okx" if inst.venue == "okx" else f"{inst.venue}:{inst.market}"]
            if room.name == played:
                continue  # that market is the recording's alone
            log = self.log.open(inst)
            desk: Desk
            if isinstance(room, BinanceRoom):
                room.add_desk(desk := BinanceDesk(inst, self.options, log))
            elif isinstance(room, BybitRoom):
                room.add_desk(desk := BybitDesk(inst, self.options, log))
            else:
                assert isinstance(room, OkxRoom)
                room.add_desk(desk := OkxDesk(inst, self.options, log))
            self.add_feed(desk)

    def add_feed(self, feed: Feed) -> None:
        inst = feed.inst
        self._feeds.append(feed)
        for name in (inst.venue_id, inst.symbol):
            self._by_symbol[inst.venue, inst.market, name] = feed
            self._by_symbol.setdefault((inst.venue, "", name), feed)

    async def __aenter__(self) -> LocalVenue:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        options = self.options
        if not options.plain:
            if not options.ca_dir:
                self._directory = tempfile.TemporaryDirectory(prefix="p9-venue-")
            directory = Path(self._directory.name if self._directory else options.ca_dir)
            ca = authority(directory)
            self._context = server_context(ca, options.host)
            self.ca_file = str(directory / "ca.pem")
        rooms = self.rooms
        bybit = [rooms["bybit:spot"], rooms["bybit:linear"]]
        sites: list[tuple[str, Meter, Any]] = [
            ("binance", BinanceMeter(options), binance_rest.routes(self)),
            ("bybit", bybit_rest.BybitMeter(options), bybit_rest.routes(self)),
            ("okx", okx_rest.OkxMeter(options), okx_rest.routes(self)),
        ]
        rest = {venue: RestSite(self, venue, meter, routes) for venue, meter, routes in sites}
        control = RestSite(self, "control", Meter(), control_routes(self))
        self.requests["control"] = deque(maxlen=100)
        self._rest = [*rest.values(), control]
        self._ports = [
            Port("binance spot ws", "binance", WsFront(self, [rooms["binance:spot"]]).open),
            Port("binance linear ws", "binance", WsFront(self, [rooms["binance:linear"]]).open),
            Port("binance rest", "binance", rest["binance"].open),
            Port("bybit ws", "bybit", WsFront(self, bybit).open),
            Port("bybit rest", "bybit", rest["bybit"].open),
            Port("okx ws", "okx", WsFront(self, [rooms["okx"]]).open),
            Port("okx rest", "okx", rest["okx"].open),
        ]
        if options.control:
            self._ports.append(Port("control", "control", control.open))
        for offset, port in enumerate(self._ports):
            secure = None if port.venue == "control" else self._context
            await port.open(options.host, options.port + offset if options.port else 0, secure)
            self.ports[port.name] = port.number
        self.name_urls()
        self._tasks = [asyncio.create_task(task) for task in (self.pace.run(), self.pace.keep())]
        if self.playback is not None:
            self._tasks.append(asyncio.create_task(self.playback.run()))

    def name_urls(self) -> None:
        """Fills `urls` from `ports`."""
        host, plain = self.options.host, self.options.plain
        self.urls = endpoints(host, self.ports, plain=plain)
        if "control" in self.ports:
            self.control_url = f"http://{host}:{self.ports['control']}"

    def config(self) -> dict[str, Any]:
        """The `exchanges` section of a configuration that points here."""
        ca = self.ca_file or None
        return {venue: {"endpoints": self.urls[venue], "tls_ca": ca} for venue in VENUES}

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for port in self._ports:
            port.shut()
        for timer in self._timers:
            timer.cancel()
        for room in self.rooms.values():
            for conn in list(room.conns):
                conn.abort()
        for site in self._rest:
            await site.stop()
        await asyncio.sleep(0)  # aborted sockets close in the next turn
        if self._directory is not None:
            self._directory.cleanup()

    # what rooms, faults and tests use
    def now_ms(self) -> int:
        """The venue's wall clock: ours, and what `pass_time` put before it."""
        return time.time_ns() // 1_000_000 + self.pace.ahead_ms

    def clock(self) -> float:
        """Seconds that only go forward, moved by `pass_time` as well."""
        return time.monotonic() + self.pace.ahead_ms / 1000

    def monotonic(self) -> float:
        return time.monotonic()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(handle)
            action()

        handle = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(handle)

    def flush(self) -> None:
        """Writes what is queued on every connection."""
        ready, self.dirty = self.dirty, []
        for conn in ready:
            conn.flush()

    def feed(self, venue: str, market: str, symbol: str) -> Feed:
        """Raises KeyError if there is none."""
        return self._by_symbol[venue, market, symbol]

    def feeds(self, venue: str, market: str = "") -> Iterable[Feed]:
        return [
            feed
            for feed in self._feeds
            if feed.inst.venue == venue and market in ("", feed.inst.market)
        ]

    def instruments(self, venue: str, market: str = "") -> list[Instrument]:
        return [feed.inst for feed in self.feeds(venue, market)]

    def conns(self, venue: str = "") -> list[Conn]:
        rooms = [room for room in self.rooms.values() if venue in ("", room.venue)]
        return [conn for room in rooms for conn in room.conns]

    def activate(self, feed: Feed) -> None:
        """From its first subscription on a market moves, with or without readers."""
        self.pace.activate(feed)

    def pump(self, steps: int = 1) -> int:
        """At least `steps` messages of the active markets now, and everything is written. The
        same calls with the same seed make the same market. Returns the number of messages."""
        return self.pace.pump(steps)

    def pass_time(self, seconds: float) -> int:
        """Puts the venue's clocks forward: slow streams say all that they would have said in
        that time, while the markets stand still. Returns how often one had its turn."""
        return self.pace.pass_time(seconds)

    def delist(self, desk: Desk) -> None:
        """The instrument is gone from lists, rooms and streams; its log stays."""
        desk.gone = True
        self.pace.retire(desk)
        for room in self.rooms.values():
            if room.feeds.get(desk.inst.venue_id) is desk:
                del room.feeds[desk.inst.venue_id]
                for name in desk.topics:
                    room.topics.pop(name, None)
        feeds, self._feeds = self._feeds, []
        self._by_symbol.clear()
        for feed in feeds:
            if feed is not desk:
                self.add_feed(feed)

    def shut(self, venue: str) -> None:
        self.shut_venues.add(venue)
        for port in self._ports:
            if port.venue == venue:
                port.shut()

    async def reopen(self, venue: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.shut_venues.discard(venue)
        for port in self._ports:
            if port.venue == venue:
                await port.open(self.options.host, 0, self._context)
