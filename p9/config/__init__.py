"""YAML -> typed, frozen settings. Read model.py first: it lists every key with its default.

source   text -> tree with line numbers, environment put in
model    the keys: dataclasses, defaults, checks (feeds: a section of it)
checks   what a value may be (lists: of several parts)
loader   tree -> Config, all faults at once
tools    describe, hash, diff, and what may change while it runs
"""

from __future__ import annotations

from p9.config.errors import ConfigError, Problem
from p9.config.loader import find, load, loads
from p9.config.model import Config, Exchange
from p9.config.tools import config_hash, describe, diff, hot_part, is_hot, secrets
from p9.config.urls import RedisAddress

__all__ = [
    "Config",
    "ConfigError",
    "Exchange",
    "Problem",
    "RedisAddress",
    "config_hash",
    "describe",
    "diff",
    "find",
    "hot_part",
    "is_hot",
    "load",
    "loads",
    "secrets",
]
