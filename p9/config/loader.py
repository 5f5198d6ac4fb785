"""File -> Config. Every fault of the file is collected before anything is refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, fields, replace
from typing import Any, TypeVar

from p9.config.checks import Bad, Check, did_you_mean
from p9.config.errors import ConfigError, Problem, Report, TooManyProblems
from p9.config.model import ALIASES, NOT_YET, Config
from p9.config.source import (
    MAX_BYTES,
    Refused,
    Scalar,
    SourceError,
    Table,
    Tree,
    parse,
    show_key,
)

DEFAULT_PATH = os.path.join("configs", "config.yaml")
BUILT_IN = "built-in defaults"

S = TypeVar("S")


def find(path: str | None = None, environ: Mapping[str, str] | None = None) -> str | None:
    """The file `load` reads: the given one, else $P9_CONFIG, else ./configs/config.yaml
    where it exists, else None: the built-in defaults."""
    environ = os.environ if environ is None else environ
    if path is not None:
        return path
    if environ.get("P9_CONFIG"):
        return environ["P9_CONFIG"]
    return DEFAULT_PATH if os.path.exists(DEFAULT_PATH) else None


def load(path: str | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration of `find(path)`. Raises ConfigError, and nothing else."""
    environ = os.environ if environ is None else environ
    found = find(path, environ)
    return loads(b"" if found is None else _read(found), environ, found or BUILT_IN)


def loads(data: bytes | str, environ: Mapping[str, str] | None = None, path: str = "") -> Config:
    """The configuration of a YAML text. `path` is only for the error texts."""
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    report = Report()
    config = Config()
    try:
        tree = parse(data, os.environ if environ is None else environ, report)
        walk = _Walk(os.environ if environ is None else environ, report)
        config = walk.section(config, tree, "", 0)
        _agree(config, walk.lines, report)
    except SourceError as error:
        # What was found before the text broke off is still worth telling.
        problems = report.sorted()
        raise ConfigError([*problems, Problem("", error.line, str(error))], path) from None
    except TooManyProblems:
        more = Problem("", 0, f"more than {len(report.sorted())} problems")
        raise ConfigError([*report.sorted(), more], path) from None
    if report:
        raise ConfigError(report.sorted(), path)
    return config


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError([Problem("", 0, f"cannot be read: {reason}")], path) from None
    except ValueError:
        raise ConfigError([Problem("", 0, "cannot be read: no file name")], repr(path)) from None


class _Walk:
    """Goes through model and tree side by side; the model says what may stand where."""

    def __init__(self, environ: Mapping[str, str], report: Report) -> None:
        self._environ = environ
        self._report = report
        self.lines: dict[str, int] = {}
        """Dotted key -> line; for a key that is not in the file, the line of its section."""

    def section(self, default: S, tree: Tree | None, dotted: str, line: int) -> S:
        """A copy of `default` with what the tree says. What is wrong keeps its default."""
        rows: dict[str, Field[Any]] = {row.name: row for row in fields(default)}  # type: ignore[arg-type]
        entries = self._entries(tree, dotted, rows)
        values: dict[str, object] = {}
        for name, row in rows.items():
            key = f"{dotted}.{name}" if dotted else name
            at, value = entries.get(name, (line, None))
            self.lines[key] = at
            if "check" not in row.metadata:
                values[name] = self.section(getattr(default, name), value, key, at)
                continue
            if value is None:
                value = self._from_environment(row.metadata["env"])
            if value is not None:
                check: Check = row.metadata["check"]
                try:
                    values[name] = check.read(value, key, self._report)
                except Bad:
                    continue
        return replace(default, **values)  # type: ignore[type-var]

    def _entries(
        self, tree: Tree | None, dotted: str, rows: dict[str, Field[Any]]
    ) -> dict[str, tuple[int, Tree]]:
        """The known keys of a section; all others are reported."""
        if tree is None or isinstance(tree, Refused):
            return {}
        if isinstance(tree, Scalar) and tree.kind == "nothing" and not tree.variables:
            return {}  # "okx:" with nothing below it
        if not isinstance(tree, Table):
            what = f"a section with the keys {', '.join(rows)}"
            self._report.add(dotted, tree.line, f"found {tree.shown()}; allowed: {what}")
            return {}
        aliases = ALIASES.get(dotted, {})
        known: dict[str, tuple[int, Tree]] = {}
        for name, (line, value) in tree.entries.items():
            real = aliases.get(name, name)
            if real not in rows:
                self._unknown(name, line, dotted, tuple(rows))
            elif real in known:
                key = f"{dotted}.{name}"
                first = known[real][0]
                self._report.add(key, line, f"the same as {real!r} on line {first}; keep one")
            else:
                known[real] = (line, value)
        return known

    def _unknown(self, name: str, line: int, dotted: str, allowed: tuple[str, ...]) -> None:
        key = f"{dotted}.{show_key(name)}" if dotted else show_key(name)
        if name in NOT_YET.get(dotted, ()):
            self._report.add(key, line, "not available in this version")
            return
        guess = did_you_mean(name, allowed)
        said = f"unknown key{', ' + guess if guess else ''}"
        self._report.add(key, line, f"{said}; allowed: {', '.join(allowed)}")

    def _from_environment(self, name: str) -> Scalar | None:
        value = self._environ.get(name, "") if name else ""
        return Scalar(0, value, substituted=True, variables=(name,)) if value else None


def _agree(config: Config, lines: Mapping[str, int], report: Report) -> None:
    """What no single key can know; silent about sections that are wrong anyway."""

    def wrong(key: str, message: str, *about: str) -> None:
        if not any(report.touches(dotted) for dotted in about):
            report.add(key, lines.get(key, 0), message)

    enabled = config.exchanges.enabled()
    if not enabled:
        wrong("exchanges", "no exchange is enabled; allowed: at least one", "exchanges")
    for name in enabled:
        if not config.symbols_of(name):
            key = f"exchanges.{name}.symbols"
            said = "empty, and so is 'symbols'; allowed: one or more"
            wrong(key, said, key, f"exchanges.{name}.enabled", "symbols")
    if not config.feeds.enabled():
        wrong("feeds", "no feed is enabled; allowed: at least one", "feeds")
    low, high = config.connection.backoff_s, config.connection.backoff_max_s
    if low > high:
        key = "connection.backoff_s"
        said = f"found {low:g}; allowed: up to backoff_max_s, which is {high:g}"
        wrong(key, said, key, "connection.backoff_max_s")
    if config.redis.embedded == "always" and not _embeddable(config):
        said = "'always' needs a url redis://<loopback address>[:port][/db] without a password"
        wrong("redis.embedded", said, "redis.embedded", "redis.url")


def _embeddable(config: Config) -> bool:
    address = config.redis.address
    return address.is_loopback and not address.tls and not address.password
