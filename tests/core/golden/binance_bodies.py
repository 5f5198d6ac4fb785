"""Binance REST bodies that polls ask for, and what each makes the engine say."""

from __future__ import annotations

from typing import Any

NS = 1_000_000
NOW = 1795305600121
NEXT = 1795334400000

PREMIUM: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "markPrice": "26780.82240476",
    "indexPrice": "26798.25197802",
    "estimatedSettlePrice": "26808.13173098",
    "lastFundingRate": "0.00001226",
    "interestRate": "0.00010000",
    "nextFundingTime": NEXT,
    "time": NOW,
}
INFO: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "adjustedFundingRateCap": "0.02000000",
    "adjustedFundingRateFloor": "-0.02000000",
    "fundingIntervalHours": 4,
    "disclaimer": False,
}
INTEREST: dict[str, Any] = {"openInterest": "10659.509", "symbol": "BTCUSDT", "time": NOW}
RATIO: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "longShortRatio": "1.3866",
    "longAccount": "0.5810",
    "shortAccount": "0.4190",
    "timestamp": NOW,
}
DAY: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "priceChange": "-155.63",
    "priceChangePercent": "-0.330",
    "weightedAvgPrice": "46998.82",
    "lastPrice": "47028.50",
    "openPrice": "47184.20",
    "highPrice": "47688.80",
    "lowPrice": "46280.00",
    "volume": "471823.103",
    "quoteVolume": "22175129357.20",
    "openTime": 1,
    "closeTime": NOW,
}
FUND: dict[str, Any] = {
    "symbols": ["BTCUSDT", "ETHUSDT"],
    "assets": [
        {"asset": "USDT", "marginBalance": "1172033891.55140000", "updateTime": NOW},
        {"asset": "BTC", "marginBalance": "0", "updateTime": NOW - 5},
    ],
}
ROW: list[Any] = [
    1795305600000,
    "16537.50",
    "16618.80",
    "16488.00",
    "16610.30",
    "105502.965",
    1795305659999,
    "1746449849.73920",
    594299,
    "52617.509",
    "871082706.82390",
    "0",
]
BODIES: dict[str, Any] = {
    "mark_price": PREMIUM,
    "funding_interval": [INFO],
    "open_interest": INTEREST,
    "long_short": [RATIO],
    "ticker": DAY,
    "insurance_fund": FUND,
    "candles": [ROW],
}
MARK_SAYS: list[tuple[str, dict[str, Any]]] = [
    ("mark_price", {"price": 26780.82240476}),
    ("index_price", {"price": 26798.25197802}),
    ("funding", {"rate": 0.00001226, "interval_hours": None, "next_funding": NEXT * NS}),
]
SAYS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "mark_price": MARK_SAYS,
    "funding_interval": [],  # a part of what is said of funding
    "open_interest": [
        (
            "open_interest",
            {
                "base": 10659.509,
                "contracts": 10659.509,
                "notional": None,
                "derived": ["contracts", "notional"],
            },
        )
    ],
    "long_short": [
        (
            "long_short",
            {"ratio": 1.3866, "long_account": 0.581, "short_account": 0.419, "period": "5m"},
        )
    ],
    "ticker": [
        (
            "ticker",
            {
                "last": 47028.5,
                "open": 47184.2,
                "high": 47688.8,
                "low": 46280,
                "volume": 471823.103,
                "quote_volume": 22175129357.2,
                "change_pct": -0.0033,
            },
        )
    ],
    "insurance_fund": [
        (
            "insurance_fund",
            {
                "balances": [
                    {"asset": "USDT", "amount": 1172033891.5514, "pool": "BTCUSDT,ETHUSDT"},
                    {"asset": "BTC", "amount": 0, "pool": "BTCUSDT,ETHUSDT"},
                ]
            },
        )
    ],
    "candles": [],
}
