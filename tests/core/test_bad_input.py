"""Frames that are none: counted by reason, a sample kept, the rest goes on."""

from __future__ import annotations

import json
import re

import pytest

from tests.core.broken import ENDPOINTS, LIVE, live_bench, rejected
from tests.core.child import in_child
from tests.core.golden import GOLDEN, INSTRUMENTS, Golden
from tests.core.support import RECV, Bench


def test_frames_of_another_venue() -> None:
    """Never published under a name of the wrong exchange."""

    def run() -> None:
        for endpoint in ENDPOINTS:
            for golden in GOLDEN:
                if golden.endpoint.partition(":")[0] == endpoint.partition(":")[0]:
                    continue
                bench = Bench()
                assert bench.feed(endpoint, golden.frame) is None, (endpoint, golden.name)
                assert bench.data() == [], (endpoint, golden.name)
                assert rejected(bench, endpoint) == 1, (endpoint, golden.name)

    in_child(run)


DEEP = 100_000
ODD: list[bytes] = [
    b"",
    b" ",
    b"\n",
    b"\x00",
    b"null",
    b"true",
    b"5",
    b'"x"',
    b"[]",
    b"{}",
    b"{{}}",
    b"[{}]",
    b"{",
    b"}",
    b"pong",
    b"ping",
    b"PONG",
    b"pongpong",
    b"\xef\xbb\xbf{}",
    b"<html></html>",
    b'{"e":"trade","s":"\xe5\xb8"}',
    b'{"s":"\xff"}',
    b'{"e":"trade","s":"BTCUSDT\xe5"}',
    b'{"a":"\\',
    b'{"a":"\\u12',
    b'{"a\\":1}',
    b'{"e":"trade" "s":"BTCUSDT"}',
    b"[" * DEEP,
    b'{"a":' * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b'{"data":' + b"[" * DEEP + b"]" * DEEP + b',"stream":"x"}',
    b'{"topic":"orderbook.50.SOLUSDT","type":"delta","data":' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"arg":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    b'{"' + b"k" * 5_000_000 + b'":1}',
    b'{"e":"' + b"x" * 10_000_000 + b'"}',
    b'{"topic":"orderbook.99999999999999999999.SOLUSDT","type":"delta","data":{}}',
    b'{"topic":"orderbook.","type":"delta","data":{}}',
    b'{"topic":"","type":"","data":[]}',
    b'{"stream":"@","data":{"e":"depthUpdate","s":"NOPE"}}',
    b'{"stream":"x@","data":[]}',
    b'{"stream":"btcusdt@depth@","data":{"e":"depthUpdate"}}',
    b'{"stream":"","data":{}}',
]


def test_odd_frames() -> None:
    def run() -> None:
        for endpoint in ENDPOINTS:
            bench = live_bench()
            for raw in ODD:
                before = bench.engine.counters()[endpoint]
                control = bench.feed(endpoint, raw)
                after = bench.engine.counters()[endpoint]
                if control is None:
                    new = {name for name in after if after[name] != before.get(name, 0)}
                    assert len(new - {"frames", "bytes"}) == 1, (endpoint, raw[:60], new)
            assert bench.data() == []
            for other, (name, _) in LIVE.items():
                assert bench.engine.book_state(bench.numbers[other, name]) == "LIVE", other

    in_child(run)


@pytest.mark.parametrize("endpoint", sorted(LIVE))
def test_garbage_that_is_no_update_does_not_break_a_live_book(endpoint: str) -> None:
    """A print or best price that cannot be read is lost; the book of that instrument is not."""
    bench = live_bench()
    name, depth = LIVE[endpoint]
    others = [
        golden
        for golden in GOLDEN
        if golden.endpoint == endpoint
        and golden.says
        and golden.says[0][0] != "depth"
        and name in golden.frame
    ]
    assert others
    for golden in others:
        for raw in (
            golden.frame.strip()[:-1],
            golden.frame.replace('"', "", 1),
            golden.frame[: len(golden.frame) // 2],
            re.sub(r'([:,\[] ?)"?([0-9])', r'\1"x\2', golden.frame),
        ):
            bench.feed(endpoint, depth)  # what was decoded last must not matter
            before = rejected(bench, endpoint)
            bench.feed(endpoint, raw)
            assert rejected(bench, endpoint) == before + 1, raw
            assert bench.engine.book_state(bench.numbers[endpoint, name]) == "LIVE", raw


def test_a_large_frame_is_read_and_one_too_large_is_not() -> None:
    bench = Bench()
    levels = ",".join(f'["{price}","1"]' for price in range(1, 700_000))
    frame = (
        f'{{"e":"depthUpdate","E":1795305600205,"s":"BTCUSDT","U":9,"u":11,"b":[{levels}],"a":[]}}'
    )
    assert len(frame) > 8_000_000
    bench.feed("binance:spot", frame)
    assert bench.counts("binance:spot") == {"held": 1}
    bench.feed("binance:spot", b" " * (65 << 20))
    assert bench.count("binance:spot", "reject.size") == 1


def test_samples_are_few_short_and_readable() -> None:
    bench = Bench()
    for number in range(50):
        bench.feed("okx", f'{{"x":{number}')
        bench.feed("okx", b"\xff" * 5000)
        bench.feed("bybit:spot", '{"topic":"nope","type":"x","data":1}')
    samples = bench.engine.samples()
    assert len(samples) <= 3 * 4
    assert {(sample["endpoint"], sample["reason"]) for sample in samples} == {
        ("okx", "reject.json"),
        ("okx", "reject.utf8"),
        ("bybit:spot", "reject.unknown"),
    }
    assert any('{"x":49' in sample["frame"] for sample in samples), "the newest is not kept"
    for sample in samples:
        assert len(sample["frame"]) <= 4 * 512
        assert sample["recv_ns"] == RECV
        json.dumps(sample).encode()


def test_symbols_that_do_not_exist() -> None:
    bench = Bench()
    names = {venue_id for _, venue_id, *_ in INSTRUMENTS}
    for golden in [golden for golden in GOLDEN if golden.says]:
        frame = golden.frame
        for name in sorted(names, key=len, reverse=True):
            frame = frame.replace(name, "NOPE-1")
        before = bench.count(golden.endpoint, "reject.symbol")
        bench.feed(golden.endpoint, frame)
        assert bench.count(golden.endpoint, "reject.symbol") == before + 1, golden.name
    assert bench.data() == []


def test_a_closed_connection_is_the_callers_mistake() -> None:
    bench = Bench()
    bench.engine.close_conn(bench.conns["okx"], RECV)
    with pytest.raises(ValueError, match="not open"):
        bench.feed("okx", "pong")


def golden_named(name: str) -> Golden:
    return next(golden for golden in GOLDEN if golden.name == name)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"87012.34000000"', '"NaN"', "number"),
        ('"87012.34000000"', '""', "number"),
        ('"87012.34000000"', '"-87012.34"', "negative"),
        ('"87012.34000000"', '"0.00"', "negative"),
        ('"87012.34000000"', '"8.7e400"', "overflow"),
        ('"87012.34000000"', '"0x10"', "number"),
        ('"87012.34000000"', '"87012.341"', "surplus_digits"),
        ('"87012.34000000"', "null", "number"),
        ('"87012.34000000"', '"99999999999999999999"', "overflow"),
        ('"87012.34000000"', "[]", "number"),
        ('"0.00150000"', '"-1"', "negative"),
        ('"0.00150000"', "true", "number"),
        ("5123456789", '"x"', "number"),
        ("5123456789", "-5", "number"),
        ("5123456789", "1.5", "number"),
        ("1795305600121", "0", "shape"),
        ("1795305600121", '"soon"', "shape"),
        ("1795305600121", "99999999999999999999999", "shape"),
        ('"BTCUSDT"', '"btcusdt"', "symbol"),
        ('"BTCUSDT"', "5", "shape"),
        ('"m":false', '"m":"no"', "shape"),
        (',"m":false', "", "shape"),
    ],
)
def test_the_reason_is_named(old: str, new: str, reason: str) -> None:
    golden = golden_named("trade")
    assert old in golden.frame
    bench = Bench()
    bench.feed(golden.endpoint, golden.frame.replace(old, new))
    assert bench.data() == []
    # of another type: the frame's shape and the number in it are both to blame
    either = ["shape", "number", "symbol"] if reason in ("shape", "number") else [reason]
    assert bench.counts(golden.endpoint) in [{f"reject.{found}": 1} for found in either]
