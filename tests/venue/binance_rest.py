"""REST of Binance spot (/api/v3) and USD-M futures (/fapi/v1): depth, instruments, trades."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .binance_meter import LINEAR_LIMITS
from .binance_polls import error, missing, poll_routes
from .desk import Feed
from .instruments import Instrument, split_step
from .rest import json_reply

if TYPE_CHECKING:
    from .server import LocalVenue

PREFIX = {"spot": "/api/v3", "linear": "/fapi/v1"}


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
            return missing("symbol")
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
        *poll_routes(hub),
        web.get(f"{spot}/trades", spot_trades),
        web.get(f"{spot}/historicalTrades", spot_trades),
    ]
