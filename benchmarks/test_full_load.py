"""Every feed of fifty symbols at three venues under full load: the pipeline as its users run it, a
process of its own, beside the local venue and a Valkey. Figures are those of its own summary."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.contest import NOTES, is_short, rounds
from benchmarks.test_end_to_end import ROOT, local_venue
from tests.redis_server import RedisServer

RATE = 20_000  # messages a second, all venues, besides the slower streams
SYMBOLS = 50
PERIOD_S = 5.0
SETTLE = 2  # periods
P99_BUDGET_MS = 5.0
RSS_BUDGET_MB = 400.0


def symbols() -> list[str]:
    return ["BTCUSDT-PERP", "ETHUSDT-PERP"] + [
        f"SYM{number:03d}USDT-PERP" for number in range(1, SYMBOLS - 1)
    ]


def summaries(exchanges: dict[str, object], redis_url: str, periods: int) -> list[dict[str, Any]]:
    """The summary lines of a run."""
    settings = {
        "symbols": symbols(),
        "exchanges": exchanges,
        "redis": {"url": redis_url, "embedded": "never"},
        "http": {"enabled": False},
        "log": {"format": "json", "summary_s": PERIOD_S},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "full.yaml")
        path.write_text(json.dumps(settings))
        seconds = str((SETTLE + periods) * PERIOD_S + 2)
        command = [sys.executable, "-m", "p9", "run", "-c", str(path), "--duration", seconds]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    return [line for line in lines if line["msg"] == "summary"]


def test_full_load(benchmark: BenchmarkFixture, pytestconfig: pytest.Config) -> None:
    periods = int(os.environ.get("P9_BENCH_FULL_PERIODS", "4"))
    found: list[dict[str, Any]] = []
    with local_venue(RATE, SYMBOLS) as exchanges, RedisServer() as server:

        def run() -> None:
            found.extend(summaries(exchanges, server.url, periods))

        rounds(benchmark, run, 1)
    rows = found[SETTLE:]
    assert len(rows) >= periods - 1
    p99s = [row["latency_p99_ms"] for row in rows]
    frames, confirmed = (
        statistics.mean(row[key] for row in rows) for key in ("frames_s", "confirmed")
    )
    NOTES.append(
        f"{SYMBOLS} symbols at 3 venues, every feed: {frames:,.0f} frames/s in, "
        f"{confirmed / PERIOD_S:,.0f} messages/s confirmed"
    )
    NOTES.append(
        f"  receive to confirmed, ms, by period of {PERIOD_S:g} s: p99 "
        f"{', '.join(f'{p99:.2f}' for p99 in p99s)} (promise: {P99_BUDGET_MS:g})"
    )
    NOTES.append(
        f"  queue {[row['queue'] for row in rows]}, loop lag at most "
        f"{max(row['loop_lag_ms'] for row in rows)} ms, "
        f"{max(row['memory_mb'] for row in rows)} MiB (promise: {RSS_BUDGET_MB:g})"
    )
    assert all(row["books_live"] == f"{3 * SYMBOLS}/{3 * SYMBOLS}" for row in rows)
    assert max(row["memory_mb"] for row in rows) < RSS_BUDGET_MB
    assert rows[-1]["queue"] < confirmed / PERIOD_S  # not a second behind
    if not is_short(pytestconfig):
        # in short form, on a machine with other work, the table says it
        assert frames > 0.9 * RATE, "the venue did not send what was asked"
        assert statistics.median(p99s) < P99_BUDGET_MS
