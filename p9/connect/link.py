"""One WebSocket that is opened again and again, with back-off, until it is closed for good.

What travels on it is the business of `p9.connect.session`, which fills in `_opened` and `_ended`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from typing import Any

from picows import WSError, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from p9.connect.lane import Lane
from p9.connect.pacing import Backoff
from p9.rest.client import USER_AGENT, retry_after

log = logging.getLogger(__name__)

CONNECT_S = 15.0  # name, TCP, TLS and upgrade together
HANDSHAKE_S = 8.0
STABLE_S = 30.0  # a connection that lived so long was a good one
BLOCKED_S = {429: 5.0, 403: 30.0, 418: 120.0}  # the least wait after such an answer, s
REPEAT_LOG_S = 60.0

# (connection number, owner) -> listener, e.g. `FeedListener` bound to an engine
ListenerFactory = Callable[[int, Any], WSListener]


class Link:
    """Owner of its listener: `on_open`, `on_close` and `flush` are among its calls."""

    def __init__(self, lane: Lane, socket: str, url: str) -> None:
        self.lane = lane
        self.socket, self.url = socket, url
        self.state = "new"  # new | connecting | open | waiting | closed
        self.why = ""  # the last reason for not being open
        self.opened_at = 0.0  # loop time
        self.conn = -1  # its number in the engine
        self.flush = lane.port.flush
        self._loop = asyncio.get_running_loop()
        self._backoff = Backoff(lane.settings.backoff_s, lane.settings.backoff_max_s)
        self._transport: WSTransport | None = None
        self._listener: WSListener | None = None
        self._expecting = False  # a connection is being opened
        self._closing = False
        self._end_reason = ""
        self._logged_at = -REPEAT_LOG_S
        self._task = self._loop.create_task(self._run(), name=f"ws {lane.endpoint.name} {socket}")

    # -- filled in by what uses it ----------------------------------------------------------

    def _opened(self) -> None:
        """The connection is open; no frame has come yet."""

    def _ended(self, reason: str) -> None:
        """The open connection is gone (`_closing`: because it was wanted)."""

    def _waits(self) -> None:
        """It is not open, and will be tried again after a while."""

    # -- life -------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._closing:
            try:
                wait = await self._connection()
            except Exception:
                # nothing that happens to one connection may end the session
                log.exception("ws %s: internal error", self.lane.endpoint.name)
                wait = 0.0
            if self._closing:
                break
            self.state = "waiting"
            self._waits()
            if self._closing:
                break
            await asyncio.sleep(max(wait, self._backoff.next()))
        self.state = "closed"

    async def _connection(self) -> float:
        """One connection from the attempt to its end; the least wait before the next."""
        lane = self.lane
        self.state = "connecting"
        await lane.pacer.take()
        self.conn = conn = lane.port.open(lane.endpoint)
        self._end_reason = ""
        error: Exception | None = None
        self._expecting = True
        try:
            async with asyncio.timeout(CONNECT_S):
                await ws_connect(
                    lambda: self._make(conn),
                    self.url,
                    ssl_context=lane.tls,
                    enable_auto_pong=False,
                    max_frame_size=lane.settings.max_frame_bytes,
                    websocket_handshake_timeout=HANDSHAKE_S,
                    max_redirects=0,
                    extra_headers={"User-Agent": USER_AGENT},
                )
        except (OSError, WSError, ssl.SSLError, ValueError) as raised:
            error = raised
        finally:
            self._expecting = False
            if self._transport is None:
                lane.port.close(conn, "not opened")
        if self._transport is None:  # a loss during the handshake raises nothing
            return self._not_reached(error or ConnectionError("closed during the handshake"))
        try:
            if error is not None:
                self.reconnect(str(error))
            await self._transport.wait_disconnected()
        except Exception as raised:  # whatever the protocol or the listener raised
            self._end_reason = self._end_reason or f"{type(raised).__name__}: {raised}"
        finally:
            self._clear(conn)
        return 0.0

    def _close_frame(self) -> str:
        """What the venue said when it closed; "" if it said nothing."""
        handshake = self._transport.close_handshake if self._transport is not None else None
        said = handshake.recv if handshake is not None else None
        if said is None:
            return ""
        code = getattr(said.code, "value", said.code)
        return f"closed by the venue: {code} {said.reason[:100]}".rstrip()

    def _make(self, conn: int) -> WSListener:
        self._listener = listener = self.lane.make_listener(conn, self)
        return listener

    def _not_reached(self, error: Exception) -> float:
        self.lane.counters["connect_failures"] += 1
        self.why = f"not reached: {type(error).__name__} {str(error)[:120]}"
        now = self._loop.time()
        if now - self._logged_at >= REPEAT_LOG_S:
            self._logged_at = now
            log.warning("ws %s %s: %s", self.lane.endpoint.name, self.url, self.why)
        response = error.response if isinstance(error, WSHandshakeError) else None
        least = BLOCKED_S.get(int(response.status), 0.0) if response is not None else 0.0
        if response is not None and least:
            return max(least, retry_after(response.headers)) * random.uniform(1.0, 1.3)
        return 0.0

    def on_open(self, transport: WSTransport) -> None:
        """The upgrade is done; no frame has come yet."""
        if not self._expecting or self._closing:
            transport.disconnect(False)  # it came after all, nobody waits any more
            return
        self._expecting = False
        self._transport = transport
        self.state, self.why = "open", ""
        self.opened_at = self._loop.time()
        self.lane.counters["connects"] += 1
        self.lane.port.opened(self.conn, self.lane.endpoint, self.url)
        self._opened()

    def on_close(self) -> None:
        """The listener says that the connection is gone; `_connection` goes on from here."""

    def _clear(self, conn: int) -> None:
        lived = self._loop.time() - self.opened_at
        reason = self._end_reason or self._close_frame() or "connection lost"
        self._transport = self._listener = None
        if lived >= STABLE_S:
            self._backoff.reset()
        if not self._closing:
            self.state, self.why = "waiting", reason
            self.lane.counters["drops"] += 1
            log.warning("ws %s: lost after %.1f s: %s", self.lane.endpoint.name, lived, reason)
        self._ended(reason)
        self.lane.port.close(conn, reason)

    def reconnect(self, reason: str) -> None:
        """Ends the connection; a new one follows."""
        if self._transport is not None and not self._end_reason:
            self._end_reason = reason
            self.lane.counters["reconnects"] += 1
            self._transport.disconnect(False)

    def close(self, reason: str = "closed") -> None:
        """Ends it for good. Nothing is invalidated: the caller knows who carries the topics."""
        self._closing = True
        self._end_reason = self._end_reason or reason
        if self._transport is not None:
            self._transport.disconnect(False)  # `_run` ends with the connection
        else:
            self._task.cancel()
            self.state = "closed"

    async def wait_closed(self) -> None:
        await asyncio.wait([self._task], timeout=5.0)
        if not self._task.done():
            self._task.cancel()

    def send_text(self, text: str) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, text.encode())
            self.lane.port.sent(self.conn, text)
