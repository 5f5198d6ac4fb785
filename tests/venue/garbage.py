"""Frames that no venue should send, made from frames that it did."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

SAMPLE = '{"e":"trade","E":1795305600123,"s":"BTCUSDT","t":1,"p":"87012.34","q":"0.1","m":false}'
FOREIGN = (
    '{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1795305600301,"data":[{"T":1795305600298,'
    '"s":"BTCUSDT","S":"Sell","v":"2.5","p":"1.42","L":"MinusTick","i":"5f0c2a4e","BT":false,"seq":1}]}',
    '{"stream":"btcusdt@trade","data":{"e":"trade","E":1795305600123,"s":"BTCUSDT","t":5,'
    '"p":"1.34000000","q":"0.00150000","T":1795305600121,"m":false,"M":true}}',
    '{"arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP",'
    '"tradeId":"91","px":"6.4","sz":"12.5","side":"sell","ts":"1790000000123","count":"3"}]}',
)
NUMBER = re.compile(r'"(\d+\.?\d*)"')


def _number(text: str) -> Callable[[str], str]:
    """Puts `text` in the place of the first quoted number."""
    return lambda payload: NUMBER.sub(text, payload, count=1)


def _foreign(payload: str) -> str:
    """Another venue's frame, told apart by a key that only that one uses."""
    own = 0 if '"topic"' in payload else 2 if '"arg"' in payload else 1
    return FOREIGN[(own + 1) % 3]


SORTS: dict[str, Callable[[str], str]] = {
    "malformed": lambda payload: payload.replace(":", ";", 2),
    "truncated": lambda payload: payload[: len(payload) // 2],
    "trailing": lambda payload: payload + ',"x":1}',
    "nan": _number("NaN"),
    "nan_text": _number('"NaN"'),
    "negative": _number(r'"-\1"'),
    "exponent": _number('"1e999"'),
    "huge": _number('"' + "9" * 60 + '"'),
    "digits": _number('"0.' + "1" * 40 + '"'),
    "empty_number": _number('""'),
    "wrong_type": _number('{"value":[true]}'),
    "null": _number("null"),
    "unknown_event": lambda payload: re.sub(
        r'"(e|topic|channel)":"[^"]*"', r'"\1":"somethingNew"', payload, count=1
    ),
    "unknown_symbol": lambda payload: payload.replace("BTC", "NOSUCH").replace("btc", "nosuch"),
    "foreign": _foreign,
    "deep": lambda _: "[" * 5000 + "]" * 5000,
    "oversized": lambda payload: payload[:-1] + ',"pad":"' + "x" * (3 << 20) + '"}',
    "scalar": lambda _: "42",
    "array": lambda payload: f"[{payload}]",
    "empty": lambda _: "",
    "binary": lambda payload: payload,
    "half_utf8": lambda payload: payload,
}


def spoil(sort: str, payload: str, rng: Random) -> tuple[bytes, bool]:
    """A broken copy of `payload`, and whether it goes as a binary frame.

    Raises ValueError for an unknown sort."""
    if sort == "random":
        sort = rng.choice(list(SORTS))
    if sort not in SORTS:
        raise ValueError(f"what {sort!r}: one of random, {', '.join(SORTS)}")
    data = SORTS[sort](payload).encode()
    if sort == "half_utf8":  # the first byte of a two-byte character, then a quote
        place = data.find(b'":"') + 3
        data = data[:place] + b"\xc3" + data[place:]
    return data, sort == "binary"
