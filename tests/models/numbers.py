"""Decimal numbers as the contract wants them, with `decimal` and a regular expression."""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation, Rounded

INT64_MAX = 2**63 - 1
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
EXACT = Context(prec=1000, Emax=10**6, Emin=-(10**6), traps=[Inexact, Rounded, InvalidOperation])


def canonical(value: Decimal) -> str:
    """The one way to write a value: no exponent, no zero that says nothing, no minus zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def mantissa(text: str, exponent: int) -> int:
    """Value of `text` in units of 10^-exponent; ValueError or OverflowError as the core."""
    if not NUMBER.fullmatch(text):
        raise ValueError(text)
    scaled = Decimal(text).scaleb(exponent, EXACT)
    whole = scaled.to_integral_value()
    if whole != scaled:
        raise ValueError(f"surplus digits: {text}")
    if abs(whole) > INT64_MAX:
        raise OverflowError(text)
    return int(whole)


def decimals(text: str) -> int:
    """How many decimals the value has."""
    if not NUMBER.fullmatch(text):
        raise ValueError(text)
    _, _, after = canonical(Decimal(text)).partition(".")
    return len(after)


def units(value: object, exponent: int = 18) -> int:
    """An exact integer for a price or size of a message or a frame: fast to compare."""
    assert isinstance(value, str | int | Decimal), value
    scaled = EXACT.scaleb(Decimal(value), exponent)
    whole = int(scaled)
    assert whole == scaled, value
    return whole
