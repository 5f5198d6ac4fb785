"""The local venue misbehaves exactly as it is told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.venue import Limits, LocalVenue, Timing
from tests.venue.client import Client, run
from tests.venue.garbage import SORTS
from tests.venue.reader import BinanceBook, BybitBook, OkxBook

SPOT_DEPTH = "/stream?streams=btcusdt@depth@100ms"


def test_gap_duplicate_and_swap_in_depth() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("binance:spot", SPOT_DEPTH)
        book = BinanceBook(linear=False)
        path = "/api/v3/depth?symbol=BTCUSDT&limit=5000"

        async def follow(steps: int) -> None:
            venue.pump(steps)
            for message in await sock.settle():
                book.diff(message["data"])

        await follow(200)
        assert book.snapshot((await client.get("binance", path))[1])
        await follow(200)
        assert venue.faults.gap("binance", "spot", "BTCUSDT", "depth", 2) == 1
        await follow(200)
        assert (book.gaps, book.live) == (1, False)
        assert book.snapshot((await client.get("binance", path))[1])
        await follow(100)
        assert venue.faults.duplicate("binance", "spot", "BTCUSDT", n=3) == 1
        await follow(200)
        assert (book.gaps, book.stale, book.live) == (1, 3, True)
        venue.faults.swap("binance", "spot", "BTCUSDT")
        await follow(200)
        assert book.gaps == 2
        assert book.snapshot((await client.get("binance", path))[1])
        await follow(100)
        assert book.state() == venue.log.book("binance", "spot", "BTCUSDT", book.last_id)

    run(body)


def test_lost_trades_are_in_the_log_as_lost() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("binance:linear", "/market/stream?streams=btcusdt@aggTrade")
        venue.pump(200)
        venue.faults.gap("binance", "linear", "BTCUSDT-PERP", "trade", 3)
        venue.pump(200)
        ids = [message["data"]["a"] for message in await sock.settle()]
        steps = [after - before for before, after in pairwise(ids)]
        assert sorted(set(steps)) == [1, 4]
        rows = venue.log.trades("binance", "linear", "BTCUSDT", "aggTrade")
        assert sum(not row.sent for row in rows) == 3
        assert [int(row.id) for row in rows if row.sent] == ids
        path = f"/fapi/v1/aggTrades?symbol=BTCUSDT&fromId={ids[0]}&limit=1000"
        refill = await client.json("binance", path)
        assert [row["a"] for row in refill] == list(range(ids[0], ids[-1] + 1))

    run(body)


@pytest.mark.parametrize("room", ["bybit:linear", "okx"])
def test_gap_then_a_new_subscription_heals(room: str) -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        name = "BTCUSDT" if room != "okx" else "BTC-USDT"
        topic: Any = f"orderbook.50.{name}"
        if room == "okx":
            topic = {"channel": "books", "instId": name}
        book: BybitBook | OkxBook = OkxBook() if room == "okx" else BybitBook()
        sock = await client.ws(room)

        async def follow(steps: int) -> None:
            venue.pump(steps)
            for message in await sock.settle():
                if "data" in message:
                    book.push(message)
                    crossings.append(book.crossed())

        crossings: list[bool] = []
        await sock.send({"op": "subscribe", "args": [topic]})
        await follow(300)
        assert book.live
        venue.faults.gap(room.partition(":")[0], "" if room == "okx" else "linear", name)
        await follow(300)
        assert book.gaps == 1
        await sock.send({"op": "unsubscribe", "args": [topic]})
        await sock.settle()
        await sock.send({"op": "subscribe", "args": [topic]})
        await follow(300)
        assert (book.live, book.gaps) == (True, 1)
        assert not any(crossings)
        venue.faults.crossed(room.partition(":")[0], "" if room == "okx" else "linear", name)
        await follow(100)
        assert any(crossings)

    run(body)


def test_silence_ends_with_a_subscription_or_a_word() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("bybit:spot")
        topic = "orderbook.50.ETHUSDT"
        venue.faults.silence("bybit", "spot", "ETHUSDT", subscriptions=1)

        async def subscribe(op: str) -> list[Any]:
            await sock.send({"op": op, "args": [topic]})
            await sock.settle()
            venue.pump(200)
            return [m for m in await sock.settle() if m.get("topic") == topic]

        assert (await subscribe("subscribe")) == []  # acknowledged and silent
        await subscribe("unsubscribe")
        assert (await subscribe("subscribe")) != []  # the second one works
        venue.faults.silence("bybit", "spot", subscriptions=-1)
        venue.pump(100)
        await subscribe("unsubscribe")
        assert (await subscribe("subscribe")) == []
        assert venue.faults.speak("bybit", "spot", "ETHUSDT") > 0
        venue.pump(100)
        assert await sock.settle() != []
        venue.faults.swallow_acks("bybit", "spot")
        await sock.send({"op": "subscribe", "args": ["publicTrade.ETHUSDT"]})
        assert [m for m in await sock.settle() if "success" in m] == []

    run(body)


@pytest.mark.parametrize("room", ["binance:spot", "bybit:linear", "okx"])
def test_garbage_of_every_sort_leaves_the_connection(room: str) -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        path = "/stream?streams=btcusdt@trade" if room == "binance:spot" else ""
        sock = await client.ws(room, path)
        if room == "okx":
            await sock.subscribe([{"channel": "trades", "instId": "BTC-USDT"}])
        elif room == "bybit:linear":
            await sock.subscribe(["publicTrade.BTCUSDT"])
        venue.pump(60)
        good = [m for m in await sock.settle() if isinstance(m, dict)]
        assert good
        name, _, market = room.partition(":")
        symbol = "BTC-USDT" if room == "okx" else "BTCUSDT"
        for sort in SORTS:
            if sort == "half_utf8":
                continue  # aiohttp closes on it, as RFC 6455 has it: see below
            assert venue.faults.garbage(name, market, symbol, sort) == 1, sort
            got = await sock.settle()
            assert len(got) == 1, sort
            assert got[0] not in good or sort == "binary", sort
        with pytest.raises(ValueError, match="random"):
            venue.faults.garbage(name, market, symbol, "nosuch")
        venue.pump(60)
        assert await sock.settle()
        venue.faults.garbage(name, market, symbol, "half_utf8")
        assert await sock.settle() == []
        assert sock.code in (1007, 1002)

    run(body)


def test_connections_break_in_every_way() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        ways: tuple[tuple[Callable[[], int], int], ...] = (
            (lambda: venue.faults.cut("binance", "spot"), 1006),
            (lambda: venue.faults.kick("binance", "spot"), 1006),
            (lambda: venue.faults.kick("binance", "spot", 1012, "restart"), 1012),
        )
        for action, code in ways:
            sock = await client.ws("binance:spot", SPOT_DEPTH)
            venue.pump(30)
            await sock.settle()
            assert action() == 1
            assert await sock.receive() is None
            assert sock.code == code
        sock = await client.ws("binance:spot", "/ws")
        assert venue.faults.server_shutdown(0.1) == 1
        assert (await sock.receive())["e"] == "serverShutdown"
        assert await sock.receive() is None
        okx = await client.ws("okx")
        venue.faults.notice(0.1)
        assert (await okx.receive())["code"] == "64008"
        assert await okx.receive() is None
        assert venue.conns() == []

    run(body)


def test_stalled_socket_says_it_all_later() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("binance:spot", SPOT_DEPTH)
        assert venue.faults.stall("binance", "spot", 0.4) == 1
        venue.pump(300)
        begun = time.monotonic()
        first = await sock.receive()
        assert time.monotonic() - begun > 0.2
        data = [first["data"], *(m["data"] for m in await sock.settle())]
        assert len(data) > 20
        assert all(after["U"] == before["u"] + 1 for before, after in pairwise(data))

    run(body, timing=Timing(bybit_repeat_s=0.2))


def test_a_reader_that_does_not_read_is_cut_off() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        host, port = venue.options.host, venue.ports["binance spot ws"]
        # a stream reader with this limit stops reading the socket after 2 KiB
        _, writer = await asyncio.open_connection(host, port, ssl=client.context, limit=1024)
        key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nHost: localhost\r\n"
        writer.write(f"GET {SPOT_DEPTH} HTTP/1.1\r\n{upgrade}{key}\r\n".encode())
        while not venue.conns():
            await asyncio.sleep(0.01)
        for _ in range(3000):
            venue.pump(200)
            await asyncio.sleep(0)
            if venue.stats["slow readers cut off"]:
                break
        assert venue.stats["slow readers cut off"] == 1
        await asyncio.sleep(0.01)
        assert venue.conns() == []
        writer.close()

    run(body, max_buffer_bytes=200_000, log_books=False)


def test_old_snapshots_do_not_bridge() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        warm = await client.ws("binance:linear", "/public/ws/btcusdt@depth@100ms")
        venue.pump(50)
        venue.faults.old_snapshot("binance", "linear", "BTCUSDT", 2)
        venue.pump(200)
        await warm.close()
        sock = await client.ws("binance:linear", "/public/stream?streams=btcusdt@depth@100ms")
        venue.pump(100)
        book = BinanceBook(linear=True)
        for message in await sock.settle():
            book.diff(message["data"])
        path = "/fapi/v1/depth?symbol=BTCUSDT&limit=1000"
        results = [book.snapshot((await client.get("binance", path))[1]) for _ in range(3)]
        assert results == [False, False, True]

    run(body)


def test_rest_answers_go_wrong() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        depth = "/api/v3/depth?symbol=BTCUSDT"
        for mode, status in (("429", 429), ("418", 418), ("403", 403), ("500", 500), ("html", 200)):
            venue.faults.rest("binance", mode, path="/depth", seconds=7)
            assert (await client.get("binance", "/api/v3/time"))[0] == 200
            got, text, headers = await client.get("binance", depth)
            assert got == status
            assert headers.get("Retry-After") == ("7" if status in (429, 418) else None)
            assert text.startswith("<html") == (mode in ("html", "403"))
        for mode in ("garbage", "truncated", "nan"):
            venue.faults.rest("binance", mode)
            with pytest.raises(ValueError, match=r".+"):
                json.loads((await client.get("binance", depth))[1].replace('"NaN', "NaN!"))
        venue.faults.rest("okx", "hang", n=-1, seconds=0.2)
        with pytest.raises(Exception, match=r".*"):
            await client.get("okx", "/api/v5/public/time")
        venue.faults.rest("bybit", "429", n=-1)
        assert [(await client.get("bybit", "/v5/market/time"))[0] for _ in range(3)] == [429] * 3
        venue.faults.clear()
        assert (await client.get("bybit", "/v5/market/time"))[0] == 200
        with pytest.raises(ValueError, match="mode"):
            venue.faults.rest("bybit", "nosuch")

    run(body)


def test_restart_refuses_and_starts_ids_again() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("bybit:linear")
        await sock.subscribe(["orderbook.50.BTCUSDT"])
        venue.pump(400)
        assert (await sock.settle())[-1]["data"]["u"] > 5
        back = venue.faults.restart("bybit", 0.3)
        assert await sock.receive() is None
        for attempt in (client.ws("bybit:linear"), client.get("bybit", "/v5/market/time")):
            with pytest.raises(Exception, match=r"(?i)connect|disconnect|reset"):
                await attempt
        assert (await client.get("okx", "/api/v5/public/time"))[0] == 200  # others go on
        await back
        again = await client.ws("bybit:linear")
        await again.send({"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]})
        venue.pump(50)
        data = [m for m in await again.settle() if "topic" in m]
        assert [m["data"]["u"] for m in data] == list(range(1, len(data) + 1))
        assert data[0]["type"] == "snapshot"
        venue.faults.refuse("bybit")
        venue.pump(50)
        assert await again.settle()  # open connections stay
        await venue.faults.accept("bybit")
        assert (await client.get("bybit", "/v5/market/time"))[0] == 200

    run(body)


def test_connection_attempts_are_limited() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        for _ in range(3):
            await client.ws("okx")
        with pytest.raises(Exception, match="429"):
            await client.ws("okx")
        await asyncio.sleep(0.35)
        await client.ws("okx")

    run(body, limits=Limits(connects={"okx": (3, 0.3)}))
