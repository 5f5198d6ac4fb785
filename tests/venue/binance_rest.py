"""REST of Binance spot (/api/v3) and USD-M futures (/fapi/v1): depth, instruments, trades."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .desk import Feed
from .instruments import Instrument, split_step
from .options import Options
from .rest import Meter, html_reply, json_reply

if TYPE_CHECKING:
    from .server import LocalVenue

PREFIX = {"spot": "/api/v3", "linear": "/fapi/v1"}
LINEAR_LIMITS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}  # limit -> weight
SPOT_LIMITS = ((100, 5), (500, 25), (1000, 50), (5000, 250))  # up to -> weight
WEIGHTS = {
    "/api/v3/exchangeInfo": 20,
    "/api/v3/trades": 25,
    "/api/v3/historicalTrades": 25,
    "/fapi/v1/aggTrades": 20,
}
BAN_AFTER = 3  # requests in spite of a 429, then 418


def weight_of(request: web.Request) -> int:
    """What a request costs before it is answered."""
    path = request.path
    if not path.endswith("/depth"):
        return WEIGHTS.get(path, 1)
    try:
        limit = int(request.query.get("limit", "100" if path.startswith("/api") else "500"))
    except ValueError:
        return 1
    if path.startswith("/fapi"):
        return LINEAR_LIMITS.get(limit, 1)
    return next((weight for most, weight in SPOT_LIMITS if limit <= most), 250)


class BinanceMeter(Meter):
    """Request weight in fixed windows, one budget for spot and one for futures."""

    def __init__(self, options: Options) -> None:
        self._limits = {"spot": options.limits.spot_weight, "linear": options.limits.linear_weight}
        self._window_s = options.timing.weight_window_s
        self._ban_s = options.timing.ban_s
        self._window = 0
        self.used = {"spot": 0, "linear": 0}
        self._refused = {"spot": 0, "linear": 0}
        self._banned_until = 0.0

    def _pool(self, request: web.Request) -> str:
        return "linear" if request.path.startswith("/fapi") else "spot"

    def refusal(self, request: web.Request) -> web.Response | None:
        now = time.time()
        window = int(now / self._window_s)
        if window != self._window:
            self._window = window
            self.used = dict.fromkeys(self.used, 0)
            self._refused = dict.fromkeys(self._refused, 0)
        if now < self._banned_until:
            return self.spoilt(418, self._banned_until - now)
        pool = self._pool(request)
        self.used[pool] += weight_of(request)
        if not self._limits[pool] or self.used[pool] <= self._limits[pool]:
            return None
        self._refused[pool] += 1
        if self._refused[pool] > BAN_AFTER:
            self._banned_until = now + self._ban_s
            return self.spoilt(418, self._ban_s)
        return self.spoilt(429, (window + 1) * self._window_s - now)

    def headers(self, request: web.Request) -> dict[str, str]:
        return {"X-MBX-USED-WEIGHT-1M": str(self.used[self._pool(request)])}

    def spoilt(self, status: int, retry_after: float) -> web.Response:
        wait = str(max(1, int(retry_after + 0.999)))
        if status == 418:
            until = int((time.time() + retry_after) * 1000)
            text = f"Way too much request weight used; IP banned until {until}."
            return json_reply({"code": -1003, "msg": text}, 418, Retry_After=wait)
        if status == 429:
            text = "Too much request weight used; please use WebSocket Streams for live updates."
            return json_reply({"code": -1003, "msg": text}, 429, Retry_After=wait)
        if status == 403:
            return html_reply(403)
        return json_reply({"code": -1000, "msg": "An unknown error occurred."}, status)


def error(code: int, text: str) -> web.Response:
    return json_reply({"code": code, "msg": text}, 400)


def spot_row(inst: Instrument, status: str = "TRADING") -> dict[str, Any]:
    return {
        "symbol": inst.venue_id,
        "status": status,
        "baseAsset": inst.base,
        "baseAssetPrecision": 8,
        "quoteAsset": inst.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": inst.price_step,
                "maxPrice": "1000000.00000000",
                "tickSize": inst.price_step,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": inst.qty_step,
                "maxQty": "9000000000.00000000",
                "stepSize": inst.qty_step,
            },
            {"filterType": "ICEBERG_PARTS", "limit": 10},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }


def linear_row(
    inst: Instrument, status: str = "TRADING", contract: str = "PERPETUAL"
) -> dict[str, Any]:
    if inst.expiry:
        contract = "CURRENT_QUARTER"
    return {
        "symbol": inst.venue_id,
        "pair": f"{inst.base}{inst.quote}",
        "contractType": contract,
        "deliveryDate": inst.ends_ms or 4133404800000,
        "onboardDate": 1569398400000,
        "status": status,
        "baseAsset": inst.base,
        "quoteAsset": inst.quote,
        "marginAsset": inst.quote,
        "pricePrecision": split_step(inst.price_step)[1] + 1,  # not the tick size
        "quantityPrecision": split_step(inst.qty_step)[1],
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "filters": [
            {
                "minPrice": inst.price_step,
                "maxPrice": "4529764",
                "filterType": "PRICE_FILTER",
                "tickSize": inst.price_step,
            },
            {
                "stepSize": inst.qty_step,
                "filterType": "LOT_SIZE",
                "maxQty": "1000000000",
                "minQty": inst.qty_step,
            },
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def odd_rows(market: str, like: Instrument) -> list[dict[str, Any]]:
    """Rows that a reader has to step over, one by one."""
    if market == "spot":
        return [{**spot_row(like, "BREAK"), "symbol": "OLDUSDT", "baseAsset": "OLD"}]
    pending = linear_row(like, "PENDING_TRADING")
    pending["filters"] = [{"filterType": "PRICE_FILTER", "tickSize": "0", "minPrice": "0"}]
    return [
        {**pending, "symbol": "NEWUSDT", "baseAsset": "NEW"},
        {**linear_row(like, contract="TRADIFI_PERPETUAL"), "symbol": "XAUUSDT", "baseAsset": "XAU"},
    ]


def routes(hub: LocalVenue) -> list[web.RouteDef]:
    def market_of(request: web.Request) -> str:
        return "linear" if request.path.startswith("/fapi") else "spot"

    def found(request: web.Request) -> Feed | web.Response:
        symbol = request.query.get("symbol", "")
        if not symbol:
            text = "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
            return error(-1102, text)
        feed = hub.rooms[f"binance:{market_of(request)}"].feeds.get(symbol)
        return feed if feed is not None else error(-1121, "Invalid symbol.")

    async def depth(request: web.Request) -> web.Response:
        feed = found(request)
        if isinstance(feed, web.Response):
            return feed
        linear = market_of(request) == "linear"
        text = request.query.get("limit", "500" if linear else "100")
        if not text.isdigit() or (linear and int(text) not in LINEAR_LIMITS):
            return error(-4021 if linear else -1130, f"{text} is not valid depth limit.")
        old = hub.faults.take_old(feed)
        feed.now_ms = hub.now_ms()
        return json_reply(feed.depth_body(min(int(text), 5000)) if old is None else old)

    async def exchange_info(request: web.Request) -> web.Response:
        market = market_of(request)
        insts = hub.instruments("binance", market)
        row = linear_row if market == "linear" else spot_row
        rows = [row(inst) for inst in insts]
        if market == "spot" and ("symbol" in request.query or "symbols" in request.query):
            try:
                wanted = json.loads(request.query.get("symbols", "[]"))
            except ValueError:
                return error(-1100, "Illegal characters found in parameter 'symbols'.")
            wanted = [*wanted, *request.query.getall("symbol", [])]
            rows = [line for line in rows if line["symbol"] in wanted]
            if len(rows) != len(set(wanted)):
                return error(-1121, "Invalid symbol.")
        elif insts:
            rows += odd_rows(market, insts[0])
        limits = hub.options.limits
        limit = {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": limits.linear_weight if market == "linear" else limits.spot_weight,
        }
        head = {"timezone": "UTC", "serverTime": hub.now_ms(), "rateLimits": [limit]}
        return json_reply({**head, "exchangeFilters": [], "symbols": rows})

    async def spot_trades(request: web.Request) -> web.Response:
        feed = found(request)
        if isinstance(feed, web.Response):
            return feed
        limit = int(request.query.get("limit", "500"))
        rows = hub.log.trades("binance", "spot", feed.inst.venue_id, "trade")
        first = int(request.query.get("fromId", "0"))
        rows = [row for row in rows if int(row.id) >= first][:limit] if first else rows[-limit:]
        return json_reply(
            [
                {
                    "id": int(row.id),
                    "price": row.price,
                    "qty": row.qty,
                    "quoteQty": "0",
                    "time": row.ts_ms,
                    "isBuyerMaker": row.side == "sell",
                    "isBestMatch": True,
                }
                for row in rows
            ]
        )

    async def aggregates(request: web.Request) -> web.Response:
        feed = found(request)
        if isinstance(feed, web.Response):
            return feed
        limit = int(request.query.get("limit", "500"))
        rows = hub.log.trades("binance", market_of(request), feed.inst.venue_id, "aggTrade")
        first = int(request.query.get("fromId", "0"))
        rows = [row for row in rows if int(row.id) >= first][:limit] if first else rows[-limit:]
        return json_reply(
            [
                {
                    "a": int(row.id),
                    "p": row.price,
                    "q": row.qty,
                    "nq": row.organic or row.qty,
                    "f": 0,
                    "l": 0,
                    "T": row.ts_ms,
                    "m": row.side == "sell",
                }
                for row in rows
            ]
        )

    async def ping(_: web.Request) -> web.Response:
        return json_reply({})

    async def server_time(_: web.Request) -> web.Response:
        return json_reply({"serverTime": hub.now_ms()})

    out: list[web.RouteDef] = []
    for prefix in PREFIX.values():
        out += [
            web.get(f"{prefix}/ping", ping),
            web.get(f"{prefix}/time", server_time),
            web.get(f"{prefix}/depth", depth),
            web.get(f"{prefix}/exchangeInfo", exchange_info),
            web.get(f"{prefix}/aggTrades", aggregates),
        ]
    spot = PREFIX["spot"]
    return [
        *out,
        web.get(f"{spot}/trades", spot_trades),
        web.get(f"{spot}/historicalTrades", spot_trades),
    ]
