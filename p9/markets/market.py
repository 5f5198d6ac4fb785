"""One endpoint on its way up and while it runs: which instruments it follows, and which no more."""

from __future__ import annotations

import asyncio
from typing import Protocol

from p9.config import Config
from p9.connect.feeds import Feeds, Wanted
from p9.markets.catalog import Catalog, Choice
from p9.polls.scheduler import Pollers
from p9.port import Port
from p9.rest.client import RestClient
from p9.venues import CANDLES, TRADE, Endpoint, Instrument

CONTRACT_UNKNOWN = "contract size unknown, not published"
UNLISTED = "not listed any more"


class Report(Protocol):
    """Tells why a symbol is left out, once. `event`: something happened to it: tell it each time,
    also if nobody asked for it by name."""

    def __call__(self, exchange: str, symbol: str, why: str, *, event: bool = False) -> None: ...


class Market:
    """`load` its listing, then `apply` the configuration: whenever one of them is new."""

    def __init__(
        self,
        endpoint: Endpoint,
        feeds: Feeds,
        catalog: Catalog,
        rest: RestClient,
        pollers: Pollers,
        port: Port,
        report: Report,
    ) -> None:
        self.endpoint, self.feeds, self.catalog = endpoint, feeds, catalog
        self.rest, self.pollers = rest, pollers
        self.why = "instruments not loaded yet"  # "" once they are
        self.left_out: dict[str, str] = {}  # symbol -> why
        self.running: dict[str, Wanted] = {}  # venue id -> what is subscribed
        self.task: asyncio.Task[None] | None = None
        self._port, self._report = port, report
        self._listings = 0
        self._missed: dict[str, int] = {}  # venue id -> the first listing that did not have it

    @property
    def doubtful(self) -> bool:
        """Something that runs is missing in the newest listing, which may be incomplete."""
        return bool(self._missed)

    async def load(self) -> None:
        """Reads the listing. Raises RestError."""
        changed = await self.catalog.load(self.endpoint.name)
        self._listings += 1
        self.why = ""
        for before, now in changed:
            if now.venue_id in self.running and before.contract != now.contract:
                sizes = [one.contract or "unknown" for one in (before, now)]
                self._report(
                    now.exchange, now.symbol, f"contract size {' -> '.join(sizes)}", event=True
                )

    def apply(self, config: Config) -> None:
        """Subscribes to what the configuration wants and this endpoint has."""
        exchange = self.endpoint.exchange
        symbols = config.symbols_of(exchange)
        feeds = _feeds(config)
        choice = self.catalog.choose(symbols, self.endpoint.name)
        running = self._chosen(choice, feeds)
        running |= self._doubted(running, choice, {symbol.upper() for symbol in symbols}, feeds)
        self._run(running)
        self.left_out = choice.left_out
        for symbol, why in choice.left_out.items():
            if symbol not in self.catalog.excused:
                self._report(exchange, symbol, why)
        for symbol in self.catalog.unlisted(symbols):
            self._report(exchange, symbol, "not listed")

    def _chosen(self, choice: Choice, feeds: tuple[str, ...]) -> dict[str, Wanted]:
        running = {}
        for instrument in choice.instruments:
            try:
                number = self.catalog.enable(instrument)
            except ValueError as error:
                choice.left_out[instrument.symbol] = str(error)
                continue
            running[instrument.venue_id] = Wanted(instrument, number, feeds)
            self.catalog.excused.discard(instrument.symbol)
            if instrument.contract is None:
                self._report(instrument.exchange, instrument.symbol, CONTRACT_UNKNOWN)
        return running

    def _doubted(
        self, chosen: dict[str, Wanted], choice: Choice, symbols: set[str], feeds: tuple[str, ...]
    ) -> dict[str, Wanted]:
        """Of what runs and was not chosen again: what goes on, as a listing can be incomplete.
        Two of them in a row are believed."""
        names = {one.instrument.symbol: venue_id for venue_id, one in chosen.items()}
        missed, kept = self._missed, {}
        self._missed = {}
        for key, one in self.running.items():
            symbol = one.instrument.symbol
            if symbol not in symbols:
                self.catalog.excused.discard(symbol)
                continue
            if key in chosen:
                continue
            self.catalog.excused.add(symbol)
            why = choice.left_out.get(symbol, "")
            if not why and symbol in names:
                why = f"listed as {names[symbol]} now"
            first = missed.get(key, self._listings)
            if not why and first == self._listings:
                self._missed[key] = first
                kept[key] = Wanted(one.instrument, one.number, feeds)
                continue
            self._report(one.instrument.exchange, symbol, why or UNLISTED, event=True)
        return kept

    def _run(self, running: dict[str, Wanted]) -> None:
        before, self.running = self.running, running
        for key, one in running.items():
            if key not in before:
                self._port.follow(one.number, one.instrument, True)
        self.feeds.update(running.values())
        for key, one in before.items():
            if key not in running:
                self._port.follow(one.number, one.instrument, False)
        self.pollers.update(self.endpoint.name, running.values())

    # -- asked from outside -----------------------------------------------------------------

    def of_number(self, number: int) -> Instrument | None:
        """The instrument, if it runs here."""
        one = self.catalog.of_number(number)
        here = one is not None and one.endpoint == self.endpoint.name
        return one if one is not None and here and one.venue_id in self.running else None

    def missing(self) -> list[str]:
        """What is wanted and not live, as "exchange feed symbol: why"."""
        name = self.endpoint.name
        rows = [f"{name}: {self.why}"] if self.why else []
        rows += self.feeds.missing()
        told = {row.partition(": ")[0] for row in rows}
        fresh = self.pollers.fresh.missing(name)
        return rows + [f"{subject}: {why}" for subject, why in fresh if subject not in told]


def _feeds(config: Config) -> tuple[str, ...]:
    """The feeds that need streams; candles without a reference need the trades only."""
    feeds = config.feeds.enabled()
    if not config.feeds.candles.reference:
        feeds = tuple(dict.fromkeys(TRADE if feed == CANDLES else feed for feed in feeds))
    return feeds
