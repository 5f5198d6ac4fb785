"""A small client for tests: TLS, and a barrier after which all that was sent has arrived."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

import aiohttp

from .options import Limits
from .server import LocalVenue

FREE = Limits.none()


def run(body: Callable[[LocalVenue, Client], Awaitable[None]], **changes: Any) -> None:
    """Runs `body` with a venue that stands still until it is pumped, and refuses nothing for
    being too much unless `limits` say so."""

    async def inside() -> None:
        options: dict[str, Any] = {"rate": 0, "limits": FREE, **changes}
        async with LocalVenue(**options) as venue, Client(venue) as client:
            await body(venue, client)

    asyncio.run(asyncio.wait_for(inside(), 30))


async def pumped(venue: LocalVenue, sock: Socket, steps: int) -> list[Any]:
    """Everything that about `steps` messages of the markets bring, read in portions."""
    out: list[Any] = []
    for done in range(0, steps, 500):
        venue.pump(min(steps - done, 500))
        out += await sock.settle()
    return out


class Client:
    """`async with Client(venue) as client:`"""

    def __init__(self, venue: LocalVenue) -> None:
        self.venue = venue
        self.context: ssl.SSLContext | bool = True
        if venue.ca_file:
            self.context = ssl.create_default_context(cafile=venue.ca_file)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Client:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._session is not None
        await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session

    async def ws(self, room: str, path: str = "", *, autoping: bool = True) -> Socket:
        """A connection to "binance:spot", "binance:linear", "bybit:spot", "bybit:linear", "okx" or
        "okx:business"; `path` is appended."""
        venue, _, part = room.partition(":")
        ends = self.venue.urls[venue]
        url = ends["ws"][part or "public"] if venue == "okx" else ends[part]["ws"]
        if isinstance(url, dict):  # USD-M: the path names the route
            url = url["public"].removesuffix("/public")
        link = await self.session.ws_connect(
            url + path, ssl=self.context, autoping=autoping, max_msg_size=16 << 20
        )
        return Socket(link, venue)

    async def get(self, venue: str, path: str) -> tuple[int, str, dict[str, str]]:
        """(status, body, headers) of a REST request."""
        ends = self.venue.urls[venue]
        base = ends["rest"] if venue == "okx" else ends["spot"]["rest"]
        async with self.session.get(base + path, ssl=self.context) as response:
            return response.status, await response.text(), dict(response.headers)

    async def json(self, venue: str, path: str) -> Any:
        return json.loads((await self.get(venue, path))[1])


class Socket:
    """One WebSocket of a client."""

    def __init__(self, link: aiohttp.ClientWebSocketResponse, venue: str) -> None:
        self.link = link
        self.venue = venue
        self._barriers = 0

    async def send(self, message: object) -> None:
        await self.link.send_str(message if isinstance(message, str) else json.dumps(message))

    async def receive(self, timeout_s: float = 5.0) -> Any:
        """The next message, decoded; raw where it is no JSON, None when the connection is gone."""
        message = await self.link.receive(timeout_s)
        if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            try:
                return json.loads(message.data)
            except (ValueError, RecursionError):
                return message.data
        if message.type in (aiohttp.WSMsgType.PING, aiohttp.WSMsgType.PONG):
            return message
        return None

    async def ask(self, message: object) -> Any:
        """Sends, and returns the first message that is no data."""
        await self.send(message)
        while True:
            answer = await self.receive()
            if not is_data(answer):
                return answer

    async def subscribe(self, names: list[Any]) -> Any:
        if self.venue == "binance":
            return await self.ask({"method": "SUBSCRIBE", "params": names, "id": 1})
        return await self.ask({"op": "subscribe", "args": names})

    async def settle(self) -> list[Any]:
        """Everything that came before the answer to a question asked now."""
        self._barriers += 1
        mark = 1_000_000 + self._barriers
        if self.venue == "binance":
            await self.send({"method": "LIST_SUBSCRIPTIONS", "id": mark})
        elif self.venue == "bybit":
            await self.send({"op": "ping", "req_id": str(mark)})
        else:
            await self.send("ping")
        out: list[Any] = []
        while True:
            message = await self.receive()
            if message is None or message == "pong":
                return out
            if isinstance(message, dict) and (
                message.get("id") == mark or message.get("ret_msg") == "pong"
            ):
                return out
            out.append(message)

    async def close(self) -> None:
        await self.link.close()

    @property
    def code(self) -> int | None:
        """The close code, once closed."""
        return self.link.close_code


def is_data(message: Any) -> bool:
    if not isinstance(message, dict):
        return False
    return bool({"stream", "topic", "e", "data"} & message.keys()) and "event" not in message
