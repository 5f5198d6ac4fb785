"""The `tail` command: messages in, lines out, until Ctrl-C or until nobody reads any more."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from p9.config import Config
from p9.config.urls import REDIS_FORMS, redis_address, redis_url
from p9.publish.redis_link import label
from p9.tail.message import REPEATED, Message, Sequences, Unreadable, header, parse
from p9.tail.rates import Counts, Rates
from p9.tail.reader import Lost, Reader
from p9.tail.screen import RATES_EVERY_S, Gone, Plain, Screen, screen
from p9.tail.text import MAX_CHARS, Piece, counted, visible

OK, BAD_INPUT, CANNOT_SERVE = 0, 2, 3

FRAME_S = 0.05
RATES_OVER_S = 5.0
"""On a terminal."""
BACKOFF_S = 0.25
BACKOFF_MAX_S = 5.0
MAX_PATTERN_CHARS = 200
PATTERNS = (
    "channel names like trade:okx:BTCUSDT, with * for any text, ? for one character and [ab] for "
    f"one of these, without blanks, up to {MAX_PATTERN_CHARS} characters; quote them for the shell"
)


@dataclass(frozen=True, slots=True)
class Options:
    patterns: tuple[str, ...]
    config: Config
    redis: str | None = None


class BadInput(Exception):
    """The text says what is wrong, and what is allowed."""


def run(options: Options) -> int:
    """0 also when interrupted; 2: a bad pattern or URL; 3: Redis not reached at the start."""
    try:
        for pattern in options.patterns:
            _check(pattern)
        secret = redis_url(options.redis) if options.redis is not None else options.config.redis.url
        if sys.stdout is None:
            raise BadInput("standard output is closed")
    except BadInput as error:
        print(f"p9 tail: {error}", file=sys.stderr)
        return BAD_INPUT
    except ValueError as error:
        print(f"p9 tail: --redis: {error}; allowed: {REDIS_FORMS}", file=sys.stderr)
        return BAD_INPUT
    prefix = options.config.redis.prefix
    address = redis_address(secret.reveal())
    patterns = tuple(dict.fromkeys(prefix + pattern for pattern in options.patterns))
    reader = Reader(address, options.config.redis.tls_ca, patterns)
    try:
        with _interruptible():
            reader.open()
            return View(reader, screen(time.monotonic()), prefix, options.patterns).run()
    except Lost as error:
        print(f"p9 tail: Redis at {label(address)}: {error}", file=sys.stderr)
        return CANNOT_SERVE
    except KeyboardInterrupt:
        return OK  # before the first line
    finally:
        reader.close()


def _check(pattern: str) -> None:
    if not pattern:
        raise BadInput(f"an empty pattern; allowed: {PATTERNS}")
    brackets = pattern.count("[") == pattern.count("]")
    plain = pattern.isprintable() and " " not in pattern and len(pattern) <= MAX_PATTERN_CHARS
    if not (plain and brackets) or pattern.endswith("\\"):
        raise BadInput(f"bad pattern '{visible(pattern)}'; allowed: {PATTERNS}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: with a clean terminal."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class View:
    def __init__(self, reader: Reader, out: Screen, prefix: str, patterns: Sequence[str]) -> None:
        self._reader = reader
        self._screen = out
        self._skip = len(prefix.encode())
        self._waiting = f"no message yet of {' '.join(map(visible, patterns))}"
        over_s = RATES_EVERY_S if isinstance(out, Plain) else RATES_OVER_S
        self._rates = Rates(time.monotonic(), over_s)
        self._counts = Counts()
        self._sequences = Sequences()
        self._trouble = ""

    def run(self) -> int:
        try:
            while True:
                try:
                    self._frame()
                except Lost as error:
                    self._reconnect(str(error))
        except Gone:
            return OK
        except KeyboardInterrupt:
            pass
        except OSError as error:
            print(f"p9 tail: cannot write: {error.strerror or error}", file=sys.stderr)
            return CANNOT_SERVE
        try:
            self._screen.close(self._rates.totals(time.monotonic()))
        except (Gone, OSError):
            pass  # there is nobody to tell
        return OK

    def _frame(self) -> None:
        """What comes within a frame, and the screen."""
        end_s = time.monotonic() + FRAME_S
        while (wait_s := end_s - time.monotonic()) > 0:
            found = self._reader.next(wait_s)
            if found is not None:
                self.take(*found, time.time_ns(), time.monotonic())
        self._draw()

    def _draw(self) -> None:
        now_s = time.monotonic()
        status = self._rates.pieces(now_s) if self._rates.total else [Piece(self._waiting, "dim")]
        trouble = [Piece(self._trouble, "alarm")] if self._trouble else []
        status = [*trouble, status[0], *self._counts.pieces(), *status[1:]]
        self._screen.frame(now_s, time.time_ns(), status)

    def take(self, raw_channel: bytes, data: bytes, now_ns: int, now_s: float) -> None:
        """One message. It is only looked into as far as needed: most may be left out."""
        channel = visible(raw_channel[self._skip :].decode("utf-8", "backslashreplace"))
        kind = self._rates.add(channel.partition(":")[0])
        layout = self._screen.layout
        try:
            if (known := header(data)) is not None:
                missing = self._sequences.missing(channel, *known)
                if missing == REPEATED:
                    self._counts.repeated += 1
                    return
                if missing:
                    self._hole(channel, missing, now_ns, now_s)
            if self._screen.wants(kind, now_s):
                self._screen.line(layout.line(Message(channel, now_ns, parse(data))))
        except Unreadable as error:
            self._counts.unreadable += 1
            if self._screen.wants("unreadable", now_s):
                text = visible(data[: 4 * MAX_CHARS].decode("utf-8", "backslashreplace"))
                self._screen.line(layout.raw(Message(channel, now_ns, {}), str(error), text))

    def _hole(self, channel: str, missing: int, now_ns: int, now_s: float) -> None:
        self._counts.holes += 1
        self._counts.missing += missing
        if self._screen.wants("hole", now_s):
            text = f"hole: {counted(missing, 'message')} of {channel} missing"
            self._screen.line(self._screen.layout.note(now_ns, text, "warn"))

    def _reconnect(self, why: str) -> None:
        """Until it is back. Holes show by themselves with the next messages."""
        self._counts.lost += 1
        began_s, wait_s = time.monotonic(), BACKOFF_S
        self._screen.notice(f"Redis lost: {why}; trying again", time.time_ns())
        while True:
            self._trouble = f"Redis lost {time.monotonic() - began_s:.0f} s ago, trying again:"
            until_s = time.monotonic() + wait_s
            while (left_s := until_s - time.monotonic()) > 0:
                self._draw()
                time.sleep(min(FRAME_S, left_s))
            try:
                self._reader.open()
                break
            except Lost:
                wait_s = min(wait_s * 2, BACKOFF_MAX_S)
        self._trouble = ""
        took_s = time.monotonic() - began_s
        self._screen.notice(f"Redis is back after {took_s:.1f} s", time.time_ns())
