"""The venues: every URL, topic, limit and spelling that differs between exchanges.

`ENDPOINTS` is the table; the functions answer the questions that the rest of p9 asks of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from . import binance, bybit, offered, okx
from .instrument import (
    BBO,
    BLOCK_TRADE,
    CANDLES,
    DEPTH,
    FEEDS,
    FUNDING,
    FUNDING_INTERVAL,
    FUTURE,
    IMBALANCE,
    INDEX,
    INSURANCE,
    INVERSE,
    LINEAR,
    LIQUIDATION,
    LONG_SHORT,
    MARK,
    OPEN_INTEREST,
    OPTION,
    PERPETUAL,
    SNAPSHOT,
    SPOT,
    TICKER,
    TRADE,
    Instrument,
    Listing,
)
from .naming import BadListing, collisions
from .offered import Offer
from .table import (
    COMPUTED,
    Absent,
    ControlLike,
    Endpoint,
    FeedRow,
    Heartbeat,
    Limits,
    Poll,
    Priority,
    RestCall,
    RestEntry,
    RestFault,
    RestPool,
    Verdict,
    Wire,
)

__all__ = [
    "BBO",
    "BLOCK_TRADE",
    "CANDLES",
    "COMPUTED",
    "DEPTH",
    "ENDPOINTS",
    "FEEDS",
    "FUNDING",
    "FUNDING_INTERVAL",
    "FUTURE",
    "IMBALANCE",
    "INDEX",
    "INSURANCE",
    "INVERSE",
    "LINEAR",
    "LIQUIDATION",
    "LONG_SHORT",
    "MARK",
    "OPEN_INTEREST",
    "OPTION",
    "PERPETUAL",
    "SNAPSHOT",
    "SPOT",
    "TICKER",
    "TRADE",
    "Absent",
    "BadListing",
    "ControlLike",
    "Endpoint",
    "FeedRow",
    "Heartbeat",
    "Instrument",
    "Limits",
    "Listing",
    "Offer",
    "Poll",
    "Priority",
    "RestCall",
    "RestEntry",
    "RestFault",
    "RestPool",
    "Verdict",
    "Wire",
    "classify_rest",
    "collisions",
    "endpoint_of",
    "endpoint_of_ws",
    "endpoints_of",
    "fallback",
    "instruments",
    "listing",
    "offers",
]

ENDPOINTS: dict[str, Endpoint] = {
    row.name: row for row in (*binance.ENDPOINTS, *bybit.ENDPOINTS, *okx.ENDPOINTS)
}
_WS_ENDPOINT = (bybit.ws_endpoint, okx.ws_endpoint, binance.ws_endpoint)
_ALIASES = {"usdm": "linear", "um": "linear", "swap": "linear", "futures": "linear"}


def endpoints_of(exchange: str) -> list[Endpoint]:
    """The endpoints of one exchange, in the table's order; empty for an unknown one."""
    return [row for row in ENDPOINTS.values() if row.exchange == exchange]


def endpoint_of(venue: str, market: str) -> str:
    """The endpoint name of `--venue V --market M`; raises ValueError with the allowed values."""
    rows = endpoints_of(venue)
    if not rows:
        allowed = ", ".join(dict.fromkeys(row.exchange for row in ENDPOINTS.values()))
        raise ValueError(f"unknown venue {venue!r}: one of {allowed}")
    for row in rows:
        # a venue with one set of addresses tells the market by the instrument
        if not row.config_key or row.config_key == _ALIASES.get(market, market):
            return row.name
    allowed = ", ".join(row.config_key for row in rows)
    raise ValueError(f"{venue} has no market {market!r}: one of {allowed}")


def endpoint_of_ws(url: str) -> str | None:
    """The endpoint that a recorded WebSocket address belongs to, None if it is none of ours."""
    parts = urlsplit(url)
    for of_venue in _WS_ENDPOINT:
        name = of_venue(parts.hostname or "", parts.path)
        if name:
            return name
    return None


def classify_rest(url: str) -> RestEntry | None:
    """What a REST url asks for, by its path alone: the host may be a proxy or a test venue."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    for row in ENDPOINTS.values():
        entry = row.classify(parts.path, query)
        if entry is not None:
            return entry
    return None


def listing(endpoint: str, body: bytes) -> Listing:
    """One page of instruments with what was skipped and why. Raises BadListing."""
    return ENDPOINTS[endpoint].parse(body)


def instruments(endpoint: str, bodies: bytes | Iterable[bytes]) -> list[Instrument]:
    """The usable instruments of one or more pages, collisions left out. Raises BadListing."""
    pages = [bodies] if isinstance(bodies, bytes) else bodies
    kept, _ = collisions(one for page in pages for one in listing(endpoint, page).instruments)
    return kept


def fallback(endpoint: str, venue_id: str) -> Instrument:
    """An instrument from its id alone, for a replay of recordings without instruments.

    The same naming as far as the id tells it; steps None (learned from the digits), the
    contract size None wherever the venue counts contracts; options are never published.
    """
    return ENDPOINTS[endpoint].fallback(venue_id)


def offers(instrument: Instrument) -> dict[str, Offer]:
    """Where each feed of an instrument comes from, or why it has none."""
    return offered.offers(ENDPOINTS[instrument.endpoint], instrument)
