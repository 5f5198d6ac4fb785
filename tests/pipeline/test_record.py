"""A recording of a bad day says the same again, as often as it is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .parts import Process
from .rig import ALL_FEEDS, Rig, merged
from .tape import Message, decode

OWN = ("epoch", "ts_pub", "seq", "prev")  # what a replay has of its own


def test_a_recording_replays_to_what_was_published() -> None:
    with Rig(record=True, rate=600) as rig:
        faults = rig.faults

        def misbehave() -> None:
            faults.gap("binance", "spot", "ETHUSDT")
            faults.gap("okx", "linear", "ETHUSDT-PERP")
            faults.duplicate("bybit", "linear", "ETHUSDT-PERP", n=2)
            faults.gap("binance", "linear", "BTCUSDT-PERP", "trade", 2)
            faults.garbage("bybit", "linear", "BTCUSDT-PERP", "truncated")
            faults.crossed("bybit", "spot", "BTCUSDT")

        rig.run_for(0.5)
        rig.thread.call(misbehave)
        rig.run_for(1.0)
        rig.thread.call(lambda: faults.cut("binance", "linear"))
        rig.thread.call(lambda: faults.kick("okx"))
        rig.run_for(0.5)
        rig.until(rig.settled, 8.0, "everything is healed")
        rig.run_for(0.5)
        with rig.standing_still():
            assert rig.process is not None
            assert rig.process.end() == 0, rig.process.tail()
            rig.look()
        live, again = said(rig), said_again(rig)
        assert set(again) >= {name for name in live if name.startswith(("trade", "bbo", "depth"))}
        for channel in sorted(live):
            if channel.startswith(("trade:", "depth:", "bbo:")):
                if live[channel][-1].get("reason") == "shutdown":
                    live[channel].pop()  # the end of the process, not of what it heard
                same(channel, live[channel], again[channel])


# What a timer makes depends on the moment at which it fired; in a replay those are the multiples
# of 100 ms. Alerts of sockets and of the configuration are not the core's.
BY_TIMER = ("snapshot:", "imbalance:", "candles:", "alert:")


def test_polls_and_reloads_are_in_the_recording() -> None:
    config = {
        "feeds": merged(
            ALL_FEEDS, {"open_interest": {"max_age_s": 2}, "long_short": {"max_age_s": 2}}
        )
    }
    perp = ("binance", "linear", "BTCUSDT-PERP")
    with Rig(record=True, rate=600, config=config) as rig:
        faults = rig.faults

        def misbehave() -> None:
            faults.rest("binance", "old", -1, "openInterest?symbol=BTCUSDT")
            faults.rest("bybit", "empty", 1, "account-ratio")
            faults.rest("okx", "other", 1, "long-short-account-ratio")
            faults.liquidate(*perp)
            faults.block("okx", "linear", "BTCUSDT-PERP")

        rig.thread.call(misbehave)
        rig.run_for(4.0)
        stale = {"feed": "open_interest", "symbol": "BTCUSDT-PERP", "state": "STALE"}
        rows = [row for _, exchange, row in rig.ledger.statuses if exchange == "binance"]
        assert any(stale.items() <= row.items() for row in rows)
        rig.thread.call(faults.clear)
        less = {"bbo": {"enabled": False}, "block_trade": {"min_notional": {"BTC": 1000}}}
        perps = [n.symbol for n in rig.names if n.exchange == "bybit" and n.market == "linear"]
        rig.reload({"feeds": less, "exchanges": {"bybit": {"symbols": perps}}})
        rig.run_for(2.0)
        rig.reload()
        rig.until(rig.settled, 10.0, "everything is back")
        with rig.standing_still():
            assert rig.process is not None
            assert rig.process.end() == 0, rig.process.tail()
            rig.look()
        live, again = said(rig), said_again(rig)
        kinds = set()
        for channel in sorted(set(live) | set(again)):
            if not channel.startswith(BY_TIMER):
                rows = [row for row in live[channel] if row.get("reason") != "shutdown"]
                same(channel, rows, again[channel])
                kinds.add(channel.partition(":")[0])
        assert kinds == {*ALL_FEEDS, "status"} - {"snapshot", "imbalance", "candles"}


def said(rig: Rig) -> dict[str, list[Message]]:
    """What was published live, by channel."""
    return {
        channel: [plain(decode(texts[key])) for key in sorted(texts)]
        for channel, texts in rig.ledger.channels.texts.items()
    }


def said_again(rig: Rig) -> dict[str, list[Message]]:
    """What two replays say, which is the same."""
    first, second = (replayed(rig.folder, number) for number in (1, 2))
    assert first == second
    found: dict[str, list[Message]] = {}
    for line in first.splitlines():
        name, _, text = line.partition(b" ")
        found.setdefault(name.decode(), []).append(plain(decode(text)))
    return found


def same(channel: str, live: list[Message], again: list[Message]) -> None:
    for number, (one, other) in enumerate(zip(live, again, strict=False)):
        assert one == other, (channel, number, short(one), short(other))
    assert len(live) == len(again), channel


def plain(message: Message) -> Message:
    return {key: value for key, value in message.items() if key not in OWN}


def short(message: Message) -> dict[str, Any]:
    return {key: len(value) if isinstance(value, list) else value for key, value in message.items()}


def replayed(folder: Path, number: int) -> bytes:
    out = folder / f"out{number}"
    process = Process(
        folder,
        "replay",
        str(folder / "record"),
        "--out",
        str(out),
        "--report",
        str(folder / "report"),
    )
    assert process.wait() == 0, process.tail()
    assert json.loads((folder / "report").read_text())
    return out.read_bytes()
