"""Keeps one repeated message, and all of them together, from flooding the log."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from dataclasses import dataclass

MAX_KEY_CHARS = 200

_Kind = tuple[str, int, str, str | None, str | None]
"""logger, level, text, exchange, symbol"""


@dataclass(slots=True)
class _Window:
    key: _Kind
    end_s: float
    seen: int = 0
    suppressed: int = 0


class RateLimit:
    """At most `per_window` lines of a kind in `window_s` seconds, and `per_s` lines of all kinds
    (after a burst of `burst`). What is left out is counted, and `due` says how much.

    A kind is the logger, the level, the text before its arguments are put in, and the fields
    `exchange` and `symbol`. Times are monotonic seconds, an argument.
    """

    def __init__(
        self,
        per_window: int = 20,
        window_s: float = 10.0,
        *,
        per_s: float = 50.0,
        burst: int = 500,
        max_kinds: int = 1024,
    ) -> None:
        self._per_window = per_window
        self._window_s = window_s
        self._per_s = per_s
        self._burst = burst
        self._max_kinds = max_kinds
        self._windows: OrderedDict[_Kind, _Window] = OrderedDict()
        self._pushed_out: list[_Window] = []
        self._tokens = float(burst)
        self._tokens_at_s = -math.inf
        self._flood = 0
        self._flood_since_s = 0.0
        self.suppressed = 0
        """All lines left out since the start."""

    def admit(self, record: logging.LogRecord, now_s: float) -> bool:
        """True where the record may be written. Call `due` first."""
        key = _kind(record)
        window = self._windows.get(key)
        if window is None or now_s >= window.end_s:
            window = self._open(key, now_s)
        window.seen += 1
        if window.seen > self._per_window:
            window.suppressed += 1
        elif self._take_token(now_s):
            return True
        else:
            self._flood_since_s = self._flood_since_s if self._flood else now_s
            self._flood += 1
        self.suppressed += 1
        return False

    def due(self, now_s: float) -> list[logging.LogRecord]:
        """Notes about what was left out in windows that are over; `math.inf`: in all."""
        over, self._pushed_out = self._pushed_out, []
        # The windows stand in the order of their ends: all are equally long.
        while self._windows:
            window = next(iter(self._windows.values()))
            if window.end_s > now_s:
                break
            over.append(self._windows.popitem(last=False)[1])
        notes = [self._note(window) for window in over if window.suppressed]
        if self._flood and now_s >= self._flood_since_s + self._window_s:
            fields: dict[str, object] = {"suppressed": self._flood, "max_per_s": self._per_s}
            notes.append(_record("p9.log", logging.WARNING, "too many lines", fields))
            self._flood = 0
        return notes

    def _open(self, key: _Kind, now_s: float) -> _Window:
        old = self._windows.pop(key, None)
        if old is None and len(self._windows) >= self._max_kinds:
            old = self._windows.popitem(last=False)[1]
        if old is not None and old.suppressed and len(self._pushed_out) < self._max_kinds:
            self._pushed_out.append(old)
        window = _Window(key, now_s + self._window_s)
        self._windows[key] = window
        return window

    def _take_token(self, now_s: float) -> bool:
        gained = (now_s - self._tokens_at_s) * self._per_s
        self._tokens = min(float(self._burst), self._tokens + gained)
        self._tokens_at_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _note(self, window: _Window) -> logging.LogRecord:
        name, level, text, exchange, symbol = window.key
        fields: dict[str, object] = {
            "of": text,
            "suppressed": window.suppressed,
            "within_s": self._window_s,
        }
        about = {"exchange": exchange, "symbol": symbol}
        fields |= {key: value for key, value in about.items() if value is not None}
        return _record(name, level, "suppressed", fields)


def _kind(record: logging.LogRecord) -> _Kind:
    fields = getattr(record, "f", None)
    exchange = symbol = None
    if type(fields) is dict:
        exchange, symbol = (_hashable(fields.get(name)) for name in ("exchange", "symbol"))
    return record.name, record.levelno, _hashable(record.msg) or "", exchange, symbol


def _hashable(value: object) -> str | None:
    if value is None:
        return None
    try:
        return str(value)[:MAX_KEY_CHARS]
    except Exception:
        return type(value).__name__


def _record(name: str, level: int, text: str, fields: dict[str, object]) -> logging.LogRecord:
    record = logging.LogRecord(name, level, "", 0, text, None, None)
    record.f = fields
    return record
