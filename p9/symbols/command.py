"""Fetches the listings of the configured exchanges and prints them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from p9 import tls, venues
from p9.config import Config
from p9.markets.exchanges import addresses
from p9.rest.client import RestClient
from p9.symbols.layout import paragraph, table
from p9.symbols.listing import Listed, fetch
from p9.venues import INVERSE, Instrument

OK, CANNOT_SERVE = 0, 3
HEAD = ("venue id", "tick", "lot", "contract", "status", "ends", "underlying", "lacks")


@dataclass(frozen=True, slots=True)
class Options:
    config: Config
    every: bool = False  # all that is listed, not only what is configured


def run(options: Options, output: TextIO | None = None) -> int:
    """3: no exchange was reached."""
    output = output or sys.stdout
    every = asyncio.run(_fetch_all(options.config))
    for number, listed in enumerate(every):
        wanted = options.config.symbols_of(listed.exchange)
        print("\n" * bool(number), end="", file=output)
        for line in report(listed, None if options.every else wanted):
            print(line, file=output)
    return OK if any(listed.reached for listed in every) else CANNOT_SERVE


async def _fetch_all(config: Config) -> list[Listed]:
    return await asyncio.gather(
        *(_fetch(exchange, settings) for exchange, settings in config.exchanges.enabled().items())
    )


async def _fetch(exchange: str, settings: Any) -> Listed:
    rows = venues.endpoints_of(exchange)
    bases = {row.name: addresses(row, settings.endpoints)[1] for row in rows}
    rest = RestClient(rows, bases, context=tls.context(settings.tls_ca))
    try:
        return await fetch(exchange, rows, rest)
    finally:
        await rest.close()


def report(listed: Listed, wanted: Iterable[str] | None) -> Iterator[str]:
    """The lines for one exchange; `wanted` None: all that is listed."""
    every = listed.instruments
    names = [*every] if wanted is None else [*dict.fromkeys(name.upper() for name in wanted)]
    chosen = [every[name] for name in names if name in every]
    yield f"{listed.exchange}: {len(chosen)} of {len(every)} instruments"
    for endpoint, why in listed.missed.items():
        yield from paragraph(f"{endpoint} was not reached: {why}", "! ")
    absent = [name for name in names if name not in every]
    if absent and listed.reached:
        where = " (as far as it was reached)" if listed.missed else ""
        yield from paragraph(f"not listed{where}: {', '.join(absent)}", "! ")
    for one in listed.disabled:
        if wanted is None or one.symbol in names:
            text = f"{one.venue_id} is not served: its name {one.symbol} is another's already"
            yield from paragraph(text, "! ")
    notes: dict[str, int] = {}
    for market in dict.fromkeys(one.market for one in chosen):
        yield ""
        yield from table(
            [(market, *HEAD), *(_row(one, notes) for one in chosen if one.market == market)]
        )
    if notes:
        yield ""
    for text, number in notes.items():
        yield from paragraph(text, f"[{number}] ")


def _row(one: Instrument, notes: dict[str, int]) -> tuple[str, ...]:
    lacks = _lacks(one)
    return (
        one.symbol,
        one.venue_id,
        _short(one.price_step),
        _short(one.qty_step),
        _contract(one),
        one.status,
        _day(one.expiry_ms),
        one.underlying if one.multiplier == 1 else f"{one.multiplier} x {one.underlying}",
        f"[{notes.setdefault(lacks, len(notes) + 1)}]" if lacks else "",
    )


def _lacks(one: Instrument) -> str:
    """The feeds that the venue does not offer, those of one reason together."""
    reasons: dict[str, list[str]] = {}
    for feed, offer in venues.offers(one).items():
        if offer.source == "none":
            reasons.setdefault(offer.detail, []).append(feed)
    return "; ".join(f"no {', '.join(feeds)}: {why}" for why, feeds in reasons.items())


def _short(step: str | None) -> str:
    if step is None:
        return "?"
    return step.rstrip("0").rstrip(".") if "." in step else step


def _contract(one: Instrument) -> str:
    """The size of one unit of the venue's quantity, in the base unless another one is named."""
    if one.contract is None:
        return "unknown"
    return f"{one.contract} {one.quote}" if one.market == INVERSE else one.contract


def _day(ms: int | None) -> str:
    """Of delivery or delisting, UTC; "" for a time that no calendar has."""
    if ms is None:
        return ""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return "?"
