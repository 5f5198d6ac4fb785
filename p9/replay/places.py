"""Whose a record is: by its own words, its file's name, or the addresses in it."""

from __future__ import annotations

import re
from pathlib import Path

from p9 import venues
from p9.recording import Entry, ReadLog, read


class ElsewhereError(Exception):
    """A record of a venue or market that is no part of the product."""


def said(entry: Entry) -> str | None:
    """The endpoint by the record's own `venue` and `market`."""
    if not entry.venue:
        return None
    try:
        return venues.endpoint_of(entry.venue, entry.market)
    except ValueError as error:
        raise ElsewhereError(f"{entry.venue} {entry.market}".rstrip()) from error


def of_place(file: str) -> str | None:
    """The endpoint by the names of file and folders: `bybit_spot_x.jsonl`,
    `binance/usdm/x.jsonl.gz`, `okx/x.jsonl.gz`."""
    path = Path(file).resolve()
    for words in (re.split(r"[^a-z0-9]+", path.name.lower()), path.parent.parts):
        for at in range(len(words) - 1, -1, -1):
            try:
                return venues.endpoint_of(words[at], words[at + 1] if at + 1 < len(words) else "")
            except ValueError:
                continue
    return None


def of_addresses(file: str) -> str | None:
    """The endpoint that every address in this file belongs to; None if they differ."""
    found = set()
    for entry in read([file], plain=True, notes=ReadLog()):
        if entry.url:
            asked = venues.classify_rest(entry.url) if entry.k == "rest" else None
            found.add(asked.endpoint if asked else venues.endpoint_of_ws(entry.url))
    return found.pop() if len(found) == 1 else None
