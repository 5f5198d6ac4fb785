"""OKX: real tickers, prices, funding, open interest and forced orders, beside a reading that
shares nothing with the core."""

from __future__ import annotations

import json
from collections import Counter
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
HOUR_MS = 3_600_000
AGAIN_NS = 1_000_000_000
FACE = "10"  # of every contract here: what it is is not in the frames
CATALOGUE = (
    "binance_okx_single_frames_2020_2022",
    "liquidations_2021_2026",
    "three_venues_single_frames_tardis",
)


def market_of(name: str) -> str:
    parts = name.split("-")
    if len(parts) == 2:
        return "spot"
    return "inverse" if parts[1] == "USD" else "linear"


class Recorded:
    """An engine that learns its instruments from the frames; an index has one of each kind."""

    def __init__(self) -> None:
        self.engine = Engine(
            epoch=1, sink="lines", learn=True, resolver=self.resolve, feeds=[*TOLD]
        )
        self.conn = self.engine.open_conn("okx")

    def resolve(self, endpoint: str, venue_id: str) -> dict[str, Any]:
        market = market_of(venue_id)
        return {
            "exchange": "x",
            "symbol": venue_id,
            "market": market,
            "contract": "1" if market == "spot" else FACE,
            "index": "-".join(venue_id.split("-")[:2]),
        }

    def feed(self, recv_ns: int, raw: bytes) -> list[tuple[str, str, dict[str, Any]]]:
        """(feed, instrument, message), numbers as their digits, of what it makes the engine say."""
        self.engine.feed(self.conn, recv_ns, raw)
        found = []
        for line in self.engine.take_lines().decode().splitlines():
            channel, _, text = line.partition(" ")
            feed, _, symbol = channel.partition(":x:")
            if feed in TOLD:
                message = json.loads(text, parse_float=str, parse_int=str)
                found.append((feed, symbol, message))
        return found


def digits(text: str | None) -> str | None:
    return canonical(Decimal(text)) if text else None


def times(one: str, other: str) -> str:
    return canonical(EXACT.multiply(Decimal(one), Decimal(other)))


def ticker(row: dict[str, str]) -> dict[str, str | None]:
    market = market_of(row["instId"])
    volume, quote = row["vol24h"], row["volCcy24h"]
    change = (Decimal(row["last"]) / Decimal(row["open24h"]) - 1).quantize(Decimal("1e-8"))
    return {
        "last": digits(row["last"]),
        "open": digits(row["open24h"]),
        "high": digits(row["high24h"]),
        "low": digits(row["low24h"]),
        "volume": digits(volume if market == "spot" else quote),
        "quote_volume": {"spot": digits(quote), "inverse": times(volume, FACE), "linear": None}[
            market
        ],
        "change_pct": canonical(change),
    }


def funding(row: dict[str, str]) -> dict[str, Any]:
    settles, after = int(row["fundingTime"]), row.get("nextFundingTime")
    found = {
        "rate": digits(row["fundingRate"]),
        "interval_hours": str((int(after) - settles) // HOUR_MS) if after else None,
        "next_funding": str(settles * MS),
    }
    predicted = digits(row["nextFundingRate"])
    return {**found, "predicted": predicted} if predicted else found


def fields(message: dict[str, Any]) -> dict[str, Any]:
    header = ("type", "exchange", "symbol", "epoch", "seq", "ts_exchange", "ts_recv", "ts_pub")
    return {name: value for name, value in message.items() if name not in header}


@pytest.mark.parametrize(
    ("name", "frames", "options"),
    [
        ("okx/ten_instruments_l2tbt_2022-02-27", 19, 5),
        ("okx/books_btcusdt_uniusdswap_2022-05-13", 28, 0),
    ],
)
def test_recorded_tickers(recordings: Path, name: str, frames: int, options: int) -> None:
    run, seen, passed = Recorded(), 0, 0
    last: dict[str, tuple[dict[str, str | None], int]] = {}
    for entry in entries(recordings / f"{name}.jsonl.gz"):
        lines = [line for line in run.feed(entry.recv_ns, entry.raw) if line[0] == "ticker"]
        frame = json.loads(entry.raw)
        if frame["arg"]["channel"] != "tickers" or "event" in frame:
            assert lines == []
            continue
        seen += 1
        (row,) = frame["data"]
        if row["instType"] == "OPTION":
            passed += 1
            assert lines == []
            continue
        wanted, whose = ticker(row), row["instId"]
        before, at = last.get(whose, (None, 0))
        # what has changed is said at once, what has not each second
        assert bool(lines) == (before != wanted or entry.recv_ns - at >= AGAIN_NS), entry.raw
        for _, symbol, message in lines:
            assert (symbol, fields(message)) == (whose, wanted)
            assert message["ts_exchange"] == str(int(row["ts"]) * MS)
        last[whose] = wanted, entry.recv_ns if lines else at
    assert (seen, passed) == (frames, options)
    counts = run.engine.counters()["okx"]
    assert counts["reports"] == frames - options
    assert not any(counter.startswith("reject") for counter in counts)


def catalogue(recordings: Path) -> Iterator[dict[str, Any]]:
    for name in CATALOGUE:
        for entry in entries(recordings / f"catalogue/{name}.jsonl.gz"):
            frame = json.loads(entry.raw)
            arg = frame.get("arg") if isinstance(frame, dict) else None
            if isinstance(arg, dict) and "event" not in frame and "channel" in arg:
                yield frame


def test_single_frames(recordings: Path) -> None:
    """Each in an engine of its own: what a feed says is what stands in the frame."""
    seen: Counter[str] = Counter()
    for frame in catalogue(recordings):
        channel = frame["arg"]["channel"]
        run = Recorded()
        if channel == "index-tickers":
            # an instrument is priced by it
            run.engine.add_instrument("okx", "I", **{
                **run.resolve("okx", frame["arg"]["instId"]), "market": "linear",
            })  # fmt: skip
        lines = run.feed(0, json.dumps(frame).encode())
        wanted: list[tuple[str, dict[str, Any]]] = []
        (row,) = frame["data"]
        if channel == "tickers" and row["instType"] != "OPTION":
            wanted = [("ticker", ticker(row))]
        elif channel == "mark-price":
            wanted = [("mark_price", {"price": digits(row["markPx"])})]
        elif channel == "index-tickers":
            wanted = [("index_price", {"price": digits(row["idxPx"])})]
        elif channel == "funding-rate" and "fundingRate" in row:
            wanted = [("funding", funding(row))]
        elif channel == "open-interest":
            told = {"base": digits(row["oiCcy"]), "contracts": digits(row["oi"])}
            wanted = [("open_interest", {**told, "notional": None, "derived": ["notional"]})]
        elif channel == "liquidation-orders":
            wanted = [("liquidation", forced(row["instId"], detail)) for detail in row["details"]]
        elif channel in ("tickers", "funding-rate"):
            channel += " of nothing"
        else:
            continue
        seen[channel] += 1
        assert [(feed, fields(message)) for feed, _, message in lines] == wanted, frame
        counts = run.engine.counters()["okx"]
        assert not any(counter.startswith("reject") for counter in counts), frame
    assert seen == {
        "tickers": 8, "tickers of nothing": 1, "mark-price": 3, "index-tickers": 6,
        "funding-rate": 2, "funding-rate of nothing": 1, "open-interest": 2,
        "liquidation-orders": 3,
    }  # fmt: skip


def forced(name: str, detail: dict[str, str]) -> dict[str, Any]:
    inverse = market_of(name) == "inverse"
    qty = times(detail["sz"], FACE)
    return {
        "price": digits(detail["bkPx"]),
        "qty": qty,
        "notional": qty if inverse else times(qty, detail["bkPx"]),
        "side": detail["side"],
        # 4.10: another price since 2026-07-08
        "price_kind": "mark" if int(detail["ts"]) >= 1783468800000 else "bankruptcy",
        "complete": False,
    }
