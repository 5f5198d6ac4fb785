"""What Binance is asked over REST, what it costs, and what its answers mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from .. import asked
from ..instrument import (
    CANDLES,
    DEPTH,
    FUNDING,
    FUNDING_INTERVAL,
    INDEX,
    INSURANCE,
    LONG_SHORT,
    MARK,
    OPEN_INTEREST,
    PERPETUAL,
    Instrument,
)
from ..table import Poll, RestCall, RestEntry, RestFault, RestPool

SPOT, LINEAR = "binance:spot", "binance:linear"
_API = {SPOT: "/api/v3", LINEAR: "/fapi/v1"}
_MAIN = {SPOT: "spot", LINEAR: "linear"}  # the pool of most calls
POOLS = {
    SPOT: (RestPool("spot", 6000, 60.0, "X-MBX-USED-WEIGHT-1M"),),
    # a budget of their own each: the weight of these calls is not counted in the first
    LINEAR: (
        RestPool("linear", 2400, 60.0, "X-MBX-USED-WEIGHT-1M"),
        RestPool("statistics", 1000, 300.0),
        RestPool("funding", 500, 300.0),
    ),
}
LISTING = {
    SPOT: RestCall(
        SPOT, "instruments", f"{_API[SPOT]}/exchangeInfo?showPermissionSets=false", 20, "spot"
    ),
    LINEAR: RestCall(LINEAR, "instruments", f"{_API[LINEAR]}/exchangeInfo", 1, "linear"),
}

# -- books and bars -----------------------------------------------------------------------------

DEPTH_WEIGHT = {  # (levels, weight)
    SPOT: ((100, 5), (500, 25), (1000, 50), (5000, 250)),
    LINEAR: ((50, 2), (100, 5), (500, 10), (1000, 20)),
}
_BARS = {name: name for name in ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d", "1w")}


def _symbol(venue_id: str) -> str:
    return f"symbol={quote(venue_id, safe='')}"


def depth_call(endpoint: str, venue_id: str, levels: int) -> RestCall:
    table = DEPTH_WEIGHT[endpoint]
    limit, weight = next(((n, w) for n, w in table if n >= levels), table[-1])
    path = f"{_API[endpoint]}/depth?{_symbol(venue_id)}&limit={limit}"
    return RestCall(endpoint, DEPTH, path, weight, _MAIN[endpoint], venue_id, limit)


def kline_call(endpoint: str, venue_id: str, timeframe: str, limit: int) -> RestCall | None:
    if timeframe not in _BARS or (endpoint == LINEAR and timeframe == "1s"):
        return None
    limit = min(limit, 1000)
    weight = (
        2 if endpoint == SPOT else next(w for n, w in ((99, 1), (499, 2), (1000, 5)) if limit <= n)
    )
    path = f"{_API[endpoint]}/klines?{_symbol(venue_id)}&interval={timeframe}&limit={limit}"
    return RestCall(endpoint, CANDLES, path, weight, _MAIN[endpoint], venue_id, limit, timeframe)


# -- polls ----------------------------------------------------------------------------------------

Calls = list[tuple[RestCall, Instrument | None]]
MANY = 10  # from so many on all at once is cheaper than each by itself


def _once(kind: str, path: str, weight: int, pool: str = "linear") -> Calls:
    return [(RestCall(LINEAR, kind, path, weight, pool), None)]


def _each(instruments: Sequence[Instrument], kind: str, path: str, pool: str = "linear") -> Calls:
    return [
        (RestCall(LINEAR, kind, path + _symbol(one.venue_id), 1, pool, one.venue_id), one)
        for one in instruments
    ]


def _premium(instruments: Sequence[Instrument]) -> Calls:
    path = "/fapi/v1/premiumIndex"
    if len(instruments) < MANY:
        return _each(instruments, MARK, f"{path}?")
    return _once(MARK, path, 10)


POLLS = (
    Poll(MARK, (MARK, INDEX, FUNDING), _premium, old_s=120.0),
    # names only what is not funded every 8 h
    Poll(
        FUNDING_INTERVAL,
        (),
        lambda instruments: _once(FUNDING_INTERVAL, "/fapi/v1/fundingInfo", 1, "funding"),
        old_s=120.0,
        period_s=300.0,
        kinds=(PERPETUAL,),
    ),
    Poll(
        OPEN_INTEREST,
        (OPEN_INTEREST,),
        lambda instruments: _each(instruments, OPEN_INTEREST, "/fapi/v1/openInterest?"),
        old_s=120.0,
    ),
    Poll(
        LONG_SHORT,
        (LONG_SHORT,),
        lambda instruments: _each(
            instruments,
            LONG_SHORT,
            "/futures/data/globalLongShortAccountRatio?period=5m&limit=1&",
            "statistics",
        ),
        old_s=1200.0,
        kinds=(PERPETUAL,),
    ),
    # a snapshot; how often it is taken is not told
    Poll(
        INSURANCE,
        (INSURANCE,),
        lambda instruments: _once(INSURANCE, "/fapi/v1/insuranceBalance", 1),
        old_s=2 * 86_400.0,
    ),
)

# -- answers --------------------------------------------------------------------------------------

_BANNED_UNTIL = re.compile(r"until (\d{13})")
_PROOF = {  # what a body of that kind cannot be without
    DEPTH: b'"lastUpdateId"',
    MARK: b'"markPrice"',
    FUNDING_INTERVAL: b'"fundingIntervalHours"',
    OPEN_INTEREST: b'"openInterest"',
    LONG_SHORT: b'"longShortRatio"',
    INSURANCE: b'"marginBalance"',
    CANDLES: b"[[",
}


def fault(status: int, headers: Mapping[str, str], body: bytes, call: RestCall) -> RestFault | None:
    """`{"code":-1121,"msg":"..."}` with any HTTP status; weights are per IP."""
    code, message = 0, ""
    if body[:1] == b"{" and len(body) < 4096:
        try:
            parsed = json.loads(body)
            code, message = int(parsed.get("code", 0)), str(parsed.get("msg", ""))
        except (ValueError, TypeError, AttributeError):
            return RestFault("malformed", retry=True)
    if status in (418, 429) or code == -1003:
        until = _BANNED_UNTIL.search(message)
        if status == 418 or until:
            # the wait is measured against the Date of the answer, which a wrong clock here
            # cannot spoil; without one, the shortest ban that the venue gives
            hold = _until(int(until[1]), headers) if until else 120.0
            return RestFault("banned", hold_s=hold, scope="venue")
        hold = 1.0 if "Retry-After" in headers else 10.0
        return RestFault("rate_limited", retry=True, hold_s=hold, scope="pool")
    if status == 403:
        return RestFault("firewall", hold_s=120.0, scope="venue")
    if code in (-1121, -1122, -1220):
        return RestFault("unknown_symbol")
    if code in (-1000, -1001, -1007, -1008):
        return RestFault("overloaded", retry=True)
    if code < 0:
        return RestFault(f"error_{code}")
    return _content(body, call) if status == 200 else None


def _content(body: bytes, call: RestCall) -> RestFault | None:
    proof = _PROOF.get(call.kind)
    if proof is None or proof in body:
        return None
    if body.strip() == b"[]":
        return RestFault("empty")
    return RestFault(f"not_a_{call.kind}_body")


def _until(ban_ms: int, headers: Mapping[str, str]) -> float:
    """Seconds from the answer's own time to the end of a ban, 120 when it has no time."""
    try:
        sent = parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (ValueError, TypeError):
        return 120.0
    return min(max(ban_ms / 1000 - sent, 1.0), 3 * 86400.0)


# -- addresses ------------------------------------------------------------------------------------

_ROOTS = {SPOT: ("/api/v3/", "/api/v1/"), LINEAR: ("/fapi/v1/", "/fapi/v2/", "/futures/")}
_KINDS = {"depth": DEPTH, "exchangeInfo": "instruments"}
_OF_NOW = {
    "premiumIndex": MARK,
    "fundingInfo": FUNDING_INTERVAL,
    "openInterest": OPEN_INTEREST,
    "data/globalLongShortAccountRatio": LONG_SHORT,
    "insuranceBalance": INSURANCE,
}


def classify(endpoint: str, path: str, query: Mapping[str, str]) -> RestEntry | None:
    for root in _ROOTS[endpoint]:
        _, found, call = path.rpartition(root)
        if found:
            break
    else:
        return None
    kind, timeframe = _KINDS.get(call, call), ""
    if asked.of_now(query):
        kind = _OF_NOW.get(call, kind)
        timeframe = asked.timeframe(_BARS, query.get("interval", "")) if call == "klines" else ""
    limit = asked.number(query, "limit")
    return RestEntry(
        endpoint, CANDLES if timeframe else kind, query.get("symbol", ""), limit, timeframe
    )
