"""What the engine wants, executed against an engine and feeds of straw."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, cast

import pytest

from p9 import venues
from p9.config.feeds import BlockTradeFeed
from p9.markets import resync
from p9.markets.catalog import Catalog
from p9.markets.resync import Place, Resync
from p9.port import Port
from p9.rest.client import RestError, RestReply
from p9.venues import ENDPOINTS, RestCall

BLOCK = BlockTradeFeed()


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 10.0))


class Straw:
    """Engine, REST client and feeds in one, which only note what is asked of them."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = ENDPOINTS[endpoint]
        self.told: list[tuple[Any, ...]] = []
        self.answers: list[str] = []
        self.calls: list[RestCall] = []
        self.errors: list[RestError] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.gone: set[int] = set()
        self.refreshed: list[str] = []
        self.numbers: list[dict[str, Any]] = []
        self.body = b"{}"
        self.instruments = 1
        self.port = Port(cast(Any, self), clock_ns=lambda: 5)
        self.resync = Resync(self.port, self.place, self.refresh, levels=1000, per_minute=4)

    def place(self, number: int) -> Place | None:
        if number in self.gone:
            return None
        one = venues.fallback(self.endpoint.name, f"S{number}-USDT")
        return Place(one, self.endpoint, cast(Any, self), cast(Any, self))

    async def refresh(self, name: str) -> None:
        self.refreshed.append(name)

    async def get(self, call: RestCall, **_: Any) -> RestReply:
        self.calls.append(call)
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        return RestReply(call, "http://x" + call.path, 200, self.body)

    def feed_snapshot(self, number: int, recv_ns: int, body: bytes, limit: int) -> str:
        self.told.append(("snapshot", number, limit))
        return self.answers.pop(0) if self.answers else ""

    def snapshot_failed(self, number: int, now_ns: int) -> None:
        self.told.append(("failed", number))

    def resubscribe(self, number: int) -> bool:
        self.told.append(("resubscribe", number))
        return True

    def size(self) -> int:
        return self.instruments

    def add_instrument(self, endpoint: str, venue_id: str, **more: Any) -> int:
        self.numbers.append({"venue_id": venue_id, **more})
        return [row["venue_id"] for row in self.numbers].index(venue_id)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_one_snapshot_at_a_time_for_each_instrument() -> None:
    async def main() -> None:
        straw = Straw("binance:spot")
        straw.gate.clear()
        for _ in range(5):
            straw.resync.on_wants([("snapshot", 1, 0), ("snapshot", 2, 0)])
            await settle()
        assert [call.venue_id for call in straw.calls] == ["S1-USDT", "S2-USDT"]
        assert straw.resync.counters["coalesced"] == 8
        straw.gate.set()
        await settle()
        assert straw.told == [("snapshot", 1, 5000), ("snapshot", 2, 5000)]
        straw.resync.on_wants([("snapshot", 1, 1)])
        await settle()
        assert len(straw.calls) == 3
        await straw.resync.close()

    run(main())


def test_many_instruments_get_smaller_snapshots_a_few_at_a_time() -> None:
    async def main() -> None:
        straw = Straw("binance:spot")
        straw.instruments = 12
        straw.resync.on_wants([("snapshot", 99, 0)])
        await settle()
        assert [call.limit for call in straw.calls] == [5000]
        straw.calls.clear()
        straw.instruments = 40
        straw.gate.clear()
        straw.resync.on_wants([("snapshot", number, 0) for number in range(40)])
        await settle()
        assert len(straw.calls) == resync.SNAPSHOTS_AT_ONCE
        straw.gate.set()
        await asyncio.sleep(0.05)
        assert [call.limit for call in straw.calls] == [1000] * 40
        await straw.resync.close()

    run(main())


def test_a_failed_snapshot_is_told_and_a_refused_one_counted() -> None:
    async def main() -> None:
        straw = Straw("okx")
        straw.errors = [RestError("timeout", retry=True)]
        straw.resync.on_wants([("snapshot", 1, 0)])
        await settle()
        assert straw.told == [("failed", 1)]
        assert straw.resync.counters["snapshot_failed.timeout"] == 1
        straw.answers = ["stale"]
        straw.resync.on_wants([("snapshot", 1, 1)])
        await settle()
        assert straw.told[1:] == [("snapshot", 1, 400)]
        assert straw.resync.counters["snapshot_refused.stale"] == 1
        await straw.resync.close()

    run(main())


@pytest.mark.parametrize("kind", ["snapshot", "resubscribe"])
def test_the_budget_holds_a_storm_back(kind: str) -> None:
    async def main() -> None:
        straw = Straw("okx")
        if kind == "snapshot":  # the first ones after a start are free
            straw.resync.on_wants([(kind, number, 0) for number in range(10)])
            await settle()
            assert len(straw.calls) == 10
            straw.told.clear()
        straw.resync.on_wants([(kind, number, 1) for number in range(10)])
        await settle()
        assert len(straw.told) == 4
        assert {row[0] for row in straw.told} == {kind}
        await straw.resync.close()
        assert len(straw.told) == 4

    run(main())


def test_without_a_rest_snapshot_the_topic_is_subscribed_again() -> None:
    async def main() -> None:
        straw = Straw("bybit:linear")
        straw.resync.on_wants([("snapshot", 3, 0)])
        await settle()
        assert straw.told == [("resubscribe", 3)]
        assert straw.calls == []
        await straw.resync.close()

    run(main())


def test_what_is_not_wanted_any_more_is_left_alone() -> None:
    async def main() -> None:
        straw = Straw("binance:spot")
        straw.gone = {1}
        straw.resync.on_wants([("snapshot", 1, 0), ("instruments", 1, 0)])
        await settle()
        assert straw.resync.counters == {"not_wanted": 2}
        await straw.resync.close()

    run(main())


def test_instruments_are_refreshed_at_most_every_30_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resync, "REFRESH_GAP_S", 0.2)

    async def main() -> None:
        straw = Straw("binance:spot")
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(30):
            straw.resync.on_wants([("instruments", 1, 0), ("instruments", 2, 0)])
            await asyncio.sleep(0.01)
        assert straw.refreshed == ["binance:spot"] * (1 + int((loop.time() - began) / 0.2))
        await straw.resync.close()

    assert resync.REFRESH_GAP_S == 0.2
    run(main())


def listing(*rows: tuple[str, str, str]) -> bytes:
    return json.dumps(
        {
            "code": "0",
            "data": [
                {
                    "instType": "SPOT",
                    "instId": f"{base}-{quote}",
                    "baseCcy": base,
                    "quoteCcy": quote,
                    "tickSz": tick,
                    "lotSz": "1",
                    "state": "suspend" if base == "HALT" else "live",
                }
                for base, quote, tick in rows
            ],
        }
    ).encode()


def test_the_catalog_chooses_names_and_brings_up_to_date() -> None:
    async def main() -> None:
        straw = Straw("okx")
        straw.body = listing(
            ("BTC", "USDT", "0.1"), ("AB", "CD", "1"), ("ABC", "D", "1"), ("HALT", "USDT", "1")
        )
        catalog = Catalog([ENDPOINTS["okx"]], cast(Any, straw), straw.port, BLOCK)
        assert catalog.unlisted(["BTCUSDT"]) == []  # not known before it is loaded
        await catalog.load("okx")
        assert len(straw.calls) == 3
        choice = catalog.choose(["BTCUSDT", "ABCD", "HALTUSDT", "NOPE", "BTCUSDT"], "okx")
        assert [i.venue_id for i in choice.instruments] == ["BTC-USDT", "AB-CD"]
        assert choice.left_out == {"HALTUSDT": "status suspend"}
        assert catalog.unlisted(["BTCUSDT", "NOPE"]) == ["NOPE"]
        # all three calls had the same body: what came twice is no collision with itself
        assert {i.venue_id for i in catalog.disabled} == {"ABC-D"}
        number = catalog.enable(choice.instruments[0])
        known = catalog.of_number(number)
        assert known is not None
        assert known.symbol == "BTCUSDT"
        straw.body = listing(("BTC", "USDT", "0.01"))
        ((before, now),) = await catalog.load("okx")
        assert (before.price_step, now.price_step) == ("0.1", "0.01")
        assert straw.numbers[-1]["price_step"] == "0.01"
        assert straw.numbers[-1]["block_notional"] == "250000"  # half of 500000 on a spot market
        assert catalog.enable(catalog.choose(["BTCUSDT"], "okx").instruments[0]) == number
        straw.body = listing()
        with pytest.raises(RestError, match="empty_listing"):
            await catalog.load("okx")
        straw.body = b"<html>"
        with pytest.raises(RestError, match="bad_listing"):
            await catalog.load("okx")
        assert len(catalog.choose(["BTCUSDT"], "okx").instruments) == 1
        catalog.block = replace(BLOCK, spot_share=1.0)
        catalog.enable(choice.instruments[0])
        assert straw.numbers[-1]["block_notional"] == "500000"

    run(main())


def test_the_cursor_loop_ends() -> None:
    async def main() -> None:
        straw = Straw("bybit:linear")
        straw.body = json.dumps(
            {
                "result": {
                    "nextPageCursor": "same",
                    "list": [
                        {
                            "symbol": "AUSDT",
                            "baseCoin": "A",
                            "quoteCoin": "USDT",
                            "status": "Trading",
                            "contractType": "LinearPerpetual",
                            "deliveryTime": "0",
                            "priceFilter": {"tickSize": "1"},
                            "lotSizeFilter": {"qtyStep": "1"},
                        }
                    ],
                }
            }
        ).encode()
        catalog = Catalog([straw.endpoint], cast(Any, straw), straw.port, BLOCK)
        await catalog.load("bybit:linear")
        assert len(straw.calls) == 2
        await straw.resync.close()

    run(main())
