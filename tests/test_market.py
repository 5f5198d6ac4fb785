"""One endpoint while it runs: symbols come and go, are delisted, and change their terms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from p9.config import Config, loads
from p9.config.feeds import BlockTradeFeed
from p9.markets.catalog import Catalog
from p9.markets.market import Market
from p9.port import Port
from p9.rest.client import RestReply
from p9.venues import ENDPOINTS, RestCall

NAME = "okx"


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 10.0))


def swap(base: str, contract: str = "0.01", state: str = "live") -> dict[str, str]:
    return {
        "instType": "SWAP", "instId": f"{base}-USDT-SWAP", "instFamily": f"{base}-USDT",
        "uly": f"{base}-USDT", "baseCcy": "", "quoteCcy": "", "settleCcy": "USDT",
        "ctType": "linear", "ctVal": contract, "ctMult": "1", "ctValCcy": base,
        "tickSz": "0.1", "lotSz": "1", "state": state, "expTime": "",
    }  # fmt: skip


class Straw:
    """Engine, REST client, feeds, pollers and recorder in one; `told` is what they were told."""

    def __init__(self, symbols: str = "BTCUSDT-PERP, ETHUSDT-PERP") -> None:
        self.rows = [swap("BTC"), swap("ETH")]
        self.told: list[tuple[Any, ...]] = []
        self.args: dict[str, dict[str, Any]] = {}
        self.reports: list[tuple[str, str, bool]] = []
        self.fresh = self
        port = Port(cast(Any, self), clock_ns=lambda: 5)
        catalog = Catalog([ENDPOINTS[NAME]], cast(Any, self), port, BlockTradeFeed())
        straw = cast(Any, self)
        self.market = Market(
            ENDPOINTS[NAME], straw, catalog, straw, cast(Any, Polls(self)), port, self.report
        )
        self.config = config(symbols)

    async def listed(self, *rows: dict[str, str]) -> None:
        """A new listing is read."""
        self.rows = list(rows)
        self.told.clear()
        await self.market.load()
        self.market.apply(self.config)

    def report(self, exchange: str, symbol: str, why: str, *, event: bool = False) -> None:
        self.reports.append((symbol, why, event))

    @property
    def running(self) -> set[str]:
        return {one.instrument.symbol for one in self.market.running.values()}

    async def get(self, call: RestCall, **_: Any) -> RestReply:
        rows = self.rows if "SWAP" in call.path else [swap("ZZZ")]
        body = json.dumps({"code": "0", "data": rows, "msg": ""}).encode()
        return RestReply(call, "http://x" + call.path, 200, body)

    def add_instrument(self, endpoint: str, venue_id: str, **more: Any) -> int:
        self.args[venue_id] = more
        return list(self.args).index(venue_id)

    def follow(self, number: int, on: bool, now_ns: int) -> None:
        self.told.append(("follow" if on else "unfollow", number))

    def update(self, wanted: Any) -> None:
        self.told.append(("feeds", *(one.number for one in wanted)))

    def missing(self, name: str = "") -> list[Any]:
        if name:
            return [("okx mark_price A", "stale"), ("okx open_interest A", "no data yet")]
        return ["okx mark_price A: connecting"]


class Polls:
    def __init__(self, straw: Straw) -> None:
        self._straw = straw
        self.fresh = straw

    def update(self, name: str, wanted: Any) -> None:
        self._straw.told.append(("polls", *(one.number for one in wanted)))


def config(symbols: str) -> Config:
    return loads(f"symbols: [{symbols}]", {})


def test_what_is_new_is_followed_before_its_topics_and_left_after_them() -> None:
    async def main() -> None:
        straw = Straw()
        await straw.listed(swap("BTC"), swap("ETH"))
        assert straw.told == [("follow", 0), ("follow", 1), ("feeds", 0, 1), ("polls", 0, 1)]
        straw.told.clear()
        straw.market.apply(straw.config)
        assert straw.told == [("feeds", 0, 1), ("polls", 0, 1)]
        straw.told.clear()
        straw.market.apply(config("ETHUSDT-PERP"))
        assert straw.told == [("feeds", 1), ("unfollow", 0), ("polls", 1)]
        straw.told.clear()
        straw.market.apply(straw.config)
        assert straw.told == [("follow", 0), ("feeds", 0, 1), ("polls", 0, 1)]
        assert straw.reports == []

    run(main())


def test_a_listing_may_be_incomplete_once() -> None:
    async def main() -> None:
        straw = Straw()
        await straw.listed(swap("BTC"), swap("ETH"))
        await straw.listed(swap("ETH"))
        assert straw.running == {"BTCUSDT-PERP", "ETHUSDT-PERP"}
        assert straw.market.doubtful
        straw.market.apply(straw.config)  # a reload is no second listing
        assert straw.running == {"BTCUSDT-PERP", "ETHUSDT-PERP"}
        await straw.listed(swap("BTC"), swap("ETH"))
        assert not straw.market.doubtful
        await straw.listed(swap("ETH"))
        assert straw.running == {"BTCUSDT-PERP", "ETHUSDT-PERP"}
        assert straw.reports == []

    run(main())


def test_a_symbol_that_is_not_listed_any_more_is_left() -> None:
    async def main() -> None:
        straw = Straw()
        await straw.listed(swap("BTC"), swap("ETH"))
        await straw.listed(swap("ETH"))
        await straw.listed(swap("ETH"))
        assert straw.told == [("feeds", 1), ("unfollow", 0), ("polls", 1)]
        assert straw.reports == [("BTCUSDT-PERP", "not listed any more", True)]
        for _ in range(3):
            await straw.listed(swap("ETH"))
        assert len(straw.reports) == 1
        # ... and it may come back
        await straw.listed(swap("BTC"), swap("ETH"))
        assert straw.told[0] == ("follow", 0)
        assert straw.running == {"BTCUSDT-PERP", "ETHUSDT-PERP"}
        await straw.listed(swap("ETH"))
        await straw.listed(swap("ETH"))
        assert straw.reports == [("BTCUSDT-PERP", "not listed any more", True)] * 2

    run(main())


def test_a_status_that_says_so_needs_no_second_look() -> None:
    async def main() -> None:
        straw = Straw()
        await straw.listed(swap("BTC"), swap("ETH"))
        await straw.listed(swap("BTC", state="suspend"), swap("ETH"))
        assert straw.running == {"ETHUSDT-PERP"}
        assert straw.reports == [("BTCUSDT-PERP", "status suspend", True)]
        assert straw.market.left_out == {"BTCUSDT-PERP": "status suspend"}
        assert not straw.market.doubtful

    run(main())


def test_what_was_never_live_is_left_out_without_an_event() -> None:
    async def main() -> None:
        straw = Straw()
        await straw.listed(swap("BTC", state="suspend"), swap("ETH"))
        assert straw.running == {"ETHUSDT-PERP"}
        assert straw.reports == [("BTCUSDT-PERP", "status suspend", False)]

    run(main())


@pytest.mark.parametrize(
    ("before", "after", "says"), [("0.01", "0.1", "0.01 -> 0.1"), ("0.01", "", "0.01 -> unknown")]
)
def test_a_new_contract_size_is_taken_and_told(before: str, after: str, says: str) -> None:
    async def main() -> None:
        straw = Straw()
        await straw.listed(swap("BTC", before), swap("ETH"))
        assert straw.args["BTC-USDT-SWAP"]["contract"] == before
        await straw.listed(swap("BTC", after), swap("ETH"))
        assert straw.args["BTC-USDT-SWAP"]["contract"] == (after or None)
        assert straw.reports[0] == ("BTCUSDT-PERP", f"contract size {says}", True)
        assert straw.running == {"BTCUSDT-PERP", "ETHUSDT-PERP"}
        count = len(straw.reports)
        await straw.listed(swap("BTC", after), swap("ETH"))
        assert [row for row in straw.reports[count:] if row[2]] == []

    run(main())


def test_block_thresholds_are_in_dollars() -> None:
    async def main() -> None:
        straw = Straw("BTCUSDT-PERP, ETHUSDT-PERP, DOGEUSDT-PERP, XYZUSDT-PERP")
        rows = [swap(base) for base in ("BTC", "ETH", "DOGE", "XYZ")]
        await straw.listed(*rows)
        found = {name: args["block_notional"] for name, args in straw.args.items()}
        assert found == {
            "BTC-USDT-SWAP": "500000", "ETH-USDT-SWAP": "250000", "DOGE-USDT-SWAP": "100000",
            "XYZ-USDT-SWAP": "25000",
        }  # fmt: skip

    run(main())


def test_missing_names_a_feed_once() -> None:
    straw = Straw()
    straw.market.why = ""
    assert straw.market.missing() == [
        "okx mark_price A: connecting",
        "okx open_interest A: no data yet",
    ]
