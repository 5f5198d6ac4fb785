"""Frames of the slower feeds and bodies of REST that a venue could have sent."""

from __future__ import annotations

import json
from random import Random
from typing import Any

ASKS = {
    "binance:spot": ("ticker", "candles"),
    "binance:linear": (
        "mark_price", "funding_interval", "open_interest", "ticker", "insurance_fund",
        "long_short", "candles",
    ),
    "bybit:spot": ("ticker", "candles"),
    "bybit:linear": ("ticker", "open_interest", "long_short", "insurance_fund", "candles"),
    "okx": (
        "mark_price", "index_price", "funding", "open_interest", "ticker", "long_short",
        "insurance_fund", "candles",
    ),
}  # fmt: skip
HOUR = 3_600_000


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def index_of(name: str) -> str:
    """What OKX calls the index of an instrument."""
    return "-".join(name.split("-")[:2])


class Teller:
    """What a venue tells of one instrument besides book and trades."""

    def __init__(self, endpoint: str, name: str, random: Random) -> None:
        self.endpoint, self.name, self.random = endpoint, name, random
        self.venue = endpoint.partition(":")[0]
        self.fresh = True  # Bybit's tickers have yet to begin with a snapshot

    def number(self) -> str:
        random = self.random
        return random.choice(
            [str(random.randint(1, 9)), f"{random.randint(1, 99999)}.{random.randint(0, 99):02d}",
             f"0.{random.randint(0, 999):08d}1", "1" * random.randint(1, 38)]
        )  # fmt: skip

    def rate(self) -> str:
        return self.random.choice(["", "-", "-"]) + "0.000" + str(self.random.randint(1, 99))

    def some(self, row: dict[str, Any]) -> dict[str, Any]:
        """A part of the row."""
        return {key: value for key, value in row.items() if self.random.random() < 0.4}

    def funding_ms(self, ms: int) -> int:
        return (ms // (4 * HOUR) + self.random.choice([1, 1, 1, 2])) * 4 * HOUR

    # ---- frames ---------------------------------------------------------------------

    def frame(self, ms: int) -> bytes:
        ms -= self.random.choice([0, 0, 0, 50, 5000])
        return str(getattr(self, self.venue)(ms)).encode()

    def binance(self, ms: int) -> str:
        name, random = self.name, self.random
        if self.endpoint == "binance:spot" or random.random() < 0.3:
            day = {letter: self.number() for letter in "ohlcvq"}
            event = {"e": "24hrTicker", "E": ms, "s": name, "P": self.rate(), **day}
            return compact({"stream": f"{name.lower()}@ticker", "data": event})
        if random.random() < 0.7:
            event = {"e": "markPriceUpdate", "E": ms, "s": name, "p": self.number(),
                     "i": self.number(), "r": self.rate(), "T": self.funding_ms(ms)}  # fmt: skip
            listed = [event, {**event, "s": "NOBODY"}]
            return compact(random.choice([event, {"stream": "!markPrice@arr", "data": listed}]))
        qty = self.number()
        order = {"s": name, "S": random.choice(["BUY", "SELL"]), "q": qty, "p": self.number(),
                 "ap": self.number(), "z": random.choice([qty, "0"]), "T": ms}  # fmt: skip
        return compact({"e": "forceOrder", "E": ms, "o": order})

    def bybit(self, ms: int) -> str:
        random, name = self.random, self.name
        topic, data = f"tickers.{name}", dict[str, Any]()
        kind = "snapshot"
        if random.random() < 0.3 and self.endpoint == "bybit:linear":
            topic = f"allLiquidation.{name}"
            row = {"T": ms, "s": name, "S": random.choice(["Buy", "Sell"]), "v": self.number(),
                   "p": self.number()}  # fmt: skip
            rows = [row] * random.choice([1, 1, 2, 40])
            return compact({"topic": topic, "type": kind, "ts": ms, "data": rows})
        if random.random() < 0.2 and self.endpoint == "bybit:linear":
            pool = {"coin": "USDT", "symbols": name, "balance": self.rate(), "updateTime": str(ms)}
            data = {"topic": "insurance.USDT", "type": "delta", "ts": ms, "data": [pool]}
            return compact(data)
        data = self.bybit_row(ms)
        if self.endpoint == "bybit:linear" and not self.fresh:
            kind, data = "delta", {**self.some(data), "symbol": name}
        self.fresh = random.random() < 0.05
        return compact({"topic": topic, "type": kind, "ts": ms, "data": data})

    def bybit_row(self, ms: int) -> dict[str, Any]:
        keys = ["lastPrice", "prevPrice24h", "highPrice24h", "lowPrice24h", "volume24h",
                "turnover24h"]  # fmt: skip
        row = {key: self.number() for key in keys} | {"price24hPcnt": self.rate()}
        if self.endpoint == "bybit:linear":
            keys = ["markPrice", "indexPrice", "openInterest", "openInterestValue",
                    "singleOpenInterest", "singleOpenInterestValue"]  # fmt: skip
            row |= {key: self.number() for key in keys if self.random.random() < 0.9}
            row |= {"fundingRate": self.rate(), "nextFundingTime": str(self.funding_ms(ms)),
                    "fundingIntervalHour": self.random.choice(["8", "4", "1"])}  # fmt: skip
        return {**row, "symbol": self.name}

    def okx(self, ms: int) -> str:
        random, name = self.random, self.name
        channel = random.choice(["tickers", "mark-price", "index-tickers", "funding-rate",
                                 "open-interest", "liquidation-orders",
                                 "public-block-trades"])  # fmt: skip
        arg = {"channel": channel, "instId": name}
        if channel == "index-tickers":
            arg["instId"] = index_of(name)
        if channel == "liquidation-orders":
            arg = {"channel": channel, "instType": "SWAP"}
            rows = [{"ts": str(ms), "side": random.choice(["buy", "sell"]), "sz": self.number(),
                     "bkPx": self.number()}] * random.choice([1, 2, 300])  # fmt: skip
            data = {"instType": "SWAP", "instId": name, "details": rows}
        elif channel == "public-block-trades":
            data = {"instId": name, "tradeId": str(ms), "px": self.number(), "sz": self.number(),
                    "side": random.choice(["buy", "sell"]), "ts": str(ms)}  # fmt: skip
        else:
            data = self.okx_row(channel.replace("-", "_"), ms)
        return compact({"arg": arg, "data": [data]})

    def okx_row(self, what: str, ms: int) -> dict[str, Any]:
        next_ms = self.funding_ms(ms)
        keys = ["last", "open24h", "high24h", "low24h", "vol24h", "volCcy24h"]
        row: dict[str, Any] = {"instId": self.name, "ts": str(ms)}
        if what == "tickers":
            return row | {key: self.number() for key in keys}
        if what == "mark_price":
            return row | {"markPx": self.number()}
        if what in ("index_tickers", "index_price"):
            return row | {"idxPx": self.number(), "instId": index_of(self.name)}
        if what == "open_interest":
            return row | {"oi": self.number(), "oiCcy": self.number(), "oiUsd": self.number()}
        return row | {"fundingRate": self.rate(), "fundingTime": str(next_ms),
                      "nextFundingTime": str(next_ms + 4 * HOUR),
                      "nextFundingRate": self.random.choice(["", self.rate()])}  # fmt: skip

    # ---- bodies ---------------------------------------------------------------------

    def body(self, ask: str, ms: int) -> bytes:
        ms -= self.random.choice([0, 0, 60_000])
        rows = self.rows(ask, ms)
        if self.venue == "okx":
            return compact({"code": "0", "msg": "", "data": rows}).encode()
        if self.venue == "bybit":
            market = self.endpoint.partition(":")[2]
            result = {"category": market, "symbol": self.name, "list": rows}
            return compact({"retCode": 0, "result": result, "time": ms}).encode()
        single = len(rows) == 1 and ask != "candles" and self.random.random() < 0.5
        return compact(rows[0] if single else rows).encode()

    def rows(self, ask: str, ms: int) -> list[Any]:
        name = self.name
        if ask == "candles":
            minute = ms // 60_000 * 60_000
            times = [minute - 60_000 * n for n in range(self.random.randint(0, 5))]
            columns = [["5", "7.5", "4", "6", *(self.number() for _ in range(5))] for _ in times]
            bars = [[str(at), *row] for at, row in zip(times, columns, strict=True)]
            if self.venue == "okx":
                return [[*bar[:8], "1"] for bar in bars]
            if self.venue == "bybit":
                return [bar[:7] for bar in bars]
            return [[int(bar[0]), *bar[1:6], 0, bar[6], 5, bar[7], bar[8]] for bar in bars[::-1]]
        if ask == "long_short" and self.venue == "okx":
            return [[str(ms), self.number()]]
        if ask == "insurance_fund" and self.venue == "okx":
            detail = {"balance": self.number(), "ccy": "USDT", "ts": str(ms)}
            return [{"total": "5", "instFamily": index_of(name), "details": [detail]}]
        if self.venue == "okx":
            return [self.okx_row("tickers" if ask == "ticker" else ask, ms)]
        if self.venue == "bybit":
            answers: dict[str, dict[str, Any]] = {
                "ticker": self.bybit_row(ms),
                "open_interest": {"singleOpenInterest": self.number(), "timestamp": str(ms)},
                "long_short": {"symbol": name, "buyRatio": "0.6", "sellRatio": self.number(),
                               "timestamp": str(ms)},
                "insurance_fund": {"coin": "USDT", "symbols": f"{name},X{ms % 7}",
                                   "balance": self.rate()},
            }  # fmt: skip
            return [answers[ask]]
        assets = [{"asset": "USDT", "marginBalance": self.number(), "updateTime": ms}]
        answers = {
            "mark_price": {"markPrice": self.number(), "indexPrice": self.number(), "time": ms,
                           "lastFundingRate": self.rate(),
                           "nextFundingTime": self.funding_ms(ms)},
            "funding_interval": {"fundingIntervalHours": 4},
            "open_interest": {"openInterest": self.number(), "time": ms},
            "long_short": {"longShortRatio": "1.5", "longAccount": "0.6", "shortAccount": "0.4",
                           "timestamp": ms},
            "insurance_fund": {"symbols": [name, f"X{ms % 7}"], "assets": assets},
            "ticker": {"closeTime": ms, "lastPrice": "5", "openPrice": "4", "highPrice": "6",
                       "lowPrice": "3", "volume": self.number(), "quoteVolume": self.number(),
                       "priceChangePercent": self.rate()},
        }  # fmt: skip
        return [{**answers[ask], "symbol": name}]
