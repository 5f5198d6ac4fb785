"""The replay command: a live run again, exit status, report, output to a file and to Redis."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from p9.capture import Recorder
from p9.config import Config, loads
from p9.port import Port
from p9.replay.command import Options, core_settings, run
from p9.rest.client import RestReply
from p9.venues import ENDPOINTS, RestCall, instruments
from p9core.engine import Engine
from tests.redis_server import RedisServer
from tests.replaying import (
    BOOK,
    LINEAR_WS,
    MS,
    SPOT_DEPTH,
    SPOT_WS,
    T0,
    Row,
    body,
    connect,
    depth,
    messages,
    options,
    recv,
    trade,
    write,
)


def live_run(folder: Path) -> bytes:
    """A run as the pipeline makes it, recorded: sessions and REST through the port."""
    now = [T0]
    lines = []
    config = Config()
    engine = Engine(epoch=1, sink="lines", **core_settings(config))
    settings = {"settings": core_settings(config)}
    recorder = Recorder(folder, settings, clock_ns=lambda: now[0])
    port = Port(engine, recorder=recorder, clock_ns=lambda: now[0])
    endpoint = ENDPOINTS["binance:spot"]

    def reply(url: str, text: str) -> RestReply:
        call = RestCall(endpoint.name, "", "", 1, "spot")
        return RestReply(call, url, 200, text.encode())

    exchange_info = json.dumps({"symbols": [{
        "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
        "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
                    {"filterType": "LOT_SIZE", "stepSize": "0.00001000"}]}]})  # fmt: skip
    port.used(reply("https://api.binance.com/api/v3/exchangeInfo", exchange_info), endpoint.name)
    (one,) = instruments(endpoint.name, exchange_info.encode())
    number = engine.add_instrument(one.endpoint, one.venue_id, **one.engine_args())

    def feed(conn: int, text: str) -> None:
        now[0] += 3 * MS
        recorder.frame(conn, now[0], text.encode())
        engine.feed(conn, now[0], text.encode())
        lines.append(engine.take_lines())

    first = port.open(endpoint)
    port.opened(first, endpoint, "wss://127.0.0.1:1/stream")
    port.subscribed(number, one)
    feed(first, depth(9, 11, []))
    port.snapshot(number, one, reply(SPOT_DEPTH, body(10)))
    feed(first, depth(12, 13, [["42000.0", "3"]]))
    second = port.open(endpoint)  # rotation: the new one before the old one ends
    port.opened(second, endpoint, "wss://127.0.0.1:1/stream")
    feed(second, depth(12, 13, [["42000.0", "3"]]))
    feed(second, depth(14, 14, [["41999.0", "1.5"]]))
    port.close(first, "rotated")
    feed(second, trade(1, "42000.123"))  # more digits than the listing allows: refused
    feed(second, trade(1, "42000.12"))
    feed(second, depth(16, 16, [["41998.0", "1.5"]]))  # 15 is missing
    port.snapshot_failed(number, one)
    port.invalidate(number, one, "disconnect")
    port.close(second, "closed by the venue")
    lines.append(engine.take_lines())
    assert recorder.stop()
    return b"".join(lines)


def test_a_recorded_run_replays_to_the_same_bytes(tmp_path: Path) -> None:
    live = live_run(tmp_path)
    out = messages(live)
    assert [m.get("last_id") for m in out["depth:binance:BTCUSDT"]] == [11, 13, 14, None]
    assert len(out["trade:binance:BTCUSDT"]) == 1
    target = tmp_path / "out"
    assert run(Options(paths=(str(tmp_path),), out=str(target))) == 0
    assert target.read_bytes() == live


# --- the command ---------------------------------------------------------------------------


def test_exit_status_and_report(tmp_path: Path, capsys: Any) -> None:
    good = write(tmp_path / "good", BOOK)
    hole = recv(depth(20, 21, []), 8, conn="a")
    bad = write(tmp_path / "bad", [*BOOK, hole, recv('{"stream":"x', 9, conn="a")])
    assert run(options(good, strict=True)) == 0
    assert "no faults" in capsys.readouterr().err
    assert run(options(bad, report=str(tmp_path / "r.json"))) == 0
    assert run(options(bad, strict=True)) == 4
    text = capsys.readouterr().err
    assert "binance BTCUSDT depth: 14 .. 19" in text or "13 .. 19" in text
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["by_kind"] == {"connect": 1, "recv": 4, "rest": 1}
    assert [(gap["symbol"], gap["feed"]) for gap in report["gaps"]] == [("BTCUSDT", "depth")]
    assert report["endpoints"]["binance:spot"]["depth_gaps"] == 1
    assert report["samples"][0]["frame"] == '{"stream":"x'
    assert len(report["faults"]) == 2


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"paths": ("nothing-here.jsonl",)}, "nothing-here.jsonl: no such"),
        ({"venue": "kraken", "market": "spot"}, "kraken.*binance, bybit, okx"),
        ({"venue": "binance", "market": "options"}, "options.*spot, linear"),
        ({"market": "spot"}, "--market needs --venue"),
        ({"redis": "http://x"}, "--redis"),
        ({"out": "no-such-folder/out"}, "no-such-folder/out"),
    ],
)
def test_bad_input_is_status_2_and_names_the_place(
    more: Row, says: str, tmp_path: Path, capsys: Any
) -> None:
    given = {"paths": (str(write(tmp_path / "good", BOOK)),), **more}
    assert run(Options(**given)) == 2
    text = capsys.readouterr().err
    assert re.search(says, text), text
    assert "Traceback" not in text


def test_empty_input_is_status_2(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "x.jsonl").write_text("no\nrecords\n")
    assert run(options(tmp_path / "x.jsonl")) == 2
    assert "2 bad lines" in capsys.readouterr().err


def test_out_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("what was there")
    rows = [connect("z", LINEAR_WS), *BOOK, recv(trade(1), 9, conn="nobody")]
    assert run(options(write(tmp_path / "bad", rows), out=str(out))) == 2
    assert out.read_text() == "what was there"
    assert run(options(write(tmp_path / "good", BOOK), out=str(out))) == 0
    assert out.read_bytes().count(b"\n") == 4  # LIVE, twice depth, imbalance
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "good", "out"]


def test_plain_frames_of_a_named_venue(tmp_path: Path) -> None:
    path, out = tmp_path / "frames.jsonl", tmp_path / "out"
    path.write_text("\n".join([trade(1), trade(2), "not json"]))
    assert run(options(path, venue="binance", market="spot", out=str(out), strict=True)) == 4
    found = messages(out.read_bytes())["trade:binance:BTCUSDT"]
    assert [m["id"] for m in found] == ["1", "2"]


def test_a_configuration_replaces_the_recorded_settings(tmp_path: Path) -> None:
    config = loads("redis: {prefix: 'mine:'}\n")
    out = tmp_path / "out"
    start = {"k": "start", "part": 1, "settings": {"prefix": "theirs:"}}
    path = write(tmp_path / "x", [start, *BOOK])
    run(options(path, config=config, out=str(out)))
    assert out.read_bytes().startswith(b"mine:depth:")


def test_speed_paces_by_receive_time(tmp_path: Path, monkeypatch: Any) -> None:
    slept: list[float] = []
    clock = [100.0]
    monkeypatch.setattr("p9.replay.command.time.monotonic", lambda: clock[0])

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr("p9.replay.command.time.sleep", sleep)
    rows = [recv(trade(n), at, conn="a") for n, at in enumerate((0, 1000, 1000, 4000))]
    path = write(tmp_path / "x", [connect("a", SPOT_WS), *rows])
    first, second = tmp_path / "1", tmp_path / "2"
    run(options(path, speed=2.0, out=str(first)))
    assert slept == pytest.approx([0.5, 1.5])
    run(options(path, out=str(second)))
    assert first.read_bytes() == second.read_bytes()


def test_to_redis(tmp_path: Path) -> None:
    rows = [*BOOK, *(recv(trade(n), 10, conn="a") for n in range(1, 501))]
    path = write(tmp_path / "x", rows)

    async def scenario(server: RedisServer) -> list[bytes]:
        client = redis.asyncio.Redis.from_url(server.url)
        got = []
        async with client.pubsub() as pubsub:
            await pubsub.psubscribe("*")
            await pubsub.get_message(timeout=5)
            status = await asyncio.to_thread(run, options(path, redis=server.url))
            assert status == 0
            while (message := await pubsub.get_message(timeout=1)) is not None:
                got.append(message["channel"] + b" " + message["data"])
        assert await client.xlen("log:trade:binance:BTCUSDT") == 500
        await client.aclose()
        return got

    with RedisServer() as server:
        got = asyncio.run(scenario(server))
    out = tmp_path / "out"
    run(options(path, out=str(out)))
    assert got == out.read_bytes().splitlines()
