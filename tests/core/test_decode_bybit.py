"""Bybit: windows, restarts, variants, fills, repeats."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.support import RECV, Bench
from tests.models.book import Reader

SPOT, LINEAR = "bybit:spot", "bybit:linear"


def book(
    u: int,
    bids: Any = (),
    asks: Any = (),
    *,
    snapshot: bool = False,
    depth: int = 50,
    seq: int | None = None,
    cts: int = 1795305600119,
) -> str:
    return json.dumps(
        {
            "topic": f"orderbook.{depth}.SOLUSDT",
            "type": "snapshot" if snapshot else "delta",
            "ts": cts + 4,
            "data": {
                "s": "SOLUSDT",
                "b": bids,
                "a": asks,
                "u": u,
                "seq": u if seq is None else seq,
            },
            "cts": cts,
        }
    )


def prints(*ids: str, **fields: Any) -> str:
    return json.dumps(
        {
            "topic": "publicTrade.SOLUSDT",
            "type": "snapshot",
            "ts": 1795305600301,
            "data": [
                {
                    "T": 1795305600298,
                    "s": "SOLUSDT",
                    "S": "Sell",
                    "v": "2.5",
                    "p": "181.42",
                    "L": "MinusTick",
                    "i": id,
                    "BT": False,
                    "RPI": False,
                    "seq": 9,
                    **fields,
                }
                for id in ids
            ],
        }
    )


START = book(10, [["99", "1"], ["98", "2"]], [["101", "1"]], snapshot=True)


class Line:
    """A bench whose depth messages go to a reader."""

    def __init__(self, endpoint: str = LINEAR) -> None:
        self.bench, self.endpoint, self.reader = Bench(), endpoint, Reader()
        self.number = self.bench.numbers[endpoint, "SOLUSDT"]

    def feed(self, frame: str) -> str:
        """The state after the frame."""
        self.bench.feed(self.endpoint, frame)
        for channel, text in self.bench.data():
            if channel.startswith("depth"):
                self.reader.take(text)
        state = self.bench.engine.book_state(self.number)
        assert self.reader.live == (state == "LIVE")
        return state


def test_updates_chain_and_repeats_are_dropped() -> None:
    line = Line()
    assert line.feed(book(9, [["90", "1"]])) == "BUFFERING"
    assert line.feed(START) == "LIVE"
    assert line.feed(book(11, [["99", "0"]])) == "LIVE"
    for old in (11, 10, 3):
        assert line.feed(book(old, [["98", "0"]])) == "LIVE"
    assert line.bench.counts(LINEAR) == {"waiting": 1, "duplicates": 3}
    assert len(line.reader.bids) == 1
    assert line.feed(book(13, [["97", "1"]])) == "INVALID"
    assert line.reader.reason == "gap"
    assert line.feed(book(14, [["96", "1"]])) == "INVALID"
    line.bench.engine.on_timer(RECV)
    assert line.bench.engine.take_wants() == [("resubscribe", line.number, 0)]
    line.bench.engine.on_timer(RECV + 10**9)
    assert line.bench.engine.take_wants() == []
    assert line.feed(book(15, [["97", "1"]], [["98", "4"]], snapshot=True)) == "LIVE"
    assert line.reader.last_id == 15


@pytest.mark.parametrize("u", [1, 2, 10, 11, 500])
def test_a_snapshot_is_taken_whatever_its_number(u: int) -> None:
    line = Line(SPOT)
    assert line.feed(START) == "LIVE"
    assert line.feed(book(u, [["50", "1"]], [["51", "1"]], snapshot=True)) == "LIVE"
    assert (line.reader.last_id, len(line.reader.bids)) == (u, 1)
    assert line.feed(book(u + 1, [], [["51", "0"]])) == "LIVE"
    assert line.reader.asks == {}
    assert line.bench.counts(SPOT) == {}


def test_a_delta_numbered_one_is_a_restart() -> None:
    line = Line()
    line.feed(START)
    assert line.feed(book(1, [["97", "1"]])) == "INVALID"
    assert line.reader.reason == "restart"
    assert line.feed(book(2, [["97", "1"]])) == "INVALID"
    assert line.feed(book(1, [["97", "1"]], [["98", "1"]], snapshot=True)) == "LIVE"
    assert line.feed(book(2, [["97", "0"]])) == "LIVE"


def test_depths_never_mix() -> None:
    line = Line()
    line.feed(START)
    assert line.feed(book(11, [["1", "1"]], depth=200)) == "LIVE"
    assert line.feed(book(77, [["1", "1"]], [["2", "1"]], depth=200, snapshot=True)) == "LIVE"
    assert line.reader.last_id == 10
    assert line.bench.counts(LINEAR) == {"other_variant": 2}


def test_a_window_holds_as_many_levels_as_its_name_says() -> None:
    line = Line()
    levels = [[str(100 - n), "1"] for n in range(50)]
    line.feed(book(10, levels, [["101", "1"]], snapshot=True))
    assert line.feed(book(11, [["100.5", "3"]])) == "LIVE"
    assert len(line.reader.bids) == 50
    assert line.bench.engine.books()[line.number]["bids"] == 50


def test_only_the_connection_of_the_snapshot_continues_a_book() -> None:
    line = Line()
    engine = line.bench.engine
    line.feed(START)
    first, second = line.bench.conns[LINEAR], engine.open_conn(LINEAR)
    line.bench.conns[LINEAR] = second
    assert line.feed(book(11, [["99", "0"]])) == "LIVE"
    assert line.reader.last_id == 10, "an update of a connection without a snapshot"
    assert line.feed(book(12, [["97", "1"]], [["98", "1"]], snapshot=True)) == "LIVE"
    line.bench.conns[LINEAR] = first
    assert line.feed(book(13, [["97", "0"]])) == "LIVE"
    assert line.reader.last_id == 12
    engine.close_conn(first, RECV)
    assert engine.book_state(line.number) == "LIVE"
    engine.close_conn(second, RECV)
    assert engine.book_state(line.number) == "INVALID"
    assert line.bench.count(LINEAR, "foreign") == 2


def test_a_crossed_book_is_not_served() -> None:
    line = Line()
    line.feed(START)
    assert line.feed(book(11, [["101", "1"]])) == "INVALID"
    assert line.reader.reason == "crossed"


@pytest.mark.parametrize("count", [1, 1024])
def test_a_message_of_many_fills(count: int) -> None:
    """1024 is the most; a bigger burst comes as several messages of one `seq`."""
    bench = Bench()
    bench.feed(LINEAR, prints(*(f"a-{n}" for n in range(count))))
    bench.feed(LINEAR, prints(*(f"b-{n}" for n in range(count))))
    ids = [json.loads(text)["id"] for _, text in bench.data()]
    assert ids == [f"a-{n}" for n in range(count)] + [f"b-{n}" for n in range(count)]
    assert bench.counts(LINEAR) == {}


def test_fills_are_told_once_over_two_connections() -> None:
    """A rotation: the second connection repeats the first for thousands of fills."""
    bench = Bench()
    first, second = bench.conns[LINEAR], bench.engine.open_conn(LINEAR)
    told = []
    for n in range(0, 6000, 3):
        frame = prints(*(f"{n + k:08d}-0a77-5b16" for k in range(3)))
        late = prints(*(f"{max(0, n - 2400) + k:08d}-0a77-5b16" for k in range(3)))
        bench.conns[LINEAR] = first
        bench.feed(LINEAR, frame)
        bench.conns[LINEAR] = second
        bench.feed(LINEAR, late)
        told += [json.loads(text)["id"] for _, text in bench.data()]
    assert told == [f"{n:08d}-0a77-5b16" for n in range(6000)]
    assert bench.counts(LINEAR) == {"duplicates": 6000}


def test_best_prices_are_repeated_every_three_seconds_and_told_once() -> None:
    bench = Bench()
    for u, seq, bid in ((5, 50, "99"), (5, 50, "99"), (6, 61, "98"), (5, 50, "99"), (7, 70, "97")):
        bench.feed(SPOT, book(u, [[bid, "1"]], [["101", "1"]], snapshot=True, depth=1, seq=seq))
    assert [json.loads(text)["bid"] for _, text in bench.data()] == [99, 98, 97]
    assert bench.counts(SPOT) == {"duplicates": 2}


def test_a_rest_book_is_of_another_stream_and_refused() -> None:
    line = Line()
    line.feed(book(9, []))
    answer = line.bench.engine.feed_snapshot(line.number, RECV, START.encode())
    assert answer
    assert line.bench.engine.book_state(line.number) == "BUFFERING"


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        None,
        5,
        "x",
        [5],
        [{}],
        [[]],
        [None],
        [{"s": "SOLUSDT"}],
    ],
)
def test_prints_without_prints(data: Any) -> None:
    """Run in a process of its own: an empty list once ended the process."""
    from tests.core.child import in_child

    def feed() -> dict[str, int]:
        bench = Bench()
        bench.feed(
            LINEAR,
            json.dumps(
                {
                    "topic": "publicTrade.SOLUSDT",
                    "type": "snapshot",
                    "ts": 1795305600301,
                    "data": data,
                }
            ),
        )
        assert bench.data() == []
        bench.feed(LINEAR, prints("after"))
        assert len(bench.data()) == 1
        return bench.counts(LINEAR)

    assert in_child(feed) == {"reject.shape": 1}
