"""Listings become instruments: names, sizes, what is skipped. Real ones where recorded."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from p9 import venues
from p9.venues import ENDPOINTS, collisions
from p9.venues.naming import BadListing, multiplied, product
from tests.listing_rows import (
    GOOD,
    SEPT_2026,
    binance,
    body,
    bybit,
    okx,
    one,
    recorded_rest,
    swap,
    usdm,
)


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
    assert instrument.symbol == instrument.group == symbol
    assert instrument.endpoint == endpoint
    assert instrument.exchange == endpoint.partition(":")[0]
    assert instrument.live
    kind = "spot" if "-" not in symbol else "perpetual" if "PERP" in symbol else "future"
    assert instrument.kind == kind


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
    assert instrument.group == "PEPEUSDT-PERP"
    assert (instrument.underlying, instrument.multiplier, instrument.base) == (
        "PEPE",
        1000,
        "1000PEPE",
    )


@pytest.mark.parametrize(
    ("minutes", "hours"), [(480, 8), (240, 4), (60, 1), (0, None), ("480", None), (None, None)]
)
def test_the_funding_interval_of_a_listing(minutes: Any, hours: int | None) -> None:
    row = bybit("ETHUSDT", "ETH", "USDT", contractType="LinearPerpetual", deliveryTime="0")
    instrument = one("bybit:linear", {**row, "fundingInterval": minutes})
    assert instrument.funding_hours == hours
    assert instrument.engine_args()["funding_hours"] == hours
    assert one("binance:linear", usdm("BTCUSDT", "BTC", "USDT")).funding_hours == 8


@pytest.mark.parametrize(
    ("row", "index"),
    [
        (swap("BTC-USDT-SWAP", "BTC-USDT"), "BTC-USDT"),
        (swap("BTC-USD_UM-SWAP", "BTC-USD_UM"), "BTC-USD"),
        (swap("BTC-USD_UM-SWAP", "BTC-USD_UM", uly=""), "BTC-USD"),  # as it was at first
        (okx("BTC-USDT", "SPOT", baseCcy="BTC", quoteCcy="USDT"), ""),
    ],
)
def test_the_index_behind_a_contract(row: Any, index: str) -> None:
    assert one("okx", row).index == one("okx", row).engine_args()["index"] == index


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
def test_a_contract_size_that_makes_no_sense_is_unknown(change: dict[str, str]) -> None:
    instrument = one("okx", swap("BTC-USDT-SWAP", "BTC-USDT", **change))
    assert instrument.contract is None
    # what needs no sizes is published all the same
    assert instrument.publish
    assert instrument.engine_args()["contract"] is None


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
            assert i.group == i.symbol.replace(i.base.upper(), i.underlying.upper(), 1)
            assert bool(i.index) == (i.exchange == "okx" and i.kind != "spot")
            if i.endpoint == "bybit:linear":
                assert (i.funding_hours in (1, 2, 4, 8)) == (i.kind == "perpetual")
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
                for name in ("symbol", "market", "kind", "group", "index"):
                    if getattr(guess, name) != getattr(listed, name):
                        different.append((name, guess, listed))
    assert different == []


@pytest.mark.parametrize(
    ("endpoint", "venue_id", "symbol", "market", "contract", "publish"),
    [
        ("binance:spot", "BTCUSDT", "BTCUSDT", "spot", "1", True),
        ("binance:linear", "BTCUSDT_210924", "BTCUSDT-210924", "linear", "1", True),
        ("bybit:linear", "BTC-25SEP26", "BTCUSDC-260925", "linear", "1", True),
        ("bybit:linear", "SHIB1000USDT", "SHIB1000USDT-PERP", "linear", "1", True),
        ("okx", "BTC-USD_UM-SWAP", "BTCUSD_UM-PERP", "linear", None, True),
        ("okx", "UNI-USD-SWAP", "UNIUSD-PERP", "inverse", None, True),
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
