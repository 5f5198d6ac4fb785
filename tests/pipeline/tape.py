"""A reader of everything that is published, and the rules of the channels checked on it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from decimal import Decimal
from itertools import takewhile
from typing import Any, NamedTuple

import redis
from redis.client import PubSub

from tests.redis_server import RedisServer

Message = dict[str, Any]
CANDLES = "candles:"  # only closed ones are logged


class Heard(NamedTuple):
    at: float  # monotonic seconds
    channel: str
    text: bytes


def decode(text: bytes) -> Message:
    found: Message = json.loads(text, parse_float=Decimal)
    return found


class Tape:
    """PSUBSCRIBE * in a thread of its own; subscribes again when the server is gone."""

    def __init__(self, server: RedisServer) -> None:
        self.heard: list[Heard] = []
        self.breaks: list[int] = []  # places in `heard` where the subscription broke
        self._server = server
        self._stop = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        while not self._stop:
            with contextlib.suppress(redis.RedisError, OSError), self._server.client() as client:
                pubsub = client.pubsub()
                pubsub.psubscribe("*")
                self._follow(pubsub)
            if not self._stop:
                self.breaks.append(len(self.heard))
                time.sleep(0.01)

    def _follow(self, pubsub: PubSub) -> None:
        while not self._stop:
            row = pubsub.get_message(timeout=0.1)
            if row is None:
                continue
            if row["type"] == "psubscribe":
                self._ready.set()
            elif row["type"] == "pmessage":
                name = row["channel"].decode()
                self.heard.append(Heard(time.monotonic(), name, row["data"]))

    def since(self, at: float) -> list[Heard]:
        """What was heard since then."""
        return list(takewhile(lambda heard: heard.at >= at, reversed(self.heard)))

    def stop(self) -> None:
        self._stop = True
        self._thread.join(5)


class Channels:
    """Reads a tape forward: `new` gives each message once, and notes what breaks a rule.

    `faults`: a seq that is not the next one, an epoch that falls, a repeat that differs.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.faults: list[str] = []
        self.holes: list[tuple[str, int, int]] = []  # channel, first and last seq not heard
        self.behind_hole: dict[str, set[tuple[int, int]]] = {}  # first message behind each
        self.texts: dict[str, dict[tuple[int, int], bytes]] = {}
        self._at = 0
        self._last: dict[str, tuple[int, int]] = {}

    def new(self) -> list[tuple[float, str, Message]]:
        out = []
        end = len(self.tape.heard)
        for heard in self.tape.heard[self._at : end]:
            message = decode(heard.text)
            if self._follows(heard, message):
                out.append((heard.at, heard.channel, message))
        self._at = end
        return out

    def _follows(self, heard: Heard, message: Message) -> bool:
        channel, key = heard.channel, (int(message["epoch"]), int(message["seq"]))
        kept = self.texts.setdefault(channel, {})
        last = self._last.get(channel, (0, 0))
        if key <= last:  # at least once: a repeat of what was heard
            if kept.get(key) != heard.text:
                self.faults.append(f"{channel} {key}: after {last}, and no repeat of it")
            return False
        begun = last[1] + 1 if key[0] == last[0] else 1
        if key[1] != begun:
            self.holes.append((channel, begun, key[1] - 1))
            self.behind_hole.setdefault(channel, set()).add(key)
        self._last[channel] = key
        kept[key] = heard.text
        return True


def streams(server: RedisServer) -> dict[str, list[tuple[tuple[int, int], bytes]]]:
    """channel -> [((epoch, seq) of the entry id, message)] of every log: stream."""
    out = {}
    with server.client() as client:
        keys: Any = client.keys("log:*")
        for key in keys:
            rows: Any = client.xrange(key)
            entries = []
            for entry, fields in rows:
                epoch, _, seq = entry.decode().partition("-")
                assert list(fields) == [b"m"], (key, fields)
                entries.append(((int(epoch), int(seq)), fields[b"m"]))
            out[key.decode().removeprefix("log:")] = entries
    return out


def stream_faults(
    channels: Channels,
    found: dict[str, list[tuple[tuple[int, int], bytes]]],
) -> list[str]:
    """Every logged message exactly once, in order, with the bytes that were published."""
    faults = []
    for channel, entries in found.items():
        previous = (0, 0)
        for key, text in entries:
            message = decode(text)
            begun = 1 if key[0] != previous[0] else previous[1] + 1
            if key[1] != begun and not channel.startswith(CANDLES):
                faults.append(f"log:{channel} {key} after {previous}")
            before = previous[1] if key[0] == previous[0] else None
            if (message.get("prev") or None) != (before or None):
                faults.append(f"log:{channel} {key}: prev {message.get('prev')} after {previous}")
            if (message["epoch"], message["seq"]) != key:
                faults.append(f"log:{channel} {key}: holds {message['epoch']}, {message['seq']}")
            heard = channels.texts.get(channel, {}).get(key)
            if heard is not None and heard != text:
                faults.append(f"log:{channel} {key}: published with other bytes")
            previous = key
        kept = {key for key, _ in entries}
        lost = [
            key
            for key, text in channels.texts.get(channel, {}).items()
            if key not in kept and not (channel.startswith(CANDLES) and not decode(text)["closed"])
        ]
        if lost:
            faults.append(f"log:{channel}: {len(lost)} published and not logged, first {lost[0]}")
    for channel in channels.texts:
        if channel.startswith(("trade:", "alert:")) and channel not in found:
            faults.append(f"log:{channel} is missing")
    return faults
