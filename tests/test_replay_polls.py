"""Replay of what a run was told beside its frames: polls, and what it told the core itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.replaying import BOOK, MS, SPOT_DEPTH, T0, Row, body, recv, replayed, rest, trade, write

LINEAR = {"venue": "binance", "market": "linear"}
SPOT = {"venue": "binance", "market": "spot"}
INTEREST = "https://fapi.binance.com/fapi/v1/openInterest?symbol=BTCUSDT"
PREMIUM = "https://fapi.binance.com/fapi/v1/premiumIndex"
DAY_MS = 86_400_000
NOW_MS = T0 // MS


def interest(amount: str, at_ms: int = NOW_MS, symbol: str = "BTCUSDT") -> str:
    return json.dumps({"openInterest": amount, "symbol": symbol, "time": at_ms})


def mark(op: str, at_ms: int, what: Any = None, **more: str) -> Row:
    row = {"k": "mark", "op": op, "recv_ns": T0 + at_ms * MS, **more}
    return row if what is None else {**row, "reason": json.dumps(what)}


def start(**more: Any) -> Row:
    return {"k": "start", "part": 1, "settings": {}, **more}


def test_a_poll_is_taken_as_it_was(tmp_path: Path) -> None:
    rows = [mark("follow", 1, symbol="BTCUSDT", **LINEAR), rest(INTEREST, interest("12.5"), 5)]
    replay, out = replayed(write(tmp_path / "x", [start(), *rows]))
    (message,) = out["open_interest:binance:BTCUSDT-PERP"]
    assert (message["base"], message["ts_recv"]) == (12.5, T0 + 5 * MS)
    assert replay.rest == {"open_interest: taken": 1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (interest("12.5", NOW_MS - DAY_MS), "old"),
        (interest("12.5", symbol="ETHUSDT"), "reject.symbol"),
        ("[]", "empty"),
        ("<html>", "reject.json"),
        ('{"code":-1121,"msg":"Invalid symbol."}', "reject.shape"),
    ],
)
def test_a_poll_is_refused_as_it_was(text: str, why: str, tmp_path: Path) -> None:
    rows = [mark("follow", 1, symbol="BTCUSDT", **LINEAR), rest(INTEREST, text, 5)]
    replay, out = replayed(write(tmp_path / "x", [start(), *rows]))
    assert replay.rest == {f"open_interest: {why}": 1}
    assert not [name for name in out if name.startswith("open_interest")]


def test_an_answer_for_all_is_for_those_that_were_followed_then(tmp_path: Path) -> None:
    text = json.dumps([
        {"symbol": name, "markPrice": "42000.1", "indexPrice": "42000.2", "lastFundingRate":
         "0.0001", "nextFundingTime": NOW_MS + 1000, "interestRate": "0.0001", "time": NOW_MS,
         "estimatedSettlePrice": "42000.3"}
        for name in ("BTCUSDT", "ETHUSDT")
    ])  # fmt: skip
    rows = [mark("follow", 1, symbol="BTCUSDT", **LINEAR), rest(PREMIUM, text, 5)]
    replay, out = replayed(write(tmp_path / "x", [start(), *rows]))
    assert replay.rest == {"mark_price: taken": 1}
    assert [name for name in out if name.startswith("mark")] == ["mark_price:binance:BTCUSDT-PERP"]


def test_a_removed_symbol_is_removed(tmp_path: Path) -> None:
    rows = [start(), *BOOK, mark("unfollow", 9, symbol="BTCUSDT", **SPOT)]
    replay, out = replayed(write(tmp_path / "x", rows))
    assert replay.engine.book_state(0) != "LIVE"
    assert out["depth:binance:BTCUSDT"][-1]["reason"] == "removed"


def test_feeds_go_off_and_on(tmp_path: Path) -> None:
    def one(number: int, at_ms: int) -> Row:
        return recv(trade(number), at_ms, conn="a")

    rows = [
        start(), *BOOK, one(1, 10), mark("feeds", 11, ["bbo", "depth"]), one(2, 12),
        mark("feeds", 13, ["trade", "bbo", "depth"]), one(3, 14),
    ]  # fmt: skip
    _, out = replayed(write(tmp_path / "x", rows))
    assert [(m["seq"], m["id"]) for m in out["trade:binance:BTCUSDT"]] == [(1, "1"), (2, "3")]


def test_the_feeds_of_the_run_are_the_feeds_of_the_replay(tmp_path: Path) -> None:
    rows = [{**start(), "settings": {"feeds": ["trade"]}}, *BOOK, recv(trade(1), 9, conn="a")]
    _, out = replayed(write(tmp_path / "x", rows))
    assert set(out) == {"trade:binance:BTCUSDT", "status:binance"}


def test_a_status_stands_where_it_stood(tmp_path: Path) -> None:
    fields = {"feed": "mark_price", "symbol": "Ä", "state": "STALE", "reason": "old", "age_s": 1.5}
    rows = [start(), mark("status", 4, fields, **LINEAR), mark("ages", 5, {"mark_price": 10**9})]
    replay, out = replayed(write(tmp_path / "x", rows))
    (message,) = out["status:binance"]
    assert {key: message[key] for key in fields} == fields
    assert message["ts_pub"] == T0 + 4 * MS
    assert replay.errors == []


def test_thresholds_of_block_trades_are_those_of_the_run(tmp_path: Path) -> None:
    def share(amount: str) -> Row:
        return {"min_notional": {"default": "5", "BTC": amount}, "spot_share": 0.5}

    def one(number: int, at_ms: int) -> Row:
        return recv(trade(number), at_ms, conn="a")  # of 21000.05

    rows = [
        {**start(), "block_trades": share("50000")}, *BOOK, one(1, 10),
        mark("block_trades", 11, share("42000")), one(2, 12),
        mark("block_trades", 13, {"spot_share": "x"}), one(3, 14),
    ]  # fmt: skip
    _, out = replayed(write(tmp_path / "x", rows))
    (message,) = out["block_trade:binance:BTCUSDT"]
    assert (message["id"], message["reason"]) == ("2", "size")


def test_a_mark_that_makes_no_sense_is_noted(tmp_path: Path) -> None:
    rows = [
        start(),
        mark("feeds", 1, ["nonsense"]),
        mark("feeds", 2),
        mark("ages", 3, ["x"]),
        mark("somewhat", 4, symbol="BTCUSDT", **SPOT),
        rest(SPOT_DEPTH, body(10), 5),
    ]
    replay, _ = replayed(write(tmp_path / "x", rows))
    assert len(replay.errors) == 3
    assert replay.rest == {"depth: taken": 1}
