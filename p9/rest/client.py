"""REST of one venue: one client, one weight ledger, shared by everybody who asks.

Whatever goes wrong comes out as `RestError` with a reason word. Refusals for too many calls
stop the whole pool (or the venue) until the venue allows it again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import aiohttp
from yarl import URL

from p9 import __version__, tls
from p9.rest.ledger import Ledger, LedgerFull
from p9.venues import Endpoint, Priority, RestCall, RestFault

log = logging.getLogger(__name__)

MAX_BODY = 64 << 20
TIMEOUT = aiohttp.ClientTimeout(total=20.0, connect=8.0, sock_read=10.0)
MAX_HOLD_S = 3 * 86_400.0
BACKOFF_S, BACKOFF_MAX_S = 0.5, 30.0
REPEAT_LOG_S = 60.0
USER_AGENT = f"p9-microstream/{__version__}"


class RestError(Exception):
    """`reason` is a word for counters; `retry_after` seconds (0: the venue did not say)."""

    def __init__(self, reason: str, *, retry: bool = False, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class RestReply:
    call: RestCall
    url: str
    status: int
    body: bytes


class RestClient:
    """All REST calls of one venue. Use from one event loop; `close` at the end."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        bases: Mapping[str, str],
        *,
        context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_state: Callable[[str, bool, str], None] | None = None,
    ) -> None:
        """`bases`: endpoint name -> base URL; `context`: from `p9.tls`.

        `on_state(endpoint, reached, reason)` is called on a change.
        """
        self._rows = {row.name: row for row in endpoints}
        self._bases = {name: base.rstrip("/") for name, base in bases.items()}
        self.venue = next(iter(self._rows.values())).exchange
        pools = {pool.name: pool for row in self._rows.values() for pool in row.pools}
        self.ledger = Ledger(pools.values(), clock)
        self.counters: Counter[str] = Counter()
        self._clock = clock
        self._on_state = on_state
        self._down_since: dict[str, float] = {}  # endpoint -> first failure
        self._logged = 0.0
        self._ssl = context or tls.context()
        self._http: aiohttp.ClientSession | None = None
        self._closed = False

    def url(self, call: RestCall) -> str:
        return self._bases[call.endpoint] + call.path

    async def get(
        self,
        call: RestCall,
        *,
        priority: Priority = Priority.POLL,
        attempts: int = 3,
    ) -> RestReply:
        """The checked answer of one GET. Waits for its turn; retries what may pass by itself.

        Raises RestError.
        """
        for attempt in range(1, attempts + 1):
            try:
                return await self._attempt(call, priority)
            except RestError as error:
                self.counters[f"error.{error.reason}"] += 1
                if not error.retry or attempt >= attempts or self._closed:
                    raise
                # a hold is waited out in the ledger; this is for servers that only stumble
                delay = min(BACKOFF_MAX_S, BACKOFF_S * 2.0 ** (attempt - 1))
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
        raise AssertionError("unreachable")

    async def _attempt(self, call: RestCall, priority: Priority) -> RestReply:
        try:
            await self.ledger.take(call.pool, call.weight, priority)
        except LedgerFull as error:
            raise RestError("queue_full") from error
        if self._closed:
            raise RestError("closed")
        self.counters["calls"] += 1
        url = self.url(call)
        try:
            async with self._session().get(
                URL(url, encoded=True),
                allow_redirects=False,
            ) as response:
                body = await _bounded(response)
                status, headers = response.status, response.headers
        except RestError:
            raise
        except TimeoutError as error:
            raise self._unreachable(call, "timeout", error) from error
        except aiohttp.ClientSSLError as error:
            raise self._unreachable(call, "tls", error) from error
        except aiohttp.ClientConnectionError as error:
            raise self._unreachable(call, "unreachable", error) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unreachable(call, "broken_answer", error) from error
        self._reached(call)
        self._note_weight(call, headers)
        fault = self._judge(call, status, headers, body)
        if fault is not None:
            raise self._refused(call, fault, status, headers)
        return RestReply(call, url, status, body)

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = aiohttp.TCPConnector(ssl=self._ssl, limit=16, ttl_dns_cache=60)
            self._http = aiohttp.ClientSession(
                connector=connector,
                timeout=TIMEOUT,
                trust_env=False,
                headers={
                    "User-Agent": USER_AGENT,
                    "Accept": "application/json",
                    "Accept-Encoding": "gzip, deflate",
                },
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._http

    def _judge(
        self,
        call: RestCall,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
    ) -> RestFault | None:
        if status == 200 and body.lstrip()[:1] not in (b"{", b"["):
            return RestFault("not_json", retry=True)  # a page of something in between
        fault = self._rows[call.endpoint].fault(status, headers, body, call)
        if fault is not None or status == 200:
            return fault
        if 300 <= status < 400:
            return RestFault("redirect")
        return RestFault(f"http_{status}", retry=status >= 500 or status == 408)

    def _refused(
        self,
        call: RestCall,
        fault: RestFault,
        status: int,
        headers: Mapping[str, str],
    ) -> RestError:
        told = retry_after(headers) if status in (403, 418, 429, 503) else 0.0
        hold = min(MAX_HOLD_S, max(fault.hold_s, told))
        if hold > 0:
            pool = None if fault.scope == "venue" else call.pool
            self.ledger.hold(pool, hold)
            self.counters["holds"] += 1
            log.warning(
                "rest %s: %s (HTTP %d), nothing on %s for %.1f s",
                self.venue,
                fault.reason,
                status,
                pool or "all pools",
                hold,
            )
        return RestError(fault.reason, retry=fault.retry, retry_after=hold)

    def _note_weight(self, call: RestCall, headers: Mapping[str, str]) -> None:
        for pool in self._rows[call.endpoint].pools:
            value = headers.get(pool.header, "") if pool.header and pool.name == call.pool else ""
            if value.isascii() and value.isdigit() and len(value) < 9:
                self.ledger.observed(pool.name, int(value))

    def _unreachable(self, call: RestCall, reason: str, error: BaseException) -> RestError:
        now = self._clock()
        first = call.endpoint not in self._down_since
        self._down_since.setdefault(call.endpoint, now)
        if first or now - self._logged >= REPEAT_LOG_S:
            self._logged = now
            log.warning(
                "rest %s: not reached: %s (%s), for %.0f s",
                call.endpoint,
                reason,
                str(error)[:200],
                now - self._down_since[call.endpoint],
            )
        if first and self._on_state is not None:
            self._on_state(call.endpoint, False, reason)
        return RestError(reason, retry=True)

    def _reached(self, call: RestCall) -> None:
        if self._down_since.pop(call.endpoint, None) is not None:
            log.info("rest %s: reached again", call.endpoint)
            if self._on_state is not None:
                self._on_state(call.endpoint, True, "")

    def stats(self) -> dict[str, object]:
        """Counters, the ledger's pools, and since how many seconds an endpoint is not reached."""
        now = self._clock()
        return {
            "counters": dict(self.counters),
            "pools": self.ledger.stats(),
            "unreachable_s": {name: round(now - at, 1) for name, at in self._down_since.items()},
        }

    async def close(self) -> None:
        self._closed = True
        self.ledger.stop()
        if self._http is not None:
            await self._http.close()
            self._http = None


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body, decompressed, at most MAX_BODY bytes. Raises RestError("too_big")."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(256 * 1024):
        size += len(part)
        if size > MAX_BODY:
            response.close()
            raise RestError("too_big")
        parts.append(part)
    return b"".join(parts)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds of a Retry-After header: a number, or a date measured against the answer's own."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return 0.0
    if value.isascii() and value.replace(".", "", 1).isdigit() and len(value) < 12:
        return float(value)
    try:
        until = parsedate_to_datetime(value).timestamp()
        sent = parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (ValueError, TypeError):
        return 60.0  # it asks for a wait: take a long one
    return max(0.0, until - sent)
