"""Lines out. On a terminal: as many as can be read, above a status line that is drawn again and
again. Anywhere else: every line, plain, and the rates on stderr.

Nothing is kept longer than a frame, and the terminal is left as it was: the cursor stays visible
(at the begin of the status line), and no mode is changed.
"""

from __future__ import annotations

import errno
import os
import select
import sys
from collections import Counter
from typing import Protocol

from p9.tail.layout import Layout
from p9.tail.text import Piece, render

LINES_PER_S = 30
"""Of one kind on a terminal; more cannot be read."""
RATES_EVERY_S = 10.0
STATUS_EVERY_S = 0.5
DEFAULT_WIDTH = 80
_CLEAR_BELOW = "\r\x1b[J"


class Gone(Exception):
    """Nobody reads the output any more."""


class Output:
    """A file descriptor, not a text stream: nothing is left behind to fail at the exit."""

    def __init__(self, fd: int, encoding: str) -> None:
        self.fd = fd
        self._encoding = encoding
        self._poll = select.poll()
        self._poll.register(fd, 0)  # only errors and the end of the other side

    def write(self, text: str) -> None:
        data = memoryview(text.encode(self._encoding, "replace"))
        while data:
            try:
                data = data[os.write(self.fd, data) :]
            except BlockingIOError:
                select.select([], [self.fd], [])  # another program made the terminal non-blocking
            except OSError as error:
                if error.errno in (errno.EPIPE, errno.EIO):
                    raise Gone from None
                raise

    def check(self) -> None:
        """Raises Gone when the reader went away, also while there is nothing to write."""
        if any(events & (select.POLLERR | select.POLLHUP) for _, events in self._poll.poll(0)):
            raise Gone


class Screen(Protocol):
    layout: Layout

    def wants(self, kind: str, now_s: float) -> bool:
        """True where a line of this kind is shown now; the others are counted."""

    def line(self, text: str) -> None: ...

    def notice(self, text: str, now_ns: int) -> None:
        """About this program itself."""

    def frame(self, now_s: float, now_ns: int, status: list[Piece]) -> None:
        """Several times a second: what was gathered is written. Raises Gone."""

    def close(self, summary: str) -> None: ...


class Plain:
    def __init__(self, output: Output, now_s: float) -> None:
        self.layout = Layout(colour=False)
        self._output = output
        self._lines: list[str] = []
        self._rates_at_s = now_s + RATES_EVERY_S

    def wants(self, kind: str, now_s: float) -> bool:
        return True

    def line(self, text: str) -> None:
        self._lines.append(text)

    def notice(self, text: str, now_ns: int) -> None:
        _say(text)

    def frame(self, now_s: float, now_ns: int, status: list[Piece]) -> None:
        self._write()
        self._output.check()
        if now_s >= self._rates_at_s:
            self._rates_at_s = now_s + RATES_EVERY_S
            _say(render(status, 0, colour=False))

    def close(self, summary: str) -> None:
        self._write()
        _say(summary)

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._output.write("\n".join(lines) + "\n")


def _say(text: str) -> None:
    if sys.stderr is None:
        return
    try:
        print(f"p9 tail: {text}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        raise Gone from None


class Terminal:
    def __init__(self, output: Output, now_s: float, *, colour: bool) -> None:
        self.layout = Layout(colour=colour, width=_width(output.fd))
        self._output = output
        self._colour = colour
        self._lines: list[str] = [self.layout.titles()]
        self._tokens: dict[str, tuple[float, float]] = {}
        """kind -> lines that may be shown at once, as of when"""
        self._left_out: Counter[str] = Counter()
        self._second_s = self._status_at_s = now_s

    def wants(self, kind: str, now_s: float) -> bool:
        tokens, at_s = self._tokens.get(kind, (float(LINES_PER_S), now_s))
        tokens = min(float(LINES_PER_S), tokens + (now_s - at_s) * LINES_PER_S)
        wanted = tokens >= 1
        self._tokens[kind] = tokens - wanted, now_s
        if not wanted:
            self._left_out[kind] += 1
        return wanted

    def line(self, text: str) -> None:
        self._lines.append(text)

    def notice(self, text: str, now_ns: int) -> None:
        self._lines.append(self.layout.note(now_ns, text, "warn"))

    def frame(self, now_s: float, now_ns: int, status: list[Piece]) -> None:
        self.layout.width = _width(self._output.fd)
        if now_s >= self._second_s + 1:
            self._second_s = now_s
            self._tell_left_out(now_ns)
        if not self._lines and now_s < self._status_at_s:
            return
        self._status_at_s = now_s + STATUS_EVERY_S
        # A full last column would leave the cursor between two lines.
        bar = render(status, self.layout.width - 1, colour=self._colour)
        self._output.write(_CLEAR_BELOW + self._taken() + bar + "\r")

    def close(self, summary: str) -> None:
        """The cursor at the begin of an empty line, below all that was said."""
        self._lines.append(render([Piece(summary, "dim")], self.layout.width, colour=self._colour))
        self._output.write(_CLEAR_BELOW + self._taken())

    def _tell_left_out(self, now_ns: int) -> None:
        if not self._left_out:
            return
        each = ", ".join(f"+{count} more {kind}" for kind, count in self._left_out.items())
        self._left_out.clear()
        self._lines.append(self.layout.note(now_ns, each, "dim"))

    def _taken(self) -> str:
        lines, self._lines = self._lines, []
        return "".join(f"{line}\n" for line in lines)


def _width(fd: int) -> int:
    try:
        return os.get_terminal_size(fd).columns or DEFAULT_WIDTH
    except OSError:
        return DEFAULT_WIDTH


def screen(now_s: float) -> Screen:
    """For standard output as it is."""
    output = Output(sys.stdout.fileno(), sys.stdout.encoding or "utf-8")
    dumb = os.environ.get("TERM", "dumb") == "dumb"
    if dumb or not os.isatty(output.fd):
        return Plain(output, now_s)
    return Terminal(output, now_s, colour=not os.environ.get("NO_COLOR"))
