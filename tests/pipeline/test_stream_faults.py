"""Faults of single streams, done to ETHUSDT of every market at once; BTCUSDT is the witness."""

from __future__ import annotations

import time

import pytest

from tests.venue.faults import Faults
from tests.venue.garbage import SORTS

from .rig import Rig
from .trial import TARGETS, Act, Row, broken, judge, on, perform, place
from .truth import Name


def of(what: str, n: int = 1, kind: str = "") -> Act:
    more = {"kind": kind} if kind else {}
    return lambda faults, name: getattr(faults, what)(*place(name), n=n, **more)


def silence(faults: Faults, name: Name) -> None:
    faults.silence(*place(name), kind="depth")


ROWS = (
    Row("a depth frame is lost", of("gap"), breaks=("gap",)),
    Row("five depth frames are lost", of("gap", 5), breaks=("gap",)),
    Row("depth frames come twice", of("duplicate", 3)),
    Row("two depth frames are swapped", of("swap"), breaks=("gap",)),
    Row("a depth frame crosses the book", of("crossed"), breaks=("crossed",)),
    Row("trades are lost", of("gap", 3, "trade"), lost=3),
    Row("two trades are swapped", of("swap", 1, "trade"), late=True),
    Row("trades come twice", of("duplicate", 3, "trade")),
    # a new subscription shows whether anything was missed; only a proof breaks the book
    Row(
        "depth is silent after the ack",
        silence,
        breaks=("silent", "gap"),
        must=False,
        least_s=4.0,
        heal_s=8.0,
    ),
    Row(
        "OKX numbers begin again",
        lambda faults, name: faults.okx_reset(name.symbol),
        targets=tuple(name for name in TARGETS if name.exchange == "okx" and name.market == "spot"),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_fault(rig: Rig, row: Row) -> None:
    judge(rig, row, perform(rig, row))


# The first number of these trades is their id. Another text is another trade; what is no text
# (or, at OKX, no number) is none.
BY_ID = (*on("bybit", "spot"), *on("okx"))
TEXTS = ("nan_text", "negative", "exponent", "huge", "digits", "empty_number")
NO_IDS = (("bybit", "nan"), ("bybit", "null"), ("okx", "nan"), ("okx", "negative"))


@pytest.mark.parametrize("kind", ["trade", "bbo", "depth"])
def test_garbage_of_every_sort_changes_nothing(rig: Rig, kind: str) -> None:
    begun = time.monotonic()
    for sort in SORTS:
        spared = BY_ID if kind == "trade" and sort in (*TEXTS, "nan", "null") else ()
        for name in TARGETS:
            if name not in spared:
                rig.thread.call(
                    lambda name=name, sort=sort: rig.faults.garbage(  # type: ignore[misc]
                        *place(name), what=sort, kind=kind
                    )
                )
        rig.run_for(0.04)
    rig.until(rig.settled, 6.0, "everything is healed")
    rig.run_for(0.2)
    assert broken(rig, begun) <= (set(TARGETS) if kind == "depth" else set())
    with rig.standing_still():
        assert rig.missing_trades() == {}
        assert rig.ledger.alerts_since(begun, "gap") == [] or kind == "depth"
    rig.good = True


@pytest.mark.parametrize(("exchange", "sort"), NO_IDS)
def test_a_trade_id_that_is_no_id(rig: Rig, exchange: str, sort: str) -> None:
    name = next(name for name in TARGETS if name in on(exchange, "spot"))
    with rig.standing_still():
        rig.thread.call(lambda: rig.faults.garbage(*place(name), what=sort, kind="trade"))
    rig.run_for(0.3)
    with rig.standing_still():
        assert rig.missing_trades() == {}
    rig.good = True


def test_then_redis_holds_everything_once(rig: Rig) -> None:
    rig.check_all()
