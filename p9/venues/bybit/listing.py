"""Bybit's instruments: instruments-info of spot and linear."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import simdjson

from ..instrument import FUTURE, INVERSE, LINEAR, PERPETUAL, SPOT, Instrument, Listing
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
from ..table import RestCall

_DATED = re.compile(r"(.+?)-(\d{1,2}[A-Z]{3}\d{2})$")
_QUOTES = (
    "USDT", "USDC", "USDE", "USD1", "RLUSD", "XUSD", "EUR", "BTC", "ETH", "BRL", "GBP", "TRY",
    "PLN", "AED", "SOL", "MNT", "DAI", "USD",
)  # fmt: skip
_DEAD = {"PreLaunch", "Closed", "Settling"}


def _section(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = row.get(key)
    if not isinstance(part, (simdjson.Object, dict)):
        raise Skip("empty_field")
    return part


def _contract(row: Mapping[str, Any], quoted: str) -> dict[str, Any]:
    """What is told of a contract besides what spot has too."""
    word = text(row, "contractType", required=False)
    if word.startswith("Inverse"):
        raise Skip("not_this_market")
    expiry = milliseconds(row.get("deliveryTime"))
    minutes = row.get("fundingInterval")
    more = {
        "settle": text(row, "settleCoin", required=False) or quoted,
        "expiry_ms": expiry,
        "funding_hours": minutes // 60 if isinstance(minutes, int) and minutes >= 60 else None,
    }
    if "Perpetual" in word:
        return {"kind": PERPETUAL, "suffix": PERP, **more}
    if expiry is None:
        raise Skip("no_expiry")
    return {"kind": FUTURE, "suffix": dated(expiry), **more, "funding_hours": None}


def _instrument(row: Mapping[str, Any], endpoint: str) -> Instrument:
    venue_id, base, quoted = text(row, "symbol"), text(row, "baseCoin"), text(row, "quoteCoin")
    market = endpoint.partition(":")[2]
    told = {"kind": SPOT} if market == SPOT else _contract(row, quoted)
    lots = _section(row, "lotSizeFilter")
    status = text(row, "status", required=False)
    return instrument(
        endpoint,
        venue_id,
        market,
        pair=(base, quoted),
        price_step=step(_section(row, "priceFilter").get("tickSize"), "price_step"),
        qty_step=step(lots.get("basePrecision" if market == SPOT else "qtyStep"), "qty_step"),
        status=status,
        live=status not in _DEAD,
        **told,
    )


def parse(body: bytes, endpoint: str) -> Listing:
    result = document(body).get("result")
    rows = result.get("list") if isinstance(result, simdjson.Object) else None
    if not isinstance(result, simdjson.Object) or not isinstance(rows, simdjson.Array):
        raise BadListing("no result.list")
    cursor = result.get("nextPageCursor")
    page = Listing(cursor=cursor if isinstance(cursor, str) else "")
    return parse_rows(rows, "symbol", lambda row: _instrument(row, endpoint), page)


def next_page(call: RestCall, page: Listing) -> RestCall | None:
    if not page.cursor or not (page.instruments or page.skipped):
        return None
    path, _, _ = call.path.partition("&cursor=")
    # the cursor comes with %2C and %3D in it already, and is opaque: quoted once more it would
    # be another one
    cursor = page.cursor if "%" in page.cursor else quote(page.cursor, safe="")
    return RestCall(call.endpoint, call.kind, f"{path}&cursor={cursor}", call.weight, call.pool)


def _quote_of(pair: str) -> str:
    return next((q for q in _QUOTES if pair.endswith(q) and pair != q), "")


def fallback(venue_id: str, endpoint: str) -> Instrument:
    """From the id alone (a recording without instruments): digits and lots are learned."""
    pair, market, kind, suffix = venue_id, LINEAR, PERPETUAL, PERP
    if endpoint.endswith(SPOT):
        market, kind, suffix = SPOT, SPOT, ""
    elif match := _DATED.match(venue_id):
        pair, kind = match[1], FUTURE
        try:
            day = datetime.strptime(match[2].title(), "%d%b%y").replace(tzinfo=UTC)
            suffix = day.strftime("-%y%m%d")
        except ValueError:
            suffix = f"-{match[2]}"
        if not _quote_of(pair):
            pair += "USDC"  # BTC-26DEC25 is a USDC future
    elif venue_id.endswith("PERP"):
        pair = venue_id.removesuffix("PERP") + "USDC"
    elif venue_id.endswith("USD"):
        market = INVERSE
    quoted = _quote_of(pair)
    names = (pair[: len(pair) - len(quoted)], quoted)
    return instrument(endpoint, venue_id, market, kind, names, suffix)
