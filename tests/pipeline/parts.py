"""The parts of a trial that run beside the test: the venue in a thread, p9 in a process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import p9
from tests.venue import Limits, LocalVenue, Timing

T = TypeVar("T")


class VenueThread:
    """A local venue in a loop of its own; `call` runs something there."""

    def __init__(self, **options: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        free = Limits(connects={})
        options = {
            "rate": 400,
            "limits": free,
            "log_limit": 200_000,
            "max_levels": 150,
            "timing": Timing(depth_s=0.05),
            "control": False,
            **options,
        }
        self.venue = LocalVenue(**options)
        self.wait(self.venue.start())

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def call(self, action: Callable[[], T]) -> T:
        async def inside() -> T:
            return action()

        found: T = self.wait(inside())
        return found

    def stop(self) -> None:
        self.wait(self.venue.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


class Process:
    """`python -m p9 ...` in a folder of its own."""

    def __init__(self, folder: Path, *words: str, **environ: str) -> None:
        self.log = folder / "stderr"
        package = str(Path(p9.__file__).parent.parent)
        self.begun = time.monotonic()
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "p9", *words],
                cwd=folder,
                stdout=out,
                stderr=out,
                env={**os.environ, "PYTHONPATH": package, **environ},
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self, number: int = signal.SIGTERM, timeout_s: float = 15.0) -> int:
        """Exit status."""
        if self.alive:
            self._process.send_signal(number)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"does not end:\n{self.tail()}") from None

    def wait(self, timeout_s: float = 30.0) -> int:
        return self._process.wait(timeout_s)

    def rows(self) -> list[dict[str, Any]]:
        """The log lines that are JSON."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text().splitlines()[-lines:])
