"""A plain C++ loop to measure the core against: compiled when the benchmarks run."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent
SOURCES = ("floor.hpp", "floor.pyx")

# The same optimisation as the core's own modules get.
COMPILE_FLAGS = ["-std=c++17", "-O3", "-g0"]

BUILD = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup
folder, simdjson, *flags = sys.argv[1:]
module = Extension(
    "floor", [folder + "/floor.pyx", simdjson + "/simdjson.cpp"], language="c++",
    include_dirs=[folder, simdjson], extra_compile_args=flags)
setup(
    name="floor", script_args=["-q", "build_ext", "-b", ".", "-t", "objects"],
    ext_modules=cythonize([module], build_dir="generated", quiet=True,
                          compiler_directives={"language_level": 3}))
"""

# Numbers of floor.hpp's `Wire`, by endpoint.
WIRES = {
    "binance:spot": 0,
    "binance:linear": 1,
    "bybit:spot": 2,
    "bybit:linear": 2,
    "okx": 3,
}


class FloorUnavailable(Exception):
    """Why the floor cannot be compiled here."""


def simdjson_folder() -> Path:
    """Where the pysimdjson wheel keeps simdjson's own sources."""
    spec = importlib.util.find_spec("simdjson")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if Path(folder, "simdjson.cpp").is_file():
            return Path(folder)
    raise FloorUnavailable("no simdjson sources: pysimdjson is not installed")


def cache_folder() -> Path:
    """One folder of this user's for what is compiled, named by all that goes into it."""
    digest = hashlib.sha256(repr((sys.version, COMPILE_FLAGS, BUILD)).encode())
    for name in SOURCES:
        digest.update((FOLDER / name).read_bytes())
    for package in ("pysimdjson", "cython"):
        digest.update(importlib.metadata.version(package).encode())
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base, "p9-microstream", f"floor-{digest.hexdigest()[:16]}")


def build() -> ModuleType:
    """The compiled module; FloorUnavailable where there is no compiler or it fails."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    try:
        simdjson = simdjson_folder()
        target = cache_folder() / f"floor{suffix}"
    except importlib.metadata.PackageNotFoundError as error:
        raise FloorUnavailable(f"not installed: {error}") from error
    if not target.is_file():
        with tempfile.TemporaryDirectory(prefix="p9-floor-") as folder:
            compile_into(Path(folder), simdjson)
            target.parent.mkdir(parents=True, exist_ok=True)
            # moved when whole, so that two runs at once never load half a module
            partial = target.with_suffix(f".{os.getpid()}")
            partial.write_bytes(Path(folder, target.name).read_bytes())
            partial.replace(target)
    spec = importlib.util.spec_from_file_location("floor", target)
    if spec is None or spec.loader is None:
        raise FloorUnavailable(f"{target} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compile_into(folder: Path, simdjson: Path) -> None:
    for name in SOURCES:
        Path(folder, name).write_bytes((FOLDER / name).read_bytes())
    try:
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(folder), str(simdjson), *COMPILE_FLAGS],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FloorUnavailable(f"cannot be compiled: {error}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise FloorUnavailable(f"cannot be compiled: {lines[-1] if lines else 'no message'}")
