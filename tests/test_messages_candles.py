"""docs/MESSAGES.md on candles and their alert: every field, the examples to the byte."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.core.charts_kit import BINANCE, BYBIT, MS, OKX, SECOND, START, Kit, Print
from tests.test_messages import HEADER, rows, section

KINDS = {"candles": "candles", "alert:candles": "alert"}
CANDLE: dict[str, Any] = {
    "open": "64000.5", "high": "64004", "low": "64000.5", "close": "64000.5", "volume": "0.75",
    "quote_volume": "48000.375", "buy_volume": "0.25", "trades": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    """By section, what the core writes of a minute on three exchanges."""
    kit = Kit([BINANCE, BYBIT, OKX], epoch=1)
    before = START - 2 * SECOND
    for name in (BINANCE, BYBIT, OKX):
        contracts = "10" if name is OKX else "0.1"
        kit.trade(name, before + 5 * MS, Print(before, "63999.9", contracts, 1))
    kit.timers(before, 3)
    second = START + SECOND
    kit.trade(BINANCE, second + 12 * MS, Print(second, "64000.5", "0.25", 1, 3))
    kit.trade(OKX, second + 40 * MS, Print(second + 20 * MS, "64001", "40", -1, 2))
    half = START + 30 * SECOND
    kit.trade(BYBIT, half + 40 * MS, Print(half + 20 * MS, "63998.3", "0.115", -1))
    now = kit.timers(before, 62.5)
    kit.kline(BINANCE, now, START, CANDLE)
    kit.timers(now, 5)
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for line in kit.engine.take_lines().decode().splitlines():
        channel, _, text = line.partition(" ")
        found["candles" if channel.startswith("candles:") else channel].append(text)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_fields_are_those_of_the_page(kind: str, texts: dict[str, list[str]]) -> None:
    seen = [list(json.loads(text)) for text in texts[kind]]
    page = [field for field, _ in rows(section(kind))]
    for fields in seen:
        assert [field for field in fields if field not in HEADER] == page
        assert json.loads(texts[kind][0])["type"] == KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_is_what_the_core_writes(kind: str, texts: dict[str, list[str]]) -> None:
    (example,) = re.findall(r"```json\n(.+?)\n```", section(kind))
    assert example in texts[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_a_meaning(kind: str) -> None:
    found = re.findall(r"^\| (`.+?) \| (.*) \|$", section(kind), re.MULTILINE)
    assert all(len(meaning) > 2 for _, meaning in found)


def test_the_words_are_those_that_are_said(texts: dict[str, list[str]]) -> None:
    bars = [json.loads(text) for text in texts["candles"]]
    for field in ("q", "timeframe"):
        [meaning] = re.findall(rf"^\| `{field}` \| (.*) \|$", section("candles"), re.MULTILINE)
        words = {word for word in re.findall(r"`(\w+)`", meaning) if word != "all"}
        assert {bar[field] for bar in bars} | {"gap"} == words | {"gap"}
    assert {bar["exchange"] for bar in bars} == {"binance", "bybit", "okx", "all"}
