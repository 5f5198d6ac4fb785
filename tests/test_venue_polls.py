"""The REST answers of the local venue that are polled: shapes, agreement with the streams."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.venue import Limits, LocalVenue, Timing
from tests.venue.client import Client, run

HOUR_MS = 3_600_000


def keys(row: dict[str, Any]) -> str:
    return " ".join(row)


def test_binance_polls() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("binance:linear", "/market/ws")
        await sock.subscribe(["btcusdt@markPrice@1s", "btcusdt@ticker", "btcusdt@kline_1m"])
        for _ in range(3):
            venue.pump(300)
            venue.pass_time(40.0)
        heard = await sock.settle()

        async def get(path: str) -> Any:
            return await client.json("binance", path)

        one = await get("/fapi/v1/premiumIndex?symbol=BTCUSDT")
        assert keys(one) == (
            "symbol markPrice indexPrice estimatedSettlePrice lastFundingRate interestRate "
            "nextFundingTime time"
        )
        mark = [m for m in heard if m["e"] == "markPriceUpdate"][-1]
        assert one["nextFundingTime"] == mark["T"]
        assert abs(Decimal(one["markPrice"]) / Decimal(mark["p"]) - 1) < Decimal("0.001")
        every = await get("/fapi/v1/premiumIndex")
        assert len(every) == len(venue.instruments("binance", "linear"))
        (dated,) = [row for row in every if "_" in row["symbol"]]
        assert (dated["lastFundingRate"], dated["nextFundingTime"]) == ("", 0)
        told = venue.log.reports("binance", "linear", "BTCUSDT", "mark")
        assert [row.values["markPrice"] for row in told if row.rest] == [
            one["markPrice"],
            next(row["markPrice"] for row in every if row["symbol"] == "BTCUSDT"),
        ]
        interest = await get("/fapi/v1/openInterest?symbol=BTCUSDT")
        assert keys(interest) == "openInterest symbol time"
        assert (await get("/fapi/v1/openInterest"))["code"] == -1102
        info = await get("/fapi/v1/fundingInfo")
        assert [row["symbol"] for row in info] == ["1000PEPEUSDT"]
        assert info[0]["fundingIntervalHours"] == 4
        rates = await get("/fapi/v1/fundingRate?symbol=1000PEPEUSDT&limit=5")
        assert keys(rates[0]) == "symbol fundingRate fundingTime markPrice rateType"
        steps = [b["fundingTime"] // 1000 - a["fundingTime"] // 1000 for a, b in pairwise(rates)]
        assert steps == [4 * 3600] * 4
        since = f"&startTime={rates[1]['fundingTime'] // HOUR_MS * HOUR_MS}&limit=2"
        again = await get(f"/fapi/v1/fundingRate?symbol=1000PEPEUSDT{since}")
        assert again == rates[1:3]
        path = "/futures/data/globalLongShortAccountRatio?symbol=BTCUSDT&period=5m&limit=4"
        ratios = await get(path)
        assert keys(ratios[0]) == "symbol longShortRatio longAccount shortAccount timestamp"
        assert all(b["timestamp"] - a["timestamp"] == 300_000 for a, b in pairwise(ratios))
        assert 0 <= venue.now_ms() - ratios[-1]["timestamp"] < 300_000
        for row in ratios:
            both = Decimal(row["longAccount"]) + Decimal(row["shortAccount"])
            assert both == 1
            quotient = Decimal(row["longAccount"]) / Decimal(row["shortAccount"])
            assert abs(quotient - Decimal(row["longShortRatio"])) <= Decimal("0.00005")
        assert (await get(path.replace("5m", "7x")))["code"] == -1130
        group = await get("/fapi/v1/insuranceBalance?symbol=ETHUSDT")
        assert group["symbols"] == ["BTCUSDT", "ETHUSDT"]
        assert keys(group["assets"][0]) == "asset marginBalance updateTime"
        assert group in await get("/fapi/v1/insuranceBalance")
        day = await get("/fapi/v1/ticker/24hr?symbol=BTCUSDT")
        ticker = [m for m in heard if m["e"] == "24hrTicker"][-1]
        for theirs, ours in (("lastPrice", "c"), ("volume", "v"), ("quoteVolume", "q")):
            assert day[theirs] == ticker[ours]
        assert "bidPrice" not in day
        assert "bidPrice" in await get("/api/v3/ticker/24hr?symbol=BTCUSDT")
        rows = await get("/fapi/v1/klines?symbol=BTCUSDT&interval=1m")
        finals = {m["k"]["t"]: m["k"] for m in heard if m["e"] == "kline" and m["k"]["x"]}
        assert finals
        for row in rows:
            if row[0] in finals:
                k = finals[row[0]]
                assert row[:8] == [*(k[key] for key in "tohlcvTq")]
                assert row[8:] == [k["n"], k["V"], k["Q"], "0"]
        one_row = f"&startTime={rows[1][0]}&limit=1"
        path = f"/fapi/v1/klines?symbol=BTCUSDT&interval=1m{one_row}"
        assert await get(path) == [rows[1]]
        assert (await get("/fapi/v1/klines?symbol=BTCUSDT&interval=1s"))["code"] == -1120
        assert await get("/api/v3/klines?symbol=BTCUSDT&interval=1s&limit=3")

    run(body, events_s=0)


def test_bybit_polls() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        sock = await client.ws("bybit:linear")
        await sock.send({"op": "subscribe", "args": ["tickers.BTCUSDT", "kline.1.BTCUSDT"]})
        told_first = await sock.settle()
        for _ in range(3):
            venue.pump(300)
            venue.pass_time(40.0)
        heard = [m for m in told_first + await sock.settle() if "topic" in m]

        async def get(path: str) -> Any:
            answer = await client.json("bybit", f"/v5/market/{path}")
            assert keys(answer) == "retCode retMsg result retExtInfo time"
            return answer["result"] if answer["retCode"] == 0 else answer["retCode"]

        held: dict[str, str] = {}
        for message in heard:
            if message["topic"].startswith("tickers"):
                held |= message["data"]
        ticker = (await get("tickers?category=linear&symbol=BTCUSDT"))["list"][0]
        slow = ("lastPrice", "volume24h", "turnover24h", "bid1Price", "nextFundingTime")
        assert {key: ticker[key] for key in slow} == {key: held[key] for key in slow}
        assert ticker["deliveryTime"] == "0"
        every = (await get("tickers?category=linear"))["list"]
        dated = next(row for row in every if row["symbol"] == "BTCUSDT-25DEC26")
        assert (dated["deliveryTime"], dated["fundingRate"]) == ("1798185600000", "")
        spot = (await get("tickers?category=spot&symbol=BTCUSDT"))["list"][0]
        assert keys(spot) == (
            "symbol bid1Price bid1Size ask1Price ask1Size lastPrice prevPrice24h price24hPcnt "
            "highPrice24h lowPrice24h turnover24h volume24h usdIndexPrice"
        )
        assert await get("tickers?category=linear&symbol=NOPE") == 10001
        symbol = "category=linear&symbol=BTCUSDT"
        ratio = await get(f"account-ratio?{symbol}&period=5min&limit=3")
        assert keys(ratio["list"][0]) == "symbol buyRatio sellRatio timestamp"
        cursor = ratio["nextPageCursor"]
        more = await get(f"account-ratio?{symbol}&period=5min&limit=3&cursor={cursor}")
        times = [int(row["timestamp"]) for row in ratio["list"] + more["list"]]
        assert all(a - b == 300_000 for a, b in pairwise(times))
        interest = await get(f"open-interest?{symbol}&intervalTime=5min&limit=50")
        assert keys(interest["list"][0]) == "openInterest singleOpenInterest timestamp"
        assert len(interest["list"]) == 50
        for row in interest["list"]:
            assert Decimal(row["openInterest"]) == 2 * Decimal(row["singleOpenInterest"])
        newest, now = (Decimal(x["openInterest"]) for x in (interest["list"][0], ticker))
        assert abs(newest / now - 1) < Decimal("0.1")
        fund = await get("insurance?coin=USDT")
        assert keys(fund) == "updatedTime list"
        assert keys(fund["list"][0]) == "coin symbols balance value"
        assert {row["symbols"] for row in fund["list"]} >= {"BTCUSDT,ETHUSDT", "1000PEPEUSDT"}
        assert {row["coin"] for row in (await get("insurance"))["list"]} == {"USDT", "USDC"}
        rows = (await get(f"kline?{symbol}&interval=1"))["list"]
        assert [int(row[0]) for row in rows] == sorted((int(row[0]) for row in rows), reverse=True)
        told = {
            str(k["start"]): k
            for m in heard
            if m["topic"].startswith("kline")
            for k in m["data"]
            if k["confirm"]
        }
        assert told
        for row in rows:
            if row[0] in told:
                names = ("open", "high", "low", "close", "volume", "turnover")
                assert row[1:] == [told[row[0]][name] for name in names]
        past = (await get(f"funding/history?{symbol}&limit=4"))["list"]
        assert keys(past[0]) == "symbol fundingRate fundingRateTimestamp"
        settled = [int(row["fundingRateTimestamp"]) for row in past]
        assert all(a - b == 8 * HOUR_MS for a, b in pairwise(settled))
        assert await get(f"funding/history?{symbol}&startTime={settled[-1]}") == 10001

    run(body, events_s=0)


def test_okx_polls() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        public, business = await client.ws("okx"), await client.ws("okx:business")
        swap = "BTC-USDT-SWAP"
        channels = ("mark-price", "open-interest", "funding-rate", "tickers")
        args = [{"channel": channel, "instId": swap} for channel in channels]
        args.append({"channel": "index-tickers", "instId": "BTC-USDT"})
        await public.send({"op": "subscribe", "args": args})
        await business.send({"op": "subscribe", "args": [{"channel": "candle1m", "instId": swap}]})
        await business.settle()
        for _ in range(3):
            venue.pump(300)
            venue.pass_time(40.0)
        newest: dict[str, Any] = {}
        for message in await public.settle():
            if "data" in message:
                newest[message["arg"]["channel"]] = message["data"][0]
        candles = [m["data"][0] for m in await business.settle() if "data" in m]

        async def get(path: str) -> Any:
            answer = await client.json("okx", f"/api/v5/{path}")
            assert answer.keys() == {"code", "msg", "data"}
            return answer["data"] if answer["code"] == "0" else answer["code"]

        for channel, path in (
            ("mark-price", f"public/mark-price?instType=SWAP&instId={swap}"),
            ("open-interest", f"public/open-interest?instType=SWAP&instId={swap}"),
            ("funding-rate", f"public/funding-rate?instId={swap}"),
            ("index-tickers", "market/index-tickers?instId=BTC-USDT"),
            ("tickers", "market/tickers?instType=SWAP&instFamily=BTC-USDT"),
        ):
            (row,) = await get(path)
            assert list(row) == list(newest[channel]), channel
        same = ("last", "vol24h", "volCcy24h", "bidPx", "askSz")
        assert [row[key] for key in same] == [newest["tickers"][key] for key in same]
        assert await get("public/mark-price") == "50014"
        assert await get("public/mark-price?instType=SWAP&instId=NO-PE-SWAP") == "51001"
        swaps = {row["instId"] for row in await get("public/funding-rate?instId=ANY")}
        assert swaps == {
            row["instId"]
            for row in await get("public/instruments?instType=SWAP")
            if row["state"] == "live"
        }
        quoted = await get("market/index-tickers?quoteCcy=USDT")
        assert all(row["instId"].endswith("-USDT") for row in quoted)
        assert len(quoted) == 4
        (fund,) = await get("public/insurance-fund?instType=SWAP&instFamily=BTC-USDT&limit=5")
        assert fund["total"] == fund["details"][0]["balance"]
        assert all(int(row["ts"]) % (24 * HOUR_MS) == 8 * HOUR_MS for row in fund["details"])
        for newer, older in pairwise(fund["details"]):
            change = Decimal(newer["balance"]) - Decimal(older["balance"])
            assert Decimal(newer["amt"]) == change
        ratio = "rubik/stat/contracts/long-short-account-ratio-contract"
        rows = await get(f"{ratio}?instId={swap}&period=5m&limit=6")
        assert all(int(a[0]) - int(b[0]) == 300_000 for a, b in pairwise(rows))
        assert all(len(row) == 2 and Decimal(row[1]) > 0 for row in rows)
        bars = await get(f"market/candles?instId={swap}&bar=1m")
        closed = {row[0]: row for row in candles if row[8] == "1"}
        assert closed
        assert [row for row in bars if row[0] in closed] == list(closed.values())[::-1]
        assert [row[8] for row in bars].count("0") == 1 == int(bars[0][8] == "0")
        older = await get(f"market/candles?instId={swap}&bar=1m&after={bars[0][0]}&limit=1")
        assert older == bars[1:2]
        assert all(row[8] == "1" for row in await get(f"market/history-candles?instId={swap}"))
        past = await get(f"public/funding-rate-history?instId={swap}&limit=3")
        assert past[0]["realizedRate"] == newest["funding-rate"]["settFundingRate"]

    run(body, events_s=0)


def test_polls_count_against_the_budgets_they_have() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        async def used(path: str) -> str:
            headers = (await client.get("binance", path))[2]
            return headers.get("X-MBX-USED-WEIGHT-1M", "none")

        assert await used("/fapi/v1/premiumIndex?symbol=BTCUSDT") == "1"
        assert await used("/fapi/v1/premiumIndex") == "11"
        assert await used("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1500") == "21"
        assert await used("/fapi/v1/ticker/24hr") == "61"
        assert await used("/fapi/v1/fundingInfo") == "61"
        ratio = "/futures/data/globalLongShortAccountRatio?symbol=BTCUSDT&period=5m"
        assert await used(ratio) == "none"
        assert await used("/api/v3/klines?symbol=BTCUSDT&interval=1m") == "2"
        statuses = [(await client.get("binance", "/fapi/v1/fundingInfo"))[0] for _ in range(3)]
        assert statuses == [200, 429, 429]
        assert (await client.get("binance", ratio))[0] == 200
        assert (await client.get("binance", ratio))[0] == 429
        assert (await client.get("binance", "/fapi/v1/premiumIndex?symbol=BTCUSDT"))[0] == 200
        path = "/api/v5/public/mark-price?instType=SWAP&instId="
        btc = [(await client.get("okx", f"{path}BTC-USDT-SWAP"))[0] for _ in range(11)]
        assert btc == [200] * 10 + [429]
        assert (await client.get("okx", f"{path}ETH-USDT-SWAP"))[0] == 200

    limits = Limits(funding_requests=2, data_requests=2, connects={})
    run(body, limits=limits, timing=Timing(weight_window_s=10_000_000))


POLLS = (
    ("binance", "/fapi/v1/premiumIndex?symbol=BTCUSDT", "BTCUSDT"),
    ("binance", "/futures/data/globalLongShortAccountRatio?symbol=BTCUSDT&period=5m", "BTCUSDT"),
    ("binance", "/fapi/v1/openInterest?symbol=BTCUSDT", "BTCUSDT"),
    ("bybit", "/v5/market/tickers?category=linear&symbol=BTCUSDT", "BTCUSDT"),
    ("bybit", "/v5/market/account-ratio?category=linear&symbol=BTCUSDT&period=5min", "BTCUSDT"),
    ("okx", "/api/v5/public/mark-price?instType=SWAP&instId=BTC-USDT-SWAP", "BTC-USDT-SWAP"),
    ("okx", "/api/v5/public/funding-rate?instId=BTC-USDT-SWAP", "BTC-USDT-SWAP"),
)


def test_polls_go_wrong_in_ways_of_their_own() -> None:
    async def body(venue: LocalVenue, client: Client) -> None:
        for name, path, symbol in POLLS:
            good = await client.json(name, path)
            for mode in ("error", "empty", "old", "other"):
                venue.faults.rest(name, mode, path=path.partition("?")[0])
                status, text, _ = await client.get(name, path)
                answer = json.loads(text)
                assert status == 200
                if mode == "error":
                    code = answer.get("code", answer.get("retCode"))
                    assert code not in (0, "0", None)
                elif mode == "empty":
                    rows = answer if name == "binance" else answer.get("data", answer.get("result"))
                    assert (rows if name != "bybit" else rows["list"]) == []
                elif mode == "other":
                    assert f'"{symbol}"' not in text
                    assert shape(answer) == shape(good)
                else:
                    assert shape(answer) == shape(good)
                    ages = [venue.now_ms() - ms for ms in times(answer) if ms < 2 * 10**12]
                    assert max(ages) > 23 * HOUR_MS
            assert shape(await client.json(name, path)) == shape(good)
        rows = venue.log.reports("okx", "linear", "BTC-USDT-SWAP", "mark")
        assert [row.sent for row in rows] == [True, False, False, True]  # empty, old

    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shape(inner) for key, inner in value.items()}
        return [shape(value[0])] if isinstance(value, list) and value else type(value)

    def times(value: Any) -> list[int]:
        inner = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list):
            return [ms for each in inner for ms in times(each)]
        text = str(value)
        return [int(text)] if text.isdigit() and len(text) == 13 else []

    run(body)
