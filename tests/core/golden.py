"""Golden frames: written by hand in the shapes of the protocol pages, values invented.

`says` are the messages behind their header, as (feed, ts_exchange ns or None, text); `counts`
is what rises by one for a frame that says nothing.
"""
# ruff: noqa: E501 - a frame is one line, as it comes over the wire

from __future__ import annotations

from typing import NamedTuple

Says = tuple[tuple[str, int | None, str], ...]


class Golden(NamedTuple):
    endpoint: str
    name: str
    frame: str
    says: Says = ()
    counts: str = ""


# endpoint, venue's id, symbol, price step, size step, contract
INSTRUMENTS: list[tuple[str, str, str, str, str, str | None]] = [
    ("binance:spot", "BTCUSDT", "BTCUSDT", "0.01000000", "0.00001000", "1"),
    ("binance:linear", "BTCUSDT", "BTCUSDT-PERP", "0.10", "0.001", "1"),
    ("bybit:spot", "SOLUSDT", "SOLUSDT", "0.01", "0.001", "1"),
    ("bybit:linear", "SOLUSDT", "SOLUSDT-PERP", "0.010", "0.1", "1"),
    ("okx", "ETH-USDT", "ETHUSDT", "0.01", "0.000001", "1"),
    ("okx", "BTC-USDT-SWAP", "BTCUSDT-PERP", "0.1", "0.01", "0.01"),
    ("okx", "BTC-USD-SWAP", "BTCUSD-PERP", "0.1", "1", "100"),
    ("okx", "XYZ-USDT-SWAP", "XYZUSDT-PERP", "0.1", "0.01", None),
]

E13 = 1_000_000
T0 = 1795305600121 * E13

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
        '{"e":"blockTrade","E":1795305601000,"s":"BTCUSDT","t":582,"p":"86900.00","q":"25.0","T":1795305600870,"m":true}',
        counts="ignored",
    ),
    Golden(
        "binance:spot",
        "kline",
        '{"e":"kline","E":1795305660010,"s":"BTCUSDT","k":{"t":1795305600000,"T":1795305659999,"s":"BTCUSDT","i":"1m","f":5123456001,"L":5123457000,"o":"87000.00","c":"87012.34","h":"87020.00","l":"86990.10","v":"12.345","n":1000,"x":true,"q":"1074000.10","V":"6.100","Q":"530700.55","B":"0"}}',
        counts="ignored",
    ),
    Golden(
        "binance:spot",
        "24hrTicker",
        '{"e":"24hrTicker","E":1795305600000,"s":"BTCUSDT","p":"10.0","P":"0.1","w":"87000.0","x":"87000.0","c":"87012.34","Q":"0.1","b":"87012.33","B":"1.2","a":"87012.34","A":"0.8","o":"87002.34","h":"87100.0","l":"86900.0","v":"100.0","q":"8700000.0","O":1795219200000,"C":1795305600000,"F":1,"L":100,"n":100}',
        counts="ignored",
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
        '{"e":"markPriceUpdate","E":1795305600000,"s":"BTCUSDT","p":"87008.51234567","ap":"87007.90000000","P":"87011.22000000","i":"87009.40000000","r":"0.00010000","T":1795334400000,"st":1}',
        counts="ignored",
    ),
    Golden(
        "binance:linear",
        "forceOrder",
        '{"stream":"btcusdt@forceOrder","data":{"e":"forceOrder","E":1795305600950,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.114","p":"86420.10","ap":"86990.50","X":"FILLED","l":"0.114","z":"0.114","T":1795305600948},"ps":"BTCUSDT","st":1}}',
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

BYBIT = [
    Golden(
        "bybit:linear",
        "orderbook snapshot",
        '{"topic":"orderbook.50.SOLUSDT","type":"snapshot","ts":1795305600123,"data":{"s":"SOLUSDT","b":[["181.42","12.4"],["181.41","3.0"]],"a":[["181.43","7.7"],["181.44","0.9"]],"u":7301144,"seq":90211873345},"cts":1795305600121}',
        (
            (
                "depth",
                T0,
                '"snapshot":true,"first_id":7301144,"last_id":7301144,"bids":[[181.42,12.4],[181.41,3]],"asks":[[181.43,7.7],[181.44,0.9]]}',
            ),
        ),
    ),
    Golden(
        "bybit:spot",
        "orderbook delta before a snapshot",
        '{"topic":"orderbook.200.SOLUSDT","ts":1795305600143,"type":"delta","data":{"s":"SOLUSDT","b":[["181.42","0"],["181.39","40.1"]],"a":[],"u":7301145,"seq":90211873502},"cts":1795305600140}',
        counts="waiting",
    ),
    Golden(
        "bybit:spot",
        "orderbook.1",
        '{"topic":"orderbook.1.SOLUSDT","ts":1795305600123,"type":"snapshot","data":{"s":"SOLUSDT","b":[["181.42","12.400"]],"a":[["181.43","7.7"]],"u":7301144,"seq":90211873345},"cts":1795305600121}',
        (("bbo", T0, '"bid":181.42,"bid_qty":12.4,"ask":181.43,"ask_qty":7.7,"id":"7301144"}'),),
    ),
    Golden(
        "bybit:linear",
        "orderbook.1, no asks",
        '{"topic":"orderbook.1.SOLUSDT","type":"snapshot","ts":1795305600123,"data":{"s":"SOLUSDT","b":[["181.42","12.4"]],"a":[],"u":7301144,"seq":90211873345},"cts":1795305600121}',
        (("bbo", T0, '"bid":181.42,"bid_qty":12.4,"ask":null,"ask_qty":null,"id":"7301144"}'),),
    ),
    Golden(
        "bybit:linear",
        "orderbook.rpi",
        '{"topic":"orderbook.rpi.SOLUSDT","ts":1795305600200,"type":"delta","data":{"s":"SOLUSDT","b":[["181.42","12.4","3.1"],["181.38","0","0"]],"a":[["181.43","0","5.5"]],"u":2201198,"seq":90211873777},"cts":1795305600192}',
        counts="ignored",
    ),
    Golden(
        "bybit:spot",
        "orderbook.full",
        '{"topic":"orderbook.full.SOLUSDT","ts":1795305600200,"type":"delta","data":{"s":"SOLUSDT","b":[],"a":[],"u":1,"seq":90211873777},"cts":1795305600192}',
        counts="ignored",
    ),
    Golden(
        "bybit:linear",
        "publicTrade",
        '{"topic":"publicTrade.SOLUSDT","type":"snapshot","ts":1795305600301,"data":[{"T":1795305600121,"s":"SOLUSDT","S":"Sell","v":"2.5","p":"181.42","L":"MinusTick","i":"5f0c2a4e-0a77-5b16-9a33-0d5b4f0e61aa","BT":false,"RPI":false,"seq":90211874001},{"T":1795305600122,"s":"SOLUSDT","S":"Buy","v":"1.0","p":"181.43","L":"PlusTick","i":"5f0c2a4e-0a77-5b16-9a33-0d5b4f0e61ab","BT":true,"RPI":true,"seq":90211874001}]}',
        (
            (
                "trade",
                T0,
                '"id":"5f0c2a4e-0a77-5b16-9a33-0d5b4f0e61aa","price":181.42,"qty":2.5,"side":"sell","buyer_maker":true,"count":1,"organic_qty":2.5}',
            ),
            (
                "trade",
                T0 + E13,
                '"id":"5f0c2a4e-0a77-5b16-9a33-0d5b4f0e61ab","price":181.43,"qty":1,"side":"buy","buyer_maker":false,"count":1,"organic_qty":0,"flags":["block","rpi"]}',
            ),
        ),
    ),
    Golden(
        "bybit:spot",
        "publicTrade, spot ids, no RPI",
        '{"topic":"publicTrade.SOLUSDT","ts":1795305600301,"type":"snapshot","data":[{"i":"2290000001999999999","T":1795305600121,"p":"181.42","v":"2.525","S":"Buy","s":"SOLUSDT","BT":false}]}',
        (
            (
                "trade",
                T0,
                '"id":"2290000001999999999","price":181.42,"qty":2.525,"side":"buy","buyer_maker":false,"count":1}',
            ),
        ),
    ),
    Golden(
        "bybit:linear",
        "tickers",
        '{"topic":"tickers.SOLUSDT","type":"delta","cs":90211874190,"ts":1795305600502,"data":{"symbol":"SOLUSDT","markPrice":"181.44","openInterestValue":"1473920474.78"}}',
        counts="ignored",
    ),
    Golden(
        "bybit:spot",
        "kline",
        '{"topic":"kline.5.SOLUSDT","type":"snapshot","ts":1795305661002,"data":[{"start":1795305600000,"end":1795305899999,"interval":"5","open":"181.40","close":"181.52","high":"181.60","low":"181.33","volume":"5210.4","turnover":"945310.77","confirm":false,"timestamp":1795305660984}]}',
        counts="ignored",
    ),
    Golden(
        "bybit:linear",
        "allLiquidation",
        '{"topic":"allLiquidation.SOLUSDT","type":"snapshot","ts":1795305700500,"data":[{"T":1795305700311,"s":"SOLUSDT","S":"Buy","v":"120.5","p":"178.93"}]}',
        counts="ignored",
    ),
    Golden(
        "bybit:linear",
        "insurance",
        '{"topic":"insurance.USDT","type":"delta","ts":1795305601000,"data":[{"coin":"USDT","symbols":"EXAMPLEUSDT","balance":"25110.118","updateTime":"1795305601000"}]}',
        counts="ignored",
    ),
    Golden(
        "bybit:linear",
        "priceLimit",
        '{"topic":"priceLimit.SOLUSDT","data":{"symbol":"SOLUSDT","buyLmt":"190.1","sellLmt":"170.2"},"ts":1795305601000}',
        counts="ignored",
    ),
    Golden(
        "bybit:linear",
        "adlAlert",
        '{"topic":"adlAlert.USDT","type":"snapshot","ts":1795305601000,"data":[{"c":"USDT","s":"SOLUSDT","b":"1","mb":"","i_pr":"-0.1","pr":"0","adl_tt":"1","adl_sr":"2"}]}',
        counts="ignored",
    ),
]

OKX = [
    Golden(
        "okx",
        "trades of a swap: 0.01 BTC a contract",
        '{"arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","tradeId":"910045","px":"64123.4","sz":"12.5","side":"sell","ts":"1795305600121","count":"3","source":"0","seqId":335226848777}]}',
        (
            (
                "trade",
                T0,
                '"id":"910045","price":64123.4,"qty":0.125,"side":"sell","buyer_maker":true,"count":3,"organic_qty":0.125}',
            ),
        ),
    ),
    Golden(
        "okx",
        "trades of an inverse swap: quote currency",
        '{"arg":{"channel":"trades","instId":"BTC-USD-SWAP"},"data":[{"instId":"BTC-USD-SWAP","tradeId":"77","px":"62500","sz":"50","side":"buy","ts":"1795305600121","count":"1","source":"1"}]}',
        (
            (
                "trade",
                T0,
                '"id":"77","price":62500,"qty":5000,"side":"buy","buyer_maker":false,"count":1,"organic_qty":0,"flags":["rpi"]}',
            ),
        ),
    ),
    Golden(
        "okx",
        "trades before `source`, two of them",
        '{"arg":{"channel":"trades","instId":"ETH-USDT"},"data":[{"instId":"ETH-USDT","tradeId":"1","px":"3312.5","sz":"0.000001","side":"buy","ts":"1795305600121"},{"instId":"ETH-USDT","tradeId":"2","px":"3312.51","sz":"4","side":"sell","ts":"1795305600122"}]}',
        (
            (
                "trade",
                T0,
                '"id":"1","price":3312.5,"qty":0.000001,"side":"buy","buyer_maker":false,"count":1}',
            ),
            (
                "trade",
                T0 + E13,
                '"id":"2","price":3312.51,"qty":4,"side":"sell","buyer_maker":true,"count":1}',
            ),
        ),
    ),
    Golden(
        "okx",
        "trades-all",
        '{"arg":{"channel":"trades-all","instId":"ETH-USDT"},"data":[{"instId":"ETH-USDT","tradeId":"910045","px":"3312.5","sz":"0.5","side":"sell","ts":"1795305600121","source":"0"}]}',
        (
            (
                "trade",
                T0,
                '"id":"910045","price":3312.5,"qty":0.5,"side":"sell","buyer_maker":true,"count":1,"organic_qty":0.5}',
            ),
        ),
    ),
    Golden(
        "okx",
        "books, snapshot, contracts",
        '{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"action":"snapshot","data":[{"asks":[["64123.5","830.1","0","14"],["64123.6","5","0","1"]],"bids":[["64123.4","412","0","9"]],"ts":"1795305600121","checksum":0,"prevSeqId":-1,"seqId":335226848531}]}',
        (
            (
                "depth",
                T0,
                '"snapshot":true,"first_id":-1,"last_id":335226848531,"bids":[[64123.4,4.12]],"asks":[[64123.5,8.301],[64123.6,0.05]]}',
            ),
        ),
    ),
    Golden(
        "okx",
        "books, snapshot, no sequence ids (2022)",
        '{"arg":{"channel":"books-l2-tbt","instId":"BTC-USD-SWAP"},"action":"snapshot","data":[{"asks":[["62500.5","3","0","1"]],"bids":[["62500","50","0","1"]],"ts":"1795305600121","checksum":-1063462305}]}',
        (
            (
                "depth",
                T0,
                '"snapshot":true,"first_id":null,"last_id":null,"bids":[[62500,5000]],"asks":[[62500.5,300]]}',
            ),
        ),
    ),
    Golden(
        "okx",
        "books, update before a snapshot",
        '{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"action":"update","data":[{"asks":[["64123.6","0","0","0"]],"bids":[["64123.3","7","0","2"]],"ts":"1790000000200","checksum":0,"prevSeqId":335226848531,"seqId":335226848777}]}',
        counts="held",
    ),
    Golden(
        "okx",
        "bbo-tbt",
        '{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT-SWAP"},"data":[{"asks":[["64123.5","830.1","0","14"]],"bids":[["64123.4","412","0","9"]],"ts":"1795305600121","seqId":335226848531}]}',
        (
            (
                "bbo",
                T0,
                '"bid":64123.4,"bid_qty":4.12,"ask":64123.5,"ask_qty":8.301,"id":"335226848531"}',
            ),
        ),
    ),
    Golden(
        "okx",
        "bbo-tbt, no bids",
        '{"arg":{"channel":"bbo-tbt","instId":"ETH-USDT"},"data":[{"asks":[["3312.6","1","0","14"]],"bids":[],"ts":"1795305600121","seqId":8}]}',
        (("bbo", T0, '"bid":null,"bid_qty":null,"ask":3312.6,"ask_qty":1,"id":"8"}'),),
    ),
    Golden(
        "okx",
        "unknown contract size",
        '{"arg":{"channel":"trades","instId":"XYZ-USDT-SWAP"},"data":[{"instId":"XYZ-USDT-SWAP","tradeId":"9","px":"1.5","sz":"2","side":"buy","ts":"1795305600121","count":"1","source":"0"}]}',
        counts="unpublished",
    ),
    Golden(
        "okx",
        "books5",
        '{"arg":{"channel":"books5","instId":"ETH-USDT"},"data":[{"asks":[["3312.6","1","0","1"]],"bids":[["3312.5","1","0","1"]],"instId":"ETH-USDT","ts":"1790000000200","seqId":9}]}',
        counts="ignored",
    ),
    Golden(
        "okx",
        "books-rpi",
        '{"arg":{"channel":"books-rpi","instId":"ETH-USDT"},"action":"update","data":[{"asks":[["3312.6","1","0","1"]],"bids":[],"ts":"1790000000200","prevSeqId":8,"seqId":9}]}',
        counts="ignored",
    ),
    Golden(
        "okx",
        "tickers",
        '{"arg":{"channel":"tickers","instId":"ETH-USDT"},"data":[{"instType":"SPOT","instId":"ETH-USDT","last":"3312.5","lastSz":"0.2","askPx":"","askSz":"","bidPx":"3312.5","bidSz":"9","ts":"1790000000456"}]}',
        counts="ignored",
    ),
    Golden(
        "okx",
        "candle1m",
        '{"arg":{"channel":"candle1m","instId":"ETH-USDT"},"data":[["1790000000000","1","2","0.5","1.5","10","15","15","0"]]}',
        counts="ignored",
    ),
    Golden(
        "okx",
        "liquidation-orders",
        '{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"0.1871","ccy":"","posSide":"long","side":"sell","sz":"44","ts":"1790000000999"}],"instFamily":"DOGE-USDT","instId":"DOGE-USDT-SWAP","instType":"SWAP","uly":"DOGE-USDT"}]}',
        counts="ignored",
    ),
    *(
        Golden(
            "okx",
            channel,
            f'{{"arg":{{"channel":"{channel}","instId":"ETH-USDT"}},"data":[{{"instId":"ETH-USDT","ts":"1790000000456"}}]}}',
            counts="ignored",
        )
        for channel in (
            "mark-price",
            "index-tickers",
            "funding-rate",
            "open-interest",
            "instruments",
            "status",
            "price-limit",
            "estimated-price",
            "adl-warning",
            "public-struc-block-trades",
            "public-block-trades",
            "block-tickers",
            "mark-price-candle1m",
            "index-candle1m",
            "option-trades",
            "opt-summary",
            "call-auction-details",
        )
    ),
]

GOLDEN = [*BINANCE_SPOT, *BINANCE_LINEAR, *BYBIT, *OKX]

# endpoint, frame, (kind, id, code, msg, topic)
CONTROLS: list[tuple[str, str, tuple[str, str, str, str, str]]] = [
    ("binance:spot", '{"result":null,"id":11}', ("ack", "11", "", "", "")),
    ("binance:linear", '{"id":12,"result":null}', ("ack", "12", "", "", "")),
    ("binance:spot", '{"result":["ethusdt@depth@100ms"],"id":13}', ("ack", "13", "", "", "")),
    ("binance:spot", '{"result":true,"id":15}', ("ack", "15", "", "", "")),
    (
        "binance:spot",
        '{"code":2,"msg":"Invalid request: unknown variant","id":7}',
        ("error", "7", "2", "Invalid request: unknown variant", ""),
    ),
    (
        "binance:spot",
        '{"code":3,"msg":"Invalid JSON: expected value at line 1 column 2"}',
        ("error", "", "3", "Invalid JSON: expected value at line 1 column 2", ""),
    ),
    (
        "binance:linear",
        '{"error":{"code":2,"msg":"Invalid request"},"id":"a-1"}',
        ("error", "a-1", "2", "Invalid request", ""),
    ),
    (
        "binance:spot",
        '{"e":"serverShutdown","E":1795305600000}',
        ("notice", "", "serverShutdown", "serverShutdown", ""),
    ),
    (
        "binance:spot",
        '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1795305600000}}',
        ("notice", "", "serverShutdown", "serverShutdown", ""),
    ),
    (
        "bybit:spot",
        '{"success":true,"ret_msg":"pong","conn_id":"0a1b-77","op":"ping"}',
        ("pong", "", "", "pong", "ping"),
    ),
    (
        "bybit:linear",
        '{"success":true,"ret_msg":"pong","conn_id":"0a1b-77","req_id":"h-4","op":"ping"}',
        ("pong", "h-4", "", "pong", "ping"),
    ),
    ("bybit:linear", '{"args":["1795305600123"],"op":"pong"}', ("pong", "", "", "", "pong")),
    (
        "bybit:spot",
        '{"success":true,"ret_msg":"subscribe","conn_id":"c","req_id":"s-17","op":"subscribe"}',
        ("ack", "s-17", "", "subscribe", "subscribe"),
    ),
    (
        "bybit:linear",
        '{"success":true,"ret_msg":"","conn_id":"c","req_id":"u-18","op":"unsubscribe"}',
        ("ack", "u-18", "", "", "unsubscribe"),
    ),
    (
        "bybit:linear",
        '{"success":true,"conn_id":"c","data":{"failTopics":[],"successTopics":["tickers.X"]},"type":"COMMAND_RESP"}',
        ("ack", "", "", "", ""),
    ),
    (
        "bybit:linear",
        '{"success":false,"ret_msg":"error:handler not found,topic:orderbook.500.SOLUSDT","conn_id":"c","req_id":"s-1","op":"subscribe"}',
        ("error", "s-1", "", "error:handler not found,topic:orderbook.500.SOLUSDT", "subscribe"),
    ),
    (
        "bybit:spot",
        '{"success":false,"ret_msg":"Invalid symbol :[orderbook.50.NOPE]","conn_id":"c","req_id":"s-2","op":"subscribe"}',
        ("error", "s-2", "", "Invalid symbol :[orderbook.50.NOPE]", "subscribe"),
    ),
    ("okx", "pong", ("pong", "", "", "", "")),
    (
        "okx",
        '{"id":"a1","event":"subscribe","arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"connId":"7f3c21ab"}',
        ("ack", "a1", "", "", "trades:BTC-USDT-SWAP"),
    ),
    (
        "okx",
        '{"id":"a2","event":"unsubscribe","arg":{"channel":"books","instId":"BTC-USDT-SWAP","connId":"7f3c21ab"}}',
        ("ack", "a2", "", "", "books:BTC-USDT-SWAP"),
    ),
    (
        "okx",
        '{"event":"subscribe","arg":{"channel":"liquidation-orders","instType":"SWAP"},"connId":"7f3c21ab"}',
        ("ack", "", "", "", "liquidation-orders"),
    ),
    (
        "okx",
        '{"id":"a1","event":"error","code":"60018","msg":"Wrong URL or channel:tradez,instId:BTC-USDT-SWAP doesn\'t exist.","connId":"7f3c21ab"}',
        (
            "error",
            "a1",
            "60018",
            "Wrong URL or channel:tradez,instId:BTC-USDT-SWAP doesn't exist.",
            "",
        ),
    ),
    (
        "okx",
        '{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","connId":"7f3c21ab"}',
        (
            "notice",
            "",
            "64008",
            "The connection will soon be closed for a service upgrade. Please reconnect.",
            "",
        ),
    ),
    (
        "okx",
        '{"event":"channel-conn-count","channel":"orders","connCount":"2","connId":"7f3c21ab"}',
        ("other", "", "", "", ""),
    ),
]
