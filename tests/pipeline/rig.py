"""Local venue, real server, pipeline as a process, reader: everything of one trial."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import yaml

import p9
from tests.redis_server import RedisServer, free_port
from tests.venue import Limits, LocalVenue, Timing
from tests.venue.log import TradeRow

from .ledger import Ledger
from .tape import Tape
from .truth import Name

T = TypeVar("T")
MARKETS = (
    ("binance", "spot"),
    ("binance", "linear"),
    ("bybit", "spot"),
    ("bybit", "linear"),
    ("okx", "spot"),
    ("okx", "linear"),
)
SPOTS, PERPS = ("BTCUSDT", "ETHUSDT"), ("BTCUSDT-PERP", "ETHUSDT-PERP")
NAMES = tuple(
    Name(exchange, market, symbol)
    for exchange, market in MARKETS
    for symbol in (SPOTS if market == "spot" else PERPS)
)
LAG_S = 0.25  # keys may lag behind their channels by 100 ms and a tick
FAST = {
    "connection": {"backoff_s": 0.05, "backoff_max_s": 0.3},
    "safety": {
        "liveness": {"depth_s": 3.6, "bbo_s": 30.0, "trade_s": 60.0, "connection_s": 10.0},
        "resync": {"max_per_minute": 600},
    },
    "log": {"level": "info", "format": "json"},
}


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


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


class Rig:
    """`with Rig() as rig:` everything runs, and every book is LIVE."""

    def __init__(
        self,
        *,
        names: tuple[Name, ...] = NAMES,
        config: dict[str, Any] | None = None,
        record: bool = False,
        redis_options: dict[str, Any] | None = None,
        ready: bool = True,
        before: Callable[[Rig], object] | None = None,
        **options: Any,
    ) -> None:
        """`before` is called ahead of the pipeline's start; `ready`: wait until everything is;
        `options` are the venue's."""
        self.names = names
        self._config, self._record, self._ready = config or {}, record, ready
        self._before = before
        self._redis_options, self._options = redis_options or {}, options
        self._ends = contextlib.ExitStack()
        self.http = free_port()
        self.process: Process | None = None
        self.good = True  # the next row may go on with it

    def __enter__(self) -> Rig:
        with contextlib.ExitStack() as ends:
            folder = ends.enter_context(tempfile.TemporaryDirectory(prefix="p9p-"))
            self.folder = Path(folder)
            self.server = ends.enter_context(RedisServer(**self._redis_options))
            self.thread = VenueThread(**self._options)
            ends.callback(self.thread.stop)
            self.venue, self.faults = self.thread.venue, self.thread.venue.faults
            self.tape = Tape(self.server)
            ends.callback(self.tape.stop)
            self.ledger = Ledger(self.tape, self.venue, self.names)
            ends.callback(self._kill)
            if self._before is not None:
                self._before(self)
            self.start()
            if self._ready:
                self.until(self.settled, 15, "everything is ready")
            self._ends = ends.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.close()

    def _kill(self) -> None:
        if self.process is not None:
            self.process.end(signal.SIGKILL)

    def start(self) -> None:
        path = self.folder / "config.yaml"
        symbols = {
            exchange: [n.symbol for n in self.names if n.exchange == exchange]
            for exchange, _ in MARKETS
        }
        exchanges = {
            name: {**rows, "enabled": bool(symbols[name]), "symbols": symbols[name]}
            for name, rows in self.venue.config().items()
        }
        settings = merged(
            FAST,
            {
                "exchanges": exchanges,
                "redis": {"url": self.server.url, "embedded": "never"},
                "http": {"port": self.http},
            },
        )
        path.write_text(yaml.safe_dump(merged(settings, self._config)))
        more = ("--record", str(self.folder / "record")) if self._record else ()
        self.process = Process(self.folder, "run", "-c", str(path), *more)

    # -- asked and waited for ---------------------------------------------------------------

    def get(self, path: str) -> tuple[int, str]:
        """(status, body) of the HTTP face; (0, "") when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def settled(self) -> bool:
        self.look()
        return self.get("/ready")[0] == 200 and not self.ledger.not_live()

    def look(self) -> None:
        """Brings the ledger up to date. Nothing may be wrong with what was read."""
        self.ledger.look(self.thread.call)

    def until(self, done: Callable[[], bool], seconds: float, what: str) -> float:
        """Seconds it took."""
        begun = time.monotonic()
        while not done():
            assert self.process is not None
            late = time.monotonic() - begun > seconds
            if late or not self.process.alive:
                why = f"{self.get('/ready')[1]}\n{self.ledger.not_live()}\n{self.process.tail()}"
                raise AssertionError(f"not after {seconds} s: {what}\n{why}")
            time.sleep(0.03)
        return time.monotonic() - begun

    def run_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(min(0.05, max(0.0, end - time.monotonic())))
            self.look()

    @contextlib.contextmanager
    def standing_still(self, timeout_s: float = 5.0) -> Iterator[None]:
        """The market stands still, and all that the venue sent has been read."""
        rate, self.venue.rate = self.venue.rate, 0.0
        try:
            time.sleep(0.05)
            self.until(self._still, timeout_s, "the tape stands still")
            yield
        finally:
            self.venue.rate = rate

    def _still(self) -> bool:
        before = len(self.tape.heard)
        time.sleep(0.12)
        self.look()
        return len(self.tape.heard) == before

    # -- judged -----------------------------------------------------------------------------

    def missing_trades(self) -> dict[Name, list[TradeRow]]:
        """Since the last question. The market stands still."""
        found = {n: self.ledger.missing_trades(n, self.thread.call) for n in self.names}
        return {name: rows for name, rows in found.items() if rows}

    def check_all(self) -> None:
        """Nothing is missing, and Redis holds what was published; then the pipeline ends."""
        with self.standing_still():
            assert self.missing_trades() == {}
            self.check_redis()
            assert self.process is not None
            assert self.process.end() == 0, self.process.tail()
            self.check_log()

    def check_redis(self) -> None:
        """While the market stands still. A connection may be replaced just then, which makes
        messages: such a look is repeated."""
        for _ in range(4):
            time.sleep(LAG_S)
            self.look()
            faults = self.ledger.redis_faults(self.server)
            if not faults:
                return
        raise AssertionError("\n".join(faults[:10]))

    def check_log(self) -> None:
        """Drained, and nothing went wrong inside."""
        assert self.process is not None
        rows = self.process.rows()
        drained = [row for row in rows if row["msg"] == "drained"]
        assert drained[-1]["unconfirmed"] == 0, drained
        errors = [row for row in rows if row["level"] in ("error", "critical")]
        assert errors == []
        others = [line for line in self.process.log.read_text().splitlines() if line[:1] != "{"]
        assert others == []
