"""The pipeline up to the engine, in front of a local venue: what session tests share."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import yaml

from p9.config import Config, loads
from p9.connect.feeds import Feeds
from p9.markets.exchanges import Markets
from p9.port import Port
from p9.replay.command import core_settings
from p9core.engine import Engine
from p9core.listener import FeedListener
from tests.venue import LocalVenue

if TYPE_CHECKING:
    from p9core.lines import _Book as Book


OTHERS_OFF = {
    name: {"enabled": False}
    for name in Config().feeds.enabled()
    if name not in ("trade", "bbo", "depth")
}


class Tape:
    """A recorder that keeps kinds and times."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int, Any]] = []

    def frame(self, conn: int, recv_ns: int, payload: bytes) -> None:
        self.rows.append(("recv", recv_ns, conn))

    def connect(self, conn: int, now_ns: int, url: str, venue: str, market: str) -> None:
        self.rows.append(("connect", now_ns, conn))

    def send(self, conn: int, now_ns: int, payload: bytes) -> None:
        self.rows.append(("send", now_ns, conn))

    def close(self, conn: int, now_ns: int, reason: str) -> None:
        self.rows.append(("close", now_ns, conn))

    def rest(
        self, now_ns: int, url: str, status: int, body: bytes, venue: str, market: str
    ) -> None:
        self.rows.append(("rest", now_ns, url))

    def mark(
        self, op: str, now_ns: int, venue: str, market: str, symbol: str, reason: str = ""
    ) -> None:
        self.rows.append((op, now_ns, symbol or reason))


class Kit:
    """`async with Kit(venue, ...) as kit`: all enabled exchanges run against the local venue."""

    def __init__(
        self,
        venue: LocalVenue,
        *,
        only: str = "",
        tape: Tape | None = None,
        keep: bool = False,
        **config: Any,
    ) -> None:
        """`only`: one exchange, the others disabled. `config`: keys of the configuration; without
        `feeds` those of the market itself: trades, quotes, books."""
        config.setdefault("feeds", OTHERS_OFF)
        exchanges = {
            name: {
                "endpoints": endpoints,
                "tls_ca": venue.ca_file or None,
                "enabled": only in ("", name),
            }
            for name, endpoints in venue.urls.items()
        }
        for name, more in config.pop("exchanges", {}).items():
            exchanges[name].update(more)
        self.config_of: Callable[..., Config] = lambda **keys: loads(
            yaml.safe_dump({"exchanges": exchanges, **config, **keys})
        )
        settings = self.config_of()
        self.engine = Engine(epoch=1, **core_settings(settings))
        self.messages = 0
        self._keep, self._output = keep, list[bytes]()
        self.alerts: list[tuple[str, dict[str, Any]]] = []
        self.port = Port(self.engine, recorder=tape, flush=self._flush)
        self.markets = Markets(
            settings,
            self.port,
            lambda conn, owner: FeedListener(self.engine, conn, owner),
            notify=lambda kind, fields: self.alerts.append((kind, fields)),
        )

    def _flush(self) -> None:
        taken = self.engine.take_pub()
        if taken:
            self.messages += taken[2]
            if self._keep:
                self._output.append(taken[0])

    def published(self, kind: str) -> list[dict[str, Any]]:
        """The messages of a type, in order (with `keep`)."""
        found = re.findall(rb'\{"type":"%s".*?\}(?=\r\n)' % kind.encode(), b"".join(self._output))
        # beside each PUBLISH there may be a SET with the same text
        return [json.loads(text) for text in dict.fromkeys(found)]

    async def _timer(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            self.engine.on_timer(time.time_ns())
            self._flush()
            self.markets.on_wants(self.engine.take_wants())

    async def __aenter__(self) -> Kit:
        self.markets.start()
        self._task = asyncio.create_task(self._timer())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await self.markets.close()

    # -- what tests ask -----------------------------------------------------------------------

    async def until(self, true: Callable[[], Any], seconds: float = 10.0) -> None:
        """Waits for a condition; fails with what is missing."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                raise AssertionError(f"not so after {seconds} s; missing: {self.missing()}")
            await asyncio.sleep(0.02)

    async def ready(self, seconds: float = 10.0) -> None:
        await self.until(lambda: not self.missing(), seconds)

    def missing(self) -> list[str]:
        return self.markets.missing()

    def feeds(self, endpoint: str) -> Feeds:
        return self.markets._markets[endpoint].feeds

    def count(self, endpoint: str, name: str) -> int:
        return self.feeds(endpoint)._lane.counters[name]

    def book(self, exchange: str, symbol: str) -> Book:
        return next(
            b for b in self.engine.books() if (b["exchange"], b["symbol"]) == (exchange, symbol)
        )

    def resyncs(self) -> dict[str, int]:
        """How often each book left LIVE, of those that ever did."""
        return {
            f"{b['exchange']} {b['symbol']}": b["resyncs"]
            for b in self.engine.books()
            if b["resyncs"]
        }

    def troubles(self) -> dict[str, int]:
        """Rejected frames and lost trades, over all endpoints."""
        found: dict[str, int] = {}
        for counts in self.engine.counters().values():
            for name, value in counts.items():
                if name.startswith("reject") or name == "trade_gaps":
                    found[name] = found.get(name, 0) + value
        return found


@asynccontextmanager
async def running(rate: float = 300.0, **kit: Any) -> AsyncIterator[tuple[LocalVenue, Kit]]:
    """A local venue and a kit in front of it."""
    async with LocalVenue(rate=rate) as venue, Kit(venue, **kit) as made:
        yield venue, made
