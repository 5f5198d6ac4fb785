"""Golden frames: written by hand in the shapes of the protocol pages, values invented."""

from __future__ import annotations

from tests.core.golden.binance_linear import BINANCE_LINEAR
from tests.core.golden.binance_spot import BINANCE_SPOT
from tests.core.golden.bybit import BYBIT
from tests.core.golden.bybit_feeds import BYBIT_FEEDS
from tests.core.golden.controls import CONTROLS
from tests.core.golden.kinds import INSTRUMENTS, Golden, Says
from tests.core.golden.okx import OKX

GOLDEN = [*BINANCE_SPOT, *BINANCE_LINEAR, *BYBIT, *BYBIT_FEEDS, *OKX]

__all__ = ["CONTROLS", "GOLDEN", "INSTRUMENTS", "Golden", "Says"]
