"""Which topics the wanted feeds need: carried ones, shared ones, each of them once."""

from __future__ import annotations

from p9 import venues
from p9.connect.liveness import Quiet
from p9.connect.needs import Needs, Wanted
from p9.venues import ENDPOINTS, FEEDS

IDS = ("BTC-USDT", "BTC-USDT-SWAP", "BTC-USD_UM-SWAP", "ETH-USDT-SWAP", "BTC-USDT-261225")


def needs(endpoint: str, *options: str) -> Needs:
    return Needs(ENDPOINTS[endpoint], 1000, frozenset(options), Quiet())


def wanted(endpoint: str, *ids: str, feeds: tuple[str, ...] = FEEDS) -> list[Wanted]:
    """Numbered in their order."""
    return [
        Wanted(venues.fallback(endpoint, venue_id), number, feeds)
        for number, venue_id in enumerate(ids)
    ]


def names(endpoint: str, *feeds: str, options: tuple[str, ...] = ()) -> list[str]:
    one = "BTC-USDT-SWAP" if endpoint == "okx" else "BTCUSDT"
    topics = needs(endpoint, *options).update(wanted(endpoint, one, feeds=feeds))
    return sorted(topics)


def test_a_feed_brings_the_topics_that_carry_it() -> None:
    assert names("binance:linear", "funding") == ["btcusdt@markPrice@1s"]
    assert names("binance:linear", "funding", "mark_price") == ["btcusdt@markPrice@1s"]
    assert names("bybit:linear", "open_interest") == ["tickers.BTCUSDT"]
    assert names("bybit:linear", "block_trade") == ["publicTrade.BTCUSDT"]
    assert names("okx", "index_price", "bbo") == ["bbo-tbt:BTC-USDT-SWAP", "index-tickers:BTC-USDT"]


def test_what_is_computed_brings_what_it_is_made_of() -> None:
    assert names("okx", "snapshot", "imbalance") == ["books:BTC-USDT-SWAP"]
    assert names("binance:spot", "candles") == ["btcusdt@kline_1m", "btcusdt@trade"]
    assert names("binance:spot", "block_trade") == ["btcusdt@blockTrade", "btcusdt@trade"]
    assert names("binance:linear", "block_trade", options=("trade",)) == ["btcusdt@trade"]


def test_what_is_polled_or_not_offered_brings_nothing() -> None:
    assert names("binance:linear", "open_interest", "long_short", "insurance_fund") == []
    assert names("binance:spot", "funding", "liquidation", "index_price") == []


def test_a_topic_that_several_have_in_common_stands_once() -> None:
    topics = needs("okx").update(wanted("okx", *IDS))
    assert set(topics["index-tickers:BTC-USDT"].served) == {1, 4}
    assert set(topics["index-tickers:BTC-USD"].served) == {2}
    assert set(topics["liquidation-orders:SWAP"].served) == {1, 2, 3}
    assert set(topics["liquidation-orders:FUTURES"].served) == {4}
    assert all(len(topic.served) == 1 for topic in topics.values() if not topic.row.shared)
    assert {topic.row.socket for topic in topics.values()} == {"public", "business"}


def test_missing_names_each_feed_that_lacks_a_topic() -> None:
    some = needs("okx")
    live = dict.fromkeys(some.update(wanted("okx", *IDS)), "")
    assert some.missing(live) == []
    assert some.missing({**live, "index-tickers:BTC-USDT": "no data yet"}) == [
        "okx index_price BTCUSDT-PERP: no data yet",
        "okx index_price BTCUSDT-261225: no data yet",
    ]
    assert some.missing({**live, "books:BTC-USDT": "book BUFFERING"}) == [
        f"okx {feed} BTCUSDT: book BUFFERING" for feed in ("depth", "snapshot", "imbalance")
    ]
    bybit = needs("bybit:linear")
    live = dict.fromkeys(bybit.update(wanted("bybit:linear", "BTCUSDT")), "")
    assert bybit.missing({**live, "tickers.BTCUSDT": "silent"}) == [
        f"bybit {feed} BTCUSDT-PERP: silent"
        for feed in ("funding", "mark_price", "index_price", "open_interest", "ticker")
    ]
    # what is polled only is the pollers' business, what is not wanted nobody's
    assert bybit.update(wanted("bybit:linear", "BTCUSDT", feeds=("long_short",))) == {}
    assert bybit.missing({}) == []
    assert bybit.size() == 1
