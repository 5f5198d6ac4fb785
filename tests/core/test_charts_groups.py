"""Which instruments have candles, which of them join, and what is published."""

from __future__ import annotations

from decimal import Decimal

import pytest

from p9core.analytics.candles import TIMEFRAMES
from tests.models.candles import WIDTHS

from .charts_kit import (
    ALONE,
    BINANCE,
    BYBIT,
    INVERSE,
    MINUTE,
    MS,
    OKX,
    PEPE,
    PEPE_BINANCE,
    PEPE_BYBIT,
    PEPE_OKX,
    SECOND,
    START,
    Kit,
    Message,
    Name,
    Print,
)

# ---- who is in a group ----------------------------------------------------------------------


def minute_of(kit: Kit, *rows: tuple[Name, Print]) -> list[Message]:
    """The closed 1m bars of the minute at START, in which these are the prints."""
    for name, one in rows:
        kit.trade(name, one.ts + 10 * MS, one)
    kit.timers(START + MINUTE, 4)
    return [bar for bar in kit.candles(timeframe="1m") if bar["closed"]
            and bar["open_time"] == START]  # fmt: skip


def test_contracts_are_multiplied_out() -> None:
    bars = minute_of(
        Kit([BINANCE, OKX]),
        (BINANCE, Print(START, "64000.5", "0.5", 1, 3)),
        (OKX, Print(START + SECOND, "64001", "250", -1, 2)),  # of 0.01 BTC
    )
    by = {bar["exchange"]: bar for bar in bars}
    assert (by["okx"]["volume"], by["okx"]["quote_volume"]) == (Decimal("2.5"), Decimal("160002.5"))
    assert by["all"] | {"seq": 0, "prev": 0, "ts_pub": 0, "exchange": ""} == {
        **by["okx"], "seq": 0, "prev": 0, "ts_pub": 0, "exchange": "", "open": Decimal("64000.5"),
        "volume": 3, "buy_volume": Decimal("0.5"), "quote_volume": Decimal("192002.75"),
        "low": Decimal("64000.5"), "high": 64001, "close": 64001, "delta": -2,
        "delta_max": Decimal("0.5"), "delta_min": -2, "trades": 5,
        "vwap": Decimal("64000.916666667"),
    }  # fmt: skip


def test_multiplied_names_join_in_the_underlying() -> None:
    bars = minute_of(
        Kit([PEPE_BINANCE, PEPE_BYBIT, PEPE_OKX]),
        (PEPE_BINANCE, Print(START, "0.0091234", "5", 1)),
        (PEPE_BYBIT, Print(START + MS, "0.0091235", "100", -1)),
        (PEPE_OKX, Print(START + 2 * MS, "0.000009125", "0.1", 1)),
    )
    assert [(bar["exchange"], bar["symbol"]) for bar in bars] == [
        ("binance", "1000PEPEUSDT-PERP"), ("bybit", "1000PEPEUSDT-PERP"), ("all", PEPE),
        ("okx", PEPE),
    ]  # fmt: skip
    total = bars[2]
    assert (total["open"], total["close"]) == (Decimal("0.0000091234"), Decimal("0.000009125"))
    assert (total["volume"], total["buy_volume"]) == (1_105_000, 1_005_000)
    assert total["quote_volume"] == Decimal("0.045617") + Decimal("0.91235") + Decimal("9.125")


def test_one_exchange_is_no_group() -> None:
    twin = ALONE._replace(venue_id="ETHUSDTX", symbol="ETHUSDTX")
    kit = Kit([ALONE, twin, BINANCE])
    kit.add(ALONE)  # told once more by a listing
    for name in (ALONE, twin, BINANCE):
        kit.trade(name, START, Print(START, "3300", "1", 1))
    kit.timers(START, 3)
    assert {bar["exchange"] for bar in kit.candles()} == {"binance"}
    # another exchange: then both of the first are in it, whichever came first
    other = Name("bybit:spot", "ETHUSDT", "ETHUSDT", "0.01", "0.01", group="ETHUSDT", market="spot")
    kit.add(other)
    for number, name in enumerate((ALONE, twin, other)):
        kit.trade(name, START + 4 * SECOND, Print(START + 4 * SECOND, "3300", str(number + 1), 1))
    kit.timers(START + 4 * SECOND, 3)
    assert max(bar["volume"] for bar in kit.candles("all", "1m")) == 6


def test_a_group_has_up_to_sixteen() -> None:
    names = [BINANCE] + [BYBIT._replace(venue_id=f"BTC{i}", symbol=f"B{i}") for i in range(20)]
    kit = Kit(names)
    for name in names:
        kit.trade(name, START, Print(START, "64000", "1", 1))
    kit.timers(START, 3)
    assert max(bar["volume"] for bar in kit.candles("all", "1m")) == 16


@pytest.mark.parametrize("multiplier", [3, 999, 1001, 2**31 - 1])
def test_no_power_of_ten_joins_nothing(multiplier: int) -> None:
    kit = Kit([BINANCE, BYBIT._replace(multiplier=multiplier)])
    for name in kit.numbers:
        kit.trade(name, START, Print(START, "64000", "1", 1))
    kit.timers(START, 3)
    assert {bar["exchange"] for bar in kit.candles()} == {"binance", "bybit"}


def test_a_million_a_unit() -> None:
    million = Name(
        "binance:linear", "1MBABYDOGEUSDT", "1MBABYDOGEUSDT-PERP", "0.0000001", "1", group="D",
        multiplier=10**6,
    )  # fmt: skip
    other = Name("okx", "BABYDOGE-USDT-SWAP", "D", "0.0000000000001", "1", "1000", group="D")
    bars = minute_of(
        Kit([million, other]),
        (million, Print(START, "0.0010001", "2", 1)),
        (other, Print(START, "0.0000000010001", "3", -1)),
    )
    total = next(bar for bar in bars if bar["exchange"] == "all")
    assert (total["high"], total["low"]) == (Decimal("1.0001E-9"), Decimal("1.0001E-9"))
    assert (total["volume"], total["delta"]) == (2_003_000, 1_997_000)


def test_inverse_contracts_have_none() -> None:
    kit = Kit([INVERSE])
    kit.trade(INVERSE, START, Print(START, "64000", "1", 1))
    kit.timers(START, 3)
    assert kit.lines() == []


def test_what_is_no_match_of_the_market_is_left_out() -> None:
    fund = BINANCE._replace(market="linear")
    kit = Kit([fund, BYBIT])
    one = Print(START, "64000", "1", 1)
    kit.trade(BYBIT, START, one, one._replace(flags="block", qty="100", price="70000"),
              one._replace(flags="rpi", qty="2"))  # fmt: skip
    kit.timers(START, 3)
    bar = kit.candles("bybit", "1m")[-1]
    assert (bar["volume"], bar["high"], bar["trades"]) == (3, 64000, 2)
    kit.trade(fund, START + 4 * SECOND, one._replace(flags="fund", ts=START + 4 * SECOND))
    kit.timers(START + 4 * SECOND, 3)
    assert kit.count(fund, "off_book") == 1
    assert kit.candles("binance") == []


# ---- settings -------------------------------------------------------------------------------


def test_timeframes_and_feeds_are_chosen() -> None:
    kit = Kit([BINANCE], timeframes=("1m", "1s"))
    now = START

    def said() -> set[str]:
        nonlocal now
        for _ in range(20):
            now += 100 * MS
            kit.trade(BINANCE, now, Print(now, "64000", "1", 1))
            kit.engine.on_timer(now)
        return {bar["timeframe"] for bar in kit.candles()}

    assert said() == {"1s", "1m"}
    kit.engine.set_timeframes(("5m", "1w"))
    assert said() == {"5m", "1w"}
    before = kit.count(BINANCE, "candles")
    kit.engine.set_feeds(("trade",), now)
    assert said() == set()
    assert kit.count(BINANCE, "candles") == before
    kit.engine.set_feeds(("candles",), now)
    assert said() == {"5m", "1w"}
    kit.engine.set_timeframes(TIMEFRAMES)
    assert said() == set(TIMEFRAMES)
    with pytest.raises(ValueError, match="2m"):
        kit.engine.set_timeframes(("2m",))


def test_widths_are_those_of_the_names() -> None:
    kit = Kit([BINANCE])
    now = START
    for _ in range(30):
        now += 100 * MS
        kit.trade(BINANCE, now, Print(now, "64000", "1", 1))
        kit.engine.on_timer(now)
    bars = kit.candles()
    assert {bar["timeframe"]: bar["close_time"] - bar["open_time"] for bar in bars} == WIDTHS
