"""Decimal text <-> int64 mantissa at a power of ten: exact, or an error."""

def parse(text: str, exponent: int) -> int:
    """Mantissa of `text` at 10^-exponent (0..18).

    ValueError: no decimal number, or digits other than 0 beyond the exponent.
    OverflowError: outside int64.
    """

def format(mantissa: int, exponent: int) -> str:
    """Canonical text of mantissa x 10^-exponent (0..36)."""

def product(one: int, other: int, exponent: int) -> str:
    """Canonical text of one x other x 10^-exponent, exact in 128 bits."""

def decimals(text: str) -> int:
    """How many decimals the value has, zeros at its end not counted. ValueError: no number."""
