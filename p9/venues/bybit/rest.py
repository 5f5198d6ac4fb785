"""What Bybit is asked over REST, what it costs, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import simdjson

from .. import asked
from ..instrument import (
    CANDLES,
    DEPTH,
    FUNDING,
    INDEX,
    INSURANCE,
    LONG_SHORT,
    MARK,
    OPEN_INTEREST,
    PERPETUAL,
    TICKER,
    Instrument,
)
from ..naming import BadListing, document
from ..table import Poll, RestCall, RestEntry, RestFault, RestPool

LINEAR = "bybit:linear"
POOLS = (RestPool("all", 250, 5.0),)  # 600 in 5 s, but under 50 a second
_BARS = {
    "1m": "1", "3m": "3", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "4h": "240",
    "1d": "D", "1w": "W",
}  # fmt: skip


def listing_call(endpoint: str) -> RestCall:
    category = endpoint.partition(":")[2]
    path = f"/v5/market/instruments-info?category={category}&status=Trading&limit=1000"
    return RestCall(endpoint, "instruments", path, 1, "all")


def _symbol(venue_id: str) -> str:
    return f"symbol={quote(venue_id, safe='')}"


def kline_call(endpoint: str, venue_id: str, timeframe: str, limit: int) -> RestCall | None:
    if timeframe not in _BARS:
        return None
    limit = min(limit, 1000)
    path = (
        f"/v5/market/kline?category={endpoint.partition(':')[2]}&{_symbol(venue_id)}"
        f"&interval={_BARS[timeframe]}&limit={limit}"
    )
    return RestCall(endpoint, CANDLES, path, 1, "all", venue_id, limit, timeframe)


# -- polls ----------------------------------------------------------------------------------------

Calls = list[tuple[RestCall, Instrument | None]]


def has_ratio(one: Instrument) -> bool:
    """The accounts ratio is documented for USDT perpetuals only."""
    return one.kind == PERPETUAL and one.settle == "USDT"


def _once(kind: str, path: str) -> Calls:
    return [(RestCall(LINEAR, kind, path, 1, "all"), None)]


def _ratios(instruments: Sequence[Instrument]) -> Calls:
    path = "/v5/market/account-ratio?category=linear&period=5min&limit=1&"
    return [
        (RestCall(LINEAR, LONG_SHORT, path + _symbol(one.venue_id), 1, "all", one.venue_id), one)
        for one in instruments
        if has_ratio(one)
    ]


POLLS = (
    Poll(
        TICKER,
        (TICKER, MARK, INDEX, FUNDING, OPEN_INTEREST),
        lambda instruments: _once(TICKER, "/v5/market/tickers?category=linear"),
        old_s=120.0,
    ),
    Poll(LONG_SHORT, (LONG_SHORT,), _ratios, old_s=1200.0, kinds=(PERPETUAL,)),
    # pools of one symbol are renewed each minute, shared ones once a day, under one time
    Poll(
        INSURANCE,
        (INSURANCE,),
        lambda instruments: _once(INSURANCE, "/v5/market/insurance"),
        old_s=7200.0,
    ),
)

# -- answers --------------------------------------------------------------------------------------

_RETRY = {10000: "timeout", 10006: "rate_limited", 10016: "server_error", 429: "overloaded"}
_LISTS = {TICKER, LONG_SHORT, INSURANCE, CANDLES}  # kinds that an empty list does not answer


def fault(status: int, headers: Mapping[str, str], body: bytes, call: RestCall) -> RestFault | None:
    """`retCode` 0 is success, HTTP 200 alone is not; a 403 has three meanings."""
    if status == 403:
        if b"access too frequent" in body.lower():
            return RestFault("banned", hold_s=600.0, scope="venue")
        return RestFault("forbidden", hold_s=60.0, scope="pool")  # a region, not a rate
    if status == 429:
        return RestFault("rate_limited", retry=True, hold_s=5.0, scope="pool")
    if status != 200:
        return None
    try:
        parsed = document(body)
    except BadListing:
        return RestFault("malformed", retry=True)
    code = parsed.get("retCode")
    if code == 0:
        return _content(parsed) if call.kind in _LISTS else None
    if code == 10018:
        return RestFault("banned", hold_s=600.0, scope="venue")
    if isinstance(code, int) and code in _RETRY:
        hold = 5.0 if code == 10006 else 0.0
        return RestFault(_RETRY[code], retry=True, hold_s=hold, scope="pool" if hold else "call")
    if code in (10001, 10029):
        return RestFault("unknown_symbol" if call.venue_id else "bad_request")
    return RestFault(f"error_{code}")


def _content(parsed: simdjson.Object) -> RestFault | None:
    result = parsed.get("result")
    rows = result.get("list") if isinstance(result, simdjson.Object) else None
    if not isinstance(rows, simdjson.Array):
        return RestFault("no_list")
    return None if len(rows) else RestFault("empty")


# -- addresses ------------------------------------------------------------------------------------

_KINDS = {"orderbook": DEPTH, "instruments-info": "instruments"}
_OF_NOW = {"tickers": TICKER, "account-ratio": LONG_SHORT, "insurance": INSURANCE}


def classify(endpoint: str, path: str, query: Mapping[str, str]) -> RestEntry | None:
    head, found, call = path.rpartition("/v5/market/")
    # "/api/v5/market/" is another venue's
    category = query.get("category", "linear")
    if not found or head.endswith("/api") or category != endpoint.partition(":")[2]:
        return None
    kind, timeframe = _KINDS.get(call, call), ""
    if asked.of_now(query):
        kind = _OF_NOW.get(call, kind)
        timeframe = asked.timeframe(_BARS, query.get("interval", "")) if call == "kline" else ""
    limit = asked.number(query, "limit")
    return RestEntry(
        endpoint, CANDLES if timeframe else kind, query.get("symbol", ""), limit, timeframe
    )
