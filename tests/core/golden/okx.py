"""OKX spot and swaps."""

from __future__ import annotations

from tests.core.golden.kinds import MS, T0, Golden
from tests.core.golden.okx_reports import OKX_REPORTS

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
                T0 + MS,
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
        "liquidation-orders of what is not ours",
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
            "candle2H",
            "candle1D",
            "candle1Mutc",
            "instruments",
            "status",
            "price-limit",
            "estimated-price",
            "adl-warning",
            "public-struc-block-trades",
            "block-tickers",
            "mark-price-candle1m",
            "index-candle1m",
            "option-trades",
            "opt-summary",
            "call-auction-details",
        )
    ),
    *OKX_REPORTS,
]
