"""Builds p9core: every `p9core/**/*.pyx` is one C++17 extension module.

simdjson is compiled once, from the files that the pysimdjson wheel ships, into a static
library that every module is linked with (one that uses none of it takes none of it).

Environment: P9_SANITIZE=1 address and undefined-behaviour sanitizers, P9_ANNOTATE=1 Cython's
HTML beside each module's generated source in `build/`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import Cython
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SANITIZE = os.environ.get("P9_SANITIZE", "") not in ("", "0")
ANNOTATE = os.environ.get("P9_ANNOTATE", "") not in ("", "0")

# Objects of different flags or of another Cython are never mixed.
BUILD_BASE = Path("build", "sanitize" if SANITIZE else "release")
CYTHON_DIR = BUILD_BASE / f"cython-{Cython.__version__}"

SANITIZERS = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
COMPILE_FLAGS = ["-std=c++17", "-fvisibility=hidden"]
COMPILE_FLAGS += [*SANITIZERS, "-O1", "-g"] if SANITIZE else ["-O3", "-g0"]
LINK_FLAGS = SANITIZERS if SANITIZE else []

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": False,
}


def simdjson_folder() -> Path:
    """The pysimdjson wheel's package folder, found without importing it."""
    spec = importlib.util.find_spec("simdjson")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if Path(folder, "simdjson.cpp").is_file() and Path(folder, "simdjson.h").is_file():
            return Path(folder)
    sys.exit("setup.py: pysimdjson is not installed, or its wheel ships no simdjson.cpp")


SIMDJSON = simdjson_folder()
INCLUDE_DIRS = [str(SIMDJSON), "p9core"]


def simdjson_library() -> tuple[str, dict[str, object]]:
    """The library's build_clib entry. Its one source includes the wheel's: a source outside the
    project would be named by its absolute path in the sdist and in the object tree."""
    source = BUILD_BASE / "p9simdjson.cpp"
    source.parent.mkdir(parents=True, exist_ok=True)
    text = "#include <simdjson.cpp>\n"
    if not source.is_file() or source.read_text() != text:
        source.write_text(text)
    shipped = [str(SIMDJSON / "simdjson.cpp"), str(SIMDJSON / "simdjson.h")]
    info: dict[str, object] = {
        "sources": [str(source)],
        "include_dirs": INCLUDE_DIRS,
        "cflags": COMPILE_FLAGS,
        "obj_deps": {"": shipped},
    }
    return "p9simdjson", info


def extensions() -> list[Extension]:
    headers = sorted(str(path) for path in Path("p9core").rglob("*.hpp"))
    modules = [
        Extension(
            ".".join(path.with_suffix("").parts),
            [str(path)],
            language="c++",
            include_dirs=INCLUDE_DIRS,
            extra_compile_args=COMPILE_FLAGS,
            extra_link_args=LINK_FLAGS,
            depends=[*headers, str(SIMDJSON / "simdjson.h")],
        )
        for path in sorted(Path("p9core").rglob("*.pyx"))
    ]
    built: list[Extension] = cythonize(
        modules,
        build_dir=str(CYTHON_DIR),
        compiler_directives=DIRECTIVES,
        annotate=ANNOTATE,
        # Worker processes are forked; where they would be spawned they would run this file again.
        nthreads=(os.cpu_count() or 1) if sys.platform == "linux" else 0,
    )
    return built


def first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return (done.stdout.splitlines() or ["unknown"])[0]


class BuildExt(build_ext):
    """Compiles the modules in parallel and leaves them beside their sources too, so that
    `python -m p9` and `python -m pytest` work from the root of the checkout after any install
    (Python puts that folder before site-packages)."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if self.parallel is None:
            self.parallel = os.cpu_count() or 1

    def run(self) -> None:
        self.run_command("build_clib")
        super().run()
        self.write_buildinfo()
        if not self.inplace and not SANITIZE:
            self.copy_beside_sources()

    def write_buildinfo(self) -> None:
        """What `python -m p9 version` tells about the build."""
        header = (SIMDJSON / "simdjson.h").read_text(errors="replace")
        simdjson = re.search(r'#define SIMDJSON_VERSION "([^"]+)"', header)
        compiler = getattr(self.compiler, "compiler_so_cxx", None) or self.compiler.compiler_so
        cxx = shlex.split(os.environ.get("CXX", "")) or compiler[:1]
        build = {
            "python": platform.python_version(),
            "cython": Cython.__version__,
            "compiler": first_line([*cxx, "--version"]),
            "flags": " ".join(COMPILE_FLAGS),
            "simdjson": simdjson[1] if simdjson else "unknown",
            "picows": importlib.metadata.version("picows"),
        }
        rows = "".join(f"    {key!r}: {value!r},\n" for key, value in build.items())
        text = f'"""Written by setup.py."""\n\nBUILD = {{\n{rows}}}\n'
        target = Path(self.build_lib, "p9core", "_buildinfo.py")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        if self.inplace:
            Path("p9core", "_buildinfo.py").write_text(text)

    def copy_beside_sources(self) -> None:
        built = [Path(self.get_ext_fullpath(ext.name)) for ext in self.extensions]
        for path in [*built, Path(self.build_lib, "p9core", "_buildinfo.py")]:
            target = path.relative_to(self.build_lib)
            try:
                # A new file, never new bytes in one that a running process has mapped.
                target.unlink(missing_ok=True)
                shutil.copy2(path, target)
            except OSError as error:
                print(f"setup.py: {target} not written ({error}); the install is complete")


setup(
    ext_modules=extensions(),
    libraries=[simdjson_library()],
    cmdclass={"build_ext": BuildExt},
    options={"build": {"build_base": str(BUILD_BASE)}},
)
