"""Binance: trades and aggregates, order of best prices, variants, snapshots, digits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from p9core.engine import Engine
from tests.core.support import RECV, Bench
from tests.models.book import Reader
from tests.models.numbers import units

SPOT, LINEAR = "binance:spot", "binance:linear"


def trade(number: int, qty: str = "0.001", **fields: Any) -> str:
    return json.dumps(
        {
            "e": "trade",
            "E": 1795305600101,
            "T": 1795305600100 + number,
            "s": "BTCUSDT",
            "t": number,
            "p": "87010.1",
            "q": qty,
            "m": True,
            **fields,
        }
    )


def depth(endpoint: str, first: int, last: int, prev: int, bids: Any = (), asks: Any = ()) -> str:
    data = {
        "e": "depthUpdate",
        "E": 1795305600205,
        "s": "BTCUSDT",
        "U": first,
        "u": last,
        "b": bids,
        "a": asks,
    }
    if endpoint == LINEAR:
        data |= {"T": 1795305600199, "pu": prev}
    return json.dumps(data)


def body(last_id: int, bids: Any = (("99", "1"),), asks: Any = (("101", "1"),)) -> bytes:
    return json.dumps(
        {"lastUpdateId": last_id, "E": 1, "T": 1, "bids": bids, "asks": asks}
    ).encode()


def said(bench: Bench) -> list[dict[str, Any]]:
    return [json.loads(text) for _, text in bench.data()]


def best(u: int, bid: str, time: int | None = None) -> str:
    return json.dumps(
        {"u": u, "s": "BTCUSDT", "b": bid, "B": "1", "a": "200", "A": "2"}
        | ({"e": "bookTicker", "E": time, "T": time} if time else {})
    )


def test_best_prices_never_go_back() -> None:
    bench = Bench()
    for u in (5, 6, 6, 4, 9):
        bench.feed(SPOT, best(u, str(u)))
    assert [message["bid"] for message in said(bench)] == [5, 6, 9]
    for u, time in (
        (5, 1795305600001),
        (6, 1795305600002),
        (5, 1795305600001),
        (2, 1795305600003),
        (3, 1795305600004),
    ):
        bench.feed(LINEAR, best(u, str(u), time))
    # a lower id with a later time is a venue that began again
    assert [message["bid"] for message in said(bench)] == [5, 6, 2, 3]


def test_speeds_of_a_diff_stream_never_mix() -> None:
    bench = Bench()
    number = bench.numbers[LINEAR, "BTCUSDT"]
    for stream, first, last, prev in (
        ("100ms", 6, 10, 5),
        ("500ms", 2, 12, 1),
        ("100ms", 11, 15, 10),
    ):
        data = depth(LINEAR, first, last, prev, [["90", "1"]])
        bench.feed(LINEAR, f'{{"stream":"btcusdt@depth@{stream}","data":{data}}}')
    assert bench.engine.feed_snapshot(number, RECV, body(7)) == ""
    assert bench.engine.books()[number]["last_id"] == 15
    assert bench.count(LINEAR, "other_variant") == 1
    assert bench.count(LINEAR, "depth_gaps") == 0


# What is held, as (U, u, pu); the snapshot's id; what is said of it.
BRIDGES = [
    (SPOT, [(11, 20, 0)], 15, ""),
    (SPOT, [(11, 20, 0)], 10, ""),
    (SPOT, [(11, 20, 0)], 9, "stale"),
    (SPOT, [(11, 20, 0)], 20, ""),
    (SPOT, [(11, 20, 0)], 25, ""),
    (SPOT, [(11, 20, 0), (21, 30, 0)], 20, ""),
    (SPOT, [(11, 20, 0), (22, 30, 0), (31, 35, 0)], 15, "stale"),
    (SPOT, [(11, 20, 0), (22, 30, 0), (31, 35, 0)], 22, ""),
    (LINEAR, [(13, 20, 10)], 15, ""),
    (LINEAR, [(13, 20, 10)], 13, ""),
    (LINEAR, [(13, 20, 10)], 11, ""),
    (LINEAR, [(13, 20, 10)], 10, ""),
    (LINEAR, [(13, 20, 10)], 9, "stale"),
    (LINEAR, [(13, 20, 10)], 20, ""),
    (LINEAR, [(13, 20, 10)], 25, ""),
    (LINEAR, [(13, 20, 10), (27, 30, 20)], 20, ""),
    (LINEAR, [(13, 20, 10), (27, 30, 20)], 24, ""),
    (LINEAR, [(13, 20, 10), (27, 30, 21)], 15, "stale"),
]


@pytest.mark.parametrize(("endpoint", "held", "snapshot", "answer"), BRIDGES)
def test_a_snapshot_bridges_or_is_refused(
    endpoint: str, held: list[tuple[int, int, int]], snapshot: int, answer: str
) -> None:
    """5.1 and 5.2: dropped is what the snapshot includes, the first kept update must link."""
    bench = Bench()
    number = bench.numbers[endpoint, "BTCUSDT"]
    for first, last, prev in held:
        bench.feed(endpoint, depth(endpoint, first, last, prev, [[str(last), "1"]]))
    assert bench.engine.feed_snapshot(number, RECV, body(snapshot)) == answer
    assert answer == "" or bench.engine.book_state(number) == "BUFFERING"
    newest = held[-1][1]
    bench.feed(endpoint, depth(endpoint, newest + 1, 40, newest, [["40", "1"]]))
    reader = Reader()
    for _, text in bench.data():
        reader.take(text)
    if answer == "stale":
        assert not reader.live
        return
    assert (bench.engine.book_state(number), reader.last_id) == ("LIVE", 40)
    applied = {str(last) for _, last, _ in held if last > snapshot} | {"40", "99"}
    assert set(reader.bids) == {units(price) for price in applied}
    assert bench.count(endpoint, "depth_gaps") == 0


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"lastUpdateId":5,"bids":[]}',
        b'{"bids":[],"asks":[]}',
        b'{"lastUpdateId":-5,"bids":[],"asks":[]}',
        b'{"lastUpdateId":"x","bids":[],"asks":[]}',
        b'{"lastUpdateId":5,"bids":[["1"]],"asks":[]}',
        b'{"lastUpdateId":5,"bids":{},"asks":[]}',
        b'{"lastUpdateId":5,"bids":[["1","-1"]],"asks":[]}',
        b'{"code":-1121,"msg":"Invalid symbol."}',
        b'{"lastUpdateId":5,"bids":[["1","1e-30"]],"asks":[]}',
        b"<html>502</html>",
        b"\xff\xfe",
        b'{"lastUpdateId":5,"bids":[["1","1"]],"asks":[["2","1"]]',
        body(5)[:-1] + b"}}",
    ],
)
def test_a_body_that_is_no_book_is_refused_with_its_reason(text: bytes) -> None:
    bench = Bench()
    number = bench.numbers[SPOT, "BTCUSDT"]
    bench.feed(SPOT, depth(SPOT, 1, 9, 0))
    answer = bench.engine.feed_snapshot(number, RECV, text)
    assert answer.startswith("reject.")
    assert bench.count(SPOT, answer) == 1
    assert bench.engine.book_state(number) == "BUFFERING"
    assert bench.engine.feed_snapshot(number, RECV, body(5)) == "", "the held frames are gone"


FRAMES = [
    depth(SPOT, 1, 2, 0, [["99.5", "1"]]),
    depth(SPOT, 3, 4, 0, [["99.25", "1.000"]], [["101.00000001", "3"]]),
    trade(1, "0.5"),
    trade(2, "0.00000025", p="1.5e-7"),
    trade(3, "3"),
    best(9, "99.123"),
    depth(SPOT, 5, 6, 0, [["99.50", "0.00000000"]], [["101.00000001", "10"]]),
    trade(4, "10000000000000"),
    depth(SPOT, 7, 8, 0, [["0.000000000001", "1"]]),
]


def test_learned_digits_change_no_text() -> None:
    """Digits that grow on the way give the same messages as digits known from the start."""
    texts = []
    for steps in (None, "0.000000000001"):
        engine = Engine(epoch=7, sink="lines", learn=steps is None)
        number = engine.add_instrument(
            SPOT,
            "BTCUSDT",
            exchange="x",
            symbol="S",
            price_step=steps,
            qty_step=steps and "0.00001",
        )
        conn = engine.open_conn(SPOT)
        if steps:  # sizes of 1e13 leave six decimals; 2.5e-7 needs eight
            engine.add_instrument(
                SPOT,
                "BTCUSDT",
                exchange="x",
                symbol="S",
                price_step=steps,
                qty_step=steps and "0.00000001",
            )
        engine.feed(conn, RECV, FRAMES[0].encode())
        assert engine.feed_snapshot(number, RECV, body(1)) == ""
        lines = []
        for frame in FRAMES[1:]:
            engine.feed(conn, RECV, frame.encode())
            lines += engine.take_lines().splitlines()
        texts.append([line for line in lines if not line.startswith(b"status")])
        assert engine.counters()[SPOT].get("reject.overflow", 0) == 1  # 1e13 at eight decimals
    assert texts[0] == texts[1]


def test_digits_beyond_the_known_are_refused_and_the_book_is_not_served() -> None:
    bench = Bench()
    number = bench.numbers[SPOT, "BTCUSDT"]
    bench.feed(SPOT, depth(SPOT, 1, 5, 0))
    assert bench.engine.feed_snapshot(number, RECV, body(5)) == ""
    bench.data()
    bench.feed(SPOT, depth(SPOT, 6, 7, 0, [["98.001", "1"]]))
    assert bench.counts(SPOT)["reject.surplus_digits"] == 1
    assert ("instruments", number, 0) in bench.engine.take_wants()
    assert bench.engine.book_state(number) != "LIVE", "an update is lost, the book goes on"
    assert [json.loads(text).get("invalid") for _, text in bench.data()] == [True]
    bench.engine.add_instrument(
        SPOT,
        "BTCUSDT",
        exchange="binance",
        symbol="BTCUSDT",
        price_step="0.001",
        qty_step="0.00001",
    )
    bench.feed(SPOT, depth(SPOT, 8, 9, 0, [["98.001", "1"]]))
    assert bench.engine.feed_snapshot(number, RECV, body(8)) == ""
    assert bench.engine.book_state(number) == "LIVE"
    assert '"bids":[[99,1],[98.001,1]]' in bench.data()[-1][1]


@pytest.mark.parametrize("qty", ["1e-25", "0.0000000000000000001", "1e-19"])
def test_an_absurd_number_does_not_spoil_the_instrument(qty: str) -> None:
    """What is asked for anew after it comes in, and frames go on as before."""
    bench = Bench()
    bench.feed(SPOT, trade(1, qty))
    assert bench.counts(SPOT) == {"reject.surplus_digits": 1}
    bench.engine.add_instrument(
        SPOT, "BTCUSDT", exchange="binance", symbol="BTCUSDT", price_step="0.01", qty_step="0.00001"
    )
    bench.feed(SPOT, trade(2, "10000000000000"))
    assert [message["qty"] for message in said(bench)] == [10**13]
