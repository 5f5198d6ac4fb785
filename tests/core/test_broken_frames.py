"""Golden frames cut, changed by a byte, or with parts of another type: never an exception, never
a wrong word, other instruments untouched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.core.broken import ENDPOINTS, LIVE, frames_of, is_json, live_bench, rejected
from tests.core.child import in_child
from tests.core.golden import GOLDEN, Golden
from tests.core.support import Bench


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


def outside_strings(raw: bytes) -> list[int]:
    """Places of brackets, braces, colons and commas that are structure."""
    found, inside, escaped = [], False, False
    for place, byte in enumerate(raw):
        if inside:
            escaped, inside = byte == 0x5C and not escaped, byte != 0x22 or escaped
        elif byte == 0x22:
            inside = True
        elif byte in b"{}[]:,":
            found.append(place)
    return found


@pytest.mark.parametrize(
    "golden", [golden for golden in GOLDEN if golden.says], ids=lambda g: f"{g.endpoint} {g.name}"
)
def test_structure_that_is_wrong_is_refused(golden: Golden) -> None:
    """Where all of a frame is read, each bracket, brace, colon and comma is looked at."""
    bench = Bench()
    raw = golden.frame.encode()
    tried = 0
    for place in outside_strings(raw):
        for other in (b"", b",", b":", b"{", b"}", b"[", b"]", b",,"):
            broken = raw[:place] + other + raw[place + 1 :]
            if is_json(broken):
                continue
            before = rejected(bench, golden.endpoint) + bench.count(golden.endpoint, "ignored")
            assert bench.feed(golden.endpoint, broken) is None, broken
            after = rejected(bench, golden.endpoint) + bench.count(golden.endpoint, "ignored")
            assert after > before, broken
            tried += 1
    assert bench.data() == []
    assert tried > 30


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
