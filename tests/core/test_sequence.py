"""Whatever happens on the way, a book that is served is the venue's book at that id."""

from __future__ import annotations

import os

import pytest

from tests.core.simulation import Simulation

SEEDS = 300 if os.environ.get("P9_FULL") else 30
KINDS = [
    "binance:spot",
    "binance:linear",
    "bybit:spot",
    "bybit:linear",
    "okx",
    "okx/rest",
    "okx/rest/resets",
]


def run(simulation: Simulation, seed: int, steps: int, pause_ns: int) -> Simulation:
    try:
        simulation.run(steps, pause_ns)
    except AssertionError as error:
        story = "\n  ".join(simulation.log)
        raise AssertionError(
            f"seed {seed}, step {simulation.step_number}: {error}\n  {story}"
        ) from error
    return simulation


@pytest.mark.parametrize("kind", KINDS)
def test_faults_are_found_and_healed(kind: str) -> None:
    """Losses, repeats, swaps, cuts, late and old and failed snapshots, restarts, resets."""
    gaps = 0
    for seed in range(SEEDS):
        simulation = run(Simulation(kind, seed, faults=True), seed, 150, 150_000_000)
        gaps += simulation.engine.books()[0]["gaps"]
        assert simulation.became_live >= 1
    assert gaps > SEEDS // 4, "the faults did not reach the engine"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.endswith("resets")])
def test_no_false_gap(kind: str) -> None:
    """Two connections at a time, rotations, snapshots of any age, restarts, resets, heartbeats:
    nothing of that is a fault."""
    for seed in range(SEEDS):
        simulation = run(Simulation(kind, seed, faults=False), seed, 150, 150_000_000)
        book = simulation.engine.books()[0]
        assert (book["gaps"], book["resyncs"]) == (0, 0), f"seed {seed}: {simulation.log}"
        assert simulation.reader.live, f"seed {seed}: {book}"
        counts = simulation.engine.counters()[simulation.endpoint]
        assert not [name for name in counts if name.startswith("reject")], counts


@pytest.mark.parametrize("kind", ["binance:spot", "binance:linear"])
@pytest.mark.parametrize("faults", [True, False])
def test_a_short_snapshot_is_fetched_again_before_it_runs_out(kind: str, faults: bool) -> None:
    """The market walks towards the end of what the snapshot knew; the book goes on meanwhile."""
    refreshed = 0
    for seed in range(SEEDS // 2):
        simulation = run(Simulation(kind, seed, faults=faults, limit=14), seed, 300, 2 * 10**9)
        if not faults:
            refreshed += simulation.became_live - 1
            assert simulation.engine.books()[0]["resyncs"] == 0, f"seed {seed}"
    assert faults or refreshed > 0
