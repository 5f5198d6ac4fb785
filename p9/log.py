"""Logs: one line per event on stderr, JSON for programs or aligned text for a terminal.

    log = logging.getLogger("p9.connect.session")
    event(log, "info", "connected", exchange="okx", ms=12)
    log.info("connected", extra={"f": {"exchange": "okx"}})    # the same by hand

No value can make a log call raise, no secret is shown, and no message can flood.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, TextIO

from p9.log_limit import RateLimit
from p9.secret import MASK, Scrubber, names_a_secret

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
MAX_TEXT_CHARS = 2_000
MAX_TRACE_CHARS = 16_000
MAX_ITEMS = 50
MAX_DEPTH = 4
MAX_INT_BITS = 256
OURS = ("p9", "p9core")

_RESERVED = frozenset({"ts", "level", "logger", "msg", "exc"})
# Line ends for some readers of JSON lines, though JSON lets them stand in a string.
_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_COLOURS = {logging.DEBUG: "2", logging.INFO: "32", logging.WARNING: "33", logging.ERROR: "31"}


def event(logger: logging.Logger, level: str, name: str, /, **fields: object) -> None:
    """One line: `name` says what happened and stays the same each time, `fields` say to what."""
    number = LEVELS[level]
    if logger.isEnabledFor(number):
        logger.log(number, name, extra={"f": fields}, stacklevel=2)


def setup(
    level: str = "info",
    format: str = "auto",
    *,
    stream: TextIO | None = None,
    secrets: Iterable[str] = (),
    limit: RateLimit | None = None,
) -> LogHandler:
    """Sends all logs of the process to `stream` (stderr); a second call replaces the first.
    `format`: auto (console on a terminal, else json), json, console."""
    stream = stream or sys.stderr or open(os.devnull, "w")  # noqa: SIM115  (stays open)
    terminal = _is_terminal(stream)
    scrub = Scrubber(secrets)
    lines: logging.Formatter
    if format == "console" or (format == "auto" and terminal):
        lines = ConsoleLines(scrub, colour=terminal and _wants_colour())
    else:
        lines = JsonLines(scrub, ascii_only=not _is_utf8(stream))
    handler = LogHandler(stream, limit or RateLimit())
    handler.setFormatter(lines)
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, LogHandler)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)  # other packages speak up only when something is wrong
    logging.captureWarnings(True)
    set_level(level)
    return handler


def set_level(level: str) -> None:
    for name in OURS:
        logging.getLogger(name).setLevel(LEVELS[level])


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes lines within the rate limit. A stream that fails is counted, never raised."""

    def __init__(self, stream: TextIO, limit: RateLimit) -> None:
        super().__init__(stream)
        self.limit = limit
        self.lost = 0
        """Lines that could not be written."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            now = time.monotonic()
            for note in self.limit.due(now):
                self._write(note)
            if self.limit.admit(record, now):
                self._write(record)
        except Exception:
            self.lost += 1

    def close(self) -> None:
        self.acquire()
        try:
            for note in self.limit.due(math.inf):
                self._write(note)
        finally:
            self.release()
        super().close()

    def _write(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + self.terminator
            encoding = getattr(self.stream, "encoding", None) or "utf-8"
            self.stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
            self.stream.flush()
        except Exception:
            # A closed or full stderr must not end the pipeline, and there is nobody to tell.
            self.lost += 1


class _Lines(logging.Formatter):
    """Record -> line. What cannot be formatted is replaced by a note."""

    def __init__(self, scrub: Scrubber) -> None:
        super().__init__()
        self._scrub = scrub

    def format(self, record: logging.LogRecord) -> str:
        try:
            return self._line(record)
        except Exception as error:
            text = f"a log record could not be formatted: {type(error).__name__}"
            return self._line(logging.makeLogRecord({**_origin(record), "msg": text}))

    def _line(self, record: logging.LogRecord) -> str:
        raise NotImplementedError

    def message(self, record: logging.LogRecord) -> str:
        try:
            text = record.getMessage()
        except Exception:
            text = f"{_text(record.msg)} {_text(record.args)}"
        return self.clip(text)

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        given = getattr(record, "f", None)
        if given is None:
            return {}
        plain = self.plain(given)
        return plain if isinstance(plain, dict) else {"f": plain}

    def trace(self, record: logging.LogRecord) -> str:
        parts = []
        if record.exc_info and record.exc_info[0] is not None:
            parts.append(self.formatException(record.exc_info))
        if record.stack_info:
            parts.append(record.stack_info)
        # The end of a trace says what happened.
        return self._scrub("\n".join(parts))[-MAX_TRACE_CHARS:]

    def clip(self, text: str) -> str:
        text = self._scrub(text)  # before the cut, which could hide where a password ends
        if len(text) <= MAX_TEXT_CHARS:
            return text
        return f"{text[:MAX_TEXT_CHARS]}… ({len(text)} characters)"

    def plain(self, value: object, depth: int = 0) -> object:
        """The value in JSON's types, bounded and without secrets."""
        try:
            return self._plain(value, depth)
        except Exception:
            return f"<unprintable {type(value).__name__}>"

    def _plain(self, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            small = value.bit_length() <= MAX_INT_BITS
            return int(value) if small else f"<integer of {value.bit_length()} bits>"
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(float(value))
        if isinstance(value, bytes | bytearray):
            return self.clip(bytes(value).decode("utf-8", "backslashreplace"))
        if isinstance(value, str | Decimal) or depth >= MAX_DEPTH:
            return self.clip(_text(value))
        if isinstance(value, Mapping):
            return self._plain_mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            items: list[object] = [self.plain(v, depth + 1) for v in islice(value, MAX_ITEMS)]
            more = len(value) - MAX_ITEMS
            return [*items, f"… ({more} more)"] if more > 0 else items
        if isinstance(value, BaseException):
            text = _text(value)
            return self.clip(f"{type(value).__name__}: {text}" if text else type(value).__name__)
        return self.clip(_text(value))

    def _plain_mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, object]:
        plain: dict[str, object] = {}
        for key, item in islice(value.items(), MAX_ITEMS):
            name = self.clip(_text(key))
            hide = names_a_secret(name) and item not in (None, "")
            plain[name] = MASK if hide else self.plain(item, depth + 1)
        if len(value) > MAX_ITEMS:
            plain["…"] = f"{len(value) - MAX_ITEMS} more"
        return plain


class JsonLines(_Lines):
    def __init__(self, scrub: Scrubber, *, ascii_only: bool = False) -> None:
        super().__init__(scrub)
        self._ascii_only = ascii_only

    def _line(self, record: logging.LogRecord) -> str:
        row: dict[str, object] = {
            "ts": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": self.message(record),
        }
        for name, value in self.fields(record).items():
            row[f"{name}_" if name in _RESERVED else name] = value
        if trace := self.trace(record):
            row["exc"] = trace
        text = json.dumps(
            row, ensure_ascii=self._ascii_only, allow_nan=False, separators=(",", ":")
        )
        return text if text.isascii() else text.translate(_LINE_ENDS)


class ConsoleLines(_Lines):
    def __init__(self, scrub: Scrubber, *, colour: bool = False) -> None:
        super().__init__(scrub)
        self._colour = colour

    def _line(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname:<7}"
        if self._colour:
            code = _COLOURS.get(min(record.levelno, logging.ERROR), "0")
            level = f"\x1b[{code}m{level}\x1b[0m"
        name = record.name.removeprefix("p9.")
        head = f"{_time(record)} {level} {_visible(name):<12} {_visible(self.message(record)):<28}"
        pairs = (f"{_visible(k)}={self._value(v)}" for k, v in self.fields(record).items())
        lines = [" ".join([head, *pairs]).rstrip()]
        lines += [f"    {_visible(line)}" for line in self.trace(record).splitlines()]
        return "\n".join(lines)

    def _value(self, value: object) -> str:
        if isinstance(value, str):
            bare = value and not any(c in value for c in ' "=')
            return _visible(value if bare else json.dumps(value, ensure_ascii=False))
        return _visible(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _visible(text: str) -> str:
    """Control characters escaped: foreign text must not steer a terminal or forge a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"<unprintable {type(value).__name__}>"


def _time(record: logging.LogRecord) -> str:
    """UTC, ISO 8601 with milliseconds."""
    seconds, ms = divmod(int(record.created * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ms:03d}Z"


def _origin(record: logging.LogRecord) -> dict[str, object]:
    names = ("name", "levelno", "levelname", "created")
    return {name: getattr(record, name) for name in names}


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _wants_colour() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _is_utf8(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
