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
from .binance import BinanceDesk, BinanceRoom
from .bybit import BybitDesk, BybitRoom
from .conn import Conn, Room
from .control import control_routes
from .desk import Desk, Feed
from .faults import Faults
from .instruments import Instrument, all_instruments
from .log import Log
from .okx import OkxDesk, OkxRoom
from .options import Options
from .playback import Playback
from .ports import ConnectGate, Port, WsFront
from .rest import Meter, RestSite
from .tls import authority, server_context

VENUES = ("binance", "bybit", "okx")


class LocalVenue:
    """Binance, Bybit and OKX on loopback. `async with LocalVenue(rate=500) as v:`

    v.urls     {exchange: the `endpoints` of the configuration}
    v.ca_file  the CA certificate to trust ("" with plain=True)
    v.faults   misbehaviour, v.log what was sent, v.stats counts of events
    v.pump(n)  n steps of the markets at once, for tests with rate=0
    """

    def __init__(self, options: Options | None = None, **changes: Any) -> None:
        self.options = replace(options or Options(), **changes)
        self.rate = self.options.rate
        self.rng = Random(self.options.seed)  # manners: ack or data first, garbage
        self._market_rng = Random(self.options.seed)  # whose turn it is
        self._pace_rng = Random()
        self.log = Log(self.options.log_limit, self.options.log_books)
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
        self._active: dict[Feed, None] = {}
        self._schedule: list[Desk] = []  # every active desk, as often as its weight
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
            ("binance", binance_rest.BinanceMeter(options), binance_rest.routes(self)),
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
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._keep())]
        if self.playback is not None:
            self._tasks.append(asyncio.create_task(self.playback.run()))

    def name_urls(self) -> None:
        """Fills `urls` from `ports`."""
        ws, http = ("ws", "http") if self.options.plain else ("wss", "https")
        at = {name: f"{self.options.host}:{number}" for name, number in self.ports.items()}
        linear = f"{ws}://{at['binance linear ws']}"
        binance, bybit, okx = (f"{http}://{at[f'{venue} rest']}" for venue in VENUES)
        bybit_ws, okx_ws = f"{ws}://{at['bybit ws']}/v5/public", f"{ws}://{at['okx ws']}/ws/v5"
        self.urls = {
            "binance": {
                "spot": {"ws": f"{ws}://{at['binance spot ws']}", "rest": binance},
                "linear": {
                    "ws": {"public": f"{linear}/public", "market": f"{linear}/market"},
                    "rest": binance,
                },
            },
            "bybit": {
                "spot": {"ws": f"{bybit_ws}/spot", "rest": bybit},
                "linear": {"ws": f"{bybit_ws}/linear", "rest": bybit},
            },
            "okx": {
                "ws": {"public": f"{okx_ws}/public", "business": f"{okx_ws}/business"},
                "rest": okx,
            },
        }
        if "control" in at:
            self.control_url = f"http://{at['control']}"

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
        return time.time_ns() // 1_000_000

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
        if feed not in self._active:
            self._active[feed] = None
            if isinstance(feed, Desk):
                self._schedule += [feed] * feed.inst.weight

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

    def pump(self, steps: int = 1) -> int:
        """At least `steps` messages of the active markets now, and everything is written. The
        same calls with the same seed make the same market. Returns the number of messages."""
        made = self._step(steps, 0.0)
        self.flush()
        return made

    # the clock
    def _step(self, budget: float, pace_s: float) -> int:
        """Moves active markets until `budget` messages are made. `pace_s`: least time between
        two depth messages of one instrument."""
        made, schedule, random = 0, self._schedule, self._market_rng.random
        if not schedule:
            return 0
        now_ms, now = self.now_ms(), time.monotonic()
        while made < budget:
            made += schedule[int(random() * len(schedule))].act(now_ms, now, pace_s)
        self.stats["messages"] += made
        return made

    async def _run(self) -> None:
        """Keeps the rate, in uneven portions as a market does."""
        credit, then = 0.0, time.monotonic()
        burst, burst_ends = 1.0, 0.0
        while True:
            await asyncio.sleep(self.options.step_s)
            now = time.monotonic()
            if now > burst_ends:
                burst, burst_ends = 0.4 + 1.2 * self._pace_rng.random(), now + 0.05
            rate = self.rate
            # at most 100 ms are made up for: a loop that fell behind must not run away
            credit = min(credit + rate * burst * (now - then), rate * 0.1 + 1)
            then = now
            if credit >= 1 and rate > 0:
                credit -= self._step(credit, self.options.timing.depth_s)
            self.flush()

    async def _keep(self) -> None:
        """Heartbeats, deadlines, repeats."""
        timing = self.options.timing
        every = max(0.02, min(0.5, timing.bybit_repeat_s / 6, timing.okx_idle_s / 6))
        while True:
            await asyncio.sleep(every)
            now, now_ms = time.monotonic(), self.now_ms()
            for feed in list(self._active):
                feed.now_ms = now_ms
                feed.repeat(now)
            for room in self.rooms.values():
                for conn in list(room.conns):
                    if not conn.closing:
                        room.tick(conn, now)
                        conn.flush()
            self.flush()
