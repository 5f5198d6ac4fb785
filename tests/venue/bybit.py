"""Bybit v5 spot and linear: topics, acknowledgements in the shapes of each market, snapshots."""

from __future__ import annotations

import json
from time import monotonic
from typing import Any

from .bybit_reports import FRAMES, KLINE_S, TICKER_S, BybitReports
from .conn import Conn, Room
from .desk import Desk
from .insurance import PUSH_S, BybitInsurance
from .log import LostRow, Mark, ReportRow
from .market import ASK, BID, Change, Fill, Window
from .wire import Topic

DEPTHS = (50, 200, 1000)
# known topics that never have data here, with any parameter
QUIET = {"spot": ("kline",), "linear": ("kline",)}
TICKS = ("PlusTick", "ZeroPlusTick", "MinusTick", "ZeroMinusTick")


class BybitDesk(Desk):
    """One symbol. Every depth topic counts its own `u` from 1; `seq` is shared by all topics."""

    uid_jump = 40
    repeat_s = 3.0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.spot = self.inst.market == "spot"
        self.windows = {depth: Window(depth) for depth in DEPTHS}
        self.u = dict.fromkeys((1, *DEPTHS), 0)
        self.trade_id = 2_290_000_000_000_000_000 + self.rng.randrange(10**9)
        self.last_price = self.inst.start_ticks
        self.tick_word = TICKS[0]
        self.best_pushed = 0.0  # monotonic seconds of the newest orderbook.1
        symbol = self.inst.venue_id
        self.best_name = f"orderbook.1.{symbol}"
        self.trade_name = f"publicTrade.{symbol}"
        self.depth_names = {depth: f"orderbook.{depth}.{symbol}" for depth in DEPTHS}

    def opening(self, topic: Topic) -> list[str]:
        if topic.kind == "bbo":
            if not topic.live:
                self.u[1] += 1
            return [self._best_payload()]
        if topic.kind != "depth":
            return self.reports.opening(topic)
        _ = self.walk
        self.emit_depth()  # the others reach the state that the snapshot shows
        depth = int(topic.name.split(".")[1])
        if not topic.live:  # nobody was told of the changes since: the counter moves on
            self.windows[depth].reset(self.walk.book)
            self._next(topic, depth, sent=True)
        return [self._snapshot(topic.name, depth)]

    def depth_body(self, levels: int) -> str:
        """The REST book: its `u` is that of the 1000-level topic."""
        _ = self.walk
        self.emit_depth()
        topic = self.topics[self.depth_names[1000]]
        if not topic.live:
            self.windows[1000].reset(self.walk.book)
            self._next(topic, 1000, sent=True)
        book = self.walk.book
        bids, asks = (self.pairs(book.top(side, levels)) for side in (BID, ASK))
        return (
            f'{{"s":"{self.inst.venue_id}","b":[{bids}],"a":[{asks}],"ts":{self.now_ms},'
            f'"u":{self.u[1000]},"seq":{self.uid},"cts":{self.now_ms - 3}}}'
        )

    def repeat(self, now: float) -> None:
        topic = self.topics[self.best_name]
        if topic.live and self.best_pushed and now - self.best_pushed > self.repeat_s:
            self.best_pushed = now
            topic.publish(self._best_payload())  # same `u`: nothing new

    def restart(self) -> None:
        super().restart()
        self.u = dict.fromkeys(self.u, 0)

    def emit_trade(self, fill: Fill, *, block: bool = False) -> int:
        topic = self.topics[self.trade_name]
        price = self.price_text(fill.ticks)
        moved = fill.ticks - self.last_price
        if moved:
            self.tick_word = TICKS[0] if moved > 0 else TICKS[2]
        elif not self.tick_word.startswith("Zero"):
            self.tick_word = "Zero" + self.tick_word
        self.last_price = fill.ticks
        rows: list[str] = []
        ids: list[str] = []
        blocks: list[dict[str, str]] = []
        matched: list[int] = []
        for lots in fill.parts:
            ids.append(self._trade_id())
            negotiated = block or self.rng.random() > 0.995
            rows.append(self._trade(ids[-1], price, self.qty_text(lots), fill.buy, negotiated))
            if negotiated:
                blocks.append({"i": ids[-1], "p": price, "v": self.qty_text(lots)})
            else:
                matched.append(lots)
        # Candles and tickers are of what the book matched. Whether the real venue counts its block
        # trades (BT) in them is not known; here it does not, as P9 keeps them out of its candles.
        if matched:
            self.tape.add(self.now_ms - 1, Fill(fill.buy, fill.ticks, matched), 0)
        name, now, data = topic.name, self.now_ms, ",".join(rows)
        sent = topic.live and topic.publish(
            f'{{"topic":"{name}","ts":{now},"type":"snapshot","data":[{data}]}}'
            if self.spot
            else f'{{"topic":"{name}","type":"snapshot","ts":{now},"data":[{data}]}}'
        )
        for trade_id, lots in zip(ids, fill.parts, strict=True):
            self.log.trade("publicTrade", self.row(trade_id, fill, lots, 1, sent))
        for note in blocks:
            self.log.report("block", ReportRow(now, note, sent))
        return 1

    def _trade_id(self) -> str:
        if self.spot:
            self.trade_id += 1
            return str(self.trade_id)
        h = f"{self.rng.getrandbits(128):032x}"
        return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-9{h[17:20]}-{h[20:]}"

    def _trade(self, trade_id: str, price: str, qty: str, buy: bool, negotiated: bool) -> str:
        side = "Buy" if buy else "Sell"
        now, symbol = self.now_ms - 1, self.inst.venue_id
        rpi = "true" if not negotiated and self.rng.random() < 0.03 else "false"
        block = "true" if negotiated else "false"
        if self.spot:
            return (
                f'{{"i":"{trade_id}","T":{now},"p":"{price}","v":"{qty}","S":"{side}",'
                f'"seq":{self.uid},"s":"{symbol}","BT":{block},"RPI":{rpi}}}'
            )
        return (
            f'{{"T":{now},"s":"{symbol}","S":"{side}","v":"{qty}","p":"{price}",'
            f'"L":"{self.tick_word}","i":"{trade_id}","BT":{block},"RPI":{rpi},"seq":{self.uid}}}'
        )

    def emit_bbo(self) -> int:
        tops = self.tops()
        if tops == self.last_top:
            return 0
        self.last_top = tops
        self.u[1] += 1
        topic = self.topics[self.best_name]
        if topic.live:
            self.best_pushed = monotonic()
            topic.publish(self._best_payload())
        return 1

    def _best_payload(self) -> str:
        bid, ask = self.tops()
        data = self._data([bid], [ask], self.u[1])
        return (
            f'{{"topic":"{self.best_name}","ts":{self.now_ms},"type":"snapshot",{data},'
            f'"cts":{self.now_ms - 2}}}'
        )

    def emit_depth(self) -> int:
        if not self.first_uid:
            return 0
        book = self.walk.book
        for depth in DEPTHS:
            topic = self.topics[self.depth_names[depth]]
            if not topic.live:
                continue
            window = self.windows[depth]
            bids = window.delta(book, BID, whole=False)
            asks = window.delta(book, ASK, whole=False)
            if topic.take_cross():
                bids.insert(0, self.crossing())
            if bids or asks:
                u = self.u[depth] + 1
                sent = topic.publish(self._push(topic.name, "delta", bids, asks, u))
                self._next(topic, depth, sent=sent)
                if not sent:
                    self.log.lost.append(LostRow(topic.name, u, u))
        self.flush()
        return 1

    def _next(self, topic: Topic, depth: int, *, sent: bool) -> None:
        self.u[depth] += 1
        self.log.mark(topic.name, Mark(self.u[depth], self.uid, sent))

    def _snapshot(self, name: str, depth: int) -> str:
        book = self.walk.book
        bids, asks = book.top(BID, depth), book.top(ASK, depth)
        return self._push(name, "snapshot", bids, asks, self.u[depth])

    def _data(self, bids: list[Change], asks: list[Change], u: int) -> str:
        return (
            f'"data":{{"s":"{self.inst.venue_id}","b":[{self.pairs(bids, "0")}],'
            f'"a":[{self.pairs(asks, "0")}],"u":{u},"seq":{self.uid}}}'
        )

    def _push(self, name: str, kind: str, bids: list[Change], asks: list[Change], u: int) -> str:
        order = (f'"ts":{self.now_ms}', f'"type":"{kind}"')  # the markets differ in key order
        first, second = order if self.spot else order[::-1]
        data = self._data(bids, asks, u)
        return f'{{"topic":"{name}",{first},{second},{data},"cts":{self.now_ms - 3}}}'


class BybitRoom(Room):
    """Spot or linear."""

    venue = "bybit"

    def add_desk(self, desk: BybitDesk) -> None:
        self.feeds[desk.inst.venue_id] = desk
        desk.repeat_s = self.hub.options.timing.bybit_repeat_s
        self.add_topic(desk, "bbo", desk.best_name)
        self.add_topic(desk, "trade", desk.trade_name)
        for name in desk.depth_names.values():
            self.add_topic(desk, "depth", name)
        symbol, reports = desk.inst.venue_id, BybitReports(desk, self)
        desk.reports = reports
        self.add_topic(desk, "ticker", f"tickers.{symbol}", TICKER_S[self.market])
        for key, frame in FRAMES.items():
            topic = self.add_topic(desk, "kline", f"kline.{key}.{symbol}", KLINE_S)
            reports.frames[topic.name] = frame
        if self.market == "linear":
            self.add_topic(desk, "liquidation", f"allLiquidation.{symbol}")
            if self.general is None:  # pools are isolated or, in USDC, shared by all
                self.general = BybitInsurance(self.hub)
                self.add_topic(self.general, "insurance", "insurance.USDT", PUSH_S)
                self.add_topic(self.general, "insurance", "insurance.USDC")

    def accept(self, path: str, query: dict[str, str]) -> Conn | None:
        return Conn(self) if path == f"/v5/public/{self.market}" else None

    def tick(self, conn: Conn, now: float) -> None:
        timing = self.hub.options.timing
        if now - max(conn.last_recv, conn.last_push) > timing.bybit_idle_s:
            conn.abort()
        elif now - conn.opened > timing.life_s:
            conn.close(1000, "")

    def on_text(self, conn: Conn, data: bytes) -> None:
        spot = self.market == "spot"
        try:
            message = json.loads(data)
        except ValueError as error:
            self._reply(conn, False, f"Failed to decode incoming data:{error}", None, "")
            return
        if not isinstance(message, dict):
            self._reply(conn, False, "Failed to decode incoming data:not an object", None, "")
            return
        op, request_id = message.get("op"), message.get("req_id")
        if op == "ping":
            self._reply(conn, True, "pong", request_id, "ping")
        elif op not in ("subscribe", "unsubscribe"):
            self._reply(conn, False, "error:invalid op", request_id, str(op))
        else:
            args = message.get("args")
            if not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
                self._reply(conn, False, "Failed to decode incoming data:args", request_id, op)
            elif op == "subscribe":
                wrong = self._refusal(conn, args)
                if wrong:
                    self._reply(conn, False, wrong, request_id, op)
                else:
                    self._subscribe(conn, args, request_id)
            else:
                for name in args:
                    self.leave(conn, name)
                self._reply(conn, True, "unsubscribe" if spot else "", request_id, op)

    def _subscribe(self, conn: Conn, names: list[str], request_id: object) -> None:
        text = "subscribe" if self.market == "spot" else ""
        early = self.hub.rng.random() < 0.2  # data may come before the ack
        silent = self.hub.faults.swallow_ack(self.name)
        if not early and not silent:
            self._reply(conn, True, text, request_id, "subscribe")
        for name in names:
            if name not in conn.topics:
                self.join(conn, name, self.topics.get(name))
        if early and not silent:
            self._reply(conn, True, text, request_id, "subscribe")

    def _refusal(self, conn: Conn, names: list[str]) -> str:
        """Why the whole request is void, "" if it is not."""
        limits = self.hub.options.limits
        if self.market == "spot":
            if limits.spot_args and len(names) > limits.spot_args:
                return "args size >10"
            bad = next((name for name in names if not self._known(name)), None)
            if bad is not None:
                return f"Invalid symbol :[{bad}]"
        else:
            bad = next((name for name in names if not self._known(name)), None)
            if bad is not None:
                return f"error:handler not found,topic:{bad}"
            twice = next((name for name in names if name in conn.topics), None)
            if twice is not None:
                return f"error:already subscribed,topic:{twice}"
        size = sum(len(name) for name in {*conn.topics, *names})
        if limits.topic_chars and size > limits.topic_chars:
            # the limit is documented, its refusal is not: the text is made up
            return f"error:args too long,size:{size}"
        return ""

    def _known(self, name: str) -> bool:
        if name in self.topics:
            return True
        kind, _, rest = name.partition(".")
        return kind in QUIET[self.market] and rest.rpartition(".")[2] in self.feeds

    def _reply(self, conn: Conn, good: bool, text: str, request_id: object, op: str) -> None:
        body: dict[str, Any] = {"success": good, "ret_msg": text, "conn_id": conn.id}
        if self.market != "spot":
            body["req_id"] = request_id if isinstance(request_id, str) else ""
        elif isinstance(request_id, str) and text != "pong":
            body["req_id"] = request_id
        conn.json({**body, "op": op})
