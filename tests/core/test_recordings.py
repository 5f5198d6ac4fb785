"""Real recordings through the engine, beside a rebuild that shares nothing with it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from p9core.engine import Engine
from tests.models.book import Levels, Reader
from tests.models.numbers import units
from tests.models.rebuild import Best, Entry, Fill, Line, Rebuild, entries

FULL = bool(os.environ.get("P9_FULL"))
MOST = 10**9 if FULL else 8_000  # frames of one recording

# path, endpoint, OKX checksums in it
FILES = [
    ("binance/spot/btcusdt_2024-08-08_09", "binance:spot", 0),
    ("binance/spot/btcusdt_2023-04-05_no_snapshot", "binance:spot", 0),
    ("binance/spot/four_alts_klines_2021-10-12", "binance:spot", 0),
    ("binance/spot/ten_alts_2021-04-05", "binance:spot", 0),
    ("binance/usdm/btcusdt_2023-04-04_05", "binance:linear", 0),
    ("binance/usdm/btcusdt_2024-08-08", "binance:linear", 0),
    ("binance/usdm/five_alts_2021-04-05", "binance:linear", 0),
    ("binance/usdm/four_alts_klines_2021-07-22", "binance:linear", 0),
    ("bybit/linear/btcusdt_solusdt_2026-08-09", "bybit:linear", 0),
    ("bybit/linear/orderbook1_2025-06-13", "bybit:linear", 0),
    ("bybit/spot/btcusdt_2026-08-09", "bybit:spot", 0),
    ("okx/ten_instruments_l2tbt_2022-02-27", "okx", 3679),
    ("okx/books_btcusdt_uniusdswap_2022-05-13", "okx", 290),
]
NAMED = pytest.mark.parametrize(
    ("name", "endpoint", "checksums"), FILES, ids=[name for name, _, _ in FILES]
)


def recorded(recordings: Path, name: str) -> list[Entry]:
    path = recordings / f"{name}.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    return list(islice(entries(path), MOST))


class Run:
    """An engine that learns all it needs from the recording, and readers of what it says."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.engine = Engine(epoch=1, sink="lines", learn=True, resolver=self.resolve)
        self.conn = self.engine.open_conn(endpoint)
        self.readers: dict[str, Reader] = {}
        self.fills: list[tuple[str, Fill]] = []
        self.best: list[tuple[str, Best]] = []
        self.holes: list[dict[str, Any]] = []
        self.hash = hashlib.sha256()

    def resolve(self, endpoint: str, venue_id: str) -> dict[str, Any]:
        """Venue units throughout: the rebuild knows no contract sizes."""
        return {
            "exchange": "x",
            "symbol": venue_id,
            "price_step": None,
            "qty_step": None,
            "contract": "1",
        }

    def number(self, name: str) -> int:
        return self.engine.add_instrument(self.endpoint, name, **self.resolve("", name))

    def take(self, entry: Entry) -> bytes:
        if entry.kind == "depth":
            self.engine.feed_snapshot(
                self.number(entry.symbol), entry.recv_ns, entry.raw, entry.limit
            )
        else:
            self.engine.feed(self.conn, entry.recv_ns, entry.raw)
        text = self.engine.take_lines()
        self.hash.update(text)
        return text

    def read(self, text: bytes) -> None:
        for line in text.splitlines():
            channel, _, message = line.partition(b" ")
            feed, _, name = channel.decode().partition(":x:")
            if feed == "depth":
                self.readers.setdefault(name, Reader()).take(message)
            elif feed == "trade":
                said = json.loads(message, parse_float=Decimal)
                assert said["buyer_maker"] == (said["side"] == "sell")
                self.fills.append(
                    (
                        name,
                        Fill(
                            said["id"],
                            units(said["price"]),
                            units(said["qty"]),
                            said["side"],
                            said["count"],
                        ),
                    )
                )
            elif feed == "bbo":
                said = json.loads(message, parse_float=Decimal)
                sides = [
                    None if said[side] is None else (units(said[side]), units(said[f"{side}_qty"]))
                    for side in ("bid", "ask")
                ]
                self.best.append((name, Best(said["id"], sides[0], sides[1])))
            elif feed == "alert:gap":
                self.holes.append(json.loads(message))

    def is_live(self, name: str) -> bool:
        return self.readers[name].live if name in self.readers else False


def replay(recorded: list[Entry], endpoint: str) -> tuple[Run, Rebuild]:
    """Both side by side, compared at every depth frame."""
    run, rebuild = Run(endpoint), Rebuild(endpoint)
    frames = 0
    for place, entry in enumerate(recorded):
        run.read(run.take(entry))
        name = rebuild.take(entry)
        if not name:
            continue
        line, reader = rebuild.lines[name], run.readers.get(name)
        must, may = line.live, line.live or line.loaded
        assert must <= run.is_live(name) <= may, f"entry {place}: {entry.raw[:200]!r}"
        if reader is None or not reader.live:
            continue
        assert reader.last_id == line.last_id, f"entry {place}"
        assert reader.bids == line.bids, f"entry {place}: {entry.raw[:200]!r}"
        assert reader.asks == line.asks, f"entry {place}: {entry.raw[:200]!r}"
        frames += 1
        if frames % 100 == 0:
            book = run.engine.books()[run.number(name)]
            assert (book["bids"], book["asks"]) == (len(line.bids), len(line.asks))
            assert book["state"] == "LIVE"
    assert run.fills == rebuild.fills
    assert run.best == rebuild.best
    return run, rebuild


@NAMED
@pytest.mark.timeout(600)
def test_books_trades_and_best_prices(
    recordings: Path, name: str, endpoint: str, checksums: int
) -> None:
    recording = recorded(recordings, name)
    run, rebuild = replay(recording, endpoint)
    counts = run.engine.counters()[endpoint]
    assert not [key for key in counts if key.startswith("reject")], run.engine.samples()
    assert (rebuild.gaps, run.holes) == ([], [])
    assert counts.get("checksum_ok", 0) == rebuild.checksums == checksums
    traces = ("depth", "bbo", "trades", "duplicates", "off_book", "ignored", "control", "reports",
              "klines", "prints")  # fmt: skip
    kinds = sum(counts.get(key, 0) for key in traces)
    assert counts["frames"] <= kinds, "a frame that left no trace"
    if "no_snapshot" not in name and "orderbook1" not in name:
        assert all(line.live for line in rebuild.lines.values() if line.waiting or line.bids)
        assert any(reader.live for reader in run.readers.values())
    assert run.fills or run.best
    again = Run(endpoint)
    for entry in recording:
        again.take(entry)
    assert again.hash.digest() == run.hash.digest(), "other bytes on the second run"


def text_of(levels: Levels, bid: bool) -> list[list[str]]:
    return [
        [f"{value // 10**18}.{value % 10**18:018d}" for value in pair]
        for pair in sorted(levels.items(), reverse=bid)
    ]


def snapshot_of(endpoint: str, name: str, line: Line, recv_ns: int) -> Entry:
    """A snapshot of the rebuilt book, as the venue would give it."""
    bids, asks = text_of(line.bids, True), text_of(line.asks, False)
    if endpoint.startswith("binance"):
        body = {"lastUpdateId": line.last_id, "bids": bids, "asks": asks}
        return Entry("depth", recv_ns, json.dumps(body).encode(), name, 0)
    if endpoint == "okx":
        frame: dict[str, Any] = {
            "arg": {"channel": "books-l2-tbt" if "tbt" in name else "books", "instId": name},
            "action": "snapshot",
            "data": [{"bids": bids, "asks": asks, "ts": "1646003668000"}],
        }
    else:
        frame = {
            "topic": f"orderbook.200.{name}",
            "type": "snapshot",
            "ts": 1786310819000,
            "data": {"s": name, "b": bids, "a": asks, "u": line.last_id, "seq": 1},
        }
    return Entry("frame", recv_ns, json.dumps(frame).encode(), "", 0)


def holes_in(recording: list[Entry], endpoint: str, seed: int) -> tuple[list[Entry], list[int]]:
    """The recording without some updates of books that are live, each healed by a snapshot of
    the true book a few updates later; and the places where a hole shows."""
    random = Random(seed)
    rebuild = Rebuild(endpoint)
    kept: list[Entry] = []
    places: list[int] = []
    missing: dict[str, int] = {}  # instrument -> its updates since one was left out
    for entry in recording:
        before = {name: line.last_id for name, line in rebuild.lines.items() if line.live}
        name = rebuild.take(entry)
        moved = name in before and rebuild.lines[name].last_id != before[name]
        if not moved:
            kept.append(entry)
            continue
        if name not in missing and random.random() < 0.01:
            missing[name] = 0
            continue
        kept.append(entry)
        if name in missing:
            missing[name] += 1
            if missing[name] == 1:
                places.append(len(kept) - 1)
            if missing[name] == 6:
                kept.append(snapshot_of(endpoint, name, rebuild.lines[name], entry.recv_ns))
            if missing[name] == 8:  # it is live again
                del missing[name]
    return kept, places


@pytest.mark.parametrize("seed", range(3 if FULL else 2))
@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        (name, endpoint)
        for name, endpoint, _ in FILES
        if endpoint != "okx" and "no_snapshot" not in name and "orderbook1" not in name
    ],
)
@pytest.mark.timeout(600)
def test_holes_are_found_where_they_are(
    recordings: Path, name: str, endpoint: str, seed: int
) -> None:
    recording = recorded(recordings, name)[: None if FULL else 5000]
    kept, places = holes_in(recording, endpoint, seed)
    run, rebuild = replay(kept, endpoint)
    assert rebuild.gaps == ["depth"] * len(places)
    assert [hole["feed"] for hole in run.holes] == ["depth"] * len(places)
    counts = run.engine.counters()[endpoint]
    assert counts.get("depth_gaps", 0) == len(places)
    # and at those frames, not a frame earlier or later
    again = Run(endpoint)
    found = []
    for place, entry in enumerate(kept):
        before = again.engine.counters()[endpoint].get("depth_gaps", 0)
        again.take(entry)
        if again.engine.counters()[endpoint].get("depth_gaps", 0) > before:
            found.append(place)
    assert found == places
    if name.startswith("bybit") or "btcusdt" in name:
        assert places, "no hole was made"


def without(recording: list[Entry], seed: int, wanted: bytes) -> Iterator[Entry]:
    random = Random(seed)
    for entry in recording:
        if wanted not in entry.raw or random.random() > 0.01:
            yield entry


@pytest.mark.parametrize("seed", range(10 if FULL else 3))
@pytest.mark.parametrize(("name", "endpoint"), [(n, e) for n, e, _ in FILES if e == "okx"])
def test_lost_updates_without_ids_are_found_by_the_checksum(
    recordings: Path, name: str, endpoint: str, seed: int
) -> None:
    kept = list(without(recorded(recordings, name), seed, b'"action":"update"'))
    run, rebuild = replay(kept, endpoint)
    counts = run.engine.counters()[endpoint]
    assert counts.get("checksum_bad", 0) == rebuild.gaps.count("checksum") > 0
    assert counts["checksum_ok"] == rebuild.checksums


@pytest.mark.parametrize("seed", range(3))
def test_lost_trades_are_told(recordings: Path, seed: int) -> None:
    kept = list(
        without(recorded(recordings, "binance/usdm/btcusdt_2024-08-08"), seed, b'"e":"trade"')
    )
    run, rebuild = replay(kept, "binance:linear")
    assert [hole["feed"] for hole in run.holes] == rebuild.gaps == ["trade"] * len(rebuild.gaps)
    assert len(rebuild.gaps) > 5
    told = {int(fill.id) for _, fill in run.fills}
    missing = {
        number for hole in run.holes for number in range(hole["first_id"], hole["last_id"] + 1)
    }
    assert told | missing == set(range(min(told), max(told) + 1))
    assert not told & missing


# An aggregate of 2019 without its id.
REFUSED = [("binance:linear", "reject.shape")]


def test_single_frames_of_the_catalogue(recordings: Path) -> None:
    """Frames of every channel and year: read, or known and passed over."""
    refused = []
    files = sorted((recordings / "catalogue").glob("*.jsonl.gz"))
    for path in files:
        runs: dict[str, Run] = {}
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            records = [json.loads(line) for line in lines]
        for record in records:
            if record["k"] != "recv":
                continue
            market = record["market"].replace("usdm", "linear")
            endpoint = "okx" if record["venue"] == "okx" else f"{record['venue']}:{market}"
            run = runs.setdefault(endpoint, Run(endpoint))
            run.read(run.take(Entry("frame", 0, record["raw"].encode(), "", 0)))
        for endpoint, run in sorted(runs.items()):
            counts = run.engine.counters()[endpoint]
            refused += [
                (endpoint, name)
                for name, count in counts.items()
                for _ in range(count if name.startswith("reject") else 0)
            ]
    if not files:
        pytest.skip("no catalogue")
    assert refused == REFUSED
