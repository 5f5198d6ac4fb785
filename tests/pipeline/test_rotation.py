"""Connections are replaced all the time, and no reader notices."""

from __future__ import annotations

from .rig import Rig


def test_rotation_under_load_loses_and_doubles_nothing() -> None:
    with Rig(config={"connection": {"rotate_s": 2}}, rate=1500) as rig:
        rig.run_for(5.5)
        metrics = rig.get("/metrics")[1]
        rows = (line.split(" ") for line in metrics.splitlines() if 'event="rotations"' in line)
        found = {labels: int(times) for labels, times in rows}
        assert len(found) == 4, found  # OKX sets no life to a connection
        assert all(times >= 2 for times in found.values()), found
        assert rig.ledger.broken_since(0.0) == {}
        assert rig.ledger.alerts_since(0.0, "gap") == []
        assert rig.ledger.channels.holes == []
        rig.check_all()
