"""What OKX is asked over REST, what it costs, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import quote

import simdjson

from .. import asked
from ..instrument import (
    CANDLES,
    DEPTH,
    FUNDING,
    FUTURE,
    INDEX,
    INSURANCE,
    LONG_SHORT,
    MARK,
    OPEN_INTEREST,
    PERPETUAL,
    Instrument,
)
from ..naming import BadListing, document
from ..table import Poll, RestCall, RestEntry, RestFault, RestPool

NAME = "okx"
# one bucket per endpoint, each somewhat under what is documented
POOLS = (
    RestPool("books", 36, 2.0),
    RestPool("listing", 18, 2.0),
    RestPool(CANDLES, 36, 2.0),
    RestPool(MARK, 9, 2.0),
    RestPool(INDEX, 18, 2.0),
    RestPool(FUNDING, 9, 2.0),
    RestPool(OPEN_INTEREST, 18, 2.0),
    RestPool(LONG_SHORT, 4, 2.0),
    RestPool(INSURANCE, 9, 2.0),
)
LISTINGS = tuple(
    RestCall(NAME, "instruments", f"/api/v5/public/instruments?instType={word}", 1, "listing")
    for word in ("SPOT", "SWAP", "FUTURES")
)
# days and weeks without "utc" begin in another time zone
_BARS = {
    "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1H", "4h": "4H",
    "1d": "1Dutc", "1w": "1Wutc",
}  # fmt: skip


def inst_type(one: Instrument) -> str:
    """The venue's word for a derivative: what is perpetual by its rules may be of FUTURES."""
    return "SWAP" if one.venue_id.endswith("-SWAP") else "FUTURES"


def family(one: Instrument) -> str:
    base, _, more = one.venue_id.partition("-")
    return f"{base}-{more.partition('-')[0]}"


def _id(name: str) -> str:
    return f"instId={quote(name, safe='')}"


def depth_call(venue_id: str, levels: int) -> RestCall:
    path = f"/api/v5/market/books?{_id(venue_id)}&sz=400"
    return RestCall(NAME, DEPTH, path, 1, "books", venue_id, 400)


def kline_call(venue_id: str, timeframe: str, limit: int) -> RestCall | None:
    if timeframe not in _BARS:
        return None
    limit = min(limit, 300)
    path = f"/api/v5/market/candles?{_id(venue_id)}&bar={_BARS[timeframe]}&limit={limit}"
    return RestCall(NAME, CANDLES, path, 1, CANDLES, venue_id, limit, timeframe)


# -- polls ----------------------------------------------------------------------------------------

Calls = list[tuple[RestCall, Instrument | None]]
_QUOTES = ("USDT", "USDC", "USD", "BTC")  # those that indices can be asked for by


def _all(kind: str, paths: Iterable[str]) -> Calls:
    """One call for each path, with all instruments in its answer."""
    return [(RestCall(NAME, kind, path, 1, kind), None) for path in dict.fromkeys(paths)]


def _by_type(kind: str, path: str) -> Callable[[Sequence[Instrument]], Calls]:
    return lambda instruments: _all(
        kind, (f"{path}?instType={inst_type(one)}" for one in instruments)
    )


def _indices(instruments: Sequence[Instrument]) -> Calls:
    def path(index: str) -> str:
        quoted = index.partition("-")[2]
        what = f"quoteCcy={quoted}" if quoted in _QUOTES else _id(index)
        return f"/api/v5/market/index-tickers?{what}"

    return _all(INDEX, (path(one.index) for one in instruments))


def _ratios(instruments: Sequence[Instrument]) -> Calls:
    path = "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract?period=5m&limit=1&"
    return [
        (RestCall(NAME, LONG_SHORT, path + _id(one.venue_id), 1, LONG_SHORT, one.venue_id), one)
        for one in instruments
    ]


def _funds(instruments: Sequence[Instrument]) -> Calls:
    path = "/api/v5/public/insurance-fund?limit=1"
    return _all(
        INSURANCE,
        (
            f"{path}&instType={inst_type(one)}&instFamily={quote(family(one), safe='')}"
            for one in instruments
        ),
    )


DERIVATIVES = (PERPETUAL, FUTURE)
POLLS = (
    Poll(
        MARK, (MARK,), _by_type(MARK, "/api/v5/public/mark-price"), old_s=120.0, kinds=DERIVATIVES
    ),
    Poll(INDEX, (INDEX,), _indices, old_s=120.0, kinds=DERIVATIVES),
    Poll(
        FUNDING,
        (FUNDING,),
        lambda instruments: _all(FUNDING, ["/api/v5/public/funding-rate?instId=ANY"]),
        old_s=120.0,
        kinds=(PERPETUAL,),
    ),
    Poll(
        OPEN_INTEREST,
        (OPEN_INTEREST,),
        _by_type(OPEN_INTEREST, "/api/v5/public/open-interest"),
        old_s=120.0,
        kinds=DERIVATIVES,
    ),
    Poll(LONG_SHORT, (LONG_SHORT,), _ratios, old_s=1200.0, kinds=DERIVATIVES),
    # written once a day
    Poll(INSURANCE, (INSURANCE,), _funds, old_s=2 * 86_400.0, period_s=3600.0, kinds=DERIVATIVES),
)

# -- answers --------------------------------------------------------------------------------------

_CODES = {
    "50001": RestFault("unavailable", retry=True),
    "50004": RestFault("timeout", retry=True),
    "50011": RestFault("rate_limited", retry=True, hold_s=2.0, scope="pool"),
    "50013": RestFault("busy", retry=True, hold_s=1.0, scope="pool"),
    "50026": RestFault("system_error", retry=True),
    "51001": RestFault("unknown_symbol"),
    "51155": RestFault("unknown_symbol"),
}


def fault(status: int, headers: Mapping[str, str], body: bytes, call: RestCall) -> RestFault | None:
    """Success is `code` "0" (a text), with whatever HTTP status."""
    if status == 403:
        return RestFault("forbidden", hold_s=60.0, scope="venue")
    try:
        parsed = document(body)
    except BadListing:
        if status == 429:
            return _CODES["50011"]
        return RestFault("malformed", retry=True) if status == 200 else None
    code, data = parsed.get("code"), parsed.get("data")
    if code == "0" and status == 200:
        return None if call.kind == "instruments" else _content(data, call)
    if isinstance(code, str) and code in _CODES:
        return _CODES[code]
    if status == 429:
        return _CODES["50011"]
    return RestFault(f"error_{code}") if status < 500 else None


def _content(data: object, call: RestCall) -> RestFault | None:
    if call.kind == DEPTH and (not isinstance(data, simdjson.Array) or len(data) == 0):
        return RestFault("not_a_depth_body")
    if not isinstance(data, simdjson.Array):
        return RestFault("no_list")
    return None if len(data) else RestFault("empty")


# -- addresses ------------------------------------------------------------------------------------

_KINDS = {"market/books": DEPTH, "public/instruments": "instruments"}
_OF_NOW = {
    "public/mark-price": MARK,
    "market/index-tickers": INDEX,
    "public/funding-rate": FUNDING,
    "public/open-interest": OPEN_INTEREST,
    "rubik/stat/contracts/long-short-account-ratio-contract": LONG_SHORT,
    "public/insurance-fund": INSURANCE,
}


def classify(path: str, query: Mapping[str, str]) -> RestEntry | None:
    _, found, call = path.rpartition("/api/v5/")
    if not found:
        return None
    kind, timeframe = _KINDS.get(call, call), ""
    if asked.of_now(query):
        kind = _OF_NOW.get(call, kind)
        if call == "market/candles":
            timeframe = asked.timeframe(_BARS, query.get("bar", "1m"))
    # an index has the name of a spot instrument, and is none; ANY is all of them
    venue_id = "" if kind == INDEX else query.get("instId", "").removeprefix("ANY")
    limit = asked.number(query, "sz") or asked.number(query, "limit")
    return RestEntry(NAME, CANDLES if timeframe else kind, venue_id, limit, timeframe)
