"""What venues tell besides book and trades: how it is merged, and when it is said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.core.frames import (
    MS,
    SECOND,
    Told,
    Wire,
    accounts,
    answer,
    delta,
    forced,
    mark,
    of_kind,
    okx,
    okx_forced,
    premium,
    ticker,
)
from tests.core.support import RECV

BYBIT, USDM, OKX = "bybit:linear", "binance:linear", "okx"
SWAP, INVERSE, NO_SIZE = "BTC-USDT-SWAP", "BTC-USD-SWAP", "XYZ-USDT-SWAP"


def prices(said: list[Told], kind: str = "mark_price") -> list[Any]:
    return [message["price"] for message in of_kind(said, kind)]


# ---- which message counts ---------------------------------------------------------------


def test_changes_continue_the_snapshot_of_their_own_connection() -> None:
    wire = Wire(BYBIT)
    first, second = wire.bench.conns[BYBIT], wire.engine.open_conn(BYBIT)
    assert wire.feed(delta(wire.ms, markPrice="1")) == [], "a change of nothing"
    assert len(wire.feed(ticker(wire.ms))) == 5
    assert prices(wire.wait(0.1).feed(delta(wire.ms, markPrice="181.5"))) == [Decimal("181.5")]
    assert wire.wait(0.1).feed(delta(wire.ms, markPrice="5"), second) == []
    assert wire.count("waiting") == 2
    # the new connection's snapshot has come: now the old one's changes are of another past
    assert prices(wire.wait(0.1).feed(ticker(wire.ms, markPrice="182"), second)) == [182]
    assert wire.wait(0.1).feed(delta(wire.ms, markPrice="6"), first) == []
    assert prices(wire.wait(0.1).feed(delta(wire.ms, markPrice="183"), second)) == [183]
    wire.engine.close_conn(second, wire.now)
    third = wire.engine.open_conn(BYBIT)
    assert wire.wait(0.1).feed(delta(wire.ms, markPrice="7"), third) == []
    assert prices(wire.wait(0.1).feed(ticker(wire.ms, markPrice="184"), third)) == [184]
    assert wire.count("waiting") == 4


def test_a_slower_connection_takes_over_without_a_step_back() -> None:
    """Its snapshot is older than what is known; its changes lead to the same state."""
    wire = Wire(BYBIT)
    second = wire.engine.open_conn(BYBIT)
    start = wire.ms
    wire.feed(ticker(start))
    assert prices(wire.wait(0.4).feed(delta(start + 300, markPrice="190"))) == [190]
    assert wire.feed(ticker(start + 100, markPrice="185"), second) == []
    assert wire.feed(delta(start + 200, markPrice="187"), second) == []
    assert wire.feed(delta(start + 300, markPrice="190"), second) == []
    assert prices(wire.feed(delta(start + 400, markPrice="191"), second)) == [191]


@pytest.mark.parametrize("stream_first", [True, False])
def test_an_older_venue_time_never_overrides_a_newer_one(stream_first: bool) -> None:
    wire = Wire(USDM)
    at = wire.ms

    def stream(price: str, at: int) -> list[Any]:
        return prices(wire.feed(mark(at, price, i="87000")))

    def polled(price: str, at: int) -> list[Any]:
        outcome, said = wire.poll("mark_price", premium(at, price))
        assert outcome == ("" if prices(said) else "old")
        return prices(said)

    one, other = (stream, polled) if stream_first else (polled, stream)
    assert one("100", at) == [100]
    assert other("99", at - 1) == []
    assert wire.count("old") >= 1
    assert other("101", at) == [101], "of the same time the later word counts"
    assert one("102", at + 1) == [102]
    assert other("103", at) == []


def test_a_time_of_the_far_future_holds_nothing_up() -> None:
    wire = Wire(USDM)
    wire.feed(mark(wire.ms, "100"))
    assert prices(wire.feed(mark(wire.ms + 10**10, "101"))) == [101]
    assert prices(wire.wait(1).feed(mark(wire.ms, "102"))) == [102]
    assert wire.feed(mark(wire.ms - 1, "103")) == [], "times count as before"


def test_a_change_says_nothing_of_what_polls_have_told() -> None:
    """The account ratio of Bybit is polled; the tickers beside it do not make it newer."""
    wire = Wire(BYBIT)
    number = wire.number("SOLUSDT")
    wire.feed(ticker(wire.ms))
    of = wire.ms - 400_000
    outcome, said = wire.poll("long_short", accounts(wire.ms, of, "0.6", "0.4"))
    assert (outcome, len(said)) == ("", 1)
    seen = wire.engine.last_seen(number, "long_short")
    for _ in range(20):
        said = wire.wait(1).feed(delta(wire.ms, lastPrice="181.5"))
        assert of_kind(said, "long_short") == []
    assert wire.engine.last_seen(number, "long_short") == seen
    outcome, said = wire.poll("long_short", accounts(wire.ms, of + 300_000, "0.7", "0.3"))
    assert [message["long_account"] for message in of_kind(said, "long_short")] == [Decimal("0.7")]


# ---- when it is said --------------------------------------------------------------------


def test_unchanged_values_are_said_again_at_half_their_greatest_age() -> None:
    wire = Wire(USDM, max_age_ns={"mark_price": 10 * SECOND})
    times = []
    for _ in range(200):
        if of_kind(wire.feed(mark(wire.ms, "100")), "mark_price"):
            times.append((wire.now - RECV) // MS)
        wire.wait(0.1)
    assert times == [0, 5000, 10000, 15000]
    assert wire.engine.last_seen(wire.number("BTCUSDT"), "mark_price") == wire.now - SECOND // 10
    assert prices(wire.feed(mark(wire.ms, "100.1"))) == [Decimal("100.1")], "a change at once"
    assert wire.wait(4.9).feed(mark(wire.ms, "100.1")) == []
    assert prices(wire.wait(0.1).feed(mark(wire.ms, "100.1"))) == [Decimal("100.1")]
    wire.engine.set_ages({"mark_price": 2 * SECOND})
    assert prices(wire.wait(1).feed(mark(wire.ms, "100.1"))) == [Decimal("100.1")]


def test_what_a_change_leaves_out_is_told_again_too() -> None:
    """Bybit's deltas say what has changed; the mark price is as it was, and heard of."""
    wire = Wire(BYBIT, max_age_ns={"mark_price": 10 * SECOND})
    wire.feed(ticker(wire.ms))
    times = []
    for turn in range(150):
        said = wire.wait(0.1).feed(delta(wire.ms, lastPrice=f"{200 + turn}"))
        assert len(of_kind(said, "ticker")) == 1
        if prices(said):
            times.append((wire.now - RECV) // MS)
    assert times == [5000, 10000, 15000]


def test_what_is_not_enabled_is_counted_and_kept() -> None:
    wire = Wire(USDM, feeds=["index_price"])
    assert [message["type"] for message in wire.feed(mark(wire.ms, "100", i="99"))] == [
        "index_price"
    ]
    assert wire.count("unpublished") == 1
    wire.engine.set_feeds(["mark_price"], wire.now)
    assert prices(wire.wait(0.1).feed(mark(wire.ms, "100", i="99"))) == [100], "never said before"
    with pytest.raises(ValueError, match="no feeds"):
        wire.engine.set_feeds(["marks"], wire.now)


def test_an_unknown_contract_size_keeps_back_what_is_multiplied_by_it() -> None:
    """Prices and base units need none; a liquidation is so many contracts."""
    wire = Wire(OKX)
    now = str(wire.ms)
    frames = (
        okx("mark-price", NO_SIZE, markPx="5", ts=now),
        okx("open-interest", NO_SIZE, oi="100", oiCcy="1", ts=now),
        okx("tickers", NO_SIZE, last="5", ts=now),
    )
    assert [len(wire.feed(frame)) for frame in frames] == [1, 1, 1]
    assert wire.feed(okx_forced(NO_SIZE, (wire.ms, "sell", "44", "1"))) == []
    assert (wire.count("unpublished"), wire.count("prints")) == (1, 1)


def test_an_instrument_that_is_kept_back_says_nothing() -> None:
    wire = Wire(USDM)
    wire.engine.add_instrument(
        USDM, "BTCUSDT", exchange="binance", symbol="BTCUSDT-PERP", market="linear", publish=False
    )
    assert wire.feed(mark(wire.ms, "100", i="99")) == []
    assert wire.feed(forced(wire.ms)) == []
    assert (wire.count("unpublished"), wire.count("reports")) == (3, 1)
    wire.engine.add_instrument(
        USDM, "BTCUSDT", exchange="binance", symbol="BTCUSDT-PERP", market="linear"
    )
    assert len(wire.feed(mark(wire.ms, "100", i="99"))) == 2, "never said before"


def test_an_instrument_that_comes_back_says_nothing_of_before() -> None:
    wire = Wire(BYBIT)
    number = wire.number("SOLUSDT")
    wire.feed(ticker(wire.ms))
    wire.engine.follow(number, False, wire.now)
    assert wire.wait(1).feed(delta(wire.ms, markPrice="182")) == []
    assert wire.feed(ticker(wire.ms)) == []
    assert wire.count("unpublished") == 5
    wire.engine.follow(number, True, wire.now)
    wire.engine.follow(number, False, wire.now)
    wire.engine.follow(number, True, wire.now)
    assert wire.feed(delta(wire.ms, markPrice="183")) == [], "a change of before"
    row = {"singleOpenInterest": "5000", "timestamp": str(wire.ms - 60_000)}
    _, said = wire.poll(
        "open_interest", answer(wire.ms, [row], category="linear", symbol="SOLUSDT"), number
    )
    # the value of before was of another time, and so was the mark price
    assert of_kind(said, "open_interest") == [
        {"base": 5000, "contracts": 5000, "notional": None, "derived": ["contracts", "notional"]}
    ]
