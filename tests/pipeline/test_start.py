"""What cannot be had at the start costs itself only."""

from __future__ import annotations

import asyncio
import json

import yaml

from p9 import config
from p9.app import App
from tests.redis_server import RedisServer
from tests.venue import LocalVenue

from .rig import NAMES, Rig, merged
from .tape import streams

BTC = "BTCUSDT"
WITHOUT_OKX = tuple(name for name in NAMES if name.exchange != "okx")


def test_an_unreachable_venue_holds_up_nobody() -> None:
    with Rig(
        ready=False, before=lambda rig: rig.thread.call(lambda: rig.faults.refuse("okx"))
    ) as rig:

        def others() -> bool:
            rig.look()
            return all(rig.ledger.books[name].live for name in WITHOUT_OKX)

        rig.until(others, 5.0, "the others are live")
        status, text = rig.get("/ready")
        missing = json.loads(text)["missing"]
        assert status == 503
        assert missing, text
        assert all(row.startswith("okx") for row in missing), missing
        rig.run_for(0.5)
        told = rig.ledger.alerts_since(0.0, "liveness")
        assert [(row["exchange"], row["up"]) for row in told] == [("okx", False)], told
        rig.thread.call(lambda: rig.faults.accept("okx"))
        rig.until(rig.settled, 10.0, "it comes up")
        assert rig.ledger.broken_since(0.0) == {}
        told = rig.ledger.alerts_since(0.0, "liveness")
        assert [row["up"] for row in told] == [False, True], told
        rig.until(lambda: traded(rig), 10.0, "everything has traded")
        rig.check_all()


def traded(rig: Rig) -> bool:
    rig.look()
    return all(rig.ledger.trades.values())


def test_bad_symbols_cost_themselves_only() -> None:
    """One that no venue lists, and one that is listed and then refused."""

    def refuse(rig: Rig) -> None:
        topics = rig.venue.rooms["bybit:spot"].topics
        for name in [name for name in topics if "SHIB" in name]:
            del topics[name]

    more = {"binance": ["NOSUCHUSDT"], "bybit": ["SHIBUSDT"], "okx": ["NOSUCHUSDT"]}
    symbols = {
        exchange: {
            "symbols": [
                BTC,
                *bad,
                *(n.symbol for n in NAMES if n.exchange == exchange and n.symbol != BTC),
            ]
        }
        for exchange, bad in more.items()
    }
    with Rig(ready=False, before=refuse, config={"exchanges": symbols}) as rig:

        def rest() -> bool:
            rig.look()
            missing = json.loads(rig.get("/ready")[1] or '{"missing": [""]}')["missing"]
            return (
                not rig.ledger.not_live()
                and len(missing) == 3
                and all("SHIBUSDT: refused" in row for row in missing)
            )

        rig.until(rest, 10.0, "all but the bad ones are live")
        rig.until(lambda: traded(rig), 10.0, "everything has traded")
        told = rig.ledger.alerts_since(0.0, "config")
        assert sorted((row["exchange"], row["symbol"]) for row in told) == [
            ("binance", "NOSUCHUSDT"),
            ("okx", "NOSUCHUSDT"),
        ]
        assert rig.ledger.broken_since(0.0) == {}
        rig.check_all()


def test_the_pipeline_inside_a_program() -> None:
    """`App` in somebody's own loop, for a time."""

    async def body(server: RedisServer) -> None:
        async with LocalVenue(rate=300, max_levels=100) as venue:
            settings = config.loads(
                yaml.safe_dump(
                    merged(
                        {"exchanges": venue.config()},
                        {"redis": {"url": server.url, "embedded": "never"}, "http": {"port": 0}},
                    )
                )
            )
            await App(settings, duration_s=2.0).run()
            sent = [
                row.id
                for row in venue.log.trades("binance", "spot", "BTCUSDT", "trade")
                if row.sent
            ]
        found = streams(server)["trade:binance:BTCUSDT"]
        ids = [json.loads(text)["id"] for _, text in found]
        assert len(ids) > 5
        assert sent[: len(ids)] == ids  # what is sent while it closes may be unread

    with RedisServer() as server:
        asyncio.run(body(server))
