"""Binance USD-M."""

from __future__ import annotations

from tests.core.golden.kinds import T0, Golden

BINANCE_LINEAR = [
    Golden(
        "binance:linear",
        "aggTrade with RPI in it",
        '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1795305600150,"s":"BTCUSDT","a":3344556677,"p":"87010.10","q":"1.204","nq":"1.104","f":7001200300,"l":7001200312,"T":1795305600121,"m":true,"st":1}}',
        (
            (
                "trade",
                T0,
                '"id":"3344556677","price":87010.1,"qty":1.204,"side":"sell","buyer_maker":true,"count":13,"organic_qty":1.104}',
            ),
        ),
    ),
    Golden(
        "binance:linear",
        "aggTrade of RPI only",
        '{"e":"aggTrade","E":1795305600150,"s":"BTCUSDT","a":8,"p":"87010.10","q":"1.204","nq":"0.000","f":5,"l":5,"T":1795305600121,"m":false}',
        (
            (
                "trade",
                T0,
                '"id":"8","price":87010.1,"qty":1.204,"side":"buy","buyer_maker":false,"count":1,"organic_qty":0,"flags":["rpi"]}',
            ),
        ),
    ),
    Golden(
        "binance:linear",
        "aggTrade before 2026",
        '{"e":"aggTrade","E":1795305600150,"s":"BTCUSDT","a":8,"p":"87010.10","q":"1.204","f":5,"l":6,"T":1795305600121,"m":false}',
        (
            (
                "trade",
                T0,
                '"id":"8","price":87010.1,"qty":1.204,"side":"buy","buyer_maker":false,"count":2}',
            ),
        ),
    ),
    Golden(
        "binance:linear",
        "trade",
        '{"e":"trade","E":1795305600101,"T":1795305600121,"s":"BTCUSDT","t":7001200300,"p":"87010.10","q":"0.004","X":"MARKET","m":true}',
        (
            (
                "trade",
                T0,
                '"id":"7001200300","price":87010.1,"qty":0.004,"side":"sell","buyer_maker":true,"count":1}',
            ),
        ),
    ),
    Golden(
        "binance:linear",
        "trade of the insurance fund",
        '{"e":"trade","E":1795305600101,"T":1795305600121,"s":"BTCUSDT","t":7001200300,"p":"78309.1","q":"0.004","X":"INSURANCE_FUND","m":true,"st":1}',
        counts="off_book",
    ),
    Golden(
        "binance:linear",
        "trade NA",
        '{"e":"trade","E":1795305600101,"T":1795305600121,"s":"BTCUSDT","t":7001200300,"p":"0","q":"0","X":"NA","m":true}',
        counts="off_book",
    ),
    Golden(
        "binance:linear",
        "bookTicker",
        '{"e":"bookTicker","u":8899001122334,"E":1795305600160,"T":1795305600121,"s":"BTCUSDT","ps":"BTCUSDT","b":"87010.00","B":"4.120","a":"87010.10","A":"2.334","st":1}',
        (
            (
                "bbo",
                T0,
                '"bid":87010,"bid_qty":4.12,"ask":87010.1,"ask_qty":2.334,"id":"8899001122334"}',
            ),
        ),
    ),
    Golden(
        "binance:linear",
        "depth before a snapshot",
        '{"e":"depthUpdate","E":1795305600205,"T":1795305600199,"s":"BTCUSDT","ps":"BTCUSDT","st":1,"U":8899001120001,"u":8899001122334,"pu":8899001119987,"b":[["87010.00","4.120"]],"a":[["87010.10","0"]]}',
        counts="held",
    ),
    Golden(
        "binance:linear",
        "partial depth looks like a diff",
        '{"stream":"btcusdt@depth10@500ms","data":{"e":"depthUpdate","E":1795305600205,"T":1795305600199,"s":"BTCUSDT","U":1,"u":3,"pu":0,"b":[["87010.00","4.120"]],"a":[["87010.10","1"]]}}',
        counts="ignored",
    ),
    Golden(
        "binance:linear",
        "rpiDepth looks like a diff",
        '{"stream":"btcusdt@rpiDepth@500ms","data":{"e":"depthUpdate","E":1795305600205,"T":1795305600199,"s":"BTCUSDT","U":1,"u":3,"pu":0,"b":[["87010.00","4.120"]],"a":[["87010.10","0"]]}}',
        counts="ignored",
    ),
    Golden(
        "binance:linear",
        "markPriceUpdate",
        '{"e":"markPriceUpdate","E":1795305600121,"s":"BTCUSDT","p":"87008.51234567","ap":"87007.90000000","P":"87011.22000000","i":"87009.40000000","r":"-0.00010000","T":1795334400000,"st":1}',
        (
            ("mark_price", T0, '"price":87008.51234567}'),
            ("index_price", T0, '"price":87009.4}'),
            (
                "funding",
                T0,
                '"rate":-0.0001,"interval_hours":null,"next_funding":1795334400000000000}',
            ),
        ),
    ),
    Golden(
        "binance:linear",
        "markPriceUpdate, combined, of a contract without funding",
        '{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1795305600121,"s":"BTCUSDT","p":"87008.5","P":"87011.22000000","i":"87009.40000000","r":"","T":0}}',
        (("mark_price", T0, '"price":87008.5}'), ("index_price", T0, '"price":87009.4}')),
    ),
    Golden(
        "binance:linear",
        "markPriceUpdate in which a 0 means that there is no funding",
        '{"e":"markPriceUpdate","E":1795305600121,"s":"BTCUSDT","p":"87008.5","P":"87011.22000000","i":"87009.40000000","r":"0.00000000","T":0}',
        (("mark_price", T0, '"price":87008.5}'), ("index_price", T0, '"price":87009.4}')),
    ),
    Golden(
        "binance:linear",
        "24hrTicker",
        '{"stream":"btcusdt@ticker","data":{"e":"24hrTicker","E":1795305600121,"s":"BTCUSDT","ps":"BTCUSDT","p":"-88.17","P":"-0.855","w":"10223.98","c":"10223.74","Q":"2.097","o":"10311.91","h":"10329.38","l":"10080.70","v":"20248.900","q":"207024349.13","O":1795219200000,"C":1795305600000,"F":148927,"L":181349,"n":32423,"st":1}}',
        (
            (
                "ticker",
                T0,
                '"last":10223.74,"open":10311.91,"high":10329.38,"low":10080.7,"volume":20248.9,"quote_volume":207024349.13,"change_pct":-0.00855}',
            ),
        ),
    ),
    Golden(
        "binance:linear",
        "forceOrder",
        '{"stream":"btcusdt@forceOrder","data":{"e":"forceOrder","E":1795305600950,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.114","p":"86420.10","ap":"86990.50","X":"FILLED","l":"0.114","z":"0.114","T":1795305600121},"ps":"BTCUSDT","st":1}}',
        (
            (
                "liquidation",
                T0,
                '"price":86990.5,"qty":0.114,"notional":9916.917,"side":"sell","price_kind":"average","complete":false}',
            ),
        ),
    ),
    Golden(
        "binance:linear",
        "forceOrder of which a part is filled",
        '{"e":"forceOrder","E":1795305600950,"o":{"s":"BTCUSDT","S":"BUY","o":"LIMIT","f":"IOC","q":"3","p":"87420.10","ap":"86990.50","X":"PARTIALLY_FILLED","l":"0.5","z":"2","T":1795305600121,"ps":"BTCUSDT","st":1}}',
        (
            (
                "liquidation",
                T0,
                '"price":86990.5,"qty":2,"notional":173981,"side":"buy","price_kind":"average","complete":false}',
            ),
        ),
    ),
    Golden(
        "binance:linear",
        "forceOrder of which nothing is filled",
        '{"e":"forceOrder","E":1795305600950,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.5","p":"86420.10","ap":"0","X":"NEW","l":"0","z":"0.000","T":1795305600121}}',
        (
            (
                "liquidation",
                T0,
                '"price":86420.1,"qty":0.5,"notional":43210.05,"side":"sell","price_kind":"bankruptcy","complete":false}',
            ),
        ),
    ),
    Golden(
        "binance:linear",
        "kline of a month",
        '{"stream":"btcusdt@kline_1M","data":{"e":"kline","E":1653819041520,"s":"BTCUSDT","k":{"t":1651363200000,"T":1654041599999,"s":"BTCUSDT","i":"1M","f":2172726276,"L":2301806561,"o":"37614.40","c":"29075.50","h":"40071.70","l":"26631.00","v":"13431981.671","n":129025447,"x":false,"q":"423075730671.12853","V":"6700065.176","Q":"211000435586.65000","B":"0"}}}',
        counts="ignored",
    ),
    Golden(
        "binance:linear",
        "contractInfo",
        '{"e":"contractInfo","E":1795305600000,"s":"ABCUSDT","ct":"PERPETUAL","dt":4133404800000,"ot":1795310000000,"cs":"PENDING_TRADING","bks":[{"bs":1,"bnf":0,"bnc":5000,"mmr":0.01,"cf":0,"mi":21,"ma":50}],"st":1}',
        counts="ignored",
    ),
    Golden(
        "binance:linear",
        "continuous_kline",
        '{"e":"continuous_kline","E":1795305660010,"ps":"BTCUSDT","ct":"PERPETUAL","k":{"t":1795305600000,"T":1795305659999,"i":"1m","f":1,"L":2,"o":"87000.00","c":"87012.34"}}',
        counts="ignored",
    ),
    Golden(
        "binance:linear",
        "compositeIndex",
        '{"e":"compositeIndex","E":1795305600000,"s":"DEFIUSDT","p":"554.4","C":"baseAsset","c":[{"b":"BAL","q":"USDT","w":"1.0","W":"0.03","i":"24.3"}]}',
        counts="ignored",
    ),
    Golden(
        "binance:linear",
        "assetIndex list",
        '{"stream":"!assetIndex@arr","data":[{"e":"assetIndexUpdate","E":1795305600000,"s":"ADAUSD","i":"0.27","b":"0.1","a":"0.1","B":"0.2","A":"0.2","q":"0.2","g":"0.2","Q":"0.2","G":"0.2"}]}',
        counts="ignored",
    ),
    Golden(
        "binance:linear",
        "tradingSession",
        '{"stream":"tradingSession","data":{"e":"EquityUpdate","E":1795305600000,"t":1795305600000,"T":1795309200000,"S":"REGULAR"}}',
        counts="ignored",
    ),
]
