"""All streams of the venues against the local venue: topics that carry much, or serve many."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from p9.connect.feeds import Feeds, Wanted
from p9.connect.lane import Topic
from p9.venues import ENDPOINTS, FEEDS
from tests.markets_kit import Kit, Tape, running

SYMBOLS = ["BTCUSDT", "ETHUSDT", "BTCUSDT-PERP", "ETHUSDT-PERP", "BTCUSDT-261225"]
IDS = {
    "binance:spot": ("BTCUSDT", "ETHUSDT"),
    "binance:linear": ("BTCUSDT", "ETHUSDT", "BTCUSDT_261225"),
    "bybit:spot": ("BTCUSDT", "ETHUSDT"),
    "bybit:linear": ("BTCUSDT", "ETHUSDT", "BTCUSDT-25DEC26"),
    "okx": ("BTC-USDT", "BTC-USDT-SWAP", "ETH-USDT-SWAP", "BTC-USDT-261225"),
}


class Sent(Tape):
    """Keeps the frames that are sent."""

    def send(self, conn: int, now_ns: int, payload: bytes) -> None:
        self.rows.append(("sent", now_ns, payload.decode()))

    def frame(self, conn: int, recv_ns: int, payload: bytes) -> None:
        pass


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 40.0))


def wanted(kit: Kit, endpoint: str, *ids: str, feeds: tuple[str, ...] = FEEDS) -> list[Wanted]:
    """Of those that run, with these feeds."""
    listed = kit.markets._markets[endpoint].running
    return [replace(listed[venue_id], feeds=feeds) for venue_id in ids]


def topics(feeds: Feeds) -> dict[str, Topic]:
    return {t.name: t for session in feeds._sessions for t in session.topics.values()}


def test_every_stream_of_every_venue_speaks() -> None:
    async def main() -> None:
        async with running(rate=400, symbols=SYMBOLS) as (_, kit):
            await kit.ready()
            for endpoint, ids in IDS.items():
                kit.feeds(endpoint).update(wanted(kit, endpoint, *ids))
            every = {e: topics(kit.feeds(e)) for e in ENDPOINTS}
            await kit.until(lambda: not [r for e in ENDPOINTS for r in kit.feeds(e).missing()])
            regular = [
                topic for found in every.values() for topic in found.values() if not topic.row.rare
            ]
            await kit.until(lambda: all(topic.seen_ns(kit.port) for topic in regular), 20.0)
            for endpoint in ENDPOINTS:
                stats: Any = kit.feeds(endpoint).stats()
                assert stats["refused"] == {}
                assert kit.count(endpoint, "resubscribes") == kit.count(endpoint, "probes") == 0
            assert {s.socket for s in kit.feeds("okx")._sessions} == {"public", "business"}
            assert kit.troubles() == {}

    run(main())


def test_a_topic_in_common_outlives_one_of_those_that_need_it() -> None:
    async def main() -> None:
        tape = Sent()
        async with running(rate=300, only="okx", symbols=SYMBOLS, tape=tape) as (_, kit):
            await kit.ready()
            feeds = kit.feeds("okx")
            feeds.update(swap := wanted(kit, "okx", "BTC-USDT-SWAP"))
            await kit.until(lambda: not feeds.missing())
            index = topics(feeds)["index-tickers:BTC-USDT"]
            forced = topics(feeds)["liquidation-orders:SWAP"]
            await asyncio.sleep(0.5)
            tape.rows.clear()
            both = [*swap, *wanted(kit, "okx", "ETH-USDT-SWAP", "BTC-USDT-261225")]
            feeds.update(both)
            await kit.until(lambda: not feeds.missing())
            assert topics(feeds)["index-tickers:BTC-USDT"] is index
            assert set(index.served) == {both[0].number, both[2].number}
            assert set(forced.served) == {both[0].number, both[1].number}
            feeds.update(both[1:])
            await asyncio.sleep(0.5)
            assert feeds.missing() == []
            assert set(index.served) == {both[2].number}
            args = [
                (message["op"], *arg.values())
                for kind, _, text in tape.rows
                if kind == "sent" and text != "ping"
                for message in [json.loads(text)]
                for arg in message["args"]
            ]
            assert ("subscribe", "index-tickers", "ETH-USDT") in args
            assert ("subscribe", "liquidation-orders", "FUTURES") in args
            assert ("unsubscribe", "books", "BTC-USDT-SWAP") in args
            # neither left nor asked for again
            assert not [arg for arg in args if arg[1:] == ("index-tickers", "BTC-USDT")]
            assert not [arg for arg in args if arg[1:] == ("liquidation-orders", "SWAP")]
            feeds.update([])
            await kit.until(lambda: not feeds._sessions)

    run(main())


def test_feeds_may_be_switched_while_it_runs() -> None:
    async def main() -> None:
        async with running(rate=300, only="bybit") as (_, kit):
            await kit.ready()
            feeds = kit.feeds("bybit:linear")
            feeds.update(wanted(kit, "bybit:linear", "BTCUSDT", feeds=("mark_price", "bbo")))
            await kit.until(lambda: not feeds.missing())
            ticker = topics(feeds)["tickers.BTCUSDT"]
            some = ("funding", "ticker", "candles", "liquidation")
            feeds.update(wanted(kit, "bybit:linear", "BTCUSDT", feeds=some))
            await kit.until(lambda: not feeds.missing())
            assert topics(feeds)["tickers.BTCUSDT"] is ticker
            assert sorted(topics(feeds)) == [
                "allLiquidation.BTCUSDT",
                "kline.1.BTCUSDT",
                "publicTrade.BTCUSDT",
                "tickers.BTCUSDT",
            ]

    run(main())


@pytest.mark.parametrize("endpoint", ["okx", "binance:linear"])
def test_rotation_carries_what_is_in_common(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p9.connect.rotation.QUIET_S", 1.0)

    async def main() -> None:
        async with running(rate=400, only=endpoint.partition(":")[0], symbols=SYMBOLS) as (_, kit):
            await kit.ready()
            feeds = kit.feeds(endpoint)
            feeds.update(first := wanted(kit, endpoint, *IDS[endpoint]))
            await kit.until(lambda: not feeds.missing())
            old = list(feeds._sessions)
            for session in old:
                assert feeds.renew(session, "test", urgent=True)
            feeds.update(first[1:])  # while they are replaced
            await kit.until(lambda: kit.count(endpoint, "rotations") == len(old), 15.0)
            assert feeds.missing() == []
            numbers = {one.number for one in first[1:]}
            assert {n for topic in topics(feeds).values() for n in topic.served} == numbers
            assert kit.count(endpoint, "drops") == 0
            resyncs = kit.resyncs()
            assert not [one for one in first[1:] if f"{one.instrument.symbol}" in " ".join(resyncs)]

    run(main())


def test_a_poll_does_not_hide_a_dead_stream() -> None:
    """OKX repeats a mark price each 10 s; what polls bring in between is no sign of it."""

    async def main() -> None:
        async with running(rate=100, only="okx", symbols=["BTCUSDT-PERP"], feeds={}) as (
            venue,
            kit,
        ):
            await kit.ready()
            (one,) = kit.markets._markets["okx"].running.values()
            assert venue.faults.silence("okx", "linear", "BTCUSDT-PERP", kind="mark") == 1
            since = kit.engine.last_streamed(one.number, "mark_price")
            await kit.until(lambda: kit.count("okx", "resubscribes") > 0, 30.0)
            assert kit.engine.last_seen(one.number, "mark_price") > since
            await kit.until(lambda: kit.engine.last_streamed(one.number, "mark_price") > since)

    run(main())
