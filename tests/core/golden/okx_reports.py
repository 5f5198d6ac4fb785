"""OKX: what it tells besides books and trades."""

from __future__ import annotations

from tests.core.golden.kinds import MS, T0, Golden

OKX_REPORTS = [
    Golden(
        "okx",
        "tickers of a spot pair",
        '{"arg":{"channel":"tickers","instId":"ETH-USDT"},"data":[{"instType":"SPOT","instId":"ETH-USDT","last":"3312.5","lastSz":"0.2","askPx":"3312.6","askSz":"4.1","bidPx":"3312.5","bidSz":"9","open24h":"3290","high24h":"3350.1","low24h":"3271","volCcy24h":"512340000","vol24h":"154600","sodUtc0":"3301","sodUtc8":"3295","ts":"1795305600121"}]}',
        (
            (
                "ticker",
                T0,
                '"last":3312.5,"open":3290,"high":3350.1,"low":3271,"volume":154600,"quote_volume":512340000,"change_pct":0.00683891}',
            ),
        ),
    ),
    Golden(
        "okx",
        "tickers of a swap: base units, no value told",
        '{"arg":{"channel":"tickers","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","last":"29963","lastSz":"2","askPx":"29960","askSz":"12","bidPx":"29959.9","bidSz":"431","open24h":"31589.3","high24h":"31907.2","low24h":"29302","sodUtc0":"29805","sodUtc8":"30753.7","volCcy24h":"108540.53","vol24h":"10854053","ts":"1795305600121"}]}',
        (
            (
                "ticker",
                T0,
                '"last":29963,"open":31589.3,"high":31907.2,"low":29302,"volume":108540.53,"quote_volume":null,"change_pct":-0.05148262}',
            ),
        ),
    ),
    Golden(
        "okx",
        "tickers of an inverse swap: contracts are worth 100 USD",
        '{"arg":{"channel":"tickers","instId":"BTC-USD-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USD-SWAP","last":"62500","lastSz":"1","askPx":"","askSz":"","bidPx":"62499.9","bidSz":"1","open24h":"62500","high24h":"63000","low24h":"61000","volCcy24h":"2480.5","vol24h":"1550312","ts":"1795305600121"}]}',
        (
            (
                "ticker",
                T0,
                '"last":62500,"open":62500,"high":63000,"low":61000,"volume":2480.5,"quote_volume":155031200,"change_pct":0}',
            ),
        ),
    ),
    Golden(
        "okx",
        "mark-price",
        '{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"64120.9","ts":"1795305600121"}]}',
        (("mark_price", T0, '"price":64120.9}'),),
    ),
    Golden(
        "okx",
        "mark-price, two",
        '{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"64120.90","ts":"1795305600121"},{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"64121.000000000000000000000000001","ts":"1795305600122"}]}',
        (
            ("mark_price", T0, '"price":64120.9}'),
            ("mark_price", T0 + MS, '"price":64121.000000000000000000000000001}'),
        ),
    ),
    Golden(
        "okx",
        "mark-price, named by its channel alone",
        '{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"markPx":"1","ts":"1795305600121"}]}',
        (("mark_price", T0, '"price":1}'),),
    ),
    Golden(
        "okx",
        "funding-rate",
        '{"arg":{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},"data":[{"formulaType":"withRate","fundingRate":"0.00008123","fundingTime":"1795334400000","impactValue":"20000","instId":"BTC-USDT-SWAP","instType":"SWAP","interestRate":"0.0001","method":"current_period","maxFundingRate":"0.00375","minFundingRate":"-0.00375","nextFundingRate":"","nextFundingTime":"1795363200000","premium":"0.000021","settFundingRate":"0.0000772","settState":"settled","ts":"1795305600121"}]}',
        (
            (
                "funding",
                T0,
                '"rate":0.00008123,"interval_hours":8,"next_funding":1795334400000000000}',
            ),
        ),
    ),
    Golden(
        "okx",
        "funding-rate, below zero, each hour, predicted",
        '{"arg":{"channel":"funding-rate","instId":"BTC-USD-SWAP"},"data":[{"fundingRate":"-0.0004270396398519","fundingTime":"1795334400000","instId":"BTC-USD-SWAP","instType":"SWAP","nextFundingRate":"-0.0001","nextFundingTime":"1795338000000","ts":"1795305600121"}]}',
        (
            (
                "funding",
                T0,
                '"rate":-0.0004270396398519,"interval_hours":1,"next_funding":1795334400000000000,"predicted":-0.0001}',
            ),
        ),
    ),
    Golden(
        "okx",
        "funding-rate of 2021",
        '{"arg":{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},"data":[{"fundingRate":"0.00048105","fundingTime":"1795334400000","instId":"BTC-USDT-SWAP","instType":"SWAP","nextFundingRate":"0.00114"}]}',
        (
            (
                "funding",
                None,
                '"rate":0.00048105,"interval_hours":null,"next_funding":1795334400000000000,"predicted":0.00114}',
            ),
        ),
    ),
    Golden(
        "okx",
        "open-interest",
        '{"arg":{"channel":"open-interest","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","instType":"SWAP","oi":"2216000.5","oiCcy":"22160.005","oiUsd":"1420000000.1","ts":"1795305600121"}]}',
        (
            (
                "open_interest",
                T0,
                '"base":22160.005,"contracts":2216000.5,"notional":1420000000.1,"derived":[]}',
            ),
        ),
    ),
    Golden(
        "okx",
        "open-interest, inverse",
        '{"arg":{"channel":"open-interest","instId":"BTC-USD-SWAP"},"data":[{"instId":"BTC-USD-SWAP","instType":"SWAP","oi":"50000","oiCcy":"80","oiUsd":"5000000","ts":"1795305600121"}]}',
        (("open_interest", T0, '"base":80,"contracts":50000,"notional":5000000,"derived":[]}'),),
    ),
    Golden(
        "okx",
        "open-interest until 2025",
        '{"arg":{"channel":"open-interest","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","instType":"SWAP","oi":"236870","oiCcy":"2368.7","ts":"1795305600121"}]}',
        (
            (
                "open_interest",
                T0,
                '"base":2368.7,"contracts":236870,"notional":null,"derived":["notional"]}',
            ),
        ),
    ),
    Golden(
        "okx",
        "public-block-trades",
        '{"arg":{"channel":"public-block-trades","instId":"BTC-USDT-SWAP"},"data":[{"fillVol":"","fwdPx":"","groupId":"","idxPx":"64000.1","instId":"BTC-USDT-SWAP","markPx":"64001","px":"64010.5","side":"sell","sz":"2500","tradeId":"439161457415012352","ts":"1795305600121"}]}',
        (
            (
                "block_trade",
                T0,
                '"id":"439161457415012352","price":64010.5,"qty":25,"notional":1600262.5,"side":"sell","reason":"venue"}',
            ),
        ),
    ),
    Golden(
        "okx",
        "public-block-trades, inverse",
        '{"arg":{"channel":"public-block-trades","instId":"BTC-USD-SWAP"},"data":[{"instId":"BTC-USD-SWAP","px":"62500","side":"buy","sz":"20000","tradeId":"439161457415012353","ts":"1795305600121"}]}',
        (
            (
                "block_trade",
                T0,
                '"id":"439161457415012353","price":62500,"qty":2000000,"notional":2000000,"side":"buy","reason":"venue"}',
            ),
        ),
    ),
    Golden(
        "okx",
        "public-block-trades, a leg of a group: no id",
        '{"arg":{"channel":"public-block-trades","instId":"ETH-USDT"},"data":[{"groupId":"77","instId":"ETH-USDT","px":"3300","side":"buy","sz":"120.5","tradeId":"","ts":"1795305600121"}]}',
        (
            (
                "block_trade",
                T0,
                '"id":"","price":3300,"qty":120.5,"notional":397650,"side":"buy","reason":"venue"}',
            ),
        ),
    ),
    Golden(
        "okx",
        "tickers of an option",
        '{"arg":{"channel":"tickers","instId":"BTC-USD-261225-40000-C"},"data":[{"instType":"OPTION","instId":"BTC-USD-261225-40000-C","last":"0.0025","lastSz":"0","askPx":"0.002","askSz":"20","bidPx":"","bidSz":"","open24h":"0.0025","high24h":"0.0025","low24h":"0.0025","volCcy24h":"0","vol24h":"0","ts":"1795305600121"}]}',
        counts="ignored",
    ),
    Golden(
        "okx",
        "mark-price of a kind that is new",
        '{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"EVENTS","instId":"BTC-USDT-SWAP","markPx":"64120.9","ts":"1795305600121"}]}',
        counts="ignored",
    ),
    Golden(
        "okx",
        "tickers, the last price alone",
        '{"arg":{"channel":"tickers","instId":"ETH-USDT"},"data":[{"instId":"ETH-USDT","last":"0.00000718","ts":"1795305600121"}]}',
        (
            (
                "ticker",
                T0,
                '"last":0.00000718,"open":null,"high":null,"low":null,"volume":null,"quote_volume":null,"change_pct":null}',
            ),
        ),
    ),
    Golden(
        "okx",
        "mark-price, an empty list",
        '{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[]}',
        counts="ignored",
    ),
    Golden(
        "okx",
        "index-tickers of no instrument's index",
        '{"arg":{"channel":"index-tickers","instId":"DOGE-USD"},"data":[{"instId":"DOGE-USD","idxPx":"0.2","ts":"1795305600121"}]}',
        counts="ignored",
    ),
    Golden(
        "okx",
        "mark-price of what was never added",
        '{"arg":{"channel":"mark-price","instId":"DOGE-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"DOGE-USDT-SWAP","markPx":"64120.9","ts":"1795305600121"}]}',
        counts="reject.symbol",
    ),
    Golden(
        "okx",
        "mark-price below zero",
        '{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"-1","ts":"1795305600121"}]}',
        counts="reject.negative",
    ),
    Golden(
        "okx",
        "mark-price that is no number",
        '{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"1,5","ts":"1795305600121"}]}',
        counts="reject.number",
    ),
    Golden(
        "okx",
        "mark-price of 39 digits",
        '{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"111111111111111111111111111111111111111","ts":"1795305600121"}]}',
        counts="reject.number",
    ),
    Golden(
        "okx",
        "mark-price without a time",
        '{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"64120.9"}]}',
        counts="reject.shape",
    ),
    Golden(
        "okx",
        "mark-price without a price",
        '{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","ts":"1795305600121"}]}',
        counts="reject.shape",
    ),
    Golden(
        "okx",
        "mark-price, the second of two is wrong",
        '{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"64120.9","ts":"1795305600121"},{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"-2","ts":"1795305600121"}]}',
        counts="reject.negative",
    ),
    Golden(
        "okx",
        "liquidation-orders without a price",
        '{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"","ccy":"","posSide":"long","side":"sell","sz":"44","ts":"1795305600121"}],"instId":"BTC-USDT-SWAP","instType":"SWAP"}]}',
        counts="reject.negative",
    ),
    Golden(
        "okx",
        "liquidation-orders without a side",
        '{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"64100.5","ccy":"","posSide":"long","side":"","sz":"44","ts":"1795305600121"}],"instId":"BTC-USDT-SWAP","instType":"SWAP"}]}',
        counts="reject.shape",
    ),
    Golden(
        "okx",
        "liquidation-orders without details",
        '{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"instId":"BTC-USDT-SWAP","instType":"SWAP"}]}',
        counts="reject.shape",
    ),
    Golden(
        "okx",
        "liquidation-orders of options",
        '{"arg":{"channel":"liquidation-orders","instType":"OPTION"},"data":[{"details":[{"bkLoss":"0","bkPx":"64100.5","ccy":"","posSide":"long","side":"sell","sz":"44","ts":"1795305600121"}],"instId":"BTC-USDT-SWAP","instType":"OPTION"}]}',
        counts="ignored",
    ),
    Golden(
        "okx",
        "public-block-trades, an id that is no name",
        '{"arg":{"channel":"public-block-trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","px":"62500","side":"buy","sz":"20","tradeId":"4:5","ts":"1795305600121"}]}',
        counts="reject.number",
    ),
    Golden(
        "okx",
        "public-block-trades of nothing",
        '{"arg":{"channel":"public-block-trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","px":"62500","side":"buy","sz":"0","tradeId":"4","ts":"1795305600121"}]}',
        counts="reject.negative",
    ),
    Golden(
        "okx",
        "candle1m, a price of 0",
        '{"arg":{"channel":"candle1m","instId":"BTC-USDT-SWAP"},"data":[["1790000040000","64000","64100.5","0","64050","1234","12.34","790000.5","1"]]}',
        counts="reject.negative",
    ),
    Golden(
        "okx",
        "candle1m, a volume below zero",
        '{"arg":{"channel":"candle1m","instId":"BTC-USDT-SWAP"},"data":[["1790000040000","64000","64100.5","63999","64050","1234","-1","790000.5","1"]]}',
        counts="reject.negative",
    ),
    Golden(
        "okx",
        "candle1m, eight columns",
        '{"arg":{"channel":"candle1m","instId":"BTC-USDT-SWAP"},"data":[["1790000040000","64000","64100.5","63999","64050","1234","12.34","790000.5"]]}',
        counts="reject.shape",
    ),
    Golden(
        "okx",
        "candle1m, neither open nor closed",
        '{"arg":{"channel":"candle1m","instId":"BTC-USDT-SWAP"},"data":[["1790000040000","64000","64100.5","63999","64050","1234","12.34","790000.5","2"]]}',
        counts="reject.shape",
    ),
]
