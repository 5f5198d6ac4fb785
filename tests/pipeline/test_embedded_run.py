"""With nothing prepared the pipeline brings its own server, and takes it away again."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import yaml

from tests.redis_server import free_port

from .parts import Process, VenueThread
from .rig import merged


@pytest.fixture
def venue() -> Iterator[VenueThread]:
    thread = VenueThread(rate=300)
    yield thread
    thread.stop()


def test_the_embedded_server_lives_as_long_as_the_pipeline(
    venue: VenueThread, tmp_path: Path
) -> None:
    port = free_port()
    path = tmp_path / "config.yaml"
    path.write_text(
        yaml.safe_dump(
            merged(
                {"exchanges": venue.venue.config()},
                {
                    "redis": {"url": f"redis://127.0.0.1:{port}/0", "embedded": "always"},
                    "http": {"port": 0},
                    "log": {"format": "json"},
                },
            )
        )
    )
    before = 0
    for _ in range(2):
        process = Process(tmp_path, "run", "-c", str(path), P9_EMBEDDED_DIR=str(tmp_path / "data"))
        try:
            begun = time.monotonic()
            while trades(port) < before + 10:
                assert process.alive, process.tail()
                assert time.monotonic() - begun < 10, process.tail()
                time.sleep(0.05)
            before = trades(port)  # kept over the restart
            with redis.Redis(port=port) as client:
                assert client.config_get("appendonly") == {"appendonly": "yes"}
                assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
                assert set(client.config_get("bind")["bind"].split()) <= {"127.0.0.1", "::1"}
        finally:
            status = process.end()
        assert status == 0, process.tail()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), 1).close()
        drained = [row for row in process.rows() if row["msg"] == "drained"]
        assert drained[-1]["unconfirmed"] == 0


def trades(port: int) -> int:
    with contextlib.suppress(redis.RedisError), redis.Redis(port=port) as client:
        return int(client.xlen("log:trade:binance:BTCUSDT"))
    return 0
