"""OKX v5: spot, swaps and futures on one set of addresses; sizes of derivatives are contracts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import simdjson

from .naming import (
    PERP,
    XPERP,
    BadListing,
    Skip,
    dated,
    document,
    milliseconds,
    multiplied,
    parse_rows,
    product,
    step,
    text,
    unified,
)
from .table import (
    BBO,
    DEPTH,
    INVERSE,
    LINEAR,
    OPTION,
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

NAME = "okx"
_CHANNEL = re.compile(rb'"channel"\s*:\s*"([^"\\]{1,64})"')
_ID = re.compile(rb'"instId"\s*:\s*"([^"\\]{1,64})"')
_STATES_WITHOUT_DATA = {"preopen", "test", "expired", "suspend"}


class OkxWire:
    """A topic is `channel:instId`; acknowledgements come one per topic, errors name it in words."""

    def stream_id(self, venue_id: str) -> str:
        return venue_id

    def _request(self, op: str, mark: str, number: int, topics: Sequence[str]) -> tuple[str, str]:
        request_id = f"{mark}{number}"  # letters and digits only
        args = []
        for topic in topics:
            channel, _, inst_id = topic.partition(":")
            args.append({"channel": channel, "instId": inst_id})
        message = {"id": request_id, "op": op, "args": args}
        return request_id, json.dumps(message, separators=(",", ":"), ensure_ascii=False)

    def subscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        return self._request("subscribe", "s", number, topics)

    def unsubscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        return self._request("unsubscribe", "u", number, topics)

    def ping(self, number: int) -> tuple[str, str]:
        return "", "ping"

    def judge(self, control: ControlLike, topics: Sequence[str]) -> Verdict:
        named = self._named(control, topics)
        if control.kind == "ack":
            return Verdict(accepted=(named,) if named else ())
        reason = f"{control.code} {control.msg}".strip() or "refused"
        if control.code in ("60014", "64007"):  # too frequent; internal error
            return Verdict(again=tuple(topics), wait_s=2.0)
        if not named and len(topics) == 1:
            named = topics[0]
        if named:  # the others of the request stand
            return Verdict(refused=((named, reason),))
        return Verdict(apart=tuple(topics), wait_s=2.0)

    def _named(self, control: ControlLike, topics: Sequence[str]) -> str:
        """The topic that an answer is about: by its arg, else by the words of the error."""
        if control.topic in topics:
            return control.topic
        words = f"{control.topic} {control.msg}"
        best = ""
        for topic in topics:
            channel, _, inst_id = topic.partition(":")
            if re.search(rf"(?<![\w-]){re.escape(channel)}(?![\w-])", words) and re.search(
                rf"(?<![\w-]){re.escape(inst_id)}(?![\w-])", words
            ):
                best = topic
                break
        return best

    def leaving(self, control: ControlLike) -> bool:
        return control.kind == "notice" and control.code == "64008"

    def topic_of(self, frame: bytes) -> str:
        head = frame[:300]
        channel, inst_id = _CHANNEL.search(head), _ID.search(head)
        if not channel or not inst_id or b'"event"' in head:
            return ""
        return f"{channel[1].decode('utf-8', 'replace')}:{inst_id[1].decode('utf-8', 'replace')}"


def _family(row: Mapping[str, Any]) -> tuple[str, str, bool]:
    """(base, quote, is _UM) of a derivative, from its family: `uly` has no _UM in it."""
    family = text(row, "instFamily", required=False) or text(row, "uly", required=False)
    base, dash, quoted = family.partition("-")
    if not dash or "-" in quoted:
        raise Skip("empty_field" if not family else "bad_family")
    return base, quoted.removesuffix("_UM"), quoted.endswith("_UM")


def _derivative(row: Mapping[str, Any], kind: str) -> dict[str, Any]:
    base, quoted, um = _family(row)
    expiry = milliseconds(row.get("expTime"))
    suffix = PERP
    if kind == "FUTURES":
        if text(row, "ruleType", required=False) == "xperp":
            suffix = XPERP
        elif expiry is None:
            raise Skip("no_expiry")
        else:
            suffix = dated(expiry)
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
        "base": base,
        "quote": quoted,
        "settle": text(row, "settleCcy"),
        "symbol": unified(base, quoted, um, suffix),
        "contract": contract,
        "expiry_ms": expiry,
        "publish": contract is not None,
    }


def _spot(row: Mapping[str, Any]) -> dict[str, Any]:
    base, quoted = text(row, "baseCcy"), text(row, "quoteCcy")
    return {
        "market": SPOT,
        "base": base,
        "quote": quoted,
        "settle": quoted,
        "symbol": unified(base, quoted),
        "contract": "1",
        "expiry_ms": milliseconds(row.get("expTime")),
        "publish": True,
    }


def _instrument(row: Mapping[str, Any]) -> Instrument:
    venue_id, kind = text(row, "instId"), text(row, "instType")
    state = text(row, "state", required=False)
    if state in ("preopen", "test"):
        raise Skip(state)  # placeholders, most fields empty
    if kind not in ("SPOT", "SWAP", "FUTURES"):
        raise Skip(f"type_{kind.lower()}")
    fields = _spot(row) if kind == "SPOT" else _derivative(row, kind)
    underlying, multiplier = multiplied(fields["base"])
    return Instrument(
        endpoint=NAME,
        exchange=NAME,
        venue_id=venue_id,
        underlying=underlying,
        multiplier=multiplier,
        price_step=step(row.get("tickSz"), "price_step"),
        qty_step=step(row.get("lotSz"), "qty_step"),
        status=state,
        live=state not in _STATES_WITHOUT_DATA,
        **fields,
    )


def _parse(body: bytes) -> Listing:
    rows = document(body).get("data")
    if not isinstance(rows, simdjson.Array):
        raise BadListing("no data")
    return parse_rows(rows, "instId", _instrument, Listing())


def _fallback(venue_id: str) -> Instrument:
    """From the id alone (a recording without instruments): contract sizes stay unknown."""
    parts = venue_id.split("-")
    base, second = parts[0], parts[1] if len(parts) > 1 else ""
    quoted, um = second.removesuffix("_UM"), second.endswith("_UM")
    rest = parts[2:]
    market, suffix = SPOT, ""
    if len(rest) == 1:
        market = INVERSE if quoted == "USD" and not um else LINEAR
        suffix = PERP if rest[0] == "SWAP" else f"-{rest[0]}"
    elif rest:
        market, suffix = OPTION, "-" + "-".join(rest)
    underlying, multiplier = multiplied(base)
    return Instrument(
        endpoint=NAME,
        exchange=NAME,
        venue_id=venue_id,
        market=market,
        symbol=f"{base}{quoted}{'_UM' if um else ''}{suffix}".upper(),
        base=base,
        quote=quoted,
        settle=quoted if market in (SPOT, LINEAR) else base,
        underlying=underlying,
        multiplier=multiplier,
        price_step=None,
        qty_step=None,
        contract="1" if market == SPOT else None,
        status="",
        live=True,
        expiry_ms=None,
        publish=market == SPOT,
    )


_CODES = {
    "50001": RestFault("unavailable", retry=True),
    "50004": RestFault("timeout", retry=True),
    "50011": RestFault("rate_limited", retry=True, hold_s=2.0, scope="pool"),
    "50013": RestFault("busy", retry=True, hold_s=1.0, scope="pool"),
    "50026": RestFault("system_error", retry=True),
    "51001": RestFault("unknown_symbol"),
    "51155": RestFault("unknown_symbol"),
}


def _fault(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    call: RestCall,
) -> RestFault | None:
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
        if call.kind == DEPTH and (not isinstance(data, simdjson.Array) or len(data) == 0):
            return RestFault("not_a_depth_body")
        return None
    if isinstance(code, str) and code in _CODES:
        return _CODES[code]
    if status == 429:
        return _CODES["50011"]
    return RestFault(f"error_{code}") if status < 500 else None


def _depth_call(venue_id: str, levels: int) -> RestCall:
    path = f"/api/v5/market/books?instId={quote(venue_id, safe='')}&sz=400"
    return RestCall(NAME, DEPTH, path, 1, "books", venue_id, 400)


def _classify(path: str, query: Mapping[str, str]) -> RestEntry | None:
    _, found, call = path.rpartition("/api/v5/")
    if not found:
        return None
    kind = {"market/books": DEPTH, "public/instruments": "instruments"}.get(call, call)
    return RestEntry(NAME, kind, query.get("instId", ""), asked_levels(query, "sz"))


ENDPOINT = Endpoint(
    name=NAME,
    exchange=NAME,
    markets=(SPOT, LINEAR, INVERSE),
    config_key="",
    ws_path="",
    feeds=(
        FeedRow(
            TRADE,
            "public",
            "trades:{s}",
            witness=(BBO, DEPTH),
            witness_s=60.0,
            weak=True,
            events=True,
        ),
        # both come at once when subscribed and again after about a minute without a change
        FeedRow(
            BBO,
            "public",
            "bbo-tbt:{s}",
            first_s=10.0,
            repeat_s=60.0,
            witness=(TRADE,),
            witness_s=20.0,
        ),
        FeedRow(
            DEPTH, "public", "books:{s}", first_s=10.0, repeat_s=60.0, witness=(BBO,), witness_s=5.0
        ),
    ),
    limits=Limits(
        topics_per_connection=120,
        topics_per_request=100,
        bytes_per_request=48_000,
        books_per_connection=28,
        spacing_s=0.1,
        operations_per_hour=460,
        connect_interval_s=0.5,
        connect_burst=1,
    ),  # 3 a second
    heartbeat=Heartbeat(every_s=20.0, pong_s=8.0, idle=True),
    wire=OkxWire(),
    book_by_ids=False,
    parse=_parse,
    listing_calls=tuple(
        RestCall(NAME, "instruments", f"/api/v5/public/instruments?instType={kind}", 1, "listing")
        for kind in ("SPOT", "SWAP", "FUTURES")
    ),
    next_page=lambda call, listing: None,
    depth_call=_depth_call,
    depth_limits=(400,),
    # one bucket per endpoint, somewhat under 40 and 20 per 2 s
    pools=(RestPool("books", 36, 2.0), RestPool("listing", 18, 2.0)),
    fault=_fault,
    classify=_classify,
    fallback=_fallback,
)
ENDPOINTS = (ENDPOINT,)


def ws_endpoint(host: str, path: str) -> str | None:
    """The endpoint of a WebSocket address: one for all of them."""
    return NAME if "/ws/v5/" in f"{path}/" else None
