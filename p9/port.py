"""What sockets and policy tell the core, and the recording of exactly that, in the same order.

A replay can only be the same run again if every call that changes the core is recorded where
it happened between the frames. So sessions and resync talk to the engine through here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from p9.rest.client import RestReply
from p9.venues import Endpoint, Instrument


class EngineLike(Protocol):
    """The calls of `p9core.engine.Engine` that are used here."""

    def add_instrument(
        self,
        endpoint: str,
        venue_id: str,
        *,
        exchange: str,
        symbol: str,
        price_step: str | None,
        qty_step: str | None,
        contract: str | None = "1",
        publish: bool = True,
        market: str = "spot",
        index: str = "",
        group: str = "",
        multiplier: int = 1,
        block_notional: str | None = None,
        funding_hours: int | None = None,
    ) -> int: ...
    def open_conn(self, endpoint: str) -> int: ...
    def close_conn(self, conn: int, now_ns: int) -> None: ...
    def feed_snapshot(
        self,
        instrument: int,
        recv_ns: int,
        body: bytes,
        limit: int = 0,
    ) -> str: ...
    def snapshot_failed(self, instrument: int, now_ns: int) -> None: ...
    def invalidate(
        self,
        instrument: int,
        reason: str,
        now_ns: int,
        conn: int = -1,
    ) -> None: ...
    def subscribed(self, instrument: int, now_ns: int) -> None: ...
    def trades_broken(self, instrument: int, now_ns: int) -> None: ...
    def follow(self, instrument: int, on: bool, now_ns: int) -> None: ...
    def set_feeds(self, names: Collection[str], now_ns: int) -> None: ...
    def set_ages(self, max_age_ns: Mapping[str, int]) -> None: ...
    def status(self, exchange: str, fields_json: str, now_ns: int) -> None: ...
    def feed_poll(
        self,
        endpoint: str,
        ask: str,
        recv_ns: int,
        body: bytes,
        instrument: int = -1,
        timeframe: str = "",
        old_ns: int = 0,
    ) -> str: ...
    def last_seen(self, instrument: int, feed: str) -> int: ...
    def last_streamed(self, instrument: int, feed: str) -> int: ...
    def last_seen_exchange(self, exchange: str, feed: str) -> int: ...
    def book_state(self, instrument: int) -> str: ...


class RecorderLike(Protocol):
    """The calls of `p9.capture.Recorder` that are used here."""

    def frame(self, conn: int, recv_ns: int, payload: bytes) -> None: ...
    def connect(self, conn: int, now_ns: int, url: str, venue: str, market: str) -> None: ...
    def send(self, conn: int, now_ns: int, payload: bytes) -> None: ...
    def close(self, conn: int, now_ns: int, reason: str) -> None: ...
    def rest(
        self,
        now_ns: int,
        url: str,
        status: int,
        body: bytes,
        venue: str,
        market: str,
    ) -> None: ...
    def mark(
        self,
        op: str,
        now_ns: int,
        venue: str,
        market: str,
        symbol: str,
        reason: str = "",
    ) -> None: ...


class Port:
    """The engine as sessions, resync and the catalog see it."""

    def __init__(
        self,
        engine: EngineLike,
        *,
        recorder: RecorderLike | None = None,
        flush: Callable[[], None] = lambda: None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`flush()`: there may be output that no socket read will hand over."""
        self.engine = engine
        self.recorder = recorder
        self.flush = flush
        self.clock_ns = clock_ns
        self._open: set[int] = set()  # connections that came up

    # -- connections --------------------------------------------------------------------

    def open(self, endpoint: Endpoint) -> int:
        """A number for a connection that is about to be opened."""
        return self.engine.open_conn(endpoint.name)

    def opened(self, conn: int, endpoint: Endpoint, url: str) -> None:
        self._open.add(conn)
        if self.recorder is not None:
            self.recorder.connect(
                conn, self.clock_ns(), url, endpoint.exchange, endpoint.config_key
            )

    def sent(self, conn: int, text: str) -> None:
        if self.recorder is not None:
            self.recorder.send(conn, self.clock_ns(), text.encode())

    def close(self, conn: int, reason: str) -> None:
        now_ns = self.clock_ns()
        self.engine.close_conn(conn, now_ns)
        if self.recorder is not None and conn in self._open:
            self.recorder.close(conn, now_ns, reason)
        self._open.discard(conn)
        self.flush()

    # -- books --------------------------------------------------------------------------

    def subscribed(self, number: int, instrument: Instrument) -> None:
        """The depth subscription was sent."""
        now_ns = self._mark("subscribed", instrument)
        self.engine.subscribed(number, now_ns)

    def invalidate(self, number: int, instrument: Instrument, reason: str) -> None:
        """The depth stream is broken; the book must not be served any more."""
        now_ns = self._mark("invalidate", instrument, reason)
        self.engine.invalidate(number, reason, now_ns)
        self.flush()

    def trades_broken(self, number: int, instrument: Instrument) -> None:
        """The trade stream is broken: some may be missing."""
        now_ns = self._mark("trades_broken", instrument)
        self.engine.trades_broken(number, now_ns)

    def snapshot(self, number: int, instrument: Instrument, reply: RestReply) -> str:
        """A REST depth answer; the reason why the core refused it, or ""."""
        recv_ns = self.used(reply, instrument.endpoint)
        why = self.engine.feed_snapshot(number, recv_ns, reply.body, reply.call.limit)
        self.flush()
        return why

    def snapshot_failed(self, number: int, instrument: Instrument) -> None:
        now_ns = self._mark("snapshot_failed", instrument)
        self.engine.snapshot_failed(number, now_ns)

    # -- what else is told --------------------------------------------------------------

    def poll(self, reply: RestReply, ask: str, number: int, timeframe: str, old_s: float) -> str:
        """The answer to a poll, `number` -1 if it is of many instruments; why the core took
        nothing of it, or ""."""
        endpoint = reply.call.endpoint
        recv_ns = self.used(reply, endpoint)
        why = self.engine.feed_poll(
            endpoint, ask, recv_ns, reply.body, number, timeframe, int(old_s * 1e9)
        )
        self.flush()
        return why

    def follow(self, number: int, instrument: Instrument, on: bool) -> None:
        """A symbol is wanted (again), or not any more: what is made of it ends."""
        now_ns = self._mark("follow" if on else "unfollow", instrument)
        self.engine.follow(number, on, now_ns)
        self.flush()

    def set_feeds(self, names: Collection[str]) -> None:
        """These are published from now on."""
        now_ns = self._note("feeds", list(names))
        self.engine.set_feeds(names, now_ns)
        self.flush()

    def set_ages(self, max_age_s: Mapping[str, float]) -> None:
        """The greatest ages that readers count on from now on."""
        ages_ns = {feed: int(age_s * 1e9) for feed, age_s in max_age_s.items()}
        self._note("ages", ages_ns)
        self.engine.set_ages(ages_ns)

    def block_trades(self, thresholds: Mapping[str, Any]) -> None:
        """Instruments are given these from now on: only for the recording."""
        self._note("block_trades", dict(thresholds))

    def status(self, endpoint: str, fields: Mapping[str, Any]) -> None:
        """Says something on `status:{exchange}`."""
        now_ns = self._note("status", dict(fields), endpoint)
        self.engine.status(endpoint.partition(":")[0], _json(fields), now_ns)
        self.flush()

    def _note(self, op: str, what: object, endpoint: str = "") -> int:
        """Records a call that is of no single instrument."""
        now_ns = self.clock_ns()
        if self.recorder is not None:
            venue, _, market = endpoint.partition(":")
            self.recorder.mark(op, now_ns, venue, market, "", _json(what))
        return now_ns

    def used(self, reply: RestReply, endpoint: str) -> int:
        """Records a REST answer at the moment it is used; that moment, which is its receive time.

        Frames may have been read between the answer and its use: in this order the core saw them.
        """
        now_ns = self.clock_ns()
        if self.recorder is not None:
            venue, _, market = endpoint.partition(":")
            self.recorder.rest(now_ns, reply.url, reply.status, reply.body, venue, market)
        return now_ns

    def _mark(self, op: str, instrument: Instrument, reason: str = "") -> int:
        now_ns = self.clock_ns()
        if self.recorder is not None:
            venue, _, market = instrument.endpoint.partition(":")
            self.recorder.mark(op, now_ns, venue, market, instrument.venue_id, reason)
        return now_ns


def _json(what: object) -> str:
    return json.dumps(what, separators=(",", ":"), ensure_ascii=False)
