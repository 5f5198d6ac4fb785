"""Replay: the recording's own clock, whose frame is whose, what an instrument is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from p9.recording import InputError
from p9.replay.feed import MAX_PAUSE_NS, TICK_NS
from tests.replaying import (
    BOOK,
    LINEAR_WS,
    MS,
    SPOT_DEPTH,
    SPOT_WS,
    T0,
    Calls,
    Row,
    connect,
    depth,
    recv,
    replayed,
    rest,
    trade,
    write,
)

# --- time ----------------------------------------------------------------------------------


def test_a_message_has_the_time_of_its_cause(tmp_path: Path) -> None:
    _, out = replayed(write(tmp_path / "x", [*BOOK, recv(trade(1), 7, conn="a")]))
    (message,) = out["trade:binance:BTCUSDT"]
    assert (message["epoch"], message["seq"]) == (1, 1)
    assert (message["ts_recv"], message["ts_pub"]) == (T0 + 7 * MS, T0 + 7 * MS)
    assert [m["last_id"] for m in out["depth:binance:BTCUSDT"]] == [11, 13]


def test_a_frame_without_a_receive_time(tmp_path: Path) -> None:
    """Takes the previous one's, else its exchange time; `ts_recv` is null."""
    at = {"venue": "binance", "market": "spot"}
    rows = [recv(trade(1), None, **at), recv(trade(2), 5, **at), recv(trade(3), None, **at)]
    _, out = replayed(write(tmp_path / "x", rows))
    times = [(m["ts_recv"], m["ts_pub"]) for m in out["trade:binance:BTCUSDT"]]
    assert times == [(None, T0 + 1 * MS), (T0 + 5 * MS, T0 + 5 * MS), (None, T0 + 5 * MS)]


def test_timers_fire_at_multiples_of_100_ms_before_the_next_entry(tmp_path: Path) -> None:
    calls = Calls()
    rows = [recv(trade(n), at, conn="a") for n, at in enumerate((30, 99, 100, 101, 350))]
    replayed(write(tmp_path / "x", [connect("a", SPOT_WS, 20), *rows]), engine_of=calls.of)
    ticks = [("tick", at * MS) for at in (100, 200, 300)]
    feeds = [("feed", 0, at * MS) for at in (30, 99, 100, 101, 350)]
    made = calls[:2]
    assert made == [("made", {}, True), ("open", "binance:spot")]
    assert calls[2:] == [*feeds[:2], ticks[0], *feeds[2:4], *ticks[1:], feeds[4]]


def test_a_pause_between_days_is_not_ticked_through(tmp_path: Path) -> None:
    calls = Calls()
    long_ms = 2 * MAX_PAUSE_NS // MS + 50
    first = write(tmp_path / "1", [connect("a", SPOT_WS, 20), recv(trade(1), 30, conn="a")])
    later = write(tmp_path / "2", [recv(trade(2), long_ms + at, conn="a") for at in (0, 60)])
    earlier = write(tmp_path / "3", [recv(trade(3), at, conn="a") for at in (40, 120)])
    replayed(first, later, earlier, engine_of=calls.of)
    ticks = [call[1] for call in calls if call[0] == "tick"]
    assert ticks == [TICK_NS, (long_ms + 50) * MS, TICK_NS]


def test_a_small_step_back_stops_the_timers_not_the_frames(tmp_path: Path) -> None:
    calls = Calls()
    rows = [recv(trade(n), at, conn="a") for n, at in enumerate((0, 250, 90, 260, 310))]
    replayed(write(tmp_path / "x", [connect("a", SPOT_WS), *rows]), engine_of=calls.of)
    assert [call[1] // MS for call in calls if call[0] == "tick"] == [100, 200, 300]
    assert len([call for call in calls if call[0] == "feed"]) == 5


# --- whose frames --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "rows", "option", "endpoint"),
    [
        ("x", [recv(trade(1), venue="binance", market="usdm", conn="a")], None, "binance:linear"),
        ("x", [connect("a", LINEAR_WS), recv(trade(1), conn="a")], None, "binance:linear"),
        ("x", [connect("a", "wss://proxy/ws", venue="binance", market="linear"),
               recv(trade(1), conn="a")], None, "binance:linear"),
        ("okx/x", [connect("a", LINEAR_WS), recv(trade(1), conn="a")], "bybit:spot",
         "binance:linear"),
        ("x", [recv(trade(1), conn="a")], "binance:linear", "binance:linear"),
        ("okx/x", [recv(trade(1), conn="a")], "binance:linear", "binance:linear"),
        ("binance/usdm/x", [recv(trade(1), conn="a")], None, "binance:linear"),
        ("okx/binance_usdm_x.jsonl.gz", [recv(trade(1))], None, "binance:linear"),
        ("x", [recv(trade(1)), rest("https://fapi.binance.com/fapi/v1/depth?symbol=X", "{}")],
         None, "binance:linear"),
    ],
)  # fmt: skip
def test_whose_frame_it_is(
    file: str, rows: list[Row], option: str | None, endpoint: str, tmp_path: Path
) -> None:
    calls = Calls()
    replayed(write(tmp_path / file, rows), endpoint=option, engine_of=calls.of)
    assert [call[1] for call in calls if call[0] == "open"] == [endpoint]


def test_a_frame_of_nobody_is_an_input_error(tmp_path: Path) -> None:
    path = write(tmp_path / "x", [connect("a", "wss://elsewhere/"), recv(trade(1), conn="a")])
    with pytest.raises(InputError, match=f"{path}:2: .*--venue"):
        replayed(path)


def test_other_markets_are_counted_not_fatal(tmp_path: Path) -> None:
    rows = [recv(trade(1), venue="binance", market="coinm"), recv(trade(1), venue="kraken")]
    replay, out = replayed(write(tmp_path / "x", [*rows, *BOOK]))
    assert replay.elsewhere == {"binance coinm": 1, "kraken": 1}
    assert len(out["depth:binance:BTCUSDT"]) == 2


def test_two_names_of_one_channel_do_not_share_it(tmp_path: Path) -> None:
    """USDC margined: BTCPERP is BTCUSDC-PERP, and nothing else may be."""
    calls = Calls()
    replay, _ = replayed(write(tmp_path / "x", BOOK), engine_of=calls.of)
    first = replay.instruments.resolve("bybit:linear", "BTCPERP")
    again = replay.instruments.resolve("bybit:linear", "BTCUSDC")
    assert first is not None
    assert again is not None
    assert first["symbol"] == again["symbol"]
    assert (first["publish"], again["publish"]) == (True, False)
    assert len(replay.instruments.collisions) == 1


@pytest.mark.parametrize("name", ["BTC USDT", "a:b", "a\nb", "a/b", '"', "", "x" * 65])
def test_a_name_that_no_channel_can_carry(name: str, tmp_path: Path) -> None:
    replay, _ = replayed(write(tmp_path / "x", BOOK))
    assert replay.instruments.resolve("binance:spot", name) is None


# --- instruments ---------------------------------------------------------------------------

OKX_SWAP = {
    "instType": "SWAP", "instId": "UNI-USDT-SWAP", "instFamily": "UNI-USDT", "uly": "UNI-USDT",
    "baseCcy": "", "quoteCcy": "", "settleCcy": "USDT", "ctType": "linear", "ctVal": "10",
    "ctMult": "1", "ctValCcy": "UNI", "tickSz": "0.001", "lotSz": "1", "state": "live",
    "expTime": "",
}  # fmt: skip
OKX_TRADE = json.dumps({
    "arg": {"channel": "trades", "instId": "UNI-USDT-SWAP"},
    "data": [{"instId": "UNI-USDT-SWAP", "tradeId": "5", "px": "5.137", "sz": "3",
              "side": "sell", "ts": "1700000000000"}],
})  # fmt: skip


def test_a_recorded_listing_gives_the_contract_size(tmp_path: Path) -> None:
    listing = rest(
        "https://www.okx.com/api/v5/public/instruments?instType=SWAP",
        json.dumps({"code": "0", "data": [OKX_SWAP], "msg": ""}),
    )
    frame = recv(OKX_TRADE, venue="okx")
    known, out = replayed(write(tmp_path / "l", [listing]), write(tmp_path / "x", [frame]))
    (message,) = out["trade:okx:UNIUSDT-PERP"]
    assert (message["price"], message["qty"], message["side"]) == (5.137, 30, "sell")
    assert known.instruments.unknown_contract == known.instruments.guessed == []

    # ... also one that comes later; until then nothing is published
    unknown, out = replayed(write(tmp_path / "x", [frame]))
    assert "trade:okx:UNIUSDT-PERP" not in out
    assert unknown.instruments.unknown_contract == ["okx UNI-USDT-SWAP"]
    later = recv(OKX_TRADE.replace('"5"', '"6"'), venue="okx")
    late, out = replayed(write(tmp_path / "x", [frame, listing, later]))
    assert [m["id"] for m in out["trade:okx:UNIUSDT-PERP"]] == ["6"]
    assert late.instruments.unknown_contract == []


def test_rest_bodies_that_are_not_usable_are_counted(tmp_path: Path) -> None:
    rows = [
        rest("https://api.binance.com/api/v3/klines?symbol=BTCUSDT", "[]"),
        rest("https://api.binance.com/api/v3/exchangeInfo", "half a b"),
        rest(SPOT_DEPTH, "[1"),
        rest(SPOT_DEPTH, "", status=429),
        rest("https://example.org/", "{}"),
    ]
    replay, _ = replayed(write(tmp_path / "x", rows))
    assert sum(replay.rest.values()) == 5
    assert replay.rest["not used"] == 2
    assert replay.rest["status 429"] == 1
    assert replay.rest["depth: reject.json"] == 1


# --- connections ---------------------------------------------------------------------------


def test_the_end_of_a_connection_invalidates_its_books(tmp_path: Path) -> None:
    calls = Calls()
    rows = [*BOOK, {"k": "close", "conn": "a", "recv_ns": T0 + 9 * MS}]
    replay, out = replayed(write(tmp_path / "x", rows), engine_of=calls.of)
    assert calls[-2:] == [("close", 0, 9 * MS), ("invalidate", 0, "disconnect", 9 * MS)]
    assert out["depth:binance:BTCUSDT"][-1]["invalid"] is True
    # ... but not while another connection of the endpoint is open
    rows.insert(1, connect("b", SPOT_WS))
    replay, out = replayed(write(tmp_path / "x", rows))
    assert replay.engine.book_state(0) == "LIVE"
    # ... and a new connection starts the book again
    rows = [*BOOK, connect("a", SPOT_WS, 9), *[{**row, "recv_ns": T0 + 20 * MS} for row in BOOK]]
    replay, out = replayed(write(tmp_path / "x", rows))
    assert replay.engine.book_state(0) == "LIVE"
    assert [m.get("snapshot") for m in out["depth:binance:BTCUSDT"]] == [
        True, False, None, True, False,
    ]  # fmt: skip


def test_a_second_run_in_the_folder_begins_anew(tmp_path: Path) -> None:
    start = {"k": "start", "part": 1, "settings": {"prefix": "p:", "depth_levels": 5}}
    rows = [start, *BOOK, start]
    replay, out = replayed(write(tmp_path / "x", rows))
    assert replay.engine.book_state(0) == "INVALID"
    assert replay.engine.prefix == "p:"
    assert out["p:depth:binance:BTCUSDT"][-1]["reason"] == "restart"


def test_a_later_file_of_a_run_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    start = {"k": "start", "part": 1, "settings": {"prefix": "p:"}}
    first = write(tmp_path / "1", [start, *BOOK])
    more = [{**start, "part": 2}, connect("a", SPOT_WS, 4, carried=True)]
    later = write(tmp_path / "2", [*more, recv(depth(14, 14, []), 5, conn="a")])
    calls = Calls()
    replay, _ = replayed(first, later, engine_of=calls.of)
    assert replay.engine.book_state(0) == "LIVE"
    assert [call for call in calls if call[0] in ("open", "close")] == [("open", "binance:spot")]
    assert calls[0] == ("made", {"prefix": "p:"}, False)
    # ... and by itself it has the settings of its run
    calls.clear()
    replayed(later, engine_of=calls.of)
    assert calls[0] == ("made", {"prefix": "p:"}, False)


def test_settings_of_another_version_do_not_break_a_replay(tmp_path: Path) -> None:
    start = {"k": "start", "part": 1, "settings": {"prefix": 5, "colour": "red"}}
    _, out = replayed(write(tmp_path / "x", [start, *BOOK]))
    assert len(out["depth:binance:BTCUSDT"]) == 2
