"""A Config as plain data: shown without secrets, hashed, compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from fnmatch import fnmatchcase
from typing import TypeVar

from p9.config.model import Config
from p9.secret import Secret

S = TypeVar("S")

# The keys that SIGHUP takes over; the others need a restart.
HOT = (
    "symbols",
    "exchanges.*.symbols",
    "feeds.*.enabled",
    "feeds.*.max_age_s",
    "feeds.block_trade.*",
    "safety.*",
    "log.level",
)


def flat(config: Config) -> Iterator[tuple[str, object]]:
    """(dotted key, value) of every key, in the order of the model; secrets as Secret."""
    return _flat(config, "")


def describe(config: Config) -> dict[str, object]:
    """Dotted key -> plain value for a log or a person; secrets are masked."""
    return {key: _plain(value) for key, value in flat(config)}


def config_hash(config: Config) -> str:
    """SHA-256 (hex) over all that is not secret; a recording carries it."""
    # A URL's Secret shows itself without the password; any other one is left out, as "***"
    # would still tell whether there is one.
    plain = {
        key: _plain(value)
        for key, value in flat(config)
        if not (isinstance(value, Secret) and "://" not in str(value))
    }
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def diff(old: Config, new: Config) -> list[str]:
    """The dotted keys whose values differ, secrets among them."""
    before = dict(flat(old))
    return [key for key, value in flat(new) if before[key] != value]


def is_hot(key: str) -> bool:
    """Is a changed value of this key taken while it runs?"""
    return any(fnmatchcase(key, pattern) for pattern in HOT)


def hot_part(old: Config, new: Config) -> Config:
    """`old` with the hot keys of `new`."""
    return _taken(old, new, "")


def _taken(old: S, new: S, dotted: str) -> S:
    values = {}
    for row in fields(old):  # type: ignore[arg-type]
        key = f"{dotted}.{row.name}" if dotted else row.name
        before, after = getattr(old, row.name), getattr(new, row.name)
        if is_dataclass(before):
            values[row.name] = _taken(before, after, key)
        else:
            values[row.name] = after if is_hot(key) else before
    return replace(old, **values)  # type: ignore[type-var]


def secrets(config: Config) -> tuple[str, ...]:
    """Every secret text of the configuration, for a log to blank out."""
    found = [config.redis.address.password.reveal()]
    # A URL without a password shows itself whole, and is worth reading in a log.
    found += [
        value.reveal()
        for _, value in flat(config)
        if isinstance(value, Secret) and str(value) != value.reveal()
    ]
    return tuple(dict.fromkeys(text for text in found if text))


def _flat(part: object, dotted: str) -> Iterator[tuple[str, object]]:
    assert is_dataclass(part)
    for row in fields(part):
        key = f"{dotted}.{row.name}" if dotted else row.name
        value = getattr(part, row.name)
        if is_dataclass(value):
            yield from _flat(value, key)
        else:
            yield key, value


def _plain(value: object) -> object:
    if isinstance(value, Secret):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
