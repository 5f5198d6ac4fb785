"""Local venue, real server, pipeline as a process, reader: everything of one trial."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from p9.config import Config
from tests.redis_server import RedisServer, free_port
from tests.venue.log import TradeRow

from .ledger import Ledger
from .parts import Process, VenueThread
from .tape import Tape
from .truth import Name

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
OF_MARKET = ("trade", "bbo", "depth")  # what the books and trades of a trial are judged by
ALL_FEEDS = {name: {"enabled": True} for name in Config().feeds.enabled()}
FAST = {
    "feeds": {name: {"enabled": name in OF_MARKET} for name in ALL_FEEDS},
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


class Rig:
    """`with Rig() as rig:` everything runs, and every book is LIVE.

    Trades, quotes and books; `config={"feeds": ALL_FEEDS}` for all that there is.
    """

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
        path = self.write()
        more = ("--record", str(self.folder / "record")) if self._record else ()
        self.process = Process(self.folder, "run", "-c", str(path), *more)

    def write(self, *more: dict[str, Any]) -> Path:
        """The configuration, with what is given over it."""
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
        for part in (self._config, *more):
            settings = merged(settings, part)
        path.write_text(yaml.safe_dump(settings))
        return path

    def reload(self, *more: dict[str, Any], text: str = "") -> None:
        """SIGHUP with another configuration: the first one with `more` over it, or this text."""
        path = self.write(*more)
        if text:
            path.write_text(text)
        assert self.process is not None
        self.process.send(signal.SIGHUP)

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
        begun = time.monotonic()
        time.sleep(0.12)
        self.look()
        kinds = {heard.channel.partition(":")[0] for heard in self.tape.since(begun)}
        return not kinds & {*OF_MARKET, "status", "alert"}

    # -- judged -----------------------------------------------------------------------------

    def missing_trades(self, *, late: bool = False) -> dict[Name, list[TradeRow]]:
        """Since the last question. The market stands still."""
        found = {
            name: self.ledger.missing_trades(name, self.thread.call, late=late)
            for name in self.names
        }
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
