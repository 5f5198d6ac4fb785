"""Binance: recorded mark prices and REST answers, against what JSON and Decimal make of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from p9core.engine import Engine

LINEAR = "binance:linear"
MARKS = "binance/usdm/btcusdt_2023-04-04_05.jsonl.gz"
ANSWERS = "rest/binance_public_rest_mock_2025-08.jsonl.gz"
NS = 1_000_000


def records(recordings: Path, name: str) -> Iterator[dict[str, Any]]:
    path = recordings / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    with gzip.open(path, "rt") as lines:
        for line in lines:
            yield json.loads(line)


def engine_of(*names: str) -> Engine:
    engine = Engine(epoch=1, sink="lines")
    for name in names:
        engine.add_instrument(LINEAR, name, exchange="binance", symbol=name, market="linear")
    return engine


def said(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """The messages by their type, numbers as they are written."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in engine.take_lines().decode().splitlines():
        message = json.loads(line.partition(" ")[2], parse_float=Decimal)
        found.setdefault(message["type"], []).append(message)
    return found


def changes(values: list[Any]) -> list[Any]:
    return [value for place, value in enumerate(values) if place == 0 or value != values[place - 1]]


def test_recorded_mark_prices(recordings: Path) -> None:
    engine = engine_of("BTCUSDT")
    conn = engine.open_conn(LINEAR)
    frames = []
    for record in records(recordings, MARKS):
        if "@markPrice" in record["raw"][:60]:
            engine.feed(conn, record["recv_ns"], record["raw"].encode())
            frames.append(json.loads(record["raw"])["data"])
    assert len(frames) == 514
    assert engine.counters()[LINEAR]["reports"] == 514
    messages = said(engine)
    for kind, field, key in (
        ("mark_price", "price", "p"),
        ("index_price", "price", "i"),
        ("funding", "rate", "r"),
    ):
        wanted = changes([Decimal(frame[key]) for frame in frames])
        assert changes([message[field] for message in messages[kind]]) == wanted
        assert len(wanted) > 5
    wanted = changes([frame["T"] * NS for frame in frames])
    assert changes([message["next_funding"] for message in messages["funding"]]) == wanted
    told = {(frame["E"] * NS, Decimal(frame["p"])) for frame in frames}
    assert {(m["ts_exchange"], m["price"]) for m in messages["mark_price"]} <= told


# part of the URL; the ask; (type, field of the message, key of the body)
POLLS: list[tuple[str, str, list[tuple[str, str, str]]]] = [
    (
        "/fapi/v1/premiumIndex",
        "mark_price",
        [("mark_price", "price", "markPrice"), ("index_price", "price", "indexPrice")],
    ),
    ("/fapi/v1/openInterest?", "open_interest", [("open_interest", "base", "openInterest")]),
    (
        "/fapi/v1/ticker/24hr",
        "ticker",
        [("ticker", "last", "lastPrice"), ("ticker", "quote_volume", "quoteVolume")],
    ),
    (
        "/globalLongShortAccountRatio?",
        "long_short",
        [("long_short", "ratio", "longShortRatio"), ("long_short", "long_account", "longAccount")],
    ),
]


@pytest.mark.parametrize(("part", "ask", "fields"), POLLS, ids=[ask for _, ask, _ in POLLS])
def test_recorded_answers(
    recordings: Path, part: str, ask: str, fields: list[tuple[str, str, str]]
) -> None:
    """Of the symbol that the newest row of each names; errors and COIN-M bodies are refused."""
    taken = 0
    for record in records(recordings, ANSWERS):
        if part not in record["url"]:
            continue
        body = json.loads(record["raw"])
        row = body[-1] if isinstance(body, list) else body
        engine = engine_of(row.get("symbol", "BTCUSDT"))
        outcome = engine.feed_poll(LINEAR, ask, 1, record["raw"].encode())
        if "symbol" not in row:
            assert outcome == "reject.shape", record["url"]
            continue
        assert outcome == "", record["url"]
        messages = said(engine)
        for kind, field, key in fields:
            assert [message[field] for message in messages[kind]] == [Decimal(row[key])]
        taken += 1
    assert taken > 0


def test_recorded_candles(recordings: Path) -> None:
    engine = engine_of("BTCUSDT")
    rows = 0
    for record in records(recordings, ANSWERS):
        if "/v1/klines?" in record["url"] or "/v3/klines?" in record["url"]:
            raw = record["raw"].encode()
            assert engine.feed_poll(LINEAR, "candles", 1, raw, 0, "1m") == "", record["url"]
            rows += len(json.loads(raw))
    assert engine.counters()[LINEAR]["klines"] == rows
    assert rows > 1000
