"""What REST answers share: windows of rows in time, periods, account ratios."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from .instruments import decimal_text
from .klines import Bar, frame
from .reference import Reference

Item = TypeVar("Item")
share_text = decimal_text(1, 4, short=False)
UNITS = {"min": "m", "m": "m", "h": "h", "H": "h", "d": "d", "D": "d"}


def number(query: Mapping[str, str], key: str, default: int) -> int:
    """Raises ValueError for what is no number."""
    return int(query.get(key) or default)


def period_ms(text: str) -> int:
    """ "5min", "5m", "1h", "1H", "4h", "1d", "1D". Raises KeyError or
    ValueError for anything else."""
    digits = text.rstrip("minhHdD")
    unit = UNITS[text[len(digits) :]]
    count = int(digits)
    if not 1 <= count <= 30:
        raise ValueError(text)
    return frame(text, count, unit).step_ms


def window(
    rows: Sequence[Item], at: Callable[[Item], int], start: int, end: int, most: int
) -> list[Item]:
    """Ascending rows in [start, end], at most `most`: the first of them if `start` was given, else
    the newest. 0: no bound."""
    held = [row for row in rows if at(row) >= start and (not end or at(row) <= end)]
    return held[:most] if start else held[-most:]


def bar_start(pair: tuple[Bar, bool]) -> int:
    return pair[0].start


def period_ends(step_ms: int, now_ms: int, start: int, end: int, most: int) -> list[int]:
    """Ends of finished periods in [start, end], ascending, the newest `most`."""
    last = min(end or now_ms, now_ms) // step_ms
    first = max(last - most + 1, -(-start // step_ms))
    return [number * step_ms for number in range(first, last + 1)]


def ratio_of(reference: Reference, step_ms: int, end_ms: int) -> tuple[str, str, str]:
    """(long / short, long share, short share) of the period that ends then."""
    long_share = reference.long_share(end_ms // step_ms)
    short_share = 10_000 - long_share
    ratio = (long_share * 10_000 * 2 + short_share) // (2 * short_share)
    return share_text(ratio), share_text(long_share), share_text(short_share)
