"""Candles of the local venue equal those built from its prints, bar by bar and digit by digit."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.venue import LocalVenue
from tests.venue.binance_reports import FRAMES as BINANCE_FRAMES
from tests.venue.bybit_reports import FRAMES as BYBIT_FRAMES
from tests.venue.client import Client, run
from tests.venue.klines import Frame
from tests.venue.okx_reports import FRAMES as OKX_FRAMES

Print = tuple[int, Decimal, Decimal, bool, int, int, int]  # ms, price, size, bought, count, ids
DAY_MS = 86_400_000
TURNS = ((1500, 7.0), (0, 0.3), (900, 21.0), (0, 2.2), (700, 33.0), (500, 70.0), (300, 1.0))


def built(prints: list[Print], frame: Frame, upto: int) -> dict[str, Any]:
    """The bar that holds `upto`, from the prints."""
    start = frame.start(upto)
    held = [p for p in prints if start <= p[0] < frame.end(start)]
    prices = [p[1] for p in held]
    bought = [p for p in held if p[3]]
    return {
        "ohlc": (prices[0], max(prices), min(prices), prices[-1]) if held else None,
        "volume": sum(p[2] for p in held),
        "quote": sum(p[1] * p[2] for p in held),
        "buy": sum(p[2] for p in bought),
        "buy_quote": sum(p[1] * p[2] for p in bought),
        "count": sum(p[4] for p in held),
        "ids": (held[0][5], held[-1][6]) if held else (-1, -1),
    }


async def played(venue: LocalVenue, *socks: Any) -> list[list[Any]]:
    heard: list[list[Any]] = [[] for _ in socks]
    for steps, seconds in TURNS:
        venue.pump(steps)
        venue.pass_time(seconds)
        for sock, out in zip(socks, heard, strict=True):
            out += await sock.settle()
    return heard


@pytest.mark.parametrize("market", ["spot", "linear"])
def test_binance_klines(market: str) -> None:
    linear = market == "linear"
    stream = "aggTrade" if linear else "trade"

    async def body(venue: LocalVenue, client: Client) -> None:
        names = [name for name in BINANCE_FRAMES if not linear or name != "1s"]
        sock = await client.ws(f"binance:{market}", "/market/ws" if linear else "/ws")
        await sock.subscribe(["btcusdt@" + stream, *(f"btcusdt@kline_{name}" for name in names)])
        (heard,) = await played(venue, sock)
        prints: list[Print] = []
        for m in heard:
            if m["e"] == stream:
                first, last = (m["f"], m["l"]) if linear else (m["t"], m["t"])
                price, qty = Decimal(m["p"]), Decimal(m["q"])
                prints.append((m["T"], price, qty, not m["m"], last - first + 1, first, last))
        finals: dict[str, list[int]] = defaultdict(list)
        sizes: dict[str, int] = {}
        seen: list[Print] = []
        pending = iter(prints)
        for m in heard:
            if m["e"] == stream:
                seen.append(next(pending))
                continue
            k = m["k"]
            assert " ".join(m) == "e E s k"
            assert " ".join(k) == "t T s i f L o c h l v n x q V Q B"
            frame = BINANCE_FRAMES[k["i"]]
            assert (k["t"], k["T"]) == (frame.start(k["t"]), frame.end(k["t"]) - 1)
            theirs = built(seen, frame, k["t"])
            if theirs["ohlc"] is not None:
                assert tuple(Decimal(k[key]) for key in "ohlc") == theirs["ohlc"]
            assert Decimal(k["v"]) == theirs["volume"]
            assert Decimal(k["q"]) == theirs["quote"]
            assert (Decimal(k["V"]), Decimal(k["Q"])) == (theirs["buy"], theirs["buy_quote"])
            assert (k["n"], (k["f"], k["L"])) == (theirs["count"], theirs["ids"])
            if k["x"]:
                assert k["T"] < m["E"] <= k["T"] + 10  # at once
                finals[k["i"]].append(k["t"])
            sizes[k["i"]] = sizes.get(k["i"], 0) + 1
        assert sizes.keys() == set(names)
        assert len(finals["1m"]) >= 2
        assert all(b - a == 60_000 for a, b in pairwise(finals["1m"]))
        if not linear:
            assert len(finals["1s"]) > 120
            assert all(b - a == 1000 for a, b in pairwise(finals["1s"]))
        rows = venue.log.reports("binance", market, "BTCUSDT", "kline")
        assert sum(row.values["i"] == "1m" for row in rows) == sizes["1m"]

    run(body, events_s=0, report_limit=10_000)


@pytest.mark.parametrize("market", ["spot", "linear"])
def test_bybit_klines(market: str) -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws(f"bybit:{market}")
        args = ["publicTrade.BTCUSDT", *(f"kline.{name}.BTCUSDT" for name in BYBIT_FRAMES)]
        for start in range(0, len(args), 10):
            await sock.send({"op": "subscribe", "args": args[start : start + 10]})
        await sock.settle()
        (heard,) = await played(venue, sock)
        seen: list[Print] = []
        closed, blocks, heads = 0, 0, set()
        for m in heard:
            if m["topic"].startswith("publicTrade"):
                blocks += sum(t["BT"] for t in m["data"])
                seen += [
                    (t["T"], Decimal(t["p"]), Decimal(t["v"]), t["S"] == "Buy", 1, 0, 0)
                    for t in m["data"]
                    if not t["BT"]
                ]
                continue
            heads.add(m["topic"])
            assert " ".join(m) == "topic type ts data"
            assert m["type"] == "snapshot"
            for k in m["data"]:
                assert " ".join(k) == (
                    "start end interval open close high low volume turnover confirm timestamp"
                )
                frame = BYBIT_FRAMES[k["interval"]]
                assert (k["start"], k["end"]) == (
                    frame.start(k["start"]),
                    frame.end(k["start"]) - 1,
                )
                theirs = built(seen, frame, k["start"])
                if theirs["ohlc"] is not None:
                    told = tuple(Decimal(k[key]) for key in ("open", "high", "low", "close"))
                    assert told == theirs["ohlc"]
                assert Decimal(k["volume"]) == theirs["volume"]
                assert Decimal(k["turnover"]) == theirs["quote"]
                closed += k["confirm"]
            assert [k["confirm"] for k in m["data"]][-1] is False  # the new bar comes behind
        assert blocks
        assert len(heads) == len(BYBIT_FRAMES)
        assert closed >= 2

    run(body, events_s=0)


@pytest.mark.parametrize("inst", ["BTC-USDT", "BTC-USDT-SWAP", "PEPE-USDT-SWAP", "BTC-USD-SWAP"])
def test_okx_candles(inst: str) -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("okx:business")
        names = ["trades-all", *(f"candle{name}" for name in OKX_FRAMES)]
        await sock.subscribe([{"channel": name, "instId": inst} for name in names])
        await sock.settle()
        (heard,) = await played(venue, sock)
        contract = Decimal(venue.feed("okx", "", inst).inst.contract or 1)
        seen: list[Print] = []
        closed: dict[str, int] = defaultdict(int)
        for m in heard:
            name = m["arg"]["channel"]
            (k,) = m["data"]
            if name == "trades-all":
                row = (
                    int(k["ts"]),
                    Decimal(k["px"]),
                    Decimal(k["sz"]),
                    k["side"] == "buy",
                    1,
                    0,
                    0,
                )
                seen.append(row)
                continue
            assert len(k) == 9
            assert all(isinstance(value, str) for value in k)
            start = int(k[0])
            frame = OKX_FRAMES[name.removeprefix("candle")]
            assert start == frame.start(start)
            theirs = built(seen, frame, start)
            if theirs["ohlc"] is not None:
                assert tuple(Decimal(value) for value in k[1:5]) == theirs["ohlc"]
            base, quote = theirs["volume"] * contract, theirs["quote"] * contract
            if inst == "BTC-USD-SWAP":  # contracts of 100 USD
                held = [p for p in seen if start <= p[0] < frame.end(start)]
                coins = sum(p[2] * contract / p[1] for p in held)
                assert abs(Decimal(k[6]) - coins) <= len(held) * Decimal("1e-12")
                assert (Decimal(k[5]), Decimal(k[7])) == (theirs["volume"], base)
            elif inst == "BTC-USDT":
                assert tuple(Decimal(value) for value in k[5:8]) == (base, quote, quote)
            else:
                told = tuple(Decimal(value) for value in k[5:8])
                assert told == (theirs["volume"], base, quote)
            closed[name] += k[8] == "1"
        assert closed["candle1m"] >= 2
        assert closed["candle1s"] > 120

    run(body, events_s=0)


def test_frames_begin_where_the_venues_have_them() -> None:
    noon = 1_795_349_400_000  # 2026-11-22 12:10 UTC, a Sunday
    begins = {
        "1W": 1_794_758_400_000,  # Sunday 16:00 UTC: Monday in Hong Kong
        "1Wutc": 1_794_787_200_000,  # Monday 2026-11-16
        "1Dutc": 1_795_305_600_000,
        "1D": 1_795_276_800_000,  # 2026-11-21 16:00 UTC
        "6H": 1_795_341_600_000,  # 10:00 UTC, 18:00 in Hong Kong
        "1Mutc": 1_793_491_200_000,  # 2026-11-01
        "3Mutc": 1_790_812_800_000,  # 2026-10-01
    }
    assert {name: OKX_FRAMES[name].start(noon) for name in begins} == begins
    month = OKX_FRAMES["1Mutc"]
    assert month.end(begins["1Mutc"]) == begins["1Mutc"] + 30 * DAY_MS
    assert OKX_FRAMES["3Mutc"].end(begins["3Mutc"]) == begins["3Mutc"] + 92 * DAY_MS
    assert BINANCE_FRAMES["1w"].start(noon) == begins["1Wutc"]
    assert BYBIT_FRAMES["W"].start(noon) == begins["1Wutc"]


def test_a_wrong_candle_on_command() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("binance:linear", "/market/ws")
        await sock.subscribe(["btcusdt@aggTrade", "btcusdt@kline_1m", "btcusdt@kline_3m"])
        venue.faults.kline_error("binance", "linear", "BTCUSDT")
        heard: list[Any] = []
        for _ in range(4):
            venue.pump(400)
            venue.pass_time(60.0)
            heard += await sock.settle()
        volumes: dict[int, Decimal] = defaultdict(Decimal)
        wrong: list[bool] = []
        longer: list[bool] = []
        for m in heard:
            if m["e"] == "aggTrade":
                volumes[m["T"] // 60_000] += Decimal(m["q"])
            elif m["k"]["x"] and m["k"]["i"] == "1m":
                wrong.append(Decimal(m["k"]["v"]) != volumes[m["k"]["t"] // 60_000])
            elif m["k"]["x"]:
                first = m["k"]["t"] // 60_000
                true = sum(volumes[first + n] for n in range(3))
                longer.append(Decimal(m["k"]["v"]) != true)
        assert wrong == [True, False, False, False]
        assert longer
        assert not any(longer)

    run(body, events_s=0)
