"""Recordings: what is written can be read, whatever happens to the disk or the process."""

from __future__ import annotations

import base64
import errno
import gzip
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from p9 import capture, recording
from p9.capture import Recorder, encode
from p9.recording import Entry, InputError, ReadLog, files, read

T0 = 1_700_000_000_000_000_000
START = {"version": "0", "config": "abc", "mode": "live"}


def entries(*paths: Path, notes: ReadLog | None = None, plain: bool = False) -> list[Entry]:
    return list(read(paths, plain=plain, notes=notes))


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def frame(number: int) -> dict[str, Any]:
    return {"k": "recv", "conn": "c", "recv_ns": T0 + number, "raw": f'{{"n":{number}}}'}


def wait_for(done: Callable[[], bool], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


# --- writing -------------------------------------------------------------------------------


def test_everything_comes_back_in_order(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, START)
    recorder.connect(3, T0, "wss://x/stream", "binance", "spot")
    recorder.connect(4, T0, "wss://y", "okx", "")
    recorder.send(3, T0 + 1, b'{"method":"SUBSCRIBE"}')
    recorder.frame(3, T0 + 2, b'{"e":"trade","s":"\xe5\xb8\x81\\u0000"}')
    recorder.frame(4, T0 + 3, b'half a character \xe5\xb8 and \xff\x00\n"')
    recorder.frame(4, T0 + 3, b"")
    recorder.rest(T0 + 4, "https://x/depth?symbol=A", 200, b'{"bids":[]}', "binance", "spot")
    recorder.mark("invalidate", T0 + 5, "okx", "", "BTC-USDT", "silent")
    recorder.close(4, T0 + 6, "closed by the venue")
    recorder.close(77, T0 + 6, "never opened")
    assert recorder.stop()

    start, *rest = entries(tmp_path)
    assert start.k == "start"
    assert start.more == {**START, "part": 1, "pid": os.getpid()}
    assert [(e.k, e.conn, e.recv_ns, e.raw) for e in rest] == [
        ("connect", "binance.spot.3", T0, b""),
        ("connect", "okx.4", T0, b""),
        ("send", "binance.spot.3", T0 + 1, b'{"method":"SUBSCRIBE"}'),
        ("recv", "binance.spot.3", T0 + 2, b'{"e":"trade","s":"\xe5\xb8\x81\\u0000"}'),
        ("recv", "okx.4", T0 + 3, b'half a character \xe5\xb8 and \xff\x00\n"'),
        ("recv", "okx.4", T0 + 3, b""),
        ("rest", "", T0 + 4, b'{"bids":[]}'),
        ("mark", "", T0 + 5, b""),
        ("close", "okx.4", T0 + 6, b""),
    ]
    by_kind = {e.k: e for e in rest}
    assert (rest[0].url, rest[0].venue, rest[0].market) == ("wss://x/stream", "binance", "spot")
    assert by_kind["rest"].more == {"status": 200}
    assert by_kind["mark"].more == {"op": "invalidate", "symbol": "BTC-USDT", "reason": "silent"}
    assert by_kind["close"].more == {"reason": "closed by the venue"}


@given(st.binary(max_size=300), st.integers(1, (1 << 63) - 1))
def test_a_line_keeps_every_byte(payload: bytes, time_ns: int) -> None:
    line = encode("recv", "c", time_ns, payload, None)
    assert line.count(b"\n") == 1
    row = json.loads(line)
    raw = base64.b64decode(row["b64"]) if "b64" in row else row["raw"].encode()
    assert raw == payload
    assert ("b64" in row) == (payload.decode("utf-8", "ignore").encode() != payload)
    assert row["recv_ns"] == time_ns


def test_a_file_cut_anywhere_keeps_what_was_whole(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(capture, "FLUSH_BYTES", 200)
    recorder = Recorder(tmp_path / "a", START)
    recorder.connect(0, T0, "wss://x", "okx", "")
    for n in range(100):
        recorder.frame(0, T0 + n, b'{"n":%d}' % n)
    recorder.stop()
    (path,) = files([tmp_path / "a"])
    whole, data = entries(path), path.read_bytes()
    assert len(whole) == 102
    cut = tmp_path / "cut.jsonl.zst"
    seen = set()
    for size in range(0, len(data), 7):
        cut.write_bytes(data[:size])
        notes = ReadLog()
        found = entries(cut, notes=notes)
        assert [e.raw for e in found] == [e.raw for e in whole[: len(found)]]
        assert notes.bad_lines == 0
        assert notes.truncated == len(notes.notes) <= 1
        seen.add(len(found))
    assert len(seen) > 20, "frames are small: little is lost"


def test_a_killed_process_leaves_a_readable_file(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, time
from p9.capture import Recorder
recorder = Recorder(pathlib.Path({str(tmp_path)!r}), {{}})
recorder.connect(0, {T0}, "wss://x", "okx", "")
for n in range(500):
    recorder.frame(0, {T0} + n, b"%d" % n)
time.sleep(1.5)
for n in range(500, 600):
    recorder.frame(0, {T0} + n, b"%d" % n)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    assert done.returncode == -9
    frames = [e.raw for e in entries(tmp_path) if e.k == "recv"]
    assert len(frames) >= 500
    assert frames == [b"%d" % n for n in range(len(frames))]


def test_a_slow_disk_loses_counted_records_and_never_blocks(
    tmp_path: Path, monkeypatch: Any
) -> None:
    told: list[int] = []
    recorder = Recorder(tmp_path, START, on_loss=told.append, pending_bytes=50_000)
    recorder.connect(0, T0, "wss://x", "okx", "")
    wait_for(lambda: recorder.pending_bytes == 0)
    stuck = recorder._writer.drain
    monkeypatch.setattr(recorder._writer, "drain", lambda queue: None)
    for n in range(1000):
        recorder.frame(0, T0 + n, b"x" * 800)
    assert recorder.pending_bytes <= 50_000
    taken = recorder.records - 1
    assert 40 < taken < 60
    assert recorder.lost == 1000 - taken
    monkeypatch.setattr(recorder._writer, "drain", stuck)
    wait_for(lambda: recorder.pending_bytes == 0)
    recorder.frame(0, T0 + 5000, b"after")
    recorder.stop()
    kinds = [(e.k, e.more.get("n")) for e in entries(tmp_path) if e.k in ("recv", "lost")]
    assert kinds == [("recv", None)] * taken + [("lost", 1000 - taken), ("recv", None)]
    assert told == [1, 1000 - taken]


def test_a_full_disk_is_survived(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(capture, "FLUSH_S", 0.0)
    monkeypatch.setattr(capture, "RETRY_S", 0.0)
    recorder = Recorder(tmp_path, START)
    recorder.connect(0, T0, "wss://x", "okx", "")
    recorder.frame(0, T0, b"before")
    # on the disk: that nothing waits any more is so a moment earlier
    wait_for(lambda: any(e.raw == b"before" for e in entries(tmp_path)))
    write = os.write
    failed: list[int] = []

    def full(fd: int, data: Any) -> int:
        if len(failed) % 2 == 0 and len(data) > 8:
            failed.append(write(fd, data[:8]))  # a part still fits
            return 8
        failed.append(0)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("p9.capture.os.write", full)
    recorder.frame(0, T0 + 1, b"lost")
    wait_for(lambda: recorder._writer._failed > 0)
    monkeypatch.setattr("p9.capture.os.write", write)
    recorder.frame(0, T0 + 2, b"after")
    assert recorder.stop()
    notes = ReadLog()
    found = entries(tmp_path, notes=notes)
    assert [e.raw for e in found if e.k == "recv"] == [b"before", b"after"]
    assert sum(e.more["n"] for e in found if e.k == "lost") == 1
    assert (notes.bad_lines, notes.truncated) == (0, 0)
    assert len(failed) >= 2


def test_rotation_carries_the_open_connections(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(capture, "FLUSH_S", 0.0)
    recorder = Recorder(tmp_path, START, rotate_bytes=1)

    def settled() -> bool:
        return recorder.pending_bytes == 0 and recorder._writer._size == 0

    recorder.connect(0, T0, "wss://a", "okx", "")
    recorder.connect(1, T0, "wss://b", "bybit", "spot")
    wait_for(settled)
    recorder.close(0, T0 + 1, "rotated")
    wait_for(settled)
    recorder.frame(1, T0 + 2, b"x")
    recorder.stop()
    paths = files([tmp_path])
    assert len(paths) == 4  # the first file holds its start only
    said = [[(e.k, e.conn, e.more.get("carried", False)) for e in entries(p)] for p in paths]
    assert said == [
        [("start", "", False)],
        [("start", "", False), ("connect", "okx.0", False), ("connect", "bybit.spot.1", False)],
        [("start", "", False), ("connect", "okx.0", True), ("connect", "bybit.spot.1", True),
         ("close", "okx.0", False)],
        [("start", "", False), ("connect", "bybit.spot.1", True), ("recv", "bybit.spot.1", False)],
    ]  # fmt: skip
    assert [entries(p)[0].more["part"] for p in paths] == [1, 2, 3, 4]


def test_a_folder_that_cannot_be_written_fails_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        Recorder(tmp_path / "file", START)


def test_taking_a_record_is_cheap(tmp_path: Path) -> None:
    """A frame costs the loop an append, not an encoding."""
    recorder = Recorder(tmp_path, START)
    recorder.connect(0, T0, "wss://x", "okx", "")
    payload = b'"' * 20_000  # slow to encode: every character is escaped
    began = time.perf_counter()
    for n in range(1000):
        recorder.frame(0, T0 + n, payload)
    took = time.perf_counter() - began
    queue: deque[bytes] = deque()
    began = time.perf_counter()
    for n in range(100):
        queue.append(encode("recv", "c", T0 + n, payload, None))
    assert took / 1000 < (time.perf_counter() - began) / 100
    recorder.stop()


# --- reading -------------------------------------------------------------------------------

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("name", PACKERS)
def test_compression_is_told_by_the_bytes(name: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong-name.txt"
    pack = PACKERS[name]
    path.write_bytes(pack(lines(frame(1), frame(2))) + pack(lines(frame(3))))
    assert [e.raw for e in entries(path)] == [b'{"n":1}', b'{"n":2}', b'{"n":3}']
    assert [e.line for e in entries(path)] == [1, 2, 3]


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_cut_or_spoilt_file_ends_with_a_note(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    good, more = PACKERS[name](lines(frame(1))), PACKERS[name](lines(*map(frame, range(2, 999))))
    notes = ReadLog()
    path.write_bytes(good + more[: len(more) // 2])
    found = entries(path, notes=notes)
    assert found[0].recv_ns == T0 + 1
    assert notes.truncated == 1
    assert str(path) in notes.notes[0]
    path.write_bytes(good + b"garbage" * 9)
    notes = ReadLog()
    assert len(entries(path, notes=notes)) == 1
    assert notes.truncated == 1


def test_bad_lines_are_counted_with_their_place(tmp_path: Path) -> None:
    bad: list[Any] = [
        b"{", b"[1]", b"7", b"\xff\xfe", b'{"k":"recv"}', b'{"k":"dance","raw":""}',
        b'{"k":"recv","raw":7}', b'{"k":"recv","b64":"!"}', b'{"k":"rest","url":4,"raw":""}',
        b'{"k":"recv","raw":"","recv_ns":1.5}', b'{"k":"recv","raw":"","recv_ns":true}',
        b'{"k":"recv","raw":"","recv_ns":-4}',
        b'{"k":"recv","raw":"","recv_ns":99999999999999999999}',
        b"[" * 100_000, b'{"raw":"x"}',
    ]  # fmt: skip
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(frame(1)) + b"\n".join(bad) + b"\n\r\n  \n" + lines(frame(2))[:-1])
    notes = ReadLog()
    assert [e.recv_ns for e in entries(path, notes=notes)] == [T0 + 1, T0 + 2]
    assert notes.bad_lines == len(bad)
    assert notes.notes[0].startswith(f"{path}:2: ")
    assert notes.lines == len(bad) + 2


def test_an_oversized_line_is_skipped(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(recording, "MAX_LINE", 100_000)
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(frame(1)) + b"x" * 300_000 + b"\n" + lines(frame(2)) + b"y" * 200_000)
    notes = ReadLog()
    assert [e.recv_ns for e in entries(path, notes=notes)] == [T0 + 1, T0 + 2]
    assert notes.bad_lines == 2
    assert [note.split(":")[1] for note in notes.notes] == ["2", "4"]


def test_notes_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(frame(1)) + b"bad\n" * 5000)
    notes = ReadLog()
    entries(path, notes=notes)
    assert (notes.bad_lines, len(notes.notes)) == (5000, recording.MAX_NOTES)


def test_files_come_in_the_given_order_folders_by_name(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl.gz", "sub/c.jsonl.zst", "notes.txt"):
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).write_bytes(lines(frame(1)))
    (tmp_path / "z.jsonl").write_bytes(lines(frame(0)))
    found = entries(tmp_path / "z.jsonl", tmp_path / "d")
    assert [Path(e.file).name for e in found] == [
        "z.jsonl", "a.jsonl.gz", "b.jsonl", "c.jsonl.zst",
    ]  # fmt: skip


def test_what_cannot_be_read_at_all_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        entries(tmp_path / "none.jsonl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no \\*\\.jsonl\\* file"):
        entries(tmp_path / "empty")


def test_raw_frames_need_someone_who_knows_whose_they_are(tmp_path: Path) -> None:
    path = tmp_path / "frames.jsonl"
    kline = b'{"e":"kline","s":"BTCUSDT","k":{"t":1}}'
    path.write_bytes(kline + b"\npong\n" + b'{"topic":"x"}\n')
    with pytest.raises(InputError, match=f"{path}:1: .*--venue"):
        entries(path)
    found = entries(path, plain=True)
    assert [e.raw for e in found] == [kline, b"pong", b'{"topic":"x"}']
    assert {(e.k, e.recv_ns, e.conn) for e in found} == {("recv", None, "")}


def test_a_lone_surrogate_is_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"k":"recv","raw":"a\\ud800b"}\n')
    (entry,) = entries(path)
    with pytest.raises(UnicodeDecodeError):
        entry.raw.decode()


def test_all_recordings_are_readable(recordings: Path) -> None:
    notes = ReadLog()
    kinds: dict[str, int] = {}
    for entry in read([recordings], notes=notes):
        kinds[entry.k] = kinds.get(entry.k, 0) + 1
    assert (notes.bad_lines, notes.truncated) == (0, 0)
    assert kinds["recv"] > 300_000
    assert kinds["rest"] > 100
