"""Binance: spot and USD-M futures (protocol: combined streams, JSON control, REST depth)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import simdjson

from .naming import (
    PERP,
    BadListing,
    Skip,
    dated,
    document,
    milliseconds,
    multiplied,
    parse_rows,
    step,
    text,
    unified,
)
from .table import (
    BBO,
    DEPTH,
    LINEAR,
    SPOT,
    TRADE,
    ControlLike,
    Endpoint,
    FeedRow,
    Heartbeat,
    Instrument,
    Limits,
    Listing,
    RestCall,
    RestEntry,
    RestFault,
    RestPool,
    Verdict,
    asked_levels,
)

NAME = "binance"
_STREAM = re.compile(rb'\s*\{\s*"stream"\s*:\s*"([^"\\]{1,200})"')
_BANNED_UNTIL = re.compile(r"until (\d{13})")
# Everything of a listing that these words name is history: no stream will ever speak.
_DEAD = {"BREAK", "CLOSE", "DELIVERED", "SETTLING", "PENDING_TRADING"}
_QUOTES = (
    "FDUSD",
    "USDT",
    "USDC",
    "BUSD",
    "TUSD",
    "USDP",
    "BIDR",
    "IDRT",
    "BTC",
    "ETH",
    "BNB",
    "EUR",
    "TRY",
    "BRL",
    "GBP",
    "AUD",
    "RUB",
    "UAH",
    "JPY",
    "MXN",
    "ARS",
    "PLN",
    "ZAR",
    "DAI",
    "XRP",
    "TRX",
    "DOGE",
    "USD1",
    "USD",
)


class BinanceWire:
    """Stream names in one SUBSCRIBE; an acknowledgement is for the whole request."""

    def stream_id(self, venue_id: str) -> str:
        return venue_id.lower()

    def _request(self, method: str, number: int, topics: Sequence[str]) -> tuple[str, str]:
        message = {"method": method, "params": list(topics), "id": number}
        return str(number), json.dumps(message, separators=(",", ":"), ensure_ascii=False)

    def subscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        return self._request("SUBSCRIBE", number, topics)

    def unsubscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        return self._request("UNSUBSCRIBE", number, topics)

    def ping(self, number: int) -> tuple[str, str]:
        # there is no application ping; this always has an answer and changes nothing
        return str(number), f'{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}'

    def judge(self, control: ControlLike, topics: Sequence[str]) -> Verdict:
        if control.kind == "ack":
            return Verdict(accepted=tuple(topics))
        reason = f"{control.code} {control.msg}".strip() or "refused"
        if len(topics) == 1:
            return Verdict(refused=((topics[0], reason),))
        return Verdict(apart=tuple(topics))

    def leaving(self, control: ControlLike) -> bool:
        return control.kind == "notice" and "serverShutdown" in (
            control.code,
            control.msg,
            control.topic,
            control.topic.lstrip("!"),
        )

    def topic_of(self, frame: bytes) -> str:
        match = _STREAM.match(frame)
        return match[1].decode("utf-8", "replace") if match else ""


def _filters(row: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for item in row.get("filters") or ():
        if isinstance(item, (simdjson.Object, dict)):
            kind = item.get("filterType")
            if isinstance(kind, str):
                found[kind] = item
    return found


def _suffix(row: Mapping[str, Any], endpoint: str, expiry: int | None) -> str:
    if endpoint == f"{NAME}:spot":
        return ""
    kind = text(row, "contractType", required=False)
    if not kind:
        raise Skip("no_contract_type")  # a placeholder before its listing
    if "PERPETUAL" in kind:  # also TRADIFI_ and _DELIVERING ones
        return PERP
    if expiry is None:
        raise Skip("no_expiry")
    return dated(expiry)


def _instrument(row: Mapping[str, Any], endpoint: str) -> Instrument:
    venue_id, base, quoted = text(row, "symbol"), text(row, "baseAsset"), text(row, "quoteAsset")
    linear = endpoint == f"{NAME}:linear"
    settle = (text(row, "marginAsset", required=False) or quoted) if linear else quoted
    if linear and settle == base:
        raise Skip("not_this_market")  # coin-margined: served elsewhere
    expiry = milliseconds(row.get("deliveryDate")) if linear else None
    if expiry is not None and expiry >= 4_000_000_000_000:
        expiry = None  # the far date of a live perpetual
    filters = _filters(row)
    # a filter may be missing (then the digits tell), but one that is there must make sense
    price = filters.get("PRICE_FILTER")
    size = filters.get("LOT_SIZE")
    symbol = unified(base, quoted, suffix=_suffix(row, endpoint, expiry))
    underlying, multiplier = multiplied(base)
    status = text(row, "status", required=False)
    return Instrument(
        endpoint=endpoint,
        exchange=NAME,
        venue_id=venue_id,
        market=LINEAR if linear else SPOT,
        symbol=symbol,
        base=base,
        quote=quoted,
        settle=settle,
        underlying=underlying,
        multiplier=multiplier,
        price_step=step(price.get("tickSize"), "price_step") if price else None,
        qty_step=step(size.get("stepSize"), "qty_step") if size else None,
        contract="1",
        status=status,
        live=status not in _DEAD,
        expiry_ms=expiry,
        publish=True,
    )


def _parse(body: bytes, endpoint: str) -> Listing:
    rows = document(body).get("symbols")
    if not isinstance(rows, simdjson.Array):
        raise BadListing("no symbols")
    return parse_rows(rows, "symbol", lambda row: _instrument(row, endpoint), Listing())


def _fallback(venue_id: str, endpoint: str) -> Instrument:
    """From the id alone (a recording without instruments): digits and lots are learned."""
    linear = endpoint == f"{NAME}:linear"
    pair, _, expiry = venue_id.partition("_")
    quoted = next((q for q in _QUOTES if pair.endswith(q) and pair != q), "")
    base = pair[: len(pair) - len(quoted)]
    underlying, multiplier = multiplied(base)
    suffix = (f"-{expiry}" if expiry.isdigit() else PERP) if linear else ""
    return Instrument(
        endpoint=endpoint,
        exchange=NAME,
        venue_id=venue_id,
        market=LINEAR if linear else SPOT,
        symbol=f"{pair}{suffix}".upper(),
        base=base,
        quote=quoted,
        settle=quoted,
        underlying=underlying,
        multiplier=multiplier,
        price_step=None,
        qty_step=None,
        contract="1",
        status="",
        live=True,
        expiry_ms=None,
        publish=True,
    )


def _fault(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    call: RestCall,
) -> RestFault | None:
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
    if call.kind == DEPTH and status == 200 and b'"lastUpdateId"' not in body:
        return RestFault("not_a_depth_body")
    return None


def _until(ban_ms: int, headers: Mapping[str, str]) -> float:
    """Seconds from the answer's own time to the end of a ban, 120 when it has no time."""
    try:
        sent = parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (ValueError, TypeError):
        return 120.0
    return min(max(ban_ms / 1000 - sent, 1.0), 3 * 86400.0)


_DEPTH_WEIGHT = {
    "spot": ((100, 5), (500, 25), (1000, 50), (5000, 250)),
    "linear": ((50, 2), (100, 5), (500, 10), (1000, 20)),
}
_API = {"spot": "/api/v3", "linear": "/fapi/v1"}


def _depth_call(venue_id: str, levels: int, market: str) -> RestCall:
    table = _DEPTH_WEIGHT[market]
    limit, weight = next(((n, w) for n, w in table if n >= levels), table[-1])
    path = f"{_API[market]}/depth?symbol={quote(venue_id, safe='')}&limit={limit}"
    return RestCall(f"{NAME}:{market}", DEPTH, path, weight, market, venue_id, limit)


def _classify(path: str, query: Mapping[str, str], market: str) -> RestEntry | None:
    roots = {"spot": ("/api/v3/", "/api/v1/"), "linear": ("/fapi/v1/", "/fapi/v2/", "/futures/")}
    for root in roots[market]:
        _, found, call = path.rpartition(root)
        if found:
            kind = {"depth": DEPTH, "exchangeInfo": "instruments"}.get(call, call)
            return RestEntry(
                f"{NAME}:{market}", kind, query.get("symbol", ""), asked_levels(query, "limit")
            )
    return None


def _endpoint(
    market: str,
    feeds: tuple[FeedRow, ...],
    listing: str,
    weight: int,
    pool: RestPool,
) -> Endpoint:
    name = f"{NAME}:{market}"
    return Endpoint(
        name=name,
        exchange=NAME,
        markets=(market,),
        config_key=market,
        ws_path="/stream",
        feeds=feeds,
        limits=Limits(
            topics_per_connection=400,
            topics_per_request=200,
            bytes_per_request=16_000,
            # 5 (spot) and 10 (futures) messages a second, of which pongs are some
            spacing_s=0.3,
            connect_interval_s=1.1,
            connect_burst=6,  # 300 attempts in 5 minutes
            life_s=24 * 3600.0,
        ),
        heartbeat=Heartbeat(every_s=20.0, pong_s=10.0, idle=True),
        wire=BinanceWire(),
        book_by_ids=True,
        parse=lambda body: _parse(body, name),
        listing_calls=(RestCall(name, "instruments", listing, weight, market),),
        next_page=lambda call, listing: None,
        depth_call=lambda venue_id, levels: _depth_call(venue_id, levels, market),
        depth_limits=tuple(n for n, _ in _DEPTH_WEIGHT[market]),
        pools=(pool,),
        fault=_fault,
        classify=lambda path, query: _classify(path, query, market),
        fallback=lambda venue_id: _fallback(venue_id, name),
    )


# No promise of repeats anywhere: on a quiet market these streams are silent for minutes, and
# a misspelt or delisted one is acknowledged like a good one. So silence counts against what
# else of the symbol moves. A change of the best price is a change of the book.
_TRADE = FeedRow(
    TRADE, "main", "{s}@trade", witness=(BBO, DEPTH), witness_s=60.0, weak=True, events=True
)
_BBO = FeedRow(BBO, "main", "{s}@bookTicker", witness=(TRADE,), witness_s=20.0)
_DEPTH = FeedRow(DEPTH, "main", "{s}@depth@100ms", witness=(BBO,), witness_s=8.0)

SPOT_ENDPOINT = _endpoint(
    "spot",
    (_TRADE, _BBO, _DEPTH),
    f"{_API['spot']}/exchangeInfo?showPermissionSets=false",
    20,
    RestPool("spot", 6000, 60.0, "X-MBX-USED-WEIGHT-1M"),
)

# Depth and quotes travel on /public, everything else on /market; a stream asked for on the
# wrong one is acknowledged and stays silent for ever.
LINEAR_ENDPOINT = _endpoint(
    "linear",
    (
        replace(_TRADE, socket="market", topic="{s}@aggTrade"),
        replace(_TRADE, socket="public", option=True),  # undocumented there
        replace(_BBO, socket="public"),
        replace(_DEPTH, socket="public"),
    ),
    f"{_API['linear']}/exchangeInfo",
    1,
    RestPool("linear", 2400, 60.0, "X-MBX-USED-WEIGHT-1M"),
)

ENDPOINTS = (SPOT_ENDPOINT, LINEAR_ENDPOINT)


def ws_endpoint(host: str, path: str) -> str | None:
    """The endpoint of a WebSocket address: futures by host or routed path."""
    if "fstream" in host or path.startswith(("/public/", "/market/")):
        return LINEAR_ENDPOINT.name
    if "dstream" in host:
        return None
    if path.startswith(("/ws", "/stream")) and not path.startswith("/ws/v5"):
        return SPOT_ENDPOINT.name
    return None
