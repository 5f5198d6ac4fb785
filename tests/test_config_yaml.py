"""Text that is no good YAML, and any text at all: never anything but a ConfigError."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from p9.config import Config, ConfigError, describe, loads
from p9.config.source import MAX_BYTES, MAX_NODES

CONFIGS = Path(__file__).parent.parent / "configs"


def faults(text: str | bytes, environ: Mapping[str, str] | None = None) -> list[tuple[str, int]]:
    """(key, line) of every problem of a text that must be refused."""
    return [(p.key, p.line) for p in refused(text, environ).problems]


def refused(text: str | bytes, environ: Mapping[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        loads(text, environ or {}, "x.yaml")
    return caught.value


def only(text: str | bytes, environ: Mapping[str, str] | None = None) -> str:
    """The message of the one problem of a text."""
    (problem,) = refused(text, environ).problems
    return problem.message


# --- YAML itself -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("- a\n- b", 1, "found a list; allowed: a section"),
        ("just text", 1, "found 'just text'; allowed: a section"),
        ("42", 1, "found '42'"),
        ("http: {port: 1}\n---\nhttp: {port: 2}\n", 2, "expected a single document"),
        ("http:\n  port: 1\n bad", 3, "not valid YAML"),
        ("http: {port: 1", 1, "not valid YAML"),
        ("a: 'x\n\n", 3, "not valid YAML"),
        ("\tx: 1", 1, "not valid YAML"),
        ("log:\n\n  level: \"\\UFFFFFFFF\"", 3, "not valid YAML"),
        ("a: b: c", 1, "not valid YAML"),
        ("%YAML 9.9\n---\n{}", 1, "not valid YAML"),
        ("a:\n  \x07", 2, "control character"),
        ("? [a, b]\n: 1", 1, "a key must be a plain word"),
        ("x: *y", 1, "aliases"),
        ("http: &a {port: 1}", 1, "anchors"),
        ("log:\n  level: !!python/object/apply:os.system [echo]", 2, "tags"),
        ("http: {<<: {port: 1}}", 1, "unknown key"),
        ("http: {1: 2}", 1, "unknown key"),
        ("[" * 100_000, 1, "nested deeper"),
        ("a: [" + "1," * (MAX_NODES + 1) + "]", 1, "more than"),
        ("#" * (MAX_BYTES + 1), 0, "larger than"),
    ],
)  # fmt: skip
def test_broken_yaml(text: str, line: int, said: str) -> None:
    error = refused(text)
    assert said in str(error)
    assert line in [p.line for p in error.problems]


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0",
        b"a: 1\nb: \xff\xfe",
        b"\x00" * 99,
        "http: {}".encode("utf-16"),
        os.urandom(999) + b"\xff",
    ],
)
def test_binary_garbage(data: bytes) -> None:
    assert refused(data).problems[-1].line > 0
    assert only(b"a: \xff") == "not UTF-8 text"
    assert faults(b"# x\n\xff") == [("", 2)]


def test_billion_laughs_is_refused_at_once() -> None:
    names = "abcdefghi"
    text = "a: &a [x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]\n" for last, name in pairwise(names)
    )
    assert "aliases" in str(refused(text))


def test_lone_surrogates_are_no_text() -> None:
    error = refused('redis: {prefix: "\\ud800"}')
    str(error).encode()
    assert "no valid Unicode" in str(error)


# --- anything at all ---------------------------------------------------------------------

NAMES = sorted({name for key in describe(Config()) for name in key.split(".")})
WORDS = st.sampled_from([*NAMES, "BTCUSDT", "auto", "${A}", "${B:-1}", "${", "*a", "&a", "!!int",
                         "<<", "---", "...", "'", '"', "\t", "%", "redis://:pw@h/0", "1e3",
                         "\\U"])  # fmt: skip
SECRET = "s3cr3t.Hunter2"
ENVIRON = {"A": SECRET}
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), WORDS)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=30,
)


def only_config_errors(data: str | bytes) -> None:
    try:
        said = repr(loads(data, ENVIRON))
    except ConfigError as error:
        said = str(error)
    assert said.encode()
    assert SECRET not in said


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS)
def test_any_document_loads_or_is_refused(document: object) -> None:
    only_config_errors(yaml.safe_dump(document))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(WORDS, st.sampled_from([": ", "\n", "\n  ", "\n    ", "- ", ", ", "{",
                                                  "}", "[", "]", "#", " "]), st.text(max_size=4)),
                max_size=30))  # fmt: skip
def test_any_text_loads_or_is_refused(parts: list[str]) -> None:
    only_config_errors("".join(parts))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_load_or_are_refused(data: bytes) -> None:
    only_config_errors(data)
    only_config_errors(b"log:\n  level: " + data)


SHIPPED = (CONFIGS / "config.yaml").read_bytes()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(SHIPPED) - 1), st.integers(0, 30), st.binary(max_size=6))
def test_a_damaged_file_loads_or_is_refused(at: int, cut: int, put: bytes) -> None:
    only_config_errors(SHIPPED[:at] + put + SHIPPED[at + cut :])
