"""What the benchmarks share, and the table at their end."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from benchmarks import floor
from benchmarks.contest import NOTES, ROWS, Row
from benchmarks.frames import RECORDINGS, Feed, recorded


@pytest.fixture(scope="session")
def real() -> Callable[[str], Feed]:
    """Gives a feed of the recordings by name; skips where it is not there."""

    def find(name: str) -> Feed:
        try:
            return recorded(name)
        except FileNotFoundError as error:
            pytest.skip(f"no recording {error.filename}: set P9_RECORDINGS to their folder")

    return find


@pytest.fixture(scope="session")
def floor_module() -> ModuleType:
    """The plain C++ loop, compiled now; skips where that cannot be."""
    try:
        return floor.build()
    except floor.FloorUnavailable as why:
        pytest.skip(f"the C++ floor: {why}")


def pytest_report_header() -> str:
    return f"recordings: {RECORDINGS if RECORDINGS.is_dir() else 'none'}"


def line(row: Row) -> str:
    promise = "" if row.promise is None else f"< {row.promise:g}"
    verdict = "" if row.promise is None else ("ok" if row.ratio < row.promise else "BROKEN")
    return (
        f"{row.what:36} {row.size:7} {row.ours_s * 1e6:9.3f} {row.rival:22} "
        f"{row.rival_s * 1e6:9.3f} {row.ratio:7.2f} {row.low:6.2f}-{row.high:<6.2f} "
        f"{promise:>6} {verdict}"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not (ROWS or NOTES):
        return
    write = terminalreporter.write_line
    terminalreporter.section("P9 against others, same frames, same run")
    if ROWS:
        write(
            f"{'':36} {'bytes':>7} {'P9 us':>9} {'rival':22} {'us':>9} {'ratio':>7} "
            f"{'p10-p90':13} {'promise'}"
        )
    for row in ROWS:
        write(line(row))
    for note in NOTES:
        write(note)
