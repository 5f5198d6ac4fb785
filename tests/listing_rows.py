"""Rows of listings as the venues write them, and the recorded bodies of REST."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from p9 import venues
from p9.venues import Instrument

BINANCE_FILTERS = [
    {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
    {"filterType": "LOT_SIZE", "stepSize": "0.00100000"},
]


def body(endpoint: str, *rows: Any) -> bytes:
    """A listing of that endpoint around these rows."""
    if endpoint.startswith("binance"):
        return json.dumps({"symbols": list(rows)}).encode()
    if endpoint.startswith("bybit"):
        return json.dumps({"retCode": 0, "result": {"list": list(rows)}}).encode()
    return json.dumps({"code": "0", "data": list(rows)}).encode()


def binance(symbol: str, base: Any, quote: str, **more: Any) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "baseAsset": base,
        "quoteAsset": quote,
        "status": "TRADING",
        "filters": BINANCE_FILTERS,
        **more,
    }


def usdm(symbol: str, base: str, quote: str, kind: str = "PERPETUAL", **more: Any) -> Any:
    return binance(
        symbol,
        base,
        quote,
        contractType=kind,
        marginAsset=quote,
        deliveryDate=4133404800000,
        **more,
    )


def bybit(symbol: str, base: str, quote: str, **more: Any) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "baseCoin": base,
        "quoteCoin": quote,
        "status": "Trading",
        "priceFilter": {"tickSize": "0.1"},
        "lotSizeFilter": {"qtyStep": "0.001", "basePrecision": "0.000001"},
        **more,
    }


def okx(inst_id: str, kind: str, **more: Any) -> dict[str, Any]:
    row = {
        "instId": inst_id,
        "instType": kind,
        "state": "live",
        "tickSz": "0.1",
        "lotSz": "1",
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": "",
        "ctVal": "",
        "ctMult": "",
        "ctValCcy": "",
        "ctType": "",
        "uly": "",
        "instFamily": "",
        "expTime": "",
    }
    return {**row, **more}


def swap(inst_id: str, family: str, **more: Any) -> dict[str, Any]:
    row = {
        "uly": family.removesuffix("_UM"),
        "instFamily": family,
        "settleCcy": "USDT",
        "ctVal": "0.01",
        "ctMult": "1",
        "ctValCcy": family.split("-")[0],
        "ctType": "linear",
    }
    return okx(inst_id, "SWAP", **{**row, **more})


def one(endpoint: str, row: Any) -> Instrument:
    listing = venues.listing(endpoint, body(endpoint, row))
    assert len(listing.instruments) == 1, listing.skipped
    return listing.instruments[0]


SEPT_2026 = 1790323200000  # 2026-09-25 08:00 UTC


GOOD = {
    "binance:spot": binance("ETHUSDT", "ETH", "USDT"),
    "binance:linear": usdm("ETHUSDT", "ETH", "USDT"),
    "bybit:spot": bybit("ETHUSDT", "ETH", "USDT"),
    "bybit:linear": bybit(
        "ETHUSDT", "ETH", "USDT", contractType="LinearPerpetual", deliveryTime="0"
    ),
    "okx": swap("ETH-USDT-SWAP", "ETH-USDT"),
}


def recorded_rest(folder: Path) -> list[tuple[str, bytes]]:
    found = []
    for path in sorted((folder / "rest").glob("*.jsonl.gz")):
        with gzip.open(path, "rt") as lines:
            for line in lines:
                row = json.loads(line)
                found.append((row["url"], row["raw"].encode()))
    return found
