"""Polls, delistings and new terms against the local venue, with the real core."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from p9.venues import ENDPOINTS
from tests.markets_kit import Kit, running

BTC, ETH = "BTCUSDT-PERP", "ETHUSDT-PERP"
INTEREST = "/fapi/v1/openInterest?symbol=BTCUSDT"
QUICK = {
    "open_interest": {"max_age_s": 1.5},
    "mark_price": {"max_age_s": 2},
    "index_price": {"max_age_s": 2},
}
LISTING = {"listing_s": 1}


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 40.0))


def states(kit: Kit, feed: str) -> list[tuple[str, str, str | None]]:
    """What was said of a feed: symbol, state, reason."""
    return [
        (row["symbol"], row["state"], row["reason"])
        for row in kit.published("status")
        if row.get("feed") == feed
    ]


def stale(kit: Kit) -> dict[tuple[str, str], int]:
    return {key: n for key, n in kit.markets.stale().items() if n}


def test_all_feeds_of_all_venues_are_there() -> None:
    async def main() -> None:
        async with running(rate=300, feeds={}, keep=True) as (_, kit):
            await kit.ready(20.0)
            for exchange in ("binance", "bybit", "okx"):
                for feed in ("open_interest", "funding", "mark_price", "index_price", "long_short"):
                    assert {
                        row["symbol"] for row in kit.published(feed) if row["exchange"] == exchange
                    } == {BTC, ETH}, (exchange, feed)
            funds = {row["exchange"] for row in kit.published("insurance_fund")}
            assert funds == {"binance", "bybit", "okx"}
            results = Counter[str]()
            for counts in kit.markets.polls().values():
                for (_, result), n in counts.items():
                    results[result] += n
            assert set(results) == {"ok"}, results
            assert kit.troubles() == {}
            assert stale(kit) == {}

    run(main())


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("error", "overloaded"),
        ("empty", "empty"),
        ("old", "old"),
        ("other", "reject.symbol"),
        ("html", "not_json"),
        ("500", "overloaded"),
        ("truncated", "malformed"),
        ("abort", "unreachable"),
        ("hang", "no answer yet"),
    ],
)
def test_a_bad_answer_is_never_published_and_costs_its_own_feed_only(
    mode: str, reason: str
) -> None:
    async def main() -> None:
        async with running(rate=300, only="binance", feeds=QUICK, keep=True) as (venue, kit):
            await kit.ready()
            venue.faults.rest("binance", mode, n=-1, path=INTEREST, seconds=1.0)
            await asyncio.sleep(0.3)  # what is on its way comes
            before = len(interest(kit, BTC))
            await kit.until(lambda: states(kit, "open_interest"))
            ((symbol, state, why),) = states(kit, "open_interest")
            assert (symbol, state) == (BTC, "STALE")
            assert why in (reason, "no answer yet", "unreachable"), why
            await asyncio.sleep(2.0)
            rows = [row for row in kit.missing() if "stale" in row]
            assert len(rows) == 1, rows
            assert rows[0].startswith(f"binance open_interest {BTC}: stale for ")
            assert stale(kit) == {("binance:linear", "open_interest"): 1}
            assert len(interest(kit, BTC)) == before
            assert len(states(kit, "open_interest")) == 1
            results = {result for ask, result in kit.markets.polls()["binance"] if ask == OI}
            assert results & {reason, "unreachable"} or mode == "hang", results
            since = len(interest(kit, ETH))
            venue.faults.clear()
            await kit.ready()
            assert [state for _, state, _ in states(kit, "open_interest")] == ["STALE", "LIVE"]
            await kit.until(lambda: len(interest(kit, BTC)) > before)
            assert since > 2
            for one in interest(kit, BTC):
                assert one["ts_recv"] - one["ts_exchange"] < 5e9

    run(main())


OI = "open_interest"


def interest(kit: Kit, symbol: str) -> list[dict[str, Any]]:
    return [row for row in kit.published(OI) if row["symbol"] == symbol]


@pytest.mark.parametrize(
    ("exchange", "kind", "ask"),
    [
        ("binance", "mark", "mark_price"),
        ("bybit", "ticker", "ticker"),
        ("okx", "mark", "mark_price"),
    ],
)
def test_a_silent_stream_is_replaced(exchange: str, kind: str, ask: str) -> None:
    async def main() -> None:
        async with running(rate=300, only=exchange, feeds=QUICK, keep=True) as (venue, kit):
            await kit.ready()
            assert venue.faults.silence(exchange, "linear", BTC, kind, -1)
            await asyncio.sleep(5.0)
            assert kit.markets.polls()[exchange][ask, "ok"] >= 2
            assert states(kit, "mark_price") == []
            assert stale(kit) == {}
            (last,) = [row for row in kit.published("mark_price") if row["symbol"] == BTC][-1:]
            assert kit.port.clock_ns() - last["ts_recv"] < 3e9
            assert last["ts_recv"] - last["ts_exchange"] < 3e9

    run(main())


@pytest.mark.parametrize("exchange", ["binance", "bybit", "okx"])
def test_a_new_funding_interval_is_told(exchange: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = ENDPOINTS["binance:linear"]
    quick = tuple(replace(poll, period_s=min(poll.period_s, 1.0)) for poll in row.polls)
    monkeypatch.setitem(ENDPOINTS, row.name, replace(row, polls=quick))

    def hours(kit: Kit) -> list[int | None]:
        return [row["interval_hours"] for row in kit.published("funding") if row["symbol"] == BTC]

    async def main() -> None:
        config: dict[str, Any] = {"feeds": {"funding": {"max_age_s": 3}}, "connection": LISTING}
        async with running(rate=300, only=exchange, keep=True, **config) as (venue, kit):
            await kit.ready()
            await kit.until(lambda: hours(kit) or exchange == "binance")  # tells only what is not 8
            venue.faults.funding_interval(exchange, "linear", BTC, 4)
            await kit.until(lambda: hours(kit)[-1] == 4)
            assert set(hours(kit)) <= {None, 8, 4}
            assert kit.resyncs() == {}

    run(main())


@pytest.mark.parametrize("exchange", ["binance", "bybit", "okx"])
def test_a_symbol_that_is_delisted_while_it_runs(exchange: str) -> None:
    async def main() -> None:
        async with running(rate=300, only=exchange, feeds=QUICK, keep=True, connection=LISTING) as (
            venue,
            kit,
        ):
            await kit.ready()
            venue.faults.delist(exchange, "linear", BTC)
            await kit.until(lambda: kit.alerts)
            await kit.ready()
            ((kind, fields),) = kit.alerts
            assert kind == "config"
            assert fields.pop("reason") == "not listed any more"
            assert fields == {"exchange": exchange, "symbol": BTC}
            (last,) = [row for row in kit.published("depth") if row["symbol"] == BTC][-1:]
            assert last["invalid"] is True
            followed = {
                one.instrument.symbol
                for market in kit.markets._markets.values()
                for one in market.running.values()
            }
            assert BTC not in followed
            venue.requests[exchange].clear()
            await asyncio.sleep(3.0)
            assert [path for path in venue.requests[exchange] if own(path)] == []
            assert len(kit.alerts) == 1
            assert stale(kit) == {}
            assert {symbol for _, symbol in broken(kit)} == {BTC}

    run(main())


def own(path: str) -> bool:
    """Does it ask for this symbol alone?"""
    if path.startswith("/api/v3") or "category=spot" in path:
        return False  # another one of that name
    return path.partition("symbol=")[2].startswith("BTCUSDT") or "BTC-USDT-SWAP" in path


def broken(kit: Kit) -> set[tuple[str, str]]:
    return {
        (row["exchange"], row["symbol"])
        for row in kit.published("status")
        if row["feed"] == "depth" and row["state"] == "INVALID"
    }


def test_a_new_contract_size_is_taken_and_told() -> None:
    async def main() -> None:
        async with running(rate=300, only="okx", feeds=QUICK, keep=True, connection=LISTING) as (
            venue,
            kit,
        ):
            await kit.ready()
            venue.faults.contract_size("okx", "linear", BTC, "0.1")
            await kit.until(lambda: kit.alerts)
            ((kind, fields),) = kit.alerts
            assert kind == "config"
            assert fields["symbol"] == BTC
            assert fields["reason"].startswith("contract size ")
            assert fields["reason"].endswith(" -> 0.1")
            await asyncio.sleep(2.5)
            assert len(kit.alerts) == 1
            await kit.ready()

    run(main())
