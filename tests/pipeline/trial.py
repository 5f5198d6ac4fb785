"""One row of a table of faults, done to a running pipeline and judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.venue.faults import Faults

from .rig import NAMES, Rig
from .truth import Name

Act = Callable[[Faults, Name], object]
TARGETS = tuple(name for name in NAMES if name.symbol.startswith("ETH"))


@dataclass(frozen=True)
class Row:
    """One fault, and what it may do. Everything that is no target has to stay as it is."""

    name: str
    act: Act  # for each of the targets
    targets: tuple[Name, ...] = TARGETS
    breaks: tuple[str, ...] = ()  # reasons for which the target may leave LIVE
    must: bool = True  # it has to, if there are any
    heal_s: float = 5.0  # until everything is LIVE and ready again
    within_s: float = 5.0  # until every target has left LIVE
    lost: int = 0  # trades of each target that the venue keeps back
    late: bool = False  # trades may come behind newer ones
    cut: bool = False  # a connection is lost: what was under way is, too
    least_s: float = 0.0  # how long the fault lasts

    def __str__(self) -> str:
        return self.name


@dataclass
class Outcome:
    """Monotonic seconds, and why books left LIVE."""

    begun: float
    begun_ms: int  # the same moment by the clock of the day
    healed_s: float
    broken: dict[Name, list[str]] = field(default_factory=dict)


def place(name: Name) -> tuple[str, str, str]:
    return name.exchange, name.market, name.symbol


def on(exchange: str, market: str = "") -> tuple[Name, ...]:
    return tuple(n for n in NAMES if n.exchange == exchange and market in ("", n.market))


def spent(rig: Rig, names: tuple[Name, ...]) -> bool:
    """Has the venue done all that it was told?"""
    rig.look()
    topics = [topic for name in names for topic in rig.venue.feed(*place(name)).topics.values()]
    return rig.faults.over() and all(topic.fault is None for topic in topics)


def perform(rig: Rig, row: Row) -> Outcome:
    with rig.standing_still():
        assert rig.missing_trades() == {}
        begun, begun_ms = time.monotonic(), time.time_ns() // 1_000_000
        rig.thread.call(lambda: [row.act(rig.faults, name) for name in row.targets])
    if row.breaks and row.must:
        wanted = set(row.targets)
        rig.until(lambda: broken(rig, begun) >= wanted, row.within_s, "the targets are broken")
    rig.run_for(max(0.3, row.least_s))
    rig.until(lambda: spent(rig, row.targets), 5.0 + row.heal_s, "the fault is over")
    rig.until(rig.settled, row.heal_s, "everything is healed")
    healed_s = time.monotonic() - begun
    rig.run_for(0.2)
    return Outcome(begun, begun_ms, healed_s, rig.ledger.broken_since(begun))


def broken(rig: Rig, since: float) -> set[Name]:
    rig.look()
    return set(rig.ledger.broken_since(since))


def judge(rig: Rig, row: Row, seen: Outcome) -> None:
    targets = set(row.targets)
    allowed = targets if row.breaks else set()
    assert set(seen.broken) <= allowed, f"others were touched: {seen.broken}"
    if row.breaks and row.must:
        assert set(seen.broken) == targets, f"not broken: {targets - set(seen.broken)}"
    assert {why for reasons in seen.broken.values() for why in reasons} <= set(row.breaks), seen
    with rig.standing_still():
        missing = rig.missing_trades(late=row.late)
        assert set(missing) <= (targets if row.cut else set()), missing
        for name, rows in missing.items():  # what was on its way when the connection broke
            late_ms = [one.ts_ms - seen.begun_ms for one in rows]
            assert max(late_ms) < 1000 * row.least_s + 500, (name, late_ms)
        for name in row.targets:
            if name.exchange == "binance":
                judge_alerts(rig, row, name, seen.begun)
    rig.good = True


def judge_alerts(rig: Rig, row: Row, name: Name, begun: float) -> None:
    """alert:gap names exactly what is missing."""
    lost = rig.ledger.lost_ids(name, "trade")
    assert lost == rig.ledger.unpublished_ids(name, rig.thread.call), lost
    if not row.cut:
        assert len(rig.ledger.lost_ids(name, "trade", begun)) == row.lost, name
