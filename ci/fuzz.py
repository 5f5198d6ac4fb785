"""Fuzzes the decoders and what stands behind them: `fuzz.py [--seconds 60] [--seed N]`.

Valid streams, golden and recorded frames, and damaged ones of all of them go into engines of all
kinds, together with snapshots, timers and lost connections. After each entry nothing may have
been raised and every frame is counted; what was published is JSON, numbered without a gap, and
the books that it describes are the books that the engine holds.

Where the installed p9core is no sanitized build, one is made first, from the sources beside this
file, and used under libasan. The same seed does the same; an episode is repeated by itself with
`--seed N --episode M`. Exit 1: a failure, the entry shown as hex.
"""

from __future__ import annotations

import argparse
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LIBRARIES = ("libasan.so", "libubsan.so", "libstdc++.so")
SANITIZER_OPTIONS = {
    # Python's own allocations at its end are no leaks of ours
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "PYTHONMALLOC": "malloc",
}
# One entry at most this large is kept for the report.
KEPT_BYTES = 4 << 20
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
    parser.add_argument("--build", type=Path, help="where a sanitized build is kept")
    parser.add_argument("--unsanitized", action="store_true", help="with whatever is installed")
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


# --- the child: episodes ---------------------------------------------------------------------


class Journal:
    """What is being done, where it outlives a crash."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), HEAD.size + KEPT_BYTES)
        self.entry = 0

    def note(self, episode: int, what: bytes) -> None:
        self.entry += 1
        what = what[:KEPT_BYTES]
        self.map[: HEAD.size] = HEAD.pack(episode, self.entry, len(what), time.time())
        self.map[HEAD.size : HEAD.size + len(what)] = what

    def read(self) -> tuple[int, int, bytes, float]:
        episode, entry, size, began = HEAD.unpack(self.map[: HEAD.size])
        return episode, entry, self.map[HEAD.size : HEAD.size + size], began


def child(args: argparse.Namespace, log: Path) -> int:
    """Episodes until the time is up; 1 at the first that fails."""
    from fuzz_episode import Seeds, run_episode

    journal = Journal(log)
    seeds = Seeds()
    episode = args.episode or 0
    frames = 0
    ends = time.monotonic() + args.seconds
    while True:
        random = Random(f"{args.seed} {episode}")
        try:
            frames += run_episode(random, seeds, lambda what, at=episode: journal.note(at, what))
        except Exception:  # whatever it is: nothing may be raised
            traceback.print_exc()
            return 1
        episode += 1
        if args.episode is not None or time.monotonic() >= ends:
            break
    print(f"fuzz: {frames} frames, 0 failures ({episode} episodes, seed {args.seed})")
    return 0


# --- the parent: a build, and who reports a crash ----------------------------------------------


def is_sanitized() -> bool:
    """Whether the p9core that would be imported is built with sanitizers."""
    code = "from p9core._buildinfo import BUILD; print(BUILD['flags'])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False
    )
    return "sanitize" in done.stdout


def sanitized_build(keep: Path | None) -> Path:
    """Builds the sources beside this file; returns the folder to import from."""
    work = keep or Path(tempfile.mkdtemp(prefix="p9-fuzz-"))
    source = work / "source"
    shutil.copytree(
        ROOT / "p9core",
        source / "p9core",
        ignore=shutil.ignore_patterns("*.so", "__pycache__", "_buildinfo.py"),
        dirs_exist_ok=True,
    )
    (source / "p9").mkdir(exist_ok=True)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "p9/__init__.py"):
        shutil.copy2(ROOT / name, source / name)
    print("fuzz: building p9core with sanitizers", flush=True)
    command = [sys.executable, "setup.py", "-q", "build", "--build-lib", str(work / "lib")]
    subprocess.run(
        command, cwd=source, env={**os.environ, "P9_SANITIZE": "1"}, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return work / "lib"


def library(name: str) -> str:
    compiler = os.environ.get("CXX", "g++").split()[0]
    found = subprocess.run(
        [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def parent(args: argparse.Namespace) -> int:
    env = dict(os.environ)
    built: Path | None = None
    if not args.unsanitized:
        if not is_sanitized():
            built = sanitized_build(args.build)
            env["PYTHONPATH"] = str(built)
        env.update(SANITIZER_OPTIONS)
        env["LD_PRELOAD"] = " ".join(map(library, LIBRARIES))
    try:
        return watched(args, env)
    finally:
        if built is not None and args.build is None:
            shutil.rmtree(built.parent, ignore_errors=True)


def watched(args: argparse.Namespace, env: dict[str, str]) -> int:
    """Runs the child; reports what it was doing where it does not come to its end."""
    with tempfile.NamedTemporaryFile(prefix="p9-fuzz-") as file:
        file.truncate(HEAD.size + KEPT_BYTES)
        journal = Journal(Path(file.name))
        command = [sys.executable, "-P", str(Path(__file__).resolve()), *sys.argv[1:]]
        process = subprocess.Popen([*command, "--log", file.name], env=env)
        hung = False
        while True:
            try:
                status = process.wait(timeout=5)
                break
            except subprocess.TimeoutExpired:
                began = journal.read()[3]
                if began and time.time() - began > HANG_S:
                    hung = True
                    process.kill()
        if status == 0:
            return 0
        episode, entry, what, _ = journal.read()
        reason = f"no end after {HANG_S:g} s" if hung else f"exit status {status}"
        print(f"fuzz: FAILED ({reason}), seed {args.seed}, episode {episode}, entry {entry}:")
        print(what.hex())
        print(f"fuzz: again with: --seed {args.seed} --episode {episode}", flush=True)
        return 1


def main() -> int:
    args = arguments()
    run: Callable[[], int] = lambda: parent(args)  # noqa: E731
    if args.log is not None:
        sys.path.insert(0, str(HERE))
        run = lambda: child(args, args.log)  # noqa: E731
    return run()


if __name__ == "__main__":
    sys.exit(main())
