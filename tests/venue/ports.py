"""The listening sockets: one per WebSocket host and REST host that the real venues have."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from picows import (
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from .conn import Conn, Room

if TYPE_CHECKING:
    from .server import LocalVenue

Opener = Callable[[str, int, ssl.SSLContext | None], Awaitable[asyncio.AbstractServer]]
Answer = Conn | WSUpgradeResponseWithListener | None


class Port:
    """One address that can be shut and opened again on the same number."""

    def __init__(self, name: str, venue: str, opener: Opener) -> None:
        self.name = name
        self.venue = venue
        self.number = 0
        self._opener = opener
        self._server: asyncio.AbstractServer | None = None

    async def open(self, host: str, number: int, context: ssl.SSLContext | None) -> None:
        if self._server is not None:
            return
        server = await self._opener(host, self.number or number, context)
        self._server = server
        sockets: Sequence[socket.socket] = getattr(server, "sockets", ())
        self.number = sockets[0].getsockname()[1]

    def shut(self) -> None:
        """New connections are refused; those that stand are left alone."""
        if self._server is not None:
            self._server.close()
            self._server = None


class WsFront:
    """What answers an upgrade request on one port: the rooms behind it, and the limits."""

    def __init__(self, hub: LocalVenue, rooms: Sequence[Room]) -> None:
        self.hub = hub
        self.rooms = rooms

    async def open(
        self, host: str, number: int, context: ssl.SSLContext | None
    ) -> asyncio.AbstractServer:
        server: asyncio.AbstractServer = await ws_create_server(
            self.accept,
            host,
            number,
            ssl=context,
            enable_auto_pong=False,  # pings of the client count against its limit
            max_frame_size=4 << 20,
        )
        return server

    def accept(self, request: WSUpgradeRequest) -> Answer:
        hub = self.hub
        if not hub.gate.admits(self.rooms[0].venue):
            hub.stats[f"{self.rooms[0].venue} connections refused"] += 1
            return refuse(429, b"Too many connections")
        url = urlsplit(request.path.decode("utf-8", "replace"))
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        for room in self.rooms:
            conn = room.accept(url.path, query)
            if conn is not None:
                return conn
        return None  # 404


def refuse(status: int, body: bytes) -> WSUpgradeResponseWithListener:
    response = WSUpgradeResponse.create_error_response(status, body)
    return WSUpgradeResponseWithListener(response, None)


class ConnectGate:
    """New connections per venue in a sliding window."""

    def __init__(self, limits: dict[str, tuple[int, float]]) -> None:
        self._limits = limits
        self._times: dict[str, deque[float]] = {}

    def admits(self, venue: str) -> bool:
        limit, window_s = self._limits.get(venue, (0, 0.0))
        if not limit:
            return True
        times = self._times.setdefault(venue, deque(maxlen=limit))
        now = monotonic()
        if len(times) == limit and now - times[0] < window_s:
            return False
        times.append(now)
        return True


def endpoints(host: str, ports: dict[str, int], *, plain: bool) -> dict[str, Any]:
    """{exchange: the `endpoints` of the configuration} for these port numbers."""
    ws, http = ("ws", "http") if plain else ("wss", "https")
    at = {name: f"{host}:{number}" for name, number in ports.items()}
    linear = f"{ws}://{at['binance linear ws']}"
    binance, bybit, okx = (f"{http}://{at[f'{name} rest']}" for name in ("binance", "bybit", "okx"))
    bybit_ws, okx_ws = f"{ws}://{at['bybit ws']}/v5/public", f"{ws}://{at['okx ws']}/ws/v5"
    return {
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
