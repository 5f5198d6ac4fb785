"""Binance events of the other feeds as dicts, for tests that change a part of them."""

from __future__ import annotations

import json
from typing import Any

E = 1795305600121

MARK: dict[str, Any] = {
    "e": "markPriceUpdate",
    "E": E,
    "s": "BTCUSDT",
    "p": "87008.51234567",
    "ap": "87007.90000000",
    "P": "87011.22000000",
    "i": "87009.40000000",
    "r": "0.00010000",
    "T": 1795334400000,
    "st": 1,
}
DAY: dict[str, Any] = {
    "e": "24hrTicker",
    "E": E,
    "s": "BTCUSDT",
    "p": "10.0",
    "P": "0.011",
    "w": "87000.0",
    "c": "87012.3",
    "Q": "0.1",
    "o": "87002.3",
    "h": "87100.0",
    "l": "86900.0",
    "v": "100.0",
    "q": "8700000.0",
    "O": 1795219200000,
    "C": 1795305600000,
    "F": 1,
    "L": 100,
    "n": 100,
}
ORDER: dict[str, Any] = {
    "s": "BTCUSDT",
    "S": "SELL",
    "o": "LIMIT",
    "f": "IOC",
    "q": "0.114",
    "p": "86420.10",
    "ap": "86990.50",
    "X": "FILLED",
    "l": "0.114",
    "z": "0.114",
    "T": E - 3,
}
BAR: dict[str, Any] = {
    "t": 1795305600000,
    "T": 1795305659999,
    "s": "BTCUSDT",
    "i": "1m",
    "f": 5123456001,
    "L": 5123457000,
    "o": "87000.00",
    "c": "87012.34",
    "h": "87020.00",
    "l": "86990.10",
    "v": "12.345",
    "n": 1000,
    "x": True,
    "q": "1074000.10",
    "V": "6.100",
    "Q": "530700.55",
    "B": "0",
}
BLOCK: dict[str, Any] = {
    "e": "blockTrade",
    "E": E,
    "s": "BTCUSDT",
    "t": 582,
    "p": "86900.00",
    "q": "25.0",
    "T": E - 130,
    "m": False,
}


def order(fields: dict[str, Any], **outer: Any) -> dict[str, Any]:
    return {"e": "forceOrder", "E": E, "o": {**ORDER, **fields}, **outer}


def bar(**fields: Any) -> dict[str, Any]:
    return {"e": "kline", "E": E, "s": "BTCUSDT", "k": {**BAR, **fields}}


def both_forms(stream: str, data: Any) -> list[str]:
    """As `/ws` and as `/stream` send it."""
    raw = json.dumps(data, separators=(",", ":"))
    return [raw, f'{{"stream":"{stream}","data":{raw}}}', f'{{"data":{raw},"stream":"{stream}"}}']
