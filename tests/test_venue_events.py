"""Liquidations, block trades and insurance funds of the local venue, on command and by chance."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.venue import LocalVenue, Timing
from tests.venue.client import Client, run


def test_binance_tells_the_largest_forced_order_of_a_second() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("binance:linear", "/market/ws")
        other = await client.ws("binance:linear", "/public/ws")
        for each in (sock, other):
            await each.subscribe(["btcusdt@forceOrder"])
        venue.pump(20)
        heard: list[Any] = []
        for count in (1, 5, 3):
            assert venue.faults.liquidate("binance", "linear", "BTCUSDT", count) == count
            venue.pass_time(0.4)
            heard += await sock.settle()
        venue.pass_time(1.0)
        heard += await sock.settle()
        assert await other.settle() == []
        assert len(heard) == 2  # the first at once, then the rest of that second
        order = heard[1]["o"]
        assert " ".join(heard[1]) == "e E o ps st"
        assert " ".join(order) == "s S o f q p ap X l z T"
        assert isinstance(order["T"], int)
        rows = venue.log.reports("binance", "linear", "BTCUSDT", "liquidation")
        assert [row.sent for row in rows].count(True) == 2
        largest = max((Decimal(row.values["q"]) for row in rows[1:]), default=None)
        assert Decimal(order["q"]) == largest
        mid = Decimal(venue.feed("binance", "linear", "BTCUSDT").depth_body(5).split('"')[-4])
        for row in rows:  # a long is sold below the market
            below = Decimal(row.values["p"]) < Decimal(row.values["ap"]) < mid * Decimal("1.01")
            assert below or row.values["S"] == "BUY"
        assert venue.faults.liquidate("binance", "spot", "BTCUSDT") == 0

    run(body, events_s=0)


def test_bybit_batches_liquidations_by_position_side() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("bybit:linear")
        await sock.subscribe(["allLiquidation.ETHUSDT"])
        venue.pump(20)
        venue.faults.liquidate("bybit", "linear", "ETHUSDT", 2)
        venue.faults.liquidate("bybit", "linear", "ETHUSDT", 4)
        venue.faults.liquidate("bybit", "linear", "BTCUSDT", 4)
        heard = await sock.settle()
        venue.pass_time(0.6)
        heard += await sock.settle()
        assert [len(message["data"]) for message in heard] == [2, 4]
        assert {" ".join(message) for message in heard} == {"topic type ts data"}
        rows = [row for message in heard for row in message["data"]]
        assert {" ".join(row) for row in rows} == {"T s S v p"}
        feed = venue.feed("bybit", "linear", "ETHUSDT")
        best = Decimal(feed.depth_body(1).split('"b":[["')[1].split('"')[0])
        for row in rows:  # the long's price lies below
            assert (Decimal(row["p"]) < best) == (row["S"] == "Buy")
        told = venue.log.reports("bybit", "linear", "ETHUSDT", "liquidation")
        assert [row.values["p"] for row in told] == [row["p"] for row in rows]
        unheard = venue.log.reports("bybit", "linear", "BTCUSDT", "liquidation")
        assert [row.sent for row in unheard] == [False] * 4

    run(body, events_s=0)


def test_okx_tells_the_liquidations_of_all_swaps_and_repeats_old_ones() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("okx")
        arg = {"channel": "liquidation-orders", "instType": "SWAP"}
        answer = await sock.subscribe([arg])
        assert answer["arg"] == arg
        for symbol in ("BTC-USDT-SWAP", "BTC-USD_UM-SWAP", "BTC-USDT-261225"):
            venue.faults.liquidate("okx", "linear", symbol, 2)
        heard = await sock.settle()
        rows = [row for message in heard for row in message["data"]]
        swaps = ["BTC-USDT-SWAP"] * 2 + ["BTC-USD_UM-SWAP"] * 2
        assert [row["instId"] for row in rows] == swaps
        assert {" ".join(row) for row in rows} == {"details instFamily instId instType uly"}
        assert [(row["instFamily"], row["uly"]) for row in rows[2:]] == [
            ("BTC-USD_UM", "BTC-USD")
        ] * 2
        keys = "bkLoss bkPx ccy posSide side sz ts"
        assert {" ".join(row["details"][0]) for row in rows} == {keys}
        late = await client.ws("okx")
        await late.send({"op": "subscribe", "args": [arg]})
        (again,) = [message for message in await late.settle() if "data" in message]
        assert again["data"] == rows
        future = await client.ws("okx")
        await future.send({"op": "subscribe", "args": [{**arg, "instType": "FUTURES"}]})
        (old,) = [message for message in await future.settle() if "data" in message]
        assert {row["instType"] for row in old["data"]} == {"FUTURES"}
        bad = await future.subscribe([{"channel": "liquidation-orders", "instType": "SPOT"}])
        assert bad["code"] == "60018"

    run(body, events_s=0)


def test_block_trades_on_command() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        binance = await client.ws("binance:spot", "/ws")
        await binance.subscribe(["btcusdt@blockTrade", "btcusdt@trade", "btcusdt@kline_1m"])
        venue.pump(30)
        assert venue.faults.block("binance", "spot", "BTCUSDT", 3) == 3
        assert venue.faults.block("binance", "linear", "BTCUSDT") == 0
        heard = await binance.settle()
        blocks = [m for m in heard if m["e"] == "blockTrade"]
        assert {" ".join(m) for m in blocks} == {"e E s t p q T m"}
        assert all(b["t"] == a["t"] + 1 for a, b in pairwise(blocks))
        prints = [m for m in heard if m["e"] == "trade"]
        assert all(b["t"] == a["t"] + 1 for a, b in pairwise(prints))
        venue.pass_time(3)
        kline = (await binance.settle())[-1]["k"]
        assert Decimal(kline["v"]) == sum(Decimal(m["q"]) for m in prints)  # without the blocks
        for market in ("spot", "linear"):
            bybit = await client.ws(f"bybit:{market}")
            await bybit.subscribe(["publicTrade.BTCUSDT"])
            venue.faults.block("bybit", market, "BTCUSDT", 2)
            rows = [row for m in await bybit.settle() for row in m["data"]]
            assert [(row["BT"], row["RPI"]) for row in rows] == [(True, False)] * 2
            told = venue.log.reports("bybit", market, "BTCUSDT", "block")
            assert [row.values["i"] for row in told] == [row["i"] for row in rows]
        okx = await client.ws("okx:business")
        arg = {"channel": "public-block-trades", "instId": "BTC-USDT-SWAP"}
        await okx.subscribe([arg])
        venue.faults.block("okx", "linear", "BTC-USDT-SWAP", 2)
        (one, two) = await okx.settle()
        assert one["arg"] == arg
        (leg,) = one["data"]
        keys = "instId tradeId px sz side ts idxPx markPx fillVol fwdPx groupId"
        assert " ".join(leg) == keys
        assert venue.now_ms() - int(leg["ts"]) >= 900_000  # told a quarter of an hour late
        assert int(two["data"][0]["tradeId"]) > int(leg["tradeId"]) > 10**17
        public = await client.ws("okx")
        assert (await public.subscribe([arg]))["code"] == "64001"

    run(body, events_s=0)


def test_they_happen_by_themselves_as_well() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("binance:linear", "/market/ws")
        await sock.subscribe(["btcusdt@forceOrder", "ethusdt@forceOrder"])
        spot = await client.ws("binance:spot", "/ws")
        await spot.subscribe(["btcusdt@blockTrade"])
        venue.pass_time(100.0)
        assert 50 < len(await sock.settle()) <= 202
        assert 5 < len(await spot.settle()) < 60

    run(body, events_s=1.0)


def test_bybit_insurance_tells_isolated_pools_when_they_change() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("bybit:linear")
        await sock.send({"op": "subscribe", "args": ["insurance.USDT"]})
        (first,) = [m for m in await sock.settle() if "topic" in m]
        assert " ".join(first) == "topic type ts data"
        assert first["type"] == "snapshot"
        held = {row["symbols"]: row["balance"] for row in first["data"]}
        assert held.keys() == {"1000PEPEUSDT", "1000000BABYDOGEUSDT"}
        venue.pass_time(40.0)
        heard = await sock.settle()
        assert 2 <= len(heard) < 20  # only on change
        for message in heard:
            assert message["type"] == "delta"
            for row in message["data"]:
                assert " ".join(row) == "coin symbols balance updateTime"
                assert held[row["symbols"]] != row["balance"]
                held[row["symbols"]] = row["balance"]
        told = venue.log.reports("bybit", "", "", "insurance")
        assert len(told) == sum(len(m["data"]) for m in (first, *heard))

    run(body, timing=Timing(insurance_s=5.0))
