"""The instruments of one exchange: fetched, named, and known to the engine by number."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from p9.config.feeds import BlockTradeFeed
from p9.markets.terms import engine_args
from p9.port import Port
from p9.rest.client import RestClient, RestError, RestReply
from p9.venues import BadListing, Endpoint, Instrument, Priority, collisions

log = logging.getLogger(__name__)

MAX_PAGES = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of the wanted symbols."""

    instruments: tuple[Instrument, ...]
    left_out: dict[str, str] = field(default_factory=dict)  # symbol -> why


class Catalog:
    """All endpoints of one exchange share the names, so they share a catalog."""

    def __init__(
        self, endpoints: Iterable[Endpoint], rest: RestClient, port: Port, block: BlockTradeFeed
    ) -> None:
        self._endpoints = {row.name: row for row in endpoints}
        self._rest, self._port = rest, port
        self.block = block  # thresholds of block trades
        self._listed: dict[str, list[Instrument]] = {}  # endpoint -> in listing order
        self._by_symbol: dict[str, Instrument] = {}
        self._numbers: dict[tuple[str, str], int] = {}  # (endpoint, venue id) -> engine
        self._known: dict[int, Instrument] = {}
        self.excused: set[str] = set()  # symbols that ran and are missing: their market tells of it
        self.disabled: list[Instrument] = []  # name taken by an earlier one
        self.skipped: dict[str, Counter[str]] = {}  # endpoint -> reasons

    async def load(self, name: str) -> list[tuple[Instrument, Instrument]]:
        """Fetches the listing of an endpoint, all pages; instruments in use are brought up to
        date. Gives those of them that changed, as they were and as they are. Raises RestError."""
        row = self._endpoints[name]
        found: list[Instrument] = []
        pages: list[RestReply] = []
        skipped: Counter[str] = Counter()
        for first in row.listing_calls:
            call, cursors = first, {""}
            for _ in range(MAX_PAGES):
                reply = await self._rest.get(call, priority=Priority.LISTING)
                try:
                    # a listing is megabytes; in a thread other work goes on between the rows
                    page = await asyncio.to_thread(row.parse, reply.body)
                except BadListing as error:
                    raise RestError("bad_listing", retry=True) from error
                pages.append(reply)
                found += page.instruments
                skipped += page.skip_counts()
                following = row.next_page(call, page)
                if following is None or page.cursor in cursors:
                    break
                cursors.add(page.cursor)
                call = following
        if not found:
            raise RestError("empty_listing", retry=True)
        self._listed[name] = found
        self.skipped[name] = skipped
        self._name()
        log.info("instruments %s: %d, skipped %s", name, len(found), dict(skipped) or "none")
        for reply in pages:
            self._port.used(reply, name)
        return self._renew(found)

    def _renew(self, found: list[Instrument]) -> list[tuple[Instrument, Instrument]]:
        """Tells the core what is new of instruments that it has."""
        changed = []
        for instrument in found:
            number = self._numbers.get((instrument.endpoint, instrument.venue_id))
            if number is None:
                continue
            before = self._known[number]
            try:
                self.enable(instrument)
            except ValueError as error:
                log.warning("%s %s: %s", instrument.endpoint, instrument.venue_id, error)
                continue
            if before != instrument:
                changed.append((before, instrument))
        return changed

    def _name(self) -> None:
        """Names over all endpoints, in the table's order, so that it is the same every time."""
        every = [one for name in self._endpoints for one in self._listed.get(name, ())]
        kept, disabled = collisions(every)
        for one in disabled:
            if one not in self.disabled:
                log.warning(
                    "instruments %s: %s is disabled, its name %s is taken",
                    one.endpoint,
                    one.venue_id,
                    one.symbol,
                )
        self._by_symbol = {one.symbol: one for one in kept}
        self.disabled = disabled

    def loaded(self, name: str) -> bool:
        return name in self._listed

    def choose(self, symbols: Iterable[str], name: str) -> Choice:
        """Of the wanted symbols those that this endpoint has and serves."""
        chosen: list[Instrument] = []
        left_out: dict[str, str] = {}
        for symbol in symbols:
            one = self._by_symbol.get(symbol.upper())
            if one is None or one.endpoint != name:
                continue
            if one.live:
                chosen.append(one)
            else:
                left_out[symbol] = f"status {one.status}"
        return Choice(tuple(dict.fromkeys(chosen)), left_out)

    def unlisted(self, symbols: Iterable[str]) -> list[str]:
        """Wanted symbols that no endpoint lists; empty until all of them are loaded."""
        if len(self._listed) < len(self._endpoints):
            return []
        known = self._by_symbol.keys() | self.excused
        return [symbol for symbol in symbols if symbol.upper() not in known]

    def enable(self, instrument: Instrument) -> int:
        """The engine's number of it; adds it, or brings it up to date. Raises ValueError."""
        number = self._port.engine.add_instrument(
            instrument.endpoint, instrument.venue_id, **engine_args(instrument, self.block)
        )
        self._numbers[instrument.endpoint, instrument.venue_id] = number
        self._known[number] = instrument
        return number

    def of_number(self, number: int) -> Instrument | None:
        return self._known.get(number)
