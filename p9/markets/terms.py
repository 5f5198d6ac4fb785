"""What the configuration adds to an instrument before the core takes it."""

from __future__ import annotations

from typing import Any

from p9.config.feeds import BlockTradeFeed
from p9.venues import SPOT, Instrument

DOLLARS = frozenset({"USDT", "USDC", "USD", "FDUSD", "TUSD", "DAI", "USDE", "USD1"})


def engine_args(instrument: Instrument, block: BlockTradeFeed) -> dict[str, Any]:
    """The keyword arguments of `Engine.add_instrument`."""
    return {
        **instrument.engine_args(),
        "funding_hours": instrument.funding_hours,
        "block_notional": (
            block.min_notional_of(instrument.underlying, spot=instrument.market == SPOT)
            if instrument.quote in DOLLARS
            else None
        ),
    }


def plain(block: BlockTradeFeed) -> dict[str, Any]:
    """The thresholds for a recording."""
    return {"min_notional": dict(block.min_notional), "spot_share": block.spot_share}


def from_plain(row: object) -> BlockTradeFeed:
    """Those of a recording; what is not there, or makes no sense, has its default."""
    amounts = row.get("min_notional") if isinstance(row, dict) else None
    share = row.get("spot_share") if isinstance(row, dict) else None
    block = BlockTradeFeed()
    try:
        block = BlockTradeFeed(
            min_notional=tuple(amounts.items())
            if isinstance(amounts, dict)
            else block.min_notional,
            spot_share=float(share) if share is not None else block.spot_share,
        )
        block.min_notional_of("", spot=True)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return BlockTradeFeed()
    return block
