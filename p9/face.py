"""The HTTP face: /live, /ready and /metrics. It only asks, and knows nothing of the rest.

One request for each connection, few connections, a deadline for each: nobody can hold it up.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
from collections.abc import Callable, Iterable
from typing import cast

from aiohttp import web

from p9.log import event
from p9.metrics import CONTENT_TYPE, Sample, render

log = logging.getLogger("p9.face")

DEADLINE_S = 10.0
"""Age at which a connection is cut, whatever it is doing."""
MAX_CONNECTIONS = 64
SHUTDOWN_S = 1.0

_HEADERS = {"Server": "p9", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Ready = Callable[[], list[str]]
Metrics = Callable[[], Iterable[Sample]]


class CannotServe(Exception):
    """The address cannot be listened on; the text says which and why."""


class PortTaken(CannotServe):
    """Something else listens there."""


class Face:
    """`ready` gives what is still missing (empty: ready), `metrics` the samples of a scrape."""

    def __init__(self, host: str, port: int, ready: Ready, metrics: Metrics) -> None:
        self.host = host
        self.port = port
        """As asked for; after `start` the real one (port 0 takes any free one)."""
        self._ready = ready
        self._metrics = metrics
        self._web: web.Server | None = None
        self._server: asyncio.Server | None = None
        self._routes: dict[str, Callable[[], web.Response]] = {
            "/live": self._live,
            "/ready": self._readiness,
            "/metrics": self._scrape,
        }

    @property
    def connections(self) -> int:
        return len(self._web.connections) if self._web is not None else 0

    async def start(self) -> None:
        """Begins to serve. Raises PortTaken or another CannotServe."""
        loop = asyncio.get_running_loop()
        self._web = server = web.Server(self._answer)
        try:
            self._server = await loop.create_server(
                lambda: _Connection(server, loop), self.host, self.port, backlog=MAX_CONNECTIONS
            )
        except OSError as error:
            where = f"{self.host}:{self.port}"
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(f"{where} is taken by another program") from None
            reason = error.strerror or type(error).__name__
            raise CannotServe(f"cannot listen on {where}: {reason}") from None
        self.port = self._server.sockets[0].getsockname()[1]
        event(log, "info", "http listens", host=self.host, port=self.port)

    async def stop(self) -> None:
        """Ends within about SHUTDOWN_S. Harmless when not started, or twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        if self._web is not None:
            self._web.pre_shutdown()  # idle connections end at once
            await self._web.shutdown(SHUTDOWN_S)
            self._web = None
        if server is not None:
            await server.wait_closed()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        answer = self._routes.get(request.path)
        if answer is None:
            response = _text(404, "not found; there are /live, /ready and /metrics")
        elif request.method not in ("GET", "HEAD"):
            response = _text(405, "only GET and HEAD")
            response.headers["Allow"] = "GET, HEAD"
        else:
            try:
                response = answer()
            except Exception as error:
                event(log, "error", "http answer failed", path=request.path, error=error)
                response = _text(500, "internal error")
        response.force_close()
        return response

    def _live(self) -> web.Response:
        return _json(200, {"live": True})

    def _readiness(self) -> web.Response:
        try:
            missing = list(self._ready())
        except Exception as error:
            event(log, "error", "readiness failed", error=error)
            missing = ["readiness itself: internal error"]
        return _json(503 if missing else 200, {"ready": not missing, "missing": missing})

    def _scrape(self) -> web.Response:
        body = render(self._metrics()).encode("utf-8", "replace")
        return web.Response(body=body, headers={**_HEADERS, "Content-Type": CONTENT_TYPE})


class _Connection(web.RequestHandler):
    """aiohttp's protocol with a deadline, a bound on their number, and quiet errors."""

    __slots__ = ("_deadline", "_server_of_faces")

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # it may be None: no access log
            keepalive_timeout=DEADLINE_S,
            lingering_time=0,
            max_line_size=2048,
            max_field_size=4096,
            max_headers=64,
        )
        self._server_of_faces = server
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # uvloop's transports have the methods but not the base class
        transport = cast("asyncio.Transport", transport)
        if len(self._server_of_faces.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._deadline = asyncio.get_running_loop().call_later(DEADLINE_S, transport.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP. aiohttp would log each case and name its version in the answer."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        response = _text(status, "bad request" if status < 500 else "internal error")
        response.force_close()
        return response


def _text(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text + "\n", headers=_HEADERS)


def _json(status: int, value: object) -> web.Response:
    body = json.dumps(value).encode()
    headers = {**_HEADERS, "Content-Type": "application/json"}
    return web.Response(status=status, body=body + b"\n", headers=headers)
