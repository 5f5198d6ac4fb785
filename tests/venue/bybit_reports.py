"""The slow streams of Bybit: tickers, candles, liquidations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .instruments import fixed_text, short_text, split_step
from .klines import Bar, Frame, frame
from .reports import Forced, Notes, Reports, amount_step, percent_text, signed_text
from .wire import Topic

if TYPE_CHECKING:
    from .bybit import BybitDesk

MINUTES = (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)
FRAMES = {str(count): frame(str(count), count, "m") for count in MINUTES} | {
    letter: frame(letter, 1, "M" if letter == "M" else letter.lower()) for letter in "DWM"
}
KLINE_S = 1.0
BATCH_S = 0.5  # liquidations are told together, this often
TICKER_S = {"spot": 0.05, "linear": 0.1}
NO_INDEX = ("PEPE", "SHIB")  # coins that are no collateral: no USD index on spot
HOUR_MS = 3_600_000
DELIVERY = "2026-12-25T08:00:00Z"
# which fields of a linear ticker belong to which kind in the log
KINDS = {
    "markPrice": "mark",
    "indexPrice": "index",
    "fundingRate": "funding",
    "nextFundingTime": "funding",
    "fundingIntervalHour": "funding",
    "openInterest": "open_interest",
    "openInterestValue": "open_interest",
    "singleOpenInterest": "open_interest",
    "singleOpenInterestValue": "open_interest",
}


class BybitReports(Reports):
    desk: BybitDesk

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        inst = self.desk.inst
        self.spot = inst.market == "spot"
        self.price_text, self.qty_text = inst.texts()
        self.kline_price, self.kline_qty = short_text(inst.price_step), short_text(inst.qty_step)
        value_step = amount_step(inst.price_step, inst.qty_step)
        self.value_text = short_text(value_step)
        longer = inst.qty_step + ("0" if "." in inst.qty_step else ".0")
        self.day_qty = self.kline_qty if self.spot else fixed_text(longer)
        self.day_value = self.value_text if self.spot else fixed_text(value_step)
        self.places = split_step(inst.price_step)[1]
        self._told: dict[str, str] = {}  # the newest value of every field, as readers have it
        self._seen: tuple[int, ...] = ()
        self._forced: list[Forced] = []  # since the newest push
        self._batched = 0.0  # the venue's seconds of that
        self._waits = False
        self._hour = (0, inst.start_ticks)  # start of the hour, last price before it

    def begin(self, topic: Topic) -> None:
        super().begin(topic)
        if topic.kind == "ticker" and not self.spot:
            self.now()
            self._told = self.linear_values()

    def opening(self, topic: Topic) -> list[str]:
        if topic.kind != "ticker":
            return []
        self.now()
        values = self.spot_values() if self.spot else self._told
        self.note(values, sent=not topic.mute)
        return [self._ticker(topic.name, "snapshot", values)]

    # tickers
    def ticker(self, topic: Topic) -> float:
        if self.spot:
            seen = (self.desk.tape.trades, self.reference.index)
            if seen != self._seen:
                self._seen = seen
                values = self.spot_values()
                self.note(values, sent=topic.publish(self._ticker(topic.name, "snapshot", values)))
            return topic.every_s
        values = self.linear_values()
        told = self._told
        news = {key: value for key, value in values.items() if told.get(key) != value}
        if news:
            self._told = values
            news = {"symbol": values["symbol"], **news}
            self.note(news, sent=topic.publish(self._ticker(topic.name, "delta", news)))
        return topic.every_s

    def note(self, values: dict[str, str], *, sent: bool) -> None:
        self.log(self.kinds(values), sent=sent)

    def kinds(self, values: dict[str, str]) -> Notes:
        """What a ticker says, by the kinds of the log."""
        kinds: dict[str, dict[str, str]] = {"ticker": values}
        if not self.spot:
            for key, value in values.items():
                kind = KINDS.get(key)
                if kind is not None:
                    kinds.setdefault(kind, {})[key] = value
        return kinds.items()

    def _ticker(self, name: str, kind: str, values: dict[str, str]) -> str:
        data = ",".join([f'"{key}":"{value}"' for key, value in values.items()])
        now, cs = self.desk.now_ms, self.desk.uid
        if self.spot:
            head = f'"topic":"{name}","ts":{now},"type":"{kind}","cs":{cs}'
        else:
            head = f'"topic":"{name}","type":"{kind}","cs":{cs},"ts":{now}'
        return f'{{{head},"data":{{{data}}}}}'

    def _day(self) -> dict[str, str]:
        """What both markets say of 24 h."""
        desk, ref, price = self.desk, self.reference, self.price_text
        day, last = desk.tape.day(), desk.tape.last_ticks
        high, low = (day.high, day.low) if day.count else (last, last)
        text = self.kline_price if self.spot else price
        return {
            "last": text(last),
            "open": text(ref.day_open),
            "high": text(max(high, ref.day_open)),
            "low": text(min(low, ref.day_open)),
            "volume": self.day_qty(ref.day_lots + day.lots),
            "turnover": self.day_value(ref.day_lots * ref.day_open + day.quote),
            "change": percent_text(last, ref.day_open, 4 if self.spot else 6, scale=1),
        }

    def spot_values(self) -> dict[str, str]:
        day, inst = self._day(), self.desk.inst
        index = self.reference.index * 10_000 + self.reference.index % 7919
        return {
            "symbol": inst.venue_id,
            "lastPrice": day["last"],
            "highPrice24h": day["high"],
            "lowPrice24h": day["low"],
            "prevPrice24h": day["open"],
            "volume24h": day["volume"],
            "turnover24h": day["turnover"],
            "price24hPcnt": day["change"],
            "usdIndexPrice": ""
            if inst.base in NO_INDEX
            else signed_text(index, self.places + 4, short=True),
        }

    def linear_values(self) -> dict[str, str]:
        desk, ref, price, qty = self.desk, self.reference, self.price_text, self.qty_text
        inst, now_ms, day = desk.inst, desk.now_ms, self._day()
        (bid, bid_lots), (ask, ask_lots) = desk.tops()
        lot, lot_places = split_step(inst.qty_step)
        value = ref.interest * lot * ref.mark  # of one side
        cent = 10 ** (lot_places + self.places)
        dated = bool(inst.expiry)
        hour = now_ms // HOUR_MS
        if hour != self._hour[0]:
            self._hour = (hour, desk.tape.last_ticks)
        out = {
            "symbol": inst.venue_id,
            "tickDirection": desk.tick_word,
            "price24hPcnt": day["change"],
            "lastPrice": day["last"],
            "prevPrice24h": day["open"],
            "highPrice24h": day["high"],
            "lowPrice24h": day["low"],
            "prevPrice1h": price(self._hour[1]),
            "markPrice": signed_text(ref.mark, self.places),
            "indexPrice": signed_text(ref.index, self.places),
            "openInterest": qty(2 * ref.interest),
            "openInterestValue": signed_text((2 * value * 100 + cent // 2) // cent, 2),
            "singleOpenInterest": qty(ref.interest),
            "singleOpenInterestValue": signed_text((value * 100 + cent // 2) // cent, 2),
            "turnover24h": day["turnover"],
            "volume24h": day["volume"],
        }
        if dated:
            basis = ref.mark - ref.index
            out |= {
                "nextFundingTime": "",
                "fundingRate": "",
                "deliveryTime": DELIVERY,
                "basis": signed_text(basis, self.places),
                "basisRate": percent_text(ref.mark, ref.index, 8, scale=1),
                "basisRateYear": percent_text(ref.mark, ref.index, 8, scale=12),
                "deliveryFeeRate": "0",
                "predictedDeliveryPrice": "",
            }
        else:
            out |= {
                "fundingIntervalHour": str(ref.hours),
                "fundingCap": "0.005",
                "nextFundingTime": str(ref.next_funding(now_ms)),
                "fundingRate": signed_text(ref.rate(now_ms) // 10**8, 8, short=True),
            }
        return out | {
            "bid1Price": price(bid),
            "bid1Size": qty(bid_lots),
            "ask1Price": price(ask),
            "ask1Size": qty(ask_lots),
            "preOpenPrice": "",
            "preQty": "",
            "curPreListingPhase": "",
        }

    # candles
    def bar_values(self, bar: Bar) -> dict[str, str]:
        price = self.kline_price
        return {
            "open": price(bar.open),
            "close": price(bar.close),
            "high": price(bar.high),
            "low": price(bar.low),
            "volume": self.kline_qty(bar.lots),
            "turnover": self.value_text(bar.quote),
        }

    def say_klines(self, topic: Topic, frame: Frame, bars: list[tuple[Bar, bool]]) -> None:
        """At the close one message tells the closed bar and the new one."""
        rows, notes = [], []
        for bar, closed in bars:
            values, confirm = self.bar_values(bar), "true" if closed else "false"
            told = ",".join(f'"{key}":"{value}"' for key, value in values.items())
            rows.append(
                f'{{"start":{bar.start},"end":{frame.end(bar.start) - 1},"interval":"{frame.name}",'
                f'{told},"confirm":{confirm},"timestamp":{bar.time_ms}}}'
            )
            head = {"start": str(bar.start), "interval": frame.name}
            notes.append(("kline", {**head, **values, "confirm": confirm}))
        payload = (
            f'{{"topic":"{topic.name}","type":"snapshot","ts":{self.desk.now_ms},'
            f'"data":[{",".join(rows)}]}}'
        )
        self.say(topic, payload, notes)

    # liquidations and block trades
    def liquidate(self, count: int) -> int:
        if self.spot:
            return 0
        self.now()
        now = self.hub.clock()
        self._forced += [self.forced() for _ in range(count)]
        wait = self._batched + BATCH_S - now
        if wait <= 0:
            self._batch()
        elif not self._waits:
            self._waits = True
            self.hub.timers.add(now + wait, self._batch)
        return count

    def _batch(self) -> float:
        """`S` is the side of the position: a long that was sold is "Buy"."""
        self._waits = False
        if self.desk.gone:
            return -1.0
        now, symbol = self.now(), self.desk.inst.venue_id
        self._batched = self.hub.clock()
        topic = self.desk.topics[f"allLiquidation.{symbol}"]
        rows, notes = [], []
        for forced in self._forced:
            side = "Buy" if forced.sell else "Sell"
            qty, price = self.qty_text(forced.lots), self.price_text(forced.ticks)
            rows.append(
                f'{{"T":{forced.ts_ms},"s":"{symbol}","S":"{side}","v":"{qty}","p":"{price}"}}'
            )
            note = {"T": str(forced.ts_ms), "s": symbol, "S": side, "v": qty, "p": price}
            notes.append(("liquidation", note))
        self._forced.clear()
        head = f'"topic":"{topic.name}","type":"snapshot","ts":{now}'
        sent = topic.live and topic.publish(f'{{{head},"data":[{",".join(rows)}]}}')
        self.log(notes, sent=sent)
        return -1.0

    def block(self, count: int) -> int:
        """A print like others, marked."""
        self.now()
        for _ in range(count):
            self.desk.emit_trade(self.agreed(), block=True)
        return count
