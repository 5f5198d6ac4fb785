"""The bound of receive time less venue time, and the timer that goes by it."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest

from p9core.analytics.candles import Candles
from tests.models.candles import HOUR, MS, SECOND, SUNDAY, CandlesModel, quantiles


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
