"""The slow streams of an OKX instrument: tickers, mark price, funding, open interest, candles."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .instruments import decimal_text, split_step
from .klines import Bar, Frame, frame
from .reference import HOUR_MS, noise
from .reports import Reports, signed_text
from .wire import Topic

if TYPE_CHECKING:
    from .okx import OkxDesk

UNIT_PLACES = 10  # contract values are held in 1e-10
COIN_PLACES = 12  # base amounts of an inverse contract
UTC8_MS = -8 * HOUR_MS
SHORT_BARS = ["1s", "1m", "3m", "5m", "15m", "30m", "1H", "2H", "4H"]
LONG_BARS = ["6H", "12H", "1D", "2D", "3D", "5D", "1W", "1M", "3M"]
FRAMES = {bar: frame(bar, int(bar[:-1]), bar[-1].lower()) for bar in SHORT_BARS}
for _bar in LONG_BARS:  # these open at midnight in Hong Kong, or in UTC where it says so
    _unit = _bar[-1] if _bar[-1] == "M" else _bar[-1].lower()
    FRAMES[_bar] = frame(_bar, int(_bar[:-1]), _unit, UTC8_MS)
    FRAMES[f"{_bar}utc"] = frame(f"{_bar}utc", int(_bar[:-1]), _unit)
PACES = {"ticker": 0.1, "mark": 0.2, "open_interest": 3.0, "kline": 1.0}
MARK_IDLE_MS = 10_000  # an unchanged mark price is repeated
INTEREST_PLACES = 11
SETTLING_MS = 30_000
BLOCK_LATE_MS = 900_000
Row = dict[str, str]


class OkxReports(Reports):
    desk: OkxDesk
    trade_lag_ms = 0
    still_klines = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        desk, inst = self.desk, self.desk.inst
        self.writers |= {"funding": self.funding, "open_interest": self.tell, "mark": self.tell}
        self.price_text, self.qty_text = inst.texts()
        price, price_places = split_step(inst.price_step)
        lot, lot_places = split_step(inst.qty_step)
        self.places, self._lot, self._lot_places = price_places, lot, lot_places
        places = lot_places + (UNIT_PLACES if inst.contract else 0)
        base, quote = (lot, places), (price * lot, places + price_places)
        if inst.market == "inverse":  # contracts are in quote currency
            base, quote = (1, COIN_PLACES), (lot, places)
            desk.tape.inverse = 10 ** (COIN_PLACES + price_places - places)
        self.base_text = decimal_text(*base, short=True)
        self.quote_text = decimal_text(*quote, short=True)
        self.set_contract(inst.contract)
        ref = self.reference  # what was traded before the start
        self._day_base, self._day_quote = desk.tape.amounts(ref.day_open, ref.day_lots)
        self._block_id = 10**18 + self._rng.randrange(10**15)
        self._seen: dict[str, tuple[object, int]] = {}  # topic -> what was told, and when

    def set_contract(self, size: str) -> None:
        self.desk.tape.unit = int(Decimal(size).scaleb(UNIT_PLACES)) if size else 1

    def begin(self, topic: Topic) -> None:
        super().begin(topic)
        self._seen.pop(topic.name, None)

    def opening(self, topic: Topic) -> list[str]:
        """The state as it is now; of a candle the running one."""
        if not topic.every_s:
            return []
        self.now()
        if topic.kind == "kline":
            self._roll()
            bar = self.desk.tape.running(self.frames[topic.name])
            return [push(topic, [self.row(bar, False)])]
        if not topic.live:
            self._seen[topic.name] = (self.what(topic.kind), self.desk.now_ms)
        values = self.values(topic.kind)
        self.log([(topic.kind, values)], sent=not topic.mute)
        return [push(topic, [values])]

    def values(self, kind: str) -> Row:
        made: Row = getattr(self, f"{kind}_values")()
        return made

    def what(self, kind: str) -> object:
        """What has to change for a push."""
        if kind == "ticker":
            return self.desk.tape.trades, self.desk.tops()
        if kind == "mark":
            return self.reference.mark
        if kind == "open_interest":
            return self.reference.interest, self.desk.tape.unit
        return self.desk.now_ms

    def tell(self, topic: Topic) -> float:
        now_ms, what = self.desk.now_ms, self.what(topic.kind)
        seen, then = self._seen.get(topic.name, (None, 0))
        if what != seen or (topic.kind == "mark" and now_ms - then >= MARK_IDLE_MS):
            self._seen[topic.name] = (what, now_ms)
            values = self.values(topic.kind)
            self.say(topic, push(topic, [values]), [(topic.kind, values)])
        return topic.every_s

    def _head(self) -> Row:
        return {"instType": kind_of(self.desk.inst), "instId": self.desk.inst.venue_id}

    # the streams
    def ticker(self, topic: Topic) -> float:
        return self.tell(topic)

    def ticker_values(self) -> Row:
        desk, ref, price, qty = self.desk, self.reference, self.price_text, self.qty_text
        day, last = desk.tape.day(), desk.tape.last_ticks
        high, low = (day.high, day.low) if day.count else (last, last)
        (bid, bid_lots), (ask, ask_lots) = desk.tops()
        opened = price(ref.day_open)
        base = self.base_text(self._day_base + day.base)
        quote = self.quote_text(self._day_quote + day.quote)
        spot = desk.inst.market == "spot"
        return {
            **self._head(),
            "last": price(last),
            "lastSz": qty(desk.tape.last_lots),
            "askPx": price(ask),
            "askSz": qty(ask_lots),
            "bidPx": price(bid),
            "bidSz": qty(bid_lots),
            "open24h": opened,
            "high24h": price(max(high, ref.day_open)),
            "low24h": price(min(low, ref.day_open)),
            "volCcy24h": quote if spot else base,
            "vol24h": base if spot else qty(ref.day_lots + day.lots),
            "sodUtc0": opened,
            "sodUtc8": opened,
            "ts": str(desk.now_ms),
        }

    def mark_values(self) -> Row:
        mark = signed_text(self.reference.mark, self.places, short=True)
        return {**self._head(), "markPx": mark, "ts": str(self.desk.now_ms)}

    def funding(self, topic: Topic) -> float:
        """Every 30 to 90 s, or as much faster as the option has it."""
        self.tell(topic)
        return topic.every_s * (0.667 + 1.333 * self.hub.rng.random())

    def funding_values(self) -> Row:
        ref, now_ms = self.reference, self.desk.now_ms
        due, span = ref.next_funding(now_ms), ref.hours * HOUR_MS
        settled = ref.fundings(0, now_ms, 1)[0]
        rate = ref.rate(now_ms)
        inst = self.desk.inst
        return {
            "formulaType": "withRate",
            "fundingRate": signed_text(rate, 16, short=True),
            "fundingTime": str(due),
            "impactValue": "20000",
            "instId": inst.venue_id,
            "instType": kind_of(inst),
            "interestRate": "0.0001",
            "method": "current_period",
            "maxFundingRate": "0.00375",
            "minFundingRate": "-0.00375",
            "nextFundingRate": "",
            "nextFundingTime": str(due + span),
            "premium": signed_text(rate - 10**12, 16, short=True),
            "settFundingRate": signed_text(settled[1], 16, short=True),
            "settState": "processing" if now_ms - settled[0] < SETTLING_MS else "settled",
            "ts": str(now_ms),
        }

    def open_interest_values(self) -> Row:
        """`oi` carries the digits that a sum of binary fractions leaves behind."""
        ref, unit = self.reference, self.desk.tape.unit
        scale = 10 ** (INTEREST_PLACES - self._lot_places)
        rest = 500 + noise(ref.salt, ref.interest, 499)
        amount = ref.interest * self._lot * scale + rest * (ref.interest % 3 > 0)
        places, mark = INTEREST_PLACES + UNIT_PLACES, ref.mark
        if self.desk.tape.inverse:
            usd = decimal_text(1, places, short=True)(amount * unit)
            cut = 10 ** (places - self.places - COIN_PLACES)
            coins = decimal_text(1, COIN_PLACES, short=True)(amount * unit // mark // cut)
        else:
            coins = decimal_text(1, places, short=True)(amount * unit)
            usd = decimal_text(1, places + self.places, short=True)(amount * unit * mark)
        inst = self.desk.inst
        return {
            "instId": inst.venue_id,
            "instType": kind_of(inst),
            "oi": decimal_text(1, INTEREST_PLACES, short=True)(amount),
            "oiCcy": coins,
            "oiUsd": usd,
            "ts": str(self.desk.now_ms),
        }

    # candles
    def row(self, bar: Bar, closed: bool) -> list[str]:
        price = self.price_text
        spot = self.desk.inst.market == "spot"
        base, quote = self.base_text(bar.base), self.quote_text(bar.quote)
        return [
            str(bar.start),
            price(bar.open),
            price(bar.high),
            price(bar.low),
            price(bar.close),
            base if spot else self.qty_text(bar.lots),
            quote if spot else base,
            quote,
            "1" if closed else "0",
        ]

    def say_klines(self, topic: Topic, frame: Frame, bars: list[tuple[Bar, bool]]) -> None:
        for bar, closed in bars:
            row = self.row(bar, closed)
            note = dict(zip(KLINE_KEYS, row, strict=True))
            self.say(topic, push(topic, [row]), [("kline", {"bar": frame.name, **note})])

    # liquidations and block trades
    def liquidate(self, count: int) -> int:
        feed, inst = self.desk.liquidations, self.desk.inst
        if inst.market == "spot":
            return 0
        for _ in range(count):
            self.now()
            forced, net = self.forced(), self._rng.random() < 0.3
            position = "long" if forced.sell else "short"
            details = {
                "bkLoss": "0",
                "bkPx": self.price_text(forced.ticks),
                "ccy": "",
                "posSide": "net" if net else position,
                "side": "sell" if forced.sell else "buy",
                "sz": self.qty_text(forced.lots),
                "ts": str(forced.ts_ms),
            }
            self.log([("liquidation", details)], sent=feed.tell(inst, details))
        return count

    def block(self, count: int) -> int:
        """One leg each, told a quarter of an hour late; no part of `trades` or candles."""
        topic, inst = self.desk.by_kind["block"], self.desk.inst
        ref, spot = self.reference, inst.market == "spot"
        for _ in range(count):
            now_ms, fill = self.now(), self.agreed()
            self._block_id += 1
            values = {
                "instId": inst.venue_id,
                "tradeId": str(self._block_id),
                "px": self.price_text(fill.ticks),
                "sz": self.qty_text(fill.parts[0]),
                "side": "buy" if fill.buy else "sell",
                "ts": str(now_ms - BLOCK_LATE_MS),
                "idxPx": signed_text(ref.index, self.places, short=True),
                "markPx": "" if spot else signed_text(ref.mark, self.places, short=True),
                "fillVol": "",
                "fwdPx": "",
                "groupId": "",
            }
            sent = topic.live and topic.publish(push(topic, [values]))
            self.log([("block", values)], sent=sent)
        return count


KLINE_KEYS = ["ts", "o", "h", "l", "c", "vol", "volCcy", "volCcyQuote", "confirm"]


def kind_of(inst: Any) -> str:
    """instType by the shape of the id; recordings also hold dated futures and options."""
    if inst.market == "spot":
        return "SPOT"
    if inst.venue_id.endswith("-SWAP"):
        return "SWAP"
    return "FUTURES" if inst.venue_id.count("-") == 2 else "OPTION"


def push(topic: Topic, data: list[Row] | list[list[str]]) -> str:
    channel, _, inst = topic.name.partition(":")
    rows = ",".join(
        "{" + ",".join([f'"{key}":"{value}"' for key, value in row.items()]) + "}"
        if isinstance(row, dict)
        else '["' + '","'.join(row) + '"]'
        for row in data
    )
    return f'{{"arg":{{"channel":"{channel}","instId":"{inst}"}},"data":[{rows}]}}'
