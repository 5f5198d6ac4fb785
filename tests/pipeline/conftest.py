"""One trial for many rows; a row that fails leaves the next one a fresh trial."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .rig import Rig


@pytest.fixture(scope="module")
def running() -> Iterator[list[Rig]]:
    rigs: list[Rig] = []
    yield rigs
    for rig in rigs:
        rig.__exit__(None, None, None)


@pytest.fixture
def rig(running: list[Rig]) -> Iterator[Rig]:
    if not running:
        running.append(Rig(rate=600).__enter__())
    (rig,) = running
    rig.good = False
    yield rig
    if not rig.good:
        running.clear()
        rig.__exit__(None, None, None)
