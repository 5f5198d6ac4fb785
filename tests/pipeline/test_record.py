"""A recording of a bad day says the same again, as often as it is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .parts import Process
from .rig import Rig
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
        live: dict[str, list[Message]] = {}
        for channel, texts in rig.ledger.channels.texts.items():
            live[channel] = [plain(decode(texts[key])) for key in sorted(texts)]
        first, second = (replayed(rig.folder, number) for number in (1, 2))
        assert first == second
        again: dict[str, list[Message]] = {}
        for line in first.splitlines():
            name, _, text = line.partition(b" ")
            again.setdefault(name.decode(), []).append(plain(decode(text)))
        assert set(again) >= {name for name in live if name.startswith(("trade", "bbo", "depth"))}
        for channel in sorted(live):
            if channel.startswith(("trade:", "depth:", "bbo:")):
                if live[channel][-1].get("reason") == "shutdown":
                    live[channel].pop()  # the end of the process, not of what it heard
                same(channel, live[channel], again[channel])


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
