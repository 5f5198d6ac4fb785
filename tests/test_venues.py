"""The venue tables: names, listings, addresses. Real listings where the recordings are there."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from p9 import venues
from p9.venues import ENDPOINTS, Instrument, collisions
from p9.venues.naming import BadListing, multiplied, product

BINANCE_FILTERS = [
    {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
    {"filterType": "LOT_SIZE", "stepSize": "0.00100000"},
]


def body(endpoint: str, *rows: Any) -> bytes:
    """A listing of that endpoint around these rows."""
    if endpoint.startswith("binance"):
        return json.dumps({"symbols": list(rows)}).encode()
    if endpoint.startswith("bybit"):
        return json.dumps({"retCode": 0, "result": {"list": list(rows)}}).encode()
    return json.dumps({"code": "0", "data": list(rows)}).encode()


def binance(symbol: str, base: Any, quote: str, **more: Any) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "baseAsset": base,
        "quoteAsset": quote,
        "status": "TRADING",
        "filters": BINANCE_FILTERS,
        **more,
    }


def usdm(symbol: str, base: str, quote: str, kind: str = "PERPETUAL", **more: Any) -> Any:
    return binance(
        symbol,
        base,
        quote,
        contractType=kind,
        marginAsset=quote,
        deliveryDate=4133404800000,
        **more,
    )


def bybit(symbol: str, base: str, quote: str, **more: Any) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "baseCoin": base,
        "quoteCoin": quote,
        "status": "Trading",
        "priceFilter": {"tickSize": "0.1"},
        "lotSizeFilter": {"qtyStep": "0.001", "basePrecision": "0.000001"},
        **more,
    }


def okx(inst_id: str, kind: str, **more: Any) -> dict[str, Any]:
    row = {
        "instId": inst_id,
        "instType": kind,
        "state": "live",
        "tickSz": "0.1",
        "lotSz": "1",
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": "",
        "ctVal": "",
        "ctMult": "",
        "ctValCcy": "",
        "ctType": "",
        "uly": "",
        "instFamily": "",
        "expTime": "",
    }
    return {**row, **more}


def swap(inst_id: str, family: str, **more: Any) -> dict[str, Any]:
    row = {
        "uly": family.removesuffix("_UM"),
        "instFamily": family,
        "settleCcy": "USDT",
        "ctVal": "0.01",
        "ctMult": "1",
        "ctValCcy": family.split("-")[0],
        "ctType": "linear",
    }
    return okx(inst_id, "SWAP", **{**row, **more})


def one(endpoint: str, row: Any) -> Instrument:
    listing = venues.listing(endpoint, body(endpoint, row))
    assert len(listing.instruments) == 1, listing.skipped
    return listing.instruments[0]


SEPT_2026 = 1790323200000  # 2026-09-25 08:00 UTC


@pytest.mark.parametrize(
    ("endpoint", "row", "symbol"),
    [
        ("binance:spot", binance("BTCUSDT", "BTC", "USDT"), "BTCUSDT"),
        ("binance:spot", binance("币安人生USDT", "币安人生", "USDT"), "币安人生USDT"),
        ("binance:linear", usdm("BTCUSDT", "BTC", "USDT"), "BTCUSDT-PERP"),
        ("binance:linear", usdm("TSLAUSDT", "TSLA", "USDT", "TRADIFI_PERPETUAL"), "TSLAUSDT-PERP"),
        ("binance:linear", usdm("ABCUSDT", "ABC", "USDT", "PERPETUAL_DELIVERING"), "ABCUSDT-PERP"),
        (
            "binance:linear",
            {**usdm("BTCUSDT_260925", "BTC", "USDT", "CURRENT_QUARTER"), "deliveryDate": SEPT_2026},
            "BTCUSDT-260925",
        ),
        ("bybit:spot", bybit("BTCUSDC", "BTC", "USDC"), "BTCUSDC"),
        (
            "bybit:linear",
            bybit(
                "BTCPERP",
                "BTC",
                "USDC",
                contractType="LinearPerpetual",
                settleCoin="USDC",
                deliveryTime="0",
            ),
            "BTCUSDC-PERP",
        ),
        (
            "bybit:linear",
            bybit(
                "BTCUSDT-25SEP26",
                "BTC",
                "USDT",
                contractType="LinearFutures",
                deliveryTime=str(SEPT_2026),
            ),
            "BTCUSDT-260925",
        ),
        ("okx", okx("BTC-USDT", "SPOT", baseCcy="BTC", quoteCcy="USDT"), "BTCUSDT"),
        ("okx", swap("BTC-USDT-SWAP", "BTC-USDT"), "BTCUSDT-PERP"),
        ("okx", swap("BTC-USD_UM-SWAP", "BTC-USD_UM", settleCcy="USD"), "BTCUSD_UM-PERP"),
        (
            "okx",
            swap(
                "BTC-USD-SWAP",
                "BTC-USD",
                ctType="inverse",
                ctVal="100",
                ctValCcy="USD",
                settleCcy="BTC",
            ),
            "BTCUSD-PERP",
        ),
        (
            "okx",
            {**swap("BTC-USDT-260925", "BTC-USDT", expTime=str(SEPT_2026)), "instType": "FUTURES"},
            "BTCUSDT-260925",
        ),
        (
            "okx",
            {
                **swap("BTC-USDT-310101", "BTC-USDT", ruleType="xperp", expTime=str(SEPT_2026)),
                "instType": "FUTURES",
            },
            "BTCUSDT-XPERP",
        ),
    ],
)
def test_unified_names_come_from_the_fields(endpoint: str, row: Any, symbol: str) -> None:
    instrument = one(endpoint, row)
    assert instrument.symbol == symbol
    assert instrument.endpoint == endpoint
    assert instrument.live


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("1000PEPE", ("PEPE", 1000)),
        ("1000000MOG", ("MOG", 1_000_000)),
        ("1MBABYDOGE", ("BABYDOGE", 1_000_000)),
        ("10000SATS", ("SATS", 10_000)),
        ("SHIB1000", ("SHIB", 1000)),
        ("1000CAT", ("CAT", 1000)),
        ("1INCH", ("1INCH", 1)),
        ("1000X", ("1000X", 1)),
        ("4", ("4", 1)),
        ("C98", ("C98", 1)),
        ("USD1", ("USD1", 1)),
        ("0G", ("0G", 1)),
        ("API3", ("API3", 1)),
        ("BANANAS31", ("BANANAS31", 1)),
        ("BTC", ("BTC", 1)),
        ("1MT", ("1MT", 1)),
    ],
)
def test_multiplied_contracts(base: str, expected: tuple[str, int]) -> None:
    assert multiplied(base) == expected


def test_multiplied_contract_keeps_its_name() -> None:
    instrument = one(
        "bybit:linear",
        bybit("1000PEPEUSDT", "1000PEPE", "USDT", contractType="LinearPerpetual", deliveryTime="0"),
    )
    assert instrument.symbol == "1000PEPEUSDT-PERP"
    assert (instrument.underlying, instrument.multiplier, instrument.base) == (
        "PEPE",
        1000,
        "1000PEPE",
    )


@pytest.mark.parametrize(
    ("left", "right", "exact"),
    [
        ("0.01", "1", "0.01"),
        ("0.1", "0.1", "0.01"),
        ("100", "1", "100"),
        ("10", "10.0", "100"),
        ("0.000000000000000001", "0.000000000000000001", "0.000000000000000000000000000000000001"),
        ("", "1", None),
        ("0", "1", None),
        ("-1", "1", None),
        ("NaN", "1", None),
        ("1e3", "1", None),
    ],
)
def test_contract_size_is_an_exact_product(left: str, right: str, exact: str | None) -> None:
    assert product(left, right) == exact


def test_contract_sizes() -> None:
    linear = one("okx", swap("DOGE-USDT-SWAP", "DOGE-USDT", ctVal="1000", ctMult="0.1"))
    assert (linear.contract, linear.market, linear.publish) == ("100", "linear", True)
    inverse = one(
        "okx",
        swap(
            "BTC-USD-SWAP",
            "BTC-USD",
            ctType="inverse",
            ctVal="100",
            ctValCcy="USD",
            settleCcy="BTC",
        ),
    )
    assert (inverse.contract, inverse.market, inverse.settle) == ("100", "inverse", "BTC")
    assert one("binance:linear", usdm("BTCUSDT", "BTC", "USDT")).contract == "1"


@pytest.mark.parametrize("change", [{"ctVal": ""}, {"ctVal": "abc"}, {"ctValCcy": "USD"}])
def test_unknown_contract_size_is_not_published(change: dict[str, str]) -> None:
    instrument = one("okx", swap("BTC-USDT-SWAP", "BTC-USDT", **change))
    assert instrument.contract is None
    assert not instrument.publish
    assert instrument.engine_args()["contract"] is None


GOOD = {
    "binance:spot": binance("ETHUSDT", "ETH", "USDT"),
    "binance:linear": usdm("ETHUSDT", "ETH", "USDT"),
    "bybit:spot": bybit("ETHUSDT", "ETH", "USDT"),
    "bybit:linear": bybit(
        "ETHUSDT", "ETH", "USDT", contractType="LinearPerpetual", deliveryTime="0"
    ),
    "okx": swap("ETH-USDT-SWAP", "ETH-USDT"),
}


@pytest.mark.parametrize(
    ("endpoint", "bad", "reason"),
    [
        ("binance:spot", binance("A", "", "USDT"), "empty_field"),
        ("binance:spot", binance("A", "A:B", "USDT"), "bad_name"),
        ("binance:spot", binance("A", 7, "USDT"), "bad_baseAsset"),
        ("binance:spot", 17, "not_an_object"),
        ("binance:spot", None, "not_an_object"),
        ("binance:spot", [], "not_an_object"),
        (
            "binance:spot",
            {
                **binance("A", "A", "B"),
                "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.00"}],
            },
            "zero_price_step",
        ),
        (
            "binance:spot",
            {
                **binance("A", "A", "B"),
                "filters": [{"filterType": "PRICE_FILTER", "tickSize": 0.1}],
            },
            "bad_price_step",
        ),
        ("binance:spot", {**binance("A", "A", "B"), "filters": 5}, "malformed"),
        ("binance:linear", usdm("A", "A", "B", ""), "no_contract_type"),
        ("binance:linear", usdm("A", "A", "B", "CURRENT_QUARTER"), "no_expiry"),
        (
            "binance:linear",
            {**usdm("BTCUSD_PERP", "BTC", "USD"), "marginAsset": "BTC"},
            "not_this_market",
        ),
        ("bybit:spot", bybit("A", "A", "B", priceFilter=None), "empty_field"),
        ("bybit:spot", bybit("A", "A", "B", priceFilter={"tickSize": "-1"}), "bad_price_step"),
        (
            "bybit:linear",
            bybit("A", "A", "B", contractType="LinearFutures", deliveryTime="0"),
            "no_expiry",
        ),
        (
            "bybit:linear",
            bybit("A", "A", "B", contractType="LinearFutures", deliveryTime="9" * 16),
            "no_expiry",
        ),
        ("okx", okx("LISTING-SPOT-ABC-USDT", "SPOT", state="preopen"), "preopen"),
        ("okx", okx("A-B", "SPOT"), "empty_field"),
        ("okx", okx("A-B", "OPTION"), "type_option"),
        ("okx", okx("A-B", "EVENTS"), "type_events"),
        ("okx", swap("A-USDT-SWAP", "A-USDT", ctType="weird"), "unknown_contract_type"),
        ("okx", swap("A-USDT-SWAP", "A-USDT", tickSz=""), "empty_field"),
        ("okx", swap("A-USDT-SWAP", "", uly=""), "empty_field"),
    ],
)
def test_a_bad_row_costs_itself_only(endpoint: str, bad: Any, reason: str) -> None:
    listing = venues.listing(endpoint, body(endpoint, bad, GOOD[endpoint], GOOD[endpoint]))
    assert [why for _, why in listing.skipped] == [reason, "duplicate"]
    assert [i.base for i in listing.instruments] == ["ETH"]


def test_unknown_words_are_kept_as_text() -> None:
    instrument = one("binance:spot", binance("A1", "A", "USDT", status="SOMETHING_NEW"))
    assert (instrument.status, instrument.live) == ("SOMETHING_NEW", True)
    halted = one("binance:spot", binance("A1", "A", "USDT", status="BREAK"))
    assert (halted.status, halted.live) == ("BREAK", False)


def test_a_missing_filter_means_that_the_digits_are_learned() -> None:
    instrument = one("binance:spot", {**binance("A1", "A", "USDT"), "filters": []})
    assert (instrument.price_step, instrument.qty_step) == (None, None)


@pytest.mark.parametrize("junk", [b"", b"<html>", b"[]", b'{"symbols":', b"{}", b"\xff\xfe", b"7"])
@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
def test_a_body_that_is_no_listing(endpoint: str, junk: bytes) -> None:
    with pytest.raises(BadListing):
        venues.listing(endpoint, junk)


def test_the_later_of_two_with_one_name_is_disabled() -> None:
    rows = [binance("ABCD", "AB", "CD"), binance("XYZ", "X", "YZ"), binance("abcd", "ABC", "D")]
    listing = venues.listing("binance:spot", body("binance:spot", *rows))
    kept, disabled = collisions(listing.instruments)
    assert [i.venue_id for i in kept] == ["ABCD", "XYZ"]
    assert [i.venue_id for i in disabled] == ["abcd"]
    assert len(venues.instruments("binance:spot", body("binance:spot", *rows))) == 2


def recorded_rest(folder: Path) -> list[tuple[str, bytes]]:
    found = []
    for path in sorted((folder / "rest").glob("*.jsonl.gz")):
        with gzip.open(path, "rt") as lines:
            for line in lines:
                row = json.loads(line)
                found.append((row["url"], row["raw"].encode()))
    return found


def test_every_recorded_row_is_mapped_or_skipped_with_a_reason(recordings: Path) -> None:
    totals: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for url, raw in recorded_rest(recordings):
        entry = venues.classify_rest(url)
        assert entry is not None, url
        if entry.kind != "instruments":
            continue
        parsed = json.loads(raw)
        rows = parsed.get("symbols") or parsed.get("data") or parsed["result"]["list"]
        listing = venues.listing(entry.endpoint, raw)
        assert len(listing.instruments) + len(listing.skipped) == len(rows)
        kept, disabled = collisions(listing.instruments)
        assert len(kept) + len(disabled) == len(listing.instruments)
        assert disabled == []
        assert len({i.symbol for i in kept}) == len(kept)
        totals[entry.endpoint] += len(kept)
        reasons.update(listing.skip_counts())
        for i in kept:
            assert re.fullmatch(r"[^\s:/]+", i.symbol)
            assert i.symbol.startswith(i.base.upper() + i.quote.upper())
            assert i.contract is not None
            assert all(Decimal(step) > 0 for step in (i.price_step, i.qty_step) if step)
    assert totals == {
        "binance:spot": 1720,
        "binance:linear": 146,
        "bybit:linear": 800,
        "bybit:spot": 557,
        "okx": 783,
    }
    assert reasons == {"no_contract_type": 1}


def test_the_fallback_names_as_the_listing_does(recordings: Path) -> None:
    """By its id alone every recorded instrument gets the name that its fields give."""
    different = []
    for url, raw in recorded_rest(recordings):
        entry = venues.classify_rest(url)
        if entry is not None and entry.kind == "instruments":
            for listed in venues.instruments(entry.endpoint, raw):
                guess = venues.fallback(entry.endpoint, listed.venue_id)
                if (guess.symbol, guess.market) != (listed.symbol, listed.market):
                    different.append((listed.venue_id, guess.symbol, listed.symbol))
    assert different == []


@pytest.mark.parametrize(
    ("endpoint", "venue_id", "symbol", "market", "contract", "publish"),
    [
        ("binance:spot", "BTCUSDT", "BTCUSDT", "spot", "1", True),
        ("binance:linear", "BTCUSDT_210924", "BTCUSDT-210924", "linear", "1", True),
        ("bybit:linear", "BTC-25SEP26", "BTCUSDC-260925", "linear", "1", True),
        ("bybit:linear", "SHIB1000USDT", "SHIB1000USDT-PERP", "linear", "1", True),
        ("okx", "BTC-USD_UM-SWAP", "BTCUSD_UM-PERP", "linear", None, False),
        ("okx", "UNI-USD-SWAP", "UNIUSD-PERP", "inverse", None, False),
        ("okx", "BTC-USD-220325-40000-C", "BTCUSD-220325-40000-C", "option", None, False),
        ("okx", "nonsense", "NONSENSE", "spot", "1", True),
    ],
)
def test_fallback(
    endpoint: str,
    venue_id: str,
    symbol: str,
    market: str,
    contract: str | None,
    publish: bool,
) -> None:
    guess = venues.fallback(endpoint, venue_id)
    assert (guess.symbol, guess.market, guess.contract, guess.publish) == (
        symbol,
        market,
        contract,
        publish,
    )
    assert (guess.price_step, guess.qty_step) == (None, None)


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


def test_what_is_asked_for_is_recognised() -> None:
    for row in ENDPOINTS.values():
        calls = [*row.listing_calls, row.depth_call("BTC-X", 1000)]
        for call in calls:
            if call is not None:
                entry = venues.classify_rest(f"https://host{call.path}")
                assert entry is not None
                assert (entry.endpoint, entry.kind) == (row.name, call.kind)
                if call.kind == "depth":
                    assert (entry.venue_id, entry.limit) == ("BTC-X", call.limit)


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
