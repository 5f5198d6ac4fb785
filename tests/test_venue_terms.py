"""What befalls instruments of the local venue on command: their end, and new terms."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.venue import LocalVenue
from tests.venue.client import Client, run

HOUR_MS = 3_600_000


async def moved(venue: LocalVenue, *socks: Any) -> list[list[Any]]:
    venue.pump(600)
    venue.pass_time(3.0)
    return [await sock.settle() for sock in socks]


def test_a_delisted_binance_symbol_is_acknowledged_and_silent() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        names = ["btcusdt@markPrice@1s", "ethusdt@markPrice@1s", "btcusdt@kline_1m"]
        sock = await client.ws("binance:linear", "/market/ws")
        await sock.subscribe(names)
        (heard,) = await moved(venue, sock)
        assert {m["s"] for m in heard} == {"BTCUSDT", "ETHUSDT"}
        assert venue.faults.delist("binance", "linear", "BTCUSDT-PERP") == 1
        (heard,) = await moved(venue, sock)
        assert {m["s"] for m in heard} == {"ETHUSDT"}
        again = await client.ws("binance:linear", "/market/ws")
        assert await again.subscribe(names) == {"result": None, "id": 1}
        heard, late = await moved(venue, sock, again)
        assert {m["s"] for m in (*heard, *late)} == {"ETHUSDT"}
        rows = (await client.json("binance", "/fapi/v1/exchangeInfo"))["symbols"]
        assert "BTCUSDT" not in {row["symbol"] for row in rows}
        for path in ("depth", "premiumIndex", "openInterest"):
            answer = await client.json("binance", f"/fapi/v1/{path}?symbol=BTCUSDT")
            assert answer["code"] == -1121
        assert (await client.get("binance", "/api/v3/depth?symbol=BTCUSDT"))[0] == 200  # spot
        assert venue.log.reports("binance", "linear", "BTCUSDT", "mark")  # what was, stays
        with pytest.raises(KeyError):
            venue.faults.delist("binance", "linear", "BTCUSDT")

    run(body, events_s=0)


@pytest.mark.parametrize("market", ["spot", "linear"])
def test_a_delisted_bybit_symbol_voids_the_request(market: str) -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws(f"bybit:{market}")
        await sock.subscribe(["tickers.BTCUSDT", "publicTrade.BTCUSDT"])
        venue.faults.delist("bybit", market, "BTCUSDT")
        await sock.settle()
        assert await moved(venue, sock) == [[]]
        again = await client.ws(f"bybit:{market}")
        answer = await again.subscribe(["tickers.ETHUSDT", "tickers.BTCUSDT"])
        assert answer["success"] is False
        assert answer["ret_msg"] == (
            "Invalid symbol :[tickers.BTCUSDT]"
            if market == "spot"
            else "error:handler not found,topic:tickers.BTCUSDT"
        )
        assert await moved(venue, again) == [[]]
        path = f"/v5/market/instruments-info?category={market}"
        rows = (await client.json("bybit", path))["result"]["list"]
        assert "BTCUSDT" not in {row["symbol"] for row in rows}
        path = f"/v5/market/tickers?category={market}&symbol=BTCUSDT"
        assert (await client.json("bybit", path))["retCode"] == 10001

    run(body, events_s=0)


def test_a_delisted_okx_instrument_does_not_exist() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("okx")
        arg = {"channel": "mark-price", "instId": "ETH-USDT-SWAP"}
        index = {"channel": "index-tickers", "instId": "ETH-USDT"}
        await sock.subscribe([arg, index])
        assert venue.faults.delist("okx", "linear", "ETH-USDT-SWAP", 0.2) == 1
        path = "/api/v5/public/instruments?instType=SWAP"
        rows = {row["instId"]: row for row in (await client.json("okx", path))["data"]}
        told_ms = int(rows["ETH-USDT-SWAP"]["expTime"])  # announced
        assert 0 < told_ms - venue.now_ms() <= 200
        await asyncio.sleep(0.3)
        await sock.settle()
        (heard,) = await moved(venue, sock)
        assert {m["arg"]["channel"] for m in heard} == {"index-tickers"}  # the index lives on
        answer = await sock.subscribe([arg])
        assert answer["code"] == "60018"
        rows = {row["instId"]: row for row in (await client.json("okx", path))["data"]}
        assert "ETH-USDT-SWAP" not in rows
        path = "/api/v5/market/books?instId=ETH-USDT-SWAP&sz=5"
        assert (await client.json("okx", path))["code"] == "51001"

    run(body, events_s=0)


def test_a_contract_changes_its_size() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        name = "BTC-USDT-SWAP"
        public, business = await client.ws("okx"), await client.ws("okx:business")
        interest = {"channel": "open-interest", "instId": name}
        candle = {"channel": "candle1s", "instId": name}
        await public.subscribe([interest])
        await business.subscribe([candle])

        async def seen() -> tuple[Decimal, set[Decimal]]:
            venue.pass_time(2.0)  # what follows is in seconds of its own
            await business.settle()
            venue.pump(400)
            venue.pass_time(4.0)
            (row,) = [m["data"][0] for m in await public.settle() if "data" in m][-1:]
            bars = [m["data"][0] for m in await business.settle()]
            sizes = {Decimal(bar[6]) / Decimal(bar[5]) for bar in bars if Decimal(bar[5])}
            return Decimal(row["oiCcy"]) / Decimal(row["oi"]), sizes

        assert await seen() == (Decimal("0.01"), {Decimal("0.01")})
        assert venue.faults.contract_size("okx", "linear", name, "0.1") == 1
        assert await seen() == (Decimal("0.1"), {Decimal("0.1")})
        path = "/api/v5/public/instruments?instType=SWAP"
        rows = {row["instId"]: row["ctVal"] for row in (await client.json("okx", path))["data"]}
        assert rows[name] == "0.1"
        for where in (("okx", "spot", "BTC-USDT"), ("bybit", "linear", "BTCUSDT")):
            with pytest.raises(ValueError, match="contracts"):
                venue.faults.contract_size(*where, "2")

    run(body, events_s=0)


def test_the_funding_interval_changes() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        binance = await client.ws("binance:linear", "/market/ws")
        await binance.subscribe(["ethusdt@markPrice@1s"])
        bybit = await client.ws("bybit:linear")
        await bybit.subscribe(["tickers.ETHUSDT"])
        okx = await client.ws("okx")
        await okx.subscribe([{"channel": "funding-rate", "instId": "ETH-USDT-SWAP"}])
        await moved(venue, binance, bybit, okx)
        for venue_name, symbol in (("binance", "ETHUSDT"), ("bybit", "ETHUSDT")):
            venue.faults.funding_interval(venue_name, "linear", symbol, 2)
        venue.faults.funding_interval("okx", "linear", "ETH-USDT-SWAP", 1)
        venue.pass_time(100.0)
        mark = (await binance.settle())[-1]
        assert mark["T"] == (mark["E"] // (2 * HOUR_MS) + 1) * 2 * HOUR_MS
        held: dict[str, str] = {}
        for message in await bybit.settle():
            held |= message["data"]
        assert held["fundingIntervalHour"] == "2"
        row = (await okx.settle())[-1]["data"][0]
        assert int(row["nextFundingTime"]) - int(row["fundingTime"]) == HOUR_MS
        info = await client.json("binance", "/fapi/v1/fundingInfo")
        assert {r["symbol"]: r["fundingIntervalHours"] for r in info} == {
            "ETHUSDT": 2,
            "1000PEPEUSDT": 4,
        }
        path = "/v5/market/instruments-info?category=linear&symbol=ETHUSDT"
        (listed,) = (await client.json("bybit", path))["result"]["list"]
        assert listed["fundingInterval"] == 120  # minutes
        rates = await client.json("binance", "/fapi/v1/fundingRate?symbol=ETHUSDT&limit=3")
        steps = {
            b["fundingTime"] // HOUR_MS - a["fundingTime"] // HOUR_MS for a, b in pairwise(rates)
        }
        assert steps <= {2, 4, 6, 8}  # what was settled before keeps its times
        with pytest.raises(ValueError, match="5"):
            venue.faults.funding_interval("okx", "linear", "ETH-USDT-SWAP", 5)

    run(body, events_s=0)


def test_slow_streams_are_lost_and_silenced_by_kind() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        linear = await client.ws("bybit:linear")
        await linear.send({"op": "subscribe", "args": ["tickers.BTCUSDT", "kline.1.BTCUSDT"]})
        okx = await client.ws("okx")
        args = [{"channel": "mark-price", "instId": "BTC-USDT-SWAP"}]
        args.append({"channel": "index-tickers", "instId": "BTC-USDT"})
        await okx.send({"op": "subscribe", "args": args})
        await okx.settle()
        await moved(venue, linear, okx)
        assert venue.faults.silence("bybit", "linear", "BTCUSDT", "mark") == 1  # its ticker
        assert venue.faults.silence("okx", "linear", "BTC-USDT-SWAP", "index") == 1
        heard, told = await moved(venue, linear, okx)
        assert {m["topic"] for m in heard} == {"kline.1.BTCUSDT"}
        assert {m["arg"]["channel"] for m in told} == {"mark-price"}
        rows = venue.log.reports("okx", "index", "BTC-USDT", "index")
        assert [row.sent for row in rows[-3:]] == [False] * 3
        assert venue.faults.speak("bybit", "linear") >= 1
        assert venue.faults.gap("bybit", "linear", "BTCUSDT", "ticker", 2) == 1
        before = len(venue.log.reports("bybit", "linear", "BTCUSDT", "ticker"))
        for _ in range(5):
            venue.pump(200)
            venue.pass_time(0.2)
        rows = venue.log.reports("bybit", "linear", "BTCUSDT", "ticker")[before:]
        assert [row.sent for row in rows[:3]] == [False, False, True]
        with pytest.raises(ValueError, match="kind"):
            venue.faults.gap("bybit", "linear", "BTCUSDT", "prices")

    run(body, events_s=0)


def test_new_terms_over_http() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        post, url = client.session.post, venue.control_url
        venue.pump(10)
        for fault, query, touched in (
            ("liquidate", "venue=okx&market=linear&symbol=BTC-USDT-SWAP&n=2", 2),
            ("block", "venue=bybit&market=spot&symbol=BTCUSDT&n=3", 3),
            ("contract_size", "venue=okx&market=linear&symbol=ETH-USDT-SWAP&size=1", 1),
            ("funding_interval", "venue=bybit&market=linear&symbol=BTCUSDT&hours=4", 1),
            ("kline_error", "venue=binance&market=spot&symbol=BTCUSDT", 1),
            ("rest", "venue=okx&mode=old&path=/mark-price", 1),
            ("delist", "venue=binance&market=spot&symbol=ETHUSDT", 1),
        ):
            async with post(f"{url}/fault/{fault}?{query}") as answer:
                assert await answer.json() == {"fault": fault, "touched": touched}
        async with client.session.get(f"{url}/reports", params=WHERE) as answer:
            rows = await answer.json()
        assert [row["values"]["sz"] for row in rows] == [
            row.values["sz"] for row in venue.log.reports(*WHERE.values())
        ]
        assert len(rows) == 2
        async with client.session.get(f"{url}/reports?venue=okx") as answer:
            assert answer.status == 400

    run(body, events_s=0)


WHERE = {
    "venue": "okx",
    "market": "linear",
    "symbol": "BTC-USDT-SWAP",
    "kind": "liquidation",
}
