"""What the timer says is spread over the second: nothing piles up at a full minute or hour."""

from __future__ import annotations

from random import Random

import pytest

from .charts_kit import BINANCE, BYBIT, MS, OKX, SECOND, START, Kit, Name, Print

COINS = 50  # on three venues: 150 instruments, and a group of each coin
MONDAY = START + 86_400 * SECOND  # minute, hour, day and week turn
WARM_TICKS = 100
AROUND = 5  # ticks on either side: with the tick itself a second


def market() -> list[Name]:
    out = []
    for coin in range(COINS):
        symbol = f"C{coin}USDT-PERP"
        for name in (BINANCE, BYBIT, OKX):
            venue_id = f"C{coin}-USDT-SWAP" if name is OKX else f"C{coin}USDT"
            out.append(name._replace(venue_id=venue_id, symbol=symbol, group=symbol))
    return out


def said_each_tick(names: list[Name], busy: set[Name], seed: int = 1) -> list[int]:
    """Messages of each tick of two minutes around midnight. Prints come between the ticks: in
    the seconds before of every instrument, then of the busy ones, on the average each 200 ms."""
    kit, random = Kit(names), Random(seed)
    now, out = MONDAY - 60 * SECOND - WARM_TICKS * 100 * MS, []
    for tick in range(WARM_TICKS + 1200):
        for name in names:
            if (name in busy or tick < WARM_TICKS) and random.random() < 0.5:
                at = now + random.randrange(95) * MS
                kit.trade(name, at, Print(at - 5 * MS, "100", "1", random.choice((-1, 1))))
        now += 100 * MS
        kit.engine.take_lines()
        kit.engine.on_timer(now)
        out.append(kit.engine.take_lines().count(b"\n"))
    return out[WARM_TICKS:]


@pytest.mark.parametrize("kind", ["quiet", "busy", "mixed"])
def test_no_tick_is_fuller_than_twice_its_neighbours(kind: str) -> None:
    """A chart has its turn in one tick of the ten of a second. So where more is to be said, as
    behind midnight, it is more for a whole second: of the ten ticks around the first of them five
    are as full, and their mean is half of it at least. A pile in one tick is many times its
    neighbours, and if half of the charts shared a tick it would be five times their mean."""
    names = market()
    busy = {"quiet": [], "busy": names, "mixed": Random(2).sample(names, len(names) // 2)}[kind]
    ticks = said_each_tick(names, set(busy))
    assert min(ticks) > 10
    for at in range(AROUND, len(ticks) - AROUND):
        around = ticks[at - AROUND : at] + ticks[at + 1 : at + 1 + AROUND]
        assert ticks[at] <= 2 * sum(around) / len(around), (at, ticks[at], around)
