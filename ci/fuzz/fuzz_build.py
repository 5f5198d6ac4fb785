"""The sanitized core that the fuzzer runs, and a module of its own that feeds frames in place."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("libasan.so", "libubsan.so", "libstdc++.so")
FLAGS = "-std=c++17 -fsanitize=address,undefined -fno-omit-frame-pointer -O1 -g"
PLAIN_FLAGS = "-std=c++17 -O2"
OPTIONS = {
    # Python's own allocations at its end are no leaks of ours
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "PYTHONMALLOC": "malloc",
}

# Engine.take_frame as the listener calls it, with nothing readable behind `behind`.
IN_PLACE = '''
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from p9core.engine cimport Engine

def feed(Engine engine not None, int conn, int64_t recv_ns, bytes frame not None,
         bytes behind not None):
    """The frame in a block of its own, `behind` behind it and then the end of the block."""
    cdef size_t size = len(frame), more = len(behind)
    cdef char *at = <char *> malloc(size + more)
    if at == NULL:
        raise MemoryError
    memcpy(at, <const char *> frame, size)
    memcpy(at + size, <const char *> behind, more)
    try:
        return engine.take_frame(conn, recv_ns, at, size, True)
    finally:
        free(at)
'''

BUILD = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup
flags, folders = sys.argv[1].split(), sys.argv[2:]
module = Extension("inplace", ["inplace.pyx"], language="c++", include_dirs=folders,
                   extra_compile_args=flags, extra_link_args=flags)
setup(name="inplace", script_args=["-q", "build_ext", "-i"],
      ext_modules=cythonize([module], quiet=True, compiler_directives={"language_level": 3}))
"""


def build(command: list[str], folder: Path, env: dict[str, str]) -> None:
    """Runs a build, quiet but for its failure."""
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nfuzz: cannot be built: {' '.join(command[:4])}")


def without_preload(env: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name != "LD_PRELOAD"}


def core(env: dict[str, str]) -> tuple[Path, bool]:
    """Folder of the p9core that would be imported, and whether it is sanitized."""
    code = (
        "import importlib.util as u; from p9core._buildinfo import BUILD\n"
        "print(u.find_spec('p9core').submodule_search_locations[0]); print(BUILD['flags'])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=without_preload(env),
        capture_output=True,
        text=True,
        check=False,
    )
    folder, _, flags = done.stdout.partition("\n")
    return Path(folder), "sanitize" in flags


def sanitized_core(work: Path) -> Path:
    """Builds the sources beside this folder; returns the folder to import from."""
    source = work / "source"
    shutil.copytree(
        ROOT / "p9core",
        source / "p9core",
        ignore=shutil.ignore_patterns("*.so", "__pycache__", "_buildinfo.py"),
        dirs_exist_ok=True,
    )
    (source / "p9").mkdir(exist_ok=True)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "p9/__init__.py"):
        shutil.copy2(ROOT / name, source / name)
    print("fuzz: building p9core with sanitizers", flush=True)
    command = [sys.executable, "setup.py", "-q", "build", "--build-lib", str(work / "lib")]
    build(command, source, {**os.environ, "P9_SANITIZE": "1"})
    return work / "lib"


def in_place_module(work: Path, folder: Path, *, sanitize: bool) -> None:
    """Compiles the module into `work`; only a word where there is nothing to do it with."""
    if not all(map(importlib.util.find_spec, ("Cython", "setuptools", "simdjson"))):
        print("fuzz: no Cython or setuptools here: frames are not fed in place", flush=True)
        return
    simdjson = importlib.util.find_spec("simdjson")
    assert simdjson is not None
    folders = [str(folder), *(simdjson.submodule_search_locations or [])]
    Path(work, "inplace.pyx").write_text(IN_PLACE)
    flags = FLAGS if sanitize else PLAIN_FLAGS
    env = {**without_preload(dict(os.environ)), "PYTHONPATH": str(folder.parent)}
    build([sys.executable, "-c", BUILD, flags, *folders], work, env)


def preload() -> str:
    """The sanitizers' libraries: they must come first in a process that was not built with them."""
    compiler = os.environ.get("CXX", "g++").split()[0]
    found = []
    for name in LIBRARIES:
        command = [compiler, f"-print-file-name={name}"]
        done = subprocess.run(
            command,
            env=without_preload(dict(os.environ)),
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(done.stdout.strip())
    return " ".join(found)
