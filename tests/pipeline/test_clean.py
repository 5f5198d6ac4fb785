"""A run without faults: everything that the venues say is in Redis, once and in order."""

from __future__ import annotations

import re

from .rig import Rig


def test_everything_arrives_once_and_in_order() -> None:
    with Rig(max_levels=0, rate=1500) as rig:
        assert rig.process is not None
        first_s = rig.tape.heard[0].at - rig.process.begun
        print(f"start to first message: {first_s:.2f} s")
        rig.run_for(2.0)
        assert rig.get("/live")[0] == 200
        status, metrics = rig.get("/metrics")
        assert status == 200
        check_metrics(metrics)
        for name, book in rig.ledger.books.items():
            assert book.checked > 5, name
            assert rig.ledger.bbo[name] > 10, name
            assert rig.ledger.trades[name], name
        rig.check_all()
        assert rig.ledger.broken_since(0.0) == {}
        assert rig.ledger.channels.holes == []
        assert rig.ledger.alerts == []
        assert first_s < 2.0


def check_metrics(text: str) -> None:
    """Prometheus text, format 0.0.4: every sample has its TYPE before it, names by contract."""
    sample = re.compile(r'^(p9_[a-z0-9_]+)(\{([a-z_]+="(\\.|[^"\\])*",?)*\})? (-?[0-9.e+-]+|NaN)$')
    typed: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in typed, line
            typed[name] = kind
        elif not line.startswith("# HELP "):
            found = sample.match(line)
            assert found, line
            assert found[1] in typed, line
            if typed[found[1]] == "counter":
                assert found[1].endswith("_total"), line
    assert {"p9_books", "p9_latency_seconds", "p9_redis_connected"} <= set(typed)


def test_a_second_run_has_a_greater_epoch() -> None:
    with Rig() as rig:
        rig.run_for(0.5)
        with rig.standing_still():
            assert rig.missing_trades() == {}
            assert rig.process is not None
            assert rig.process.end() == 0
            rig.look()
            for book in rig.ledger.books.values():
                book.live = False  # a reader sees the end of the epoch
            rig.start()
            rig.venue.rate = 400
            rig.until(rig.settled, 10, "everything is ready again")
            rig.run_for(0.5)
        epochs = {key[0] for texts in rig.ledger.channels.texts.values() for key in texts}
        assert len(epochs) == 2
        rig.check_all()
