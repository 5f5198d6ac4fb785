"""Bybit: tickers, liquidations, candles and insurance pools of the streams."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.support import RECV, Bench

SPOT, LINEAR = "bybit:spot", "bybit:linear"
NOT_TOLD = ("status:", "alert:", "trade:", "bbo:", "depth:")
SECOND = 1_000_000_000
TS = 1795305600402
TICKER: dict[str, Any] = {
    "symbol": "SOLUSDT",
    "price24hPcnt": "0.0131",
    "lastPrice": "181.42",
    "prevPrice24h": "179.07",
    "highPrice24h": "183.90",
    "lowPrice24h": "177.55",
    "markPrice": "181.43",
    "indexPrice": "181.49",
    "openInterest": "8123456.1",
    "openInterestValue": "1473839240.22",
    "singleOpenInterest": "4061728.1",
    "singleOpenInterestValue": "736919711.18",
    "turnover24h": "2210334455.1210",
    "volume24h": "12210034.4000",
    "fundingIntervalHour": "8",
    "nextFundingTime": "1795334400000",
    "fundingRate": "0.0001",
}


def told(bench: Bench) -> dict[str, str]:
    """Last message of each slow feed since the last call, without its header."""
    return {
        channel.partition(":")[0]: "{" + text.partition('"ts_pub":')[2].partition(",")[2]
        for channel, text in bench.lines()
        if not channel.startswith(NOT_TOLD)
    }


def frame(topic: str, data: Any, kind: str = "snapshot", ts: int = TS) -> str:
    return json.dumps({"topic": topic, "type": kind, "ts": ts, "data": data})


def ticker(kind: str = "snapshot", ts: int = TS, of: str = "SOLUSDT", **fields: Any) -> str:
    """A snapshot of everything with `fields` in it (None: left out), or a delta of `fields`."""
    whole = TICKER if kind == "snapshot" else {"symbol": "SOLUSDT"}
    data = {key: value for key, value in {**whole, **fields}.items() if value is not None}
    return frame(f"tickers.{of}", data, kind, ts)


class Wire:
    """A bench, and the frames of one endpoint into it, a tenth of a second apart."""

    def __init__(self, endpoint: str = LINEAR) -> None:
        self.bench, self.endpoint, self.now = Bench(), endpoint, RECV

    def feed(self, text: str) -> dict[str, str]:
        self.now += SECOND // 10
        assert self.bench.feed(self.endpoint, text, self.now) is None
        return told(self.bench)

    def refused(self, text: str) -> str:
        """What a frame is refused for; it says nothing and leaves nothing behind."""
        before = self.bench.engine.counters()[self.endpoint]
        assert self.feed(text) == {}
        after = self.bench.engine.counters()[self.endpoint]
        risen = [name for name, count in after.items() if count > before.get(name, 0)]
        return " ".join(name for name in risen if name not in ("frames", "bytes"))


def test_a_delta_says_what_has_changed_and_nothing_else() -> None:
    wire = Wire()
    first = wire.feed(ticker())
    assert set(first) == {"mark_price", "index_price", "funding", "open_interest", "ticker"}
    assert wire.feed(ticker("delta", TS + 100, markPrice="181.44")) == {
        "mark_price": '{"price":181.44}'
    }
    assert wire.feed(ticker("delta", TS + 200, markPrice="181.440", bid1Price="181.4")) == {}
    assert wire.feed(ticker("delta", TS + 300, fundingRate="-0.00012")) == {
        "funding": '{"rate":-0.00012,"interval_hours":8,"next_funding":1795334400000000000}'
    }
    assert wire.feed(ticker("delta", TS + 400, price24hPcnt="-0.5"))["ticker"].endswith(
        '"volume":12210034.4,"quote_volume":2210334455.121,"change_pct":-0.5}'
    )


def test_a_delta_needs_the_snapshot_of_its_own_connection() -> None:
    wire = Wire()
    assert wire.feed(ticker("delta", markPrice="181.44")) == {}
    assert wire.bench.counts(LINEAR) == {"waiting": 1}
    assert "mark_price" in wire.feed(ticker())
    wire.bench.conns[LINEAR] = wire.bench.engine.open_conn(LINEAR)
    assert wire.feed(ticker("delta", TS + 100, markPrice="181.45")) == {}
    assert wire.bench.count(LINEAR, "waiting") == 2
    assert wire.feed(ticker(ts=TS + 200, markPrice="181.46"))["mark_price"] == '{"price":181.46}'
    assert wire.feed(ticker("delta", TS + 300, markPrice="181.47")) == {
        "mark_price": '{"price":181.47}'
    }


def test_a_dated_future_has_no_funding() -> None:
    first = Wire().feed(
        ticker(
            fundingRate="",
            nextFundingTime="",
            fundingIntervalHour=None,
            deliveryTime="2026-12-25T08:00:00Z",
            basis="1.2",
            basisRate="",
            deliveryFeeRate="",
            predictedDeliveryPrice="0.00",
        )
    )
    assert set(first) == {"mark_price", "index_price", "open_interest", "ticker"}


def test_a_snapshot_takes_back_what_it_does_not_tell() -> None:
    wire = Wire()
    wire.feed(ticker())
    later = wire.feed(ticker(ts=TS + 100, highPrice24h=None, nextFundingTime=None))
    assert '"high":null' in later["ticker"]
    assert later["funding"] == '{"rate":0.0001,"interval_hours":8,"next_funding":null}'


@pytest.mark.parametrize(
    ("single", "both", "says"),
    [
        # the venue rounds its own half; before 2026-06-11 there was none
        ("3369027", "6738053.9", '{"base":3369027,'),
        (None, "6738053.9", '{"base":3369026.95,'),
        ("", "6738053.9", '{"base":3369026.95,'),
        ("3369027", None, '{"base":3369027,'),
        (None, "1e-7", '{"base":0.00000005,'),
        ("0", "0", '{"base":0,'),
    ],
)
def test_open_interest_counts_each_contract_once(
    single: str | None, both: str | None, says: str
) -> None:
    found = Wire().feed(ticker(singleOpenInterest=single, openInterest=both))["open_interest"]
    assert found.startswith(says)
    computed = json.loads(found)["derived"]
    assert ("base" in computed) == (single in (None, ""))
    assert "notional" not in computed


def test_notional_is_halved_too() -> None:
    found = Wire().feed(ticker(singleOpenInterestValue=None))["open_interest"]
    assert '"notional":736919620.11,' in found
    assert "notional" in json.loads(found)["derived"]


def test_spot_has_a_ticker_only() -> None:
    """3.7: `usdIndexPrice` is in USD, whatever the quote; what is not of spot says nothing."""
    wire = Wire(SPOT)
    says = '{"last":181.42,"open":179.07,"high":183.9,"low":177.55,"volume":12210034.4,"quote_volume":2210334455.121,"change_pct":0.0131}'  # noqa: E501
    assert wire.feed(ticker(usdIndexPrice="181.4711")) == {"ticker": says}
    assert wire.bench.counts(SPOT) == {}


@pytest.mark.parametrize("digits", ["1" * 38, "0." + "1" * 38, "1" * 19 + "." + "1" * 19])
def test_no_digit_is_lost(digits: str) -> None:
    assert Wire().feed(ticker(markPrice=digits))["mark_price"] == f'{{"price":{digits}}}'


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"markPrice": "-1"}, "reject.negative"),
        ({"indexPrice": "-0.01"}, "reject.negative"),
        ({"lastPrice": "-181"}, "reject.negative"),
        ({"singleOpenInterest": "-1"}, "reject.negative"),
        ({"singleOpenInterest": None, "openInterest": "-1"}, "reject.negative"),
        ({"volume24h": "-1"}, "reject.negative"),
        ({"markPrice": "NaN"}, "reject.number"),
        ({"markPrice": "1" * 39}, "reject.number"),
        ({"markPrice": "1,5"}, "reject.number"),
        ({"markPrice": True}, "reject.number"),
        ({"markPrice": []}, "reject.number"),
        ({"fundingRate": "x"}, "reject.number"),
        ({"nextFundingTime": "2026-12-25T08:00:00Z"}, "reject.number"),
        ({"nextFundingTime": "-1"}, "reject.number"),
        ({"singleOpenInterest": None, "openInterest": "x"}, "reject.number"),
        ({"symbol": None}, "reject.shape"),
        ({"symbol": "BTCUSDT"}, "reject.shape"),
        ({"symbol": 5}, "reject.shape"),
    ],
    ids=str,
)
def test_a_ticker_is_taken_whole_or_not_at_all(fields: dict[str, Any], why: str) -> None:
    wire = Wire()
    assert wire.refused(ticker(**fields)) == why
    wire.feed(ticker())
    assert wire.refused(ticker("delta", TS + 100, **{"markPrice": "1", **fields})) == why
    assert wire.feed(ticker("delta", TS + 200, markPrice="2")) == {"mark_price": '{"price":2}'}


def test_frames_of_tickers_that_are_none() -> None:
    wire = Wire()
    assert wire.refused(frame("tickers.SOLUSDT", {"symbol": "SOLUSDT"}, "other")) == "reject.shape"
    assert wire.refused(frame("tickers.SOLUSDT", [TICKER])) == "reject.shape"
    assert wire.refused(frame("tickers.SOLUSDT", None)) == "reject.shape"
    assert wire.refused(ticker(of="BTCUSDT", symbol="BTCUSDT")) == "reject.symbol"
    assert wire.refused(frame("tickers.", TICKER)) == "reject.symbol"
    assert wire.refused(frame("tickerz.SOLUSDT", TICKER)) == "reject.unknown"


# ---- liquidations ---------------------------------------------------------------------------


def row(**fields: Any) -> dict[str, Any]:
    whole = {"T": 1795305700311, "s": "SOLUSDT", "S": "Buy", "v": "120.5", "p": "178.93", **fields}
    return {key: value for key, value in whole.items() if value is not None}


def liquidations(*rows: Any) -> str:
    return frame("allLiquidation.SOLUSDT", list(rows))


def test_the_side_is_that_of_the_forced_order() -> None:
    """3.9: the venue tells the position's: a long (`Buy`) is sold."""
    bench = Bench()
    bench.feed(LINEAR, liquidations(row(), row(S="Sell", v="1", p="190.0000", T=1795305700312)))
    assert [text.partition('"ts_exchange":')[2] for _, text in bench.lines()] == [
        f'{at}000000,"ts_recv":{RECV},"ts_pub":{RECV},{says}'
        for at, says in (
            (
                1795305700311,
                '"price":178.93,"qty":120.5,"notional":21561.065,"side":"sell","price_kind":"bankruptcy","complete":true}',
            ),
            (
                1795305700312,
                '"price":190,"qty":1,"notional":190,"side":"buy","price_kind":"bankruptcy","complete":true}',
            ),
        )
    ]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"S": "buy"}, "reject.shape"),
        ({"S": None}, "reject.shape"),
        ({"S": True}, "reject.shape"),
        ({"T": None}, "reject.shape"),
        ({"T": "x"}, "reject.number"),
        ({"T": 0}, "reject.number"),
        ({"s": None}, "reject.shape"),
        ({"s": "BTCUSDT"}, "reject.shape"),
        ({"p": None}, "reject.shape"),
        ({"v": None}, "reject.shape"),
        ({"p": ""}, "reject.number"),
        ({"v": "1e"}, "reject.number"),
        ({"p": "0"}, "reject.negative"),
        ({"v": "0.0"}, "reject.negative"),
        ({"v": "-1"}, "reject.negative"),
        ({"p": "9" * 39}, "reject.overflow"),
    ],
    ids=str,
)
def test_a_list_of_liquidations_is_taken_whole_or_not_at_all(
    fields: dict[str, Any], why: str
) -> None:
    wire = Wire()
    assert wire.refused(liquidations(row(T=1795305700000), row(**fields))) == why
    assert set(wire.feed(liquidations(row()))) == {"liquidation"}


def test_frames_of_liquidations_that_are_none() -> None:
    wire = Wire()
    nothing: list[Any] = [{}, [], None, [None], [[]], row()]
    for data in nothing:
        assert wire.refused(frame("allLiquidation.SOLUSDT", data)) == "reject.shape"
    assert wire.refused(frame("allLiquidation.BTCUSDT", [row(s="BTCUSDT")])) == "reject.symbol"
    # dead since 2025
    assert wire.refused(frame("liquidation.SOLUSDT", {"symbol": "SOLUSDT"})) == "ignored"
