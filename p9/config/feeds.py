"""The section `feeds` of the configuration: which ones are published, and their settings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

from p9.config.checks import ON_OFF, Int, Number, key
from p9.config.lists import Amounts, Levels, Names

TIMEFRAMES = ("1s", "5s", "15s", "1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d", "1w")
MIN_NOTIONAL = Amounts(
    {
        "default": "25000", "BTC": "500000", "ETH": "250000", "SOL": "100000", "XRP": "100000",
        "BNB": "100000", "DOGE": "100000",
    },
    1, 1_000_000_000_000,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Feed:
    enabled: bool = key(True, ON_OFF)


@dataclass(frozen=True, slots=True)
class DepthFeed(Feed):
    levels: int = key(1000, Int(1, 5000))
    """Levels a side that are held and served."""


@dataclass(frozen=True, slots=True)
class SnapshotFeed(Feed):
    interval_ms: int = key(1000, Int(100, 60_000, "in steps of 100", step=100))
    levels: int = key(50, Int(1, 1000))


@dataclass(frozen=True, slots=True)
class BlockTradeFeed(Feed):
    min_notional: tuple[tuple[str, str], ...] = key(MIN_NOTIONAL.default, MIN_NOTIONAL)
    """Of a print in a dollar-like quote, by underlying; see `min_notional_of`."""
    spot_share: float = key(0.5, Number(0.001, 1000))
    """Of that, what is enough on a spot market."""

    def min_notional_of(self, underlying: str, *, spot: bool) -> str:
        """The exact text of the threshold."""
        amounts = dict(self.min_notional)
        amount = Decimal(amounts.get(underlying, amounts["default"]))
        share = Decimal(str(self.spot_share)) if spot else Decimal(1)
        return f"{(amount * share).normalize():f}"


@dataclass(frozen=True, slots=True)
class AgedFeed(Feed):
    max_age_s: float = key(10.0, Number(0.5, 86_400))
    """Older than this it is asked for by REST, and stale if that does not help."""


@dataclass(frozen=True, slots=True)
class ImbalanceFeed(Feed):
    levels: tuple[int, ...] = key((1, 5, 10, 20), Levels(1000, 8))
    """Level counts, one value for each."""


@dataclass(frozen=True, slots=True)
class CandlesFeed(Feed):
    timeframes: tuple[str, ...] = key(TIMEFRAMES, Names(*TIMEFRAMES, least=1))
    reference: bool = key(True, ON_OFF)
    """The venue's own candle is followed beside the one made of trades."""


@dataclass(frozen=True, slots=True)
class Feeds:
    trade: Feed = Feed()
    bbo: Feed = Feed()
    depth: DepthFeed = DepthFeed()
    snapshot: SnapshotFeed = SnapshotFeed()
    block_trade: BlockTradeFeed = BlockTradeFeed()
    liquidation: Feed = Feed()
    funding: AgedFeed = AgedFeed(max_age_s=30.0)
    mark_price: AgedFeed = AgedFeed(max_age_s=10.0)
    index_price: AgedFeed = AgedFeed(max_age_s=10.0)
    open_interest: AgedFeed = AgedFeed(max_age_s=15.0)
    insurance_fund: AgedFeed = AgedFeed(max_age_s=60.0)
    imbalance: ImbalanceFeed = ImbalanceFeed()
    candles: CandlesFeed = CandlesFeed()
    ticker: Feed = Feed()
    long_short: AgedFeed = AgedFeed(max_age_s=60.0)

    def enabled(self) -> tuple[str, ...]:
        return tuple(row.name for row in fields(self) if getattr(self, row.name).enabled)

    def max_age_s(self) -> dict[str, float]:
        """Enabled feed -> its greatest age, of those that have one."""
        ages = {name: getattr(getattr(self, name), "max_age_s", None) for name in self.enabled()}
        return {name: age for name, age in ages.items() if age is not None}
