"""What the tests of replay share: small recordings, and what comes of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from p9.config import Config
from p9.recording import ReadLog
from p9.replay.command import Options, core_settings, engine_factory
from p9.replay.feed import EngineFactory, Replay, entries_of
from p9core.engine import Engine

T0 = 1_700_000_000_000_000_000
MS = 1_000_000
SPOT_WS = "wss://stream.binance.com:9443/stream"
LINEAR_WS = "wss://fstream.binance.com/public/stream"
SPOT_DEPTH = "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=5000"
Row = dict[str, Any]


# --- frames --------------------------------------------------------------------------------


def binance(stream: str, **fields: object) -> str:
    return json.dumps({"stream": f"btcusdt@{stream}", "data": {"s": "BTCUSDT", **fields}})


def trade(number: int, price: str = "42000.10") -> str:
    return binance(
        "trade", e="trade", E=1_700_000_000_000, t=number, p=price, q="0.5",
        T=1_700_000_000_000 + number, m=False, M=True,
    )  # fmt: skip


def depth(first: int, last: int, bids: list[list[str]]) -> str:
    return binance(
        "depth@100ms", e="depthUpdate", E=1_700_000_000_000, U=first, u=last, b=bids, a=[]
    )


def body(last: int) -> str:
    return json.dumps(
        {"lastUpdateId": last, "bids": [["42000.10", "1"]], "asks": [["42000.2", "2"]]}
    )


def recv(raw: str, at_ms: int | None = 0, **more: Any) -> Row:
    row: Row = {"k": "recv", "raw": raw, **more}
    return row if at_ms is None else {**row, "recv_ns": T0 + at_ms * MS}


def rest(url: str, raw: str, at_ms: int | None = 0, **more: Any) -> Row:
    return {**recv(raw, at_ms, **more), "k": "rest", "url": url}


def connect(conn: str, url: str, at_ms: int = 0, **more: Any) -> Row:
    return {"k": "connect", "conn": conn, "url": url, "recv_ns": T0 + at_ms * MS, **more}


BOOK = [
    connect("a", SPOT_WS),
    recv(depth(9, 11, []), 1, conn="a"),
    rest(SPOT_DEPTH, body(10), 2),
    recv(depth(12, 13, [["42000.0", "3"]]), 3, conn="a"),
]


def write(path: Path, rows: list[Row]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def replayed(
    *paths: Path, endpoint: str | None = None, engine_of: EngineFactory | None = None
) -> tuple[Replay, dict[str, list[Row]]]:
    """The replay, and its messages by channel."""
    engine_of = engine_of or engine_factory("lines", core_settings(Config()))
    replay = Replay(engine_of, endpoint=endpoint)
    for entry in entries_of([str(path) for path in paths], endpoint, ReadLog()):
        replay.step(entry)
    return replay, messages(replay.engine.take_lines())


def messages(output: bytes) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for line in output.decode().splitlines():
        channel, _, text = line.partition(" ")
        found.setdefault(channel, []).append(json.loads(text))
    return found


class Calls(list[tuple[Any, ...]]):
    """What an engine was told, in order; `of` makes engines that note it here."""

    def of(self, resolver: Any, settings: Row, learn: bool) -> Engine:
        calls = self

        class Noted(Engine):
            def on_timer(self, now_ns: int) -> None:
                calls.append(("tick", now_ns - T0))
                super().on_timer(now_ns)

            def feed(self, conn: int, recv_ns: int, frame: bytes) -> Any:
                calls.append(("feed", conn, recv_ns - T0 if recv_ns else 0))
                return super().feed(conn, recv_ns, frame)

            def open_conn(self, endpoint: str) -> int:
                calls.append(("open", endpoint))
                return super().open_conn(endpoint)

            def close_conn(self, conn: int, now_ns: int) -> None:
                calls.append(("close", conn, now_ns - T0))
                super().close_conn(conn, now_ns)

            def invalidate(self, instrument: int, reason: str, now_ns: int, conn: int = -1) -> None:
                calls.append(("invalidate", instrument, reason, now_ns - T0))
                super().invalidate(instrument, reason, now_ns, conn)

        calls.append(("made", settings, learn))
        return Noted(epoch=1, sink="lines", learn=learn, resolver=resolver)


def options(*paths: Path, **more: Any) -> Options:
    return Options(paths=tuple(map(str, paths)), **more)
