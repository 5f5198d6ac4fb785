"""The unified symbol: `{base}{quote}[_UM][-PERP|-XPERP|-YYMMDD]`, as a check with a hint."""

from __future__ import annotations

import re
from datetime import datetime

SYNTAX = "{base}{quote}[_UM][-PERP|-XPERP|-YYMMDD], upper case"
MAX_CHARS = 64

# Venues list names in Chinese and names that begin with digits: any printable text will do
# that is free of separators (ours, Redis patterns') and of blanks.
_PAIR = re.compile(r"[^\s:/\\\-_.,;*?\[\]{}()\"'`$%&#@!|<>=+^~]{2,}")
_SYMBOL = re.compile(r"(?P<pair>[^_\-]*)(?P<um>_UM)?(?:-(?P<suffix>PERP|XPERP|[0-9]{6}))?")
_NEAR_SUFFIX = {"SWAP": "-PERP", "PERPETUAL": "-PERP", "SPOT": ""}


def is_symbol(text: str) -> bool:
    match = _SYMBOL.fullmatch(text)
    if match is None or len(text) > MAX_CHARS or text != text.upper():
        return False
    pair, suffix = match["pair"], match["suffix"]
    if not _PAIR.fullmatch(pair) or not pair.isprintable():
        return False
    return suffix is None or not suffix.isdigit() or _is_date(suffix)


def nearest(text: str) -> str | None:
    """The unified symbol that was probably meant ("btc-usdt" -> "BTCUSDT"), or None."""
    parts = [part for part in re.split(r"[-/:_ ]", text.strip().upper()) if part]
    tail = ""
    if len(parts) > 1 and (parts[-1] in ("PERP", "XPERP") or re.fullmatch("[0-9]{6}", parts[-1])):
        tail = "-" + parts.pop()
    elif len(parts) > 1 and parts[-1] in _NEAR_SUFFIX:
        tail = _NEAR_SUFFIX[parts.pop()]
    um = "_UM" if len(parts) > 1 and parts[-1] == "UM" else ""
    guess = "".join(parts[:-1] if um else parts) + um + tail
    return guess if guess != text and is_symbol(guess) else None


def _is_date(text: str) -> bool:
    try:
        datetime.strptime(text, "%y%m%d")
    except ValueError:
        return False
    return True
