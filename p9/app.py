"""The pipeline: builds the parts in the order in which they need each other, runs them, drains.

    Redis -> epoch -> engine -> publisher -> HTTP face -> markets (REST, sessions)

Data flows the other way round. Ending goes from the sockets to Redis, so that what was received
is confirmed before the process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from p9 import __version__, config
from p9.capture import Recorder
from p9.connect.session import Session
from p9.face import CannotServe, Face
from p9.health import Health
from p9.log import event, set_level
from p9.markets.exchanges import Markets
from p9.markets.terms import plain
from p9.port import Port
from p9.publish import embedded
from p9.publish.publisher import Publisher, RedisRefused, RedisUnreachable
from p9.replay.command import core_settings
from p9core.engine import Engine
from p9core.listener import FeedListener

log = logging.getLogger("p9.app")

TICK_S = 0.1
BEHIND_S = 0.001  # a timer may fire a little early: the turn must be over
REDIS_START_S = 30.0
DRAIN_S = 10.0
MAX_ERRORS = 20  # of a refused configuration, in an alert


class CannotStart(Exception):
    """Redis not reached, a port taken, a folder not writable: the text says which and why."""


class App:
    """One run of the pipeline. `run` returns after SIGINT, SIGTERM or `duration_s`."""

    def __init__(
        self,
        settings: config.Config,
        *,
        record: Path | None = None,
        duration_s: float | None = None,
        load: Callable[[], config.Config] | None = None,
    ) -> None:
        """`load`: reads the configuration again, for SIGHUP; it may raise ConfigError."""
        self.settings = settings
        self._record = record
        self._duration_s = duration_s
        self._load = load
        self._stop = asyncio.Event()
        self._signals = 0
        self.publisher: Publisher | None = None
        """Once it is started; its counters stay when the run is over."""
        self._engine: Engine | None = None

    async def run(self) -> None:
        """Raises CannotStart."""
        settings = self.settings
        async with contextlib.AsyncExitStack() as ends:
            self._catch_signals(ends)
            await self._start_embedded(ends)
            publisher = await self._start_publisher(ends)
            engine = Engine(epoch=publisher.epoch, **core_settings(settings))
            self._engine, self.publisher = engine, publisher
            publisher.attach(engine)
            recorder = self._start_recorder(ends)
            port = Port(engine, recorder=recorder, flush=publisher.flush)

            def listener(conn: int, session: Session) -> FeedListener:
                made = FeedListener(engine, conn, session)
                made.recorder = recorder.frame if recorder is not None else None
                return made

            markets = Markets(settings, port, listener, notify=self._alert)
            ends.push_async_callback(self._drain, engine, publisher, markets)
            health = Health(engine, publisher, markets)
            if settings.http.enabled:
                await self._start_face(ends, health)
            event(
                log,
                "info",
                "started",
                version=__version__,
                epoch=publisher.epoch,
                feeds=settings.feeds.enabled(),
                exchanges=tuple(settings.exchanges.enabled()),
                loop=type(asyncio.get_running_loop()).__module__,
            )
            self._catch_reload(ends, markets)
            markets.start()
            # What lives now lives to the end: the collector need not look at it again.
            gc.collect()
            gc.freeze()
            await self._beat(engine, publisher, markets, health)
            event(log, "info", "stopping")

    # -- start, in order ----------------------------------------------------------------------

    def _catch_signals(self, ends: contextlib.AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signalled)
            ends.callback(loop.remove_signal_handler, number)

    def _signalled(self) -> None:
        """The first one drains, the second one ends at once."""
        self._signals += 1
        if self._signals > 1:
            raise KeyboardInterrupt
        self._stop.set()

    def _catch_reload(self, ends: contextlib.AsyncExitStack, markets: Markets) -> None:
        load = self._load
        if load is not None:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGHUP, self._reload, load, markets)
            ends.callback(loop.remove_signal_handler, signal.SIGHUP)

    async def _start_embedded(self, ends: contextlib.AsyncExitStack) -> None:
        redis = self.settings.redis
        try:
            server = await embedded.ensure(redis.address, redis.embedded)
        except embedded.EmbeddedError as error:
            raise CannotStart(str(error)) from error
        if server is not None:
            ends.push_async_callback(server.stop)

    async def _start_publisher(self, ends: contextlib.AsyncExitStack) -> Publisher:
        publisher = Publisher(self.settings.redis, on_dropped=self._dropped, on_link=self._linked)
        ends.push_async_callback(publisher.close)
        try:
            await publisher.open(REDIS_START_S)
            await publisher.negotiate_epoch(
                (), self.settings.redis.prefix, time.time_ns() // 1_000_000
            )
        except (RedisUnreachable, RedisRefused) as error:
            raise CannotStart(f"Redis: {error}") from error
        return publisher

    def _start_recorder(self, ends: contextlib.AsyncExitStack) -> Recorder | None:
        if self._record is None:
            return None
        start = {
            "version": __version__,
            "mode": "live",
            "config": config.config_hash(self.settings),
            "settings": core_settings(self.settings),
            "block_trades": plain(self.settings.feeds.block_trade),
        }
        try:
            recorder = Recorder(self._record, start, on_loss=self._recording_loss)
        except OSError as error:
            raise CannotStart(f"--record {self._record}: {error.strerror}") from error
        ends.callback(recorder.stop)
        return recorder

    async def _start_face(self, ends: contextlib.AsyncExitStack, health: Health) -> None:
        http = self.settings.http
        face = Face(http.host, http.port, health.missing, health.samples)
        try:
            await face.start()
        except CannotServe as error:
            raise CannotStart(str(error)) from error
        ends.push_async_callback(face.stop)

    # -- while it runs ------------------------------------------------------------------------

    async def _beat(
        self, engine: Engine, publisher: Publisher, markets: Markets, health: Health
    ) -> None:
        """The timer: ticks for the core at each 100 ms of the wall clock (a snapshot is of the full
        second), the summary line, the end."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._duration_s if self._duration_s else float("inf")
        summary_s = self.settings.log.summary_s
        tick = loop.time()
        summary = tick + summary_s
        while not self._stop.is_set() and tick < end:
            # Ticks that were missed are not made up for, but the lag is reported.
            tick = loop.time() + TICK_S - time.time() % TICK_S + BEHIND_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(tick):
                    await self._stop.wait()
            health.lag(loop.time() - tick)
            engine.on_timer(time.time_ns())
            markets.on_wants(engine.take_wants())
            publisher.flush()
            if loop.time() >= summary:
                event(log, "info", "summary", **health.summary(summary_s))
                summary += summary_s

    def _reload(self, load: Callable[[], config.Config], markets: Markets) -> None:
        """SIGHUP: what may change while it runs is taken over, the rest is named."""
        if self._stop.is_set():
            return
        try:
            new = load()
        except config.ConfigError as error:
            errors = str(error).splitlines()
            event(log, "error", "configuration refused, the old one stays", errors=errors)
            reason = "the new configuration is not valid, the old one stays"
            self._alert("config", {"reason": reason, "errors": errors[:MAX_ERRORS]})
            return
        changed = config.diff(self.settings, new)
        cold = [key for key in changed if not config.is_hot(key)]
        self.settings = config.hot_part(self.settings, new)
        set_level(self.settings.log.level)
        markets.reload(self.settings)
        event(log, "info", "configuration read again", changed=changed, need_restart=cold)
        if cold:
            self._alert("config", {"reason": "these keys need a restart", "keys": cold})

    def _alert(self, kind: str, fields: dict[str, Any]) -> None:
        if self._engine is not None and self.publisher is not None:
            text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
            self._engine.alert(kind, text, time.time_ns())
            self.publisher.flush()

    def _dropped(self, kind: str, messages: int, reason: str) -> None:
        if not self._stop.is_set():
            self._alert("publish", {"dropped": kind, "messages": messages, "reason": reason})

    def _linked(self, up: bool, _: str) -> None:
        # the server may be another one, or empty
        if up and self._engine is not None:
            self._engine.say_again()

    def _recording_loss(self, lost: int) -> None:
        self._alert("recording", {"lost": lost})

    # -- end ----------------------------------------------------------------------------------

    async def _drain(self, engine: Engine, publisher: Publisher, markets: Markets) -> None:
        """Sockets first; then everything that was received is confirmed."""
        self._stop.set()
        await markets.close()
        engine.end("shutdown", time.time_ns())
        # keys that lag behind their channels by up to 100 ms
        engine.on_timer(time.time_ns() + int(TICK_S * 1e9))
        left = await publisher.drain(DRAIN_S)
        total = publisher.latency.total()
        event(
            log,
            "warning" if left.total else "info",
            "drained",
            unconfirmed=left.total,
            confirmed=total.count,
        )
