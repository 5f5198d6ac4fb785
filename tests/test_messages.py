"""docs/MESSAGES.md says what the core writes: every field, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p9core.engine import Engine
from tests.messages_kit import SCENES, said

PAGE = Path(__file__).resolve().parent.parent / "docs" / "MESSAGES.md"
BASIC = ("trade", "bbo", "depth", "status", "alert")
KINDS = (
    *BASIC, "snapshot", "imbalance", "block_trade", "liquidation", "funding", "mark_price",
    "index_price", "open_interest", "insurance_fund", "ticker", "long_short",
)  # fmt: skip

DEPTH = (
    '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1795305600%d00,"s":"BTCUSDT",'
    '"U":%d,"u":%d,"b":[["100.5","2"]],"a":[["101","%d"]]}}'
)
TRADE = (
    '{"e":"trade","E":1795305600400,"s":"BTCUSDT","t":%d,"p":"100.7","q":"0.5",'
    '"T":1795305600400,"m":true}'
)
BBO = '{"u":7,"s":"BTCUSDT","b":"100.5","B":"2","a":"101","A":"3"}'
BYBIT = (
    '{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1795305600301,"data":[{"T":'
    '1795305600298,"s":"BTCUSDT","S":"Buy","v":"2.5","p":"181.42","i":"5f0c-1","BT":true,'
    '"RPI":true,"seq":5}]}'
)
SNAPSHOT = b'{"lastUpdateId":11,"bids":[["100.5","1"]],"asks":[["101","1"]]}'


@pytest.fixture(scope="module")
def written() -> dict[str, list[dict[str, Any]]]:
    """Messages of every kind, by kind, from frames in the venues' shapes."""
    engine = Engine(epoch=1, sink="lines", stream_kinds=("trade", "alert"))
    now = 1_795_305_600_000_000_000
    spot = engine.open_conn("binance:spot")
    number = engine.add_instrument(
        "binance:spot", "BTCUSDT", exchange="binance", symbol="BTCUSDT", price_step="0.01"
    )
    linear = engine.open_conn("bybit:linear")
    engine.add_instrument(
        "bybit:linear", "BTCUSDT", exchange="bybit", symbol="BTCUSDT-PERP", price_step="0.01"
    )
    frames = [DEPTH % (1, 10, 11, 1), DEPTH % (2, 12, 12, 2), DEPTH % (3, 15, 16, 3)]
    for at, frame in enumerate([frames[0], TRADE % 101, TRADE % 105, BBO]):
        engine.feed(spot, now + at, frame.encode())
    assert engine.feed_snapshot(number, now + 10, SNAPSHOT) == ""
    for at, frame in enumerate(frames[1:]):
        engine.feed(spot, now + 20 + at, frame.encode())
    engine.feed(linear, now + 30, BYBIT.encode())
    stale = {
        "feed": "funding",
        "symbol": "BTCUSDT",
        "state": "STALE",
        "reason": "old",
        "age_s": 31.5,
    }
    engine.status("binance", json.dumps(stale), now + 40)
    texts = [line.partition(" ")[2] for line in engine.take_lines().decode().splitlines()]
    found: dict[str, list[dict[str, Any]]] = {}
    for text in [*texts, *(text for scene in SCENES for text in said(scene))]:
        message = json.loads(text)
        found.setdefault(message["type"], []).append(message)
    return found


def section(name: str) -> str:
    _, _, rest = PAGE.read_text().partition(f"\n## {name}\n")
    assert rest, f"no section {name}"
    return rest.partition("\n## ")[0]


def rows(text: str) -> Iterator[tuple[str, bool]]:
    """(field, optional) of the tables of a section."""
    for row in re.findall(r"^\| (`.+?) \| (.*) \|$", text, re.MULTILINE):
        for field in re.findall(r"`(\w+)`", row[0]):
            yield field, "optional" in row[1] or field == "prev"


HEADER = dict(rows(section("Header")))


@pytest.mark.parametrize("kind", KINDS)
def test_fields_are_those_of_the_page(kind: str, written: dict[str, list[dict[str, Any]]]) -> None:
    page = dict(rows(section(kind)))
    seen = {field for message in written[kind] for field in message}
    assert seen - set(HEADER) == set(page)
    absent = {"symbol"} if kind == "insurance_fund" else set()
    assert seen >= {field for field, optional in HEADER.items() if not optional} - absent
    assert not seen & absent


@pytest.mark.parametrize("kind", KINDS)
def test_examples_have_the_fields_in_order(
    kind: str, written: dict[str, list[dict[str, Any]]]
) -> None:
    examples = re.findall(r"```json\n(.+?)\n```", section(kind))
    assert examples
    orders = [list(message) for message in written[kind]]
    for example in examples:
        fields = list(json.loads(example))
        assert json.loads(example)["type"] == kind
        # an order that some message has, less optional fields
        assert any([f for f in order if f in fields] == fields for order in orders), fields


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in BASIC])
def test_examples_are_what_the_core_writes(kind: str) -> None:
    """To the byte, of the frames in the kit."""
    examples = re.findall(r"```json\n(.+?)\n```", section(kind))
    written = [text for scene in SCENES for text in said(scene)]
    assert examples
    assert set(examples) <= set(written)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_a_meaning(kind: str) -> None:
    found = re.findall(r"^\| (`.+?) \| (.*) \|$", section(kind), re.MULTILINE)
    assert found
    assert all(len(meaning) > 4 for _, meaning in found)


def test_every_word_of_a_list_is_one_that_the_core_says(
    written: dict[str, list[dict[str, Any]]],
) -> None:
    for kind, field, words in (
        ("snapshot", "q", {"ok", "stale", "gap", "warming"}),
        ("block_trade", "reason", {"venue", "size"}),
        ("liquidation", "price_kind", {"average", "bankruptcy", "mark"}),
        ("long_short", "period", {"5m"}),
    ):
        [meaning] = re.findall(rf"^\| `{field}` \| (.*) \|$", section(kind), re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", meaning)) == words
        assert {message[field] for message in written[kind]} <= words
