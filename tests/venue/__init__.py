"""A local venue: Binance, Bybit and OKX on loopback, over real sockets, for tests and trials."""

from __future__ import annotations

from .log import BookState, TradeRow
from .options import Limits, Options, Timing
from .server import LocalVenue

__all__ = ["BookState", "Limits", "LocalVenue", "Options", "Timing", "TradeRow"]
