"""Values of a message as text: the digits as they came, everything bounded and harmless."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from decimal import Decimal
from itertools import islice
from typing import Any

from p9.tail.message import Number
from p9.tail.text import CUT, Piece, visible

NOTHING = "–"
MAX_ITEMS = 8
"""Of a list in a line."""
MAX_PAIRS = 40
MAX_DEPTH = 3
HEADER = frozenset(
    {"type", "exchange", "symbol", "epoch", "seq", "ts_exchange", "ts_recv", "ts_pub", "prev"}
    | {"q", "since"}
)


def show(value: object, depth: int = 0) -> str:
    """Any value in one line, numbers with the digits as they came."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return visible(value)
    if depth >= MAX_DEPTH:
        return CUT
    if isinstance(value, Mapping):
        inner = [f"{visible(k)}={show(v, depth + 1)}" for k, v in islice(value.items(), MAX_ITEMS)]
        return visible("{" + " ".join([*inner, *more(value)]) + "}")
    if isinstance(value, list):
        inner = [show(item, depth + 1) for item in value[:MAX_ITEMS]]
        return visible("[" + ", ".join([*inner, *more(value)]) + "]")
    return visible(str(value))


def more(value: Sized) -> list[str]:
    return [f"{CUT} {len(value) - MAX_ITEMS} more"] if len(value) > MAX_ITEMS else []


def number(value: object) -> float | None:
    """For computed things only (marked with ≈, or rounded as bps are)."""
    return float(value) if isinstance(value, Number) else None


def percent(value: object) -> str:
    """A fraction as exact percent."""
    if not isinstance(value, Number) or len(value) > 28 or "e" in value.lower():
        return f"{show(value)} × 100 %"
    return f"{Decimal(value).scaleb(2).normalize():f} %"


def pairs(fields: Mapping[str, Any], without: Iterable[str] = ()) -> list[Piece]:
    """key=value of what no writer knows."""
    names = [name for name in fields if name not in HEADER and name not in without]
    out = [Piece(f"{visible(name)}={show(fields[name])}") for name in names[:MAX_PAIRS]]
    return [*out, Piece(CUT)] if len(names) > MAX_PAIRS else out
