"""Candles against lists of prints: any order of events, several venues, seeds, exact numbers."""

from __future__ import annotations

from array import array
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p9core.analytics.candles import TIMEFRAMES, Candles
from tests.models.candles import (
    DAY,
    HOUR,
    MINUTE,
    MS,
    PRICES,
    SECOND,
    SUNDAY,
    WIDTHS,
    CandlesModel,
    bucket,
)
from tests.models.numbers import canonical

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
        assert [bar[key] for key in PRICES] == [50] * 4
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


@pytest.mark.parametrize("more", [0, 1])
def test_a_jump_over_a_bar_that_has_prints_already(more: int) -> None:
    """The running second is empty, the one behind it is not; then 512 empty ones, or 513."""
    pair = Pair(2)
    pair.trade(SUNDAY + 100 * MS, 50, 4, -1)
    pair.trade(SUNDAY + 2200 * MS, 60, 1, 1)
    end = SUNDAY + (514 + more) * SECOND
    seconds = [bar for bar in pair.do("advance", [end, end]) if bar["timeframe"] == "1s"]
    assert len(seconds) == 513
    assert sum(bar["volume"] for bar in seconds) == 1
    assert pair.candles.skipped["1s"] == more
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
    assert [bar[key] for key in PRICES] == [7, 26, 3, 26]
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
        for bar in candles.trade(
            ts, 100 + second * 37 % 90, 1 + second % 5, -1 if second % 3 else 1
        ):
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
        same = {**dict.fromkeys(PRICES, True), "carried": False}
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
        venue = {key: bar[key] for key in VENUE} | {"open": last}
        venue |= {"low": min(last, bar["low"]), "high": max(last, bar["high"])}
        found = candles.check(candle(venue, "1m", start, True))
        assert found is not None
        assert found["carried"]
        assert all(found[key] for key in PRICES)
    assert len(own) == 4


@pytest.mark.parametrize("late", [False, True])
def test_the_close_before_a_bar(late: bool) -> None:
    """Of one that began while the minute before was open, and of one whose predecessor was
    amended."""
    candles = Candles(2, 3, 2)
    candles.trade(SUNDAY + 59 * SECOND, 100, 1, 1)
    candles.trade(SUNDAY + 60_100 * MS, 300, 2, 1)
    candles.trade(SUNDAY + 59_900 * MS, 500, 1, 1, member=1)
    candles.trade(SUNDAY + 60_700 * MS, 200, 2, 1)
    if late:
        candles.trade(SUNDAY + 59_950 * MS, 600, 1, 1, member=1)
    candles.advance([SUNDAY + 2 * MINUTE] * 2)
    high = 600 if late else 500
    venue = {"open": high, "high": high, "low": 200, "close": 200, "volume": 4}
    venue |= {"quote_volume": 1000}
    found = candles.check(candle(venue, "1m", SUNDAY + MINUTE, True))
    assert found is not None
    assert found["carried"]
    assert all(found[key] for key in PRICES)
    assert found["quote_volume"] == "0"


def test_a_partial_bar_is_not_compared() -> None:
    first = Candles(2, 3)
    first.trade(SUNDAY, 100, 1, 1)
    first.trade(SUNDAY + MINUTE, 100, 1, 1)
    venue = {"open": 100, "high": 100, "low": 100, "close": 100, "volume": 1, "quote_volume": 100}
    assert first.check(candle(venue, "1m", SUNDAY, True)) is None


# --- numbers -------------------------------------------------------------------------------


def scaled(bars: list[Bar], px: int, qty: int) -> list[Bar]:
    powers = dict.fromkeys(PRICES, px)
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
