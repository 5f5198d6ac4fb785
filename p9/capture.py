"""Recordings, written: a run's raw frames to disk. (`recording` reads them.)

A recording is JSON lines, plain or compressed (gzip, zstandard), one record a line in order
of arrival. Keys: `k` the kind, `recv_ns` the local time in ns since 1970 UTC (absent where
unknown), `conn` the connection, `url`, `venue` and `market`, and the frame or body exactly as
it was on the wire: `raw` as a JSON string, or `b64` where the bytes are not UTF-8.

| k | says |
|---|---|
| `start` | a file begins; `part` 1 a run too; `version`, `config` (hash), `mode`, settings |
| `connect`, `close` | a connection opened, ended; `carried`: it was open before this file began |
| `recv`, `send` | a WebSocket frame |
| `rest` | a REST response that the run used; `status` |
| `mark` | what the run told the core by itself: `op`, `symbol` (the venue's id), `reason` |
| `lost` | `n` records are missing here: the disk did not keep up |

The writer's files are independent zstandard frames of whole lines, each written in one piece
within a second, so a crash costs at most the last one; a new file each hour or 256 MiB.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zstandard

log = logging.getLogger(__name__)

FLUSH_BYTES = 1 << 20
FLUSH_S = 1.0
ROTATE_BYTES = 256 << 20
ROTATE_S = 3600.0
PENDING_BYTES = 64 << 20  # waiting for the thread; beyond it records are lost, and counted
RECORD_OVERHEAD = 200  # bytes of memory that a waiting record takes beside its payload
POLL_S = 0.05
RETRY_S = 5.0  # after a failed write

Fields = dict[str, Any]
_Record = tuple[str, str, int, bytes | None, Fields | None]  # kind, conn, time, payload, more


def encode(kind: str, conn: str, time_ns: int, payload: bytes | None, more: Fields | None) -> bytes:
    """One line of a recording."""
    row: Fields = {"k": kind}
    if conn:
        row["conn"] = conn
    if time_ns:
        row["recv_ns"] = time_ns
    if more:
        row.update((key, value) for key, value in more.items() if value != "")
    if payload is not None:
        try:
            row["raw"] = payload.decode()
        except UnicodeDecodeError:
            row["b64"] = base64.b64encode(payload).decode()
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Recorder:
    """Writes `folder/{utc}-{pid}.jsonl.zst`.

    The methods that take a record never block and never raise: they append to a queue that a
    thread of its own empties. Call them from one thread, in the order in which the core saw
    the same things. `on_loss(n)` is called there when records begin to be lost and when they
    stop, with how many so far.
    """

    def __init__(
        self,
        folder: Path,
        start: Mapping[str, Any],
        *,
        on_loss: Callable[[int], None] | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        pending_bytes: int = PENDING_BYTES,
        rotate_bytes: int = ROTATE_BYTES,
        rotate_s: float = ROTATE_S,
    ) -> None:
        self.records = 0  # taken
        self.lost = 0  # not taken: the queue was full
        self._queue: deque[_Record] = deque()
        self._bytes_in = 0  # of records taken; written by the caller only
        self._pending_bytes = pending_bytes
        self._gap = 0  # lost since the last record taken
        self._on_loss = on_loss
        self._clock_ns = clock_ns
        self._conns: dict[int, str] = {}
        self._stop = threading.Event()
        self._writer = _Writer(folder, dict(start), clock_ns, rotate_bytes, rotate_s)
        folder.mkdir(parents=True, exist_ok=True)
        self._writer.open_file()  # a folder that cannot be written fails the start
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    # -- taking records ---------------------------------------------------------------

    def frame(self, conn: int, recv_ns: int, payload: bytes) -> None:
        """A frame received: the listener's `recorder`."""
        self._put("recv", self._conns.get(conn, ""), recv_ns, payload, None)

    def connect(self, conn: int, now_ns: int, url: str, venue: str, market: str) -> None:
        """The engine's connection `conn` opened. `market` is "" where the venue has one set of
        addresses for all."""
        name = self._conns[conn] = ".".join(filter(None, (venue, market, str(conn))))
        self._put("connect", name, now_ns, None, {"url": url, "venue": venue, "market": market})

    def send(self, conn: int, now_ns: int, payload: bytes) -> None:
        self._put("send", self._conns.get(conn, ""), now_ns, payload, None)

    def close(self, conn: int, now_ns: int, reason: str) -> None:
        name = self._conns.pop(conn, None)
        if name is not None:
            self._put("close", name, now_ns, None, {"reason": reason})

    def rest(
        self, now_ns: int, url: str, status: int, body: bytes, venue: str, market: str
    ) -> None:
        """A REST answer that the run used; `url` without anything secret."""
        more = {"url": url, "venue": venue, "market": market, "status": status}
        self._put("rest", "", now_ns, body, more)

    def mark(
        self, op: str, now_ns: int, venue: str, market: str, symbol: str, reason: str = ""
    ) -> None:
        """A call of the engine that no frame caused. `symbol` is the venue's id: `subscribed`,
        `trades_broken`, `invalidate`, `snapshot_failed`, `follow`, `unfollow`. Of no single instrument, with what
        was told as JSON in `reason`: `feeds`, `ages`, `block_trades`, `status`."""
        more = {"op": op, "venue": venue, "market": market, "symbol": symbol, "reason": reason}
        self._put("mark", "", now_ns, None, more)

    @property
    def pending_bytes(self) -> int:
        return self._bytes_in - self._writer.bytes_out

    def _put(
        self, kind: str, conn: str, now_ns: int, payload: bytes | None, more: Fields | None
    ) -> None:
        size = RECORD_OVERHEAD + (len(payload) if payload else 0)
        if self._bytes_in - self._writer.bytes_out + size > self._pending_bytes:
            self.lost += 1
            self._gap += 1
            if self._gap == 1:
                log.error("recording: the disk does not keep up, records are being lost")
                self._tell()
            return
        if self._gap:
            self._queue.append(("lost", "", now_ns, None, {"n": self._gap}))
            log.warning("recording: goes on after losing %d records", self._gap)
            self._gap = 0
            self._tell()
        self.records += 1
        self._bytes_in += size
        self._queue.append((kind, conn, now_ns, payload, more))

    def _tell(self) -> None:
        if self._on_loss is not None:
            self._on_loss(self.lost)

    # -- the thread -------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.wait(POLL_S):
            self._writer.drain(self._queue)
        self._writer.drain(self._queue)
        if self._gap:
            more = {"n": self._gap}
            self._writer.write(("lost", "", self._clock_ns(), None, more))
        self._writer.end()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Writes what is waiting and closes the file. False if that was not done in time."""
        self._stop.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()


class _Writer:
    """The thread's side: records into lines, lines into compressed frames, frames into files."""

    def __init__(
        self,
        folder: Path,
        start: Fields,
        clock_ns: Callable[[], int],
        rotate_bytes: int,
        rotate_s: float,
    ) -> None:
        self.bytes_out = 0  # of records written or given up
        self._folder, self._start, self._clock_ns = folder, start, clock_ns
        self._rotate_bytes, self._rotate_s = rotate_bytes, rotate_s
        self._part = 0
        self._open: dict[str, _Record] = {}  # connections, after the waiting lines
        self._carried: list[_Record] = []  # connections, before them: a new file names these
        self._compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
        self._fd = -1
        self._written = 0  # bytes of the file that are whole frames
        self._opened_at = 0.0
        self._lines: list[bytes] = []
        self._size = 0
        self._since = 0.0  # when the first of the waiting lines came
        self._failed = 0  # records in frames that could not be written
        self._retry_at = 0.0

    def drain(self, queue: deque[_Record]) -> None:
        while queue:
            self.write(queue.popleft())
            if self._size >= FLUSH_BYTES:
                self.flush()
        if self._lines and time.monotonic() - self._since >= FLUSH_S:
            self.flush()

    def write(self, record: _Record) -> None:
        kind, conn, _, payload, more = record
        if kind == "connect":
            self._open[conn] = (*record[:4], {**(more or {}), "carried": True})
        elif kind == "close":
            self._open.pop(conn, None)
        if not self._lines:
            self._since = time.monotonic()
        line = encode(*record)
        self._lines.append(line)
        self._size += len(line)
        if kind != "lost":
            self.bytes_out += RECORD_OVERHEAD + (len(payload) if payload else 0)

    def flush(self) -> None:
        """The waiting lines as one compressed frame. A full disk loses them, counted."""
        if self._lines:
            lines, self._lines, self._size = self._lines, [], 0
            self._put(lines)
            self._carried = list(self._open.values())

    def _put(self, lines: list[bytes]) -> None:
        now = time.monotonic()
        if self._fd >= 0 and (
            self._written >= self._rotate_bytes or now - self._opened_at >= self._rotate_s
        ):
            self._close()
        if self._fd < 0 and now < self._retry_at:
            self._failed += len(lines)
            return
        try:
            if self._fd < 0:
                self.open_file()
            if self._failed:
                more = {"n": self._failed}
                lines.insert(0, encode("lost", "", self._clock_ns(), None, more))
            self._append(b"".join(lines))
            self._failed = 0
        except OSError as error:
            self._failed += len(lines)
            self._retry_at = now + RETRY_S
            log.error("recording: %s; %d records lost so far", error, self._failed)
            self._close()

    def open_file(self) -> None:
        now_ns = self._clock_ns()
        stamp = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).strftime("%Y%m%dT%H%M%S")
        name = f"{stamp}.{now_ns // 1000 % 1_000_000:06d}Z-{os.getpid()}.jsonl.zst"
        self._fd = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self._written, self._opened_at = 0, time.monotonic()
        self._part += 1
        start = {"part": self._part, "pid": os.getpid(), **self._start}
        lines = [encode("start", "", now_ns, None, start)]
        for kind, conn, _, payload, more in self._carried:
            lines.append(encode(kind, conn, now_ns, payload, more))
        self._append(b"".join(lines))

    def _append(self, text: bytes) -> None:
        """Raises OSError, and the file still ends with a whole frame."""
        rest = memoryview(self._compressor.compress(text))
        size = len(rest)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            os.ftruncate(self._fd, self._written)
            raise
        self._written += size

    def _close(self) -> None:
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            os.fsync(fd)
        except OSError as error:
            log.error("recording: %s", error)
        os.close(fd)

    def end(self) -> None:
        self._retry_at = 0.0
        self.flush()
        self._close()
