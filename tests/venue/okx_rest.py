"""REST of OKX v5: instruments, books with seqId, trades."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .instruments import Instrument
from .log import TradeRow
from .okx_polls import fail, good, poll_routes
from .okx_reports import kind_of
from .options import Options
from .rest import Meter, html_reply, json_reply

if TYPE_CHECKING:
    from .server import LocalVenue

# requests per 2 s
LIMITS = {
    "/api/v5/public/time": 10,
    "/api/v5/public/instruments": 20,
    "/api/v5/market/books": 40,
    "/api/v5/market/trades": 100,
    "/api/v5/market/history-trades": 20,
    "/api/v5/market/tickers": 20,
    "/api/v5/market/index-tickers": 20,
    "/api/v5/market/candles": 40,
    "/api/v5/market/history-candles": 20,
    "/api/v5/public/insurance-fund": 10,
    "/api/v5/public/mark-price": 10,
    "/api/v5/public/open-interest": 20,
    "/api/v5/public/funding-rate": 10,
    "/api/v5/public/funding-rate-history": 10,
    "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract": 5,
}
EACH = ("mark-price", "open-interest", "funding-rate", "funding-rate-history", "ratio-contract")


class OkxMeter(Meter):
    """n requests in 2 s for each endpoint; instruments count by instType, others by instId."""

    def __init__(self, options: Options) -> None:
        self._on = options.limits.okx_requests
        self._times: dict[str, deque[float]] = {}

    def refusal(self, request: web.Request) -> web.Response | None:
        limit = LIMITS.get(request.path, 0)
        if not self._on or not limit:
            return None
        key = request.path
        if key.endswith("/instruments"):
            key += request.query.get("instType", "")[:10]
        elif key.endswith(EACH):
            key += request.query.get("instId", "")[:40]
        times = self._times.setdefault(key, deque(maxlen=limit))
        now = time.monotonic()
        if len(times) == limit and now - times[0] < 2:
            return self.spoilt(429, 0)
        times.append(now)
        return None

    def spoilt(self, status: int, retry_after: float) -> web.Response:
        if status in (429, 418):
            return json_reply({"msg": "Too Many Requests", "code": "50011"}, 429)
        if status == 403:
            return html_reply(403)
        text = "System error. Try again later."
        return json_reply({"code": "50026", "msg": text, "data": []}, status)

    def empty(self, body: Any) -> Any:
        return {**body, "data": []}

    def other(self, query: dict[str, str], path: str) -> dict[str, str]:
        out = dict(query)
        for key in ("instId", "instFamily"):
            name = query.get(key, "")
            if name in ("", "ANY"):
                continue
            swap = "-SWAP" if name.count("-") > 1 else ""
            out[key] = f"{'BTC' if name.startswith('ETH') else 'ETH'}-USDT{swap}"
        return out


def instrument_row(inst: Instrument) -> dict[str, Any]:
    spot = inst.market == "spot"
    usd_um = inst.quote.endswith("_UM")
    underlying = f"{inst.base}-{inst.quote.removesuffix('_UM')}"
    return {
        "instType": kind_of(inst),
        "instId": inst.venue_id,
        "uly": "" if spot else underlying,
        "instFamily": "" if spot else f"{inst.base}-{inst.quote}",
        "baseCcy": inst.base if spot else "",
        "quoteCcy": inst.quote if spot else "",
        "settleCcy": "" if spot else inst.settle,
        "ctVal": inst.contract,
        "ctMult": "" if spot else "1",
        "ctValCcy": "" if spot else ("USD" if inst.market == "inverse" else inst.base),
        "ctType": "" if spot else inst.market,
        "tickSz": inst.price_step,
        "lotSz": inst.qty_step,
        "minSz": inst.qty_step,
        "maxLmtSz": "9999999999",
        "listTime": "1548133413000",
        "contTdSwTime": "",
        "expTime": str(inst.ends_ms or ""),
        "state": "live",
        "ruleType": "normal",
        "openType": "",
        "lever": "" if spot else "100",
        "instIdCode": 10000 + len(inst.venue_id),
        "instCategory": "1",
        "tradeQuoteCcyList": ["USDT"] if not usd_um else ["USD"],
        "futureSettlement": False,
        "upcChg": [],
    }


def odd_rows(kind: str, like: Instrument) -> list[dict[str, Any]]:
    """Rows before their listing hold little but a name."""
    row = instrument_row(like)
    blank = {key: "" if isinstance(value, str) else value for key, value in row.items()}
    spot = kind == "SPOT"
    name = "LISTING-SPOT-ABC-USDT" if spot else "ABC-USDT-SWAP"
    old = (
        {"instId": "OLD-USDT", "baseCcy": "OLD"}
        if spot
        else {
            "instId": "OLD-USDT-SWAP",
            "uly": "OLD-USDT",
            "instFamily": "OLD-USDT",
            "ctValCcy": "OLD",
        }
    )
    return [
        {**blank, "instType": kind, "instId": name, "state": "preopen", "instIdCode": None},
        {**row, **old, "state": "suspend"},
    ]


def routes(hub: LocalVenue) -> list[web.RouteDef]:
    room = hub.rooms["okx"]

    async def instruments(request: web.Request) -> web.Response:
        kind = request.query.get("instType", "")
        if kind not in ("SPOT", "SWAP", "FUTURES", "MARGIN", "OPTION", "EVENTS"):
            return fail("50014", "Parameter instType can not be empty.", 400)
        insts = [feed.inst for feed in room.feeds.values() if kind_of(feed.inst) == kind]
        rows = [instrument_row(inst) for inst in insts]
        if "instId" in request.query:
            rows = [row for row in rows if row["instId"] == request.query["instId"]]
            if not rows:
                return fail("51001", "Instrument ID does not exist.")
        elif insts:
            rows += odd_rows(kind, insts[0])
        return good(rows)

    async def books(request: web.Request) -> web.Response:
        feed = room.feeds.get(request.query.get("instId", ""))
        if feed is None:
            return fail("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
        text = request.query.get("sz", "1")
        if not text.isdigit() or not 1 <= int(text) <= 400:
            return fail("51000", "Parameter sz error", 400)
        feed.now_ms = hub.now_ms()
        body = hub.faults.take_old(feed) or feed.depth_body(int(text))
        hub.flush()  # a REST book may be taken right behind a push
        return json_reply(f'{{"code":"0","msg":"","data":[{body}]}}')

    def trade(inst: str, row: TradeRow) -> dict[str, str]:
        return {
            "instId": inst,
            "tradeId": row.id,
            "px": row.price,
            "sz": row.qty,
            "side": row.side,
            "source": "0",
            "ts": str(row.ts_ms),
        }

    async def trades(request: web.Request) -> web.Response:
        """/trades: the newest; /history-trades: also older than `after`, newer than `before`."""
        inst = request.query.get("instId", "")
        feed = room.feeds.get(inst)
        if feed is None:
            return fail("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
        limit = min(int(request.query.get("limit", "100")), 500)
        rows = hub.log.trades("okx", feed.inst.market, inst, "trades-all")
        if request.path.endswith("/history-trades"):
            limit = min(limit, 100)
            after, before = (int(request.query.get(key, "0")) for key in ("after", "before"))
            rows = [r for r in rows if (not after or int(r.id) < after) and int(r.id) > before]
        return good([trade(inst, row) for row in reversed(rows[-limit:])])

    async def server_time(_: web.Request) -> web.Response:
        return good([{"ts": str(hub.now_ms())}])

    return [
        web.get("/api/v5/public/time", server_time),
        web.get("/api/v5/public/instruments", instruments),
        web.get("/api/v5/market/books", books),
        web.get("/api/v5/market/trades", trades),
        web.get("/api/v5/market/history-trades", trades),
        *poll_routes(hub),
    ]
