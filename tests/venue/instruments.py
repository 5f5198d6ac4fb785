"""The instruments of the local venue: digits, sizes, names."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

Text = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument of one venue. Prices are held in ticks, sizes in lots (both int)."""

    venue: str
    market: str  # "spot", "linear" or "inverse"
    venue_id: str
    base: str
    quote: str
    settle: str
    price_step: str  # decimal text as the venue's instrument list prints it
    qty_step: str
    start_ticks: int  # where the walk begins
    lots: int  # a large order, in lots
    levels: int  # held on each side
    weight: int = 1  # share of the message rate
    contract: str = ""  # ctVal, where a size counts contracts
    expiry: str = ""  # YYMMDD of a dated future
    ends_ms: int = 0  # delivery of a dated future, announced end of any other; 0: none
    funding_hours: int = 8

    @property
    def symbol(self) -> str:
        """The unified name, only for finding an instrument by it."""
        tail = "" if self.market == "spot" else f"-{self.expiry or 'PERP'}"
        return f"{self.base}{self.quote}{tail}"

    def texts(self) -> tuple[Text, Text]:
        """How this venue prints a price in ticks and a size in lots."""
        if self.venue == "binance" and self.market == "spot":
            return fixed_text(self.price_step, 8), fixed_text(self.qty_step, 8)
        if self.venue == "okx" or self.market == "spot":
            return short_text(self.price_step), short_text(self.qty_step)
        return fixed_text(self.price_step), fixed_text(self.qty_step)


def split_step(step: str) -> tuple[int, int]:
    """Decimal text to (mantissa, decimals): "0.10" is (10, 2)."""
    whole, _, part = step.partition(".")
    return int(whole + part), len(part)


def fixed_text(step: str, decimals: int | None = None) -> Text:
    """Printer of multiples of `step` with always the same number of decimals."""
    unit, places = split_step(step)
    if decimals is not None:
        unit, places = unit * 10 ** (decimals - places), decimals
    if places == 0:
        return lambda n: str(n * unit)
    scale = 10**places

    def text(n: int) -> str:
        whole, part = divmod(n * unit, scale)
        return f"{whole}.{part:0{places}d}"

    return text


def short_text(step: str) -> Text:
    """Printer of multiples of `step` without trailing zeros."""
    unit, places = split_step(step)
    if places == 0:
        return lambda n: str(n * unit)
    scale = 10**places

    def text(n: int) -> str:
        whole, part = divmod(n * unit, scale)
        return f"{whole}.{part:0{places}d}".rstrip("0") if part else str(whole)

    return text


@lru_cache(maxsize=4096)
def decimal_text(unit: int, places: int, *, short: bool) -> Text:
    """Printer of multiples of `unit` / 10**`places`. `short`: without trailing zeros."""
    step = f"{Decimal(unit).scaleb(-places):f}"
    return short_text(step) if short else fixed_text(step)


# base, quote, price step, size step, first price, a large order, levels a side, weight, contract
Row = tuple[str, str, str, str, str, str, int, int, str]

BINANCE_SPOT: tuple[Row, ...] = (
    ("BTC", "USDT", "0.01000000", "0.00001000", "87012.34", "2.5", 1200, 4, ""),
    ("ETH", "USDT", "0.01000000", "0.00010000", "3312.50", "40", 1200, 2, ""),
    ("SHIB", "USDT", "0.00000001", "1.00000000", "0.00000854", "90000000", 300, 1, ""),
    ("PEPE", "USDT", "0.00000001", "1.00000000", "0.00000412", "300000000", 200, 1, ""),
    ("BNB", "BTC", "0.00000100", "0.00100000", "0.010234", "12", 300, 1, ""),
    ("币安人生", "USDT", "0.00010000", "0.10000000", "0.1523", "9000", 200, 1, ""),
)
BINANCE_LINEAR: tuple[Row, ...] = (
    ("BTC", "USDT", "0.10", "0.001", "87010.1", "8", 1200, 4, ""),
    ("ETH", "USDT", "0.01", "0.001", "3311.90", "120", 1200, 2, ""),
    ("1000PEPE", "USDT", "0.0000001", "1", "0.0041230", "4000000", 500, 1, ""),
    ("1000SHIB", "USDT", "0.000001", "1", "0.008541", "900000", 500, 1, ""),
    ("BTC", "USDC", "0.1", "0.001", "87005.5", "3", 300, 1, ""),
)
BYBIT_SPOT: tuple[Row, ...] = (
    ("BTC", "USDT", "0.1", "0.000001", "87011.8", "2.5", 1200, 4, ""),
    ("ETH", "USDT", "0.01", "0.00001", "3312.41", "40", 1200, 2, ""),
    ("SHIB", "USDT", "0.00000001", "0.1", "0.00000854", "90000000", 300, 1, ""),
    ("PEPE", "USDT", "0.0000000001", "1", "0.0000041213", "300000000", 300, 1, ""),
)
BYBIT_LINEAR: tuple[Row, ...] = (
    ("BTC", "USDT", "0.10", "0.001", "87009.3", "8", 1200, 4, ""),
    ("ETH", "USDT", "0.01", "0.01", "3311.77", "120", 1200, 2, ""),
    ("1000PEPE", "USDT", "0.0000001", "100", "0.0041230", "4000000", 500, 1, ""),
    ("1000000BABYDOGE", "USDT", "0.0000001", "100", "0.0009812", "900000", 300, 1, ""),
    ("BTC", "USDC", "0.1", "0.001", "87004.9", "3", 300, 1, ""),
)
OKX_SPOT: tuple[Row, ...] = (
    ("BTC", "USDT", "0.1", "0.00000001", "87012.5", "2.5", 600, 4, ""),
    ("ETH", "USDT", "0.01", "0.000001", "3312.47", "40", 600, 2, ""),
    ("SHIB", "USDT", "0.000000001", "1", "0.000008541", "90000000", 300, 1, ""),
    ("PEPE", "USDT", "0.000000001", "1", "0.000004121", "300000000", 300, 1, ""),
)
OKX_LINEAR: tuple[Row, ...] = (
    ("BTC", "USDT", "0.1", "0.01", "87010.2", "900", 600, 4, "0.01"),
    ("ETH", "USDT", "0.01", "0.01", "3311.85", "1200", 600, 2, "0.1"),
    ("SHIB", "USDT", "0.000000001", "0.1", "0.000008539", "90", 300, 1, "1000000"),
    ("PEPE", "USDT", "0.000000001", "0.1", "0.000004123", "40", 300, 1, "10000000"),
    ("BTC", "USD_UM", "0.1", "0.01", "87008.7", "90", 300, 1, "0.01"),
)
OKX_INVERSE: tuple[Row, ...] = (("BTC", "USD", "0.1", "1", "87003.1", "9000", 300, 1, "100"),)
TABLE: tuple[tuple[str, str, tuple[Row, ...]], ...] = (
    ("binance", "spot", BINANCE_SPOT),
    ("binance", "linear", BINANCE_LINEAR),
    ("bybit", "spot", BYBIT_SPOT),
    ("bybit", "linear", BYBIT_LINEAR),
    ("okx", "spot", OKX_SPOT),
    ("okx", "linear", OKX_LINEAR),
    ("okx", "inverse", OKX_INVERSE),
)


DELIVERY_MS = 1_798_185_600_000  # 2026-12-25 08:00 UTC
DATED: tuple[tuple[str, str, Row], ...] = (  # (venue, venue id, row)
    ("binance", "BTCUSDT_261225", ("BTC", "USDT", "0.1", "0.001", "87890.4", "2", 200, 1, "")),
    ("bybit", "BTCUSDT-25DEC26", ("BTC", "USDT", "0.50", "0.001", "87901.50", "2", 200, 1, "")),
    ("okx", "BTC-USDT-261225", ("BTC", "USDT", "0.1", "0.1", "87887.6", "200", 200, 1, "0.01")),
)
FOUR_HOURS = {  # funded every 4 h: (venue, venue id)
    ("binance", "1000PEPEUSDT"),
    ("bybit", "1000PEPEUSDT"),
    ("bybit", "1000000BABYDOGEUSDT"),
    ("okx", "PEPE-USDT-SWAP"),
}


def venue_id(venue: str, market: str, base: str, quote: str) -> str:
    if venue == "okx":
        return f"{base}-{quote}" + ("" if market == "spot" else "-SWAP")
    if venue == "bybit" and market == "linear" and quote == "USDC":
        return f"{base}PERP"
    return base + quote


def from_row(venue: str, market: str, row: Row) -> Instrument:
    base, quote, price_step, qty_step, price, large, levels, weight, contract = row
    name = venue_id(venue, market, base, quote)
    return Instrument(
        venue=venue,
        market=market,
        venue_id=name,
        base=base,
        quote=quote,
        settle=base if market == "inverse" else quote.removesuffix("_UM"),
        price_step=price_step,
        qty_step=qty_step,
        start_ticks=int(Decimal(price) / Decimal(price_step)),
        lots=max(10, int(Decimal(large) / Decimal(qty_step))),
        levels=levels,
        weight=weight,
        contract=contract,
        funding_hours=4 if (venue, name) in FOUR_HOURS else 8,
    )


def dated(venue: str, name: str, row: Row) -> Instrument:
    inst = from_row(venue, "linear", row)
    return replace(inst, venue_id=name, expiry="261225", ends_ms=DELIVERY_MS)


def generated(venue: str, market: str, count: int, seed: int) -> Iterator[Instrument]:
    """SYM001USDT ... for load: `count` instruments of one market."""
    price_step, qty_step = ("0.0001", "0.1") if venue != "binance" else ("0.00010000", "0.10000000")
    if (venue, market) == ("binance", "linear"):
        price_step, qty_step = "0.0001", "0.1"
    rng = random.Random(f"{seed}:{venue}:{market}")
    contract = "1" if venue == "okx" and market == "linear" else ""
    for number in range(1, count + 1):
        price = f"{rng.uniform(0.5, 90.0):.4f}"
        row: Row = (
            f"SYM{number:03d}",
            "USDT",
            price_step,
            qty_step,
            price,
            "5000",
            100,
            1,
            contract,
        )
        yield from_row(venue, market, row)


def all_instruments(extra: int, seed: int) -> list[Instrument]:
    out: list[Instrument] = []
    for venue, market, rows in TABLE:
        out += [from_row(venue, market, row) for row in rows]
        if market == "linear":
            out += [dated(*row) for row in DATED if row[0] == venue]
        if market != "inverse":
            out += generated(venue, market, extra, seed)
    return out
