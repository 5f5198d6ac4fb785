"""The local venue speaks OKX v5: seqId chains, both bootstraps, errors, silence."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.venue import Limits, LocalVenue, Timing
from tests.venue.client import Client, pumped, run
from tests.venue.okx import OkxDesk
from tests.venue.reader import OkxBook


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
            name = inst.venue_id
            theirs = venue.log.book("okx", inst.market, name, book.last_id, 400)
            assert book.state() == theirs

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
        wide = {"op": "subscribe", "args": [good] * 1500}
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


def test_late_subscribers_and_rest_books_agree() -> None:
    """A second connection joins the chain of the first; a REST book taken between two pushes
    of a small book bridges, and what came and went in between is told."""

    async def body(venue: LocalVenue, client: Client) -> None:
        name = "SHIB-USDT"
        args = [{"channel": "books", "instId": name}]
        first = await client.ws("okx")
        await first.send({"op": "subscribe", "args": args})
        feed = venue.feed("okx", "spot", name)
        pushes: list[Any] = []
        rests: list[tuple[int, str]] = []  # (pushes before it, body)
        for turn in range(600):
            venue.pump(1)
            if turn % 8 == 0:
                pushes += [m for m in await first.settle() if "action" in m]
                rests.append((len(pushes), f'{{"data":[{feed.depth_body(400)}]}}'))
        assert isinstance(feed, OkxDesk)
        while not feed.first_uid:
            venue.pump(1)  # something has changed since the newest push
        late, book = await client.ws("okx"), OkxBook()
        await late.send({"op": "subscribe", "args": args})
        for turn in range(2):
            for message in await late.settle():
                if "action" in message:
                    book.push(message)
            assert book.state() == venue.log.book("okx", "spot", name, book.last_id, 400)
            if turn == 0:
                venue.pump(200)
        assert book.gaps == 0
        assert book.applied > 10
        pushes += [m for m in await first.settle() if "action" in m]
        between = 0
        for count, text in rests[2:]:
            early = OkxBook()
            for message in pushes[max(1, count - 2) : count]:
                early.push(message)
            assert early.rest(text)
            between += early.last_id != pushes[count - 1]["data"][0]["seqId"]
            for message in pushes[count : count + 3]:
                early.push(message)
            assert early.gaps == 0
            assert early.state() == venue.log.book("okx", "spot", name, early.last_id)
        assert between > 20

    run(body)


SHAPES = {
    "tickers": "instType instId last lastSz askPx askSz bidPx bidSz open24h high24h low24h "
    "volCcy24h vol24h sodUtc0 sodUtc8 ts",
    "mark-price": "instType instId markPx ts",
    "index-tickers": "instId idxPx open24h high24h low24h sodUtc0 sodUtc8 ts",
    "funding-rate": "formulaType fundingRate fundingTime impactValue instId instType interestRate "
    "method maxFundingRate minFundingRate nextFundingRate nextFundingTime premium settFundingRate "
    "settState ts",
    "open-interest": "instId instType oi oiCcy oiUsd ts",
}


def test_okx_reports() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("okx")
        swap = dict.fromkeys(SHAPES, "BTC-USDT-SWAP") | {"index-tickers": "BTC-USDT"}
        args = [{"channel": channel, "instId": inst} for channel, inst in swap.items()]
        more = [("tickers", "BTC-USDT"), ("tickers", "BTC-USDT-261225")]
        more += [("open-interest", "PEPE-USDT-SWAP"), ("funding-rate", "PEPE-USDT-SWAP")]
        args += [{"channel": channel, "instId": inst} for channel, inst in more]
        await sock.send({"op": "subscribe", "args": args})
        got = [m for m in await sock.settle() if "data" in m]
        assert len(got) == len(args)  # the state at once
        for _ in range(100):
            venue.pump(60)
            venue.pass_time(1.0)
            got += await sock.settle()
        by_arg: dict[tuple[str, str], list[dict[str, str]]] = {}
        for message in got:
            assert list(message) == ["arg", "data"]
            arg = message["arg"]
            (data,) = message["data"]
            assert list(data) == SHAPES[arg["channel"]].split()
            assert all(isinstance(value, str) for value in data.values())
            by_arg.setdefault((arg["channel"], arg["instId"]), []).append(data)
        counts = {channel: len(by_arg[channel, inst]) for channel, inst in swap.items()}
        assert 200 < counts["mark-price"] <= 502
        assert 200 < counts["index-tickers"] <= 1002
        assert 2 <= counts["funding-rate"] <= 5  # each 30 to 90 s
        assert 10 < counts["open-interest"] <= 35
        for channel in ("mark-price", "index-tickers"):  # only what changed, else after 10, 60 s
            price = "markPx" if channel == "mark-price" else "idxPx"
            rows = by_arg[channel, swap[channel]]
            assert all(a[price] != b[price] for a, b in pairwise(rows))
        funding = by_arg["funding-rate", "BTC-USDT-SWAP"][-1]
        hours = {"BTC-USDT-SWAP": 8, "PEPE-USDT-SWAP": 4}
        for inst, count in hours.items():
            row = by_arg["funding-rate", inst][-1]
            due, following = int(row["fundingTime"]), int(row["nextFundingTime"])
            assert following - due == count * 3_600_000
            assert due % (count * 3_600_000) == 0
            assert due - int(row["ts"]) <= count * 3_600_000
        assert funding["nextFundingRate"] == ""
        for row in by_arg["open-interest", "BTC-USDT-SWAP"]:
            assert Decimal(row["oiCcy"]) == Decimal(row["oi"]) / 100  # ctVal 0.01
        digits = [len(r["oi"].partition(".")[2]) for r in by_arg["open-interest", "BTC-USDT-SWAP"]]
        assert max(digits) == 11
        ticker = by_arg["tickers", "BTC-USDT-SWAP"][-1]
        assert Decimal(ticker["volCcy24h"]) == Decimal(ticker["vol24h"]) / 100
        told = venue.log.reports("okx", "linear", "BTC-USDT-SWAP", "index")
        rows = by_arg["index-tickers", "BTC-USDT"]
        assert [row.values["idxPx"] for row in told] == [row["idxPx"] for row in rows]

    run(body)


def test_okx_refuses_what_an_instrument_has_not() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        public, business = await client.ws("okx"), await client.ws("okx:business")
        for channel, inst in (
            ("funding-rate", "BTC-USDT"),
            ("funding-rate", "BTC-USDT-261225"),
            ("open-interest", "BTC-USDT"),
            ("index-tickers", "BTC-USDT-SWAP"),
            ("mark-price", "NO-PE-SWAP"),
        ):
            answer = await public.subscribe([{"channel": channel, "instId": inst}])
            assert answer["code"] == "60018", (channel, inst)
        mark = {"channel": "mark-price", "instId": "BTC-USDT-SWAP"}
        assert (await business.subscribe([mark]))["code"] == "64002"
        candle = {"channel": "candle1Dutc", "instId": "BTC-USDT-SWAP"}
        assert (await public.subscribe([candle]))["code"] == "64001"
        assert (await business.subscribe([candle]))["event"] == "subscribe"

    run(body)
