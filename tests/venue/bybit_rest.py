"""REST of Bybit v5: instruments with pagination, order book, recent trades."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .bybit_polls import CATEGORIES, envelope, poll_routes, unknown
from .instruments import Instrument, split_step
from .options import Options
from .rest import Meter, json_reply

if TYPE_CHECKING:
    from .server import LocalVenue


class BybitMeter(Meter):
    """600 requests in 5 s for an address; more is answered 403 for a long while."""

    def __init__(self, options: Options) -> None:
        self._limit = options.limits.bybit_requests_per_5s
        self._ban_s = options.timing.ban_s
        self._times: deque[float] = deque()
        self._banned_until = 0.0

    def refusal(self, request: web.Request) -> web.Response | None:
        now = time.monotonic()
        if now < self._banned_until:
            return self.spoilt(403, 0)
        if not self._limit:
            return None
        self._times.append(now)
        while self._times[0] <= now - 5:
            self._times.popleft()
        if len(self._times) <= self._limit:
            return None
        self._times.clear()
        self._banned_until = now + self._ban_s
        return self.spoilt(403, 0)

    def spoilt(self, status: int, retry_after: float) -> web.Response:
        if status in (403, 418):
            return web.Response(text="access too frequent", status=403)
        if status == 429:
            return json_reply(envelope(429, "Too many visits", {}), 429)
        return json_reply(envelope(10016, "Server error", {}), status)

    def empty(self, body: Any) -> Any:
        result = body.get("result", {})
        return {**body, "result": {**result, "list": []} if "list" in result else {}}

    def other(self, query: dict[str, str], path: str) -> dict[str, str]:
        if "coin" in query:
            return {**query, "coin": "USDC" if query["coin"] != "USDC" else "USDT"}
        if "symbol" not in query:
            return query
        return {**query, "symbol": "ETHUSDT" if query["symbol"] != "ETHUSDT" else "BTCUSDT"}


def spot_row(inst: Instrument, number: int) -> dict[str, Any]:
    return {
        "symbolId": number,
        "symbol": inst.venue_id,
        "baseCoin": inst.base,
        "quoteCoin": inst.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": inst.qty_step,
            "quotePrecision": "0.0000001",
            "minOrderQty": inst.qty_step,
            "maxOrderQty": "230",
            "minOrderAmt": "5",
            "maxOrderAmt": "8000000",
        },
        "priceFilter": {"tickSize": inst.price_step},
        "symbolType": "",
    }


def linear_row(inst: Instrument, number: int) -> dict[str, Any]:
    return {
        "symbol": inst.venue_id,
        "contractType": "LinearFutures" if inst.expiry else "LinearPerpetual",
        "status": "Trading",
        "baseCoin": inst.base,
        "quoteCoin": inst.quote,
        "settleCoin": inst.settle,
        "launchTime": "1585526400000",
        "deliveryTime": str(inst.ends_ms),
        "deliveryFeeRate": "",
        "priceScale": str(split_step(inst.price_step)[1]),
        "priceFilter": {
            "minPrice": inst.price_step,
            "maxPrice": "1999999.80",
            "tickSize": inst.price_step,
        },
        "lotSizeFilter": {
            "maxOrderQty": "1190.000",
            "minOrderQty": inst.qty_step,
            "qtyStep": inst.qty_step,
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 0 if inst.expiry else 60 * inst.funding_hours,
        "copyTrading": "both",
        "symbolType": "",
        "isPreListing": False,
        "preListingInfo": None,
        "symbolId": number,
    }


def odd_linear_rows(like: Instrument) -> list[dict[str, Any]]:
    """A perpetual that is being delisted."""
    leaving = {"symbol": "OLDUSDT", "baseCoin": "OLD", "status": "Delivering"}
    return [{**linear_row(like, 9002), **leaving, "deliveryTime": "1795305600000"}]


def routes(hub: LocalVenue) -> list[web.RouteDef]:
    def category(request: web.Request) -> str:
        wanted = request.query.get("category", "")
        return wanted if wanted in CATEGORIES else ""

    async def instruments(request: web.Request) -> web.Response:
        market = category(request)
        if not market:
            return unknown("params error: Category is invalid")
        insts = hub.instruments("bybit", market)
        row = spot_row if market == "spot" else linear_row
        rows = [row(inst, number) for number, inst in enumerate(insts, 1)]
        status = request.query.get("status", "Trading")
        if market == "linear":
            rows += odd_linear_rows(insts[0]) if insts else []
            rows = [line for line in rows if line["status"] == status]
        if "symbol" in request.query:
            rows = [line for line in rows if line["symbol"] == request.query["symbol"]]
        if market == "spot":  # no pages there
            return json_reply(envelope(0, "OK", {"category": market, "list": rows}))
        try:
            limit = int(request.query.get("limit", "500"))
            start = int(request.query.get("cursor", "") or "0", 16)
        except ValueError:
            return unknown("params error: cursor")
        if not 1 <= limit <= 1000:
            return unknown("params error: limit")
        end = start + limit
        cursor = f"{end:x}" if end < len(rows) else ""
        page = {"category": market, "list": rows[start:end], "nextPageCursor": cursor}
        return json_reply(envelope(0, "OK", page))

    async def orderbook(request: web.Request) -> web.Response:
        market, symbol = category(request), request.query.get("symbol", "")
        feed = hub.rooms[f"bybit:{market}"].feeds.get(symbol) if market else None
        if feed is None:
            return unknown("Not supported symbols")
        text = request.query.get("limit", "1" if market == "spot" else "25")
        if not text.isdigit() or not 1 <= int(text) <= 1000:
            return unknown("params error: limit")
        feed.now_ms = hub.now_ms()
        body = hub.faults.take_old(feed) or feed.depth_body(int(text))
        hub.flush()  # a REST book may be taken right behind a push
        head = f'{{"retCode":0,"retMsg":"OK","result":{body}'
        return json_reply(f'{head},"retExtInfo":{{}},"time":{hub.now_ms()}}}')

    async def recent_trade(request: web.Request) -> web.Response:
        market, symbol = category(request), request.query.get("symbol", "")
        feed = hub.rooms[f"bybit:{market}"].feeds.get(symbol) if market else None
        if feed is None:
            return unknown("Not supported symbols")
        most = 60 if market == "spot" else 1000
        limit = min(most, int(request.query.get("limit", "60" if market == "spot" else "500")))
        rows = hub.log.trades("bybit", market, symbol, "publicTrade")[-limit:]
        listed = [
            {
                "execId": row.id,
                "symbol": symbol,
                "price": row.price,
                "size": row.qty,
                "side": row.side.capitalize(),
                "time": str(row.ts_ms),
                "isBlockTrade": False,
                "isRPITrade": False,
                "seq": str(row.seq),
            }
            for row in reversed(rows)
        ]
        return json_reply(envelope(0, "OK", {"category": market, "list": listed}))

    async def server_time(_: web.Request) -> web.Response:
        now = time.time_ns()
        result = {"timeSecond": str(now // 10**9), "timeNano": str(now)}
        return json_reply(envelope(0, "OK", result))

    return [
        web.get("/v5/market/time", server_time),
        web.get("/v5/market/instruments-info", instruments),
        web.get("/v5/market/orderbook", orderbook),
        web.get("/v5/market/recent-trade", recent_trade),
        *poll_routes(hub),
    ]
