"""Decimals with an exponent of their own, seen through what the engine publishes of them."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.core.support import RECV, Bench

SWAP = "BTC-USDT-SWAP"
MS = RECV // 1_000_000

digits = st.text("0123456789", min_size=1, max_size=38)


@st.composite
def numbers(draw: st.DrawFn, most: int = 38) -> str:
    """A decimal as venues write it, zeros at both ends included."""
    text = draw(st.text("0123456789", min_size=1, max_size=most))
    at = draw(st.integers(0, len(text)))
    whole, part = text[:at] or "0", text[at:]
    return f"{whole}.{part}" if part else whole


def told(bench: Bench, **fields: str) -> dict[str, Any]:
    """The newest message after an OKX frame with these fields, its numbers as text."""
    channel = next(iter(fields)).split("__", 1)[0].replace("_", "-")
    row = {name.split("__", 1)[1]: value for name, value in fields.items()}
    frame = {
        "arg": {"channel": channel, "instId": SWAP},
        "data": [{"instType": "SWAP", "instId": SWAP, "ts": str(MS), **row}],
    }
    bench.feed("okx", json.dumps(frame))
    _, text = bench.data()[-1]
    found: dict[str, Any] = json.loads(text, parse_float=str, parse_int=str)
    return found


def canonical(text: str) -> str:
    with localcontext() as context:
        context.prec = 100
        shown = format(Decimal(text), "f")
    whole, _, part = shown.partition(".")
    part = part.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{part}" if part else whole


@given(numbers())
def test_a_value_is_written_with_the_digits_that_it_has(text: str) -> None:
    assert told(Bench(), mark_price__markPx=text)["price"] == canonical(text)


@given(numbers(18), numbers(18))
def test_a_product_is_exact(contracts: str, mark: str) -> None:
    bench = Bench()
    told(bench, mark_price__markPx=mark)
    message = told(bench, open_interest__oi=contracts, open_interest__oiCcy=contracts)
    with localcontext() as context:
        context.prec = 100
        assert message["notional"] == canonical(str(Decimal(contracts) * Decimal(mark)))
    assert message["derived"] == ["notional"]


@given(numbers(12), numbers(12))
def test_a_ratio_is_the_nearest(last: str, first: str) -> None:
    message = told(Bench(), tickers__last=last, tickers__open24h=first)
    if not Decimal(first):
        assert message["change_pct"] is None
        return
    with localcontext() as context:
        context.prec = 100
        wanted = (Decimal(last) - Decimal(first)) / Decimal(first)
        shown = wanted.quantize(Decimal("1e-8"), ROUND_HALF_UP)
    assert Decimal(message["change_pct"]) == shown
    assert "." not in message["change_pct"] or not message["change_pct"].endswith("0")


def test_more_digits_than_there_is_room_for_are_refused() -> None:
    for text in ("1" * 39, "0." + "1" * 39, "0." + "0" * 61 + "1", "1e999", "1e-999"):
        bench = Bench()
        frame = f'{{"arg":{{"channel":"mark-price","instId":"{SWAP}"}},"data":[{{"instType":"SWAP","instId":"{SWAP}","markPx":"{text}","ts":"{MS}"}}]}}'  # noqa: E501
        bench.feed("okx", frame)
        assert bench.data() == []
        assert bench.count("okx", "reject.number") == 1, text


def test_zeros_beyond_the_room_say_nothing() -> None:
    assert told(Bench(), mark_price__markPx="1." + "0" * 50)["price"] == "1"
    assert told(Bench(), mark_price__markPx="0" * 50 + "7")["price"] == "7"
    assert told(Bench(), mark_price__markPx="1e3")["price"] == "1000"
    assert told(Bench(), mark_price__markPx="12.50E-2")["price"] == "0.125"
