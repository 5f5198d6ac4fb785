"""Recordings, read: records of any recording, or plain files of raw frames, in order.

Takes what `capture` writes and the like: JSON lines, plain, gzip or zstandard (told by the
first bytes, not by the name). A line that cannot be read is counted with its place, a file
that was cut off ends with a note; neither ends the reading.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import zstandard

MAX_LINE = 64 << 20
MAX_NOTES = 20
CHUNK = 1 << 16
COMPRESSED_CHUNK = 1 << 13  # what one may unfold to is not bounded by the decompressors

KINDS = frozenset({"start", "connect", "close", "recv", "send", "rest", "mark", "lost"})
_OWN_FIELDS = frozenset({"k", "conn", "recv_ns", "url", "venue", "market", "raw", "b64"})


class InputError(Exception):
    """The input cannot be used at all; the text names the place."""


@dataclass(slots=True)
class Entry:
    """One record. `raw` is the frame or body as it was on the wire."""

    k: str
    conn: str
    recv_ns: int | None  # ns since 1970 UTC; None where the recorder had none
    url: str
    venue: str
    market: str
    raw: bytes
    file: str
    line: int
    more: dict[str, Any] = field(default_factory=dict)  # the record's other fields

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(slots=True)
class ReadLog:
    """What was wrong with the files that were read."""

    lines: int = 0
    bad_lines: int = 0
    truncated: int = 0  # files that end within a compressed frame or a line
    notes: list[str] = field(default_factory=list)  # the first ones, each with its place

    def note(self, text: str) -> None:
        if len(self.notes) < MAX_NOTES:
            self.notes.append(text)


class _Unpacker(Protocol):
    """One gzip member or zstandard frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def _gzip() -> _Unpacker:
    return zlib.decompressobj(wbits=31)


def _zstd() -> _Unpacker:
    return zstandard.ZstdDecompressor().decompressobj()


_MAGIC: dict[bytes, Callable[[], _Unpacker]] = {
    b"\x1f\x8b": _gzip,
    b"\x28\xb5\x2f\xfd": _zstd,
}


class _Cut(Exception):
    """The file ends, or goes bad, within a compressed frame."""


def files(paths: Iterable[Path | str]) -> list[Path]:
    """The files of these paths in the given order; of a folder its `*.jsonl*` by name.

    Raises InputError for a path that is not there and a folder without recordings."""
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*.jsonl*") if p.is_file())
            if not inside:
                raise InputError(f"{path}: no *.jsonl* file in this folder")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise InputError(f"{path}: no such file or folder")
    return found


def read(
    paths: Iterable[Path | str], *, plain: bool = False, notes: ReadLog | None = None
) -> Iterator[Entry]:
    """The records of these files and folders, in the given order.

    A file whose first line is no record holds raw frames, one a line: its lines come as `recv`
    entries when `plain` says that the caller knows where they are from. Raises InputError for
    such a file without `plain`, and for a path that cannot be opened."""
    notes = notes if notes is not None else ReadLog()
    for path in files(paths):
        try:
            with path.open("rb") as source:
                yield from _read_file(source, str(path), plain, notes)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error


def _read_file(source: IO[bytes], name: str, plain: bool, notes: ReadLog) -> Iterator[Entry]:
    raw_frames: bool | None = None  # None until the first line
    for number, line in _lines(source, name, notes):
        notes.lines += 1
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        record = isinstance(row, dict) and isinstance(row.get("k"), str)
        if raw_frames is None:
            raw_frames = not record and (plain or isinstance(row, dict))
            if raw_frames and not plain:
                raise InputError(
                    f"{name}:{number}: a raw frame, not a record; whose? (--venue and --market)"
                )
        if raw_frames:
            yield Entry("recv", "", None, "", "", "", line, name, number)
            continue
        try:
            if not record:
                raise ValueError("not a record")
            entry = _entry(row, name, number)
        except ValueError as error:
            notes.bad_lines += 1
            notes.note(f"{name}:{number}: {error}")
        else:
            yield entry


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a text")
    return value


def _entry(row: dict[str, Any], name: str, number: int) -> Entry:
    """Raises ValueError for a record that is not one of this format."""
    kind = row["k"]
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind[:40]!r}")
    recv_ns = row.get("recv_ns")
    if recv_ns is not None and (type(recv_ns) is not int or not 0 < recv_ns < 1 << 63):
        raise ValueError("recv_ns is not a time in ns")
    if "b64" in row:
        try:
            raw = base64.b64decode(_text(row, "b64"), validate=True)
        except binascii.Error as error:
            raise ValueError(f"b64: {error}") from error
    elif "raw" not in row and kind in ("recv", "rest"):
        raise ValueError(f"{kind} without raw")
    else:
        # A lone surrogate stays what it was on the wire: bytes that are not UTF-8.
        raw = _text(row, "raw").encode("utf-8", "surrogatepass")
    conn = row.get("conn", "")
    more = {key: value for key, value in row.items() if key not in _OWN_FIELDS}
    return Entry(
        kind,
        conn if isinstance(conn, str) else str(conn),
        recv_ns,
        _text(row, "url"),
        _text(row, "venue"),
        _text(row, "market"),
        raw,
        name,
        number,
        more,
    )


def _lines(source: IO[bytes], name: str, notes: ReadLog) -> Iterator[tuple[int, bytes]]:
    """(number, line) of what is not empty. Memory stays bounded whatever the file holds."""
    number = 0
    parts: list[bytes] = []
    size = 0
    cut = ""
    chunks = _unpacked(source)
    while True:
        try:
            chunk = next(chunks, None)
        except _Cut as error:
            chunk, cut = None, str(error)
        *ended, rest = chunk.split(b"\n") if chunk is not None else (b"",)
        for end in ended:
            number += 1
            size += len(end)
            if size > MAX_LINE:
                notes.bad_lines += 1
                notes.note(f"{name}:{number}: longer than {MAX_LINE} bytes")
            elif line := b"".join((*parts, end)).strip():
                yield number, line
            parts, size = [], 0
        size += len(rest)
        if size > MAX_LINE:
            parts = []  # what is left of it is only counted
        elif rest:
            parts.append(rest)
        if chunk is None:
            break
    if cut:
        notes.truncated += 1
        notes.note(f"{name}: {cut} after line {number}")
    elif size > MAX_LINE:
        notes.bad_lines += 1
        notes.note(f"{name}:{number + 1}: longer than {MAX_LINE} bytes")
    elif line := b"".join(parts).strip():
        yield number + 1, line


def _unpacked(source: IO[bytes]) -> Iterator[bytes]:
    """The file's bytes, decompressed. Raises _Cut behind what could be read."""
    head = source.read(CHUNK)
    new = next((made for magic, made in _MAGIC.items() if head.startswith(magic)), None)
    if new is None:
        while head:
            yield head
            head = source.read(CHUNK)
        return
    unpacker, begun = new(), False
    while head:
        for at in range(0, len(head), COMPRESSED_CHUNK):
            data = head[at : at + COMPRESSED_CHUNK]
            while data:
                begun = True
                try:
                    yield unpacker.decompress(data)
                except (zlib.error, zstandard.ZstdError) as error:
                    raise _Cut(f"unreadable ({error})") from error
                data = b""
                if unpacker.eof:
                    # zeros may pad the end of a gzip file
                    data, unpacker, begun = unpacker.unused_data.lstrip(b"\0"), new(), False
        head = source.read(CHUNK)
    if begun:
        raise _Cut("cut off")
