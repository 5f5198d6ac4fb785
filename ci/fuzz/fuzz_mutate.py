"""Damage: one frame in, one frame out that a venue should never send."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

NUMBERS = (
    "0", "-0", "-1", "1", "00", "01", "1.", ".5", "+1", "-", "", "1e5", "1E-7", "1e400", "-1e-400",
    "NaN", "nan", "Infinity", "-Infinity", "null", "0x10", "1_000", "1,5", "1.2.3", "--1",
    "0.00000000", "0.000000001", "0.000000000000000001", "0.0000000000000000001", "1e-18", "1e-19",
    "9999999999999", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "18446744073709551615", "18446744073709551616", "99999999999999999999999999999999999999",
    "12345678", "123456789", "12345678.12345678", "123456789.123456789", "1" * 400,
    "0." + "0" * 400, "1e999999999999", "1e-999999999999", " 1", "1 ", "1\t", "\u0661",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**63, "", "x", "\x00", "a" * 300, [], {}, [[]], [[[]]],
    {"a": {}}, ["1"], ["1", "2"], [["1"]], [["1", "2"]], [[1, 2]], [["1", 2, None, {}]],
    [["0", "0"]], [["-1", "1"]], [["1", "1"], ["1", "0"], ["1", "2"]], "\ud800",
    "BTCUSDT\n", "é", "\U0001f600",
)  # fmt: skip
BYTES = (
    b"\x00", b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b'"',
    b"\\", b'\\"', b"\\u0000", b"\\ud800", b"\\u", b"{", b"}", b"[", b"]", b",", b":", b"[[",
    b"]]", b"}}", b"\n", b" " * 100, b"//", b"/*", b"true", b"null", b"-", b".", b"e",
    b"\xef\xbb\xbf", b"\x1f",
)  # fmt: skip

Damage = Callable[[Random, bytes, bytes], bytes]


def flip(random: Random, frame: bytes, _other: bytes) -> bytes:
    out = bytearray(frame)
    for _ in range(random.choice([1, 1, 1, 2, 8])):
        if out:
            out[random.randrange(len(out))] = random.randrange(256)
    return bytes(out)


def insert(random: Random, frame: bytes, _other: bytes) -> bytes:
    at = random.randint(0, len(frame))
    return frame[:at] + random.choice(BYTES) * random.choice([1, 1, 2]) + frame[at:]


def cut_out(random: Random, frame: bytes, _other: bytes) -> bytes:
    at = random.randint(0, len(frame))
    return frame[:at] + frame[at + random.choice([1, 1, 2, 5, 20]) :]


def truncate(random: Random, frame: bytes, _other: bytes) -> bytes:
    return frame[: random.randint(0, len(frame))]


def double(random: Random, frame: bytes, _other: bytes) -> bytes:
    start = random.randint(0, len(frame))
    end = random.randint(start, min(len(frame), start + 60))
    return frame[:end] + frame[start:end] * random.choice([1, 1, 3, 50]) + frame[end:]


def splice(random: Random, frame: bytes, other: bytes) -> bytes:
    return frame[: random.randint(0, len(frame))] + other[random.randint(0, len(other)) :]


def join(random: Random, frame: bytes, other: bytes) -> bytes:
    return frame + random.choice([b"", b"\n", b" ", b","]) + other


def renumber(random: Random, frame: bytes, _other: bytes) -> bytes:
    """One number, quoted or not, becomes another text."""
    spots = list(re.finditer(rb'(?<=[:,\["])-?\d[\d.]*', frame))
    if not spots:
        return frame
    spot = random.choice(spots)
    text = random.choice(NUMBERS)
    if random.random() < 0.3:
        # close to what stood there
        text = str(int(spot[0].split(b".")[0][:30]) + random.choice([-2, -1, 1, 2]))
    return frame[: spot.start()] + text.encode() + frame[spot.end() :]


def nest(random: Random, frame: bytes, _other: bytes) -> bytes:
    spots = list(re.finditer(rb'"[^"]*"|-?\d[\d.]*', frame))
    if not spots:
        return frame
    spot = random.choice(spots)
    depth = random.choice([1, 2, 10, 1023, 1025, 20000])
    opening, closing = random.choice([(b"[", b"]"), (b'{"a":', b"}")])
    if random.random() < 0.3:
        closing = b""
    return frame[: spot.start()] + opening * depth + spot[0] + closing * depth + frame[spot.end() :]


def places(node: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    if isinstance(node, dict):
        for key in node:
            found.append((node, key))
            places(node[key], found)
    elif isinstance(node, list):
        for i in range(len(node)):
            found.append((node, i))
            places(node[i], found)
    return found


def written(random: Random, node: Any) -> bytes:
    style: dict[str, Any] = random.choice(
        [{"separators": (",", ":")}, {"separators": (",", ":")}, {}, {"indent": 1}]
    )
    text = json.dumps(node, ensure_ascii=random.random() < 0.5, **style)
    return text.encode("utf-8", "surrogatepass")


def reshape(random: Random, frame: bytes, other: bytes) -> bytes:
    """Changes to the JSON tree: a value, a key, the order, a list."""
    try:
        tree = json.loads(frame)
        donor = places(json.loads(other), [])
    except (ValueError, RecursionError):
        return flip(random, frame, other)
    spots = places(tree, [])
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        if not spots:
            break
        node, key = random.choice(spots)
        try:
            change(random, node, key, donor)
        except (LookupError, TypeError):
            continue  # an earlier change took the place away
    return written(random, tree)


def change(random: Random, node: Any, key: Any, donor: list[tuple[Any, Any]]) -> None:
    what = random.randrange(8)
    value = node[key]
    if what == 0:
        node[key] = random.choice(VALUES)
    elif what == 1 and donor:
        giver, at = random.choice(donor)
        node[key] = giver[at]
    elif what == 2:
        del node[key]
    elif what == 3 and isinstance(node, dict):
        items = list(node.items())
        random.shuffle(items)
        node.clear()
        node.update(items)
    elif what == 4 and isinstance(value, list):
        random.shuffle(value)
    elif what == 5 and isinstance(value, list):
        node[key] = value * random.choice([2, 3, 200])
    elif what == 6:
        node[key] = str(value) if not isinstance(value, str) else numeric(value)
    else:
        node[key] = [value]


def numeric(text: str) -> Any:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def twice(random: Random, frame: bytes, _other: bytes) -> bytes:
    """A key stands twice in its object, with the same value or another."""
    spots = list(re.finditer(rb'"\w+":("[^"]*"|-?\d[\d.]*|\[\]|true|false)', frame))
    if not spots:
        return frame
    spot = random.choice(spots)
    copy = spot[0]
    if random.random() < 0.5:
        copy = copy.partition(b":")[0] + b":" + random.choice([b"null", b"[]", b'"1"', b"7", b"{}"])
    return frame[: spot.start()] + copy + b"," + frame[spot.start() :]


def many_levels(random: Random, frame: bytes, _other: bytes) -> bytes:
    """A side of thousands of levels, unsorted or with the same price over and over."""
    spot = re.search(rb'"(?:b|a|bids|asks)":\[', frame)
    if spot is None:
        return frame
    prices = random.choice([1, 50, 10**6])
    rows = ",".join(
        f'["{random.randint(1, prices)}","{random.randint(0, 9)}"]'
        for _ in range(random.choice([100, 1000, 12000]))
    )
    rest = frame[spot.end() :]
    return frame[: spot.end()] + rows.encode() + (b"" if rest.startswith(b"]") else b",") + rest


def wire_text(random: Random, _frame: bytes, _other: bytes) -> bytes:
    """No frame at all."""
    return random.choice(
        [b"", b"pong", b"ping", b"null", b"[]", b"{}", b"0", b'"', b"{", b"[", b"\x00" * 70, b" ",
         bytes(random.randrange(256) for _ in range(random.randint(1, 200))),
         b"[" * 100_000, b'{"a":' * 50_000, b'{"data":[' + b"[]," * 5000 + b"[]]}"]
    )  # fmt: skip


# How often each is taken.
DAMAGES: tuple[tuple[int, Damage], ...] = (
    (14, flip), (10, insert), (8, cut_out), (8, truncate), (6, double), (8, splice), (2, join),
    (18, renumber), (2, nest), (20, reshape), (8, twice), (1, many_levels), (2, wire_text),
)  # fmt: skip
WEIGHTS = [weight for weight, _ in DAMAGES]


def mutate(random: Random, frame: bytes, other: bytes) -> bytes:
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        (_, damage), *_ = random.choices(DAMAGES, WEIGHTS)
        frame = damage(random, frame, other)
        if len(frame) > 1 << 20:
            break
    return frame
