"""Candles from own trades as messages."""

from typing import Any

from p9core.messages import Messages

class Charts(Messages):
    """A layer of the engine; use `p9core.engine.Engine`."""

    def residuals(self) -> list[dict[str, Any]]:
        """The newest comparison of each instrument's own closed 1m candle with the venue's, own
        less the venue's: `volume`, `quote_volume`, `trades` (text of numbers), `venue_volume`
        and the names of `prices` that differ."""
