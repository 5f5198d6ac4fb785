"""What is traded, and the names of what is told about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SPOT, LINEAR, INVERSE, OPTION = "spot", "linear", "inverse", "option"
PERPETUAL, FUTURE = "perpetual", "future"

TRADE, BBO, DEPTH = "trade", "bbo", "depth"
SNAPSHOT, IMBALANCE, BLOCK_TRADE = "snapshot", "imbalance", "block_trade"
LIQUIDATION, FUNDING, MARK, INDEX = "liquidation", "funding", "mark_price", "index_price"
OPEN_INTEREST, TICKER, LONG_SHORT = "open_interest", "ticker", "long_short"
CANDLES, INSURANCE = "candles", "insurance_fund"
FEEDS = (
    BBO, DEPTH, SNAPSHOT, TRADE, BLOCK_TRADE, LIQUIDATION, FUNDING, MARK, INDEX, OPEN_INTEREST,
    INSURANCE, IMBALANCE, CANDLES, TICKER, LONG_SHORT,
)  # fmt: skip
FUNDING_INTERVAL = "funding_interval"  # no feed: a part of funding that is asked by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One instrument of one venue under its unified name.

    Steps and contract are the venue's own decimal text, never a float. `contract` is the
    size of one unit of the venue's quantity: in base units for spot and linear, in the
    quote currency for inverse, None where it is unknown.
    """

    endpoint: str  # which row of the venue table serves it
    exchange: str
    venue_id: str
    market: str  # spot | linear | inverse | option
    kind: str  # spot | perpetual | future | option
    symbol: str  # unified name
    base: str
    quote: str
    settle: str
    underlying: str  # base without the multiplier: what one asset's markets share
    multiplier: int = 1  # 1000 for 1000PEPE
    group: str  # the name with the underlying in it: what all venues' contracts on it share
    index: str = ""  # the venue's name of the index behind it, where a stream or poll needs one
    price_step: str | None = None  # None: not told, learn it from the digits
    qty_step: str | None = None  # in the venue's own quantity (contracts where it counts those)
    contract: str | None = "1"
    status: str = ""  # the venue's own word
    live: bool = True  # the venue sends data for it now
    expiry_ms: int | None = None  # delivery of a dated one; delisting of another, once announced
    funding_hours: int | None = None  # as the listing tells it; it may change any time
    publish: bool = True  # False: nothing of it is published, its book is kept and verified

    def engine_args(self) -> dict[str, Any]:
        """The keyword arguments of `Engine.add_instrument` (after endpoint and venue_id)."""
        return {
            "exchange": self.exchange,
            "symbol": self.symbol,
            "price_step": self.price_step,
            "qty_step": self.qty_step,
            "contract": self.contract,
            "publish": self.publish,
            "market": self.market,
            "index": self.index,
            "group": self.group,
            "multiplier": self.multiplier,
            "funding_hours": self.funding_hours,
        }


@dataclass(slots=True)
class Listing:
    """One page of instruments: every row of the body is in one of the two lists."""

    instruments: list[Instrument] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (venue id, reason)
    cursor: str = ""  # of the next page

    def skip_counts(self) -> Counter[str]:
        return Counter(reason for _, reason in self.skipped)
