"""Bybit spot and linear."""

from __future__ import annotations

from tests.core.golden.kinds import MS, T0, Golden

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
                T0 + MS,
                '"id":"5f0c2a4e-0a77-5b16-9a33-0d5b4f0e61ab","price":181.43,"qty":1,"side":"buy","buyer_maker":false,"count":1,"organic_qty":0,"flags":["block","rpi"]}',
            ),
            (
                "block_trade",
                T0 + MS,
                '"id":"5f0c2a4e-0a77-5b16-9a33-0d5b4f0e61ab","price":181.43,"qty":1,"notional":181.43,"side":"buy","reason":"venue"}',
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
