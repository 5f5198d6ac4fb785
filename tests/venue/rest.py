"""The REST side of a venue: limits, misbehaviour, then the venue's own handlers."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .log import InstrumentLog, ReportRow

if TYPE_CHECKING:
    from .faults import RestFault
    from .server import LocalVenue

Row = dict[str, str]
NOTES = web.RequestKey("notes", list[tuple[InstrumentLog, str, int, Row]])
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HTML = "<html><head><title>502 Bad Gateway</title></head><body>cloudfront</body></html>"


class Meter:
    """A venue's request limits."""

    def refusal(self, request: web.Request) -> web.Response | None:
        """The answer to a request that goes over the limit."""
        return None

    def headers(self, request: web.Request) -> dict[str, str]:
        return {}

    def spoilt(self, status: int, retry_after: float) -> web.Response:
        """This venue's own answer with that HTTP status."""
        return json_reply({}, status)

    def empty(self, body: Any) -> Any:
        """The answer `body` with nothing in it."""
        return body

    def other(self, query: dict[str, str], path: str) -> dict[str, str]:
        """The same question about another symbol; unchanged where it names none."""
        return query


def json_reply(
    body: str | dict[str, Any] | list[Any], status: int = 200, **headers: str
) -> web.Response:
    """Compact JSON as the venues write it; `Retry_After="3"` is the header Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, str):
        return web.Response(
            text=body, status=status, headers=named, content_type="application/json"
        )
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return json_reply(text, status, **headers)


def html_reply(status: int) -> web.Response:
    """What a content network says in a venue's place."""
    return web.Response(text=HTML, status=status, content_type="text/html")


class RestSite:
    """One REST host."""

    def __init__(
        self, hub: LocalVenue, venue: str, meter: Meter, routes: Iterable[web.RouteDef]
    ) -> None:
        self.hub = hub
        self.venue = venue
        self.meter = meter
        app = web.Application(middlewares=[self._guard])
        app.add_routes(routes)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)

    async def open(
        self, host: str, number: int, context: ssl.SSLContext | None
    ) -> asyncio.AbstractServer:
        if self._runner.server is None:
            await self._runner.setup()
        server = self._runner.server
        assert server is not None
        loop = asyncio.get_running_loop()
        return await loop.create_server(server, host, number, ssl=context)

    async def stop(self) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.hub.requests[self.venue].append(request.path_qs)
        if self.venue in self.hub.shut_venues:
            return hang_up(request)  # a kept-alive connection to a host that is down
        fault = self.hub.faults.take_rest(self.venue, request.path_qs)
        if fault is not None:
            return await self._spoil(fault, request, handler)
        refusal = self.meter.refusal(request)
        if refusal is not None:
            refusal.headers.update(self.meter.headers(request))
            return refusal
        response = await handler(request)
        report(request, sent=response.status == 200)
        response.headers.update(self.meter.headers(request))
        return response

    async def _spoil(
        self, fault: RestFault, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        mode = fault.mode
        if mode == "hang":
            await asyncio.sleep(fault.seconds)
            return hang_up(request)
        if mode == "abort":
            return hang_up(request)
        if mode == "html":
            return html_reply(200)
        if mode == "error":
            return self.meter.spoilt(200, 0)
        if mode == "other":
            query = self.meter.other(dict(request.query), request.path)
            return await handler(request.clone(rel_url=request.rel_url.with_query(query)))
        if mode not in SPOILS and mode not in ("slow", "empty"):
            return self.meter.spoilt(int(mode), fault.seconds)
        response = await handler(request)
        report(request, sent=mode == "slow")
        if mode == "slow":
            await asyncio.sleep(fault.seconds)
            return response
        assert isinstance(response, web.Response)
        text = response.text or ""
        if mode == "empty":
            return json_reply(self.meter.empty(json.loads(text)))
        return json_reply(SPOILS[mode](text))


def yesterday(text: str) -> str:
    """Every time in ms that is near now, a day back."""
    now_ms = time.time_ns() // 1_000_000

    def back(match: re.Match[str]) -> str:
        ms = int(match[0])
        return str(ms - DAY_MS) if abs(ms - now_ms) < 3 * DAY_MS else match[0]

    return TIME.sub(back, text)


DAY_MS = 86_400_000
TIME = re.compile(r"(?<![\d.])\d{13}(?![\d.])")
SPOILS: dict[str, Callable[[str], str]] = {
    "garbage": lambda text: text.replace(":", ";", 3),
    "truncated": lambda text: text[: len(text) * 2 // 3],
    "nan": lambda text: text.replace('["', '["NaN', 1),
    "old": yesterday,
}


def note(request: web.Request, log: InstrumentLog, kind: str, ms: int, values: Row) -> None:
    """What the answer to this request says, for the log."""
    rows = request.get(NOTES)
    if rows is None:
        rows = request[NOTES] = []
    rows.append((log, kind, ms, values))


def report(request: web.Request, *, sent: bool) -> None:
    for log, kind, ms, values in request.get(NOTES) or ():
        log.report(kind, ReportRow(ms, values, sent, True))


def hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)
