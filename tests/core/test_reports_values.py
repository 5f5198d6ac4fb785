"""Open interest, funding and tickers: what is told, and what follows from it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.frames import (
    FUNDED_MS,
    MS,
    TICKER,
    Told,
    Wire,
    answer,
    day,
    delta,
    funded,
    mark,
    of_kind,
    okx,
    okx_body,
    premium,
    ticker,
)

BYBIT, USDM, OKX = "bybit:linear", "binance:linear", "okx"
SWAP, INVERSE = "BTC-USDT-SWAP", "BTC-USD-SWAP"


# ---- open interest ----------------------------------------------------------------------


def interest(wire: Wire, frame: str) -> list[tuple[Any, ...]]:
    return [
        (message["base"], message["contracts"], message["notional"], message["derived"])
        for message in of_kind(wire.feed(frame), "open_interest")
    ]


def test_open_interest_names_what_is_computed_here() -> None:
    wire = Wire(BYBIT)
    assert interest(wire, ticker(wire.ms)) == [(4000, 4000, 725720, ["contracts"])]
    # the sums of both sides are halved: that is computed
    wire = Wire(BYBIT)
    frame = ticker(wire.ms).replace('"singleOpenInterest":"4000"', '"openInterest":"9001"')
    frame = frame.replace('"singleOpenInterestValue":"725720"', '"openInterestValue":"1633051.43"')
    assert interest(wire, frame) == [
        (Decimal("4500.5"), Decimal("4500.5"), Decimal("816525.715"),
         ["base", "contracts", "notional"])
    ]  # fmt: skip


def test_open_interest_without_a_value_takes_the_mark_price_or_the_last() -> None:
    wire = Wire(OKX)
    told = {"oi": "250", "oiCcy": "2.5"}
    assert interest(wire, okx("open-interest", SWAP, ts=str(wire.ms), **told)) == [
        (Decimal("2.5"), 250, None, ["notional"])
    ]
    wire.wait(1).feed(okx("tickers", SWAP, last="80000", ts=str(wire.ms)))
    told["oi"] = "251"
    assert interest(wire, okx("open-interest", SWAP, ts=str(wire.ms), **told)) == [
        (Decimal("2.5"), 251, 200000, ["notional"])
    ]
    wire.wait(1).feed(okx("mark-price", SWAP, markPx="80001", ts=str(wire.ms)))
    told["oi"] = "252"
    assert interest(wire, okx("open-interest", SWAP, ts=str(wire.ms), **told)) == [
        (Decimal("2.5"), 252, Decimal("200002.5"), ["notional"])
    ]
    told["oi"], told["oiUsd"] = "253", "200005.1"
    assert interest(wire.wait(1), okx("open-interest", SWAP, ts=str(wire.ms), **told)) == [
        (Decimal("2.5"), 253, Decimal("200005.1"), [])
    ]


def test_open_interest_of_an_inverse_contract() -> None:
    wire = Wire(OKX)
    wire.feed(okx("mark-price", INVERSE, markPx="80000", ts=str(wire.ms)))
    told = {"oi": "12000", "oiCcy": "15", "ts": str(wire.ms)}
    assert interest(wire, okx("open-interest", INVERSE, **told)) == [
        (15, 12000, 1200000, ["notional"])
    ]


def test_a_value_of_before_does_not_stand_beside_a_new_amount() -> None:
    """Bybit's answer tells the amount alone; the value that tickers told is of another one."""
    wire = Wire(BYBIT)
    wire.feed(ticker(wire.ms))
    row = {"singleOpenInterest": "5000", "timestamp": str(wire.wait(400).ms)}
    said = wire.poll("open_interest", answer(wire.ms, [row], category="linear", symbol="SOLUSDT"))
    assert of_kind(said[1], "open_interest")[0]["notional"] == Decimal("181.43") * 5000
    assert of_kind(said[1], "open_interest")[0]["derived"] == ["contracts", "notional"]
    told = {"singleOpenInterest": "5001", "singleOpenInterestValue": "907000"}
    assert interest(wire.wait(1), delta(wire.ms, **told)) == [(5001, 5001, 907000, ["contracts"])]


# ---- funding ----------------------------------------------------------------------------

H = 3_600_000  # in ms


def hours(wire: Wire, at: int, next_ms: int, **fields: Any) -> Any:
    """The interval that is known once a mark price of `at` has said when funding is next."""
    wire.now = at * MS
    rate = f"0.0{at % 10**9}"  # another one each time, so that it is said
    [message] = of_kind(wire.feed(funded(at, next_ms, rate, **fields)), "funding")
    assert message["next_funding"] == next_ms * MS
    return message["interval_hours"]


def test_the_funding_interval_is_the_spacing_where_the_venue_does_not_tell_it() -> None:
    wire, t = Wire(USDM), FUNDED_MS
    assert hours(wire, t - 1000, t) is None
    assert hours(wire, t + 1, t + 8 * H) == 8
    assert hours(wire, t + 7 * H, t + 8 * H) == 8
    assert hours(wire, t + 8 * H - 5, t + 12 * H) == 4, "told some ms before it is due"
    assert hours(wire, t + 12 * H + 9, t + 16 * H) == 4
    assert hours(wire, t + 16 * H, t + 17 * H + 3) == 1, "times of funding may be off by some ms"


@pytest.mark.parametrize(
    ("at", "then"),
    [
        (8 * H, 16 * H),  # a whole interval was not heard of
        (2 * H, 4 * H),  # told two hours after it was due: there may have been one between
        (-3 * H, 8 * H),  # the coming one is put off
        (-3 * H, -2 * H),  # or sooner
        (1, 8 * H + 90_000),  # no whole hours
        (1, 25 * H),
        (1, 1),
        (1, 30 * 24 * H),
    ],
)
def test_a_funding_interval_is_never_taken_from_nonsense(at: int, then: int) -> None:
    wire, t = Wire(USDM), FUNDED_MS
    assert hours(wire, t - 4 * H, t) is None
    assert hours(wire, t + at, t + then) is None


def test_a_told_interval_stays_until_another_is_told_or_seen() -> None:
    wire, t = Wire(USDM), FUNDED_MS
    info = '[{"symbol":"BTCUSDT","fundingIntervalHours":4},{"symbol":"OTHER","x":1}]'
    assert hours(wire, t - 9, t) is None
    assert wire.poll("funding_interval", info) == ("", [])
    assert hours(wire, t - 8, t) == 4
    assert hours(wire, t + 8, t + 8 * H) == 8
    assert wire.poll("funding_interval", info) == ("", [])
    assert hours(wire, t + 9, t + 8 * H) == 4


def test_an_interval_of_the_list_of_instruments_is_the_first_word() -> None:
    wire = Wire(OKX)
    number = wire.number(SWAP)
    add: dict[str, Any] = {"exchange": "okx", "symbol": "BTCUSDT-PERP", "price_step": "0.1",
                           "qty_step": "0.01", "contract": "0.01", "market": "linear"}  # fmt: skip
    assert wire.engine.add_instrument(OKX, SWAP, funding_hours=2, **add) == number

    def said(**fields: str) -> Any:
        frame = okx("funding-rate", SWAP, ts=str(wire.wait(1).ms), **fields)
        return of_kind(wire.feed(frame), "funding")[0]["interval_hours"]

    row = {"fundingRate": "0.001", "fundingTime": str(FUNDED_MS)}
    assert said(**row, nextFundingTime="") == 2, "a time that is not told erases nothing"
    row["fundingRate"] = "0.002"
    assert said(**row, nextFundingTime=str(FUNDED_MS + 4 * H)) == 4
    row["fundingRate"] = "0.003"
    assert said(**row) == 4
    wire.engine.add_instrument(OKX, SWAP, funding_hours=2, **add)
    row["fundingRate"] = "0.004"
    assert said(**row) == 4, "the list of instruments is older than what was told"
    wire.now = FUNDED_MS * MS
    row |= {"fundingRate": "0.005", "fundingTime": str(FUNDED_MS + H), "nextFundingTime": ""}
    assert said(**row) == 1, "the spacing seen, as the row does not tell it"


def test_a_dated_future_says_no_funding() -> None:
    wire = Wire(USDM)
    said = wire.feed(mark(wire.ms, "100", i="99", r="", T=0))
    assert [message["type"] for message in said] == ["mark_price", "index_price"]
    outcome, said = wire.poll("mark_price", premium(wire.ms + 1))
    assert outcome == ""
    assert [message["type"] for message in said] == ["mark_price", "index_price"]
    assert wire.count("reports") == 2


def test_a_prediction_is_said_where_it_is_told() -> None:
    wire = Wire(OKX)
    row = {"fundingRate": "0.001", "fundingTime": str(FUNDED_MS), "ts": str(wire.ms)}
    outcome, said = wire.poll(
        "funding", okx_body({"instId": SWAP, "nextFundingRate": "0.002", **row})
    )
    assert outcome == ""
    assert of_kind(said, "funding")[0]["predicted"] == Decimal("0.002")
    row["ts"] = str(wire.ms + 1)
    _, said = wire.poll("funding", okx_body({"instId": SWAP, "nextFundingRate": "", **row}))
    assert "predicted" not in of_kind(said, "funding")[0]


# ---- tickers ----------------------------------------------------------------------------


def test_the_change_of_a_day_is_a_fraction() -> None:
    """OKX does not tell it; Binance tells percent."""
    wire = Wire(OKX)
    frame = okx("tickers", SWAP, last="10100", open24h="10300", ts=str(wire.ms))
    [message] = of_kind(wire.feed(frame), "ticker")
    assert message["change_pct"] == Decimal("-0.01941748")  # of -0.0194174757...
    frame = okx("tickers", SWAP, last="10100", open24h="", ts=str(wire.wait(1).ms))
    assert of_kind(wire.feed(frame), "ticker")[0]["change_pct"] is None
    wire = Wire(BYBIT)
    assert of_kind(wire.feed(ticker(wire.ms)), "ticker")[0]["change_pct"] == Decimal("0.0131")
    wire = Wire(USDM)
    assert of_kind(wire.feed(day(wire.ms, P="-0.855")), "ticker")[0]["change_pct"] == Decimal(
        "-0.00855"
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_ticker_of_changes_is_the_ticker_told_whole(data: st.DataObject) -> None:
    """Whatever the changes were, what stands at the end is what a snapshot would have told."""
    keys = sorted(TICKER.keys() - {"symbol", "nextFundingTime", "fundingIntervalHour"})
    number = st.integers(1, 10**6).map(str)
    changes = st.dictionaries(st.sampled_from(keys), number, min_size=1, max_size=4)
    wire = Wire(BYBIT)
    state = dict(TICKER)
    last: dict[str, Told] = {}
    last |= {message["type"]: message for message in wire.feed(ticker(wire.ms))}
    for change in data.draw(st.lists(changes, max_size=12)):
        state |= change
        said = wire.wait(0.1).feed(delta(wire.ms, **change))
        last |= {message["type"]: message for message in said}
    whole = Wire(BYBIT)
    told = {message["type"]: message for message in whole.feed(ticker(whole.ms, **state))}
    assert last == told
