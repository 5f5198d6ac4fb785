"""Bybit v5: spot and linear (one JSON topic per stream, snapshots by WebSocket only)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
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
    INVERSE,
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

NAME = "bybit"
_TOPIC = re.compile(rb'"topic"\s*:\s*"([^"\\]{1,200})"')
_NAMED = re.compile(r"(?:topic:|\[)([\w.\-]+)\]?")
_DATED = re.compile(r"(.+?)-(\d{1,2}[A-Z]{3}\d{2})$")
_QUOTES = (
    "USDT",
    "USDC",
    "USDE",
    "USD1",
    "RLUSD",
    "XUSD",
    "EUR",
    "BTC",
    "ETH",
    "BRL",
    "GBP",
    "TRY",
    "PLN",
    "AED",
    "SOL",
    "MNT",
    "DAI",
    "USD",
)
_DEAD = {"PreLaunch", "Closed", "Settling"}


class BybitWire:
    """One bad topic voids the whole request; the reason is only in the text of the answer."""

    def stream_id(self, venue_id: str) -> str:
        return venue_id

    def _request(self, op: str, mark: str, number: int, topics: Sequence[str]) -> tuple[str, str]:
        request_id = f"{mark}{number}"
        message = {"req_id": request_id, "op": op, "args": list(topics)}
        return request_id, json.dumps(message, separators=(",", ":"), ensure_ascii=False)

    def subscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        return self._request("subscribe", "s", number, topics)

    def unsubscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        return self._request("unsubscribe", "u", number, topics)

    def ping(self, number: int) -> tuple[str, str]:
        return f"p{number}", f'{{"req_id":"p{number}","op":"ping"}}'

    def judge(self, control: ControlLike, topics: Sequence[str]) -> Verdict:
        if control.kind == "ack":
            return Verdict(accepted=tuple(topics))
        message = control.msg
        match = _NAMED.search(message)
        named = match[1] if match else control.topic
        others = tuple(t for t in topics if t != named)
        if named in topics:
            if "already subscribed" in message:  # harmless: that one keeps flowing
                return Verdict(accepted=(named,), again=others)
            return Verdict(refused=((named, message or "refused"),), again=others)
        if len(topics) == 1:
            return Verdict(refused=((topics[0], message or "refused"),))
        return Verdict(apart=tuple(topics))

    def leaving(self, control: ControlLike) -> bool:
        return False

    def topic_of(self, frame: bytes) -> str:
        match = _TOPIC.search(frame, 0, 512)
        return match[1].decode("utf-8", "replace") if match else ""


def _suffix(row: Mapping[str, Any], expiry: int | None) -> str:
    kind = text(row, "contractType", required=False)
    if "Perpetual" in kind:
        return PERP
    if expiry is None:
        raise Skip("no_expiry")
    return dated(expiry)


def _section(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = row.get(key)
    if not isinstance(part, (simdjson.Object, dict)):
        raise Skip("empty_field")
    return part


def _instrument(row: Mapping[str, Any], endpoint: str) -> Instrument:
    venue_id, base, quoted = text(row, "symbol"), text(row, "baseCoin"), text(row, "quoteCoin")
    linear = endpoint == f"{NAME}:linear"
    if linear and text(row, "contractType", required=False).startswith("Inverse"):
        raise Skip("not_this_market")
    expiry = milliseconds(row.get("deliveryTime")) if linear else None
    lots = _section(row, "lotSizeFilter")
    status = text(row, "status", required=False)
    underlying, multiplier = multiplied(base)
    return Instrument(
        endpoint=endpoint,
        exchange=NAME,
        venue_id=venue_id,
        market=LINEAR if linear else SPOT,
        symbol=unified(base, quoted, suffix=_suffix(row, expiry) if linear else ""),
        base=base,
        quote=quoted,
        settle=(text(row, "settleCoin", required=False) or quoted) if linear else quoted,
        underlying=underlying,
        multiplier=multiplier,
        price_step=step(_section(row, "priceFilter").get("tickSize"), "price_step"),
        qty_step=step(lots.get("qtyStep" if linear else "basePrecision"), "qty_step"),
        contract="1",
        status=status,
        live=status not in _DEAD,
        expiry_ms=expiry,
        publish=True,
    )


def _parse(body: bytes, endpoint: str) -> Listing:
    result = document(body).get("result")
    rows = result.get("list") if isinstance(result, simdjson.Object) else None
    if not isinstance(result, simdjson.Object) or not isinstance(rows, simdjson.Array):
        raise BadListing("no result.list")
    cursor = result.get("nextPageCursor")
    listing = Listing(cursor=cursor if isinstance(cursor, str) else "")
    return parse_rows(rows, "symbol", lambda row: _instrument(row, endpoint), listing)


def _next_page(call: RestCall, listing: Listing) -> RestCall | None:
    if not listing.cursor or not (listing.instruments or listing.skipped):
        return None
    path, _, _ = call.path.partition("&cursor=")
    # the cursor comes with %2C and %3D in it already, and is opaque: quoted once more it would
    # be another one
    cursor = listing.cursor if "%" in listing.cursor else quote(listing.cursor, safe="")
    return RestCall(call.endpoint, call.kind, f"{path}&cursor={cursor}", call.weight, call.pool)


def _quote_of(pair: str) -> str:
    return next((q for q in _QUOTES if pair.endswith(q) and pair != q), "")


def _fallback(venue_id: str, endpoint: str) -> Instrument:
    """From the id alone (a recording without instruments): digits and lots are learned."""
    linear = endpoint == f"{NAME}:linear"
    pair, suffix, market = venue_id, "", LINEAR if linear else SPOT
    if linear:
        suffix = PERP
        if match := _DATED.match(venue_id):
            pair = match[1]
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
    base = pair[: len(pair) - len(quoted)]
    underlying, multiplier = multiplied(base)
    return Instrument(
        endpoint=endpoint,
        exchange=NAME,
        venue_id=venue_id,
        market=market,
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


_RETRY = {10000: "timeout", 10006: "rate_limited", 10016: "server_error", 429: "overloaded"}


def _fault(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    call: RestCall,
) -> RestFault | None:
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
        code = document(body).get("retCode")
    except BadListing:
        return RestFault("malformed", retry=True)
    if code == 0:
        return None
    if code == 10018:
        return RestFault("banned", hold_s=600.0, scope="venue")
    if isinstance(code, int) and code in _RETRY:
        hold = 5.0 if code == 10006 else 0.0
        return RestFault(_RETRY[code], retry=True, hold_s=hold, scope="pool" if hold else "call")
    if code in (10001, 10029):
        return RestFault("unknown_symbol" if call.venue_id else "bad_request")
    return RestFault(f"error_{code}")


def _classify(path: str, query: Mapping[str, str], market: str) -> RestEntry | None:
    head, found, call = path.rpartition("/v5/market/")
    # "/api/v5/market/" is another venue's
    if not found or head.endswith("/api") or query.get("category", "linear") != market:
        return None
    kind = {"orderbook": DEPTH, "instruments-info": "instruments"}.get(call, call)
    return RestEntry(
        f"{NAME}:{market}", kind, query.get("symbol", ""), asked_levels(query, "limit")
    )


def _endpoint(market: str, per_request: int) -> Endpoint:
    name = f"{NAME}:{market}"
    listing = f"/v5/market/instruments-info?category={market}&status=Trading&limit=1000"
    return Endpoint(
        name=name,
        exchange=NAME,
        markets=(market,),
        config_key=market,
        ws_path="",
        feeds=(
            FeedRow(
                TRADE,
                "main",
                "publicTrade.{s}",
                witness=(DEPTH,),
                witness_s=60.0,
                weak=True,
                events=True,
            ),
            # the same snapshot again every 3 s: the one stream here whose silence is proof
            FeedRow(BBO, "main", "orderbook.1.{s}", first_s=5.0, repeat_s=3.0),
            FeedRow(
                DEPTH,
                "main",
                "orderbook.{levels}.{s}",
                first_s=5.0,
                witness=(TRADE,),
                witness_s=8.0,
                levels=(50, 200, 1000),
            ),
        ),
        limits=Limits(
            topics_per_connection=450,
            topics_per_request=per_request,
            bytes_per_request=16_000,
            chars_per_connection=18_000,
            spacing_s=0.02,
            connect_interval_s=0.7,
            connect_burst=4,  # 500 in 5 minutes
            life_s=24 * 3600.0,
        ),  # not documented; users report drops
        heartbeat=Heartbeat(every_s=20.0, pong_s=10.0, idle=False),
        wire=BybitWire(),
        book_by_ids=False,
        parse=lambda body: _parse(body, name),
        listing_calls=(RestCall(name, "instruments", listing, 1, "all"),),
        next_page=_next_page,
        # REST ids belong to the 1000-level stream alone: the only repair is to subscribe again
        depth_call=lambda venue_id, levels: None,
        depth_limits=(),
        pools=(RestPool("all", 250, 5.0),),  # 600 in 5 s, but under 50 a second
        fault=_fault,
        classify=lambda path, query: _classify(path, query, market),
        fallback=lambda venue_id: _fallback(venue_id, name),
    )


SPOT_ENDPOINT = _endpoint("spot", 10)
LINEAR_ENDPOINT = _endpoint("linear", 200)
ENDPOINTS = (SPOT_ENDPOINT, LINEAR_ENDPOINT)


def ws_endpoint(host: str, path: str) -> str | None:
    """The endpoint of a WebSocket address."""
    for endpoint in ENDPOINTS:
        if path.rstrip("/").endswith(f"/v5/public/{endpoint.config_key}"):
            return endpoint.name
    return None
