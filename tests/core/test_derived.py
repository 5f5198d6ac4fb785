"""Snapshots at the turn of the period and the imbalance of books, against a model of fractions."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from p9core.engine import Engine
from tests.core.frames import MS, SECOND, book
from tests.models.derived import Book, Computed, Levels, Said

BEGAN = 1_795_305_600_000_000_000
BYBIT = "bybit:linear"
DEPTHS = [1, 2, 5]


class Market:
    """An engine with some books, and a model that is told the same."""

    def __init__(
        self, count: int = 3, *, period: int = SECOND, start: int = BEGAN + 30 * MS, **options: Any
    ) -> None:
        self.options = {
            "epoch": 1, "sink": "lines", "feeds": ["snapshot", "imbalance"],
            "snapshot_ms": period // MS, "snapshot_levels": 4, "imbalance_levels": DEPTHS,
            **options,
        }  # fmt: skip
        self.engine = Engine(**self.options)
        self.now = start
        self.books = [Book(n, inverse=n % 7 == 6) for n in range(count)]
        self.contracts: list[str | None] = ["1"] * count
        for one in self.books:
            self.add(one)
        self.model = Computed(self.books, period, 4, DEPTHS)
        self.conn = self.engine.open_conn(BYBIT)
        self.ids = [100] * count
        self.entries: list[tuple[str, tuple[Any, ...]]] = []

    def call(self, name: str, *arguments: Any) -> None:
        self.entries.append((name, arguments))
        getattr(self.engine, name)(*arguments)

    def add(self, one: Book, step: str = "0.01") -> None:
        self.engine.add_instrument(
            BYBIT, f"S{one.number}", exchange="x", symbol=f"S{one.number}", price_step=step,
            qty_step="0.001", contract=self.contracts[one.number], publish=one.served,
            market="inverse" if one.inverse else "linear",
        )  # fmt: skip

    # ---- what happens, to both --------------------------------------------------------

    def wait(self, ns: int) -> Market:
        self.now += ns
        return self

    def update(self, n: int, bids: Levels, asks: Levels, *, snapshot: bool = False) -> None:
        one = self.books[n]
        at = self.now // MS
        self.ids[n] += 1
        rows = [[[text(p), text(q)] for p, q in side.items()] for side in (bids, asks)]
        frame = book(at, f"S{n}", self.ids[n], *rows, snapshot=snapshot)
        self.call("feed", self.conn, self.now, frame.encode())
        tell = self.model.load if snapshot else self.model.apply
        tell(one, self.now, at * MS, self.ids[n], bids, asks)

    def timer(self) -> None:
        self.call("on_timer", self.now)
        self.model.timer(self.now)

    def fail(self, n: int, reason: str) -> None:
        self.call("invalidate", n, reason, self.now)
        self.model.fail(self.books[n], self.now, reason)

    def gap(self, n: int) -> None:
        self.ids[n] += 1
        frame = book(self.now // MS, f"S{n}", self.ids[n] + 1, [["1", "1"]])
        self.call("feed", self.conn, self.now, frame.encode())
        live = self.books[n].live
        self.model.pass_turns(self.now)
        self.books[n].seen = self.now
        if live:
            self.model.fail(self.books[n], self.now, "gap")

    def follow(self, n: int, on: bool) -> None:
        self.call("follow", n, on, self.now)
        self.model.follow(self.books[n], self.now, on)

    # ---- what is said -----------------------------------------------------------------

    def said(self) -> list[Said]:
        """Taken from the engine and the model; they must not differ."""
        wanted, self.model.said = self.model.said, []
        found = []
        for line in self.engine.take_lines().decode().splitlines():
            message = json.loads(line.partition(" ")[2], parse_float=Decimal)
            if message["type"] in ("snapshot", "imbalance"):
                fields = {k: v for k, v in message.items() if k not in HEAD}
                found.append((message["type"], int(message["symbol"][1:]), fields))
        assert found == wanted
        return found


HEAD = ("type", "exchange", "symbol", "epoch", "seq", "ts_pub", "prev")


def text(value: Fraction) -> str:
    assert value * 1000 % 1 == 0
    return f"{Decimal(int(value * 1000)) / 1000}"


def half(price: int) -> Fraction:
    return Fraction(price, 2)


BIDS = {half(200 - n): Fraction(3 + n, 10) for n in range(6)}
ASKS = {half(201 + n): Fraction(5 * n + 1, 4) for n in range(6)}


def turns(said: list[Said]) -> list[tuple[int, int]]:
    """(instrument, ms behind the beginning) of the snapshots."""
    return [
        (number, (fields["ts_exchange"] - BEGAN) // MS)
        for kind, number, fields in said
        if kind == "snapshot"
    ]


def test_snapshots_are_of_the_turn_and_not_later() -> None:
    """The timer comes late: what has happened since the turn is not in them."""
    market = Market(1)
    market.update(0, BIDS, ASKS, snapshot=True)
    market.wait(969 * MS).update(0, {half(200): Fraction(7)}, {})
    market.wait(MS).update(0, {half(200): Fraction(8)}, {})  # of the turn itself: behind it
    market.wait(9 * MS).update(0, {half(200): Fraction(9)}, {})
    market.wait(9 * MS).timer()
    [snapshot] = [fields for kind, _, fields in market.said() if kind == "snapshot"]
    assert snapshot["ts_exchange"] == BEGAN + SECOND
    assert snapshot["bids"][0] == [100, 7]
    assert snapshot["asks"] == [[Decimal(201 + n) / 2, Decimal(5 * n + 1) / 4] for n in range(4)]
    assert (snapshot["levels"], snapshot["last_id"]) == (4, 102)


def test_there_is_no_snapshot_of_a_turn_before_the_start() -> None:
    market = Market(2)
    for _ in range(9):
        market.wait(100 * MS).timer()
    assert market.said() == []
    market.wait(100 * MS).timer()
    assert turns(market.said()) == [(0, 1000)]


@pytest.mark.parametrize("period", [100 * MS, SECOND, 5 * SECOND])
def test_snapshots_are_spread_over_the_ticks_of_the_period(period: int) -> None:
    market = Market(23, period=period, start=BEGAN)
    ticks: list[list[int]] = []
    slots = period // (100 * MS)
    for _ in range(3 * slots + 1):
        market.timer()
        ticks.append([number for number, _ in turns(market.said())])
        market.wait(100 * MS)
    assert ticks[:slots] == [[]] * slots
    wanted = [[n for n in range(23) if n % slots == slot] for slot in range(slots)]
    assert ticks[slots:] == (wanted * 3)[: 2 * slots + 1]


def test_a_late_timer_says_what_was_due_and_the_turns_that_passed() -> None:
    market = Market(3, start=BEGAN)
    market.timer()
    market.wait(1100 * MS).timer()
    assert turns(market.said()) == [(0, 1000), (1, 1000)]
    market.wait(2500 * MS).timer()  # 3600 ms
    assert turns(market.said()) == [
        (2, 1000), (0, 2000), (1, 2000), (2, 2000), (0, 3000), (1, 3000), (2, 3000)
    ]  # fmt: skip
    market.wait(11 * SECOND).timer()  # 14600 ms: more turns than are made up for
    assert turns(market.said()) == [(0, 14000), (1, 14000), (2, 14000)]
    market.wait(10 * SECOND).timer()
    assert len(turns(market.said())) == 30


def test_clocks_that_go_back() -> None:
    market = Market(1, start=BEGAN)
    market.timer()
    market.wait(1200 * MS).timer()
    assert turns(market.said()) == [(0, 1000)]
    market.wait(-900 * MS).timer()
    assert market.said() == [], "said before"
    market.wait(1800 * MS).timer()
    assert turns(market.said()) == [(0, 2000)]
    market.wait(-3600 * SECOND).timer()
    assert market.said() == [], "the clock was set: the turn lies before that"
    market.wait(SECOND).timer()
    assert turns(market.said()) == [(0, -3597000)]


def test_a_quiet_book_and_books_that_are_not_live_are_said_too() -> None:
    market = Market(4, start=BEGAN)
    for n in (1, 2, 3):
        market.update(n, BIDS, ASKS, snapshot=True)
    market.timer()
    market.wait(300 * MS).gap(2)
    market.fail(3, "silent")
    qualities = []
    for _ in range(7):
        market.wait(SECOND - market.now % SECOND).timer()
        market.wait(900 * MS).timer()
        said = [fields for kind, _, fields in market.said() if kind == "snapshot"]
        qualities.append([fields["q"] for fields in said])
        assert [bool(fields["bids"]) for fields in said] == [False, True, False, False]
        assert [fields["last_id"] for fields in said] == [None, 101, None, None]
    assert qualities[:5] == [["warming", "ok", "gap", "stale"]] * 5
    assert qualities[5:] == [["warming", "stale", "gap", "stale"]] * 2


def test_digits_and_contract_size_are_those_of_the_turn() -> None:
    """What changes between the turn and its message does not change what was."""
    market = Market(2, start=BEGAN)
    for n in range(2):
        market.update(n, BIDS, ASKS, snapshot=True)
    market.timer()
    market.wait(SECOND).timer()  # of number 1 it is due in the next tick
    market.said()
    market.contracts[1] = "10"
    market.add(market.books[1], "0.0001")
    market.books[1].factor, market.books[1].px_exp = Fraction(10), 4
    market.wait(100 * MS).timer()
    [(_, number, fields)] = market.said()
    assert (number, fields["bids"][0]) == (1, [100, Decimal("0.3")])
    market.wait(900 * MS).timer()
    market.wait(100 * MS).timer()
    assert [fields["bids"][0][1] for _, number, fields in market.said() if number] == [3]
    market.contracts[1] = None
    market.add(market.books[1])
    market.books[1].served = False
    market.wait(SECOND).timer()
    market.wait(100 * MS).timer()
    assert turns(market.said()) == [(0, 3000)]


def test_learned_digits_do_not_change_what_was() -> None:
    market = Market(1, start=BEGAN, learn=True)
    market.engine.add_instrument(BYBIT, "S1", exchange="x", symbol="S1")
    engine, conn = market.engine, market.conn
    rows = [["100", "3"], ["99.5", "2"]], [["101", "1"]]
    engine.feed(conn, BEGAN, book(BEGAN // MS, "S1", 7, *rows, snapshot=True).encode())
    engine.on_timer(BEGAN)
    engine.on_timer(BEGAN + SECOND)
    late = book(BEGAN // MS, "S1", 8, [["100.12345", "0.00001"]])
    engine.feed(conn, BEGAN + SECOND + 1, late.encode())
    assert engine.counters()[BYBIT]["rescaled"] == 2
    engine.on_timer(BEGAN + SECOND + 100 * MS)
    engine.on_timer(BEGAN + 2 * SECOND + 100 * MS)
    found = [
        json.loads(line.partition(" ")[2], parse_float=Decimal)["bids"]
        for line in engine.take_lines().decode().splitlines()
        if line.startswith("snapshot:x:S1")
    ]
    before = [[100, 3], [Decimal("99.5"), 2]]
    assert found == [before, [[Decimal("100.12345"), Decimal("0.00001")], *before]]


def test_what_is_switched_off_and_on_begins_anew() -> None:
    market = Market(2, start=BEGAN)
    market.timer()
    market.wait(SECOND).timer()
    assert turns(market.said()) == [(0, 1000)]
    market.engine.set_feeds(["imbalance"], market.now)
    for one in market.books:
        one.pending = None
    market.model.turn = 0
    market.engine.on_timer(market.wait(5 * SECOND).now)
    market.engine.set_feeds(["snapshot", "imbalance"], market.now)
    market.wait(500 * MS).timer()
    assert market.said() == []
    market.wait(700 * MS).timer()
    assert turns(market.said()) == [(0, 7000), (1, 7000)]


@pytest.mark.parametrize(
    "options",
    [{"snapshot_ms": ms} for ms in (0, -100, 50, 150, 86_400_100, 2**60)]
    + [{"snapshot_levels": 0}, {"snapshot_levels": 5001}]
    + [{"imbalance_levels": (0,)}, {"imbalance_levels": (5001,)}, {"imbalance_levels": (1,) * 9}],
)
def test_what_cannot_be_made_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Engine(epoch=1, **options)


@pytest.mark.parametrize("seed", range(30))
def test_against_the_model(seed: int) -> None:
    """Everything at once; and the same entries into another engine give the same bytes."""
    random = Random(seed)
    market = Market(9, period=random.choice([100 * MS, SECOND, 5 * SECOND]))
    pauses = [0, MS, 30 * MS, 100 * MS, 100 * MS, 400 * MS, SECOND, 6 * SECOND, 20 * SECOND]
    for _ in range(400):
        market.wait(random.choice(pauses) if random.random() < 0.6 else 7 * MS)
        n = random.randrange(9)
        fate = random.random()
        if fate < 0.35:
            market.timer()
        elif fate < 0.45:
            market.update(n, *sides(random, 8, zero=False), snapshot=True)
        elif fate < 0.9:
            market.update(n, *sides(random, 3, zero=True))
        elif fate < 0.93:
            market.gap(n)
        elif fate < 0.96 and market.books[n].was_live:
            market.fail(n, random.choice(["silent", "disconnect", "gap"]))
        elif fate < 0.98:
            market.follow(n, random.random() < 0.7)
        elif fate < 0.99:
            market.books[n].served = random.random() < 0.7
            market.entries.append(("publish", (n, market.books[n].served)))
            market.add(market.books[n])
        market.said()
    told = replayed(market)
    assert replayed(market) == told
    assert told.count(b"snapshot:x:") > 50
    assert told.count(b"imbalance:x:") > 50


def replayed(market: Market) -> bytes:
    """What another engine says to the same entries."""
    other = Market(len(market.books), period=market.model.period)
    for name, arguments in market.entries:
        if name == "publish":
            other.books[arguments[0]].served = arguments[1]
            other.add(other.books[arguments[0]])
        else:
            getattr(other.engine, name)(*arguments)
    return other.engine.take_lines()


def sides(random: Random, most: int, *, zero: bool) -> tuple[Levels, Levels]:
    """Bids below 100, asks above it: never crossed."""
    found = []
    for sign in (-1, 1):
        prices = random.sample(range(1, 12), random.randint(0, most))
        least = 0 if zero else 1
        found.append(
            {100 + sign * half(p): Fraction(random.randint(least, 4000), 1000) for p in prices}
        )
    return found[0], found[1]
