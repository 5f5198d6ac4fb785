"""The slow streams of Binance: 24 h ticker, candles, mark price; forced orders and block trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .instruments import Text, fixed_text, split_step
from .klines import Bar, Frame, frame
from .reports import Forced, Reports, amount_step, percent_text, signed_text
from .wire import Topic

if TYPE_CHECKING:
    from .binance_desk import BinanceDesk

SPANS = [
    "1s",
    "1m",
    "3m",
    "5m",
    "15m",
    "30m",
    "1h",
    "2h",
    "4h",
    "6h",
    "8h",
    "12h",
    "1d",
    "3d",
    "1w",
    "1M",
]
FRAMES = {name: frame(name, int(name[:-1]), name[-1]) for name in SPANS}
SAMPLE_S = 1.0  # at most one forced order of a symbol is told in this time
DAY_MS = 86_400_000


class BinanceReports(Reports):
    desk: BinanceDesk

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        inst = self.desk.inst
        self.writers["mark"] = self.mark
        self.linear = inst.market == "linear"
        self.still_klines = not self.linear
        self.price_text, self.qty_text = inst.texts()
        self.tail = f',"ps":"{inst.venue_id}","st":1' if self.linear else ""
        self.quote_text = self._quote_text()
        self.value_text = fixed_text("0.00000001")  # mark and index
        tick = split_step(inst.price_step)
        self.average_places = tick[1] if self.linear else 8
        self.block_id = self._rng.randrange(100, 9_000)
        self._forced: list[Forced] = []  # of the time since the newest push
        self._sampled = 0.0  # the venue's seconds of that
        self._waits = False

    def _quote_text(self) -> Text:
        """Price times quantity, every digit of it: spot never prints less than 8 decimals."""
        inst = self.desk.inst
        step = amount_step(inst.price_step, inst.qty_step)
        places = split_step(step)[1]
        if self.linear:
            least = split_step(inst.price_step)[1] + split_step(inst.qty_step)[1]
            return fixed_text(step, max(places, least))
        return fixed_text(step, max(places, 8))

    # mark price
    def mark_values(self, now_ms: int) -> dict[str, str]:
        ref, text = self.reference, self.value_text
        dated = bool(self.desk.inst.expiry)
        settle = (ref.index * 3 + ref.average) // 4  # an estimate: it counts in the last hour only
        return {
            "p": text(ref.mark),
            "ap": text(ref.average),
            "P": text(settle),
            "i": text(ref.index),
            "r": "" if dated else signed_text(ref.rate(now_ms) // 10**8, 8),
            "T": "0" if dated else str(ref.next_funding(now_ms)),
        }

    def mark(self, topic: Topic) -> float:
        now_ms = self.desk.now_ms
        v = self.mark_values(now_ms)
        payload = (
            f'{{"e":"markPriceUpdate","E":{now_ms},"s":"{self.desk.inst.venue_id}","p":"{v["p"]}",'
            f'"ap":"{v["ap"]}","P":"{v["P"]}","i":"{v["i"]}","r":"{v["r"]}","T":{v["T"]},"st":1}}'
        )
        notes = {"mark": ("p", "ap"), "index": ("i",), "funding": ("r", "T")}
        self.say(topic, payload, [(kind, {k: v[k] for k in keys}) for kind, keys in notes.items()])
        return topic.every_s

    # 24 h
    def ticker_values(self) -> dict[str, str | int]:
        desk, ref, price = self.desk, self.reference, self.price_text
        day = desk.tape.day()
        lots, quote = ref.day_lots + day.lots, ref.day_lots * ref.day_open + day.quote
        last = desk.tape.last_ticks
        high, low = (day.high, day.low) if day.count else (last, last)
        tick, places = split_step(desk.inst.price_step)
        unit = tick * 10 ** max(0, self.average_places - places)
        now_ms = desk.now_ms
        first = desk.first_trade_id - ref.day_count
        (bid, bid_lots), (ask, ask_lots) = desk.tops()
        change = last - ref.day_open
        return {
            "p": f"-{price(-change)}" if change < 0 else price(change),
            "P": percent_text(last, ref.day_open, 3, scale=100),
            "w": signed_text(quote * unit // lots, self.average_places),
            "x": price(ref.day_open),
            "c": price(last),
            "Q": self.qty_text(desk.tape.last_lots),
            "b": price(bid),
            "B": self.qty_text(bid_lots),
            "a": price(ask),
            "A": self.qty_text(ask_lots),
            "o": price(ref.day_open),
            "h": price(max(high, ref.day_open)),
            "l": price(min(low, ref.day_open)),
            "v": self.qty_text(lots),
            "q": self.quote_text(quote),
            "O": now_ms - DAY_MS,
            "C": now_ms,
            "F": first,
            "L": desk.trade_id,
            "n": ref.day_count + day.count,
        }

    def ticker(self, topic: Topic) -> float:
        values = self.ticker_values()
        spot_only = ("x", "b", "B", "a", "A")
        told = {k: v for k, v in values.items() if not self.linear or k not in spot_only}
        inside = ",".join(
            f'"{k}":"{v}"' if type(v) is str else f'"{k}":{v}' for k, v in told.items()
        )
        head = f'{{"e":"24hrTicker","E":{self.desk.now_ms},"s":"{self.desk.inst.venue_id}"'
        note = {key: str(value) for key, value in told.items()}
        self.say(topic, f"{head},{inside}{self.tail}}}", [("ticker", note)])
        return topic.every_s

    # candles
    def bar_values(self, bar: Bar) -> dict[str, str]:
        price = self.price_text
        return {
            "o": price(bar.open),
            "c": price(bar.close),
            "h": price(bar.high),
            "l": price(bar.low),
            "v": self.qty_text(bar.lots),
            "q": self.quote_text(bar.quote),
            "V": self.qty_text(bar.buy_base),
            "Q": self.quote_text(bar.buy_quote),
        }

    def say_klines(self, topic: Topic, frame: Frame, bars: list[tuple[Bar, bool]]) -> None:
        symbol = self.desk.inst.venue_id
        for bar, closed in bars:
            v, final = self.bar_values(bar), "true" if closed else "false"
            payload = (
                f'{{"e":"kline","E":{self.desk.now_ms},"s":"{symbol}","k":{{"t":{bar.start},'
                f'"T":{frame.end(bar.start) - 1},"s":"{symbol}","i":"{frame.name}",'
                f'"f":{bar.first},"L":{bar.last},"o":"{v["o"]}","c":"{v["c"]}","h":"{v["h"]}",'
                f'"l":"{v["l"]}","v":"{v["v"]}","n":{bar.count},"x":{final},"q":"{v["q"]}",'
                f'"V":"{v["V"]}","Q":"{v["Q"]}","B":"0"}}}}'
            )
            note = {"t": str(bar.start), "i": frame.name, **v, "n": str(bar.count), "x": final}
            self.say(topic, payload, [("kline", note)])

    # forced orders: of those within a second only the largest is told
    def liquidate(self, count: int) -> int:
        if not self.linear:
            return 0
        self.now()
        now = self.hub.clock()
        self._forced += [self.forced() for _ in range(count)]
        wait = self._sampled + SAMPLE_S - now
        if wait <= 0:
            self._sample()
        elif not self._waits:
            self._waits = True
            self.hub.timers.add(now + wait, self._sample)
        return count

    def _sample(self) -> float:
        self._waits = False
        if self.desk.gone:
            return -1.0
        self.now()
        self._sampled = self.hub.clock()
        largest = max(self._forced, key=lambda forced: forced.lots)
        (topic,) = self.desk.by_kind["liquidation"]
        now, symbol = self.desk.now_ms, self.desk.inst.venue_id
        for forced in self._forced:
            qty = self.qty_text(forced.lots)
            order = {
                "s": symbol,
                "S": "SELL" if forced.sell else "BUY",
                "o": "LIMIT",
                "f": "IOC",
                "q": qty,
                "p": self.price_text(forced.ticks),
                "ap": self.price_text(forced.average),
                "X": "FILLED",
                "l": self.qty_text(1 + forced.lots // 3),
                "z": qty,
            }
            told = ",".join(f'"{key}":"{value}"' for key, value in order.items())
            sent = (
                forced is largest
                and topic.live
                and topic.publish(
                    f'{{"e":"forceOrder","E":{now},"o":{{{told},"T":{forced.ts_ms}}}{self.tail}}}'
                )
            )
            self.log([("liquidation", {**order, "T": str(forced.ts_ms)})], sent=sent)
        self._forced.clear()
        return -1.0

    def block(self, count: int) -> int:
        """Spot: ids of their own, and no part of trades, candles or 24 h figures."""
        if self.linear:
            return 0
        (topic,) = self.desk.by_kind["block"]
        now, symbol = self.now(), self.desk.inst.venue_id
        for _ in range(count):
            fill = self.agreed()
            self.block_id += 1
            price, qty = self.price_text(fill.ticks), self.qty_text(fill.parts[0])
            maker = "false" if fill.buy else "true"
            sent = topic.live and topic.publish(
                f'{{"e":"blockTrade","E":{now},"s":"{symbol}","t":{self.block_id},"p":"{price}",'
                f'"q":"{qty}","T":{now - 130},"m":{maker}}}'
            )
            note = {"t": str(self.block_id), "p": price, "q": qty, "m": maker}
            self.log([("block", note)], sent=sent)
        return count
