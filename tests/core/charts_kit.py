"""An engine with instruments of all venues, and what the model says of their candles."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from p9core.analytics.candles import Candles
from p9core.engine import Engine
from tests.models.candles import CandlesModel, bucket
from tests.models.numbers import EXACT

MS, SECOND, MINUTE = 1_000_000, 1_000_000_000, 60_000_000_000
START = 1_795_305_600 * SECOND  # 2026-11-22 00:00 UTC, a Sunday
PLACES = 14  # of the mantissas that the model is given
SIZES = ("volume", "buy_volume", "delta", "delta_max", "delta_min")
PRICES = ("open", "high", "low", "close")
FIELDS = (
    "type", "exchange", "symbol", "epoch", "seq", "ts_exchange", "ts_recv", "ts_pub", "prev", "q",
    "since", "timeframe", "open_time", "close_time", "open", "high", "low", "close", "volume",
    "buy_volume", "quote_volume", "vwap", "delta", "delta_max", "delta_min", "trades", "closed",
    "rev",
)  # fmt: skip

Message = dict[str, Any]


class Name(NamedTuple):
    """An instrument: as the venue has it, and as it is added."""

    endpoint: str
    venue_id: str
    symbol: str
    price_step: str = "0.1"
    qty_step: str = "0.001"
    contract: str = "1"
    group: str = ""
    multiplier: int = 1
    market: str = "linear"

    @property
    def exchange(self) -> str:
        return self.endpoint.partition(":")[0]


class Print(NamedTuple):
    ts: int  # ns
    price: str
    qty: str  # as the venue tells it
    side: int
    fills: int = 1
    flags: str = ""  # Bybit: "block" or "rpi"; Binance: "fund", no match of the market


PERP = "BTCUSDT-PERP"
BINANCE = Name("binance:linear", "BTCUSDT", PERP, group=PERP)
BYBIT = Name("bybit:linear", "BTCUSDT", PERP, "0.10", "0.001", group=PERP)
OKX = Name("okx", "BTC-USDT-SWAP", PERP, "0.1", "0.01", "0.01", group=PERP)
ALONE = Name("binance:spot", "ETHUSDT", "ETHUSDT", "0.01", "0.0001", group="ETHUSDT", market="spot")
INVERSE = Name("okx", "BTC-USD-SWAP", "BTCUSD-PERP", "0.1", "1", "100", market="inverse")
PEPE = "PEPEUSDT-PERP"
PEPE_BINANCE = Name(
    "binance:linear", "1000PEPEUSDT", "1000PEPEUSDT-PERP", "0.0000001", "1", group=PEPE,
    multiplier=1000,
)  # fmt: skip
PEPE_BYBIT = Name(
    "bybit:linear", "1000PEPEUSDT", "1000PEPEUSDT-PERP", "0.0000001", "100", group=PEPE,
    multiplier=1000,
)  # fmt: skip
PEPE_OKX = Name("okx", "PEPE-USDT-SWAP", PEPE, "0.000000001", "0.1", "10000000", group=PEPE)


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


class Wire:
    """Prints and candles in the venues' own frames."""

    def __init__(self) -> None:
        self.ids: Counter[Name] = Counter()
        self.fills: Counter[Name] = Counter()

    def trades(self, name: Name, prints: list[Print]) -> list[bytes]:
        """Binance sends each by itself, the others lists."""
        rows = [self.row(name, one) for one in prints]
        if name.exchange == "binance":
            return [compact(row) for row in rows]
        if name.exchange == "bybit":
            return [compact({"topic": f"publicTrade.{name.venue_id}", "type": "snapshot",
                             "ts": prints[-1].ts // MS, "data": rows})]  # fmt: skip
        return [compact({"arg": {"channel": "trades", "instId": name.venue_id}, "data": rows})]

    def row(self, name: Name, one: Print) -> dict[str, Any]:
        self.ids[name] += 1
        number, ms = self.ids[name], one.ts // MS
        if name.exchange == "binance":
            common = {"s": name.venue_id, "p": one.price, "q": one.qty, "T": ms, "m": one.side < 0}
            kind = "X" if one.flags == "fund" else "M"
            if name.market == "spot" or kind == "X":
                kinds = {} if kind == "M" else {"X": "INSURANCE_FUND"}
                return {"e": "trade", "E": ms, "t": number, **common, **kinds}
            first = self.fills[name] + 1
            self.fills[name] += one.fills
            return {"e": "aggTrade", "E": ms, "a": number, "f": first, "l": self.fills[name],
                    **common}  # fmt: skip
        if name.exchange == "bybit":
            side = "Buy" if one.side > 0 else "Sell"
            return {"T": ms, "s": name.venue_id, "S": side, "v": one.qty, "p": one.price,
                    "i": f"5f0c-{number}", "BT": one.flags == "block", "RPI": one.flags == "rpi",
                    "seq": number}  # fmt: skip
        side = "buy" if one.side > 0 else "sell"
        return {"instId": name.venue_id, "tradeId": str(number), "px": one.price, "sz": one.qty,
                "side": side, "ts": str(ms), "count": str(one.fills)}  # fmt: skip

    def kline(self, name: Name, start: int, told: Message, *, closed: bool = True,
              timeframe: str = "1m") -> bytes:  # fmt: skip
        """`told`: open, high, low, close, volume, quote_volume, and buy_volume and trades where
        the venue tells them."""
        o, h, low, c = (str(told[key]) for key in PRICES)
        v, quote, ms = str(told["volume"]), str(told["quote_volume"]), start // MS
        if name.exchange == "binance":
            end = ms + 59_999
            bar = {"t": ms, "T": end, "s": name.venue_id, "i": timeframe, "f": 1, "L": 2, "o": o,
                   "c": c, "h": h, "l": low, "v": v, "n": int(told["trades"]), "x": closed,
                   "q": quote, "V": str(told["buy_volume"]), "Q": "0", "B": "0"}  # fmt: skip
            return compact({"e": "kline", "E": end, "s": name.venue_id, "k": bar})
        if name.exchange == "bybit":
            word = {"1m": "1", "1h": "60"}[timeframe]
            bar = {"start": ms, "end": ms + 59_999, "interval": word, "open": o, "close": c,
                   "high": h, "low": low, "volume": v, "turnover": quote, "confirm": closed,
                   "timestamp": ms + 59_999}  # fmt: skip
            return compact({"topic": f"kline.{word}.{name.venue_id}", "type": "snapshot",
                            "ts": ms + 60_000, "data": [bar]})  # fmt: skip
        word = {"1m": "candle1m", "1h": "candle1H"}[timeframe]
        contracts = str(Decimal(v) / Decimal(name.contract))
        row = [str(ms), o, h, low, c, contracts, v, quote, "1" if closed else "0"]
        return compact({"arg": {"channel": word, "instId": name.venue_id}, "data": [row]})


class Kit:
    """The engine; what it says is read as exact numbers."""

    def __init__(self, names: Iterable[Name], **options: Any) -> None:
        options = {"epoch": 3, "sink": "lines", "feeds": ("candles",),
                   "stream_kinds": ("candles", "alert"), **options}  # fmt: skip
        self.engine = Engine(**options)
        self.wire = Wire()
        self.numbers: dict[Name, int] = {}
        self.conns: dict[str, int] = {}
        self.kept: list[bytes] = []
        for name in names:
            self.add(name)

    def add(self, name: Name, **changes: Any) -> None:
        options: dict[str, Any] = {
            "exchange": name.exchange, "symbol": name.symbol, "price_step": name.price_step,
            "qty_step": name.qty_step, "contract": name.contract, "group": name.group,
            "multiplier": name.multiplier, "market": name.market, **changes,
        }  # fmt: skip
        self.numbers[name] = self.engine.add_instrument(name.endpoint, name.venue_id, **options)
        if name.endpoint not in self.conns:
            self.conns[name.endpoint] = self.engine.open_conn(name.endpoint)

    def feed(self, name: Name, recv: int, frame: bytes) -> None:
        self.engine.feed(self.conns[name.endpoint], recv, frame)

    def trade(self, name: Name, recv: int, *prints: Print) -> None:
        for frame in self.wire.trades(name, list(prints)):
            self.feed(name, recv, frame)

    def kline(self, name: Name, recv: int, start: int, told: Message, **more: Any) -> None:
        self.feed(name, recv, self.wire.kline(name, start, told, **more))

    def timers(self, begin: int, seconds: float) -> int:
        """Ticks up to and with the end, which is returned."""
        for tenth in range(int(seconds * 10)):
            self.engine.on_timer(begin + (tenth + 1) * 100 * MS)
        return begin + int(seconds * 10) * 100 * MS

    def lines(self) -> list[tuple[str, Message]]:
        """(channel, message) since the last call."""
        raw = self.engine.take_lines()
        self.kept.append(raw)
        rows = [line.partition(b" ") for line in raw.splitlines()]
        return [(name.decode(), json.loads(text, parse_float=Decimal)) for name, _, text in rows]

    def candles(self, exchange: str = "", timeframe: str = "") -> list[Message]:
        return [
            message
            for channel, message in self.lines()
            if channel.startswith("candles:")
            and exchange in ("", message["exchange"])
            and timeframe in ("", message["timeframe"])
        ]

    def count(self, name: Name, what: str) -> int:
        return self.engine.counters()[name.endpoint].get(what, 0)


@dataclass
class ChartModel:
    """One chart: of an instrument, or with several members of a group."""

    exchange: str
    symbol: str
    px_exp: int  # decimals of its prices: a vwap has eight more
    members: list[Name]
    model: CandlesModel = field(init=False)

    def __post_init__(self) -> None:
        self.model = CandlesModel(len(self.members))

    def joined(self, own: ChartModel) -> None:
        """A member's first print: a bar that is not whole for it is not whole here."""
        for timeframe, series in own.model.series.items():
            mine = self.model.series[timeframe]
            if series.now >= mine.now:
                mine.at(series.now).partial = True


class Expected:
    """What the engine has to say, message by message, in its order.

    The bound of a member's lag is asked of the core's own candles, which have tests of theirs.
    """

    def __init__(self, charts: list[ChartModel], epoch: int = 3) -> None:
        self.charts = charts
        self.epoch = epoch
        self.lags = {name: Candles(0, 0) for chart in charts for name in chart.members}
        self.ticks = 0
        self.seqs: Counter[str] = Counter()
        self.logged: Counter[str] = Counter()

    def trade(self, name: Name, recv: int, one: Print) -> list[tuple[str, Message]]:
        self.lags[name].trade(one.ts, 1, 1, one.side, 1, recv)
        out = []
        own: ChartModel | None = None
        for chart in sorted(self.charts, key=lambda chart: len(chart.members)):
            if name in chart.members:
                first = not chart.model.series
                power = 0
                if chart.exchange == "all":
                    power = len(str(name.multiplier)) - 1
                px = int(Decimal(one.price).scaleb(PLACES - power, EXACT))
                size = Decimal(one.qty) * Decimal(name.contract)
                told = chart.model.trade(
                    one.ts, px, int(size.scaleb(PLACES + power, EXACT)), one.side, one.fills,
                    chart.members.index(name),
                )  # fmt: skip
                out += [self.message(chart, bar, recv, recv) for bar in told]
                if chart.exchange != "all":
                    own = chart if first else None
                elif own is not None:
                    chart.joined(own)
                running = chart.model.running(recv - recv % (100 * MS))
                out += [self.message(chart, bar, recv, recv) for bar in running]
        return out

    def timer(self, now: int) -> list[tuple[str, Message]]:
        out = []
        for chart in self.charts[self.ticks % 10 :: 10]:
            if chart.model.series:
                bounds = [self.lags[name].lag_ns() for name in chart.members]
                until = [None if bound is None else now - bound for bound in bounds]
                told = chart.model.advance(until) + chart.model.running(now - now % (100 * MS))
                out += [self.message(chart, bar, None, now) for bar in told]
        self.ticks += 1
        return out

    def message(
        self, chart: ChartModel, bar: Message, recv: int | None, now: int
    ) -> tuple[str, Message]:
        channel = f"candles:{chart.symbol}:{bar['timeframe']}"
        self.seqs[channel] += 1
        made: Message = {
            "type": "candles", "exchange": chart.exchange, "symbol": chart.symbol,
            "epoch": self.epoch, "seq": self.seqs[channel],
            "ts_exchange": bar["close_time"] if bar["closed"] else chart.model.clock,
            "ts_recv": recv, "ts_pub": now, "since": bar["open_time"], **bar,
        }  # fmt: skip
        if bar["closed"]:
            made["prev"] = self.logged[channel]
            self.logged[channel] = made["seq"]
        for key in (*PRICES, *SIZES):
            made[key] = Decimal(bar[key]).scaleb(-PLACES, EXACT)
        made["quote_volume"] = Decimal(bar["quote_volume"]).scaleb(-2 * PLACES, EXACT)
        made["vwap"] = None
        if bar["volume"]:
            ratio = made["quote_volume"] / made["volume"]
            made["vwap"] = ratio.quantize(Decimal(1).scaleb(-chart.px_exp - 8), ROUND_HALF_UP)
        return channel, {key: made[key] for key in FIELDS if key in made}


def starts(message: Message) -> bool:
    """Every bar stands on its grid."""
    return bool(bucket(message["timeframe"], message["open_time"]) == message["open_time"])


def one(ts: int, price: str = "64000", qty: str = "1", side: int = 1) -> Print:
    return Print(ts, price, qty, side)


def steady(kit: Kit, name: Name, begin: int, seconds: float, price: str = "64000") -> int:
    """A print and a tick each 100 ms, 5 ms old when it comes; the end."""
    now = begin
    for _ in range(int(seconds * 10)):
        now += 100 * MS
        kit.trade(name, now, one(now - 5 * MS, price))
        kit.engine.on_timer(now)
    return now
