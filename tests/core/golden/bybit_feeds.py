"""Bybit: tickers and liquidations."""

from __future__ import annotations

from tests.core.golden.kinds import MS, T0, Golden

BYBIT_FEEDS = [
    Golden(
        "bybit:linear",
        "tickers, snapshot",
        '{"topic":"tickers.SOLUSDT","type":"snapshot","cs":90211874110,"ts":1795305600121,"data":{"symbol":"SOLUSDT","tickDirection":"MinusTick","price24hPcnt":"0.0131","lastPrice":"181.42","prevPrice24h":"179.07","highPrice24h":"183.90","lowPrice24h":"177.55","prevPrice1h":"181.01","markPrice":"181.43","indexPrice":"181.49","openInterest":"8123456.1","openInterestValue":"1473839240.22","singleOpenInterest":"4061728.1","singleOpenInterestValue":"736919711.18","turnover24h":"2210334455.1210","volume24h":"12210034.4000","fundingIntervalHour":"8","fundingCap":"0.005","nextFundingTime":"1795334400000","fundingRate":"0.0001","bid1Price":"181.42","bid1Size":"310.2","ask1Price":"181.43","ask1Size":"95.0","preOpenPrice":"","preQty":"","curPreListingPhase":""}}',
        (
            ("mark_price", T0, '"price":181.43}'),
            ("index_price", T0, '"price":181.49}'),
            (
                "funding",
                T0,
                '"rate":0.0001,"interval_hours":8,"next_funding":1795334400000000000}',
            ),
            (
                "open_interest",
                T0,
                '"base":4061728.1,"contracts":4061728.1,"notional":736919711.18,"derived":["contracts"]}',
            ),
            (
                "ticker",
                T0,
                '"last":181.42,"open":179.07,"high":183.9,"low":177.55,"volume":12210034.4,"quote_volume":2210334455.121,"change_pct":0.0131}',
            ),
        ),
    ),
    Golden(
        "bybit:linear",
        "tickers of a dated future, both sides of open interest",
        '{"topic":"tickers.SOLUSDT","type":"snapshot","data":{"symbol":"SOLUSDT","tickDirection":"MinusTick","price24hPcnt":"-0.023231","lastPrice":"182.1","prevPrice24h":"186.4","highPrice24h":"187","lowPrice24h":"180","prevPrice1h":"182","markPrice":"182.0712","indexPrice":"181.4","openInterest":"4547175","openInterestValue":"827900000.12","turnover24h":"14652000.5","volume24h":"80415","deliveryTime":"2026-12-25T08:00:00Z","basisRate":"0.0160","deliveryFeeRate":"0.0005","predictedDeliveryPrice":"0.00","basis":"0.67","nextFundingTime":"","fundingRate":"","bid1Price":"182","bid1Size":"3100","ask1Price":"182.2","ask1Size":"3095"},"cs":12321470232,"ts":1795305600121}',
        (
            ("mark_price", T0, '"price":182.0712}'),
            ("index_price", T0, '"price":181.4}'),
            (
                "open_interest",
                T0,
                '"base":2273587.5,"contracts":2273587.5,"notional":413950000.06,"derived":["base","contracts","notional"]}',
            ),
            (
                "ticker",
                T0,
                '"last":182.1,"open":186.4,"high":187,"low":180,"volume":80415,"quote_volume":14652000.5,"change_pct":-0.023231}',
            ),
        ),
    ),
    Golden(
        "bybit:linear",
        "tickers, delta before a snapshot",
        '{"topic":"tickers.SOLUSDT","type":"delta","cs":90211874190,"ts":1795305600502,"data":{"symbol":"SOLUSDT","markPrice":"181.44","openInterestValue":"1473920474.78"}}',
        counts="waiting",
    ),
    Golden(
        "bybit:spot",
        "tickers",
        '{"topic":"tickers.SOLUSDT","ts":1795305600121,"type":"snapshot","cs":16022087001,"data":{"symbol":"SOLUSDT","lastPrice":"181.5","highPrice24h":"184","lowPrice24h":"177.6","prevPrice24h":"179.1","volume24h":"905512.31","turnover24h":"163991200.55","price24hPcnt":"0.0134","usdIndexPrice":"181.4711"}}',
        (
            (
                "ticker",
                T0,
                '"last":181.5,"open":179.1,"high":184,"low":177.6,"volume":905512.31,"quote_volume":163991200.55,"change_pct":0.0134}',
            ),
        ),
    ),
    Golden(
        "bybit:linear",
        "allLiquidation",
        '{"topic":"allLiquidation.SOLUSDT","type":"snapshot","ts":1795305600500,"data":[{"T":1795305600121,"s":"SOLUSDT","S":"Buy","v":"120.5","p":"178.93"},{"T":1795305600122,"s":"SOLUSDT","S":"Sell","v":"1","p":"190.00"}]}',
        (
            (
                "liquidation",
                T0,
                '"price":178.93,"qty":120.5,"notional":21561.065,"side":"sell","price_kind":"bankruptcy","complete":true}',
            ),
            (
                "liquidation",
                T0 + MS,
                '"price":190,"qty":1,"notional":190,"side":"buy","price_kind":"bankruptcy","complete":true}',
            ),
        ),
    ),
    Golden(
        "bybit:linear",
        "liquidation, until 2025",
        '{"topic":"liquidation.SOLUSDT","type":"snapshot","ts":1673251091822,"data":{"updatedTime":1673251091822,"symbol":"SOLUSDT","side":"Sell","size":"6949","price":"0.5149"}}',
        counts="ignored",
    ),
    Golden(
        "bybit:spot",
        "kline of two hours",
        '{"topic":"kline.120.SOLUSDT","type":"snapshot","ts":1795305661002,"data":[{"start":1795305600000,"end":1795312799999,"interval":"120","open":"181.40","close":"181.52","high":"181.60","low":"181.33","volume":"5210.4","turnover":"945310.77","confirm":false,"timestamp":1795305660984}]}',
        counts="ignored",
    ),
    Golden(
        "bybit:linear",
        "insurance, no pool",
        '{"topic":"insurance.USDT","type":"delta","ts":1795305601000,"data":[]}',
        counts="ignored",
    ),
]
