"""OKX: tickers, prices, funding, liquidations and indices of the streams."""

from __future__ import annotations

import json
from typing import Any

import pytest

import tests.core.test_broken_frames as broken_frames
import tests.core.test_decode as decode
from tests.core.golden.okx_liquidations import OKX_LIQUIDATIONS
from tests.core.support import Bench, key_orders

SWAP, SPOT, INVERSE = "BTC-USDT-SWAP", "ETH-USDT", "BTC-USD-SWAP"
T = 1795305600121
MS = 1_000_000
Row = dict[str, Any]

LIQUIDATIONS = pytest.mark.parametrize("golden", OKX_LIQUIDATIONS, ids=lambda golden: golden.name)
DETAIL: Row = {
    "bkLoss": "0", "bkPx": "64100.5", "ccy": "", "posSide": "long", "side": "sell", "sz": "44",
    "ts": str(T),
}  # fmt: skip
TICKER: Row = {
    "instType": "SPOT", "instId": SPOT, "last": "3312.5", "open24h": "3290", "high24h": "3350.1",
    "low24h": "3271", "volCcy24h": "512340000", "vol24h": "154600", "ts": str(T),
}  # fmt: skip
FUNDING: Row = {
    "fundingRate": "0.0001", "fundingTime": "1795334400000", "instId": SWAP, "instType": "SWAP",
    "nextFundingRate": "", "nextFundingTime": "1795363200000", "ts": str(T),
}  # fmt: skip


def frame(channel: str, rows: list[Any], **arg: str) -> str:
    return json.dumps({"arg": {"channel": channel, **arg}, "data": rows})


def forced(name: str, *details: Row, kind: str = "SWAP") -> Row:
    return {"details": list(details), "instFamily": "", "instId": name, "instType": kind}


def without(row: Row, key: str) -> Row:
    return {name: value for name, value in row.items() if name != key}


def said(bench: Bench) -> list[tuple[str, str]]:
    """(channel, fields behind the header) since the last call."""
    return [
        (channel, "{" + text.partition('"ts_pub":')[2].partition(",")[2])
        for channel, text in bench.data()
    ]


def after(row: str, bench: Bench) -> list[tuple[str, str]]:
    bench.feed("okx", row)
    return said(bench)


# ---- one frame, many instruments ------------------------------------------------------


@LIQUIDATIONS
def test_liquidations(golden: Any) -> None:
    decode.test_golden(golden)
    decode.test_keys_may_stand_in_any_order(golden)
    decode.test_unknown_keys_are_passed_over(golden)
    broken_frames.test_structure_that_is_wrong_is_refused(golden)


def liquidations(*names: str) -> str:
    rows = [forced(name, {**DETAIL, "sz": str(n + 1)}) for n, name in enumerate(names)]
    return frame("liquidation-orders", rows, instType="SWAP")


def test_what_is_not_ours_is_passed_over() -> None:
    bench = Bench()
    bench.feed("okx", liquidations("DOGE-USDT-SWAP", SWAP, "币-USDT-SWAP", INVERSE, "A-SWAP"))
    rows = said(bench)
    assert [channel for channel, _ in rows] == [
        "liquidation:okx:BTCUSDT-PERP",
        "liquidation:okx:BTCUSD-PERP",
    ]
    assert [json.loads(text)["qty"] for _, text in rows] == [0.02, 400]
    assert bench.counts("okx") == {}
    bench.feed("okx", liquidations("DOGE-USDT-SWAP"))
    assert (bench.data(), bench.counts("okx")) == ([], {"ignored": 1})


def test_options_among_swaps_are_passed_over() -> None:
    rows = [forced(SWAP, DETAIL, kind="OPTION"), forced(SWAP, {**DETAIL, "sz": "1"})]
    bench = Bench()
    (line,) = after(frame("liquidation-orders", rows, instType="SWAP"), bench)
    assert json.loads(line[1])["qty"] == 0.01


def test_what_can_become_known_is_asked_for() -> None:
    asked: list[str] = []

    def resolve(endpoint: str, venue_id: str) -> dict[str, Any]:
        asked.append(venue_id)
        return {"exchange": "okx", "symbol": venue_id, "market": "linear", "contract": "10"}

    bench = Bench(resolver=resolve)
    bench.feed("okx", liquidations("A-USDT-SWAP", SWAP, "B-USDT-SWAP"))
    assert asked == ["A-USDT-SWAP", "B-USDT-SWAP"]
    assert [(channel, json.loads(text)["qty"]) for channel, text in said(bench)] == [
        ("liquidation:okx:A-USDT-SWAP", 10),
        ("liquidation:okx:BTCUSDT-PERP", 0.02),
        ("liquidation:okx:B-USDT-SWAP", 30),
    ]


def test_what_cannot_become_known_does_not_take_its_frame_along() -> None:
    bench = Bench(resolver=lambda endpoint, venue_id: None)
    ((channel, _),) = after(liquidations("A-USDT-SWAP", SWAP), bench)
    assert channel == "liquidation:okx:BTCUSDT-PERP"
    assert bench.counts("okx") == {}


def test_a_new_subscription_repeats_the_last_ones() -> None:
    """4.10: they are told once; two alike in one frame are two."""
    bench = Bench()
    row = frame("liquidation-orders", [forced(SWAP, DETAIL, DETAIL)], instType="SWAP")
    assert len(after(row, bench)) == 2
    assert after(row, bench) == []
    assert bench.counts("okx") == {"duplicates": 2}


# ---- index prices ---------------------------------------------------------------------


def index_bench(**options: Any) -> Bench:
    """BTC-USDT is the index of the swap, of a future and of the pair itself."""
    bench = Bench(**options)
    for name, symbol in (("BTC-USDT-261225", "BTCUSDT-261225"), ("BTC-USDT", "BTCUSDT")):
        bench.engine.add_instrument(
            "okx", name, exchange="okx", symbol=symbol, market="linear", index="BTC-USDT"
        )
    return bench


def index(price: str = "64280.15", name: str = "BTC-USDT") -> Row:
    return {"instId": name, "idxPx": price, "open24h": "63848.2", "ts": str(T)}


def test_an_index_prices_all_its_instruments() -> None:
    bench = index_bench()
    rows = after(frame("index-tickers", [index()], instId="BTC-USDT"), bench)
    assert sorted(rows) == [
        (f"index_price:okx:{symbol}", '{"price":64280.15}')
        for symbol in ("BTCUSDT", "BTCUSDT-261225", "BTCUSDT-PERP")
    ]
    assert after(frame("index-tickers", [index("1", "BTC-USD")], instId="BTC-USD"), bench) == [
        ("index_price:okx:BTCUSD-PERP", '{"price":1}')
    ]


def test_an_index_is_never_asked_for_as_an_instrument() -> None:
    """A pair of that name is another thing; a frame may bring both kinds of index."""
    bench = index_bench(resolver=lambda endpoint, name: {"exchange": "okx", "symbol": name})
    bench.feed("okx", frame("index-tickers", [index(name="DOGE-USD")], instId="DOGE-USD"))
    assert (bench.data(), bench.counts("okx")) == ([], {"ignored": 1})
    both = frame("index-tickers", [index(name="DOGE-USD"), index()], instId="DOGE-USD")
    assert len(after(both, bench)) == 3


# ---- funding --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settles", "after_that", "hours"),
    [
        ("1795334400000", "1795363200000", 8),
        ("1795334400000", "1795348800000", 4),
        ("1795334400000", "1795336200000", 0.5),
        ("1795334400000", "1795334400000", None),
        ("1795334400000", "1795330800000", None),
        ("1795334400000", "", None),
    ],
)
def test_the_interval_is_what_lies_between(settles: str, after_that: str, hours: Any) -> None:
    row = {**FUNDING, "fundingTime": settles, "nextFundingTime": after_that}
    bench = Bench()
    ((channel, text),) = after(frame("funding-rate", [row], instId=SWAP), bench)
    assert channel == "funding:okx:BTCUSDT-PERP"
    assert json.loads(text) == {
        "rate": 0.0001, "interval_hours": hours, "next_funding": 1795334400000 * MS,
    }  # fmt: skip


def test_the_interval_of_before_stands_where_none_is_told() -> None:
    bench = Bench()
    bench.feed("okx", frame("funding-rate", [FUNDING], instId=SWAP))
    bench.lines()
    later = {**without(FUNDING, "nextFundingTime"), "fundingRate": "0.0002", "ts": str(T + 1)}
    ((_, text),) = after(frame("funding-rate", [later], instId=SWAP), bench)
    assert json.loads(text)["interval_hours"] == 8


def test_what_a_ticker_leaves_out_is_not_carried_over() -> None:
    bench = Bench()
    bench.feed("okx", frame("tickers", [TICKER], instId=SPOT))
    bench.lines()
    later = {**without(without(TICKER, "open24h"), "vol24h"), "ts": str(T + 1)}
    ((_, text),) = after(frame("tickers", [later], instId=SPOT), bench)
    assert text == (
        '{"last":3312.5,"open":null,"high":3350.1,"low":3271,"volume":null,'
        '"quote_volume":512340000,"change_pct":null}'
    )


def test_a_rate_is_not_carried_over_to_the_next_settlement() -> None:
    """A row without a rate says that there is none: nothing to publish."""
    bench = Bench()
    bench.feed("okx", frame("funding-rate", [FUNDING], instId=SWAP))
    bench.lines()
    for n, row in enumerate((without(FUNDING, "fundingRate"), {**FUNDING, "fundingRate": ""})):
        later = {**row, "fundingTime": "1795363200000", "nextFundingTime": "1795392000000"}
        later["ts"] = str(T + 1 + n)
        assert after(frame("funding-rate", [later], instId=SWAP), bench) == []


# ---- rows that are not as they should be ----------------------------------------------

INTEREST: Row = {
    "instId": SWAP, "instType": "SWAP", "oi": "10", "oiCcy": "0.1", "oiUsd": "6400", "ts": str(T),
}  # fmt: skip
# channel, row, fields that are numbers, those that may be missing, those that may be negative
ROWS: list[tuple[str, Row, set[str], set[str], set[str]]] = [
    ("mark-price", {"instId": SWAP, "markPx": "1", "ts": str(T)}, {"markPx"}, set(), set()),
    ("index-tickers", index(), {"idxPx"}, set(), set()),
    ("open-interest", INTEREST, {"oi", "oiCcy", "oiUsd"}, {"oiUsd"}, set()),
    (
        "tickers",
        TICKER,
        {"last", "open24h", "high24h", "low24h", "vol24h", "volCcy24h"},
        {"open24h", "high24h", "low24h", "vol24h", "volCcy24h"},
        set(),
    ),
    (
        "funding-rate",
        FUNDING,
        {"fundingRate", "nextFundingRate", "fundingTime", "nextFundingTime"},
        {"fundingRate", "nextFundingRate", "nextFundingTime"},
        {"fundingRate", "nextFundingRate"},
    ),
]
FIELDS = [
    pytest.param(channel, row, field, field in missing, field in signed, id=f"{channel} {field}")
    for channel, row, fields, missing, signed in ROWS
    for field in sorted(fields)
]


@pytest.mark.parametrize(("channel", "row", "field", "may_miss", "signed"), FIELDS)
def test_fields(channel: str, row: Row, field: str, may_miss: bool, signed: bool) -> None:
    def outcome(other: Row) -> str:
        bench = Bench()
        bench.feed("okx", frame(channel, [row, other], instId=row["instId"]))
        counts = bench.counts("okx")
        assert bench.data() or counts, other
        assert not (counts and bench.data()), "whole, or not at all"
        return next(iter(counts), "")

    later = {**row, "ts": str(T + 1)}
    assert outcome(later) == ""
    assert outcome({**later, field: ""}) == ""
    assert outcome(without(later, field)) == ("" if may_miss else "reject.shape")
    wrong: Any
    for wrong in ("1e", "x", "--1", "0x10", "1.", ".", " 1", "NaN", "9" * 39, [], {}, True):
        assert outcome({**later, field: wrong}) == "reject.number", wrong
    negative = outcome({**later, field: "-1"})
    times = ("fundingTime", "nextFundingTime")
    assert negative == ("" if signed else "reject.number" if field in times else "reject.negative")
    assert outcome({**later, "ts": ""}) == "reject.number"
    assert outcome({**later, "instId": 5}) == "reject.shape"
    assert outcome({**later, "instType": None}) == "reject.shape"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"bkPx": "0"}, "reject.negative"),
        ({"bkPx": "-1"}, "reject.negative"),
        ({"bkPx": None}, "reject.negative"),
        ({"bkPx": "x"}, "reject.number"),
        ({"sz": "0"}, "reject.negative"),
        ({"sz": "1,5"}, "reject.number"),
        ({"ts": "x"}, "reject.number"),
        ({"side": "close"}, "reject.shape"),
    ],
)
def test_a_forced_order_that_is_wrong_takes_its_frame_along(change: Row, why: str) -> None:
    bench = Bench()
    rows = [forced(INVERSE, DETAIL), forced(SWAP, DETAIL, {**DETAIL, **change})]
    assert after(frame("liquidation-orders", rows, instType="SWAP"), bench) == []
    assert bench.counts("okx") == {why: 1}


@pytest.mark.parametrize("channel", ["tickers", "mark-price", "funding-rate", "open-interest"])
def test_the_arg_may_stand_behind_the_data(channel: str) -> None:
    row = without({**TICKER, **INTEREST, **FUNDING, "markPx": "1"}, "instId")
    text = frame(channel, [row], instId=SWAP)
    for order in key_orders(text):
        bench = Bench()
        assert len(after(order, bench)) == 1, order
