"""Imbalance and microprice (analytics.md 5.2 and 5.3): their values, and when they are said."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.frames import MS, SECOND, Told, Wire, book, of_kind
from tests.models.derived import imbalance, rounded

BYBIT, OKX = "bybit:linear", "okx"
Rows = list[list[str]]


class Books(Wire):
    """The linear SOLUSDT of Bybit; what is said of its imbalance."""

    def __init__(self, *depths: int, **options: Any) -> None:
        levels = depths or (1, 5, 10, 20)
        super().__init__(BYBIT, feeds=["imbalance"], imbalance_levels=levels, **options)
        self.u = 100

    def load(self, bids: Rows, asks: Rows) -> list[Told]:
        self.u += 1
        return self.one(book(self.ms, "SOLUSDT", self.u, bids, asks, snapshot=True))

    def change(self, bids: Rows, asks: Rows = []) -> list[Told]:  # noqa: B006
        self.u += 1
        return self.one(book(self.ms, "SOLUSDT", self.u, bids, asks))

    def one(self, frame: str) -> list[Told]:
        return of_kind(self.feed(frame), "imbalance")

    def timer(self) -> list[Told]:
        self.engine.on_timer(self.now)
        return of_kind(self.said(), "imbalance")


START: tuple[Rows, Rows] = ([["99", "3"], ["98", "1"]], [["101", "1"], ["102", "5"]])


def test_values() -> None:
    [said] = Books(1, 2, 3).load(*START)
    assert said == {
        "q": "ok", "since": said["since"], "levels": [1, 2, 3],
        "value": [Decimal("0.5"), Decimal("-0.2"), Decimal("-0.2")],
        "microprice": Decimal("100.5"),
    }  # fmt: skip
    [said] = Books(1).load([["99", "1"]], [["101", "2"]])
    assert said["value"] == [Decimal("-0.333333333333")]
    assert said["microprice"] == Decimal("99.6666666667")


def test_empty_sides() -> None:
    books = Books(1, 5)
    [said] = books.load([], [["101", "2"]])
    assert (said["value"], said["microprice"], said["q"]) == ([-1, -1], None, "ok")
    [said] = books.wait(1).change([["99", "1"]], [["101", "0"]])
    assert (said["value"], said["microprice"]) == ([1, 1], None)
    [said] = books.wait(1).change([["99", "0"]])
    assert (said["value"], said["microprice"]) == ([None, None], None)


def test_it_is_said_at_once_where_it_is_due_and_else_by_the_timer() -> None:
    books = Books(1)
    assert len(books.load(*START)) == 1
    assert books.wait(0.099).change([["99", "4"]]) == []
    assert books.timer() == [], "not yet"
    [said] = books.wait(0.001).timer()
    assert said["value"] == [Decimal("0.6")]
    assert books.wait(0.05).change([["99", "5"]]) == []
    [said] = books.wait(0.05).change([["99", "6"]])
    assert said["value"] == [Decimal("0.714285714286")]
    assert books.wait(0.1).timer() == [], "nothing has changed"
    assert len(books.wait(3).change([["99", "7"]])) == 1
    assert books.engine.last_seen(books.number("SOLUSDT"), "imbalance") == books.now


def test_it_is_said_at_most_every_100_ms() -> None:
    books = Books(1)
    books.load(*START)
    times = []
    for n in range(500):
        books.wait(0.007)
        if books.change([["99", f"{n + 5}"]]) or (n % 14 == 0 and books.timer()):
            times.append(books.now)
    assert all(later - sooner >= 100 * MS for sooner, later in pairwise(times))
    assert len(times) >= 500 * 7 // 107


def test_a_stale_book_says_so_once_and_recovers() -> None:
    books = Books(1)
    books.load(*START)
    began = books.now
    for _ in range(50):
        assert books.wait(0.1).timer() == []
    [said] = books.wait(0.1).timer()
    assert (said["q"], said["since"], said["value"]) == (
        "stale",
        began + 5 * SECOND,
        [Decimal("0.5")],
    )
    assert books.wait(60).timer() == []
    [said] = books.change([["99", "3"]])
    assert (said["q"], said["since"]) == ("ok", began)


def test_a_broken_book_has_no_values() -> None:
    books = Books(1, 5)
    books.load(*START)
    books.u += 1
    [said] = books.wait(1).change([["99", "4"]])
    assert (said["q"], said["since"]) == ("gap", books.now)
    assert (said["value"], said["microprice"]) == ([None, None], None)
    assert books.wait(1).timer() == []
    [said] = books.load(*START)
    assert (said["q"], said["since"]) == ("ok", books.now)
    books.engine.close_conn(books.bench.conns[BYBIT], books.wait(0.01).now)
    assert of_kind(books.said(), "imbalance") == []
    [said] = books.wait(0.1).timer()
    assert (said["q"], said["value"]) == ("stale", [None, None])


def test_of_inverse_contracts_nothing_is_computed() -> None:
    wire = Wire(OKX, feeds=["imbalance", "snapshot"])
    for name in ("BTC-USD-SWAP", "XYZ-USDT-SWAP", "BTC-USDT-SWAP"):
        frame = (
            '{"arg":{"channel":"books","instId":"%s"},"action":"snapshot","data":[{"asks":'
            '[["101","2","0","1"]],"bids":[["99","6","0","1"]],"ts":"%d","checksum":0,'
            '"prevSeqId":-1,"seqId":5}]}'
        )
        wire.engine.feed(wire.bench.conns[OKX], wire.now, (frame % (name, wire.ms)).encode())
    [(channel, text)] = wire.bench.data()
    assert channel == "imbalance:okx:BTCUSDT-PERP"
    assert '"value":[0.5,0.5,0.5,0.5]' in text
    # a snapshot is the book itself, sizes in the quote currency; of an unknown size there is none
    wire.wait(1.9)
    wire.engine.on_timer(wire.now)
    snapshots = {
        channel.rpartition(":")[2]: text
        for channel, text in wire.bench.data()
        if channel.startswith("snapshot:okx")
    }
    assert set(snapshots) == {"BTCUSDT-PERP", "BTCUSD-PERP", "ETHUSDT"}
    assert '"bids":[[99,600]],"asks":[[101,200]]' in snapshots["BTCUSD-PERP"]
    assert '"bids":[[99,0.06]]' in snapshots["BTCUSDT-PERP"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(1, 9 * 10**18), max_size=25),
    st.lists(st.integers(1, 9 * 10**18), max_size=25),
)
def test_any_sizes_to_twelve_places(bids: list[int], asks: list[int]) -> None:
    """Up to the largest that a book can hold."""
    books = Books(1, 5, 10, 20)
    books.engine.add_instrument(
        BYBIT, "SOLUSDT", exchange="bybit", symbol="SOLUSDT-PERP", price_step="1", qty_step="1"
    )
    scale = [[[str(1000 + sign * n), str(q)] for n, q in enumerate(side, 1)]
             for sign, side in ((-1, bids), (1, asks))]  # fmt: skip
    shrunk = [[[p, str(-(-int(q) // 10))] for p, q in side] for side in scale]
    [said] = books.load(*shrunk)
    sizes = [[Fraction(int(q)) for _, q in side] for side in shrunk]
    assert said["value"] == [imbalance(sizes[0][:k], sizes[1][:k]) for k in (1, 5, 10, 20)]
    if bids and asks:
        one, other = sizes[0][0], sizes[1][0]
        exact = (1001 * one + 999 * other) / (one + other)
        assert said["microprice"] == rounded(exact, 2 + 8)
        assert 999 <= said["microprice"] <= 1001
    else:
        assert said["microprice"] is None
