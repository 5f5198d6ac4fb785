"""What the tests of bad input share: live books to be left alone, and counts of refusals."""

from __future__ import annotations

import json

from tests.core.golden import CONTROLS, GOLDEN
from tests.core.support import RECV, Bench

ENDPOINTS = ["binance:spot", "binance:linear", "bybit:spot", "bybit:linear", "okx"]
BODY = b'{"lastUpdateId":10,"bids":[["97","1"]],"asks":[["101","1"]]}'
LIVE = {
    "binance:spot": (
        "BTCUSDT",
        '{"e":"depthUpdate","E":1795305600205,"s":"BTCUSDT","U":9,"u":11,"b":[],"a":[]}',
    ),
    "bybit:linear": (
        "SOLUSDT",
        '{"topic":"orderbook.50.SOLUSDT","type":"snapshot","ts":1795305600123,"data":{"s":"SOLUSDT","b":[["97","1"]],"a":[["101","1"]],"u":11,"seq":1}}',
    ),
    "okx": (
        "BTC-USDT-SWAP",
        '{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"action":"snapshot","data":[{"asks":[["101","1","0","1"]],"bids":[["97","1","0","1"]],"ts":"1790000000200","checksum":0,"prevSeqId":-1,"seqId":11}]}',
    ),
}


def frames_of(endpoint: str) -> list[str]:
    return [golden.frame for golden in GOLDEN if golden.endpoint == endpoint] + [
        frame for where, frame, _ in CONTROLS if where == endpoint
    ]


def is_json(frame: bytes) -> bool:
    try:
        json.loads(frame)
    except (ValueError, RecursionError):
        return False
    return True


def rejected(bench: Bench, endpoint: str) -> int:
    counts = bench.engine.counters()[endpoint]
    return sum(count for name, count in counts.items() if name.startswith("reject."))


def live_bench() -> Bench:
    """One live book a venue."""
    bench = Bench()
    for endpoint, (name, frame) in LIVE.items():
        bench.feed(endpoint, frame)
        if endpoint.startswith("binance"):
            bench.engine.feed_snapshot(bench.numbers[endpoint, name], RECV, BODY)
        assert bench.engine.book_state(bench.numbers[endpoint, name]) == "LIVE"
    bench.lines()
    return bench
