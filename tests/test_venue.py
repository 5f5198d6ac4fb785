"""The local venue as a whole: its lists, limits and logs, its recordings, its command."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.venue import Limits, LocalVenue, Timing
from tests.venue.client import FREE, Client, pumped, run
from tests.venue.reader import BinanceBook, BybitBook
from tests.venue.wire import Topic

SPOT_DEPTH = "/stream?streams=btcusdt@depth@100ms"


def test_instruments_are_listed() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        spot = await client.json("binance", "/api/v3/exchangeInfo")
        rows = {row["symbol"]: row for row in spot["symbols"]}
        assert rows["SHIBUSDT"]["filters"][0]["tickSize"] == "0.00000001"
        assert rows["OLDUSDT"]["status"] == "BREAK"
        assert "币安人生USDT" in rows
        assert "SYM005USDT" in rows
        assert "SYM006USDT" not in rows
        linear = await client.json("binance", "/fapi/v1/exchangeInfo")
        kinds = {row["contractType"] for row in linear["symbols"]}
        assert kinds == {"PERPETUAL", "CURRENT_QUARTER", "TRADIFI_PERPETUAL"}
        names: list[str] = []
        cursor = ""
        for page in range(9):
            path = f"/v5/market/instruments-info?category=linear&limit=4&cursor={cursor}"
            result = (await client.json("bybit", path))["result"]
            names += [row["symbol"] for row in result["list"]]
            cursor = result["nextPageCursor"]
            if not cursor:
                assert page == 2
                break
        assert len(names) == len(set(names)) == 11  # 5, 5 generated, 1 dated
        assert "BTCPERP" in names
        swaps = (await client.json("okx", "/api/v5/public/instruments?instType=SWAP"))["data"]
        values = {row["instId"]: row["ctVal"] for row in swaps}
        assert values["BTC-USDT-SWAP"] == "0.01"
        assert values["ETH-USDT-SWAP"] == "0.1"
        assert values["BTC-USD-SWAP"] == "100"
        assert values["ABC-USDT-SWAP"] == ""
        for venue_name, path in (
            ("binance", "/api/v3/time"),
            ("binance", "/fapi/v1/ping"),
            ("bybit", "/v5/market/time"),
            ("okx", "/api/v5/public/time"),
        ):
            assert (await client.get(venue_name, path))[0] == 200

    run(body, extra_symbols=5)


def test_rest_depth_weights_and_bans() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        depth = "/api/v3/depth?symbol=BTCUSDT"
        futures = "/fapi/v1/depth?symbol=BTCUSDT"
        used = "X-MBX-USED-WEIGHT-1M"
        assert (await client.get("binance", depth + "&limit=100"))[2][used] == "5"
        assert (await client.get("binance", depth + "&limit=5000"))[2][used] == "255"
        linear = await client.get("binance", futures + "&limit=1000")
        assert linear[2][used] == "20"  # its own budget
        assert {"lastUpdateId", "E", "T", "bids", "asks"} == json.loads(linear[1]).keys()
        assert (await client.json("binance", futures + "&limit=7"))["code"] == -4021
        assert (await client.json("binance", "/api/v3/depth?symbol=NO"))["code"] == -1121
        statuses = [(await client.get("binance", depth + "&limit=5000"))[0] for _ in range(6)]
        assert statuses == [200, 429, 429, 429, 418, 418]
        status, text, headers = await client.get("binance", depth)
        assert (status, json.loads(text)["code"]) == (418, -1003)
        assert int(headers["Retry-After"]) > 100
        okx = [(await client.get("okx", "/api/v5/public/time"))[0] for _ in range(11)]
        assert okx == [200] * 10 + [429]
        bybit = [(await client.get("bybit", "/v5/market/time"))[0] for _ in range(4)]
        assert bybit == [200, 200, 200, 403]

    limits = Limits(spot_weight=600, bybit_requests_per_5s=3, connects={})
    run(body, limits=limits, timing=Timing(weight_window_s=10_000_000))


def test_same_seed_same_market(monkeypatch: pytest.MonkeyPatch) -> None:
    async def frames(seed: int) -> list[str]:
        async with LocalVenue(rate=0, seed=seed, plain=True, limits=FREE) as venue:
            sent: list[str] = []
            monkeypatch.setattr(venue, "now_ms", lambda: 1_795_305_600_000)
            real = Topic._send

            def note(topic: Topic, payload: str) -> None:
                sent.append(payload)
                real(topic, payload)

            monkeypatch.setattr(Topic, "_send", note)
            async with Client(venue) as client:
                streams = "btcusdt@trade/btcusdt@depth@100ms/ethusdt@bookTicker"
                sock = await client.ws("binance:spot", f"/stream?streams={streams}")
                await pumped(venue, sock, 400)
            monkeypatch.undo()
            return sent

    async def both() -> tuple[list[str], list[str], list[str]]:
        return await frames(3), await frames(3), await frames(4)

    one, two, other = asyncio.run(both())
    assert len(one) > 150
    assert one == two
    assert one != other


def test_same_seed_same_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    async def frames(seed: int) -> list[str]:
        async with LocalVenue(rate=0, seed=seed, plain=True, limits=FREE) as venue:
            sent: list[str] = []
            pace, real = venue.pace, Topic._send
            monkeypatch.setattr(venue, "now_ms", lambda: 1_795_305_600_000 + pace.ahead_ms)
            monkeypatch.setattr(venue, "clock", lambda: pace.ahead_ms / 1000)

            def note(topic: Topic, payload: str) -> None:
                sent.append(payload)
                real(topic, payload)

            monkeypatch.setattr(Topic, "_send", note)
            async with Client(venue) as client:
                bybit, okx = await client.ws("bybit:linear"), await client.ws("okx")
                names = ["tickers.BTCUSDT", "kline.1.BTCUSDT", "allLiquidation.BTCUSDT"]
                await bybit.send({"op": "subscribe", "args": names})
                await bybit.settle()
                channels = ("mark-price", "funding-rate", "open-interest", "tickers")
                args = [{"channel": name, "instId": "ETH-USDT-SWAP"} for name in channels]
                await okx.send({"op": "subscribe", "args": args})
                await okx.settle()
                for _ in range(5):
                    venue.pump(100)
                    venue.pass_time(20.0)
                assert await okx.settle()
            monkeypatch.undo()
            return sent

    async def both() -> tuple[list[str], list[str], list[str]]:
        return await frames(3), await frames(3), await frames(4)

    one, two, other = asyncio.run(both())
    assert len(one) > 1000
    assert one == two
    assert one != other


def test_local_configuration_names_the_default_ports() -> None:
    from tests.venue.__main__ import PORT, arguments, options

    path = Path(__file__).parents[1] / "configs" / "local.yaml"
    with path.open(encoding="utf-8") as file:
        exchanges = yaml.safe_load(file)["exchanges"]
    venue = LocalVenue(options(arguments([])))
    names = ("binance spot ws", "binance linear ws", "binance rest", "bybit ws", "bybit rest")
    for offset, name in enumerate((*names, "okx ws", "okx rest")):
        venue.ports[name] = PORT + offset
    venue.name_urls()
    assert {name: value["endpoints"] for name, value in exchanges.items()} == venue.urls
    assert {value["tls_ca"] for value in exchanges.values()} == {
        "${P9_LOCAL_CA:-.local-venue/ca.pem}"
    }


def test_control_over_http() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        post, url = client.session.post, venue.control_url
        assert url.startswith("http://127.0.0.1:")
        sock = await client.ws("binance:spot", SPOT_DEPTH)
        venue.pump(50)
        query = "venue=binance&market=spot&symbol=BTCUSDT&n=2"
        async with post(f"{url}/fault/gap?{query}") as answer:
            assert await answer.json() == {"fault": "gap", "touched": 1}
        venue.pump(80)
        data = [m["data"] for m in await sock.settle()]
        assert sum(after["U"] != before["u"] + 1 for before, after in pairwise(data)) == 1
        for bad, status in (("gap", 400), ("gap?nope=1", 400), ("nosuch", 404), ("_each", 404)):
            async with post(f"{url}/fault/{bad}") as answer:
                assert answer.status == status, bad
        book = "venue=binance&market=spot&symbol=BTCUSDT&levels=2"
        async with client.session.get(f"{url}/book?{book}") as answer:
            shown = await answer.json()
        assert shown["id"] == data[-1]["u"]
        state = venue.log.book("binance", "spot", "BTCUSDT", shown["id"], 2)
        assert [[Decimal(p), Decimal(q)] for p, q in shown["bids"]] == [list(x) for x in state.bids]
        async with client.session.get(f"{url}/state") as answer:
            assert (await answer.json())["connections"][0]["topics"] == 1

    run(body)


@pytest.mark.parametrize(
    ("file", "room", "path"),
    [
        ("binance/usdm/four_alts_klines_2021-07-22.jsonl.gz", "binance:linear", "/fapi/v1/depth"),
        ("binance/spot/four_alts_klines_2021-10-12.jsonl.gz", "binance:spot", "/api/v3/depth"),
        ("bybit/spot/btcusdt_2026-08-09.jsonl.gz", "bybit:spot", ""),
        ("okx/books_btcusdt_uniusdswap_2022-05-13.jsonl.gz", "okx", ""),
    ],
)
def test_recordings_are_played(recordings: Path, file: str, room: str, path: str) -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        name, _, market = room.partition(":")
        feeds = list(venue.rooms[room].feeds.values())
        symbols = [feed.inst.venue_id for feed in feeds]
        route = "/public" if market == "linear" else ""
        sock = await client.ws(room, f"{route}/stream" if name == "binance" else "")
        args: list[Any] = [f"{symbol.lower()}@depth@100ms" for symbol in symbols]
        if name == "bybit":
            args = [f"orderbook.1000.{symbol}" for symbol in symbols]
        elif name == "okx":
            args = [{"channel": "books", "instId": symbol} for symbol in symbols]
        await sock.subscribe(args)
        assert venue.playback is not None
        while not venue.playback.rounds:
            await asyncio.sleep(0.05)
        data = [m for m in await sock.settle() if "data" in m]
        assert len(data) > 100
        if name == "bybit":
            book = BybitBook()
            for message in data:
                assert message["topic"] == "orderbook.1000.BTCUSDT"
                book.push(message)
            assert (book.gaps, book.live) == (0, True)
        if name == "binance":
            for symbol in symbols:
                diffs = BinanceBook(linear=market == "linear")
                for message in data:
                    if message["data"]["s"] == symbol:
                        diffs.diff(message["data"])
                body_text = (await client.get("binance", f"{path}?symbol={symbol}&limit=1000"))[1]
                assert diffs.snapshot(body_text)
                assert (diffs.gaps, diffs.crossed()) == (0, False)
                assert diffs.applied > 1
            rows = (await client.json("binance", path.replace("depth", "exchangeInfo")))["symbols"]
            assert {row["symbol"] for row in rows} >= set(symbols)

    run(body, recording=str(recordings / file), speed=0)


def test_by_hand(tmp_path: Path) -> None:
    """The command prints what configs/local.yaml needs, serves, and stops on SIGINT."""
    command = [sys.executable, "-m", "tests.venue", "--port", "39441", "--ca-dir", str(tmp_path)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not any("/state" in line for line in lines):
            lines.append(process.stdout.readline())
            assert lines[-1], "ended early"
        process.send_signal(2)
        assert process.wait(10) == 0
    text = "".join(lines)
    assert '"wss://127.0.0.1:39441"' in text
    assert re.search(r"curl -X POST 'http://127\.0\.0\.1:39448/fault/restart\?venue=bybit", text)
    assert (tmp_path / "ca.pem").is_file()
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0


def test_throughput_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        names = [f"sym{n:03d}usdt@{kind}" for n in range(1, 51) for kind in ("trade", "bookTicker")]
        sock = await client.ws("binance:spot", "/stream")
        await sock.subscribe([*names, *(name[:10] + "@depth" for name in names)])
        begun, cpu = time.monotonic(), time.process_time()
        made = 0
        while made < 20_000:
            made += venue.pump(500)
            while venue.conns()[0].backlog() > 1 << 18:  # the reader is in this process too
                await asyncio.sleep(0)
        received = 0
        spent, passed = time.process_time() - cpu, time.monotonic() - begun
        received = len(await sock.settle())
        with capsys.disabled():
            print(
                f"\nlocal venue: {made / spent:,.0f} messages per CPU second, reader included "
                f"({made / passed:,.0f}/s by the clock)"
            )
        assert received > made // 2

    run(body, extra_symbols=50, log_books=False)
