"""Liquidations, and block trades of a channel of their own: said once, in the right units."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.frames import (
    Told,
    Wire,
    forced,
    liquidated,
    of_kind,
    okx,
    okx_forced,
)
from tests.models.numbers import EXACT

BYBIT, USDM, OKX = "bybit:linear", "binance:linear", "okx"
SWAP, INVERSE, NO_SIZE = "BTC-USDT-SWAP", "BTC-USD-SWAP", "XYZ-USDT-SWAP"
MARK_SINCE_MS = 1783468800_000  # OKX's prices are mark prices from then on


def rows(said: list[Told], kind: str = "liquidation") -> list[tuple[Any, ...]]:
    return [(m["side"], m["qty"], m["price"], m["notional"]) for m in of_kind(said, kind)]


def test_what_a_new_subscription_repeats_is_said_once() -> None:
    wire = Wire(OKX)
    at = wire.ms
    one, other = (at, "sell", "5", "80000"), (at + 1, "buy", "5", "80000")
    assert len(wire.feed(okx_forced(SWAP, one))) == 1
    assert len(wire.feed(okx_forced(SWAP, one, other))) == 1
    assert wire.feed(okx_forced(SWAP, other, one)) == []
    assert (wire.count("prints"), wire.count("duplicates")) == (2, 3)
    # another instrument's are its own
    assert len(wire.feed(okx_forced(INVERSE, one))) == 1
    for changed in ((at + 2, *one[1:]), (at, "buy", *one[2:]), (at, "sell", "6", "80000"),
                    (at, "sell", "5", "80001"), (at, "sell", "0.5", "80000")):  # fmt: skip
        assert len(wire.feed(okx_forced(SWAP, changed))) == 1, changed


def test_two_alike_in_one_frame_are_two() -> None:
    wire = Wire(BYBIT)
    frame = liquidated(wire.ms, ("Buy", "1.5", "100"), ("Buy", "1.5", "100"))
    assert rows(wire.feed(frame)) == [("sell", Decimal("1.5"), 100, 150)] * 2
    assert wire.feed(frame) == []
    assert (wire.count("prints"), wire.count("duplicates")) == (2, 2)


def test_two_connections_carry_one_stream_of_a_cascade() -> None:
    """The second one is a frame of 128 rows behind the first: as many as are remembered."""
    wire = Wire(BYBIT)
    second = wire.engine.open_conn(BYBIT)
    frames = [
        liquidated(wire.ms + n, *(("Sell", f"{1 + row}", "100") for row in range(128)))
        for n in range(12)
    ]
    said = 0
    for n, frame in enumerate(frames):
        said += len(wire.feed(frame))
        if n >= 1:
            said += len(wire.feed(frames[n - 1], second))
    assert (said, wire.count("duplicates")) == (12 * 128, 11 * 128)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), max_size=12))
def test_repeats_against_a_model(frames: list[list[int]]) -> None:
    """A row is a repeat if an earlier frame had it."""
    wire = Wire(BYBIT)
    earlier: set[int] = set()
    for sizes in frames:
        wanted = [size for size in sizes if size not in earlier]
        earlier |= set(sizes)
        said = wire.feed(liquidated(1795305600123, *(("Buy", f"{1 + n}", "9") for n in sizes)))
        assert [row[1] - 1 for row in rows(said)] == wanted


def test_sizes_are_contracts_multiplied_out() -> None:
    wire = Wire(OKX)
    assert rows(wire.feed(okx_forced(SWAP, (wire.ms, "buy", "12.5", "80000.1")))) == [
        ("buy", Decimal("0.125"), Decimal("80000.1"), Decimal("10000.0125"))
    ]
    # 100 USD a contract, whatever the price
    assert rows(wire.feed(okx_forced(INVERSE, (wire.ms, "sell", "44", "80000.1")))) == [
        ("sell", 4400, Decimal("80000.1"), 4400)
    ]
    assert wire.feed(okx_forced(NO_SIZE, (wire.ms, "sell", "44", "1"))) == []
    assert (wire.count("prints"), wire.count("unpublished")) == (3, 1)


def test_each_venue_says_what_its_price_and_its_selection_are() -> None:
    def kinds(wire: Wire, frame: str) -> list[tuple[str, bool]]:
        return [(m["price_kind"], m["complete"]) for m in of_kind(wire.feed(frame), "liquidation")]

    wire = Wire(USDM)
    assert kinds(wire, forced(wire.ms)) == [("average", False)]
    wire = Wire(BYBIT)
    assert kinds(wire, liquidated(wire.ms, ("Buy", "1", "1"))) == [("bankruptcy", True)]
    wire = Wire(OKX)
    assert kinds(
        wire,
        okx_forced(SWAP, (MARK_SINCE_MS - 1, "buy", "1", "5"), (MARK_SINCE_MS, "buy", "1", "5")),
    ) == [("bankruptcy", False), ("mark", False)]


def test_notional_is_exact_or_null() -> None:
    """A product that does not fit 38 digits is not there; it is never rounded."""
    wire = Wire(BYBIT)
    price, size = "1234567890123456.789", "9876543210987654.3"
    said = rows(wire.feed(liquidated(wire.ms, ("Buy", size, price), ("Buy", "9" * 30, "9" * 30))))
    assert said[0][3] == EXACT.multiply(Decimal(price), Decimal(size))
    assert said[1][3] is None
    wire = Wire(OKX)
    size = "9" * 38
    for name, count in ((SWAP, 1), (INVERSE, 0)):
        for frame in (okx_forced(name, (wire.ms, "buy", size, "1")), block(wire.ms, name, sz=size)):
            assert len(wire.feed(frame)) == count, "a size that cannot be written is not said"
    assert (wire.count("reject.overflow"), wire.count("blocks")) == (2, 1)


@pytest.mark.parametrize("feeds", [["ticker"], ["liquidation"]])
def test_what_is_not_enabled_is_no_repeat_later(feeds: list[str]) -> None:
    wire = Wire(USDM, feeds=feeds)
    said = wire.feed(forced(wire.ms))
    assert len(said) == (feeds == ["liquidation"])
    assert wire.count("unpublished") == (feeds == ["ticker"])
    assert wire.count("prints") == 1
    number = wire.number("BTCUSDT")
    assert wire.engine.last_seen(number, "liquidation") == wire.now
    wire.engine.follow(number, False, wire.now)
    assert wire.feed(forced(wire.ms, "7")) == []


def block(at: int, name: str, id: str = "77", **fields: str) -> str:
    row = {"tradeId": id, "px": "80000", "sz": "500", "side": "buy", "ts": str(at)}
    return okx("public-block-trades", name, **{**row, **fields})


def test_blocks_of_a_channel_of_their_own() -> None:
    wire = Wire(OKX)
    [message] = of_kind(wire.feed(block(wire.ms, SWAP)), "block_trade")
    assert message == {"id": "77", "price": 80000, "qty": 5, "notional": 400000, "side": "buy",
                       "reason": "venue"}  # fmt: skip
    assert wire.feed(block(wire.ms, SWAP)) == []
    assert wire.feed(block(wire.ms + 5, SWAP, px="1")) == [], "an id is said once"
    assert rows(wire.feed(block(wire.ms, INVERSE, "78", side="sell")), "block_trade") == [
        ("sell", 50000, 80000, 50000)
    ]
    # the legs of a group have none: they are told apart by what they say
    assert len(wire.feed(block(wire.ms, SWAP, ""))) == 1
    assert len(wire.feed(block(wire.ms, SWAP, "", sz="501"))) == 1
    assert wire.feed(block(wire.ms, SWAP, "")) == []
    assert wire.feed(block(wire.ms, NO_SIZE, "79")) == []
    assert wire.count("unpublished") == 1
