"""Frames that are none: counted by reason, a sample kept, the rest goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.core.child import in_child
from tests.core.golden import CONTROLS, GOLDEN, INSTRUMENTS, Golden
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


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_frames_cut_at_every_byte(endpoint: str) -> None:
    def run() -> None:
        bench = Bench()
        for frame in frames_of(endpoint):
            raw = frame.strip().encode()
            for size in range(len(raw)):
                before = rejected(bench, endpoint)
                assert bench.feed(endpoint, raw[:size]) is None, raw[:size]
                assert rejected(bench, endpoint) == before + 1, raw[:size]
        assert bench.data() == []

    in_child(run)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_bytes_that_are_wrong(endpoint: str) -> None:
    """A frame that is no JSON says nothing, or, where only what is not read is broken, what it
    said before."""

    def run() -> None:
        random = Random(endpoint)
        for golden in [golden for golden in GOLDEN if golden.endpoint == endpoint]:
            bench = Bench()
            bench.feed(endpoint, golden.frame)
            wanted = [text.partition('"ts_pub"')[2] for _, text in bench.data()]
            raw = golden.frame.encode()
            for _ in range(150):
                broken = bytearray(raw)
                at = random.randrange(len(broken))
                action = random.random()
                if action < 0.4:
                    broken[at] = random.choice(b'{}[]",:\\0aeE-.+ \x00\x1f\x80\xff')
                elif action < 0.7:
                    del broken[at]
                else:
                    broken.insert(at, random.choice(b'{}[]",:\\0aeE-.+ \x00\x80\xff'))
                other = Bench()
                other.feed(endpoint, bytes(broken))
                said = [text.partition('"ts_pub"')[2] for _, text in other.data()]
                if not is_json(bytes(broken)):
                    assert said in ([], wanted), bytes(broken)
                    assert said or sum(other.counts(endpoint).values()) == 1, bytes(broken)
                for _, text in other.lines():
                    json.loads(text)

    in_child(run)


def replaced(value: Any, by: list[Any], path: tuple[Any, ...] = ()) -> Iterator[Any]:
    """The value with every part of it, one at a time, replaced or left out."""
    items = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    for key, item in items:
        for other in by:
            copy = value.copy()
            copy[key] = other
            yield copy
        copy = value.copy()
        del copy[key]
        yield copy
        for inner in replaced(item, by):
            copy = value.copy()
            copy[key] = inner
            yield copy


WRONG: list[Any] = [
    None,
    True,
    [],
    {},
    "",
    "x",
    0,
    -1,
    1.5,
    -0.5,
    1e30,
    "1e-30",
    "NaN",
    "-5",
    "9" * 30,
    [[]],
    [{}],
    [["1"]],
    [[["1", "1"]]],
    [None],
    {"s": "BTCUSDT"},
    "\u0000",
    "Infinity",
]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_parts_of_another_type_or_missing(endpoint: str) -> None:
    """Nothing is published but well-formed messages with positive prices; no other instrument
    is touched; every frame leaves a trace."""

    def run() -> None:
        bench = live_bench()
        frames = 0
        for frame in frames_of(endpoint):
            if frame == "pong":
                continue
            for broken in replaced(json.loads(frame), WRONG):
                raw = json.dumps(broken).encode()
                before = sum(bench.engine.counters()[endpoint].values())
                bench.feed(endpoint, raw)
                after = bench.engine.counters()[endpoint]
                # frames, bytes, and what became of it
                assert sum(after.values()) > before + 1 + len(raw), raw
                frames += 1
        for channel, text in bench.lines():
            assert endpoint.partition(":")[0] in (channel + text), (channel, text)
            message = json.loads(text)
            if message["type"] == "trade":
                assert message["price"] > 0
                assert message["qty"] > 0
                assert message["count"] >= 1
        for other, (name, _) in LIVE.items():
            if other != endpoint:
                assert bench.engine.book_state(bench.numbers[other, name]) == "LIVE"
        assert frames > 500

    in_child(run)


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
    with pytest.raises(ValueError, match="closed"):
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
