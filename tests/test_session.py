"""Sessions against the local venue, over real TLS sockets, with the real core."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from p9 import venues
from p9.connect import lookout
from p9.connect.feeds import Wanted
from p9.venues import ENDPOINTS
from tests.markets_kit import Kit, Tape, running
from tests.venue import LocalVenue

ONE_SYMBOL = {
    "binance:spot": ("binance", "spot", "BTCUSDT"),
    "binance:linear": ("binance", "linear", "BTCUSDT"),
    "bybit:spot": ("bybit", "spot", "BTCUSDT"),
    "bybit:linear": ("bybit", "linear", "BTCUSDT"),
    "okx": ("okx", "spot", "BTC-USDT"),
}


SOCKETS = 6  # spot, two classes of linear; spot, linear; public

SHORT = {"liveness": {"depth_s": 1.0, "bbo_s": 4.0}}


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 40.0))


def test_three_venues_from_nothing_to_live_books() -> None:
    async def main() -> None:
        async with LocalVenue(rate=300) as venue:
            tape = Tape()
            async with Kit(venue, tape=tape) as kit:
                await kit.ready(5.0)
                await asyncio.sleep(0.3)
                assert len(kit.engine.books()) == 12
                assert kit.troubles() == {}
                assert kit.resyncs() == {}
                assert kit.alerts == []
                assert kit.messages > 50
                stats: Any = kit.markets.stats()
                states = [
                    connection["state"]
                    for endpoint in stats["endpoints"].values()
                    for connection in endpoint["connections"]
                ]
                assert states == ["open"] * SOCKETS
            times = [at for _, at, _ in tape.rows]
            kinds = [kind for kind, _, _ in tape.rows]
            assert times == sorted(times)
            assert kinds.count("connect") == kinds.count("close") == SOCKETS
            assert kinds.count("subscribed") == 12
            # a frame is never recorded before its connection
            assert kinds.index("connect") < kinds.index("recv")
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert [name for name in names if name.startswith(("ws ", "market "))] == []

    run(main())


@pytest.mark.parametrize("how", ["kick", "cut"])
def test_a_lost_connection_costs_its_own_books_only(how: str) -> None:
    async def main() -> None:
        async with running(rate=300) as (venue, kit):
            await kit.ready()
            getattr(venue.faults, how)("binance", "linear")
            await kit.until(lambda: kit.count("binance:linear", "drops") == 2)
            assert any("binance depth BTCUSDT-PERP" in row for row in kit.missing())
            await kit.ready()
            assert kit.resyncs() == {"binance BTCUSDT-PERP": 1, "binance ETHUSDT-PERP": 1}
            assert ("liveness", False) in [(k, f.get("up")) for k, f in kit.alerts]
            assert (kit.alerts[-1][1]["up"], kit.alerts[-1][1]["reason"]) == (True, "")

    run(main())


@pytest.mark.parametrize("endpoint", sorted(ONE_SYMBOL))
def test_a_gap_costs_its_own_book_only(endpoint: str) -> None:
    async def main() -> None:
        async with running(rate=400, only=ONE_SYMBOL[endpoint][0]) as (venue, kit):
            await kit.ready()
            venue.faults.gap(*ONE_SYMBOL[endpoint])
            await kit.until(lambda: len(kit.resyncs()) == 1)
            await kit.ready()
            assert sum(kit.resyncs().values()) == 1
            assert kit.count(endpoint, "reconnects") == kit.count(endpoint, "drops") == 0

    run(main())


def test_acknowledged_then_silent() -> None:
    """One feed of one symbol dies behind its acknowledgement, all else goes on."""

    async def main() -> None:
        liveness = {"depth_s": 4.0, "bbo_s": 7.0, "trade_s": 30.0}
        async with running(rate=1000, safety={"liveness": liveness}) as (venue, kit):
            await kit.ready()
            await asyncio.sleep(0.3)
            for exchange, market, symbol in ONE_SYMBOL.values():
                other = symbol.replace("BTC", "ETH")
                assert venue.faults.silence(exchange, market, symbol, "depth") == 1
                assert venue.faults.silence(exchange, market, other, "bbo") == 1
            await kit.until(lambda: all(kit.count(e, "resubscribes") == 2 for e in ENDPOINTS), 15.0)
            await kit.ready()
            assert {name.split()[1].removesuffix("-PERP") for name in kit.resyncs()} <= {"BTCUSDT"}
            healed = time.time_ns()
            await asyncio.sleep(1.5)
            for book in kit.engine.books():
                assert kit.engine.last_seen(book["instrument"], "depth") > healed
                assert kit.engine.last_seen(book["instrument"], "bbo") > healed
            for endpoint in ENDPOINTS:
                assert kit.count(endpoint, "drops") == 0
                assert kit.count(endpoint, "resubscribes") == 2  # no storm

    run(main())


def test_one_topic_that_stays_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Subscribing again does not help, a new connection does not: the others must not suffer."""
    monkeypatch.setattr("p9.connect.liveness.ACTION_MIN_S", 0.2)
    monkeypatch.setattr("p9.connect.rotation.RETRY_S", 1.0)

    async def main() -> None:
        async with running(rate=600, only="bybit", safety=SHORT) as (venue, kit):
            await kit.ready()
            venue.faults.silence("bybit", "spot", "BTCUSDT", "depth", subscriptions=-1)
            await kit.until(lambda: kit.count("bybit:spot", "connects") >= 2, 15.0)
            await asyncio.sleep(1.0)
            assert [row.split(":")[0] for row in kit.missing()] == ["bybit depth BTCUSDT"]
            assert set(kit.resyncs()) == {"bybit BTCUSDT"}
            assert kit.count("bybit:spot", "resubscribes") <= 6
            assert kit.count("bybit:spot", "drops") == 0
            venue.faults.speak("bybit", "spot", "BTCUSDT", "depth")
            await kit.ready(15.0)

    run(main())


def test_a_connection_whose_topics_are_all_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings are answered, subscriptions acknowledged, and no data ever comes again."""
    monkeypatch.setattr(lookout, "NO_DATA_S", 1.0)

    async def main() -> None:
        async with running(rate=600, only="binance") as (venue, kit):
            await kit.ready()
            venue.faults.silence("binance", "spot")
            await kit.until(lambda: kit.count("binance:spot", "rotations") == 1)
            await kit.ready()

    run(main())


@pytest.mark.parametrize("endpoint", sorted(ONE_SYMBOL))
def test_a_bad_symbol_costs_that_symbol_only(endpoint: str) -> None:
    async def main() -> None:
        async with running(rate=400, only=ONE_SYMBOL[endpoint][0]) as (_, kit):
            await kit.ready()
            bad = venues.fallback(endpoint, "NOPE-USDT" if endpoint == "okx" else "NOPEUSDT")
            number = kit.engine.add_instrument(endpoint, bad.venue_id, **bad.engine_args())
            market = kit.markets._markets[endpoint]
            both = {bad.venue_id: Wanted(bad, number), **market.running}
            market.feeds.update([])  # everything anew, the bad one first
            await asyncio.sleep(0.2)
            market.feeds.update(both.values())
            await kit.until(lambda: all("NOPEUSDT" in row for row in kit.missing()))
            stats: Any = market.feeds.stats()
            if endpoint.startswith("binance"):  # it acknowledges anything
                assert stats["refused"] == {}
            else:
                assert len(stats["refused"]) == 3

    run(main())


def rotations(kit: Kit) -> int:
    return sum(kit.count(endpoint, "rotations") for endpoint in ENDPOINTS)


def test_rotation_loses_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p9.connect.rotation.QUIET_S", 1.0)

    async def main() -> None:
        async with running(rate=800, connection={"rotate_s": 1.5}) as (_, kit):
            await kit.ready()
            await kit.until(lambda: rotations(kit) >= 7, 20.0)
            assert kit.resyncs() == {}
            assert kit.troubles() == {}
            assert kit.missing() == []
            assert all(kit.count(endpoint, "drops") == 0 for endpoint in ENDPOINTS)
            # no cut after a fixed life is known of this one
            assert kit.count("okx", "rotations") == 0

    run(main())


def test_announced_ends_are_not_waited_for() -> None:
    async def main() -> None:
        async with running(rate=800) as (venue, kit):
            await kit.ready()
            venue.faults.notice(4.0)
            venue.faults.server_shutdown(4.0)
            await kit.until(lambda: rotations(kit) == 2, 6.0)
            await asyncio.sleep(1.0)
            assert kit.resyncs() == {}
            assert kit.troubles() == {}
            assert kit.missing() == []

    run(main())


def test_the_old_connection_may_drop_while_it_is_replaced() -> None:
    async def main() -> None:
        async with running(rate=400) as (_, kit):
            await kit.ready()
            for endpoint in ENDPOINTS:
                for session in list(kit.feeds(endpoint)._sessions):
                    kit.feeds(endpoint).renew(session, "test", urgent=True)
                    assert session._transport is not None
                    session._transport.disconnect(False)
            await asyncio.sleep(0.2)
            await kit.ready()
            assert len([s for e in ENDPOINTS for s in kit.feeds(e)._sessions]) == SOCKETS
            await asyncio.sleep(0.3)
            assert kit.missing() == []

    run(main())


def test_the_new_connection_may_drop_while_it_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p9.connect.rotation.QUIET_S", 1.0)

    async def main() -> None:
        async with running(rate=400) as (_, kit):
            await kit.ready()
            for endpoint in ENDPOINTS:
                for session in list(kit.feeds(endpoint)._sessions):
                    kit.feeds(endpoint).renew(session, "test", urgent=True)
            for _ in range(200):
                await asyncio.sleep(0.005)
                for endpoint in ENDPOINTS:
                    for new in kit.feeds(endpoint)._rotation:
                        if any(t.here for t in new.topics.values()) and new._transport:
                            new._transport.disconnect(False)
            await kit.until(lambda: rotations(kit) == SOCKETS, 15.0)
            await kit.ready()
            assert kit.troubles() == {}

    run(main())


def test_rest_faults_are_outlived() -> None:
    async def main() -> None:
        async with running(rate=400, only="binance") as (venue, kit):
            await kit.ready()
            faults = venue.faults
            faults.rest("binance", "429", 1, "/fapi/v1/depth", 1.0)
            for mode in ("html", "truncated", "abort"):
                faults.rest("binance", mode, 1, "/api/v3/depth")
            faults.kick("binance")
            await kit.until(lambda: kit.count("binance:spot", "drops") == 1)
            await kit.ready(30.0)
            counters = kit.markets.resync.counters
            failed = {k: v for k, v in counters.items() if "failed" in k or "refused" in k}
            assert failed["snapshot_failed.rate_limited"] == 1
            assert failed["snapshot_failed.not_json"] >= 1
            assert sum(failed.values()) >= 3

    run(main())


def test_an_unreachable_venue_stops_nobody_else() -> None:
    async def main() -> None:
        async with LocalVenue(rate=300) as venue:
            venue.faults.refuse("bybit")
            async with Kit(venue) as kit:
                bybit = ("bybit:spot", "bybit:linear")
                await kit.until(
                    lambda: {row.split(":")[0] for row in kit.missing()} == {"bybit"}, 5.0
                )
                assert len(kit.missing()) == len(bybit)
                assert all("instruments not loaded" in row for row in kit.missing())
                await venue.faults.accept("bybit")
                await kit.ready()
                restarted = venue.faults.restart("okx", 0.5)
                await kit.until(lambda: kit.count("okx", "connect_failures") > 0)
                await restarted
                await kit.ready()
                assert set(kit.resyncs()) == {
                    f"okx {s}" for s in ("BTCUSDT", "ETHUSDT", "BTCUSDT-PERP", "ETHUSDT-PERP")
                }

    run(main())


def test_a_certificate_of_nobody_known_is_refused() -> None:
    async def main() -> None:
        untrusting = {name: {"tls_ca": None} for name in ("binance", "bybit", "okx")}
        async with running(exchanges=untrusting) as (venue, kit):
            await kit.until(lambda: sum("tls" in row for row in kit.missing()) == 5, 5.0)
            assert venue.stats["messages"] == 0
            socket = kit.feeds("okx")
            bitcoin = venues.fallback("okx", "BTC-USDT")
            number = kit.engine.add_instrument("okx", "BTC-USDT", **bitcoin.engine_args())
            socket.update([Wanted(bitcoin, number)])
            await kit.until(lambda: kit.count("okx", "connect_failures") > 0, 5.0)
            assert any("CERTIFICATE_VERIFY_FAILED" in row for row in kit.missing())

    run(main())


def test_lost_acknowledgements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p9.connect.subscriptions.ACK_S", 0.3)

    async def main() -> None:
        async with LocalVenue(rate=300) as venue:
            for name in ("binance", "bybit", "okx"):
                venue.faults.swallow_acks(name)
            async with Kit(venue) as kit:
                await kit.ready()
                await kit.until(
                    lambda: all(
                        topic.state == "acked"
                        for endpoint in ENDPOINTS
                        for session in kit.feeds(endpoint)._sessions
                        for topic in session.topics.values()
                    )
                )
                assert sum(kit.count(e, "ack_timeouts") for e in ENDPOINTS) >= 5
                assert sum(kit.count(e, "drops") for e in ENDPOINTS) == 0

    run(main())


def test_a_socket_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, row in ENDPOINTS.items():
        beat = replace(row.heartbeat, every_s=0.5, pong_s=0.5)
        monkeypatch.setitem(ENDPOINTS, name, replace(row, heartbeat=beat))

    async def main() -> None:
        async with running(rate=300) as (venue, kit):
            await kit.ready()
            await asyncio.sleep(1.5)  # answered pings do no harm
            assert all(kit.count(endpoint, "drops") == 0 for endpoint in ENDPOINTS)
            for name in ("binance", "bybit", "okx"):
                venue.faults.stall(name, seconds=30.0)
            await kit.until(
                lambda: all(kit.count(endpoint, "drops") > 0 for endpoint in ENDPOINTS), 5.0
            )
            await kit.ready()

    run(main())


def test_symbols_come_and_go_while_it_runs() -> None:
    async def main() -> None:
        async with running(rate=300, symbols=["BTCUSDT", "NOPEUSDT"]) as (_, kit):
            await kit.ready()
            assert len(kit.engine.books()) == 3
            kit.markets.reload(kit.config_of(symbols=["BTCUSDT", "ETHUSDT-PERP", "NOPE"]))
            await kit.ready()
            assert kit.book("okx", "ETHUSDT-PERP")["state"] == "LIVE"
            kit.markets.reload(kit.config_of(symbols=["ETHUSDT-PERP"]))
            await kit.ready()
            assert kit.book("okx", "BTCUSDT")["state"] == "INVALID"
            assert kit.count("binance:linear", "connects") == 2
            await asyncio.sleep(0.3)
            seen = [
                kit.engine.last_seen(b["instrument"], "bbo")
                for b in kit.engine.books()
                if b["symbol"] == "BTCUSDT"
            ]
            await asyncio.sleep(0.5)
            assert seen == [
                kit.engine.last_seen(b["instrument"], "bbo")
                for b in kit.engine.books()
                if b["symbol"] == "BTCUSDT"
            ]

    run(main())


def test_a_symbol_the_venue_does_not_list_is_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with LocalVenue(rate=300) as venue:
            own = {"okx": {"symbols": ["BTCUSDT", "NOPEUSDT"]}}
            async with Kit(venue, only="okx", exchanges=own) as kit:
                await kit.ready()
                kit.markets._markets["okx"].apply(kit.markets.config)
                assert [(k, f["symbol"]) for k, f in kit.alerts] == [("config", "NOPEUSDT")]

    with caplog.at_level(logging.WARNING, "p9.markets.exchanges"):
        run(main())
    assert caplog.text.count("okx NOPEUSDT: not listed") == 1


def test_many_broken_books_of_one_connection_reconnect_it_once() -> None:
    async def main() -> None:
        async with LocalVenue(rate=300, extra_symbols=4) as venue:
            symbols = [i.symbol for i in venue_symbols(venue)]
            async with Kit(venue, only="bybit", symbols=symbols) as kit:
                await kit.ready()
                feeds = kit.feeds("bybit:linear")
                numbers = [
                    b["instrument"] for b in kit.engine.books() if b["endpoint"] == "bybit:linear"
                ]
                assert len(numbers) >= 5
                for _ in range(3):
                    for number in numbers:
                        feeds.resubscribe(number)
                await kit.until(lambda: kit.count("bybit:linear", "drops") == 1)
                await kit.ready()
                assert kit.count("bybit:linear", "reconnects") == 1

    run(main())


def venue_symbols(venue: LocalVenue) -> list[Any]:
    return [desk.inst for desk in venue.feeds("bybit", "linear")]


def test_a_venue_that_refuses_more_connections_is_left_in_peace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p9.connect.link.BLOCKED_S", {429: 1.0})

    async def main() -> None:
        async with running(only="okx") as (venue, kit):
            await kit.ready()
            venue.gate._limits["okx"] = (1, 2.0)
            venue.gate._times["okx"] = deque([time.monotonic()], maxlen=1)  # it is used up
            venue.faults.kick("okx")
            await kit.until(lambda: kit.count("okx", "connect_failures") >= 1)
            assert any("429" in row for row in kit.missing())
            await kit.ready()
            assert kit.count("okx", "connect_failures") <= 3

    run(main())
