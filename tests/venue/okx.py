"""OKX v5 public and business: one acknowledgement per arg, seqId chains, text pings."""

from __future__ import annotations

import json
from collections import deque
from time import monotonic
from typing import Any

from .conn import Conn, Room
from .desk import Desk
from .log import LostRow
from .market import ASK, BID, Change, Fill, Window
from .okx_feeds import INDEX_S, KINDS, OkxIndex, OkxLiquidations, index_id
from .okx_reports import FRAMES, PACES, OkxReports, kind_of
from .wire import Topic

BOOKS_LEVELS = 400
# channel -> kind; which instruments have it
CHANNELS = {"books": "depth", "bbo-tbt": "bbo", "trades": "trade", "trades-all": "fill"}
CHANNELS |= {"tickers": "ticker", "public-block-trades": "block"}
CHANNELS |= {**{f"candle{bar}": "kline" for bar in FRAMES}}
CONTRACTS = {"mark-price": "mark", "open-interest": "open_interest"}
SWAPS = {"funding-rate": "funding"}
INDICES = {"index-tickers": "index"}
DATA = {*CHANNELS, *CONTRACTS, *SWAPS, *INDICES, "liquidation-orders"}
BUSINESS = {"trades-all", "public-block-trades"}  # and every candle channel
QUIET = ("books5", "instruments", "status", "price-limit")  # known on /public, without data here
LOGIN = ("books-l2-tbt", "books50-l2-tbt")


class OkxDesk(Desk):
    """One instrument. Book and trade messages carry one `seqId`, which jumps."""

    uid_jump = 50
    repeat_s = 60.0
    pushes_snapshot = True
    liquidations: OkxLiquidations

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.window = Window(BOOKS_LEVELS)
        self.last_seq = self.uid  # of the newest push of `books`
        self.whole = False  # a REST book was taken since: repeat what came and went
        self.trade_id = self.rng.randrange(10**6, 10**9)
        self.pushed = {"depth": 0.0, "bbo": 0.0}  # monotonic seconds
        self.by_kind: dict[str, Topic] = {}

    def opening(self, topic: Topic) -> list[str]:
        if topic.kind == "bbo":
            return [self._best_payload()]
        if topic.kind != "depth":
            return self.reports.opening(topic)
        _ = self.walk
        self.emit_depth()  # the others reach the state that the snapshot shows
        if not topic.live:
            self.window.reset(self.walk.book)
            self.last_seq = self.uid
        self.pushed["depth"] = monotonic()
        if not self.pushes_snapshot:
            return []
        book = self.walk.book
        bids, asks = book.top(BID, BOOKS_LEVELS), book.top(ASK, BOOKS_LEVELS)
        return [self._push("snapshot", bids, asks, -1, self.last_seq)]

    def depth_body(self, levels: int) -> str:
        """The REST book. Small books may be caught between two pushes, as the venue's are; one
        with more levels than the channel shows is taken at a push, where both agree."""
        walk = self.walk
        book = walk.book
        live = self.by_kind["depth"].live
        if max(len(book.prices[BID]), len(book.prices[ASK])) > BOOKS_LEVELS * 0.9:
            self.emit_depth()
            seq = self.last_seq if live else self.uid
        else:
            self.whole = True
            seq = self.uid if self.first_uid or not live else self.last_seq
        bids, asks = (self._levels(book.top(side, levels)) for side in (BID, ASK))
        return f'{{"asks":[{asks}],"bids":[{bids}],"ts":"{self.now_ms}","seqId":{seq}}}'

    def repeat(self, now: float) -> None:
        books, best = self.by_kind["depth"], self.by_kind["bbo"]
        if books.live and now - self.pushed["depth"] > self.repeat_s:
            self.emit_depth()
            if now - self.pushed["depth"] > self.repeat_s:  # nothing changed: a heartbeat
                self.pushed["depth"] = now
                books.publish(self._push("update", [], [], self.last_seq, self.last_seq))
        if best.live and now - self.pushed["bbo"] > self.repeat_s:
            self.pushed["bbo"] = now
            best.publish(self._best_payload())

    def reset_seq(self) -> None:
        """Maintenance: the next id is lower than the one before, the chain holds."""
        self.uid = self.rng.randrange(10, 10_000)

    def emit_trade(self, fill: Fill) -> int:
        trades, single = self.by_kind["trade"], self.by_kind["fill"]
        price, side = self.price_text(fill.ticks), "buy" if fill.buy else "sell"
        total, count = sum(fill.parts), len(fill.parts)
        self.tape.add(self.now_ms, fill, self.trade_id + 1)
        source = "1" if self.rng.random() < 0.03 else "0"
        tail = f'"side":"{side}","ts":"{self.now_ms}"'
        for lots in fill.parts:
            self.trade_id += 1
            sent = False
            if single.live:
                sent = single.publish(
                    f'{{"arg":{self._arg("trades-all")},"data":[{{"instId":"{self.inst.venue_id}",'
                    f'"tradeId":"{self.trade_id}","px":"{price}","sz":"{self.qty_text(lots)}",'
                    f'{tail},"source":"{source}"}}]}}'
                )
            row = self.row(str(self.trade_id), fill, lots, 1, sent)
            self.log.trade("trades-all", row)
        sent = False
        if trades.live:
            sent = trades.publish(
                f'{{"arg":{self._arg("trades")},"data":[{{"instId":"{self.inst.venue_id}",'
                f'"tradeId":"{self.trade_id}","px":"{price}","sz":"{self.qty_text(total)}",'
                f'{tail},"count":"{count}","source":"{source}","seqId":{self.uid}}}]}}'
            )
        self.log.trade("trades", self.row(str(self.trade_id), fill, total, count, sent))
        return 1

    def emit_bbo(self) -> int:
        tops = self.tops()
        if tops == self.last_top:
            return 0
        self.last_top = tops
        topic = self.by_kind["bbo"]
        if topic.live:
            self.pushed["bbo"] = monotonic()
            topic.publish(self._best_payload())
        return 1

    def emit_depth(self) -> int:
        if not self.first_uid:
            return 0
        book = self.walk.book
        topic = self.by_kind["depth"]
        if topic.live:
            bids = self.window.delta(book, BID, whole=self.whole)
            asks = self.window.delta(book, ASK, whole=self.whole)
            if topic.take_cross():
                bids.insert(0, self.crossing())
            if bids or asks:
                self.pushed["depth"] = monotonic()
                if not topic.publish(self._push("update", bids, asks, self.last_seq, self.uid)):
                    self.log.lost.append(LostRow(topic.name, self.last_seq, self.uid))
                self.last_seq = self.uid
        self.whole = False
        self.flush()
        return 1

    def _arg(self, channel: str) -> str:
        return f'{{"channel":"{channel}","instId":"{self.inst.venue_id}"}}'

    def _levels(self, levels: list[Change]) -> str:
        price, qty = self.price_text, self.qty_text
        return ",".join(
            f'["{price(t)}","{qty(n)}","0","{1 + n % 9}"]' if n else f'["{price(t)}","0","0","0"]'
            for t, n in levels
        )

    def _best_payload(self) -> str:
        bid, ask = self.tops()
        return (
            f'{{"arg":{self._arg("bbo-tbt")},"data":[{{"asks":[{self._levels([ask])}],'
            f'"bids":[{self._levels([bid])}],"ts":"{self.now_ms}","seqId":{self.uid}}}]}}'
        )

    def _push(
        self, action: str, bids: list[Change], asks: list[Change], previous: int, seq: int
    ) -> str:
        return (
            f'{{"arg":{self._arg("books")},"action":"{action}","data":['
            f'{{"asks":[{self._levels(asks)}],"bids":[{self._levels(bids)}],"ts":"{self.now_ms}",'
            f'"checksum":0,"prevSeqId":{previous},"seqId":{seq}}}]}}'
        )


class OkxRoom(Room):
    """All OKX markets; `conn.route` is "public" or "business"."""

    venue = "okx"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.indices: dict[str, OkxIndex] = {}
        self.general = self.liquidations = OkxLiquidations()
        for kind in KINDS:
            self.add_topic(self.general, "liquidation", f"liquidation-orders:{kind}")

    def add_desk(self, desk: OkxDesk) -> None:
        self.feeds[desk.inst.venue_id] = desk
        desk.repeat_s = self.hub.options.timing.okx_repeat_s
        desk.pushes_snapshot = self.hub.options.okx_snapshot
        desk.reports = reports = OkxReports(desk, self)
        desk.liquidations = self.liquidations
        paces = {**PACES, "funding": self.hub.options.timing.okx_funding_s}
        kind_here = kind_of(desk.inst)
        channels = CHANNELS if kind_here == "SPOT" else {**CHANNELS, **CONTRACTS}
        if kind_here == "SWAP":
            channels = {**channels, **SWAPS}
        for channel, kind in channels.items():
            name = f"{channel}:{desk.inst.venue_id}"
            topic = self.add_topic(desk, kind, name, paces.get(kind, 0.0))
            desk.by_kind[kind] = topic
            if kind == "kline":
                reports.frames[name] = FRAMES[channel.removeprefix("candle")]
        if kind_here != "SPOT":
            self._add_index(desk)

    def _add_index(self, desk: OkxDesk) -> None:
        name = index_id(desk.inst)
        index = self.indices.get(name)
        if index is None:
            index = self.indices[name] = OkxIndex(self.hub, desk)
            self.add_topic(index, "index", f"index-tickers:{name}", INDEX_S)
        desk.related = index
        desk.log.reports["index"] = index.log.reports.setdefault(
            "index", deque(maxlen=self.hub.log.report_limit)
        )

    def accept(self, path: str, query: dict[str, str]) -> Conn | None:
        head, _, route = path.rpartition("/")
        return Conn(self, route) if head == "/ws/v5" and route in ("public", "business") else None

    def tick(self, conn: Conn, now: float) -> None:
        timing = self.hub.options.timing
        if now - conn.last_push > timing.okx_idle_s:
            conn.close(4004, "No data received in 30s.")
        elif now - conn.opened > timing.life_s:
            conn.close(1001, "")

    def on_text(self, conn: Conn, data: bytes) -> None:
        limits = self.hub.options.limits
        if data == b"ping":
            conn.text("pong")
            return
        if limits.okx_request_bytes and len(data) > limits.okx_request_bytes:
            conn.close(1009, "Max frame length exceeded")
            return
        try:
            message = json.loads(data)
            operation, args = message["op"], message["args"]
        except (ValueError, KeyError, TypeError):
            shown = data[:200].decode(errors="replace")
            self._error(conn, None, "60012", f"Invalid request: {shown}")
            return
        request_id = message.get("id")
        if operation not in ("subscribe", "unsubscribe"):
            self._error(conn, request_id, "60019", f"Invalid op: {operation}")
        elif request_id is not None and not self._good_id(request_id):
            self._error(conn, None, "60033", "Parameter id error")
        elif not isinstance(args, list) or not all(isinstance(arg, dict) for arg in args):
            self._error(conn, request_id, "60013", "Invalid args")
        elif self.too_many(conn, limits.okx_ops_per_hour, 3600.0):
            self._error(conn, request_id, "60014", "Requests too frequent")
        else:
            for arg in args:
                self._one(conn, operation, arg, request_id)

    @staticmethod
    def _good_id(value: object) -> bool:
        return isinstance(value, str) and value.isascii() and value.isalnum() and len(value) <= 32

    def _one(self, conn: Conn, operation: str, arg: dict[str, Any], request_id: object) -> None:
        channel, inst = str(arg.get("channel", "")), str(arg.get("instId", ""))
        name = f"{channel}:{inst or arg.get('instType', '')}"
        if operation == "unsubscribe":
            self.leave(conn, name)
            self._ack(conn, operation, arg, request_id)
            return
        refused = self._refusal(conn.route, channel, inst, name)
        if refused is not None:
            self._error(conn, request_id, *refused)
            return
        early = self.hub.rng.random() < 0.2  # data may come before the ack
        if not early:
            self._ack(conn, operation, arg, request_id)
        if name not in conn.topics:
            self.join(conn, name, self.topics.get(name))
        if early:
            self._ack(conn, operation, arg, request_id)

    def _refusal(self, route: str, channel: str, inst: str, name: str) -> tuple[str, str] | None:
        candle = channel.startswith(("candle", "mark-price-candle", "index-candle"))
        business = channel in BUSINESS or candle
        if channel in LOGIN:
            return "60011", "Please log in"
        known = name in self.topics or (
            channel not in DATA
            and (channel in QUIET or candle)
            and (not inst or inst in self.feeds)
        )
        if not known:
            what = f"{channel},instId:{inst} doesn't exist"
            advice = "Please use the correct URL, channel and parameters referring to API document."
            return "60018", f"Wrong URL or channel:{what}. {advice}"
        if business and route == "public":
            return "64001", f"This channel has been migrated to the business URL: {channel}"
        if not business and route == "business":
            return "64002", f"This channel is not supported by business URL: {channel}"
        return None

    def _ack(self, conn: Conn, event: str, arg: dict[str, Any], request_id: object) -> None:
        if event == "subscribe" and self.hub.faults.swallow_ack(self.name):
            return
        body: dict[str, Any] = {} if request_id is None else {"id": request_id}
        conn.json({**body, "event": event, "arg": arg, "connId": conn.id})

    def _error(self, conn: Conn, request_id: object, code: str, text: str) -> None:
        body: dict[str, Any] = {} if request_id is None else {"id": request_id}
        conn.json({**body, "event": "error", "code": code, "msg": text, "connId": conn.id})
