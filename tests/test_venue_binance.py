"""The local venue speaks Binance: streams, routes, bridging, pings, limits."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.venue import Limits, LocalVenue, Timing
from tests.venue.client import Client, pumped, run
from tests.venue.reader import BinanceBook

BTC_LINEAR = ("binance", "linear", "BTCUSDT")


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
            levels = 300 if linear else 0  # the REST book of a futures market ends at 1000
            theirs = venue.log.book("binance", market, symbol, book.last_id, levels)
            assert book.state(levels) == theirs
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
        assert {message["e"] for message in data} == {"trade"}  # raw, the rest is silent
        assert {message["s"] for message in data} == {"BTCUSDT"}
        prices = [message["p"] for message in data]
        assert all(len(price.partition(".")[2]) == 8 for price in prices)
        await sock.ask({"method": "SET_PROPERTY", "params": ["combined", True], "id": 3})
        assert (await pumped(venue, sock, 50))[0]["stream"] == "btcusdt@trade"
        assert await sock.ask({"method": "GET_PROPERTY", "params": ["combined"], "id": 4}) == {
            "result": True,
            "id": 4,
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
            ("/public", {"bookTicker"}),
            ("/market", {"aggTrade"}),
            ("", {"bookTicker"}),
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
        assert (await deaf.receive()).data  # a ping with a payload
        waiting = asyncio.create_task(good.receive())  # answers pings while it waits
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
        assert await old.receive() is None  # the 24 h cut, sooner
        assert old.code == 1001

    run(body, limits=Limits(), timing=Timing(life_s=0.3, bybit_repeat_s=0.2))


@pytest.mark.parametrize("market", ["spot", "linear"])
def test_a_snapshot_between_two_events_bridges(market: str) -> None:
    """Levels that came and went since the last event are in the next one: a snapshot taken in
    between may hold them."""
    linear = market == "linear"

    async def body(venue: LocalVenue, client: Client) -> None:
        symbol = "BTCUSDC" if linear else "BNBBTC"
        route = "/public" if linear else ""
        stream = f"{symbol.lower()}@depth@100ms"
        sock = await client.ws(f"binance:{market}", f"{route}/stream?streams={stream}")
        feed = venue.feed("binance", market, symbol)
        events: list[Any] = []
        snapshots: list[tuple[int, str]] = []  # (events before it, body)
        for turn in range(600):
            venue.pump(1)
            if turn % 8 == 0:
                events += [message["data"] for message in await sock.settle()]
                snapshots.append((len(events), feed.depth_body(1000)))
        events += [message["data"] for message in await sock.settle()]
        between = 0
        for count, text in snapshots[2:-6]:
            book = BinanceBook(linear=linear)
            for event in events[max(0, count - 2) : count]:
                book.diff(event)
            assert book.snapshot(text)
            between += book.last_id != events[count - 1]["u"]
            for event in events[count : count + 3]:
                book.diff(event)
            assert book.gaps == 0
            assert book.state() == venue.log.book("binance", market, symbol, book.last_id)
        assert between > 20

    run(body)


MARK_KEYS = "e E s p ap P i r T st"
SPOT_TICKER = "e E s p P w x c Q b B a A o h l v q O C F L n"
LINEAR_TICKER = "e E s p P w c Q o h l v q O C F L n ps st"
NUMBERS = {"E", "T", "O", "C", "F", "L", "n", "st"}


def test_binance_mark_price_and_tickers() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        linear = await client.ws("binance:linear", "/market/stream")
        kinds = ("markPrice@1s", "markPrice", "ticker")
        await linear.subscribe([f"btcusdt@{kind}" for kind in kinds])
        await linear.subscribe(["btcusdt_261225@markPrice@1s"])
        spot = await client.ws("binance:spot", "/ws")
        await spot.subscribe(["ethusdt@ticker", "ethusdt@trade"])
        wrong = await client.ws("binance:linear", "/public/stream")
        await wrong.subscribe([f"btcusdt@{kind}" for kind in kinds])
        got: list[Any] = []
        for _ in range(6):
            venue.pump(300)
            venue.pass_time(1.0)
            got += await linear.settle()
        assert await wrong.settle() == []
        by_stream: dict[str, list[Any]] = {}
        for message in got:
            by_stream.setdefault(message["stream"], []).append(message["data"])
        marks = by_stream["btcusdt@markPrice@1s"]
        counts = [len(by_stream[f"btcusdt@{kind}"]) for kind in kinds]
        assert 6 <= counts[0] <= 8  # each 1, 3 and 2 s
        assert (counts[1], counts[2]) in ((2, 3), (3, 3), (3, 4))
        assert all(" ".join(mark) == MARK_KEYS for mark in marks)
        assert all(len(mark[key].partition(".")[2]) == 8 for mark in marks for key in "pPir")
        span_ms = 8 * 3_600_000
        assert all(mark["T"] == (mark["E"] // span_ms + 1) * span_ms for mark in marks)
        assert all(abs(Decimal(m["p"]) / Decimal(m["i"]) - 1) < Decimal("0.001") for m in marks)
        assert len({mark["p"] for mark in marks}) > 3
        dated = by_stream["btcusdt_261225@markPrice@1s"][0]
        assert (dated["r"], dated["T"]) == ("", 0)
        told = [(row.ts_ms, row.values["p"]) for row in venue.log.reports(*BTC_LINEAR, "mark")]
        both = marks + by_stream["btcusdt@markPrice"]
        assert sorted(told) == sorted((mark["E"], mark["p"]) for mark in both)
        assert " ".join(by_stream["btcusdt@ticker"][0]) == LINEAR_TICKER
        heard = await spot.settle()
        tickers = [m for m in heard if m["e"] == "24hrTicker"]
        trades = [m for m in heard if m["e"] == "trade"]
        assert 6 <= len(tickers) <= 8
        assert " ".join(tickers[-1]) == SPOT_TICKER
        for ticker in (*tickers, *by_stream["btcusdt@ticker"]):
            assert all(isinstance(v, int) == (k in NUMBERS) for k, v in ticker.items() if k != "P")
            assert ticker["L"] - ticker["F"] + 1 >= ticker["n"]
            assert Decimal(ticker["p"]) == Decimal(ticker["c"]) - Decimal(ticker["o"])
        first, last = tickers[0], tickers[-1]
        between = [t for t in trades if first["L"] < t["t"] <= last["L"]]
        for key, sums in (
            ("v", [Decimal(t["q"]) for t in between]),
            ("q", [Decimal(t["q"]) * Decimal(t["p"]) for t in between]),
        ):
            assert Decimal(last[key]) - Decimal(first[key]) == sum(sums)
        assert last["n"] - first["n"] == len(between)
        assert (last["c"], last["Q"]) == (between[-1]["p"], between[-1]["q"])

    run(body)


def test_prints_that_met_rpi_orders_and_prints_off_the_book() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        market = await client.ws("binance:linear", "/market/ws")
        public = await client.ws("binance:linear", "/public/ws")
        await market.subscribe(["btcusdt@aggTrade"])
        await public.subscribe(["btcusdt@trade"])
        prints = await pumped(venue, market, 8000)
        shares = {(Decimal(m["nq"]) > 0) + (m["nq"] == m["q"]) for m in prints}
        assert shares == {0, 1, 2}  # nothing but RPI orders, some, none
        assert all(Decimal(m["nq"]) <= Decimal(m["q"]) and m["st"] == 1 for m in prints)
        rows = venue.log.trades(*BTC_LINEAR, "aggTrade")
        assert [(row.qty, row.organic) for row in rows] == [(m["q"], m["nq"]) for m in prints]
        path = f"/fapi/v1/aggTrades?symbol=BTCUSDT&fromId={prints[0]['a']}&limit=50"
        refill = await client.json("binance", path)
        assert [row["nq"] for row in refill] == [m["nq"] for m in prints[:50]]
        fills = await public.settle()
        kinds = {m["X"] for m in fills}
        assert kinds == {"MARKET", "NA", "INSURANCE_FUND"}
        last = Decimal(prints[-1]["p"])
        for fill in fills:
            far = abs(Decimal(fill["p"]) / last - 1) > Decimal("0.05")
            assert far == (fill["X"] != "MARKET")

    run(body, events_s=0)
