"""Binance spot and USD-M futures: streams, control messages, limits."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from .conn import Conn, Room
from .desk import Desk
from .log import LostRow
from .market import ASK, BID, Fill
from .wire import Topic

# the suffixes that carry data; everything else is acknowledged and stays silent
SUFFIXES: dict[str, dict[str, str]] = {
    "spot": {
        "trade": "trade",
        "aggTrade": "aggTrade",
        "bookTicker": "bbo",
        "depth": "depth",
        "depth@100ms": "depth",
    },
    "linear": {
        "trade": "trade",
        "aggTrade": "aggTrade",
        "bookTicker": "bbo",
        "depth": "depth",
        "depth@100ms": "depth",
        "depth@500ms": "depth",
    },
}
# USD-M: where a kind flows. On the path without a route the public ones still do.
ROUTES = {"trade": "public", "bbo": "public", "depth": "public", "aggTrade": "market"}
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class BinanceDesk(Desk):
    """One symbol. Spot ids are contiguous; futures ids jump, and chain through `pu`."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.linear = self.inst.market == "linear"
        self.uid_jump = 60 if self.linear else 1
        self.trade_id = self.rng.randrange(10**8, 10**9)
        self.agg_id = self.rng.randrange(10**8, 10**9)
        self.by_kind: dict[str, list[Topic]] = {"trade": [], "aggTrade": [], "bbo": [], "depth": []}
        self.tail = f',"ps":"{self.inst.venue_id}","st":1' if self.linear else ""

    def take_topics(self) -> None:
        for topic in self.topics.values():
            self.by_kind[topic.kind].append(topic)

    def opening(self, topic: Topic) -> list[str]:
        return []

    def depth_body(self, levels: int) -> str:
        book = self.walk.book
        bids, asks = (self.pairs(book.top(side, levels)) for side in (BID, ASK))
        times = f'"E":{self.now_ms},"T":{self.now_ms - 1},' if self.linear else ""
        return f'{{"lastUpdateId":{self.uid},{times}"bids":[{bids}],"asks":[{asks}]}}'

    def emit_trade(self, fill: Fill) -> int:
        symbol, now = self.inst.venue_id, self.now_ms
        price = self.price_text(fill.ticks)
        maker = "false" if fill.buy else "true"
        ignored = "" if self.linear else ',"M":true'
        kind = ',"X":"MARKET"' if self.linear else ""
        first, made = self.trade_id + 1, 0
        (trades,), (aggregates,) = self.by_kind["trade"], self.by_kind["aggTrade"]
        for lots in fill.parts:
            self.trade_id += 1
            sent = False
            if trades.live:
                made += 1
                sent = trades.publish(
                    f'{{"e":"trade","E":{now},"s":"{symbol}","t":{self.trade_id},"p":"{price}",'
                    f'"q":"{self.qty_text(lots)}","T":{now - 1}{kind},"m":{maker}{ignored}}}'
                )
            self.log.trade("trade", self.row(str(self.trade_id), fill, lots, 1, sent))
        self.agg_id += 1
        total = sum(fill.parts)
        qty = self.qty_text(total)
        sent = False
        if aggregates.live:
            made += 1
            organic = ""
            if self.linear:  # one print in ten met an RPI order
                part = total // 2 if self.rng.random() < 0.1 else total
                organic = f',"nq":"{self.qty_text(part)}"'
            tail = ',"st":1' if self.linear else ignored
            sent = aggregates.publish(
                f'{{"e":"aggTrade","E":{now},"s":"{symbol}","a":{self.agg_id},"p":"{price}",'
                f'"q":"{qty}"{organic},"f":{first},"l":{self.trade_id},"T":{now - 1},'
                f'"m":{maker}{tail}}}'
            )
        row = self.row(str(self.agg_id), fill, total, len(fill.parts), sent)
        self.log.trade("aggTrade", row)
        if self.linear and trades.live and self.rng.random() < 0.01:
            self._off_book(trades)
        return made

    def _off_book(self, topic: Topic) -> None:
        """USD-M @trade also shows fills that never met the book."""
        kind, price, qty = (
            ("NA", "0", "0")
            if self.rng.random() < 0.5
            else (
                "INSURANCE_FUND",
                self.price_text(self.inst.start_ticks * 9 // 10),
                self.qty_text(7),
            )
        )
        self.trade_id += 1
        topic.publish(
            f'{{"e":"trade","E":{self.now_ms},"T":{self.now_ms - 1},"s":"{self.inst.venue_id}",'
            f'"t":{self.trade_id},"p":"{price}","q":"{qty}","X":"{kind}","m":true}}'
        )

    def emit_bbo(self) -> int:
        tops = self.tops()
        if tops == self.last_top:
            return 0
        self.last_top = tops
        (topic,) = self.by_kind["bbo"]
        if topic.live:
            (bid, bid_lots), (ask, ask_lots) = tops
            head = '"e":"bookTicker",' if self.linear else ""
            times = f'"T":{self.now_ms - 1},"E":{self.now_ms},' if self.linear else ""
            topic.publish(
                f'{{{head}"u":{self.uid},{times}"s":"{self.inst.venue_id}",'
                f'"b":"{self.price_text(bid)}","B":"{self.qty_text(bid_lots)}",'
                f'"a":"{self.price_text(ask)}","A":"{self.qty_text(ask_lots)}"{self.tail}}}'
            )
        return 1

    def emit_depth(self) -> int:
        book = self.walk.book
        if not self.first_uid:
            if self.rng.random() < 0.7:
                return 0
            self.bump(1)  # an event without levels still moves the ids
        first = self.first_uid if self.linear else self.last_uid + 1
        previous = self.last_uid
        live = [topic for topic in self.by_kind["depth"] if topic.live]
        if live:
            bids, asks = book.touched_now(BID), book.touched_now(ASK)
            for topic in live:
                shown = [*bids, self.crossing()] if topic.take_cross() else bids
                chain = f'"T":{self.now_ms - 1},' if self.linear else ""
                pu = f'"pu":{previous},' if self.linear else ""
                sent = topic.publish(
                    f'{{"e":"depthUpdate","E":{self.now_ms},{chain}"s":"{self.inst.venue_id}",'
                    f'"U":{first},"u":{self.uid},{pu}"b":[{self.pairs(shown)}],'
                    f'"a":[{self.pairs(asks)}]{self.tail}}}'
                )
                if not sent:
                    self.log.lost.append(LostRow(topic.name, first, self.uid))
        self.flush()
        return 1


class BinanceRoom(Room):
    """Spot or USD-M. A name that nothing is known about is acknowledged and never sends."""

    venue = "binance"

    def add_desk(self, desk: BinanceDesk) -> None:
        self.feeds[desk.inst.venue_id] = desk
        for suffix, kind in SUFFIXES[self.market].items():
            self.add_topic(desk, kind, f"{desk.inst.venue_id.lower()}@{suffix}")
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
