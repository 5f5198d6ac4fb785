"""What the examples of docs/MESSAGES.md come from: frames and bodies as venues have sent them, or,
where none is at hand, in the shape of their documentation."""

from __future__ import annotations

from typing import Any, NamedTuple

from p9core.engine import Engine

BTC: dict[str, Any] = {
    "exchange": "bybit", "symbol": "BTCUSDT-PERP", "price_step": "0.10", "qty_step": "0.001",
    "market": "linear",
}  # fmt: skip
SOL: dict[str, Any] = {**BTC, "symbol": "SOLUSDT-PERP", "price_step": "0.010", "qty_step": "0.1"}
USDM: dict[str, Any] = {**BTC, "exchange": "binance"}
OKX: dict[str, Any] = {**BTC, "exchange": "okx", "contract": "0.01"}


class Scene(NamedTuple):
    """One instrument, and what comes in for it; a poll where `ask` is given."""

    endpoint: str
    venue_id: str
    instrument: dict[str, Any]
    recv_ns: int
    text: str
    ask: str = ""
    timers: tuple[int, ...] = ()


# recorded 2026-08-09; the book cut to three levels a side
TICKER = (
    '{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","tickDirection":'
    '"ZeroPlusTick","price24hPcnt":"0.001624","lastPrice":"65114.30","prevPrice24h":"65008.70",'
    '"highPrice24h":"65282.30","lowPrice24h":"64694.40","prevPrice1h":"65083.80","markPrice":'
    '"65117.44","indexPrice":"65137.76","openInterest":"59891.732","openInterestValue":'
    '"3899996265.01","turnover24h":"1142118412.9021","volume24h":"17573.9120",'
    '"fundingIntervalHour":"8","fundingCap":"0.005","singleOpenInterest":"29945.866",'
    '"singleOpenInterestValue":"1949998132.50","nextFundingTime":"1786320000000","fundingRate":'
    '"0.0001","bid1Price":"65114.20","bid1Size":"5.954","ask1Price":"65114.30","ask1Size":'
    '"10.470","preOpenPrice":"","preQty":"","curPreListingPhase":""},"cs":753843900397,'
    '"ts":1786310817583}'
)
BOOK = (
    '{"topic":"orderbook.200.SOLUSDT","type":"snapshot","ts":1786310819053,"data":{"s":"SOLUSDT",'
    '"b":[["77.300","1347.2"],["77.290","4646.8"],["77.280","1628.1"]],"a":[["77.310","212.6"],'
    '["77.320","1112.3"],["77.330","3090.6"]],"u":13783323,"seq":272903624021},'
    '"cts":1786310818952}'
)
# captured 2026-10-10
LIQUIDATION = (
    '{"topic":"allLiquidation.SOLUSDT","type":"snapshot","ts":1791594602979,"data":[{"T":'
    '1791594602908,"s":"SOLUSDT","S":"Sell","v":"11.5","p":"110.020"}]}'
)
# of 2020, in a list of 4 h periods that another project recorded
RATIO = (
    '[{"longAccount":"0.5795","longShortRatio":"1.3781","shortAccount":"0.4205","symbol":'
    '"BTCUSDT","timestamp":1602403200000}]'
)
# in the shape of the documentation
BLOCK = (
    '{"arg":{"channel":"public-block-trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":'
    '"BTC-USDT-SWAP","tradeId":"90167","px":"87010.4","sz":"2500","side":"buy","fillVol":"",'
    '"fwdPx":"","idxPx":"87004.1","markPx":"87008.9","ts":"1795305600700","groupId":""}]}'
)
FUNDS = (
    '{"retCode":0,"retMsg":"OK","result":{"updatedTime":"1795305540000","list":[{"coin":"USDT",'
    '"symbols":"SOLUSDT","balance":"25110.1180","value":"25000"},{"coin":"USDC","symbols":'
    '"BTCPERP,ETHPERP","balance":"912.5","value":"912.4"}]},"retExtInfo":{},"time":1795305600123}'
)
PREDICTION = (
    '{"arg":{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},"data":[{"fundingRate":'
    '"0.00048105","fundingTime":"1795334400000","instId":"BTC-USDT-SWAP","instType":"SWAP",'
    '"nextFundingRate":"0.00114","nextFundingTime":"1795363200000","ts":"1795305600500"}]}'
)

SCENES = (
    Scene("bybit:linear", "BTCUSDT", BTC, 1786310819526357000, TICKER),
    Scene(
        "bybit:linear", "SOLUSDT", SOL, 1786310819918751000, BOOK,
        timers=(1786310819950000000, 1786310820050000000),
    ),
    Scene("bybit:linear", "SOLUSDT", SOL, 1791594603010000000, LIQUIDATION),
    Scene("binance:linear", "BTCUSDT", USDM, 1602403210000000000, RATIO, ask="long_short"),
    Scene("okx", "BTC-USDT-SWAP", OKX, 1795305600712000000, BLOCK),
    Scene("bybit:linear", "SOLUSDT", SOL, 1795305600231000000, FUNDS, ask="insurance_fund"),
    Scene("okx", "BTC-USDT-SWAP", OKX, 1795305600510000000, PREDICTION),
)  # fmt: skip


def said(scene: Scene) -> list[str]:
    """What the core makes of it: the text of its messages."""
    engine = Engine(epoch=1, sink="lines", stream_kinds=("liquidation", "block_trade", "funding"))
    engine.add_instrument(scene.endpoint, scene.venue_id, **scene.instrument)
    raw = scene.text.encode()
    if scene.ask:
        assert engine.feed_poll(scene.endpoint, scene.ask, scene.recv_ns, raw) == ""
    else:
        engine.feed(engine.open_conn(scene.endpoint), scene.recv_ns, raw)
    for now_ns in scene.timers:
        engine.on_timer(now_ns)
    lines = engine.take_lines().decode().splitlines()
    return [line.partition(" ")[2] for line in lines]
