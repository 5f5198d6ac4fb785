"""OKX's instruments: spot, swaps and futures; sizes of derivatives are contracts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import simdjson

from ..instrument import (
    FUTURE,
    INVERSE,
    LINEAR,
    OPTION,
    PERPETUAL,
    SPOT,
    Instrument,
    Listing,
)
from ..naming import (
    PERP,
    XPERP,
    BadListing,
    Skip,
    dated,
    document,
    instrument,
    milliseconds,
    parse_rows,
    product,
    step,
    text,
)

NAME = "okx"
_STATES_WITHOUT_DATA = {"preopen", "test", "expired", "suspend"}


def _family(row: Mapping[str, Any]) -> tuple[str, str, bool]:
    """(base, quote, is _UM) of a derivative, from its family: `uly` has no _UM in it."""
    family = text(row, "instFamily", required=False) or text(row, "uly", required=False)
    base, dash, quoted = family.partition("-")
    if not dash or "-" in quoted:
        raise Skip("empty_field" if not family else "bad_family")
    return base, quoted.removesuffix("_UM"), quoted.endswith("_UM")


def _index(venue_id: str) -> str:
    """Of a derivative's id: BTC-USD of BTC-USD_UM-SWAP."""
    base, _, rest = venue_id.partition("-")
    return f"{base}-{rest.partition('-')[0].partition('_')[0]}"


def _derivative(row: Mapping[str, Any], word: str) -> dict[str, Any]:
    base, quoted, um = _family(row)
    expiry = milliseconds(row.get("expTime"))
    kind, suffix = PERPETUAL, PERP
    if word == "FUTURES":
        if text(row, "ruleType", required=False) == "xperp":
            suffix = XPERP
        elif expiry is None:
            raise Skip("no_expiry")
        else:
            kind, suffix = FUTURE, dated(expiry)
    contract_type = text(row, "ctType")
    if contract_type not in (LINEAR, INVERSE):
        raise Skip("unknown_contract_type")
    contract = product(
        text(row, "ctVal", required=False), text(row, "ctMult", required=False) or "1"
    )
    # linear: the face is in the base coin; anything else would be a size nobody can read
    currency = text(row, "ctValCcy", required=False)
    if currency and currency.upper() != (base if contract_type == LINEAR else quoted).upper():
        contract = None
    return {
        "market": contract_type,
        "kind": kind,
        "pair": (base, quoted),
        "suffix": suffix,
        "um": um,
        "settle": text(row, "settleCcy"),
        "index": text(row, "uly", required=False) or _index(text(row, "instId")),
        "contract": contract,
        "expiry_ms": expiry,
    }


def _instrument(row: Mapping[str, Any]) -> Instrument:
    venue_id, word = text(row, "instId"), text(row, "instType")
    state = text(row, "state", required=False)
    if state in ("preopen", "test"):
        raise Skip(state)  # placeholders, most fields empty
    told: dict[str, Any]
    if word == "SPOT":
        told = {
            "market": SPOT,
            "kind": SPOT,
            "pair": (text(row, "baseCcy"), text(row, "quoteCcy")),
            "expiry_ms": milliseconds(row.get("expTime")),
        }
    elif word in ("SWAP", "FUTURES"):
        told = _derivative(row, word)
    else:
        raise Skip(f"type_{word.lower()}")
    return instrument(
        NAME,
        venue_id,
        price_step=step(row.get("tickSz"), "price_step"),
        qty_step=step(row.get("lotSz"), "qty_step"),
        status=state,
        live=state not in _STATES_WITHOUT_DATA,
        **told,
    )


def parse(body: bytes) -> Listing:
    rows = document(body).get("data")
    if not isinstance(rows, simdjson.Array):
        raise BadListing("no data")
    return parse_rows(rows, "instId", _instrument, Listing())


def fallback(venue_id: str) -> Instrument:
    """From the id alone (a recording without instruments): contract sizes stay unknown."""
    base, _, more = venue_id.partition("-")
    second, _, tail = more.partition("-")
    quoted, um = second.removesuffix("_UM"), second.endswith("_UM")
    if not tail:
        return instrument(NAME, venue_id, SPOT, SPOT, (base, quoted), um=um)
    market, kind, suffix = INVERSE if quoted == "USD" and not um else LINEAR, FUTURE, f"-{tail}"
    if "-" in tail:
        market = kind = OPTION
    elif tail == "SWAP":
        kind, suffix = PERPETUAL, PERP
    return instrument(
        NAME,
        venue_id,
        market,
        kind,
        (base, quoted),
        suffix,
        um=um,
        settle=quoted if market == LINEAR else base,
        index=_index(venue_id),
        contract=None,
        publish=market != OPTION,
    )
