"""Frames and bodies of the slower feeds in the venues' shapes, and a bench to feed them to."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Self

from tests.core.support import RECV, Bench

MS = 1_000_000
SECOND = 1000 * MS
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
NOW_MS = RECV // MS  # the venues' clocks are right
FUNDED_MS = 1795334400000  # a time of funding, some hours on
Told = dict[str, Any]


def ms(recv_ns: int) -> int:
    return recv_ns // MS


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


class Wire:
    """A bench with a clock that gives frames and bodies of one endpoint their times."""

    def __init__(self, endpoint: str, **options: Any) -> None:
        self.bench, self.endpoint, self.now = Bench(**options), endpoint, RECV
        self.engine = self.bench.engine

    @property
    def ms(self) -> int:
        return ms(self.now)

    def number(self, venue_id: str) -> int:
        return self.bench.numbers[self.endpoint, venue_id]

    def wait(self, seconds: float) -> Self:
        self.now += round(seconds * SECOND)
        return self

    def feed(self, frame: str, conn: int | None = None) -> list[Told]:
        where = self.bench.conns[self.endpoint] if conn is None else conn
        assert self.engine.feed(where, self.now, frame.encode()) is None
        return self.said()

    def poll(self, ask: str, body: str, number: int = -1, **more: Any) -> tuple[str, list[Told]]:
        outcome = self.engine.feed_poll(self.endpoint, ask, self.now, body.encode(), number, **more)
        return outcome, self.said()

    def said(self) -> list[Told]:
        """Messages since the last call, without what every message has."""
        return [bare(text) for _, text in self.bench.data()]

    def count(self, name: str) -> int:
        return self.bench.count(self.endpoint, name)


HEAD = ("exchange", "symbol", "epoch", "seq", "ts_exchange", "ts_recv", "ts_pub", "prev")


def bare(text: str) -> Told:
    message = json.loads(text, parse_float=Decimal)
    return {key: value for key, value in message.items() if key not in HEAD}


def of_kind(said: list[Told], kind: str) -> list[Told]:
    return [
        {key: value for key, value in message.items() if key != "type"}
        for message in said
        if message["type"] == kind
    ]


# ---- Binance ----------------------------------------------------------------------------


def mark(at: int, price: str = "87008.5", **fields: Any) -> str:
    """USD-M markPriceUpdate at `at` ms; by itself of a contract without funding."""
    event = {"e": "markPriceUpdate", "E": at, "s": "BTCUSDT", "p": price, "r": "", "T": 0}
    return compact({**event, **fields})


def funded(at: int, next_ms: int, rate: str = "0.0001", **fields: Any) -> str:
    return mark(at, **{"r": rate, "T": next_ms, **fields})


def day(at: int, last: str = "9", **fields: Any) -> str:
    """A ticker of 24 hours."""
    event = {"e": "24hrTicker", "E": at, "s": "BTCUSDT", "c": last, "o": "8", "h": "9", "l": "8"}
    return compact({**event, "v": "1", "q": "9", **fields})


def premium(at: int, price: str = "87001.5", symbol: str = "BTCUSDT", **fields: Any) -> str:
    """Body of premiumIndex."""
    row = {"symbol": symbol, "markPrice": price, "indexPrice": "87000", "time": at}
    return compact({**row, "lastFundingRate": "", "nextFundingTime": 0, **fields})


def forced(at: int, qty: str = "0.114", side: str = "SELL", price: str = "86990.5") -> str:
    order = {"s": "BTCUSDT", "S": side, "q": qty, "p": price, "ap": price, "z": qty, "T": at}
    return compact({"e": "forceOrder", "E": at, "o": order})


def fund(at: int, amount: str, *symbols: str, asset: str = "USDT") -> dict[str, Any]:
    """A group of insuranceBalance."""
    assets = [{"asset": asset, "marginBalance": amount, "updateTime": at}]
    return {"symbols": list(symbols), "assets": assets}


# ---- Bybit ------------------------------------------------------------------------------

TICKER = {
    "symbol": "SOLUSDT", "price24hPcnt": "0.0131", "lastPrice": "181.42", "prevPrice24h": "179.07",
    "highPrice24h": "183.90", "lowPrice24h": "177.55", "markPrice": "181.43",
    "indexPrice": "181.49", "singleOpenInterest": "4000", "singleOpenInterestValue": "725720",
    "turnover24h": "2210334455.1210", "volume24h": "12210034.4000", "fundingIntervalHour": "8",
    "nextFundingTime": str(FUNDED_MS), "fundingRate": "0.0001",
}  # fmt: skip


def ticker(at: int, **fields: str) -> str:
    """A snapshot of everything, `fields` in place of what stands in TICKER."""
    return tickers(at, "snapshot", {**TICKER, **fields})


def delta(at: int, **fields: str) -> str:
    return tickers(at, "delta", {"symbol": "SOLUSDT", **fields})


def tickers(at: int, kind: str, data: dict[str, str]) -> str:
    return compact({"topic": "tickers.SOLUSDT", "type": kind, "ts": at, "data": data})


def answer(at: int, rows: list[dict[str, Any]], **result: Any) -> str:
    """The envelope of REST."""
    return compact({"retCode": 0, "result": {"list": rows, **result}, "time": at})


def accounts(at: int, row_ms: int, longs: str, shorts: str) -> str:
    """Body of account-ratio: the row is of some minutes before."""
    row = {"symbol": "SOLUSDT", "buyRatio": longs, "sellRatio": shorts, "timestamp": str(row_ms)}
    return answer(at, [row])


def book(
    at: int, name: str, u: int, bids: Any = (), asks: Any = (), *, snapshot: bool = False
) -> str:
    data = {"s": name, "b": bids, "a": asks, "u": u, "seq": u}
    kind = "snapshot" if snapshot else "delta"
    topic = f"orderbook.50.{name}"
    return compact({"topic": topic, "type": kind, "ts": at + 3, "data": data, "cts": at})


def trades(at: int, name: str, *rows: tuple[str, str, str], **fields: Any) -> str:
    """publicTrade; rows of (id, price, size)."""
    data = [
        {"T": at, "s": name, "S": "Sell", "v": size, "p": px, "i": id, "BT": False, **fields}
        for id, px, size in rows
    ]
    return compact({"topic": f"publicTrade.{name}", "type": "snapshot", "ts": at + 3, "data": data})


def liquidated(at: int, *rows: tuple[str, str, str]) -> str:
    """Rows of (side of the position, size, price)."""
    data = [{"T": at, "s": "SOLUSDT", "S": side, "v": size, "p": px} for side, size, px in rows]
    topic = "allLiquidation.SOLUSDT"
    return compact({"topic": topic, "type": "snapshot", "ts": at + 100, "data": data})


def pools(at: int, *rows: tuple[str, str, str]) -> str:
    """The insurance topic; rows of (coin, symbols, balance)."""
    data = [
        {"coin": coin, "symbols": symbols, "balance": balance, "updateTime": str(at)}
        for coin, symbols, balance in rows
    ]
    return compact({"topic": "insurance.USDT", "type": "delta", "ts": at, "data": data})


# ---- OKX --------------------------------------------------------------------------------


def okx(channel: str, name: str, **fields: str) -> str:
    arg = {"channel": channel, "instId": name}
    return compact({"arg": arg, "data": [{"instId": name, **fields}]})


def okx_body(*rows: Any) -> str:
    return compact({"code": "0", "msg": "", "data": list(rows)})


def okx_forced(name: str, *details: tuple[int, str, str, str]) -> str:
    """liquidation-orders; details of (ms, side, size, price)."""
    kind = "SWAP"
    rows = [{"ts": str(at), "side": side, "sz": sz, "bkPx": px} for at, side, sz, px in details]
    data = {"instId": name, "instType": kind, "details": rows}
    return compact({"arg": {"channel": "liquidation-orders", "instType": kind}, "data": [data]})
