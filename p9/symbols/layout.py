"""Columns within the width of a page."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from statistics import median_high
from textwrap import wrap

WIDTH = 100
INDENT = "    "  # of what continues a line

Cells = Sequence[str]


def size(text: str) -> int:
    """How many columns a terminal needs for it."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def table(rows: Sequence[Cells]) -> list[str]:
    """Aligned lines; columns without any text below the first row are left out.

    Where the page is too narrow, the gaps give way first, then the columns with the longest
    exceptions; a line that is too long even so goes on indented below.
    """
    used = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    cells = [[row[i] for i in used] for row in rows]
    sizes = [[size(row[i]) for row in cells] for i in range(len(used))]
    widths = [max(column) for column in sizes]
    usual = [median_high(column) for column in sizes]
    gap = " " if sum(widths) + 2 * (len(widths) - 1) > WIDTH else "  "
    while sum(widths) + len(gap) * (len(widths) - 1) > WIDTH:
        at = max(range(len(widths)), key=lambda i: widths[i] - usual[i])
        if widths[at] <= usual[at]:
            break
        widths[at] -= 1
    return [line for row in cells for line in _fold(row, widths, gap)]


def _fold(row: Cells, widths: Sequence[int], gap: str) -> list[str]:
    lines = [""]
    behind = 0  # how far a long cell has pushed the line to the right
    for text, width in zip(row, widths, strict=True):
        room = max(0, width - size(text))
        taken = min(room, behind)  # made up for by cells with room to spare
        behind += max(0, size(text) - width) - taken
        if text and lines[-1].strip() and size(lines[-1] + text) > WIDTH:
            lines.append(INDENT)
            behind = 0
        lines[-1] += text + " " * (room - taken) + gap
    return [line.rstrip() for line in lines]


def paragraph(text: str, mark: str = "") -> list[str]:
    """Wrapped text behind a mark."""
    return wrap(
        text,
        WIDTH,
        initial_indent=mark,
        subsequent_indent=" " * size(mark),
        break_on_hyphens=False,
        break_long_words=False,
    )
