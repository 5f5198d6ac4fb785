"""The tables of the venues: addresses, topics, calls, and what a REST url is."""

from __future__ import annotations

import json

import pytest

from p9 import venues
from p9.venues import ENDPOINTS, Endpoint, RestCall
from tests.listing_rows import GOOD


@pytest.mark.parametrize(
    ("url", "endpoint", "kind", "venue_id", "limit"),
    [
        (
            "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=5000",
            "binance:spot",
            "depth",
            "BTCUSDT",
            5000,
        ),
        (
            "https://www.binance.com/api/v1/depth?symbol=NEOUSDC&limit=1000",
            "binance:spot",
            "depth",
            "NEOUSDC",
            1000,
        ),
        (
            "http://127.0.0.1:9/x/fapi/v1/depth?symbol=%E5%B8%81USDT&limit=20",
            "binance:linear",
            "depth",
            "币USDT",
            20,
        ),
        ("https://fapi.binance.com/fapi/v1/exchangeInfo", "binance:linear", "instruments", "", 0),
        (
            "https://fapi.binance.com/futures/data/basis?pair=BTCUSD",
            "binance:linear",
            "data/basis",
            "",
            0,
        ),
        (
            "https://api.bybit.com/v5/market/instruments-info?&category=spot&limit=1000",
            "bybit:spot",
            "instruments",
            "",
            1000,
        ),
        (
            "https://api.bybit.com/v5/market/instruments-info?category=linear&cursor=x",
            "bybit:linear",
            "instruments",
            "",
            0,
        ),
        (
            "https://www.okx.com/api/v5/public/instruments?instType=SWAP",
            "okx",
            "instruments",
            "",
            0,
        ),
        (
            "https://eea.okx.com/api/v5/market/books?instId=BTC-USDT&sz=400",
            "okx",
            "depth",
            "BTC-USDT",
            400,
        ),
    ],
)
def test_rest_addresses(url: str, endpoint: str, kind: str, venue_id: str, limit: int) -> None:
    entry = venues.classify_rest(url)
    assert entry == venues.RestEntry(endpoint, kind, venue_id, limit)


def calls_of(row: Endpoint) -> list[RestCall]:
    """One of everything that is ever asked of an endpoint."""
    ids = {"binance:linear": ["BTCUSDT", "币USDT"], "okx": ["BTC-USDT-SWAP", "BTC-USDT-261225"]}
    derivatives = [venues.fallback(row.name, one) for one in ids.get(row.name, ["BTCUSDT"])]
    many = [venues.fallback(row.name, f"S{n}-USDT-SWAP") for n in range(12)]
    found = [*row.listing_calls, row.depth_call("BTC-X", 1000)]
    found += [row.kline_call("BTC-X", timeframe, 5) for timeframe in ("1s", "1m", "4h", "1w")]
    for poll in row.polls:
        found += [call for call, _ in (*poll.calls(derivatives), *poll.calls(many))]
    return [call for call in found if call is not None]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_what_is_asked_for_is_recognised(name: str) -> None:
    row = ENDPOINTS[name]
    pools = {pool.name: pool.limit for pool in row.pools}
    for call in calls_of(row):
        entry = venues.classify_rest(f"https://host{call.path}")
        assert entry is not None, call.path
        assert (entry.endpoint, entry.kind) == (name, call.kind), call.path
        assert (entry.venue_id, entry.timeframe) == (call.venue_id, call.timeframe), call.path
        assert entry.limit == call.limit or not call.limit
        assert 0 < call.weight <= pools[call.pool]


@pytest.mark.parametrize(
    "url",
    [
        "https://fapi.binance.com/futures/data/globalLongShortAccountRatio?symbol=A&startTime=1",
        "https://fapi.binance.com/fapi/v1/klines?symbol=A&interval=1m&endTime=5",
        "https://fapi.binance.com/fapi/v1/klines?symbol=A&interval=2h",
        "https://api.bybit.com/v5/market/kline?category=spot&symbol=A&interval=1&start=1",
        "https://openapi.okx.com/api/v5/market/candles?instId=A-B&bar=1m&after=5",
        "https://openapi.okx.com/api/v5/market/candles?instId=A-B&bar=1D",  # another time zone
        "https://openapi.okx.com/api/v5/market/history-candles?instId=A-B&bar=1m",
    ],
)
def test_history_is_nobodys_poll(url: str) -> None:
    entry = venues.classify_rest(url)
    assert entry is not None
    assert entry.kind not in ("candles", "long_short")
    assert entry.timeframe == ""


@pytest.mark.parametrize(
    ("endpoint", "timeframe", "asked"),
    [
        ("binance:spot", "1s", "/api/v3/klines?symbol=BTCUSDT&interval=1s&limit=7"),
        ("binance:linear", "1s", ""),
        ("binance:linear", "1w", "/fapi/v1/klines?symbol=BTCUSDT&interval=1w&limit=7"),
        ("binance:linear", "5s", ""),
        (
            "bybit:spot",
            "4h",
            "/v5/market/kline?category=spot&symbol=BTCUSDT&interval=240&limit=7",
        ),
        (
            "bybit:linear",
            "1d",
            "/v5/market/kline?category=linear&symbol=BTCUSDT&interval=D&limit=7",
        ),
        ("bybit:linear", "1s", ""),
        ("okx", "1h", "/api/v5/market/candles?instId=BTCUSDT&bar=1H&limit=7"),
        ("okx", "1d", "/api/v5/market/candles?instId=BTCUSDT&bar=1Dutc&limit=7"),
        ("okx", "1s", ""),
    ],
)
def test_calls_for_bars(endpoint: str, timeframe: str, asked: str) -> None:
    call = ENDPOINTS[endpoint].kline_call("BTCUSDT", timeframe, 7)
    assert (call.path if call else "") == asked


@pytest.mark.parametrize(
    ("endpoint", "limit", "most", "weight"),
    [
        ("binance:spot", 5000, 1000, 2),
        ("binance:linear", 99, 99, 1),
        ("binance:linear", 100, 100, 2),
        ("binance:linear", 5000, 1000, 5),
        ("bybit:spot", 5000, 1000, 1),
        ("okx", 5000, 300, 1),
    ],
)
def test_what_bars_cost(endpoint: str, limit: int, most: int, weight: int) -> None:
    call = ENDPOINTS[endpoint].kline_call("BTC", "1m", limit)
    assert call is not None
    assert (call.limit, call.weight) == (most, weight)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("wss://stream.binance.com:9443/stream?streams=a@trade", "binance:spot"),
        ("wss://stream.binance.com:9443/ws", "binance:spot"),
        ("wss://fstream.binance.com/stream?streams=a@trade", "binance:linear"),
        ("wss://fstream.binance.com/public/stream", "binance:linear"),
        ("ws://127.0.0.1:7000/market/stream", "binance:linear"),
        ("wss://stream.bybit.com/v5/public/linear", "bybit:linear"),
        ("wss://stream.bybit.com/v5/public/spot", "bybit:spot"),
        ("wss://ws.okx.com:8443/ws/v5/public", "okx"),
        ("wss://ws.okx.com:8443/ws/v5/business", "okx"),
        ("wss://dstream.binance.com/ws", None),
        ("wss://example.com/elsewhere", None),
    ],
)
def test_websocket_addresses(url: str, endpoint: str | None) -> None:
    assert venues.endpoint_of_ws(url) == endpoint


def test_venue_and_market_of_the_command_line() -> None:
    assert venues.endpoint_of("binance", "usdm") == "binance:linear"
    assert venues.endpoint_of("bybit", "linear") == "bybit:linear"
    assert venues.endpoint_of("okx", "spot") == venues.endpoint_of("okx", "swap") == "okx"
    with pytest.raises(ValueError, match="binance, bybit, okx"):
        venues.endpoint_of("kraken", "spot")
    with pytest.raises(ValueError, match="spot, linear"):
        venues.endpoint_of("bybit", "option")


def test_topics() -> None:
    def topic(endpoint: str, feed: str, venue_id: str, levels: int = 1000, **more: bool) -> str:
        row = ENDPOINTS[endpoint].row(feed, **more)
        assert row is not None
        one = venues.fallback(endpoint, venue_id)
        return f"{row.socket} {ENDPOINTS[endpoint].topic(row, one, levels)}"

    assert topic("binance:spot", "depth", "BTCUSDT") == "main btcusdt@depth@100ms"
    assert topic("binance:linear", "trade", "BTCUSDT") == "market btcusdt@aggTrade"
    assert topic("binance:linear", "trade", "BTCUSDT", option=True) == "public btcusdt@trade"
    assert topic("binance:linear", "bbo", "BTCUSDT") == "public btcusdt@bookTicker"
    assert topic("bybit:spot", "depth", "BTCUSDT", 20) == "main orderbook.50.BTCUSDT"
    assert topic("bybit:spot", "depth", "BTCUSDT", 51) == "main orderbook.200.BTCUSDT"
    assert topic("bybit:spot", "depth", "BTCUSDT", 5000) == "main orderbook.1000.BTCUSDT"
    assert topic("okx", "bbo", "BTC-USDT-SWAP") == "public bbo-tbt:BTC-USDT-SWAP"
    assert topic("okx", "index_price", "BTC-USD_UM-SWAP") == "public index-tickers:BTC-USD"
    assert topic("okx", "liquidation", "BTC-USDT-SWAP") == "public liquidation-orders:SWAP"
    assert topic("okx", "liquidation", "BTC-USDT-261225") == "public liquidation-orders:FUTURES"
    assert topic("okx", "candles", "BTC-USDT") == "business candle1m:BTC-USDT"
    assert topic("okx", "block_trade", "BTC-USDT") == "business public-block-trades:BTC-USDT"
    assert topic("binance:linear", "mark_price", "BTCUSDT") == "market btcusdt@markPrice@1s"
    assert ENDPOINTS["okx"].row("nothing") is None


@pytest.mark.parametrize(
    ("endpoint", "levels", "limit", "weight"),
    [
        ("binance:spot", 5, 100, 5),
        ("binance:spot", 1000, 1000, 50),
        ("binance:spot", 1001, 5000, 250),
        ("binance:spot", 9999, 5000, 250),
        ("binance:linear", 400, 500, 10),
        ("binance:linear", 4000, 1000, 20),
        ("okx", 10, 400, 1),
    ],
)
def test_depth_calls(endpoint: str, levels: int, limit: int, weight: int) -> None:
    call = ENDPOINTS[endpoint].depth_call("BTC", levels)
    assert call is not None
    assert (call.limit, call.weight) == (limit, weight)


def test_the_cursor_loop_of_bybit() -> None:
    row = ENDPOINTS["bybit:linear"]
    first = row.listing_calls[0]
    listing = row.parse(
        json.dumps(
            {"result": {"list": [GOOD["bybit:linear"]], "nextPageCursor": "a%2Cb%3D"}}
        ).encode()
    )
    second = row.next_page(first, listing)
    assert second is not None
    assert second.path == f"{first.path}&cursor=a%2Cb%3D"
    listing.cursor = "x y"
    third = row.next_page(second, listing)
    assert third is not None
    assert third.path == f"{first.path}&cursor=x%20y"
    listing.cursor = ""
    assert row.next_page(third, listing) is None
