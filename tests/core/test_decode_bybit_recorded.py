"""Bybit: real tickers, candles and liquidations, beside a merge that shares nothing with the
core."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from p9core.engine import Engine
from tests.core.support import TOLD
from tests.models.numbers import EXACT, canonical
from tests.models.rebuild import entries

MS = 1_000_000
AGAIN_NS = 1_000_000_000
# feed -> field of the message -> field of the venue
FIELDS = {
    "mark_price": {"price": "markPrice"},
    "index_price": {"price": "indexPrice"},
    "funding": {
        "rate": "fundingRate",
        "interval_hours": "fundingIntervalHour",
        "next_funding": "nextFundingTime",
    },
    "open_interest": {
        "base": "singleOpenInterest",
        "contracts": "singleOpenInterest",
        "notional": "singleOpenInterestValue",
    },
    "ticker": {
        "last": "lastPrice",
        "open": "prevPrice24h",
        "high": "highPrice24h",
        "low": "lowPrice24h",
        "volume": "volume24h",
        "quote_volume": "turnover24h",
        "change_pct": "price24hPcnt",
    },
}


class Recorded:
    """An engine that learns its instruments from the frames."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.engine = Engine(epoch=1, sink="lines", learn=True, resolver=self.resolve, feeds=TOLD)
        self.conn = self.engine.open_conn(endpoint)

    def resolve(self, endpoint: str, venue_id: str) -> dict[str, Any]:
        return {"exchange": "x", "symbol": venue_id, "market": endpoint.partition(":")[2]}

    def feed(self, recv_ns: int, raw: bytes) -> Iterator[tuple[str, str, str]]:
        """(feed, symbol, message) of what it makes the engine say."""
        self.engine.feed(self.conn, recv_ns, raw)
        for line in self.engine.take_lines().decode().splitlines():
            channel, _, text = line.partition(" ")
            feed, _, symbol = channel.partition(":x:")
            yield feed, symbol, text

    def counts(self) -> dict[str, int]:
        return self.engine.counters()[self.endpoint]


def values_of(feed: str, state: dict[str, str]) -> tuple[str | None, ...]:
    """The digits that a message must have; empty text and missing fields are null."""
    found: list[str | None] = []
    for name, field in FIELDS[feed].items():
        text = state.get(field) or None
        if text and name == "next_funding":
            text += "000000"
        found.append(canonical(Decimal(text)) if text else None)
    return tuple(found)


def digits(feed: str, text: str) -> tuple[str | None, ...]:
    said = json.loads(text, parse_float=str, parse_int=str)
    return tuple(said[name] for name in FIELDS[feed])


@pytest.mark.parametrize(
    ("name", "endpoint", "frames", "candles"),
    [
        # 47 frames of candles, two of them of two candles
        ("bybit/linear/btcusdt_solusdt_2026-08-09", "bybit:linear", 378, 49),
        ("bybit/spot/btcusdt_2026-08-09", "bybit:spot", 41, 15),
    ],
)
def test_recorded_tickers(
    recordings: Path, name: str, endpoint: str, frames: int, candles: int
) -> None:
    run, seen, rows = Recorded(endpoint), 0, 0
    spoken: set[str] = set()
    states: dict[str, dict[str, str]] = {}
    last: dict[tuple[str, str], tuple[tuple[str | None, ...], int]] = {}
    feeds = FIELDS if endpoint == "bybit:linear" else {"ticker": FIELDS["ticker"]}
    for entry in entries(recordings / f"{name}.jsonl.gz"):
        lines = [line for line in run.feed(entry.recv_ns, entry.raw) if line[0] in FIELDS]
        frame = json.loads(entry.raw)
        if not frame.get("topic", "").startswith("tickers."):
            assert lines == []
            rows += len(frame["data"]) if frame.get("topic", "").startswith("kline.") else 0
            continue
        seen += 1
        symbol = frame["data"]["symbol"]
        if frame["type"] == "snapshot":
            states[symbol] = {}
        states[symbol].update(frame["data"])
        said = {}
        for feed, whose, text in lines:
            said[feed] = digits(feed, text)
            assert whose == symbol
            assert json.loads(text)["ts_exchange"] == frame["ts"] * MS
        for feed in feeds:
            wanted = values_of(feed, states[symbol])
            before, at = last.get((feed, symbol), (None, 0))
            # what has changed is said at once, what has not each second
            assert (feed in said) == (before != wanted or entry.recv_ns - at >= AGAIN_NS), entry.raw
            assert said.get(feed, wanted) == wanted, (feed, entry.raw)
            last[feed, symbol] = wanted, entry.recv_ns if feed in said else at
        spoken |= set(said)
    assert seen == frames
    assert spoken == set(feeds)
    counts = run.counts()
    assert counts["reports"] == frames
    assert counts["klines"] == rows == candles
    assert not any(name.startswith("reject") or name == "waiting" for name in counts)


def liquidations(recordings: Path) -> Iterator[bytes]:
    for name in (
        "liquidations_2021_2026",
        "bybit_all_liquidation_2026-10-10_part1",
        "three_venues_single_frames_tardis",
    ):
        for entry in entries(recordings / f"catalogue/{name}.jsonl.gz"):
            if b'"topic":"allLiquidation.' in entry.raw:
                yield entry.raw


def test_recorded_liquidations(recordings: Path) -> None:
    run, told = Recorded("bybit:linear"), 0
    for raw in liquidations(recordings):
        lines = list(run.feed(0, raw))
        rows = json.loads(raw)["data"]
        assert len(lines) == len(rows) > 0, raw
        for (feed, symbol, text), row in zip(lines, rows, strict=True):
            said = json.loads(text, parse_float=Decimal, parse_int=Decimal)
            assert (feed, symbol) == ("liquidation", row["s"])
            assert said["ts_exchange"] == row["T"] * MS
            assert (said["price"], said["qty"]) == (Decimal(row["p"]), Decimal(row["v"]))
            assert said["notional"] == EXACT.multiply(Decimal(row["p"]), Decimal(row["v"]))
            assert said["side"] == {"Buy": "sell", "Sell": "buy"}[row["S"]]
            assert said["price_kind"] == "bankruptcy"
            assert said["complete"] is True
            told += 1
    assert told >= 34
    assert run.counts()["prints"] == told


def test_recorded_tickers_of_older_years(recordings: Path) -> None:
    """Before 2025-10 and 2026-06-11: no interval, both sides of open interest; and a future."""
    run = Recorded("bybit:linear")
    lines: dict[tuple[str, str], str] = {}
    for entry in entries(recordings / "catalogue/three_venues_single_frames_tardis.jsonl.gz"):
        if b'"topic":"tickers.' in entry.raw:
            for feed, symbol, text in run.feed(0, entry.raw):
                lines[feed, symbol] = text.partition('"ts_pub":')[2].partition(",")[2]
    assert lines["open_interest", "BTCUSDT"] == (
        '"base":26387.264,"contracts":26387.264,"notional":753430535.41,'
        '"derived":["base","contracts","notional"]}'
    )
    assert lines["funding", "BTCUSDT"] == (
        '"rate":0.0001,"interval_hours":null,"next_funding":1680681600000000000}'
    )
    assert lines["mark_price", "BTCUSDU23"] == '"price":29023.6}'
    assert ("funding", "BTCUSDU23") not in lines
    assert run.counts()["reports"] == 5
