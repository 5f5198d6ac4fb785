"""One symbol of Binance: prints, best prices and depth events of spot and USD-M."""

from __future__ import annotations

from typing import Any

from .desk import Desk
from .log import LostRow
from .market import ASK, BID, Fill
from .wire import Topic


class BinanceDesk(Desk):
    """One symbol. Spot ids are contiguous; futures ids jump, and chain through `pu`."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.linear = self.inst.market == "linear"
        self.uid_jump = 60 if self.linear else 1
        self.trade_id = self.rng.randrange(10**8, 10**9)
        self.agg_id = self.rng.randrange(10**8, 10**9)
        self.first_trade_id = self.trade_id + 1
        self.by_kind: dict[str, list[Topic]] = {}
        self.tail = f',"ps":"{self.inst.venue_id}","st":1' if self.linear else ""

    def take_topics(self) -> None:
        for topic in self.topics.values():
            self.by_kind.setdefault(topic.kind, []).append(topic)

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
        total = sum(fill.parts)
        self.tape.add(now - 1, fill, first)
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
        qty = organic = self.qty_text(total)
        sent = False
        if self.linear:  # one print in ten met an RPI order, one in fifty met nothing else
            roll = self.rng.random()
            if roll < 0.1:
                organic = self.qty_text(0 if roll < 0.02 else total // 2)
        if aggregates.live:
            made += 1
            without = f',"nq":"{organic}"' if self.linear else ""
            tail = ',"st":1' if self.linear else ignored
            sent = aggregates.publish(
                f'{{"e":"aggTrade","E":{now},"s":"{symbol}","a":{self.agg_id},"p":"{price}",'
                f'"q":"{qty}"{without},"f":{first},"l":{self.trade_id},"T":{now - 1},'
                f'"m":{maker}{tail}}}'
            )
        row = self.row(str(self.agg_id), fill, total, len(fill.parts), sent)
        self.log.trade("aggTrade", row._replace(organic=organic) if self.linear else row)
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
