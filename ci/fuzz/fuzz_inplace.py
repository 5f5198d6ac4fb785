"""Frames where the socket left them: decoded in place, with a stranger's bytes behind them."""

from __future__ import annotations

import importlib.util
import sysconfig
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from fuzz_check import Broken

from p9core.engine import Engine

# What may be read behind a frame: exactly that much is there, whatever it is.
BEHIND = 64

FeedInPlace = Callable[[Engine, int, int, bytes, bytes], Any]


def load(work: Path) -> FeedInPlace | None:
    """What fuzz_build has compiled; None where it has not."""
    path = work / f"inplace{sysconfig.get_config_var('EXT_SUFFIX')}"
    if not path.is_file():
        return None
    spec = importlib.util.spec_from_file_location("inplace", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    feed: FeedInPlace = module.feed
    return feed


def behind(random: Random, other: bytes) -> bytes:
    """What may stand behind a frame: the next one, digits that go on, brackets that fit."""
    text = random.choice(
        [b"9" * BEHIND, b"0" * BEHIND, b'"' * BEHIND, b"]" * BEHIND, b'"]]}}' * BEHIND,
         b"\\" * BEHIND, b'","1"],["1","1"]],"u":1}}' * 4, b"\xff" * BEHIND, b" " * BEHIND, other,
         bytes(BEHIND)]
    )  # fmt: skip
    return (text + bytes(BEHIND))[:BEHIND]


class Pair:
    """Two engines that are told the same, one by copies and one in place; what they say must
    not differ."""

    def __init__(self, feed: FeedInPlace, random: Random, **arguments: Any) -> None:
        self.in_place, self.random = feed, random
        self.one, self.other = Engine(**arguments), Engine(**arguments)
        self.last = b""

    def feed(self, conn: int, recv_ns: int, frame: bytes) -> Any:
        said = self.one.feed(conn, recv_ns, frame)
        rest = behind(self.random, self.last)
        self.last = frame
        if self.in_place(self.other, conn, recv_ns, frame, rest) != said:
            raise Broken(f"in place, with {rest!r} behind it, the frame is another")
        return said

    def __getattr__(self, name: str) -> Any:
        def both(*args: Any, **kwargs: Any) -> Any:
            said, raised = attempt(getattr(self.one, name), args, kwargs)
            other, again = attempt(getattr(self.other, name), args, kwargs)
            if said != other or (raised is None) != (again is None):
                raise Broken(f"{name} differs in place: {said!r:.600} and {other!r:.600}")
            if raised is not None:
                raise raised
            return said

        return both


def attempt(
    call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ValueError | None]:
    try:
        return call(*args, **kwargs), None
    except ValueError as error:
        return None, error
