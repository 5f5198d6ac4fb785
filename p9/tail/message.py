"""Payload -> fields with the digits as they came, and the holes in (epoch, seq)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

MAX_CHANNELS = 100_000
_HEADER = re.compile(
    rb'\{"type":"[^"\\]*",(?:"exchange":"[^"\\]*",)?(?:"symbol":"[^"\\]*",)?'
    rb'"epoch":([0-9]{1,18}),"seq":([0-9]{1,18}),'
)


class Number(str):
    """A JSON number as its digits: nothing is rounded on the way to the screen."""

    __slots__ = ()


class Unreadable(Exception):
    """The payload is no JSON object; the text says what it is."""


@dataclass(frozen=True, slots=True)
class Message:
    channel: str
    """Without the prefix."""
    received_ns: int
    """When it was read here."""
    fields: dict[str, Any]

    @property
    def kind(self) -> str:
        kind = self.fields.get("type")
        return kind if type(kind) is str else self.channel.partition(":")[0]

    def time_ns(self, name: str) -> int | None:
        return integer(self.fields.get(name))


def integer(value: object) -> int | None:
    """Of a JSON number without sign, point or exponent."""
    if not isinstance(value, Number) or len(value) > 19 or not value.isdecimal():
        return None
    return int(value)


def parse(data: bytes) -> dict[str, Any]:
    """The fields; numbers are `Number`. Raises Unreadable, and nothing else."""
    try:
        fields = json.loads(data, parse_float=Number, parse_int=Number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Unreadable("no JSON") from None
    if not isinstance(fields, dict):
        raise Unreadable("no object")
    return fields


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are no JSON


def header(data: bytes) -> tuple[int, int] | None:
    """(epoch, seq) of a message, without a look at the rest where the keys stand in order.
    None where there is none. Raises Unreadable."""
    if match := _HEADER.match(data):
        return int(match[1]), int(match[2])
    fields = parse(data)
    epoch, seq = integer(fields.get("epoch")), integer(fields.get("seq"))
    return None if epoch is None or seq is None else (epoch, seq)


REPEATED = -1


class Sequences:
    """What each channel had last. At-least-once and two patterns that overlap give a message
    twice; what was lost on the way leaves a hole."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int, int]] = {}
        """epoch, seq, and the greatest epoch so far, of each channel"""

    def missing(self, channel: str, epoch: int, seq: int) -> int:
        """Messages missing before this one, or REPEATED."""
        last = self._last.get(channel)
        if last is None:
            if len(self._last) >= MAX_CHANNELS:
                self._last.pop(next(iter(self._last)))
            last = (epoch, seq - 1, epoch)
        run, before, newest = last
        if epoch == run and (seq > 1 or before == 1):
            if seq <= before:
                return REPEATED
            missing = seq - before - 1
        elif epoch > newest:
            missing = seq - 1  # a run counts from 1, and this one began while this was reading
        else:
            missing = 0  # a run of before, or the same one once more: a replay
        self._last[channel] = (epoch, seq, max(epoch, newest))
        return missing
