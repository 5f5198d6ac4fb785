"""Binance spot and USD-M futures: streams, control messages, limits."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from .binance_desk import BinanceDesk
from .binance_reports import FRAMES, BinanceReports
from .conn import Conn, Room

# the suffixes that carry data; everything else is acknowledged and stays silent
SUFFIXES: dict[str, dict[str, str]] = {
    "spot": {
        "trade": "trade",
        "aggTrade": "aggTrade",
        "bookTicker": "bbo",
        "depth": "depth",
        "depth@100ms": "depth",
        "ticker": "ticker",
        "blockTrade": "block",
        **{f"kline_{name}": "kline" for name in FRAMES},
    },
    "linear": {
        "trade": "trade",
        "aggTrade": "aggTrade",
        "bookTicker": "bbo",
        "depth": "depth",
        "depth@100ms": "depth",
        "depth@500ms": "depth",
        "ticker": "ticker",
        "markPrice": "mark",
        "markPrice@1s": "mark",
        "forceOrder": "liquidation",
        **{f"kline_{name}": "kline" for name in FRAMES if name != "1s"},
    },
}
# seconds between two pushes: by suffix, or by kind
PACES = {
    "spot": {"ticker": 1.0, "kline_1s": 1.0, "kline": 2.0},
    "linear": {"ticker": 2.0, "markPrice": 3.0, "markPrice@1s": 1.0, "kline": 0.25},
}
# USD-M: where a kind flows, "market" if not said. On the path without a route the public ones
# still do.
ROUTES = {"trade": "public", "bbo": "public", "depth": "public", "aggTrade": "market"}
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class BinanceRoom(Room):
    """Spot or USD-M. A name that nothing is known about is acknowledged and never sends."""

    venue = "binance"

    def add_desk(self, desk: BinanceDesk) -> None:
        self.feeds[desk.inst.venue_id] = desk
        desk.reports = BinanceReports(desk, self)
        paces = PACES[self.market]
        for suffix, kind in SUFFIXES[self.market].items():
            name = f"{desk.inst.venue_id.lower()}@{suffix}"
            self.add_topic(desk, kind, name, paces.get(suffix, paces.get(kind, 0.0)))
            if kind == "kline":
                desk.reports.frames[name] = FRAMES[suffix.removeprefix("kline_")]
        desk.take_topics()

    def accept(self, path: str, query: dict[str, str]) -> Conn | None:
        route = ""
        if self.market == "linear":
            head, _, rest = path[1:].partition("/")
            if head in ("public", "market", "private"):
                route, path = head, "/" + rest
        names: list[str] = []
        if path == "/stream":
            names = [name for name in query.get("streams", "").split("/") if name]
        elif path == "/ws" or path.startswith("/ws/"):
            names = [unquote(name) for name in path[3:].split("/") if name]
        else:
            return None
        if "timeUnit" in query:
            return None  # microseconds are not spoken here
        limit = self.hub.options.limits.streams
        if any("," in name for name in names) or (limit and len(names) > limit):
            return None
        conn = Conn(self, route, combined=path == "/stream")
        conn.streams = names
        return conn

    def on_open(self, conn: Conn) -> None:
        for name in conn.streams:
            self._subscribe(conn, name)

    def on_control(self, conn: Conn) -> None:
        limits = self.hub.options.limits
        limit = (
            limits.linear_messages_per_s
            if self.market == "linear"
            else (limits.spot_messages_per_s)
        )
        if self.too_many(conn, limit, 1.0):
            conn.close(1008, "Too many requests")

    def tick(self, conn: Conn, now: float) -> None:
        timing = self.hub.options.timing
        linear = self.market == "linear"
        every = timing.linear_ping_s if linear else timing.spot_ping_s
        wait = timing.linear_pong_s if linear else timing.spot_pong_s
        if conn.awaits_pong and now - conn.pinged > wait:
            conn.close(1008, "Pong timeout")
        elif now - conn.pinged > every and not conn.awaits_pong:
            conn.ping()
        elif now - conn.opened > timing.life_s:
            conn.close(1001, "Connection lifetime of 24 hours reached")

    def on_text(self, conn: Conn, data: bytes) -> None:
        self.on_control(conn)  # JSON messages count too
        if conn.closing:
            return
        try:
            message = json.loads(data)
        except ValueError as error:
            line = getattr(error, "lineno", 1)
            self._error(conn, 3, f"Invalid JSON: expected value at line {line} column 1", None)
            return
        if not isinstance(message, dict) or "method" not in message:
            self._error(conn, 2, "Invalid request: missing field `method` at line 1 column 2", None)
            return
        request_id = message.get("id")
        method = message["method"]
        if method not in METHODS:
            known = ", ".join(f"`{name}`" for name in METHODS)
            text = f"Invalid request: unknown variant `{method}`, expected one of {known}"
            self._error(conn, 2, text, request_id)
        elif not self._good_id(request_id):
            text = "Invalid request: request ID must be an unsigned integer"
            self._error(conn, 2, text, None)
        else:
            self._request(conn, method, message.get("params"), request_id)

    def _good_id(self, value: object) -> bool:
        if isinstance(value, bool):
            return False
        if self.market == "linear":
            return isinstance(value, int) and 0 <= value < 1 << 64
        if isinstance(value, str):
            return value.isalnum() and len(value) <= 36
        return value is None or (isinstance(value, int) and -(1 << 63) <= value < 1 << 63)

    def _request(self, conn: Conn, method: str, params: object, request_id: object) -> None:
        if method == "LIST_SUBSCRIPTIONS":
            conn.json({"result": list(conn.topics), "id": request_id})
            return
        if not isinstance(params, list):
            self._error(conn, 2, "Invalid request: missing field `params`", request_id)
            return
        if method in ("SET_PROPERTY", "GET_PROPERTY"):
            self._property(conn, method, params, request_id)
            return
        if not all(isinstance(name, str) for name in params):
            self._error(conn, 2, "Invalid request: invalid type, expected a string", request_id)
            return
        limit = self.hub.options.limits.streams
        if method == "SUBSCRIBE" and limit and len({*conn.topics, *params}) > limit:
            # what the venue answers here is not documented; that it refuses is
            self._error(conn, 2, "Invalid request: too many parameters", request_id)
            return
        if not self.hub.faults.swallow_ack(self.name):
            conn.json({"result": None, "id": request_id})
        for name in params:
            if method == "SUBSCRIBE":
                self._subscribe(conn, name)
            else:
                self.leave(conn, name)

    def _property(self, conn: Conn, method: str, params: list[Any], request_id: object) -> None:
        if not params or params[0] != "combined":
            self._error(conn, 0, f"Unknown property: {params[:1]}", request_id)
        elif method == "GET_PROPERTY":
            conn.json({"result": conn.combined, "id": request_id})
        elif len(params) != 2 or not isinstance(params[1], bool):
            self._error(conn, 1, "Invalid value type: expected Boolean", request_id)
        else:
            topics = [topic for topic in conn.topics.values() if topic is not None]
            for topic in topics:
                topic.remove(conn)
            conn.combined = params[1]
            for topic in topics:
                topic.add(conn)
            conn.json({"result": None, "id": request_id})

    def _subscribe(self, conn: Conn, name: str) -> None:
        if name in conn.topics:
            return
        topic = self.topics.get(name)
        if topic is not None and self.market == "linear":
            route = ROUTES.get(topic.kind, "market")
            if conn.route != route and not (conn.route == "" and route == "public"):
                topic = None  # wrong path: acknowledged, and nothing comes
        self.join(conn, name, topic)

    def _error(self, conn: Conn, code: int, text: str, request_id: object) -> None:
        body: dict[str, Any] = {"code": code, "msg": text}
        if self.hub.options.nested_errors:
            conn.json({"error": body, "id": request_id})
        else:
            conn.json(body if request_id is None else {**body, "id": request_id})
