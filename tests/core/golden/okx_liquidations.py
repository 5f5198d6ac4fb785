"""OKX: forced orders. A frame brings those of all swaps: what is not ours in it is passed over, so
that these are no frames of `GOLDEN`, which name one instrument each."""

from __future__ import annotations

from tests.core.golden.kinds import MS, T0, Golden

OKX_LIQUIDATIONS = [
    Golden(
        "okx",
        "a long of a swap",
        '{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"64100.5","ccy":"","posSide":"long","side":"sell","sz":"44","ts":"1795305600121"}],"instFamily":"BTC-USDT","instId":"BTC-USDT-SWAP","instType":"SWAP","uly":"BTC-USDT"}]}',
        (
            (
                "liquidation",
                T0,
                '"price":64100.5,"qty":0.44,"notional":28204.22,"side":"sell","price_kind":"mark","complete":false}',
            ),
        ),
    ),
    Golden(
        "okx",
        "a short of an inverse swap: quote currency",
        '{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"62500.1","ccy":"","posSide":"net","side":"buy","sz":"3","ts":"1795305600121"}],"instFamily":"BTC-USD","instId":"BTC-USD-SWAP","instType":"SWAP","uly":"BTC-USD"}]}',
        (
            (
                "liquidation",
                T0,
                '"price":62500.1,"qty":300,"notional":300,"side":"buy","price_kind":"mark","complete":false}',
            ),
        ),
    ),
    Golden(
        "okx",
        "of a spot pair, borrowed on",
        '{"arg":{"channel":"liquidation-orders","instType":"MARGIN"},"data":[{"details":[{"bkLoss":"0","bkPx":"3300","ccy":"USDT","posSide":"net","side":"sell","sz":"0.25","ts":"1795305600121"}],"instFamily":"","instId":"ETH-USDT","instType":"MARGIN","uly":""}]}',
        (
            (
                "liquidation",
                T0,
                '"price":3300,"qty":0.25,"notional":825,"side":"sell","price_kind":"mark","complete":false}',
            ),
        ),
    ),
    Golden(
        "okx",
        "two of one contract",
        '{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"64100.5","ccy":"","posSide":"long","side":"sell","sz":"44","ts":"1795305600121"},{"bkLoss":"0","bkPx":"64100.5","ccy":"","posSide":"short","side":"buy","sz":"0.01","ts":"1795305600122"}],"instFamily":"BTC-USDT","instId":"BTC-USDT-SWAP","instType":"SWAP","uly":"BTC-USDT"}]}',
        (
            (
                "liquidation",
                T0,
                '"price":64100.5,"qty":0.44,"notional":28204.22,"side":"sell","price_kind":"mark","complete":false}',
            ),
            (
                "liquidation",
                T0 + MS,
                '"price":64100.5,"qty":0.0001,"notional":6.41005,"side":"buy","price_kind":"mark","complete":false}',
            ),
        ),
    ),
    Golden(
        "okx",
        "the price is another from 2026-07-08 on",
        '{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"64100.5","ccy":"","posSide":"long","side":"sell","sz":"44","ts":"1783468799999"},{"bkLoss":"0","bkPx":"64100.5","ccy":"","posSide":"long","side":"sell","sz":"44","ts":"1783468800000"}],"instFamily":"BTC-USDT","instId":"BTC-USDT-SWAP","instType":"SWAP","uly":"BTC-USDT"}]}',
        (
            (
                "liquidation",
                1783468799999 * MS,
                '"price":64100.5,"qty":0.44,"notional":28204.22,"side":"sell","price_kind":"bankruptcy","complete":false}',
            ),
            (
                "liquidation",
                1783468800000 * MS,
                '"price":64100.5,"qty":0.44,"notional":28204.22,"side":"sell","price_kind":"mark","complete":false}',
            ),
        ),
    ),
]
