"""What a REST url asks for, as far as all venues write it the same way."""

from __future__ import annotations

from collections.abc import Mapping

# With one of these it is a window of the past, or a further page: history, and nobody's poll.
_WINDOW = {"startTime", "endTime", "start", "end", "begin", "after", "before", "cursor", "fromId"}


def of_now(query: Mapping[str, str]) -> bool:
    """Does it ask for the newest values?"""
    return not _WINDOW & query.keys()


def number(query: Mapping[str, str], key: str) -> int:
    """A small number of a query (levels, bars); 0 where it is not said."""
    value = query.get(key, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0


def timeframe(bars: Mapping[str, str], word: str) -> str:
    """Our name of the timeframe that a venue calls `word`; "" for one that is none of ours."""
    return next((name for name, theirs in bars.items() if theirs == word), "")
