"""REST goes wrong while a book needs a snapshot: that book is late, and nothing else is."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.venue.faults import Faults

from .rig import Rig
from .trial import Act, Row, broken, judge, on, perform, place
from .truth import Name

PATH = {"spot": "/api/v3/depth?symbol=", "linear": "/fapi/v1/depth?symbol="}
NAMES = (
    *(
        Name("binance", "spot", symbol)
        for symbol in ("BTCUSDT", "ETHUSDT", "SHIBUSDT", "PEPEUSDT", "BNBBTC")
    ),
    *(
        Name("binance", "linear", symbol)
        for symbol in (
            "BTCUSDT-PERP",
            "ETHUSDT-PERP",
            "1000PEPEUSDT-PERP",
            "1000SHIBUSDT-PERP",
            "BTCUSDC-PERP",
        )
    ),
    *on("bybit", "spot"),
)
WITNESSES = on("binance", "spot")[:1] + on("bybit")
TARGETS = tuple(name for name in NAMES if name not in WITNESSES)
# one of the targets each; the last two get no answer at all, or very late
MODES = ("500", "503", "html", "garbage", "truncated", "nan", "slow", "abort", "hang")


def gap_and(*modes: str) -> Act:
    """A hole in depth, and the next snapshot is spoilt: for each of the targets in its way."""

    def act(faults: Faults, name: Name) -> None:
        path = PATH[name.market] + name.symbol.removesuffix("-PERP")
        faults.rest("binance", modes[TARGETS.index(name)], 1, path, 1.0)
        faults.gap(*place(name))

    return act


def gap_and_old(faults: Faults, name: Name) -> None:
    faults.old_snapshot(*place(name))
    faults.gap(*place(name))


ROWS = (
    Row("bad answers", gap_and(*MODES), TARGETS, ("gap",), heal_s=10.0, within_s=8.0),
    Row("429", gap_and("429"), TARGETS[:1], ("gap",), heal_s=8.0),
    Row("418", gap_and("418"), TARGETS[:1], ("gap",), heal_s=8.0),
    Row("old snapshots", gap_and_old, TARGETS[:2], ("gap",), heal_s=8.0),
)


@pytest.fixture(scope="module")
def running() -> Iterator[list[Rig]]:
    rigs = [Rig(names=NAMES, rate=900).__enter__()]
    yield rigs
    for rig in rigs:
        rig.__exit__(None, None, None)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_fault(rig: Rig, row: Row) -> None:
    judge(rig, row, perform(rig, row))


def test_a_firewall_stops_rest_and_nothing_else(rig: Rig) -> None:
    """403 says to stay away for minutes: one question is asked, the other books go on."""
    name = TARGETS[-1]  # futures: the weight of spot is nearly used up by now
    begun = time.monotonic()
    asked = len(rig.venue.requests["binance"])
    rig.thread.call(lambda: gap_and(*["403"] * len(TARGETS))(rig.faults, name))
    rig.until(lambda: name in broken(rig, begun), 4.0, "the book is broken")
    rig.run_for(3.0)
    assert len(rig.venue.requests["binance"]) == asked + 1
    assert set(rig.ledger.broken_since(begun)) == {name}
    status, text = rig.get("/ready")
    assert (status, name.symbol in text) == (503, True)
    rig.check_all()


OKX = on("okx")


def test_okx_without_opening_snapshots() -> None:
    """Books begin with REST there, and a hole is healed by it."""
    with Rig(names=OKX, okx_snapshot=False, rate=300) as rig:
        hole = Row(
            "a depth frame is lost",
            lambda faults, name: faults.gap(*place(name)),
            (OKX[1], OKX[3]),
            ("gap",),
            heal_s=8.0,
        )
        judge(rig, hole, perform(rig, hole))
        rig.check_all()
