"""Keeps secrets out of every text that a person or a log may see."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"
MIN_SECRET_CHARS = 4
"""Shorter values are not searched for in texts: they would blank out ordinary words."""

# "scheme://user:password@": a "/" ends the authority, so that the "@" of a stream name in a
# path (".../ws/btcusdt@depth") is not taken for the end of a password.
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s]*@")
_URL_USER = re.compile(r"(?<=://)(?!\*\*\*@)[^/\s:@]+@")
_NAMED = re.compile(
    r"(?i)\b(x-mbx-apikey|api[_-]?key|passw(?:or)?d|secret|signature)(?P<sep>[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s\"'&,;)}\]]+"
)
_SECRET_NAMES = re.compile(r"(?i)api[_-]?key|passw|secret|signature")


class Secret:
    """A value that only `reveal()` gives away; text, repr and format show `shown`."""

    __slots__ = ("_shown", "_value")

    def __init__(self, value: str, shown: str | None = None) -> None:
        self._value = value
        self._shown = (MASK if value else "") if shown is None else shown

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"Secret({self._shown!r})"

    def __format__(self, spec: str) -> str:
        return format(self._shown, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def scrub(text: str) -> str:
    """The text without the passwords of URLs and the values of secret-looking names."""
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
        text = _URL_USER.sub(f"{MASK}@", text)
    return _NAMED.sub(rf"\1\g<sep>{MASK}", text)


def names_a_secret(name: str) -> bool:
    """True where a field of this name should not show its value ("api_key", "password")."""
    return _SECRET_NAMES.search(name) is not None


class Scrubber:
    """`scrub`, and besides it a fixed set of known secret values."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        # The longest first: one secret may be the beginning of another.
        self._known = sorted({k for k in known if len(k) >= MIN_SECRET_CHARS}, key=len)[::-1]

    def __call__(self, text: str) -> str:
        for value in self._known:
            if value in text:
                text = text.replace(value, MASK)
        return scrub(text)
