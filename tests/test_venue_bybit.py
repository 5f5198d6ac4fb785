"""The local venue speaks Bybit v5: windows, snapshots, ids, refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.venue import Limits, LocalVenue, Timing
from tests.venue.bybit import BybitDesk
from tests.venue.client import Client, pumped, run
from tests.venue.reader import BybitBook


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
            assert book.state() == theirs
        late, topic = await client.ws(f"bybit:{market}"), "orderbook.200.BTCUSDT"
        feed = venue.feed("bybit", market, "BTCUSDT")
        assert isinstance(feed, BybitDesk)
        while not feed.first_uid:
            venue.pump(1)  # something has changed since the newest push
        await late.send({"op": "subscribe", "args": [topic]})
        joined = BybitBook()
        for turn in range(2):
            for message in await late.settle():
                if "topic" in message:
                    joined.push(message)
            theirs = venue.log.book("bybit", market, "BTCUSDT", joined.last_id, 200, topic)
            assert joined.state() == theirs
            if turn == 0:
                venue.pump(300)
        assert joined.gaps == joined.stale == 0
        assert joined.applied > 5
        for message in await sock.settle():
            if "topic" in message:
                books[message["topic"]].push(message)
        assert books[topic].last_id == joined.last_id
        path = f"/v5/market/orderbook?category={market}&symbol=BTCUSDT&limit=1000"
        rest = (await client.json("bybit", path))["result"]
        for message in await sock.settle():  # the REST book may have forced a push
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
            repeated = await sock.receive()  # nothing moves: the same again
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
        assert await pumped(venue, linear, 100) == []  # the good topic was void too
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


LINEAR_TICKER = (
    "symbol tickDirection price24hPcnt lastPrice prevPrice24h highPrice24h lowPrice24h prevPrice1h "
    "markPrice indexPrice openInterest openInterestValue singleOpenInterest "
    "singleOpenInterestValue turnover24h volume24h fundingIntervalHour fundingCap "
    "nextFundingTime fundingRate bid1Price bid1Size ask1Price ask1Size preOpenPrice preQty "
    "curPreListingPhase"
)
SPOT_TICKER = (
    "symbol lastPrice highPrice24h lowPrice24h prevPrice24h volume24h turnover24h price24hPcnt "
    "usdIndexPrice"
)


def test_bybit_tickers() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        linear, spot = await client.ws("bybit:linear"), await client.ws("bybit:spot")
        names = [f"tickers.{s}" for s in ("BTCUSDT", "1000PEPEUSDT", "BTCUSDT-25DEC26")]
        await linear.send({"op": "subscribe", "args": names})
        await spot.send({"op": "subscribe", "args": ["tickers.BTCUSDT", "tickers.PEPEUSDT"]})
        heard = await linear.settle()
        late = await client.ws("bybit:linear")
        for turn in range(12):
            venue.pump(200)
            venue.pass_time(0.1)
            if turn == 5:
                await late.send({"op": "subscribe", "args": names})
            heard += await linear.settle()
        held: dict[str, dict[str, str]] = {}
        for message in (m for m in heard if "topic" in m):
            assert list(message) == ["topic", "type", "cs", "ts", "data"]
            data, symbol = message["data"], message["data"]["symbol"]
            if symbol not in held:
                assert message["type"] == "snapshot"
                held[symbol] = data
                continue
            assert message["type"] == "delta"
            assert len(data) > 1
            changed = {key for key, value in data.items() if held[symbol][key] != value}
            assert changed == data.keys() - {"symbol"}
            held[symbol] |= data
        btc, dated = held["BTCUSDT"], held["BTCUSDT-25DEC26"]
        assert list(btc) == LINEAR_TICKER.split()
        assert Decimal(btc["openInterest"]) == 2 * Decimal(btc["singleOpenInterest"])
        assert held["1000PEPEUSDT"]["fundingIntervalHour"] == "4"
        assert (dated["fundingRate"], dated["nextFundingTime"]) == ("", "")
        assert dated["deliveryTime"] == "2026-12-25T08:00:00Z"
        assert "fundingCap" not in dated
        feed = venue.feed("bybit", "linear", "BTCUSDT")
        assert isinstance(feed, BybitDesk)
        (bid, _), (ask, _) = feed.tops()
        venue.pass_time(0.1)
        for message in await linear.settle():
            held[message["data"]["symbol"]] |= message["data"]
        assert held["BTCUSDT"]["bid1Price"] == feed.price_text(bid)
        assert held["BTCUSDT"]["ask1Price"] == feed.price_text(ask)
        joined: dict[str, dict[str, str]] = {}  # who comes late holds the same in the end
        for message in (m for m in await late.settle() if "topic" in m):
            if message["type"] == "snapshot":
                joined[message["data"]["symbol"]] = {}
            joined[message["data"]["symbol"]] |= message["data"]
        assert joined == held
        marks = venue.log.reports("bybit", "linear", "BTCUSDT", "mark")
        assert marks[-1].values == {"markPrice": held["BTCUSDT"]["markPrice"]}
        told = [m for m in await spot.settle() if "topic" in m]
        assert {m["type"] for m in told} == {"snapshot"}
        assert {tuple(m["data"]) for m in told} == {tuple(SPOT_TICKER.split())}
        index = {m["data"]["symbol"]: m["data"]["usdIndexPrice"] for m in told}
        assert index["PEPEUSDT"] == "" != index["BTCUSDT"]

    run(body)
