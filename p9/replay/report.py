"""What a replay found: as one JSON object, and as a text for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from p9.recording import ReadLog
from p9.replay.feed import Replay

# Counters of the core that say: this data, or what was made of it, is not whole.
FAULT_COUNTERS = ("depth_gaps", "trade_gaps", "checksum_bad", "crossed")
MAX_BOOKS_SHOWN = 50
MAX_SAMPLES_SHOWN = 5
SAMPLE_CHARS = 160
COLUMNS = ("frames", "trades", "bbo", "depth", "control", "ignored", "checksum_ok")
MAX_GAPS = 1000  # kept with their ids
MAX_GAPS_SHOWN = 10

_GAP = re.compile(rb'\{"type":"alert","exchange":[^\r\n]{1,600}?"filled":(?:true|false)\}')


class Gaps:
    """The holes that the core announced, picked from its output of either kind."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self._last_seq = 0  # in a batch for Redis each message stands more than once

    def look(self, output: bytes) -> None:
        if b'"alert"' not in output:
            return
        for match in _GAP.finditer(output):
            gap = json.loads(match[0])
            if gap["seq"] > self._last_seq:
                self._last_seq = gap["seq"]
                if len(self.found) < MAX_GAPS:
                    self.found.append(gap)


def make(
    replay: Replay, notes: ReadLog, gaps: Gaps, messages: int, duration_s: float
) -> dict[str, Any]:
    """All of it; `faults` lists what `--strict` fails on."""
    engine = replay.engine
    report: dict[str, Any] = {
        "entries": sum(replay.entries.values()),
        "by_kind": dict(replay.entries),
        "first_recv_ns": replay.first_ns or None,
        "last_recv_ns": replay.newest_ns or None,
        "messages": messages,
        "endpoints": engine.counters(),
        "controls": dict(replay.controls),
        "venue_errors": replay.errors,
        "rest": dict(replay.rest),
        "books": engine.books(),
        "gaps": gaps.found,
        "samples": engine.samples(),
        "instruments": {
            "recorded": len(replay.instruments.recorded),
            "from_their_ids": replay.instruments.guessed,
            "unknown_contract_size": replay.instruments.unknown_contract,
            "collisions": replay.instruments.collisions,
        },
        "other_markets": dict(replay.elsewhere),
        "recording": {
            "lines": notes.lines,
            "bad_lines": notes.bad_lines,
            "cut_off_files": notes.truncated,
            "lost_records": replay.lost,
            "notes": notes.notes,
        },
        "duration_s": round(duration_s, 3),
    }
    report["faults"] = _faults(report)
    return report


def _faults(report: dict[str, Any]) -> list[str]:
    found = [
        f"{endpoint}: {n:,} {name.removeprefix('reject.').replace('_', ' ')}"
        f"{' rejected' if name.startswith('reject.') else ''}"
        for endpoint, counters in report["endpoints"].items()
        for name, n in counters.items()
        if n and (name in FAULT_COUNTERS or name.startswith("reject."))
    ]
    whole = {"bad_lines": "unreadable lines", "cut_off_files": "files cut off"}
    whole["lost_records"] = "records lost while recording"
    found += [
        f"recording: {report['recording'][key]:,} {text}"
        for key, text in whole.items()
        if report["recording"][key]
    ]
    return found


def text(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [
        f"{report['entries']:,} entries in, {report['messages']:,} messages out, "
        f"{report['duration_s']:.1f} s" + _span(report["first_recv_ns"], report["last_recv_ns"])
    ]
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in report["by_kind"].items())
    lines += [f"  {kinds}", ""]
    lines += _table(
        ("endpoint", *COLUMNS),
        [
            [name, *(f"{counters.get(column, 0):,}" for column in COLUMNS)]
            for name, counters in report["endpoints"].items()
            if counters
        ],
    )
    lines += _others(report)
    lines += ["", *_books(report["books"])]
    lines += _notes(report)
    if report["faults"]:
        lines += ["", "faults:"] + [f"  {fault}" for fault in report["faults"]]
        lines += _gaps(report["gaps"])
        lines += _samples(report["samples"])
    else:
        lines += ["", "no faults"]
    return "\n".join(lines) + "\n"


def _span(first_ns: int | None, last_ns: int | None) -> str:
    if not first_ns or not last_ns:
        return " (no receive times)"
    begin = datetime.fromtimestamp(first_ns / 1e9, UTC)
    return f" (of {(last_ns - first_ns) / 1e9:,.1f} s, from {begin:%Y-%m-%d %H:%M:%S} UTC)"


def _table(head: Iterable[str], rows: list[list[str]]) -> list[str]:
    """Columns as wide as their content: the first to the left, numbers to the right."""
    every = [list(head), *rows]
    widths = [max(len(row[at]) for row in every) for at in range(len(every[0]))]
    return [
        "  " + "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in every
    ]


def _others(report: dict[str, Any]) -> list[str]:
    """Counters that have no column, where they are not zero."""
    lines = []
    for endpoint, counters in report["endpoints"].items():
        rest = [
            f"{name} {n:,}"
            for name, n in counters.items()
            if n and name not in COLUMNS and name != "bytes"
        ]
        if rest:
            lines.append(f"  {endpoint}: {', '.join(rest)}")
    return lines


def _books(every: list[dict[str, Any]]) -> list[str]:
    books = [book for book in every if book["state"] != "COLD"]  # those had no depth frames
    live = sum(book["state"] == "LIVE" for book in books)
    # What is not live first: that is what one looks for.
    shown = sorted(books, key=lambda book: book["state"] == "LIVE")[:MAX_BOOKS_SHOWN]
    rows = [
        [
            f"{book['exchange']} {book['symbol']}",
            book["state"],
            str(book.get("reason") or ""),
            *(str(book.get(key, "")) for key in ("last_id", "bids", "asks", "gaps", "resyncs")),
        ]
        for book in shown
    ]
    lines = [f"books: {live} live of {len(books)}"]
    if rows:
        head = ("book", "state", "reason", "last_id", "bids", "asks", "gaps", "resyncs")
        lines += _table(head, rows)
    if len(books) > len(shown):
        lines.append(f"  and {len(books) - len(shown)} more, all live")
    return lines


def _notes(report: dict[str, Any]) -> list[str]:
    instruments, recording = report["instruments"], report["recording"]
    elsewhere = [f"{name} ({n})" for name, n in report["other_markets"].items()]
    rows = (
        ("REST bodies", [f"{n} {what}" for what, n in report["rest"].items()]),
        ("instruments known by their id only (steps learned)", instruments["from_their_ids"]),
        ("contract size unknown, book kept, not published", instruments["unknown_contract_size"]),
        ("two instruments of one name, the later not published", instruments["collisions"]),
        ("markets that are not part of P9", elsewhere),
        ("error answers of a venue", report["venue_errors"]),
        ("the recording", recording["notes"]),
    )
    lines = [f"{name}: {_few(values)}" for name, values in rows if values]
    return ["", *lines] if lines else []


def _few(values: list[str], n: int = 12) -> str:
    more = f" and {len(values) - n} more" if len(values) > n else ""
    return ", ".join(values[:n]) + more


def _gaps(gaps: list[dict[str, Any]]) -> list[str]:
    shown = [
        f"  {gap['exchange']} {gap['symbol']} {gap['feed']}: {gap['first_id']} .. {gap['last_id']}"
        for gap in gaps[:MAX_GAPS_SHOWN]
    ]
    return ["missing ids, the first ones:", *shown] if shown else []


def _samples(samples: list[dict[str, Any]]) -> list[str]:
    shown = [
        f"  {sample['endpoint']} {sample['reason']}: {str(sample['frame'])[:SAMPLE_CHARS]}"
        for sample in samples[:MAX_SAMPLES_SHOWN]
    ]
    return ["rejected, for example:", *shown] if shown else []
