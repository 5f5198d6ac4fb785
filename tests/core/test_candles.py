"""Candles against lists of prints: any order of events, several venues, seeds, real recordings."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p9core.analytics.candles import TIMEFRAMES, Candles
from tests.models.candles import DAY, HOUR, MINUTE, SECOND, WIDTHS, CandlesModel, bucket, quantiles
from tests.models.numbers import canonical, decimals, mantissa
from tests.models.rebuild import entries

FULL = bool(os.environ.get("P9_FULL"))
MS = 1_000_000
SUNDAY = 1_786_320_000 * SECOND - DAY // 2  # 2026-08-09 12:00 UTC
MONDAY = bucket("1w", SUNDAY) + 7 * DAY

Bar = dict[str, Any]


class Pair:
    """Candles and their model, compared after every step."""

    def __init__(self, members: int = 1) -> None:
        self.members = members
        self.candles = Candles(2, 3, members)
        self.model = CandlesModel(members)

    def do(self, step: str, *arguments: Any) -> list[Bar]:
        said = getattr(self.candles, step)(*arguments)
        assert said == getattr(self.model, step)(*arguments), (step, arguments)
        return said or []

    def trade(
        self, ts: int, px: int, qty: int, side: int, count: int = 1, member: int = 0
    ) -> list[Bar]:
        said = self.candles.trade(ts, px, qty, side, count, 0, member)
        assert said == self.model.trade(ts, px, qty, side, count, member), (ts, px, qty, side)
        return said

    def check(self) -> None:
        assert self.candles.bars() == self.model.bars()
        late = {name: one.late for name, one in self.model.series.items()}
        skipped = {name: one.skipped for name, one in self.model.series.items()}
        if late:
            assert self.candles.late_dropped == late
            assert self.candles.skipped == skipped


def text(value: int, exponent: int) -> str:
    return canonical(Decimal(value).scaleb(-exponent))


def candle(venue: Bar, timeframe: str, start: int, closed: bool = False) -> Bar:
    """What the venue tells, as text, of mantissas at 2 and 3 decimals."""
    exponents = {"volume": 3, "buy_volume": 3, "quote_volume": 5, "trades": None}
    told = {
        key: value
        if value is None or exponents.get(key, 2) is None
        else text(value, exponents.get(key, 2) or 0)
        for key, value in venue.items()
    }
    return {"timeframe": timeframe, "open_time": start, "closed": closed, **told}


# --- any order of events -------------------------------------------------------------------

FORWARD = [0, 0, 1, MS, 90 * MS, 400 * MS, 999 * MS, SECOND, 3 * SECOND, MINUTE, 700 * SECOND]
BACK = [-1, -MS, -300 * MS, -SECOND, -2 * SECOND, -5 * SECOND, -MINUTE]
STEPS = st.sampled_from(FORWARD + BACK)
SIDES = st.sampled_from([1, -1])
MEMBERS = st.integers(0, 3)
TRADES = st.tuples(
    st.just("trade"), STEPS, st.integers(1, 20), st.integers(1, 5), SIDES, st.integers(1, 3),
    MEMBERS,
)  # fmt: skip
TIMERS = st.tuples(st.just("advance"), STEPS, st.lists(STEPS | st.none(), min_size=4, max_size=4))
SIZES = st.tuples(st.integers(1, 30), st.integers(0, 1), st.integers(1, 500))
EVENTS = st.lists(
    TRADES
    | TRADES
    | TIMERS
    | st.tuples(st.just("running"), STEPS)
    | st.tuples(st.just("member_live"), MEMBERS, st.booleans())
    | st.tuples(st.just("seed"), st.sampled_from(TIMEFRAMES), SIZES, st.booleans(), st.booleans()),
    max_size=40,
)
STARTS = st.sampled_from([SUNDAY, MONDAY - SECOND, MONDAY - 1, MONDAY, MONDAY - 7 * HOUR + MS])


def seed(pair: Pair, timeframe: str, sizes: tuple[int, int, int], told: bool, off: bool) -> None:
    volume, bought, quote = sizes
    if not pair.model.series:
        return
    start = pair.model.series[timeframe].now - off
    venue: Bar = {"open": 7, "high": 25, "low": 3, "close": 9, "volume": volume}
    venue |= {"quote_volume": quote, "buy_volume": bought if told else None}
    venue |= {"trades": 4 if told else None}
    done = pair.candles.seed(candle(venue, timeframe, start))
    assert done == pair.model.seed(timeframe, start, venue)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([1, 1, 2, 4]), STARTS, EVENTS)
def test_any_order_of_events(members: int, start: int, events: list[tuple[Any, ...]]) -> None:
    pair = Pair(members)
    now = recv = start
    for event in events:
        if event[0] == "trade":
            _, step, px, qty, side, count, member = event
            pair.trade(now + step, px, qty, side, count, member % members)
            now = max(now, now + step)
        elif event[0] == "advance":
            until = [None if lag is None else now + event[1] + lag for lag in event[2][:members]]
            pair.do("advance", until)
        elif event[0] == "running":
            recv += event[1]
            pair.do("running", recv)
        elif event[0] == "member_live":
            pair.do("member_live", event[1] % members, event[2])
        else:
            seed(pair, *event[1:])
        pair.check()


@pytest.mark.parametrize("members", [1, 3, 16])
@pytest.mark.parametrize("seed", range(3))
def test_a_long_run(seed: int, members: int) -> None:
    """Venues with a delay of each own, bursts of one time, a day boundary, quiet hours."""
    random = Random(seed)
    pair = Pair(members)
    now = MONDAY - 10 * MINUTE
    delays = [random.choice([0, 20 * MS, 300 * MS, 900 * MS]) for _ in range(members)]
    for _ in range(1500):
        now += random.choice([0, 0, MS, 30 * MS, 200 * MS, SECOND])
        if random.random() < 0.003:
            now += random.choice([MINUTE, HOUR, 30 * HOUR])
        member = random.randrange(members)
        ts = now - delays[member] - random.choice([0, 0, 0, 50 * MS, 3 * SECOND])
        pair.trade(ts, random.randint(900, 1100), random.randint(1, 50), random.choice([1, -1]))
        if random.random() < 0.2:
            pair.do("advance", [now - delay - 100 * MS for delay in delays])
        if random.random() < 0.1:
            pair.do("running", now)
        if random.random() < 0.01:
            pair.do("member_live", member, random.random() < 0.5)
    pair.check()
    assert sum(pair.candles.late_dropped.values()) > 0


# --- buckets and their closing -------------------------------------------------------------


def test_buckets_are_utc_and_weeks_begin_on_monday() -> None:
    candles = Candles(0, 0)
    candles.trade(SUNDAY + 12_345 * MS, 1, 1, 1)
    starts = {bar["timeframe"]: bar["open_time"] for bar in candles.bars()}
    assert tuple(starts) == TIMEFRAMES == tuple(WIDTHS)
    assert starts["1w"] == 1_785_715_200 * SECOND  # 2026-08-03, a Monday
    assert starts["1d"] == 1_786_233_600 * SECOND
    assert starts["5s"] == SUNDAY + 10 * SECOND


def test_nothing_before_the_first_trade() -> None:
    pair = Pair()
    assert pair.do("advance", [SUNDAY]) == []
    assert pair.do("running", SUNDAY) == []
    assert pair.do("bars") == []
    # the timer was there before it: its bars are closed at once
    closed = pair.trade(SUNDAY - 3 * SECOND, 5, 1, 1)
    assert [bar["open_time"] for bar in closed if bar["timeframe"] == "1s"] == [
        SUNDAY - k * SECOND for k in (3, 2, 1)
    ]


def test_one_moment_closes_the_shortest_first_and_fills_what_is_empty() -> None:
    pair = Pair()
    pair.trade(MONDAY - 12 * SECOND, 50, 4, -1)
    closed = pair.do("advance", [MONDAY])
    ends = [(bar["close_time"], TIMEFRAMES.index(bar["timeframe"])) for bar in closed]
    assert ends == sorted(ends)
    assert [name for _, name in ends[-12:]] == list(range(12))
    assert len(closed) == 12 + 3 + 10  # twelve of 1s, three of 5s, one of each other
    empty = [bar for bar in closed if not bar["volume"]]
    assert len(empty) == 11 + 2
    for bar in empty:
        assert [bar[key] for key in ("open", "high", "low", "close")] == [50] * 4
        assert (bar["trades"], bar["q"]) == (0, "ok")
    assert {bar["q"] for bar in closed if bar["volume"]} == {"warming"}
    assert pair.do("advance", [MONDAY]) == []


def test_a_jump_of_days_emits_no_more_than_the_newest_empty_bars() -> None:
    pair = Pair()
    pair.trade(SUNDAY, 50, 4, -1)
    said = pair.trade(SUNDAY + 3 * DAY, 60, 1, 1)
    seconds = [bar["open_time"] for bar in said if bar["timeframe"] == "1s"]
    assert len(seconds) == 1 + 512
    assert seconds[1:] == [SUNDAY + 3 * DAY - k * SECOND for k in range(512, 0, -1)]
    assert pair.candles.skipped["1s"] == 3 * 86400 - 1 - 512
    assert pair.candles.skipped["1d"] == 0
    assert [bar["close"] for bar in said] == [50] * len(said)
    pair.check()


def test_a_late_print_amends_what_closed_less_than_two_seconds_ago() -> None:
    pair = Pair()
    pair.trade(SUNDAY + 100 * MS, 50, 4, 1)
    pair.trade(SUNDAY + 1200 * MS, 52, 1, 1)
    said = pair.trade(SUNDAY + 999 * MS, 40, 6, -1, 2)
    assert [(bar["timeframe"], bar["rev"], bar["closed"]) for bar in said] == [("1s", 1, True)]
    assert [said[0][key] for key in ("low", "close", "delta", "delta_max", "delta_min")] == [
        40, 40, -2, 4, -2,
    ]  # fmt: skip
    assert pair.trade(SUNDAY - 1, 40, 1, 1) == []  # before the first bucket of all up to 4h
    assert list(pair.candles.late_dropped.values()) == [1] * 10 + [0] * 2
    pair.trade(SUNDAY + 5 * SECOND, 50, 1, 1)
    assert [bar["rev"] for bar in pair.trade(SUNDAY + 4999 * MS, 51, 1, 1)] == [1, 1]
    pair.trade(SUNDAY + 7 * SECOND - 1, 50, 1, 1)
    assert [bar["timeframe"] for bar in pair.trade(SUNDAY + 4999 * MS, 51, 1, 1)] == ["5s"]
    pair.trade(SUNDAY + 7 * SECOND, 50, 1, 1)
    assert pair.trade(SUNDAY + 4999 * MS, 51, 1, 1) == []
    pair.check()


def test_a_late_print_moves_the_empty_bar_behind_it() -> None:
    pair = Pair()
    pair.trade(SUNDAY, 50, 4, 1)
    pair.do("advance", [SUNDAY + SECOND])
    pair.trade(SUNDAY + 1, 70, 1, 1)
    filled = pair.do("advance", [SUNDAY + 2 * SECOND])
    assert [bar["close"] for bar in filled] == [70]


def test_running_bars_once_a_second() -> None:
    pair = Pair()
    pair.trade(SUNDAY, 50, 4, 1)
    assert len(pair.do("running", SUNDAY)) == 11
    assert pair.do("running", SUNDAY + SECOND) == []  # nothing has changed
    pair.trade(SUNDAY + 1, 51, 1, 1)
    assert pair.do("running", SUNDAY + SECOND - 1) == []
    assert [bar["timeframe"] for bar in pair.do("running", SUNDAY + SECOND)] == list(TIMEFRAMES[1:])
    pair.trade(SUNDAY + 2, 52, 1, 1)
    assert len(pair.do("running", SUNDAY - HOUR)) == 11  # the receive clock was set back


def test_several_venues_wait_for_the_slowest_half_a_second_at_most() -> None:
    pair = Pair(2)
    pair.trade(SUNDAY + 900 * MS, 50, 1, 1, 1, 0)
    assert pair.trade(SUNDAY + 1200 * MS, 60, 1, 1, 1, 0) == []
    pair.trade(SUNDAY + 950 * MS, 40, 1, -1, 1, 1)
    said = pair.trade(SUNDAY + 1500 * MS, 61, 1, 1, 1, 0)
    assert [(bar["timeframe"], bar["close"]) for bar in said] == [("1s", 40)]
    assert pair.trade(SUNDAY + 1000 * MS, 41, 1, 1, 1, 1) == []
    assert pair.trade(SUNDAY + 2100 * MS, 62, 1, 1, 1, 0) == []
    pair.do("member_live", 1, False)
    said = pair.do("advance", [None, None])
    assert [(bar["timeframe"], bar["open"], bar["volume"]) for bar in said] == [("1s", 60, 3)]
    pair.check()


# --- the venue's candles -------------------------------------------------------------------

VENUE = {"open": 7, "high": 25, "low": 3, "close": 9, "volume": 30, "quote_volume": 300}


def test_a_seed_is_refused_where_it_does_not_belong() -> None:
    candles = Candles(2, 3)
    minute = candle(VENUE, "1m", SUNDAY)
    assert not candles.seed(minute)  # nothing is running
    candles.trade(SUNDAY + SECOND, 500, 5, 1)
    assert not candles.seed(candle(VENUE, "1m", SUNDAY - MINUTE))
    for key, value in [
        ("open", "0.071"), ("close", None), ("low", "0"), ("volume", "0.0301"), ("volume", "0"),
        ("volume", "-1"), ("quote_volume", None), ("quote_volume", "0.000001"),
        ("high", "92233720368547758.08"), ("volume", "1" + "0" * 36), ("buy_volume", "0.031"),
    ]:  # fmt: skip
        before = candles.bars()
        assert not candles.seed({**minute, key: value}), (key, value)
        assert candles.bars() == before
    assert candles.seed(minute)
    candles.trade(SUNDAY + MINUTE, 500, 5, 1)
    assert not candles.seed(candle(VENUE, "1m", SUNDAY + MINUTE))  # that one is complete
    with pytest.raises(ValueError, match="no decimal"):
        candles.seed({**minute, "open": "x"})
    with pytest.raises(ValueError, match="tuple"):
        candles.seed({**minute, "timeframe": "2m"})


def test_a_seeded_bar_stays_warming_until_it_closes() -> None:
    pair = Pair()
    pair.trade(SUNDAY + SECOND, 500, 5, 1)
    seed(pair, "1m", (30, 10, 300), True, False)
    pair.trade(SUNDAY + 2 * SECOND, 26, 2, -1)
    bar = next(bar for bar in pair.do("bars") if bar["timeframe"] == "1m")
    assert [bar[key] for key in ("open", "high", "low", "close")] == [7, 26, 3, 26]
    assert [bar[key] for key in ("volume", "buy_volume", "quote_volume")] == [32, 10, 352]
    assert [bar[key] for key in ("delta", "delta_max", "delta_min")] == [-12, 0, -12]
    assert (bar["trades"], bar["q"]) == (5, "warming")
    closed = pair.do("advance", [SUNDAY + 2 * MINUTE])
    assert [bar["q"] for bar in closed if bar["timeframe"] == "1m"] == ["warming", "ok"]


def test_the_residual_to_the_venues_candle() -> None:
    candles = Candles(2, 3)
    own: dict[int, Bar] = {}
    for second in range(0, 300, 7):
        ts = SUNDAY + second * SECOND
        for bar in candles.trade(ts, 100 + second, 1 + second % 5, -1 if second % 3 else 1):
            if bar["timeframe"] == "1m":
                own[bar["open_time"]] = bar
    for start, bar in own.items():
        last = own[start - MINUTE]["close"] if start > SUNDAY else 0
        venue = {key: bar[key] for key in (*VENUE, "trades")}
        told = candle(venue, "1m", start, True)
        found = candles.check(told)
        if start < SUNDAY + 2 * MINUTE:
            assert found is None  # not held any more; the first was partial
            continue
        same = {**dict.fromkeys(("open", "high", "low", "close"), True), "carried": False}
        assert found == {"volume": "0", "quote_volume": "0", "trades": 0, **same}
        assert candles.check({**told, "closed": False}) is None
        venue = {**venue, "volume": bar["volume"] + 2, "quote_volume": None, "trades": None}
        venue |= {"low": bar["low"] - 1, "open": None}
        found = candles.check(candle(venue, "1m", start, True))
        same |= {"low": False, "open": False}
        assert found == {"volume": "-0.002", "quote_volume": None, "trades": None, **same}
        finer = candles.check({**told, "volume": "0.0000001"})
        assert found is not None
        assert finer is not None
        assert Decimal(finer["volume"]) == Decimal(bar["volume"]) / 1000 - Decimal("1e-7")
        assert candles.check({**told, "volume": None}) is None
        # as Bybit has it: from the close before, which its high and low then hold
        venue = {key: bar[key] for key in VENUE} | {"open": last, "low": min(last, bar["low"])}
        found = candles.check(candle(venue, "1m", start, True))
        assert found is not None
        assert found["carried"]
        assert all(found[key] for key in ("open", "high", "low", "close"))
    assert len(own) == 4
    first = Candles(2, 3)
    first.trade(SUNDAY, 100, 1, 1)
    first.trade(SUNDAY + MINUTE, 100, 1, 1)
    venue = {"open": 100, "high": 100, "low": 100, "close": 100, "volume": 1, "quote_volume": 100}
    assert first.check(candle(venue, "1m", SUNDAY, True)) is None, "a partial bar was compared"


# --- numbers -------------------------------------------------------------------------------


def scaled(bars: list[Bar], px: int, qty: int) -> list[Bar]:
    powers = dict.fromkeys(("open", "high", "low", "close"), px)
    powers |= dict.fromkeys(("volume", "buy_volume", "delta", "delta_max", "delta_min"), qty)
    powers["quote_volume"] = px + qty
    return [{k: v * 10 ** powers[k] if k in powers else v for k, v in b.items()} for b in bars]


@settings(max_examples=60, deadline=None)
@given(st.lists(TRADES, max_size=20), st.integers(0, 6), st.integers(0, 6))
def test_rescale(trades: list[tuple[Any, ...]], px: int, qty: int) -> None:
    """Candles that were rescaled go on as candles that had those digits from the start."""
    one, other = Candles(2, 3, 2), Candles(2 + px, 3 + qty, 2)
    now = SUNDAY
    for number, (_, step, price, size, side, count, member) in enumerate(trades):
        now += max(step, 0)
        fine = number >= len(trades) // 2
        if number == len(trades) // 2:
            one.rescale(px, qty)
        rest = (side, count, 0, member % 2)
        big = other.trade(now, price * 10**px, size * 10**qty, *rest)
        if fine:
            assert one.trade(now, price * 10**px, size * 10**qty, *rest) == big
        else:
            assert scaled(one.trade(now, price, size, *rest), px, qty) == big
    assert len(trades) == 0 or one.bars() == other.bars()


@pytest.mark.parametrize(("px", "qty"), [(1, 0), (0, 18), (18, 18), (-1, 0)])
def test_rescale_that_does_not_fit_changes_nothing(px: int, qty: int) -> None:
    candles = Candles(2, 3)
    for second in range(40):
        candles.trade(SUNDAY + second * SECOND, 2**63 // 10 + 1, 2**61, 1)
    before = candles.bars()
    with pytest.raises(OverflowError):
        candles.rescale(px, qty)
    assert candles.bars() == before


def test_sums_of_the_largest_numbers() -> None:
    most = 2**63 - 1
    candles = Candles(18, 18)
    candles.trade(SUNDAY, most, most, -1)
    bar = candles.bars()[-1]
    assert (bar["quote_volume"], bar["delta_min"]) == (most * most, -most)
    candles.trade(SUNDAY, most, most, -1)
    assert candles.bars()[-1]["quote_volume"] == 2 * most * most
    candles.trade(SUNDAY, most, most, -1)
    bar = candles.bars()[-1]
    assert (bar["quote_volume"], bar["volume"], bar["delta"]) == (None, 3 * most, -3 * most)
    candles.trade(SUNDAY + SECOND, 2, 3, 1)
    assert candles.bars()[1]["quote_volume"] == 6


def test_bad_arguments() -> None:
    for arguments in ((-1, 0), (0, 19), (0, 0, 0), (0, 0, 17)):
        with pytest.raises(ValueError, match="must be in"):
            Candles(*arguments)
    candles = Candles(0, 0, 2)
    for bad in ((0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 2), (1, 1, 1, 0)):
        with pytest.raises(ValueError, match="no print"):
            candles.trade(SUNDAY, *bad)
    for times in ((-1, 1), (2**62, 1), (1, -1)):
        with pytest.raises(ValueError, match="no time"):
            candles.trade(times[0], 1, 1, 1, recv_ns=times[1])
    for member in (-1, 2):
        with pytest.raises(IndexError):
            candles.trade(SUNDAY, 1, 1, 1, member=member)
    with pytest.raises(ValueError, match="each member"):
        candles.advance([SUNDAY])
    with pytest.raises(ValueError, match="four int64"):
        candles.fold(array("q", [1, 2, 3]))
    for bad_time in (-1, 2**62):
        with pytest.raises(ValueError, match="no time"):
            candles.timer(bad_time)
        with pytest.raises(ValueError, match="no time"):
            candles.advance([bad_time, None])
    # what was wrong of a print was seen before it counted, but for a receive time
    assert [bar["trades"] for bar in candles.bars()] == [1] * 12


def test_the_promised_memory() -> None:
    assert Candles(0, 0, 16).nbytes <= 8192


# --- the lag -------------------------------------------------------------------------------


def hear(candles: Candles, recv: int, lag: int) -> None:
    candles.trade(recv - lag, 1, 1, 1, recv_ns=recv)


@pytest.mark.parametrize("offset", [0, -1270 * MS, 3 * SECOND, -HOUR, 12 * HOUR])
@pytest.mark.parametrize("spread", [2, 30, 400])
def test_the_bound_of_the_lag(offset: int, spread: int) -> None:
    """Never below the exact one, above it by less than the width of its bins."""
    random = Random(spread)
    candles = Candles(0, 0)
    assert candles.lag_ns() is None
    recv = SUNDAY
    messages: list[tuple[int, int]] = []
    for number in range(3000):
        recv += random.choice([0, 10 * MS, 100 * MS, SECOND])
        scale = spread * (1 if number < 1500 else 3)  # what was goes out of the memory
        lag = offset + int(random.lognormvariate(0, 1) * scale * MS)
        messages.append((recv, lag))
        hear(candles, recv, lag)
        bound = candles.lag_ns()
        assert bound is not None
        if number < 19:
            assert bound == max(lag for _, lag in messages) + SECOND
        elif number in (500, 1600, 2000, 2999):
            high = quantiles(messages, Fraction(99, 100))
            middle = quantiles(messages, Fraction(1, 2))
            least, most = (max(high[end] + 50 * MS, middle[end] + 100 * MS) for end in (0, 1))
            width = 2 * (MS + (high[1] - middle[0] + 136 * MS) // 16)
            assert least <= bound <= most + width, number


def test_a_clock_that_was_set_is_learned_anew() -> None:
    candles = Candles(0, 0)
    for number in range(300):
        hear(candles, SUNDAY + number * 100 * MS, 80 * MS)
    assert candles.lag_ns() == 181 * MS
    # one that is very late says little, twenty in a row that a clock is another
    later = SUNDAY + 30 * SECOND
    bounds = []
    for number in range(40):
        hear(candles, later + number * 100 * MS, HOUR)
        bounds.append(candles.lag_ns())
    assert bounds[0] == 181 * MS
    assert bounds[5:19] == [(80 + 2**15 + 50) * MS] * 14
    assert bounds[19:38] == [HOUR + SECOND] * 19
    assert bounds[38:] == [HOUR + 101 * MS] * 2
    # a shorter way, to where bins are a second wide: they follow the median, and are fine again
    for number in range(5000):
        hear(candles, later + HOUR + number * SECOND, HOUR + 21_300 * MS)
    bound = candles.lag_ns()
    assert bound is not None
    assert 100 * MS <= bound - HOUR - 21_300 * MS <= 109 * MS


@pytest.mark.parametrize("offset", [0, -1270 * MS, 3 * SECOND, 10**5 * SECOND])
def test_the_timer_knows_no_sign_of_the_lag(offset: int) -> None:
    candles, model = Candles(0, 0), CandlesModel()
    assert candles.timer(SUNDAY) == []
    ts = SUNDAY
    for number in range(60):
        ts += 90 * MS
        recv = ts + offset + (number % 7) * 10 * MS
        assert candles.trade(ts, 5, 1, 1, recv_ns=recv) == model.trade(ts, 5, 1, 1)
        lag = candles.lag_ns()
        assert lag is not None
        assert candles.timer(recv) == model.advance([recv - lag])
    end = SUNDAY + 6 * SECOND
    assert candles.lag_ns() == offset + 131 * MS  # p50 is 30 ms, p99 60 ms
    assert candles.timer(end + offset + 130 * MS) == []
    closed = candles.timer(end + offset + 131 * MS)
    assert [bar["open_time"] for bar in closed] == [end - SECOND]


# --- recordings ----------------------------------------------------------------------------


class Tape(NamedTuple):
    """Prints and candles of one instrument, in the order they came."""

    px_exp: int
    qty_exp: int
    rows: list[Any]  # Row or a candle


class Row(NamedTuple):
    recv: int
    ts: int
    px: str
    qty: str
    side: int
    first: int  # ids of its fills, 0 where there are none
    last: int


def rows_of(recv: int, frame: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a frame says: prints, candles of a minute."""
    data = frame.get("data", frame)
    topic = frame.get("topic", "") or frame.get("arg", {}).get("channel", "")
    kind = data.get("e") if isinstance(data, dict) else None
    if kind in ("trade", "aggTrade") and data.get("X", "MARKET") == "MARKET":
        ids = (data["f"], data["l"]) if kind == "aggTrade" else (data["t"], data["t"])
        yield data["s"], Row(recv, data["T"], data["p"], data["q"], -1 if data["m"] else 1, *ids)
    elif kind == "kline":
        k = data["k"]
        yield data["s"], {
            "open": k["o"], "high": k["h"], "low": k["l"], "close": k["c"], "volume": k["v"],
            "quote_volume": k["q"], "buy_volume": k["V"], "trades": k["n"], "closed": k["x"],
            "timeframe": "1m", "open_time": k["t"] * MS, "first": k["f"], "last": k["L"],
        }  # fmt: skip
    elif topic.startswith("publicTrade."):
        for one in data:
            side = 1 if one["S"] == "Buy" else -1
            yield one["s"], Row(recv, one["T"], one["p"], one["v"], side, 0, 0)
    elif topic.startswith("kline.1."):
        for one in data:
            yield topic.rpartition(".")[2], {
                **{key: one[key] for key in ("open", "high", "low", "close", "volume")},
                "quote_volume": one["turnover"], "closed": one["confirm"], "timeframe": "1m",
                "open_time": one["start"] * MS, "until": one["timestamp"],
            }  # fmt: skip
    elif topic == "trades" and isinstance(data, list):
        for one in data:
            side = 1 if one["side"] == "buy" else -1
            yield one["instId"], Row(recv, int(one["ts"]), one["px"], one["sz"], side, 0, 0)


def tapes(path: Path) -> dict[str, Tape]:
    if not path.is_file():
        pytest.skip(f"no {path}")
    found: dict[str, list[Any]] = {}
    for entry in entries(path):
        if entry.kind == "frame" and entry.raw.startswith(b"{"):
            frame = json.loads(entry.raw)
            if isinstance(frame.get("data", {}), dict | list):
                for name, row in rows_of(entry.recv_ns, frame):
                    found.setdefault(name, []).append(row)
    out = {}
    for name, rows in found.items():
        prints = [row for row in rows if isinstance(row, Row)]
        if prints:
            px = max(decimals(row.px) for row in prints)
            qty = max(decimals(row.qty) for row in prints)
            out[name] = Tape(px, qty, rows)
    return out


def values(tape: Tape, row: Row) -> tuple[int, int, int, int]:
    return (
        row.ts * MS, mantissa(row.px, tape.px_exp), mantissa(row.qty, tape.qty_exp), row.side,
    )  # fmt: skip


FILES = [
    "binance/spot/btcusdt_2024-08-08_09",
    "binance/spot/btcusdt_2023-04-05_no_snapshot",
    "binance/spot/ten_alts_2021-04-05",
    "binance/usdm/btcusdt_2024-08-08",
    "binance/usdm/five_alts_2021-04-05",
    "binance/usdm/four_alts_klines_2021-07-22",
    "bybit/linear/btcusdt_solusdt_2026-08-09",
    "bybit/spot/btcusdt_2026-08-09",
    "okx/books_btcusdt_uniusdswap_2022-05-13",
    "okx/ten_instruments_l2tbt_2022-02-27",
]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.timeout(600)
def test_recorded_trades(recordings: Path, name: str) -> None:
    """The receive clock drives the timer, as it does live."""
    folded = 0
    for tape in tapes(recordings / f"{name}.jsonl.gz").values():
        candles, model = Candles(tape.px_exp, tape.qty_exp), CandlesModel()
        rows = [row for row in tape.rows if isinstance(row, Row)]
        for row in islice(rows, None if FULL else 3000):
            ts, px, qty, side = values(tape, row)
            lag = candles.lag_ns()
            if lag is not None:
                assert candles.timer(row.recv) == model.advance([row.recv - lag])
            count = row.last - row.first + 1
            said = candles.trade(ts, px, qty, side, count, row.recv)
            assert said == model.trade(ts, px, qty, side, count)
            folded += 1
            if folded % 100 == 0:
                assert candles.running(row.recv) == model.running(row.recv)
        assert candles.bars() == model.bars()
        assert candles.late_dropped == {key: one.late for key, one in model.series.items()}
        every = Candles(tape.px_exp, tape.qty_exp)
        every.fold(array("q", [one for row in rows for one in values(tape, row)]))
        if FULL or len(rows) <= 3000:
            last, other = candles.bars()[-1], every.bars()[-1]
            assert {**last, "trades": 0} == {**other, "trades": 0}
    assert folded > 0


PRICES = ("open", "high", "low", "close")


def differences(tape: Tape, own: Bar, venue: Bar, before: int | None) -> list[str]:
    """Keys that the venue tells otherwise. `before`, the close before the bar: Bybit begins a
    candle at that, and its high and low hold it."""
    own = dict(own)
    if before is not None:
        own |= {"open": before, "high": max(own["high"], before), "low": min(own["low"], before)}
    exponents = dict.fromkeys(PRICES, tape.px_exp)
    exponents |= dict.fromkeys(("volume", "buy_volume"), tape.qty_exp)
    exponents |= {"quote_volume": tape.px_exp + tape.qty_exp, "trades": 0}
    return [
        key
        for key, exponent in exponents.items()
        if key in venue and Decimal(own[key]).scaleb(-exponent) != Decimal(venue[key])
    ]


def minute(candles: Candles, start: int) -> Bar:
    return next(
        bar for bar in candles.bars() if bar["timeframe"] == "1m" and bar["open_time"] == start
    )


def parted(tape: Tape, venue: Bar) -> tuple[list[Row], list[Row]] | None:
    """Prints of the venue's minute that are in its candle, and those behind it. None where that
    cannot be told: the candle ends inside a print, or less than 100 ms after one."""
    rows = [row for row in tape.rows if isinstance(row, Row)]
    rows = [row for row in rows if bucket("1m", row.ts * MS) == venue["open_time"]]
    if "last" in venue:
        within = [row for row in rows if row.last <= venue["last"]]
        known = bool(within) and within[-1].last == venue["last"]
    else:
        within = [row for row in rows if row.ts <= venue["until"]]
        known = bool(within) and within[-1].ts < venue["until"] - 100
    return (within, rows[len(within) :]) if known else None


def fold(candles: Candles, tape: Tape, rows: list[Row]) -> None:
    for row in rows:
        candles.trade(*values(tape, row), row.last - row.first + 1)


def covered(tape: Tape, venue: Bar) -> bool:
    """The recording holds the minute from its beginning."""
    if "first" in venue:
        return any(isinstance(row, Row) and row.first == venue["first"] for row in tape.rows)
    times = [row.ts * MS if isinstance(row, Row) else row["open_time"] for row in tape.rows]
    return min(times) < int(venue["open_time"])


# Candles of the venue that end where a print ends: of minutes recorded from their beginning, and
# of the ones before, where what is known at a running candle is carried on to the closed one.
KLINES = [
    ("binance/usdm/four_alts_klines_2021-07-22", 15, 33),
    ("binance/spot/four_alts_klines_2021-10-12", 1, 0),
    ("bybit/linear/btcusdt_solusdt_2026-08-09", 39, 0),
    ("bybit/spot/btcusdt_2026-08-09", 10, 0),
]


@pytest.mark.parametrize(("name", "running", "seeded"), KLINES)
def test_candles_of_the_venue(recordings: Path, name: str, running: int, seeded: int) -> None:
    compared = carried_on = 0
    for tape in tapes(recordings / f"{name}.jsonl.gz").values():
        told = [row for row in tape.rows if not isinstance(row, Row)]
        closed = {row["open_time"]: row for row in told if row["closed"]}
        for venue in told:
            start = venue["open_time"]
            parts = parted(tape, venue)
            if parts is None:
                continue
            candles = Candles(tape.px_exp, tape.qty_exp)
            fold(candles, tape, parts[0])
            if covered(tape, venue):
                previous = closed.get(start - MINUTE)
                before = None
                if "until" in venue and previous is not None:
                    before = mantissa(previous["close"], tape.px_exp)
                assert not differences(tape, minute(candles, start), venue, before), venue
                compared += 1
            elif start in closed and not venue["closed"]:
                assert candles.seed(venue)
                assert not differences(tape, minute(candles, start), venue, None)
                fold(candles, tape, parts[1])
                bar = minute(candles, start)
                assert not differences(tape, bar, closed[start], None), venue
                assert bar["q"] == "warming"
                carried_on += 1
    assert (compared, carried_on) == (running, seeded)


def test_closed_candles_of_the_venue(recordings: Path) -> None:
    compared = 0
    for name, _, _ in KLINES:
        for tape in tapes(recordings / f"{name}.jsonl.gz").values():
            for venue in tape.rows:
                if isinstance(venue, Row) or not venue["closed"] or not covered(tape, venue):
                    continue
                candles = Candles(tape.px_exp, tape.qty_exp)
                fold(candles, tape, [row for row in tape.rows if isinstance(row, Row)])
                found = candles.check(venue)
                if found is not None:
                    assert found["volume"] == found["quote_volume"] == "0"
                    assert all(found[key] for key in PRICES)
                    compared += 1
    if not compared:
        pytest.skip("no recording holds a whole minute and the venue's closed candle of it")
