"""Binance's instruments: exchangeInfo of spot and of USD-M futures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import simdjson

from ..instrument import FUTURE, LINEAR, PERPETUAL, SPOT, Instrument, Listing
from ..naming import (
    PERP,
    BadListing,
    Skip,
    dated,
    document,
    instrument,
    milliseconds,
    parse_rows,
    step,
    text,
)

# Everything of a listing that these words name is history: no stream will ever speak.
_DEAD = {"BREAK", "CLOSE", "DELIVERED", "SETTLING", "PENDING_TRADING"}
_QUOTES = (
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "BIDR", "IDRT", "BTC", "ETH", "BNB", "EUR",
    "TRY", "BRL", "GBP", "AUD", "RUB", "UAH", "JPY", "MXN", "ARS", "PLN", "ZAR", "DAI", "XRP",
    "TRX", "DOGE", "USD1", "USD",
)  # fmt: skip


def _filters(row: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for item in row.get("filters") or ():
        if isinstance(item, (simdjson.Object, dict)):
            kind = item.get("filterType")
            if isinstance(kind, str):
                found[kind] = item
    return found


def _contract(row: Mapping[str, Any], base: str, quoted: str) -> dict[str, Any]:
    """What is told of a contract besides what spot has too."""
    settle = text(row, "marginAsset", required=False) or quoted
    if settle == base:
        raise Skip("not_this_market")  # coin-margined: served elsewhere
    expiry = milliseconds(row.get("deliveryDate"))
    if expiry is not None and expiry >= 4_000_000_000_000:
        expiry = None  # the far date of a live perpetual
    word = text(row, "contractType", required=False)
    if not word:
        raise Skip("no_contract_type")  # a placeholder before its listing
    more = {"settle": settle, "expiry_ms": expiry}
    if "PERPETUAL" in word:  # also TRADIFI_ and _DELIVERING ones
        # 6.2: only adjusted intervals are told (fundingInfo), the others are 8 h
        return {"kind": PERPETUAL, "suffix": PERP, **more, "funding_hours": 8}
    if expiry is None:
        raise Skip("no_expiry")
    return {"kind": FUTURE, "suffix": dated(expiry), **more}


def _instrument(row: Mapping[str, Any], endpoint: str) -> Instrument:
    venue_id, base, quoted = text(row, "symbol"), text(row, "baseAsset"), text(row, "quoteAsset")
    market = endpoint.partition(":")[2]
    # a filter may be missing (then the digits tell), but one that is there must make sense
    filters = _filters(row)
    price, size = filters.get("PRICE_FILTER"), filters.get("LOT_SIZE")
    status = text(row, "status", required=False)
    told = {"kind": SPOT} if market == SPOT else _contract(row, base, quoted)
    return instrument(
        endpoint,
        venue_id,
        market,
        pair=(base, quoted),
        price_step=step(price.get("tickSize"), "price_step") if price else None,
        qty_step=step(size.get("stepSize"), "qty_step") if size else None,
        status=status,
        live=status not in _DEAD,
        **told,
    )


def parse(body: bytes, endpoint: str) -> Listing:
    rows = document(body).get("symbols")
    if not isinstance(rows, simdjson.Array):
        raise BadListing("no symbols")
    return parse_rows(rows, "symbol", lambda row: _instrument(row, endpoint), Listing())


def fallback(venue_id: str, endpoint: str) -> Instrument:
    """From the id alone (a recording without instruments): digits and lots are learned."""
    pair, _, expiry = venue_id.partition("_")
    quoted = next((q for q in _QUOTES if pair.endswith(q) and pair != q), "")
    names = (pair[: len(pair) - len(quoted)], quoted)
    if not endpoint.endswith(LINEAR):
        return instrument(endpoint, venue_id, SPOT, SPOT, names)
    if expiry.isdigit():
        return instrument(endpoint, venue_id, LINEAR, FUTURE, names, f"-{expiry}")
    return instrument(endpoint, venue_id, LINEAR, PERPETUAL, names, PERP)
