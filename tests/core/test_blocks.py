"""Block trades: those that the venue marks, and those that are large."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p9core.engine import Engine
from tests.core.frames import Told, Wire, bare, of_kind, trades
from tests.core.support import RECV

BYBIT, OKX = "bybit:linear", "okx"
MARKET: dict[str, Any] = {"exchange": "x", "symbol": "S", "price_step": "0.01", "qty_step": "0.001"}


class Market:
    """One instrument of Bybit, of any kind and size."""

    def __init__(self, endpoint: str = BYBIT, **options: Any) -> None:
        learn = options.pop("learn", False)
        self.engine = Engine(epoch=1, sink="lines", feeds=["block_trade"], learn=learn)
        self.endpoint, self.options = endpoint, {**MARKET, **options}
        self.conn = self.engine.open_conn(endpoint)
        self.number = self.add()
        self.trade = 0

    def add(self, **options: Any) -> int:
        return self.engine.add_instrument(self.endpoint, "S", **{**self.options, **options})

    def trades(self, *rows: tuple[str, str], **fields: Any) -> list[Told]:
        numbered = []
        for px, qty in rows:
            self.trade += 1
            numbered.append((str(self.trade), px, qty))
        self.engine.feed(self.conn, RECV, trades(RECV // 10**6, "S", *numbered, **fields).encode())
        lines = self.engine.take_lines().decode().splitlines()
        return of_kind([bare(line.partition(" ")[2]) for line in lines], "block_trade")


@pytest.mark.parametrize("market", ["spot", "linear"])
def test_the_threshold_is_exact(market: str) -> None:
    said = Market(f"bybit:{market}", market=market, block_notional="100000").trades(
        ("100", "999.999"), ("100", "1000"), ("99.99", "1000.1"), ("0.01", "10000000"),
        ("100000000", "0.001"), ("99999999.99", "0.001"),
    )  # fmt: skip
    assert [(m["price"], m["qty"], m["notional"]) for m in said] == [
        (100, 1000, 100000),
        (Decimal("0.01"), 10000000, 100000),
        (100000000, Decimal("0.001"), 100000),
    ]
    assert {(m["reason"], m["side"]) for m in said} == {("size", "sell")}
    assert [m["id"] for m in said] == ["2", "4", "5"]


def test_contracts_are_multiplied_out() -> None:
    market = Market(block_notional="100000", contract="0.01", market="linear")
    said = market.trades(("80000", "124.999"), ("80000", "125"))
    assert [(m["qty"], m["notional"]) for m in said] == [(Decimal("1.25"), 100000)]
    market.add(contract="0.02", block_notional="100000")
    said = market.trades(("80000", "62.499"), ("80000", "62.5"))
    assert [(m["qty"], m["notional"]) for m in said] == [(Decimal("1.25"), 100000)]
    market.add(contract="0.02", block_notional="0.001")
    assert len(market.trades(("0.01", "4.999"), ("0.01", "5"))) == 1
    market.add(contract="0.02", block_notional=None)
    assert market.trades(("80000", "1000000")) == [], "no threshold any more"


def test_learned_digits_move_the_threshold_along() -> None:
    market = Market(price_step=None, qty_step=None, learn=True, block_notional="1000")
    assert len(market.trades(("10", "99"), ("10", "100"))) == 1
    said = market.trades(("1000.00000001", "0.99999999"), ("1000.00000001", "1"))
    assert [m["notional"] for m in said] == [Decimal("1000.00000001")]
    said = market.trades(("0.000000001", "1"), ("10", "99.9999999"), ("10", "100"))
    assert [m["notional"] for m in said] == [1000]
    assert market.engine.counters()[BYBIT]["rescaled"] == 2


def test_none_of_inverse_contracts_or_unknown_sizes() -> None:
    market = Market(block_notional="1", market="inverse", contract="100")
    assert market.trades(("80000", "1000")) == []
    # what the venue marks is one all the same; its size is in the quote currency
    [said] = market.trades(("80000", "1000"), BT=True)
    assert (said["qty"], said["notional"], said["reason"]) == (100000, 100000, "venue")
    market = Market(block_notional="1", market="linear", contract=None)
    assert market.trades(("80000", "1000"), BT=True) == []
    market.engine.follow(market.number, False, RECV)
    market = Market(block_notional="1", market="linear")
    market.engine.follow(market.number, False, RECV)
    assert market.trades(("80000", "1000"), BT=True) == []


def test_the_venues_word_comes_first() -> None:
    market = Market(block_notional="100")
    assert [m["reason"] for m in market.trades(("1", "1"), BT=True)] == ["venue"]
    assert [m["reason"] for m in market.trades(("100", "100"), BT=True)] == ["venue"]
    assert [m["reason"] for m in market.trades(("100", "100"), RPI=True)] == ["size"]
    assert market.engine.counters()[BYBIT]["blocks"] == 3
    market.trade -= 1
    assert market.trades(("100", "100")) == [], "a repeat"


@pytest.mark.parametrize("text", ["", "x", "-5", "1e6", "1,000", "NaN", "."])
def test_what_is_no_threshold(text: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        Market(block_notional=text)


def test_a_threshold_that_nothing_reaches() -> None:
    for text in ("0", "0.000", "1" + "0" * 60):
        assert Market(block_notional=text).trades(("90000000", "90000000")) == []
    market = Market(block_notional="1" + "0" * 24, learn=True, price_step=None, qty_step=None)
    assert market.trades(("9000000000", "9000000")) == []
    assert market.trades(("0.000000001", "0.000000001")) == []
    assert market.trades(("900000000", "900000000")) == []


DECIMALS = st.builds(
    lambda whole, places: Decimal(whole).scaleb(-places), st.integers(1, 10**9), st.integers(0, 2)
)


@settings(max_examples=200, deadline=None)
@given(DECIMALS, DECIMALS, st.sampled_from(["1", "0.01", "10", "0.000001"]), st.data())
def test_against_exact_products(
    price: Decimal, qty: Decimal, contract: str, data: st.DataObject
) -> None:
    notional = Fraction(price) * Fraction(qty) * Fraction(contract)
    # at the boundary as often as beside it
    steps = data.draw(st.sampled_from([-1, 0, 0, 1, 10**6]))
    least = notional + Fraction(steps, 10**10)
    if least <= 0:
        return
    whole, part = divmod(int(least * 10**10), 10**10)
    text = f"{whole}.{part:010d}"
    assert Fraction(text) == least
    market = Market(block_notional=text, contract=contract, market="linear")
    said = market.trades((f"{price:f}", f"{qty:f}"))
    assert bool(said) == (notional >= least)
    if said:
        assert Fraction(said[0]["notional"]) == notional


def test_blocks_of_one_print_are_said_behind_it() -> None:
    wire = Wire(BYBIT)
    frame = trades(wire.ms, "SOLUSDT", ("a-1", "181", "2"), BT=True)
    assert [m["type"] for m in wire.feed(frame)] == ["trade", "block_trade"]
