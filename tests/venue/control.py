"""The faults over plain HTTP on loopback, so that a venue run by hand can be told by curl."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .rest import json_reply

if TYPE_CHECKING:
    from .faults import Faults
    from .server import LocalVenue

CASTS: dict[str, Any] = {"str": str, "int": int, "float": float}
NOT_SWITCHES = ("over", "take_rest", "swallow_ack", "take_old")
REPORTS = "GET /reports?venue=V&market=M&symbol=S&kind=K"
EXAMPLES = (
    ("gap", "venue=binance&market=spot&symbol=BTCUSDT&kind=depth&n=1"),
    ("gap", "venue=okx&market=linear&symbol=BTCUSDT-PERP&kind=trade&n=2"),
    ("duplicate", "venue=bybit&market=linear&symbol=BTCUSDT&kind=trade&n=3"),
    ("swap", "venue=binance&market=linear&symbol=ETHUSDT&kind=depth"),
    ("crossed", "venue=bybit&market=spot&symbol=ETHUSDT"),
    ("silence", "venue=okx&market=spot&symbol=ETH-USDT"),
    ("garbage", "venue=binance&market=spot&symbol=BTCUSDT&what=half_utf8&kind=depth&n=5"),
    ("cut", "venue=bybit"),
    ("kick", "venue=binance&market=linear"),
    ("stall", "venue=okx&seconds=40"),
    ("old_snapshot", "venue=binance&market=spot&symbol=BTCUSDT&k=3"),
    ("rest", "venue=binance&mode=429&n=2&path=/depth&seconds=2"),
    ("rest", "venue=okx&mode=old&n=1&path=/public/mark-price"),
    ("silence", "venue=okx&market=linear&symbol=BTC-USDT-SWAP&kind=index"),
    ("liquidate", "venue=bybit&market=linear&symbol=BTCUSDT&n=3"),
    ("block", "venue=binance&market=spot&symbol=BTCUSDT"),
    ("kline_error", "venue=binance&market=linear&symbol=BTCUSDT"),
    ("contract_size", "venue=okx&market=linear&symbol=ETH-USDT-SWAP&size=0.01"),
    ("funding_interval", "venue=binance&market=linear&symbol=ETHUSDT&hours=4"),
    ("delist", "venue=bybit&market=linear&symbol=1000PEPEUSDT&seconds=30"),
    ("refuse", "venue=okx&seconds=10"),
    ("restart", "venue=bybit&seconds=3"),
    ("server_shutdown", "seconds=5"),
    ("notice", "seconds=5"),
    ("okx_reset", "symbol=BTC-USDT"),
    ("clear", ""),
)


def switches(faults: Faults) -> dict[str, inspect.Signature]:
    """Every fault that can be asked for by name."""
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(faults, inspect.ismethod)
        if not name.startswith("_") and name not in NOT_SWITCHES
    }


def control_routes(hub: LocalVenue) -> list[web.RouteDef]:
    known = switches(hub.faults)

    async def index(_: web.Request) -> web.Response:
        lines = [f"POST /fault/{name}{sign}" for name, sign in known.items()]
        head = ["GET /state", REPORTS, "POST /rate?value=N"]
        return web.Response(text="\n".join([*head, *lines, ""]))

    async def state(_: web.Request) -> web.Response:
        conns = [
            {"id": conn.id, "room": conn.room.name, "route": conn.route, "topics": len(conn.topics)}
            for conn in hub.conns()
        ]
        body = {"rate": hub.rate, "shut": sorted(hub.shut_venues), "stats": dict(hub.stats)}
        return json_reply({**body, "connections": conns})

    async def rate(request: web.Request) -> web.Response:
        try:
            hub.rate = max(0.0, float(request.query["value"]))
        except (KeyError, ValueError):
            return json_reply({"error": "value: messages a second"}, 400)
        return json_reply({"rate": hub.rate})

    async def fault(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in known:
            return json_reply({"error": f"no fault {name!r}", "known": sorted(known)}, 404)
        try:
            arguments = {
                key: CASTS[known[name].parameters[key].annotation](value)
                for key, value in request.query.items()
            }
            touched = getattr(hub.faults, name)(**arguments)
        except (KeyError, TypeError, ValueError) as error:
            return json_reply({"error": f"{type(error).__name__}: {error}"}, 400)
        return json_reply({"fault": name, "touched": touched if isinstance(touched, int) else 1})

    async def book(request: web.Request) -> web.Response:
        query = request.query
        try:
            levels = int(query.get("levels", "0"))
            log = hub.log.of(query["venue"], query["market"], query["symbol"])
            wanted = int(query["id"]) if "id" in query else log.last_id
            found = hub.log.state(log, wanted, levels)
        except (KeyError, ValueError) as error:
            return json_reply({"error": str(error)}, 400)
        sides = {"bids": found.bids, "asks": found.asks}
        text = {side: [[str(p), str(q)] for p, q in rows] for side, rows in sides.items()}
        return json_reply({"id": wanted, **text})

    async def reports(request: web.Request) -> web.Response:
        where = [request.query.get(key) for key in ("venue", "market", "symbol", "kind")]
        try:
            venue, market, symbol, kind = (str(text) for text in where if text is not None)
            rows = hub.log.reports(venue, market, symbol, kind)
        except (KeyError, ValueError) as error:
            return json_reply({"error": f"venue, market, symbol, kind: {error}"}, 400)
        return json_reply([row._asdict() for row in rows])

    return [
        web.get("/", index),
        web.get("/reports", reports),
        web.get("/state", state),
        web.get("/book", book),
        web.post("/rate", rate),
        web.post("/fault/{name}", fault),
    ]
