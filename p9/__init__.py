"""P9-MicroStream: exchange market data, normalised and published to Redis."""

from __future__ import annotations

__version__ = "0.1.0"
