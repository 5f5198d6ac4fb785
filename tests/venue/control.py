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
        return web.Response(text="\n".join(["GET /state", "POST /rate?value=N", *lines, ""]))

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

    return [
        web.get("/", index),
        web.get("/state", state),
        web.get("/book", book),
        web.post("/rate", rate),
        web.post("/fault/{name}", fault),
    ]
