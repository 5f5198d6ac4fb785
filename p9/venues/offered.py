"""Which of the feeds an instrument has, and where each comes from."""

from __future__ import annotations

from dataclasses import dataclass

from .instrument import (
    BLOCK_TRADE,
    FEEDS,
    FUNDING,
    INDEX,
    INSURANCE,
    LIQUIDATION,
    LONG_SHORT,
    MARK,
    OPEN_INTEREST,
    OPTION,
    SPOT,
    Instrument,
)
from .table import COMPUTED, Absent, Endpoint

NOT_SPOT = tuple(
    Absent(feed, "a feed of derivatives", (SPOT,))
    for feed in (LIQUIDATION, FUNDING, MARK, INDEX, OPEN_INTEREST, INSURANCE, LONG_SHORT)
)


@dataclass(frozen=True, slots=True)
class Offer:
    source: str  # stream | poll | stream and poll | computed | none
    detail: str  # the topics and paths, what it is computed from, or why there is none


def offers(endpoint: Endpoint, instrument: Instrument) -> dict[str, Offer]:
    """Every feed, in the order of FEEDS."""
    return {feed: _offer(endpoint, instrument, feed) for feed in FEEDS}


def _offer(endpoint: Endpoint, instrument: Instrument, feed: str) -> Offer:
    why = endpoint.lacks(instrument, feed)
    if instrument.kind == OPTION:
        why = "options are no part of this"
    if why:
        return Offer("none", why)
    rows = [row for row in endpoint.rows(instrument, feed) if feed in (row.feed, *row.also)]
    topics = [endpoint.topic(row, instrument) for row in rows]
    if feed in COMPUTED and not (rows and feed == BLOCK_TRADE):
        beside = f", {' '.join(topics)} for reference" if topics else ""
        return Offer("computed", f"from {COMPUTED[feed]}{beside}")
    paths = [
        poll.calls([instrument])[0][0].path.partition("?")[0]
        for poll in endpoint.polls
        if feed in poll.feeds and (not poll.kinds or instrument.kind in poll.kinds)
    ]
    source = " and ".join(["stream"] * bool(topics) + ["poll"] * bool(paths))
    return Offer(source, " ".join([*topics, *paths]))
