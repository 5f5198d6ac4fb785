"""The `replay` command: files in, messages to a file or to Redis, a report."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from p9 import venues
from p9.config import Config
from p9.config.model import Redis
from p9.config.urls import redis_url
from p9.publish.publisher import Publisher, RedisUnreachable
from p9.recording import Entry, InputError, ReadLog
from p9.replay import report
from p9.replay.feed import EngineFactory, Replay, Resolver, entries_of
from p9core.engine import Engine

log = logging.getLogger(__name__)

OK, BAD_INPUT, UNREACHABLE, FAULTS = 0, 2, 3, 4

EVERY = 256  # entries between two looks at what came out
DRAIN_S = 60.0
MAX_UNCONFIRMED = 20_000  # messages; more wait for Redis


@dataclass(frozen=True, slots=True)
class Options:
    paths: tuple[str, ...]
    config: Config | None = None  # None: as the recording says, else the defaults
    speed: float | None = None  # of the recording's own pace; None: as fast as it goes
    out: str | None = None  # "-": standard output
    redis: str | None = None
    venue: str | None = None
    market: str | None = None
    strict: bool = False
    report: str | None = None  # a JSON file


def core_settings(config: Config) -> dict[str, Any]:
    """The keyword arguments of the engine that decide what a run publishes. Recorded by a
    live run, so that its replay needs no configuration."""
    feeds = config.feeds
    return {
        "depth_levels": feeds.depth.levels,
        "feeds": list(feeds.enabled()),
        "max_age_ns": {feed: int(age_s * 1e9) for feed, age_s in feeds.max_age_s().items()},
        "snapshot_ms": feeds.snapshot.interval_ms,
        "snapshot_levels": feeds.snapshot.levels,
        "imbalance_levels": list(feeds.imbalance.levels),
        "timeframes": list(feeds.candles.timeframes),
        "prefix": config.redis.prefix,
        "stream_kinds": list(config.redis.streams.kinds),
        "stream_maxlen": config.redis.streams.maxlen,
    }


def engine_factory(sink: str, defaults: dict[str, Any]) -> EngineFactory:
    def make(resolver: Resolver, settings: dict[str, Any], learn: bool) -> Engine:
        # Of another version's settings, those that still mean the same.
        known = {
            key: value
            for key, value in settings.items()
            if key in defaults and type(value) is type(defaults[key])
        }
        return Engine(epoch=1, sink=sink, learn=learn, resolver=resolver, **{**defaults, **known})

    return make


def run(options: Options) -> int:
    """Replays; the report goes to standard error. Returns the exit status."""
    try:
        return _run(options)
    except InputError as error:
        print(f"replay: {error}", file=sys.stderr)
        return BAD_INPUT
    except RedisUnreachable as error:
        print(f"replay: Redis: {error}", file=sys.stderr)
        return UNREACHABLE


def _run(options: Options) -> int:
    endpoint = _endpoint(options)
    defaults = core_settings(options.config or Config())
    settings = core_settings(options.config) if options.config else None
    factory = engine_factory("resp" if options.redis else "lines", defaults)
    replay = Replay(factory, endpoint=endpoint, settings=settings)
    if options.config:
        replay.instruments.block = options.config.feeds.block_trade
    notes = ReadLog()
    entries = entries_of(list(options.paths), endpoint, notes)
    began = time.monotonic()
    gaps = report.Gaps()
    if options.redis:
        messages = asyncio.run(_to_redis(replay, entries, gaps, options))
    else:
        messages = _to_file(replay, entries, gaps, options)
    found = report.make(replay, notes, gaps, messages, time.monotonic() - began)
    if options.report:
        with _written(options.report) as file:
            assert file is not None
            file.write(json.dumps(found, indent=1, ensure_ascii=False).encode() + b"\n")
    sys.stderr.write(report.text(found))
    return FAULTS if options.strict and found["faults"] else OK


def _endpoint(options: Options) -> str | None:
    if options.venue is None:
        if options.market is not None:
            raise InputError("--market needs --venue")
        return None
    try:
        return venues.endpoint_of(options.venue, options.market or "")
    except ValueError as error:
        raise InputError(str(error)) from error


def _redis_config(options: Options) -> Redis:
    try:
        return replace((options.config or Config()).redis, url=redis_url(options.redis or ""))
    except ValueError as error:
        raise InputError(f"--redis: {error}") from error


class _Pace:
    """How long to wait before an entry so that time passes `speed` times as fast."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._first_ns = 0
        self._began = 0.0

    def wait_s(self, entry: Entry) -> float:
        if entry.recv_ns is None:
            return 0.0
        if not self._first_ns:
            self._first_ns, self._began = entry.recv_ns, time.monotonic()
        due = self._began + (entry.recv_ns - self._first_ns) / 1e9 / self._speed
        return max(0.0, due - time.monotonic())


def _to_file(replay: Replay, entries: Iterator[Entry], gaps: report.Gaps, options: Options) -> int:
    """Every message as a line; without `--out` only counted."""
    pace = _Pace(options.speed) if options.speed else None
    messages = 0

    def take(write: Callable[[bytes], Any] | None) -> None:
        nonlocal messages
        lines = replay.engine.take_lines()
        messages += lines.count(b"\n")
        gaps.look(lines)
        if write is not None:
            write(lines)

    with _written(options.out) as file:
        write = file.write if file else None
        for number, entry in enumerate(entries, 1):
            if pace is not None and (wait_s := pace.wait_s(entry)) > 0:
                take(write)
                if file is not None:
                    file.flush()
                time.sleep(wait_s)
            replay.step(entry)
            if number % EVERY == 0:
                take(write)
        take(write)
    return messages


class _Watched:
    """The engine as the publisher uses it, its messages counted and looked at on the way."""

    def __init__(self, engine: Engine, gaps: report.Gaps) -> None:
        self.messages = 0
        self._engine, self._gaps = engine, gaps
        self.take_log = engine.take_log
        self.has_output = engine.has_output
        self.channel_name = engine.channel_name
        self.stream_key = engine.stream_key

    def take_pub(self) -> tuple[bytes, int, int, int] | None:
        taken = self._engine.take_pub()
        if taken is not None:
            self.messages += taken[2]
            self._gaps.look(taken[0])
        return taken


async def _to_redis(
    replay: Replay, entries: Iterator[Entry], gaps: report.Gaps, options: Options
) -> int:
    """Everything published and confirmed, streams included."""
    pace = _Pace(options.speed) if options.speed else None
    publisher = Publisher(_redis_config(options))
    await publisher.open()
    watched: _Watched | None = None
    try:
        for number, entry in enumerate(entries, 1):
            if pace is not None and (wait_s := pace.wait_s(entry)) > 0:
                await asyncio.sleep(wait_s)
            replay.step(entry)
            if pace is None and number % EVERY:
                continue
            if watched is None:
                watched = _Watched(replay.engine, gaps)
                publisher.attach(watched, epoch=1)
            publisher.flush()
            await asyncio.sleep(0)
            if publisher.unconfirmed().total > MAX_UNCONFIRMED:
                await _drain(publisher)
        if watched is None:
            watched = _Watched(replay.engine, gaps)
            publisher.attach(watched, epoch=1)
        await _drain(publisher)
        return watched.messages
    finally:
        await publisher.close()


async def _drain(publisher: Publisher) -> None:
    left = await publisher.drain(DRAIN_S)
    if left.total:
        raise RedisUnreachable(f"{left.total} messages are not confirmed after {DRAIN_S:.0f} s")


@contextmanager
def _written(path: str | None) -> Iterator[IO[bytes] | None]:
    """A file that appears whole under its name, or not at all; "-" is standard output."""
    if path is None:
        yield None
        return
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    if not target.is_file() and target.exists():  # a device or pipe
        with target.open("wb") as file:
            yield file
        return
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
