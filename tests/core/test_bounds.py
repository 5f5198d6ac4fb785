"""What the engine asks for, how often, and that nothing in it grows without end."""

from __future__ import annotations

import json
from itertools import pairwise

from p9core.engine import Engine
from tests.core.support import RECV, Bench

SECOND = 10**9


def trade(number: int, name: str = "BTCUSDT") -> str:
    return json.dumps(
        {
            "e": "trade",
            "E": 1795305600101,
            "T": 1795305600100,
            "s": name,
            "t": number,
            "p": "87010.1",
            "q": "0.1",
            "m": True,
        }
    )


def diff(first: int, last: int, price: str = "98") -> str:
    return json.dumps(
        {
            "e": "depthUpdate",
            "E": 1795305600205,
            "s": "BTCUSDT",
            "U": first,
            "u": last,
            "b": [[price, "1"]],
            "a": [],
        }
    )


BODY = b'{"lastUpdateId":10,"bids":[["97","1"]],"asks":[["101","1"]]}'


def test_questions_are_asked_again_ever_later() -> None:
    bench = Bench()
    number = bench.numbers["binance:spot", "BTCUSDT"]
    bench.feed("binance:spot", diff(9, 11))
    asked: list[int] = []
    for tenth in range(2000):
        bench.engine.on_timer(RECV + tenth * SECOND // 10)
        for kind, instrument, attempt in bench.engine.take_wants():
            assert (kind, instrument, attempt) == ("snapshot", number, len(asked))
            asked.append(tenth)
    pauses = [later - sooner for sooner, later in pairwise(asked)]
    assert asked[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[0] >= 10
    assert pauses[-1] <= 600, "it gave up"
    assert bench.engine.feed_snapshot(number, RECV, BODY) == ""
    bench.engine.on_timer(RECV + 900 * SECOND)
    assert bench.engine.take_wants() == []


def test_nothing_that_waits_grows_without_end() -> None:
    """Frames before a snapshot, questions and samples are bounded."""
    bench = Bench()
    number = bench.numbers["binance:spot", "BTCUSDT"]
    padding = [[str(price), "1"] for price in range(1, 400)]
    for first in range(1, 30_000):
        frame = json.loads(diff(first, first)) | {"a": padding if first % 10 == 0 else []}
        bench.feed("binance:spot", json.dumps(frame))
        bench.feed("binance:spot", trade(1, "NOPE"))
        bench.feed("binance:spot", diff(first, first, "0.123456789"))
    assert bench.engine.books()[number]["memory_bytes"] < 40 << 20
    assert len(bench.engine.take_wants()) <= 4096
    assert len(bench.engine.samples()) <= 8
    assert all(len(sample["frame"]) <= 4096 for sample in bench.engine.samples())
    assert bench.engine.books()[number]["state"] == "BUFFERING"


def test_snapshots_that_are_refused_ask_a_bounded_number_of_questions() -> None:
    bench = Bench()
    number = bench.numbers["binance:spot", "BTCUSDT"]
    for _ in range(5000):
        bench.engine.feed_snapshot(
            number, RECV, b'{"lastUpdateId":10,"bids":[["0.123456789","1"]],"asks":[]}'
        )
    assert len(bench.engine.take_wants()) <= 4096


def test_few_levels_are_no_trouble() -> None:
    """`depth_levels` below ten: what is wanted whole is at least one level."""
    for levels in (1, 5, 9):
        engine = Engine(epoch=1, sink="lines", depth_levels=levels)
        number = engine.add_instrument(
            "binance:spot", "BTCUSDT", exchange="x", symbol="S", price_step="0.01", qty_step="0.001"
        )
        conn = engine.open_conn("binance:spot")
        engine.feed(conn, RECV, diff(9, 11).encode())
        assert engine.feed_snapshot(number, RECV, BODY, 1) == ""
        engine.feed(conn, RECV + 100 * SECOND, diff(12, 13).encode())
        engine.on_timer(RECV + 100 * SECOND)
        assert engine.take_wants() == [], "a whole level is there"
        gone = json.loads(diff(14, 15)) | {"b": [["98", "0"], ["97", "0"]]}
        engine.feed(conn, RECV + 200 * SECOND, json.dumps(gone).encode())
        engine.on_timer(RECV + 200 * SECOND)
        assert engine.take_wants() == [("snapshot", number, 0)]
