"""The listings of one exchange, fetched once, as far as it is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from p9.rest.client import RestClient, RestError
from p9.venues import BadListing, Endpoint, Instrument, Priority, collisions

MAX_PAGES = 100
TIMEOUT_S = 60.0  # for all of an exchange: a full budget can hold up a call for long
ATTEMPTS = 2


@dataclass(slots=True)
class Listed:
    """What came of it."""

    exchange: str
    instruments: dict[str, Instrument] = field(default_factory=dict)  # by unified name
    disabled: list[Instrument] = field(default_factory=list)  # the name is taken by another
    skipped: int = 0
    missed: dict[str, str] = field(default_factory=dict)  # endpoint that was not reached -> why
    reached: bool = False  # any of it


async def fetch(exchange: str, rows: Iterable[Endpoint], rest: RestClient) -> Listed:
    """All endpoints of an exchange at once."""
    listed = Listed(exchange)
    found: dict[str, list[Instrument]] = {}
    missed: dict[str, str] = {}

    async def one(row: Endpoint) -> None:
        try:
            found[row.name], skipped = await asyncio.wait_for(_pages(row, rest), TIMEOUT_S)
            listed.skipped += skipped
        except RestError as error:
            missed[row.name] = error.reason
        except TimeoutError:
            missed[row.name] = "timeout"

    rows = list(rows)
    await asyncio.gather(*(one(row) for row in rows))
    # in the table's order, so that a name that two of them have is the same one's every time
    listed.missed = {row.name: missed[row.name] for row in rows if row.name in missed}
    kept, listed.disabled = collisions(i for row in rows for i in found.get(row.name, ()))
    listed.instruments = {i.symbol: i for i in kept}
    listed.reached = bool(found)
    return listed


async def _pages(row: Endpoint, rest: RestClient) -> tuple[list[Instrument], int]:
    """(instruments, rows that were skipped). Raises RestError."""
    found: list[Instrument] = []
    skipped = 0
    for first in row.listing_calls:
        call, cursors = first, {""}
        for _ in range(MAX_PAGES):
            reply = await rest.get(call, priority=Priority.LISTING, attempts=ATTEMPTS)
            try:
                page = await asyncio.to_thread(row.parse, reply.body)
            except BadListing as error:
                raise RestError("bad_listing") from error
            found += page.instruments
            skipped += len(page.skipped)
            following = row.next_page(call, page)
            if following is None or page.cursor in cursors:
                break
            cursors.add(page.cursor)
            call = following
    return found, skipped
