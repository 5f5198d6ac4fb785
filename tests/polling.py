"""What the tests of polls share: an engine and a venue of straw, and a clock that is set."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from p9 import venues
from p9.config import Config, loads
from p9.connect.feeds import Wanted
from p9.polls.scheduler import TICK_S, Pollers
from p9.port import Port
from p9.rest.client import RestReply
from p9.venues import (
    ENDPOINTS,
    FUNDING,
    FUNDING_INTERVAL,
    INDEX,
    INSURANCE,
    LONG_SHORT,
    MARK,
    OPEN_INTEREST,
    Endpoint,
    FeedRow,
    Instrument,
    Poll,
    RestCall,
)

NAME = "binance:linear"
START_NS = 1_800_000_000_000_000_000


def of_each(path: str) -> Any:
    def calls(instruments: Sequence[Instrument]) -> list[tuple[RestCall, Instrument | None]]:
        return [
            (RestCall(NAME, path, f"/{path}?symbol={one.venue_id}", 1, "linear", one.venue_id), one)
            for one in instruments
        ]

    return calls


def of_all(*paths: str) -> Any:
    def calls(instruments: Sequence[Instrument]) -> list[tuple[RestCall, Instrument | None]]:
        return [(RestCall(NAME, path, f"/{path}", 1, "linear"), None) for path in paths]

    return calls


PREMIUM = Poll(MARK, (MARK, INDEX, FUNDING), of_all("premium"), 60.0, kinds=("perpetual",))
INTERVALS = Poll(FUNDING_INTERVAL, (FUNDING,), of_all("intervals"), 0.0, period_s=3600.0)
INTEREST = Poll(OPEN_INTEREST, (OPEN_INTEREST,), of_each("interest"), 60.0)
RATIO = Poll(LONG_SHORT, (LONG_SHORT,), of_each("ratio"), 900.0)
FUNDS = Poll(INSURANCE, (INSURANCE,), of_all("fund1", "fund2"), 86_400.0)
STREAM = FeedRow(MARK, "market", "{s}@markPrice", also=(INDEX, FUNDING))


def endpoint(*polls: Poll, streams: tuple[FeedRow, ...] = (), **more: Any) -> Endpoint:
    return replace(
        ENDPOINTS[NAME],
        **{"feeds": streams, "polls": polls, "kline_call": lambda *_: None, **more},
    )


class Straw:
    """Engine, REST client and clock in one. `now` is set by `go`, which lets things happen."""

    def __init__(self, *polls: Poll, config: str = "", **more: Any) -> None:
        self.now = 1000.0
        self.seen: dict[tuple[int, str], float] = {}  # what the engine took last, and when
        self.fund_at = 0.0
        self.calls: list[tuple[float, str]] = []  # asked: when, path
        self.took: list[tuple[Any, ...]] = []  # the engine was told
        self.told: list[tuple[float, dict[str, Any]]] = []  # status messages
        self.answers: dict[str, Any] = {}  # path -> error to raise, or what the engine says
        self.hangs: set[str] = set()  # paths that never answer
        self.without: set[int] = set()  # instruments that no answer has
        self.flying = self.most = 0
        self.endpoint = endpoint(*polls, **more)
        self.port = Port(cast(Any, self), clock_ns=self.clock_ns)
        self.config = loads(config, {}) if config else Config()
        self.pollers = Pollers(
            [self.endpoint], self, self.port, self.config.feeds, clock=lambda: self.now
        )
        self.wanted: list[Wanted] = []

    def clock_ns(self) -> int:
        return START_NS + round(self.now * 1e9)

    def run(self, *names: str) -> None:
        """These instruments run."""
        numbers = {one.instrument.venue_id: one.number for one in self.wanted}
        feeds = self.config.feeds.enabled()
        self.wanted = [
            Wanted(venues.fallback(NAME, name), numbers.get(name, len(numbers) + at), feeds)
            for at, name in enumerate(names)
        ]
        self.pollers.update(NAME, self.wanted)

    def reload(self, config: str) -> None:
        self.config = loads(config, {})
        self.pollers.configure(self.config.feeds)
        self.pollers.update(NAME, self.wanted)

    async def go(self, seconds: float) -> None:
        """So much time passes, in ticks."""
        for _ in range(round(seconds / TICK_S)):
            self.now += TICK_S
            self.pollers.turn()
            for _ in range(4):
                await asyncio.sleep(0)

    def stream(self, *feeds: str) -> None:
        """A frame of every instrument comes."""
        for one in self.wanted:
            self.seen.update({(one.number, feed): self.now for feed in feeds})

    def asked(self, path: str = "", since: float = 0.0) -> list[float]:
        """When something was asked for, in seconds from the start."""
        return [
            round(at - 1000.0, 1) for at, of in self.calls if of.startswith(path) and at > since
        ]

    # -- the REST client ----------------------------------------------------------------------

    async def get(self, call: RestCall, **_: Any) -> RestReply:
        path = call.path.lstrip("/")
        self.calls.append((self.now, path))
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            if path in self.hangs:
                await asyncio.Event().wait()
            answer = self.answers.get(path, "")
            if isinstance(answer, Exception):
                raise answer
            return RestReply(call, "http://x" + call.path, 200, b"{}")
        finally:
            self.flying -= 1

    # -- the engine -----------------------------------------------------------------------------

    def feed_poll(
        self,
        name: str,
        ask: str,
        recv_ns: int,
        body: bytes,
        instrument: int = -1,
        timeframe: str = "",
        old_ns: int = 0,
    ) -> str:
        path = self.calls[-1][1]
        why = self.answers.get(path, "")
        self.took.append((ask, instrument, timeframe, old_ns, why))
        if why:
            return str(why)
        if ask == INSURANCE:
            self.fund_at = self.now
        feeds = {MARK: (MARK, INDEX, FUNDING)}.get(ask, (ask,))
        for one in self.wanted:
            if instrument in (-1, one.number) and one.number not in self.without:
                self.seen.update({(one.number, feed): self.now for feed in feeds})
        return ""

    def last_seen(self, instrument: int, feed: str) -> int:
        at = self.seen.get((instrument, feed))
        return 0 if at is None else START_NS + round(at * 1e9)

    def last_seen_exchange(self, exchange: str, feed: str) -> int:
        return START_NS + round(self.fund_at * 1e9) if self.fund_at else 0

    def status(self, exchange: str, fields_json: str, now_ns: int) -> None:
        self.told.append((round(self.now - 1000.0, 1), json.loads(fields_json)))
