"""Pieces of a line: styles, width, cut, and what makes foreign text harmless."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

CUT = "…"
MAX_CHARS = 400
"""Of one foreign text or list, also where the output has no width."""

_SGR = {
    "": "", "bold": "1", "dim": "2", "good": "32", "bad": "31", "alarm": "1;31", "warn": "33",
    "cyan": "36", "blue": "34", "violet": "35", "yellow": "33", "red": "31", "green": "32",
    "white": "37",
}  # fmt: skip
_UNITS = (
    (1, 1, ""),
    (1_000, 1, "ns"),
    (1_000_000, 1_000, "µs"),
    (10_000_000_000, 1_000_000, "ms"),
    (100_000_000_000, 1_000_000_000, "s"),
    (6_000_000_000_000, 60_000_000_000, "m"),
    (345_600_000_000_000, 3_600_000_000_000, "h"),
    (86_400_000_000_000_000, 86_400_000_000_000, "d"),
)
_YEAR_NS = 31_557_600_000_000_000


class Piece(NamedTuple):
    """Text in one style. `right`: aligned to the right of its column."""

    text: str
    style: str = ""
    right: bool = False


def visible(text: str) -> str:
    """Control characters escaped: foreign text must not steer a terminal or forge a line."""
    if len(text) > MAX_CHARS:
        text = text[:MAX_CHARS] + CUT
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def cells(text: str) -> int:
    """Columns of a terminal that the text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns."""
    if cells(text) <= width:
        return text
    kept, used = [], 1  # one column is for the mark
    for char in text:
        used += _cells(char)
        if used > width:
            break
        kept.append(char)
    return "".join(kept) + CUT if width > 0 else ""


def pad(piece: Piece, width: int) -> Piece:
    """Blanks up to `width` columns, nothing cut."""
    blanks = " " * (width - cells(piece.text))
    text = blanks + piece.text if piece.right else piece.text + blanks
    return piece._replace(text=text) if blanks else piece


def render(pieces: Iterable[Piece], width: int, *, colour: bool) -> str:
    """One blank between two pieces, no blanks at the end, cut to `width` (0: never)."""
    row = [piece for piece in pieces if piece.text]
    while row and not row[-1].text.strip():
        row.pop()
    out: list[str] = []
    used = 0
    for number, piece in enumerate(row):
        text = piece.text.rstrip() if number == len(row) - 1 else piece.text
        text = text if number == 0 else " " + text
        took = cells(text)
        over = width and (used + took > width or (used + took == width and number < len(row) - 1))
        if over:
            text = cut(text + " " * width, width - used)  # what is behind it is cut off as well
        code = _SGR[piece.style] if colour else ""
        out.append(f"\x1b[{code}m{text}\x1b[0m" if code else text)
        if over:
            break
        used += took
    return "".join(out)


def joined(rows: Sequence[Sequence[Piece]], between: str) -> list[Piece]:
    """The pieces of all rows, with a dim text between two of them."""
    out: list[Piece] = []
    for row in rows:
        if out:
            out.append(Piece(between, "dim"))
        out += row
    return out


def short_time(ns: int) -> str:
    """A duration in up to six characters: 85µs, 1.2ms, 1234ms, 12.3s, 61m, 90h, 12d, 3.1y."""
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    for below, unit, name in _UNITS:
        if ns < below:
            value = ns / unit
            tenths = (name == "ms" and value < 10) or name == "s"
            return f"{sign}{value:.1f}{name}" if tenths else f"{sign}{int(value)}{name}"
    years = ns / _YEAR_NS
    return f"{sign}{years:.1f}y" if years < 100 else f"{sign}>99y"


def clock_time(ns: int) -> str:
    """A duration as a person counts down: 7h59m, 4m05s, 12s."""
    seconds = abs(ns) // 1_000_000_000
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 100:
        return f"{hours // 24}d"
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{seconds:02d}s" if minutes else f"{seconds}s"


def counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def about(value: float) -> str:
    """A computed number in three digits: 0.0123, 260, 12.3k, 1.23M."""
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g}{unit}" if abs(value) < 9e14 else f"{value:.2e}"
    return f"{value:.3g}"
