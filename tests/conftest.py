"""What tests share: where the recordings are, and which build of the core is being tested."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = Path(os.environ.get("P9_RECORDINGS", ROOT.parent / "shared" / "recordings"))


def stale_modules() -> list[str]:
    """Sources in this checkout that are newer than the compiled module that tests import."""
    stale = []
    for source in sorted((ROOT / "p9core").rglob("*.pyx")):
        name = ".".join(source.relative_to(ROOT).with_suffix("").parts)
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin) if spec and spec.origin else None
        if origin is None or origin.stat().st_mtime < source.stat().st_mtime:
            stale.append(name)
    return stale


def pytest_report_header() -> list[str]:
    spec = importlib.util.find_spec("p9core")
    lines = [f"p9core: {spec.origin if spec else 'not installed'}"]
    if stale := stale_modules():
        lines.append(f"WARNING: not compiled or older than the source: {', '.join(stale)}")
        lines.append("WARNING: run  pip install '.[test]'  (or: python setup.py build_ext -i)")
    lines.append(f"recordings: {RECORDINGS if RECORDINGS.is_dir() else 'none'}")
    return lines


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"no recordings in {RECORDINGS}: set P9_RECORDINGS to their folder")
    return RECORDINGS
