"""Decimal text <-> mantissa, against `decimal`."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from p9core import number
from tests.models import numbers

EXPONENTS = st.integers(0, 18)
MANTISSAS = st.one_of(
    st.integers(-numbers.INT64_MAX, numbers.INT64_MAX),
    st.integers(-1000, 1000),
    st.builds(lambda digits, power: digits * 10**power, st.integers(-9, 9), st.integers(0, 17)),
)


@st.composite
def number_texts(draw: st.DrawFn) -> str:
    """Texts that are numbers, nearly numbers, or far out of range."""
    sign = draw(st.sampled_from(["", "", "", "-", "+", "--"]))
    whole = draw(st.text("0123456789", max_size=draw(st.sampled_from([1, 3, 19, 40]))))
    point = draw(st.sampled_from(["", ".", "."]))
    after = draw(st.text("0123456789", max_size=draw(st.sampled_from([2, 8, 20, 40]))))
    zeros = "0" * draw(st.sampled_from([0, 0, 1, 8, 30]))
    power = draw(st.sampled_from(["", "", "", "e-7", "E+3", "e0", "e-18", "e19", "e", "e-"]))
    return sign + whole + point + after + zeros + power


def outcome(function: object, *arguments: object) -> object:
    """The result, or the kind of error."""
    try:
        return function(*arguments)  # type: ignore[operator]
    except (ValueError, OverflowError) as error:
        return OverflowError if isinstance(error, OverflowError) else ValueError


@settings(max_examples=500, deadline=None)
@given(number_texts(), EXPONENTS)
@example("0.00000000", 0)
@example("-0.0", 3)
@example("0e5", 0)
@example("1000e-3", 0)
@example("00012.50", 1)
@example("9223372036854775807", 0)
@example("9223372036854775808", 0)
@example("-9223372036854775808", 0)
@example("922337203685477580.7", 1)
@example("0.9223372036854775808", 18)
@example("99999999999999999999999999999999999999999", 0)
@example("0.000000000000000000000000000000000000000001", 18)
def test_text_to_mantissa(text: str, exponent: int) -> None:
    assert outcome(number.parse, text, exponent) == outcome(numbers.mantissa, text, exponent)
    assert outcome(number.decimals, text) == outcome(numbers.decimals, text)


@settings(max_examples=500, deadline=None)
@given(MANTISSAS, st.integers(0, 36))
@example(-(2**63), 18)
def test_mantissa_to_text(mantissa: int, exponent: int) -> None:
    text = number.format(mantissa, exponent)
    assert text == numbers.canonical(Decimal(mantissa).scaleb(-exponent, numbers.EXACT))
    if exponent <= 18 and mantissa != -(2**63):
        assert number.parse(text, exponent) == mantissa


@settings(max_examples=500, deadline=None)
@given(MANTISSAS, MANTISSAS, st.integers(0, 36))
@example(numbers.INT64_MAX, numbers.INT64_MAX, 0)
@example(-(2**63), -(2**63), 36)
@example(10**18, 10**18, 36)
@example(10**10, 10**9, 19)
def test_product_of_128_bits(one: int, other: int, exponent: int) -> None:
    expected = numbers.canonical(Decimal(one * other).scaleb(-exponent, numbers.EXACT))
    assert number.product(one, other, exponent) == expected


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=12) | st.text('0123456789.eE+-" _,xNaInfity', max_size=12), EXPONENTS)
@example("NaN", 2)
@example("Infinity", 2)
@example("-inf", 2)
@example("", 2)
@example("-", 2)
@example(".", 2)
@example(".5", 2)
@example("5.", 2)
@example("1_000", 2)
@example("1,5", 2)
@example(" 1", 2)
@example("1 ", 2)
@example("0x10", 2)
@example('1"', 2)
@example("1\x00", 2)
@example("\u0661", 2)
@example("\ud800", 2)
@example("1\x005", 2)
def test_what_is_no_number_is_an_error(text: str, exponent: int) -> None:
    assert outcome(number.parse, text, exponent) == outcome(numbers.mantissa, text, exponent)


@pytest.mark.parametrize(
    ("text", "exponent", "mantissa"),
    [
        ("0.000000000001", 12, 1),  # a price of 1e-12
        ("1e-12", 12, 1),
        ("10000000000000", 5, 10**18),  # a size of 1e13 at five decimals
        ("9999999999999.99999", 5, 999999999999999999),
        ("1e-7", 8, 10),
        ("3.2e-7", 8, 32),
        ("87012.34000000", 2, 8701234),  # Binance spot: eight decimals everywhere
        ("0.00000000", 0, 0),
        ("-5.50", 1, -55),
        ("9223372036854775807", 0, numbers.INT64_MAX),
        ("9.223372036854775807", 18, numbers.INT64_MAX),
    ],
)
def test_exact(text: str, exponent: int, mantissa: int) -> None:
    assert number.parse(text, exponent) == mantissa


@pytest.mark.parametrize(
    "text",
    [
        "9" * 5000,
        "0." + "0" * 5000 + "1",
        "1" + "0" * 200_000,
        "0." + "0" * 200_000 + "1",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "-" + "9" * 100,
        "1" * 200_000 + ".5",
    ],
)
def test_huge_texts_are_refused_not_rounded(text: str) -> None:
    for exponent in (0, 18):
        with pytest.raises((ValueError, OverflowError)):
            number.parse(text, exponent)


@pytest.mark.parametrize("text", ["0" * 5000 + "7", "7." + "0" * 5000, "7" + "0" * 30 + "e-30"])
def test_zeros_that_say_nothing_are_read(text: str) -> None:
    assert number.parse(text, 0) == 7


@pytest.mark.parametrize("exponent", [-1, 19, 1000])
def test_an_exponent_out_of_range_is_an_error(exponent: int) -> None:
    with pytest.raises(ValueError, match="exponent"):
        number.parse("1", exponent)
    with pytest.raises(ValueError, match="exponent"):
        number.format(1, exponent if exponent < 0 else exponent + 18)
    with pytest.raises(ValueError, match="exponent"):
        number.product(1, 1, exponent if exponent < 0 else exponent + 18)
