"""The form of a golden frame, and the instruments that they name.

`says` are the messages behind their header, as (feed, ts_exchange ns or None, text); `counts`
is what rises by one for a frame that says nothing.
"""

from __future__ import annotations

from typing import NamedTuple

Says = tuple[tuple[str, int | None, str], ...]


class Golden(NamedTuple):
    endpoint: str
    name: str
    frame: str
    says: Says = ()
    counts: str = ""


# endpoint, venue's id, symbol, price step, size step, contract
INSTRUMENTS: list[tuple[str, str, str, str, str, str | None]] = [
    ("binance:spot", "BTCUSDT", "BTCUSDT", "0.01000000", "0.00001000", "1"),
    ("binance:linear", "BTCUSDT", "BTCUSDT-PERP", "0.10", "0.001", "1"),
    ("bybit:spot", "SOLUSDT", "SOLUSDT", "0.01", "0.001", "1"),
    ("bybit:linear", "SOLUSDT", "SOLUSDT-PERP", "0.010", "0.1", "1"),
    ("okx", "ETH-USDT", "ETHUSDT", "0.01", "0.000001", "1"),
    ("okx", "BTC-USDT-SWAP", "BTCUSDT-PERP", "0.1", "0.01", "0.01"),
    ("okx", "BTC-USD-SWAP", "BTCUSD-PERP", "0.1", "1", "100"),
    ("okx", "XYZ-USDT-SWAP", "XYZUSDT-PERP", "0.1", "0.01", None),
]

MS = 1_000_000  # in ns
T0 = 1795305600121 * MS
