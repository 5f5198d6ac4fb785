"""Redis goes away: its streams miss nothing, and a reader sees a hole in seq or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from .rig import Rig


def killed(rig: Rig) -> None:
    rig.server.kill()
    time.sleep(0.7)
    rig.server.start()


def tail_lost(rig: Rig) -> None:
    """The second that was not synced is lost with the machine."""
    rig.server.kill()
    rig.server.lose_tail(100_000)
    time.sleep(0.3)
    rig.server.start()


def stopped(rig: Rig) -> None:
    with rig.server.stopped():
        time.sleep(3.0)


FAULTS: tuple[tuple[Callable[[Rig], None], str], ...] = (
    (tail_lost, "yes"),
    (killed, "no"),
    (stopped, "no"),
)


@pytest.mark.parametrize(
    ("fault", "kept"), FAULTS, ids=["its tail lost", "killed and empty", "stopped for 3 s"]
)
def test_streams_hold_everything_once(fault: Callable[[Rig], None], kept: str) -> None:
    with Rig(redis_options={"appendonly": kept}, rate=800) as rig:
        rig.run_for(0.5)
        breaks = len(rig.tape.breaks)
        fault(rig)

        def back() -> bool:
            rig.look()
            return rig.get("/ready")[0] == 200

        rig.until(back, 10.0, "Redis is back")
        rig.run_for(1.0)
        rig.ledger.rejoin(rig.server)
        rig.run_for(0.5)
        if len(rig.tape.breaks) == breaks:
            assert rig.ledger.channels.holes == []
        assert rig.ledger.broken_since(0.0) == {}
        with rig.standing_still():
            rig.ledger.read_trades(rig.server)
            assert rig.missing_trades() == {}
            rig.check_redis()
            assert rig.process is not None
            assert rig.process.end() == 0
            rig.check_log()
