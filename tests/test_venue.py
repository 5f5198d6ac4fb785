"""The local venue speaks its three protocols, and its books are what it says they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.venue import Limits, LocalVenue, Timing
from tests.venue.client import Client, Socket
from tests.venue.log import BookState
from tests.venue.reader import BinanceBook, BybitBook, OkxBook
from tests.venue.wire import Topic

FREE = Limits(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, False, {})
Body = Callable[[LocalVenue, Client], Awaitable[None]]


def run(body: Body, **changes: Any) -> None:
    """A venue that stands still until it is pumped, without limits unless asked for."""

    async def inside() -> None:
        options: dict[str, Any] = {"rate": 0, "limits": FREE, **changes}
        async with LocalVenue(**options) as venue, Client(venue) as client:
            await body(venue, client)

    asyncio.run(asyncio.wait_for(inside(), 20))


def same(mine: BookState, theirs: BookState) -> None:
    assert mine.bids == theirs.bids
    assert mine.asks == theirs.asks


async def pumped(venue: LocalVenue, sock: Socket, steps: int) -> list[Any]:
    """Everything that `steps` messages bring, in portions as a socket does."""
    out: list[Any] = []
    for _ in range(0, steps, 500):
        venue.pump(min(steps, 500))
        out += await sock.settle()
    return out


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
        assert len(names) == len(set(names)) == 11      # 5, 5 generated, 1 dated
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


@pytest.mark.parametrize("market", ["spot", "linear"])
def test_binance_book_bridges_and_follows(market: str) -> None:
    linear = market == "linear"

    async def body(venue: LocalVenue, client: Client) -> None:
        symbols = [inst.venue_id for inst in venue.instruments("binance", market)]
        sock = await client.ws(f"binance:{market}", "/public/stream" if linear else "/stream")
        names = [f"{s.lower()}@{kind}" for s in symbols for kind in ("depth@100ms", "bookTicker")]
        assert await sock.subscribe(names) == {"result": None, "id": 1}
        books = {symbol: BinanceBook(linear=linear) for symbol in symbols}
        tickers: dict[str, Any] = {}
        jumps = 0
        for turn in range(4):
            for message in await pumped(venue, sock, 1500):
                data = message["data"]
                if message["stream"].endswith("@bookTicker"):
                    tickers[data["s"]] = data
                else:
                    book = books[data["s"]]
                    jumps += linear and data["U"] != data["pu"] + 1
                    book.diff(data)
            if turn == 0:
                for symbol, book in books.items():
                    path = "/fapi/v1/depth" if linear else "/api/v3/depth"
                    limit = 1000 if linear else 5000
                    query = f"{path}?symbol={symbol}&limit={limit}"
                    assert book.snapshot((await client.get("binance", query))[1])
        assert jumps if linear else not jumps
        for symbol, book in books.items():
            assert book.gaps == 0
            assert book.applied > 5
            assert not book.crossed()
            levels = 300 if linear else 0       # the REST book of a futures market ends at 1000
            theirs = venue.log.book("binance", market, symbol, book.last_id, levels)
            same(book.state(levels), theirs)
            ticker = tickers[symbol]
            feed = venue.feed("binance", market, symbol)
            top = json.loads(feed.depth_body(1))
            assert [[ticker["b"], ticker["B"]]] == top["bids"]
            assert [[ticker["a"], ticker["A"]]] == top["asks"]

    run(body)


def test_binance_control_messages() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("binance:spot", "/ws")
        names = ["btcusdt@trade", "nosuch@trade", "BTCUSDT@trade", "x"]
        assert await sock.subscribe(names) == {"result": None, "id": 1}
        listed = await sock.ask({"method": "LIST_SUBSCRIPTIONS", "id": "abc"})
        assert listed["id"] == "abc"
        assert len(listed["result"]) == 4
        data = await pumped(venue, sock, 200)
        assert data
        assert {message["e"] for message in data} == {"trade"}          # raw, the rest is silent
        assert {message["s"] for message in data} == {"BTCUSDT"}
        prices = [message["p"] for message in data]
        assert all(len(price.partition(".")[2]) == 8 for price in prices)
        await sock.ask({"method": "SET_PROPERTY", "params": ["combined", True], "id": 3})
        assert (await pumped(venue, sock, 50))[0]["stream"] == "btcusdt@trade"
        assert await sock.ask({"method": "GET_PROPERTY", "params": ["combined"], "id": 4}) == {
            "result": True, "id": 4,
        }
        await sock.ask({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 5})
        assert await pumped(venue, sock, 50) == []
        for request, code in (
            ("{", 3),
            ({"id": 1}, 2),
            ({"method": "NOPE", "id": 7}, 2),
            ({"method": "SUBSCRIBE", "id": 8}, 2),
            ({"method": "SUBSCRIBE", "params": [1], "id": 8}, 2),
            ({"method": "SUBSCRIBE", "params": [], "id": 1.5}, 2),
            ({"method": "GET_PROPERTY", "params": ["x"], "id": 9}, 0),
            ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 9}, 1),
        ):
            answer = await sock.ask(request)
            assert answer["code"] == code, request
        many = [f"s{n}@trade" for n in range(1022)]
        assert (await sock.subscribe(many))["code"] == 2
        assert (await sock.subscribe(many[:1021]))["result"] is None

    run(body, limits=Limits(0, 0, connects={}))


def test_binance_futures_routes() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        both = ["btcusdt@bookTicker", "btcusdt@aggTrade"]
        for route, expected in (
            ("/public", {"bookTicker"}), ("/market", {"aggTrade"}), ("", {"bookTicker"})
        ):
            sock = await client.ws("binance:linear", f"{route}/stream?streams={'/'.join(both)}")
            data = await pumped(venue, sock, 200)
            assert {message["data"]["e"] for message in data} == expected
            await sock.close()
        with pytest.raises(Exception, match="404"):
            await client.ws("binance:linear", "/public/nothing")

    run(body)


def test_binance_trades_have_consecutive_ids_and_agree_with_the_log() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        spot = await client.ws("binance:spot", "/stream?streams=ethusdt@trade")
        linear = await client.ws("binance:linear", "/market/stream?streams=ethusdt@aggTrade")
        venue.pump(1500)
        data = [message["data"] for message in await spot.settle()]
        ids = [event["t"] for event in data]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        logged = venue.log.trades("binance", "spot", "ETHUSDT", "trade")
        assert [(str(e["t"]), e["p"], e["q"]) for e in data] == [row[:3] for row in logged]
        assert {row.side for row in logged} == {"buy", "sell"}
        assert [e["m"] for e in data] == [row.side == "sell" for row in logged]
        prints = [message["data"] for message in await linear.settle()]
        for before, after in pairwise(prints):
            assert after["a"] == before["a"] + 1
            assert after["f"] == before["l"] + 1
        assert any(Decimal(event["nq"]) < Decimal(event["q"]) for event in prints)

    run(body)


def test_binance_pings_and_wants_pongs() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        deaf = await client.ws("binance:spot", "/ws", autoping=False)
        good = await client.ws("binance:spot", "/ws")
        assert (await deaf.receive()).data              # a ping with a payload
        waiting = asyncio.create_task(good.receive())   # answers pings while it waits
        assert await deaf.receive() is None
        assert deaf.code == 1008
        assert not waiting.done()
        waiting.cancel()

    run(body, timing=Timing(spot_ping_s=0.1, spot_pong_s=0.3, bybit_repeat_s=0.1))


def test_binance_message_rate_and_lifetime() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        fast = await client.ws("binance:spot", "/ws")
        for number in range(6):
            await fast.send({"method": "LIST_SUBSCRIPTIONS", "id": number})
        answers = [await fast.receive() for _ in range(6)]
        assert answers[-1] is None
        assert fast.code == 1008
        old = await client.ws("binance:linear", "/public/ws")
        assert await old.receive() is None              # the 24 h cut, sooner
        assert old.code == 1001

    run(body, limits=Limits(), timing=Timing(life_s=0.3, bybit_repeat_s=0.2))


@pytest.mark.parametrize("market", ["spot", "linear"])
def test_bybit_windows_follow_the_book(market: str) -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws(f"bybit:{market}")
        symbols = [inst.venue_id for inst in venue.instruments("bybit", market)]
        topics = [f"orderbook.{depth}.{s}" for s in symbols for depth in (50, 200, 1000)]
        books = {topic: BybitBook() for topic in topics}
        got: list[Any] = []
        for start in range(0, len(topics), 9):
            await sock.send({"op": "subscribe", "req_id": "r", "args": topics[start : start + 9]})
            got += await sock.settle()
        assert all(m["success"] for m in got if "success" in m)
        got += await pumped(venue, sock, 6000)
        for message in got:
            if "topic" in message:
                book = books[message["topic"]]
                first = book.last_id == -1
                assert message["type"] == ("snapshot" if first else "delta")
                book.push(message)
                depth = int(message["topic"].split(".")[1])
                assert max(len(book.bids), len(book.asks)) <= depth
                assert not book.crossed()
        for topic, book in books.items():
            assert book.gaps == book.stale == 0
            assert book.applied > 5
            _, depth_text, symbol = topic.split(".")
            theirs = venue.log.book("bybit", market, symbol, book.last_id, int(depth_text), topic)
            same(book.state(), theirs)
        path = f"/v5/market/orderbook?category={market}&symbol=BTCUSDT&limit=1000"
        rest = (await client.json("bybit", path))["result"]
        for message in await sock.settle():             # the REST book may have forced a push
            books[message["topic"]].push(message)
        big = books["orderbook.1000.BTCUSDT"]
        assert rest["u"] == big.last_id
        assert [Decimal(price) for price, _ in rest["b"]] == [p for p, _ in big.state().bids]
        assert big.state().asks == [(Decimal(p), Decimal(q)) for p, q in rest["a"]]

    run(body)


def test_bybit_trades_and_level_one() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        for market in ("spot", "linear"):
            sock = await client.ws(f"bybit:{market}")
            await sock.subscribe(["publicTrade.BTCUSDT", "orderbook.1.BTCUSDT"])
            data = await pumped(venue, sock, 900)
            trades = [t for m in data if m.get("topic", "")[:6] == "public" for t in m["data"]]
            ids = [trade["i"] for trade in trades]
            assert len(ids) == len(set(ids))
            assert all((len(i) == 19) if market == "spot" else (len(i) == 36) for i in ids)
            assert all(("L" in trade) == (market == "linear") for trade in trades)
            logged = venue.log.trades("bybit", market, "BTCUSDT", "publicTrade")
            assert [(t["i"], t["p"], t["v"]) for t in trades] == [row[:3] for row in logged]
            tops = [m for m in data if m.get("topic", "")[:6] == "orderb"]
            assert {m["type"] for m in tops} == {"snapshot"}
            us = [m["data"]["u"] for m in tops]
            assert us == list(range(us[0], us[0] + len(us)))
            repeated = await sock.receive()             # nothing moves: the same again
            assert repeated["data"]["u"] == us[-1]
            await sock.close()

    run(body, timing=Timing(bybit_repeat_s=0.15))


def test_bybit_answers() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        linear, spot = await client.ws("bybit:linear"), await client.ws("bybit:spot")
        pong = await linear.ask({"op": "ping", "req_id": "7"})
        shape = {"success": True, "ret_msg": "pong", "conn_id": pong["conn_id"]}
        assert pong == {**shape, "req_id": "7", "op": "ping"}
        assert "req_id" not in await spot.ask({"op": "ping", "req_id": "7"})
        for bad in ("orderbook.500.BTCUSDT", "orderbook.50.btcusdt", "liquidation.BTCUSDT", "x"):
            answer = await linear.subscribe(["publicTrade.BTCUSDT", bad])
            assert answer["success"] is False
            assert answer["ret_msg"] == f"error:handler not found,topic:{bad}"
        assert await pumped(venue, linear, 100) == []       # the good topic was void too
        good = await linear.subscribe(["publicTrade.BTCUSDT"])
        assert good["ret_msg"] == ""
        assert good["req_id"] == ""
        twice = await linear.subscribe(["publicTrade.BTCUSDT", "publicTrade.ETHUSDT"])
        assert twice["ret_msg"] == "error:already subscribed,topic:publicTrade.BTCUSDT"
        assert (await linear.ask({"op": "nope"}))["ret_msg"] == "error:invalid op"
        assert (await linear.ask("{"))["ret_msg"].startswith("Failed to decode incoming data:")
        bad = await spot.subscribe(["publicTrade.BTCUSDT", "publicTrade.NOPE"])
        assert bad["ret_msg"] == "Invalid symbol :[publicTrade.NOPE]"
        eleven = [f"kline.{n}.BTCUSDT" for n in range(11)]
        assert (await spot.subscribe(eleven))["ret_msg"] == "args size >10"
        assert (await spot.subscribe(eleven[:10]))["ret_msg"] == "subscribe"
        long = [f"kline.{'9' * 200}{n}.BTCUSDT" for n in range(200)]
        assert (await linear.subscribe(long))["success"] is False
        leave = {"op": "unsubscribe", "args": ["publicTrade.BTCUSDT"], "req_id": "u"}
        gone = await linear.ask(leave)
        assert (gone["op"], gone["req_id"], gone["success"]) == ("unsubscribe", "u", True)
        assert await pumped(venue, linear, 100) == []

    run(body, limits=Limits(connects={}))


@pytest.mark.parametrize("snapshot", [True, False])
def test_okx_books_follow(snapshot: bool) -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("okx")
        insts = venue.instruments("okx")
        books = {inst.venue_id: OkxBook() for inst in insts}
        args = [{"channel": "books", "instId": name} for name in books]
        await sock.send({"id": "s1", "op": "subscribe", "args": args})
        got = await sock.settle()
        assert sum(m.get("event") == "subscribe" for m in got) == len(insts)
        assert sum(m.get("action") == "snapshot" for m in got) == (len(insts) if snapshot else 0)
        tries = 0
        for turn in range(3):
            got += await pumped(venue, sock, 2500)
            for message in got:
                if "action" in message:
                    data = message["data"][0]
                    assert data["checksum"] == 0
                    book = books[message["arg"]["instId"]]
                    book.push(message)
                    assert max(len(book.bids), len(book.asks)) <= 400
                    assert not book.crossed()
            got = []
            if turn == 0 and not snapshot:
                for name, book in books.items():
                    tries += 1
                    path = f"/api/v5/market/books?instId={name}&sz=400"
                    assert book.rest((await client.get("okx", path))[1])
        for inst in insts:
            book = books[inst.venue_id]
            assert book.gaps == 0
            assert book.applied > 5
            same(book.state(), venue.log.book("okx", inst.market, inst.venue_id, book.last_id, 400))

    run(body, okx_snapshot=snapshot)


def test_okx_trades_and_best_price() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        public, business = await client.ws("okx"), await client.ws("okx:business")
        name = "BTC-USDT-SWAP"
        await public.subscribe([{"channel": c, "instId": name} for c in ("trades", "bbo-tbt")])
        await business.subscribe([{"channel": "trades-all", "instId": name}])
        data = await pumped(venue, public, 900)
        fills = [m["data"][0] for m in await business.settle() if "data" in m]
        trades = [m["data"][0] for m in data if "data" in m and m["arg"]["channel"] == "trades"]
        for before, after in pairwise(trades):
            assert int(after["tradeId"]) - int(after["count"]) == int(before["tradeId"])
        assert sum(int(trade["count"]) for trade in trades) == len(fills)
        assert sum(Decimal(t["sz"]) for t in trades) == sum(Decimal(f["sz"]) for f in fills)
        tops = [m["data"][0] for m in data if "data" in m and m["arg"]["channel"] == "bbo-tbt"]
        assert all(top["bids"][0][0] < top["asks"][0][0] for top in tops)
        assert len(tops) > 100

    run(body)


def test_okx_answers() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("okx")
        assert await sock.ask("ping") == "pong"
        bad = {"channel": "tradez", "instId": "BTC-USDT-SWAP"}
        good = {"channel": "trades", "instId": "BTC-USDT-SWAP"}
        await sock.send({"id": "a1", "op": "subscribe", "args": [bad, good]})
        error, ack = await sock.receive(), await sock.receive()
        assert (error["event"], error["code"], error["id"]) == ("error", "60018", "a1")
        assert "arg" not in error
        assert ack == {"id": "a1", "event": "subscribe", "arg": good, "connId": ack["connId"]}
        candle = {"channel": "candle1m", "instId": "BTC-USDT"}
        vip = {"channel": "books-l2-tbt", "instId": "BTC-USDT"}
        for message, code in (
            ("{", "60012"),
            ({"op": "subscribe"}, "60012"),
            ({"op": "dance", "args": []}, "60019"),
            ({"op": "subscribe", "args": ["x"]}, "60013"),
            ({"op": "subscribe", "id": "a-1", "args": []}, "60033"),
            ({"op": "subscribe", "args": [{"channel": "books", "instId": "NO-PE"}]}, "60018"),
            ({"op": "subscribe", "args": [candle]}, "64001"),
            ({"op": "subscribe", "args": [vip]}, "60011"),
        ):
            assert (await sock.ask(message))["code"] == code, message
        for _ in range(20):
            await sock.send({"op": "unsubscribe", "args": [good]})
        answers = await sock.settle()
        assert answers[-1]["code"] == "60014"
        wide = {"op": "subscribe", "args": [good] * 1200}
        await sock.send(wide)
        assert await sock.receive() is None
        assert sock.code == 1009

    run(body, limits=Limits(okx_ops_per_hour=20, connects={}))


def test_okx_silence_closes_and_heartbeats_keep() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        idle = await client.ws("okx")
        kept = await client.ws("okx")
        await kept.subscribe([{"channel": "books", "instId": "BTC-USDT"}])
        assert await idle.receive() is None
        assert idle.code == 4004
        beats = [m["data"][0] for m in await kept.settle() if m.get("action") == "update"]
        assert beats
        assert all(b["asks"] == b["bids"] == [] and b["seqId"] == b["prevSeqId"] for b in beats)
        assert venue.faults.okx_reset("BTC-USDT") == 1
        venue.pump(60)
        book = OkxBook()
        book.live, book.last_id = True, beats[-1]["seqId"]
        ids = []
        for message in await kept.settle():
            if "action" in message:
                book.push(message)
                ids.append((message["data"][0]["prevSeqId"], message["data"][0]["seqId"]))
        assert any(seq < previous for previous, seq in ids)
        assert book.gaps == 0

    run(body, timing=Timing(okx_idle_s=0.4, okx_repeat_s=0.15, bybit_repeat_s=0.2))


def test_rest_depth_weights_and_bans() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        depth = "/api/v3/depth?symbol=BTCUSDT"
        futures = "/fapi/v1/depth?symbol=BTCUSDT"
        used = "X-MBX-USED-WEIGHT-1M"
        assert (await client.get("binance", depth + "&limit=100"))[2][used] == "5"
        assert (await client.get("binance", depth + "&limit=5000"))[2][used] == "255"
        linear = await client.get("binance", futures + "&limit=1000")
        assert linear[2][used] == "20"                          # its own budget
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
    assert len(one) > 300
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
