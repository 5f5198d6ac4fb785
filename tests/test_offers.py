"""What each instrument has of the fifteen feeds, what is polled, and what an answer is worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from p9 import venues
from p9.venues import ENDPOINTS, FEEDS, Instrument, RestCall
from tests.listing_rows import one, recorded_rest, swap

ONE_OF_EACH = {
    "binance:spot": ["BTCUSDT"],
    "binance:linear": ["BTCUSDT", "BTCUSDT_261225"],
    "bybit:spot": ["BTCUSDT"],
    "bybit:linear": ["BTCUSDT", "BTCPERP", "BTCUSDT-25DEC26", "BTC-25DEC26"],
    "okx": ["BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USDT-261225", "BTC-USD-261225"],
}
EVERY = [venues.fallback(name, one) for name, ids in ONE_OF_EACH.items() for one in ids]
XPERP = one(
    "okx",
    {**swap("BTC-USDT-310101", "BTC-USDT", ruleType="xperp"), "instType": "FUTURES"},
)


def name_of(value: Any) -> str:
    return f"{value.endpoint} {value.venue_id}" if isinstance(value, Instrument) else str(value)


@pytest.mark.parametrize("instrument", [*EVERY, XPERP], ids=name_of)
def test_no_cell_is_empty(instrument: Instrument) -> None:
    offers = venues.offers(instrument)
    assert tuple(offers) == FEEDS
    endpoint = ENDPOINTS[instrument.endpoint]
    for feed, offer in offers.items():
        assert offer.detail, feed
        assert offer.source in ("stream", "poll", "stream and poll", "computed", "none")
        carried = endpoint.rows(instrument, feed)
        assert bool(carried) == (offer.source not in ("poll", "none")), feed
        for row in carried:  # nothing is left open in a topic
            topic = endpoint.topic(row, instrument)
            assert not set("{}") & set(topic)
            assert not topic.endswith(":")


def sources(endpoint: str, venue_id: str) -> dict[str, str]:
    offers = venues.offers(venues.fallback(endpoint, venue_id))
    return {feed: offer.source for feed, offer in offers.items()}


LIVE = ("mark_price", "index_price", "funding", "open_interest")


def test_where_the_feeds_come_from() -> None:
    assert {one.symbol: sources(one.endpoint, one.venue_id)["snapshot"] for one in EVERY} == (
        dict.fromkeys([one.symbol for one in EVERY], "computed")
    )
    both = "stream and poll"
    binance = sources("binance:linear", "BTCUSDT")
    assert [binance[feed] for feed in LIVE] == [both, both, both, "poll"]
    assert binance["block_trade"] == "computed"
    assert sources("binance:spot", "BTCUSDT")["block_trade"] == "stream"
    bybit = sources("bybit:linear", "BTCUSDT")
    assert [bybit[feed] for feed in (*LIVE, "ticker")] == [both] * 5
    assert [bybit[feed] for feed in ("long_short", "insurance_fund")] == ["poll", "poll"]
    okx = sources("okx", "BTC-USDT-SWAP")
    assert [okx[feed] for feed in LIVE] == [both] * 4
    assert okx["liquidation"] == okx["ticker"] == okx["block_trade"] == "stream"


ABSENT = {
    "binance:linear BTCUSDT": set(),
    "binance:linear BTCUSDT_261225": {"funding", "long_short"},
    "bybit:linear BTCUSDT": set(),
    "bybit:linear BTCPERP": {"long_short"},
    "bybit:linear BTCUSDT-25DEC26": {"funding", "long_short"},
    "bybit:linear BTC-25DEC26": {"funding", "long_short"},
    "okx BTC-USDT-SWAP": set(),
    "okx BTC-USD-SWAP": {"imbalance", "candles"},
    "okx BTC-USDT-261225": {"funding"},
    "okx BTC-USD-261225": {"funding", "imbalance", "candles"},
}
OF_DERIVATIVES = {*LIVE, "liquidation", "insurance_fund", "long_short"}


@pytest.mark.parametrize("instrument", EVERY, ids=name_of)
def test_what_is_not_offered(instrument: Instrument) -> None:
    lacking = {feed for feed, offer in venues.offers(instrument).items() if offer.source == "none"}
    assert lacking == ABSENT.get(name_of(instrument), OF_DERIVATIVES)


def test_an_x_perp_is_a_perpetual_among_the_futures() -> None:
    offers = venues.offers(XPERP)
    assert (XPERP.kind, XPERP.symbol, XPERP.index) == ("perpetual", "BTCUSDT-XPERP", "BTC-USDT")
    assert offers["funding"].detail.startswith("funding-rate:BTC-USDT-310101")
    assert offers["liquidation"].detail == "liquidation-orders:FUTURES"


def test_options_are_no_part_of_it() -> None:
    option = venues.fallback("okx", "BTC-USD-220325-40000-C")
    assert {offer.source for offer in venues.offers(option).values()} == {"none"}


def test_the_optional_source_takes_the_place_of_the_normal_one() -> None:
    row, instrument = ENDPOINTS["binance:linear"], venues.fallback("binance:linear", "BTCUSDT")
    assert [r.topic for r in row.rows(instrument, "trade")] == ["{s}@aggTrade"]
    assert [r.topic for r in row.rows(instrument, "trade", {"trade"})] == ["{s}@trade"]
    assert [r.topic for r in row.rows(instrument, "block_trade", {"trade"})] == ["{s}@trade"]
    spot = ENDPOINTS["binance:spot"]
    assert len(spot.rows(venues.fallback("binance:spot", "BTCUSDT"), "trade", {"trade"})) == 1


# --- polls -----------------------------------------------------------------------------------


def paths(endpoint: str, ask: str, ids: list[str]) -> list[str]:
    poll = next(poll for poll in ENDPOINTS[endpoint].polls if poll.ask == ask)
    calls = poll.calls([venues.fallback(endpoint, venue_id) for venue_id in ids])
    for call, instrument in calls:
        assert call.venue_id == (instrument.venue_id if instrument else "")
    return [call.path for call, _ in calls]


def test_all_at_once_where_that_is_cheaper() -> None:
    nine = [f"S{n}USDT" for n in range(9)]
    assert len(paths("binance:linear", "mark_price", nine)) == 9
    assert paths("binance:linear", "mark_price", [*nine, "TUSDT"]) == ["/fapi/v1/premiumIndex"]
    assert paths("bybit:linear", "ticker", nine) == ["/v5/market/tickers?category=linear"]
    mixed = ["BTC-USDT-SWAP", "ETH-USDT-SWAP", "BTC-USDT-261225", "BTC-USD-SWAP"]
    assert paths("okx", "mark_price", mixed) == [
        "/api/v5/public/mark-price?instType=SWAP",
        "/api/v5/public/mark-price?instType=FUTURES",
    ]
    assert paths("okx", "index_price", [*mixed, "ETH-EUR-SWAP"]) == [
        "/api/v5/market/index-tickers?quoteCcy=USDT",
        "/api/v5/market/index-tickers?quoteCcy=USD",
        "/api/v5/market/index-tickers?instId=ETH-EUR",
    ]
    assert paths("okx", "funding", mixed) == ["/api/v5/public/funding-rate?instId=ANY"]
    assert paths("okx", "insurance_fund", ["BTC-USD_UM-SWAP", *mixed])[0].endswith(
        "instType=SWAP&instFamily=BTC-USD_UM"
    )
    assert len(paths("okx", "insurance_fund", mixed)) == 4


def test_what_has_no_ratio_is_not_asked_for_one() -> None:
    asked = paths("bybit:linear", "long_short", ["BTCUSDT", "BTCPERP", "BTCUSDT-25DEC26"])
    assert len(asked) == 1
    assert asked[0].endswith("&symbol=BTCUSDT")


def test_every_poll_keeps_something_fresh_and_no_absent_feed() -> None:
    for name, ids in ONE_OF_EACH.items():
        for poll in ENDPOINTS[name].polls:
            assert poll.feeds or poll.ask == "funding_interval"
            assert poll.old_s > 0
            for instrument in (venues.fallback(name, venue_id) for venue_id in ids):
                if poll.kinds and instrument.kind not in poll.kinds:
                    continue
                kept = [f for f in poll.feeds if venues.offers(instrument)[f].source != "none"]
                assert kept or not poll.feeds or not poll.calls([instrument])


# --- answers ---------------------------------------------------------------------------------


def polled(endpoint: str) -> list[RestCall]:
    row = ENDPOINTS[endpoint]
    some = venues.fallback(endpoint, "BTC-USDT-SWAP" if endpoint == "okx" else "BTCUSDT")
    calls = [poll.calls([some])[0][0] for poll in row.polls]
    bars = row.kline_call("BTCUSDT", "1m", 5)
    return [*calls, bars] if bars else calls


BAD = {
    "binance": [
        (b'{"code":-1121,"msg":"Invalid symbol."}', "unknown_symbol"),
        (b"[]", "empty"),
        (b"{}", "not_a_"),
        (b"<html>busy</html>", "not_a_"),
    ],
    "bybit": [
        (b'{"retCode":10001,"retMsg":"params error","result":{}}', ""),
        (b'{"retCode":0,"result":{"list":[]}}', "empty"),
        (b'{"retCode":0,"result":{}}', "no_list"),
        (b"<html>busy</html>", "malformed"),
    ],
    "okx": [
        (b'{"code":"51001","msg":"no such instrument","data":[]}', "unknown_symbol"),
        (b'{"code":"0","msg":"","data":[]}', "empty"),
        (b'{"code":"0","msg":""}', "no_list"),
        (b"<html>busy</html>", "malformed"),
    ],
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_good_status_alone_is_no_answer(endpoint: str) -> None:
    row = ENDPOINTS[endpoint]
    assert polled(endpoint)
    for call in polled(endpoint):
        for body, reason in BAD[row.exchange]:
            fault = row.fault(200, {}, body, call)
            assert fault is not None, (call.kind, body)
            assert fault.reason.startswith(reason)


def test_recorded_answers_are_good_ones(recordings: Path) -> None:
    seen = set()
    for url, raw in recorded_rest(recordings):
        entry = venues.classify_rest(url)
        if entry is None or entry.kind not in (*FEEDS, "funding_interval"):
            continue
        if raw.startswith(b'{"code":') or entry.kind == "depth":
            continue
        call = RestCall(entry.endpoint, entry.kind, "", 1, "", entry.venue_id)
        assert ENDPOINTS[entry.endpoint].fault(200, {}, raw, call) is None, url
        seen.add((entry.endpoint, entry.kind))
    assert seen == {
        ("binance:spot", "candles"),
        ("binance:linear", "candles"),
        ("binance:linear", "mark_price"),
        ("binance:linear", "funding_interval"),
        ("binance:linear", "open_interest"),
        ("binance:linear", "long_short"),
    }


DOCUMENTED = [
    ("binance:linear", "insurance_fund", [{"symbols": ["A"], "assets": [{"marginBalance": "1"}]}]),
    ("binance:linear", "insurance_fund", {"symbols": ["A"], "assets": [{"marginBalance": "1"}]}),
    ("bybit:linear", "ticker", {"retCode": 0, "result": {"list": [{"symbol": "A"}]}}),
    ("bybit:linear", "insurance_fund", {"retCode": 0, "result": {"list": [{"coin": "USDT"}]}}),
    ("okx", "long_short", {"code": "0", "data": [["1790000000000", "1.5"]]}),
    ("okx", "insurance_fund", {"code": "0", "data": [{"total": "5", "details": []}]}),
]


@pytest.mark.parametrize(("endpoint", "kind", "body"), DOCUMENTED)
def test_documented_answers_are_good_ones(endpoint: str, kind: str, body: Any) -> None:
    call = RestCall(endpoint, kind, "", 1, "")
    raw = json.dumps(body, separators=(",", ":")).encode()
    assert ENDPOINTS[endpoint].fault(200, {}, raw, call) is None
