"""Binance spot."""
# ruff: noqa: E501 - a frame is one line, as it comes over the wire

from __future__ import annotations

from tests.core.golden.kinds import T0, Golden

BINANCE_SPOT = [
    Golden(
        "binance:spot",
        "trade",
        '{"e":"trade","E":1795305600123,"s":"BTCUSDT","t":5123456789,"p":"87012.34000000","q":"0.00150000","T":1795305600121,"m":false,"M":true}',
        (
            (
                "trade",
                T0,
                '"id":"5123456789","price":87012.34,"qty":0.0015,"side":"buy","buyer_maker":false,"count":1}',
            ),
        ),
    ),
    Golden(
        "binance:spot",
        "trade, combined, seller took",
        '{"stream":"btcusdt@trade","data":{"e":"trade","E":1795305600123,"s":"BTCUSDT","t":5123456789,"p":"87012.00000000","q":"10.00000000","T":1795305600121,"m":true,"M":true}}',
        (
            (
                "trade",
                T0,
                '"id":"5123456789","price":87012,"qty":10,"side":"sell","buyer_maker":true,"count":1}',
            ),
        ),
    ),
    Golden(
        "binance:spot",
        "trade in microseconds",
        '{"e":"trade","E":1795305600123456,"s":"BTCUSDT","t":7,"p":"0.01","q":"0.00001","T":1795305600121987,"m":false,"M":true}',
        (
            (
                "trade",
                1795305600121987000,
                '"id":"7","price":0.01,"qty":0.00001,"side":"buy","buyer_maker":false,"count":1}',
            ),
        ),
    ),
    Golden(
        "binance:spot",
        "trade with order ids, until 2024",
        '{"e":"trade","E":1795305600123,"s":"BTCUSDT","t":7,"p":"5.00000000","q":"1.00000000","b":20720542158,"a":20720542592,"T":1795305600121,"m":true,"M":true}',
        (("trade", T0, '"id":"7","price":5,"qty":1,"side":"sell","buyer_maker":true,"count":1}'),),
    ),
    Golden(
        "binance:spot",
        "numbers without quotes, white space",
        ' {\n"e" : "trade", "E":1795305600123, "s":"BTCUSDT", "t":"7", "p":87012.34 , "q":1.5e-3, "T":"1795305600121" , "m":false,"M":true }\r\n',
        (
            (
                "trade",
                T0,
                '"id":"7","price":87012.34,"qty":0.0015,"side":"buy","buyer_maker":false,"count":1}',
            ),
        ),
    ),
    Golden(
        "binance:spot",
        "aggTrade",
        '{"e":"aggTrade","E":1795305600124,"s":"BTCUSDT","a":3123456789,"p":"87012.34000000","q":"0.10150000","f":5123456780,"l":5123456789,"T":1795305600121,"m":false,"M":true}',
        (
            (
                "trade",
                T0,
                '"id":"3123456789","price":87012.34,"qty":0.1015,"side":"buy","buyer_maker":false,"count":10}',
            ),
        ),
    ),
    Golden(
        "binance:spot",
        "bookTicker",
        '{"u":72233445566,"s":"BTCUSDT","b":"87012.33000000","B":"1.25000000","a":"87012.34000000","A":"0.80000000"}',
        (
            (
                "bbo",
                None,
                '"bid":87012.33,"bid_qty":1.25,"ask":87012.34,"ask_qty":0.8,"id":"72233445566"}',
            ),
        ),
    ),
    Golden(
        "binance:spot",
        "bookTicker, combined, no bids",
        '{"stream":"btcusdt@bookTicker","data":{"u":72233445566,"s":"BTCUSDT","b":"0.00000000","B":"0.00000000","a":"87012.34000000","A":"0.80000000"}}',
        (
            (
                "bbo",
                None,
                '"bid":null,"bid_qty":null,"ask":87012.34,"ask_qty":0.8,"id":"72233445566"}',
            ),
        ),
    ),
    Golden(
        "binance:spot",
        "depth before a snapshot",
        '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1795305600200,"s":"BTCUSDT","U":72233445501,"u":72233445566,"b":[["87012.33000000","1.25000000"]],"a":[["87013.00000000","0.00000000"]]}}',
        counts="held",
    ),
    Golden(
        "binance:spot",
        "depth, nothing in it",
        '{"e":"depthUpdate","E":1795305600200,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}',
        counts="held",
    ),
    Golden(
        "binance:spot",
        "partial depth",
        '{"stream":"btcusdt@depth5@100ms","data":{"lastUpdateId":72233445566,"bids":[["87012.33000000","1.25000000"]],"asks":[["87012.34000000","0.80000000"]]}}',
        counts="ignored",
    ),
    Golden(
        "binance:spot",
        "partial depth, raw",
        '{"lastUpdateId":72233445566,"bids":[["87012.33000000","1.25000000"]],"asks":[["87012.34000000","0.80000000"]]}',
        counts="ignored",
    ),
    Golden(
        "binance:spot",
        "blockTrade",
        '{"e":"blockTrade","E":1795305601000,"s":"BTCUSDT","t":582,"p":"86900.00","q":"25.0","T":1795305600121,"m":true}',
        (
            (
                "block_trade",
                T0,
                '"id":"582","price":86900,"qty":25,"notional":2172500,"side":"sell","reason":"venue"}',
            ),
        ),
    ),
    Golden(
        "binance:spot",
        "kline of two hours",
        '{"e":"kline","E":1795305660010,"s":"BTCUSDT","k":{"t":1795305600000,"T":1795312799999,"s":"BTCUSDT","i":"2h","f":5123456001,"L":5123457000,"o":"87000.00","c":"87012.34","h":"87020.00","l":"86990.10","v":"12.345","n":1000,"x":true,"q":"1074000.10","V":"6.100","Q":"530700.55","B":"0"}}',
        counts="ignored",
    ),
    Golden(
        "binance:spot",
        "kline of a day that begins at UTC+8",
        '{"e":"kline","E":1795305660010,"s":"BTCUSDT","k":{"t":1795276800000,"T":1795363199999,"s":"BTCUSDT","i":"1d","f":5123456001,"L":5123457000,"o":"87000.00","c":"87012.34","h":"87020.00","l":"86990.10","v":"12.345","n":1000,"x":false,"q":"1074000.10","V":"6.100","Q":"530700.55","B":"0"}}',
        counts="ignored",
    ),
    Golden(
        "binance:spot",
        "24hrTicker",
        '{"e":"24hrTicker","E":1795305600121,"s":"BTCUSDT","p":"10.0","P":"0.1","w":"87000.0","x":"87000.0","c":"87012.34","Q":"0.1","b":"87012.33","B":"1.2","a":"87012.34","A":"0.8","o":"87002.34","h":"87100.0","l":"86900.0","v":"100.0","q":"8700000.0","O":1795219200000,"C":1795305600000,"F":1,"L":100,"n":100}',
        (
            (
                "ticker",
                T0,
                '"last":87012.34,"open":87002.34,"high":87100,"low":86900,"volume":100,"quote_volume":8700000,"change_pct":0.001}',
            ),
        ),
    ),
    Golden(
        "binance:spot",
        "1hTicker",
        '{"e":"1hTicker","E":1795305600000,"s":"BTCUSDT","o":"87002.34"}',
        counts="ignored",
    ),
    Golden(
        "binance:spot",
        "miniTicker list",
        '{"stream":"!miniTicker@arr","data":[{"e":"24hrMiniTicker","E":1795305600000,"s":"BTCUSDT","c":"87012.34","o":"87000","h":"87100","l":"86900","v":"100","q":"8700000"}]}',
        counts="ignored",
    ),
    Golden(
        "binance:spot",
        "avgPrice",
        '{"e":"avgPrice","E":1795305600000,"s":"BTCUSDT","i":"5m","w":"87000.1","T":1795305599999}',
        counts="ignored",
    ),
    Golden(
        "binance:spot",
        "referencePrice",
        '{"e":"referencePrice","s":"BTCUSDT","r":null,"t":1795305600000}',
        counts="ignored",
    ),
]
