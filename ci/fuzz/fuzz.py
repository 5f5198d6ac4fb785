"""Fuzzes the decoders and what stands behind them: `fuzz.py [--seconds 60] [--seed N]`.

Valid streams, golden and recorded frames, and damaged ones of all of them go into engines of all
kinds, by copy, in place and over a socket, together with snapshots, timers and lost connections.
Nothing may be raised and every frame is counted; what is published is JSON, numbered without a
gap, and the books that it describes are the books that the engine holds.

Where the p9core at hand is no sanitized build, one is made first, from the sources beside this
file. The same seed does the same; `--seed N --episode M` repeats one episode by itself. Exit 1: a
failure, what was being done shown as hex.
"""

from __future__ import annotations

import argparse
import mmap
import os
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import deque
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # not there under -P

import fuzz_build  # noqa: E402

# Of one entry at most this much is kept for the report.
KEPT_BYTES = 4 << 20
KEPT_ENTRIES = 12
# An entry may take this long, sanitizers and all, before it counts as a hang.
HANG_S = 60.0
HEAD = struct.Struct("qqqd")  # episode, entry, size, time of the beginning


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fuzzes the decoders under sanitizers.")
    parser.add_argument(
        "--seconds", type=float, default=float(os.environ.get("P9_FUZZ_SECONDS", "60"))
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--episode", type=int, help="this one alone")
    parser.add_argument("--keep", type=Path, help="a folder that keeps the sanitized build")
    parser.add_argument("--unsanitized", action="store_true", help="with whatever is installed")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


class Journal:
    """What is being done, where it outlives a crash; and the entries before it."""

    def __init__(self, work: Path) -> None:
        path = work / "journal"
        if not path.exists():
            path.write_bytes(bytes(HEAD.size + KEPT_BYTES))
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), HEAD.size + KEPT_BYTES)
        self.entry = 0
        self.episode = 0
        self.trail: deque[bytes] = deque(maxlen=KEPT_ENTRIES)

    def note(self, what: bytes) -> None:
        self.entry += 1
        what = what[:KEPT_BYTES]
        self.trail.append(what)
        self.map[: HEAD.size] = HEAD.pack(self.episode, self.entry, len(what), time.time())
        self.map[HEAD.size : HEAD.size + len(what)] = what

    def read(self) -> tuple[int, int, bytes, float]:
        episode, entry, size, began = HEAD.unpack(self.map[: HEAD.size])
        return episode, entry, self.map[HEAD.size : HEAD.size + size], began


def child(args: argparse.Namespace) -> int:
    """Episodes until the time is up; 1 at the first that fails."""
    from fuzz_episode import run_episode
    from fuzz_frames import Seeds
    from fuzz_inplace import load

    journal = Journal(args.work)
    in_place = load(args.work)
    seeds = Seeds()
    journal.episode = args.episode or 0
    frames = done = 0
    ends = time.monotonic() + args.seconds
    while done == 0 or (args.episode is None and time.monotonic() < ends):
        try:
            random = Random(f"{args.seed} {journal.episode}")
            frames += run_episode(random, seeds, journal.note, in_place)
        except Exception:  # whatever it is: nothing may be raised
            traceback.print_exc()
            print("the entries before:")
            for what in journal.trail:
                print(what.hex())
            return 1
        done += 1
        journal.episode += 1
    print(f"fuzz: {frames} frames, 0 failures ({done} episodes, seed {args.seed})")
    return 0


def parent(args: argparse.Namespace, work: Path) -> int:
    """Sees to a sanitized build, runs the child, and says what it did where it did not end."""
    env = dict(os.environ)
    folder, sanitized = fuzz_build.core(env)
    if not args.unsanitized:
        if not sanitized:
            library = fuzz_build.sanitized_core(args.keep or work)
            env["PYTHONPATH"] = str(library)
            folder = library / "p9core"
        env.update(fuzz_build.OPTIONS)
        env["LD_PRELOAD"] = fuzz_build.preload()
    fuzz_build.in_place_module(work, folder, sanitize=not args.unsanitized)
    journal = Journal(work)
    script = str(Path(__file__).resolve())
    command = [sys.executable, "-P", script, *sys.argv[1:], "--work", str(work)]
    process = subprocess.Popen(command, env=env)
    hung = False
    while process.poll() is None:
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            began = journal.read()[3]
            if began and time.time() - began > HANG_S:
                hung = True
                process.kill()
    if process.returncode == 0:
        return 0
    episode, entry, what, _ = journal.read()
    reason = f"no end after {HANG_S:g} s" if hung else f"exit status {process.returncode}"
    print(f"fuzz: FAILED ({reason}), seed {args.seed}, episode {episode}, entry {entry}:")
    print(what.hex())
    print(f"fuzz: again with: --seed {args.seed} --episode {episode}", flush=True)
    return 1


def main() -> int:
    args = arguments()
    if args.work is not None:
        return child(args)
    with tempfile.TemporaryDirectory(prefix="p9-fuzz-") as work:
        return parent(args, Path(work))


if __name__ == "__main__":
    sys.exit(main())
