"""The shape of the package: who may import whom, stubs that tell the truth, headers that work."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import p9
import p9core
from tests.conftest import ROOT

VENUES = ("binance", "bybit", "okx")
IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+(.*)|c?import\s+([\w., ]+))", re.M)
TEXTS = re.compile(r'"""(?:.|\n)*?"""|#[^\n]*')


def sources(folder: str, *suffixes: str) -> list[Path]:
    found = [p for p in sorted((ROOT / folder).rglob("*")) if p.suffix in suffixes]
    assert found, f"no sources in {folder}"
    return found


def imports(path: Path) -> set[str]:
    """Full names of what a source imports or cimports, `from a import b` as a.b too."""
    found = set()
    for match in IMPORT.finditer(TEXTS.sub("", path.read_text())):
        base, names, plain = match.groups()
        if base is not None:
            package = ".".join(path.relative_to(ROOT).parent.parts)
            base = base if not base.startswith(".") else f"{package}.{base.lstrip('.')}".rstrip(".")
            found |= {base, *(f"{base}.{name}" for name in re.findall(r"\w+", names))}
        else:
            found |= set(re.split(r"[,\s]+", plain.strip()))
    return found


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


CORE = sources("p9core", ".pyx", ".pxd", ".py", ".pyi")
PYTHON = sources("p9", ".py")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- the rules of the house ----------------------------------------------------------------


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_knows_nothing_of_p9_sockets_or_clocks(path: Path) -> None:
    allowed = {"picows"} if path.stem == "listener" else set()
    strangers = {"p9", "asyncio", "time", "socket", "aiohttp", "hiredis", "redis", "picows", "ssl"}
    assert roots(path) & strangers <= allowed


@pytest.mark.parametrize(
    "path", [p for p in CORE if p.stem in ("book", "sequence")], ids=name_of
)  # fmt: skip
def test_book_and_sequence_know_no_json_and_no_venue(path: Path) -> None:
    known = imports(path)
    assert not {name for name in known if re.match(r"p9core\.(json|venues)\b|json\b", name)}


@pytest.mark.parametrize(
    ("library", "files"),
    [
        ("picows", {"link.py", "listener.pyx", "listener.pxd", "listener.pyi"}),
        ("hiredis", {"redis_link.py"}),
        ("aiohttp", {"client.py", "face.py"}),
        ("yaml", {"source.py"}),
    ],
)
def test_a_library_has_one_door(library: str, files: set[str]) -> None:
    users = {path.name for path in (*CORE, *PYTHON) if library in roots(path)}
    assert users == files


def words(path: Path) -> Iterator[str]:
    """Names and texts that are data, not prose."""
    if path.suffix != ".py":
        yield from re.findall(r"\w+", TEXTS.sub("", path.read_text()))
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.partition(":")[0]


@pytest.mark.parametrize(
    "path", [p for p in (*CORE, *PYTHON) if "venues" not in p.parts], ids=name_of
)
def test_venue_names_stand_in_the_venues_folders(path: Path) -> None:
    if "config" in path.parts:
        return  # the keys of the configuration are public names
    named = {word for word in words(path) if word.lower() in VENUES}
    assert not named


def test_the_rules_see_imports(tmp_path: Path) -> None:
    path = ROOT / "p9core" / "venues" / "made_up.pyx"
    source = (
        'from . cimport json, book\n"""import p9"""\nimport time, os\n    cimport p9.x  # import y'
    )
    (tmp_path / "x.pyx").write_text(source)

    class Here(type(path)):  # type: ignore[misc]
        def read_text(self, *_: object, **__: object) -> str:
            return source

    assert imports(Here(path)) == {
        "p9core.venues", "p9core.venues.json", "p9core.venues.book", "time", "os", "p9.x",
    }  # fmt: skip


# --- what is shipped -----------------------------------------------------------------------


def installed_check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("installed_check", ROOT / "ci/installed_check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_name_of_the_stubs_exists() -> None:
    assert installed_check().stub_faults() == []


def test_every_compiled_module_has_its_source_and_stub() -> None:
    for source in sources("p9core", ".pyx"):
        assert importlib.util.find_spec(".".join(source.relative_to(ROOT).with_suffix("").parts))
    for package in (p9, p9core):
        assert (Path(package.__path__[0]) / "py.typed").is_file()


def test_the_version_has_one_place() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", p9.__version__)
    project = (ROOT / "pyproject.toml").read_text()
    assert 'version = { attr = "p9.__version__" }' in project


CIMPORTING = """# distutils: language = c++
from libc.stdint cimport int32_t
from p9core.book cimport Book, book_apply, book_free, book_init
from p9core.types cimport Change

def best_bid():
    cdef Book book
    cdef Change[2] bids
    cdef int32_t n = 2, none = 0
    bids[0] = Change(100, 5)
    bids[1] = Change(101, 7)
    book_init(&book, 10, 0)
    book_apply(&book, bids, &n, bids, &none)
    found = book.bid.keys[book.bid.n - 1], book.bid.qtys[book.bid.n - 1]
    book_free(&book)
    return found
"""


def test_another_cython_module_can_cimport_the_core(tmp_path: Path) -> None:
    pytest.importorskip("Cython")
    (tmp_path / "engine_of_mine.pyx").write_text(CIMPORTING)
    root = Path(p9core.__path__[0]).parent
    environment = {**os.environ, "PYTHONPATH": str(root), "CFLAGS": "-O0 -std=c++17 -w"}
    build = [sys.executable, "-m", "Cython.Build.Cythonize", "-3", "-i", "engine_of_mine.pyx"]
    use = [sys.executable, "-c", "import engine_of_mine as e; print(e.best_bid())"]
    for command in (build, use):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=100, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == "(101, 7)"
