"""One connection's life: connect, subscribe, keep alive, notice its death, try again.

A session keeps a fixed set of topics alive on one socket at a time until it is closed. What
spans several connections (who carries which topic, rotation, the silence of a single topic)
is decided by its hub, `p9.connect.feeds`.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterable, Sequence

from p9.connect.lane import AGE, Lane, Topic
from p9.connect.link import Link
from p9.connect.liveness import Pulse, Quiet
from p9.connect.subscriptions import Subscriptions
from p9.venues import DEPTH, TRADE, ControlLike

log = logging.getLogger(__name__)

REFUSED_RETRY_S = 300.0  # a refused topic is tried again, by itself


class Session(Link):
    """A link with its topics. Its listener calls `on_control` besides what `Link` has."""

    def __init__(
        self,
        lane: Lane,
        socket: str,
        url: str,
        topics: Iterable[Topic],
        *,
        watch_frames: bool = False,
    ) -> None:
        """`watch_frames`: note which topics have data on this very connection (`Topic.here`)."""
        super().__init__(lane, socket, url)
        self.topics = {topic.name: topic for topic in topics}
        self._wire = lane.endpoint.wire
        self._watch_frames = watch_frames
        self._refused = {name for name, topic in self.topics.items() if topic.state == "refused"}
        self._requests: Subscriptions | None = None
        self._rotate_at = 0.0
        self._pulse = Pulse(lane.endpoint.heartbeat, lane.settings.quiet.connection_s)
        self._ping_id = ""

    # -- beginning and end ------------------------------------------------------------------

    def _opened(self) -> None:
        lane = self.lane
        self._pulse.start(self.opened_at)
        self._rotate_at, self._ping_id = 0.0, ""
        if lane.endpoint.limits.life_s:
            life = min(lane.settings.rotate_s, 0.98 * lane.endpoint.limits.life_s)
            self._rotate_at = self.opened_at + life * random.uniform(0.95, 1.0)
        log.info("ws %s: open, %d topics, %s", lane.endpoint.name, len(self.topics), self.url)
        self._attach()
        self._requests = Subscriptions(self._wire, lane.endpoint.limits, self, lane.counters)
        self._requests.subscribe(
            [name for name, topic in self.topics.items() if topic.state != "refused"]
        )
        lane.hub.on_open(self)

    def _ended(self, reason: str) -> None:
        if self._requests is not None:
            self._requests.stop()
            self._requests = None
        for topic in self.topics.values():
            if (
                not self._closing
                and topic.row.feed in (DEPTH, TRADE)
                and topic.state in ("sent", "acked")
                and not self.lane.hub.carried_elsewhere(self, topic)
            ):
                if topic.row.feed == DEPTH:
                    self.lane.port.invalidate(topic.number, topic.instrument, "disconnect")
                else:
                    self.lane.port.trades_broken(topic.number, topic.instrument)
            if topic.state != "refused":
                topic.state = "wanted"
            topic.here = topic.heard = False
            topic.silent = ""

    def _waits(self) -> None:
        self.lane.hub.on_lost(self)

    # -- frames ---------------------------------------------------------------------------

    def _attach(self) -> None:
        """Sets who sees each frame: the recorder, and for a while the look-out for topics."""
        recorder = self.lane.port.recorder
        sink = recorder.frame if recorder is not None else None
        if not self._watch_frames:
            setattr(self._listener, "recorder", sink)  # noqa: B010  (a compiled attribute)
            return
        missing = {name for name, topic in self.topics.items() if not topic.here}

        def look_out(conn: int, recv_ns: int, frame: bytes) -> None:
            if sink is not None:
                sink(conn, recv_ns, frame)
            name = self._wire.topic_of(frame)
            if name in missing:
                missing.discard(name)
                if name in self.topics:
                    self.topics[name].here = True
                if not missing:
                    self._watch_frames = False
                    setattr(self._listener, "recorder", sink)  # noqa: B010

        setattr(self._listener, "recorder", look_out)  # noqa: B010

    def on_control(self, control: ControlLike) -> None:
        """An acknowledgement, error, pong or notice. Never raises: the listener is C code."""
        try:
            if control.kind == "pong" or (control.id and control.id == self._ping_id):
                self._pulse.pong()
            elif self._wire.leaving(control):
                self.lane.hub.renew(self, control.msg or "the venue will close it", urgent=True)
            elif control.kind in ("ack", "error") and self._requests is not None:
                self._requests.on_control(control)
        except Exception:
            log.exception("ws %s: internal error", self.lane.endpoint.name)

    # -- subscriptions (the owner of `Subscriptions`) --------------------------------------

    def on_sent(self, topics: Sequence[str]) -> None:
        now, port = self._loop.time(), self.lane.port
        for name in topics:
            topic = self.topics.get(name)
            if topic is None:
                continue
            topic.state = "sent"
            topic.watch.start(now, topic.seen_ns(port))
            if topic.row.feed == DEPTH and port.engine.book_state(topic.number) in (
                "COLD",
                "INVALID",
            ):
                port.subscribed(topic.number, topic.instrument)

    def on_accepted(self, name: str) -> None:
        topic = self.topics.get(name)
        if topic is not None:
            topic.state, topic.reason = "acked", ""
            topic.acked_ns = self.lane.port.clock_ns()
            topic.watch.acknowledged(self._loop.time())

    def on_refused(self, name: str, reason: str) -> None:
        topic = self.topics.get(name)
        if topic is not None:
            topic.state, topic.reason = "refused", reason[:200]
            topic.retry_at = self._loop.time() + REFUSED_RETRY_S * random.uniform(1.0, 1.3)
            self._refused.add(name)
            self.lane.hub.on_refused(self, topic)

    def has_spoken(self, name: str) -> bool:
        topic = self.topics.get(name)
        return topic is None or topic.watch.spoke(topic.seen_ns(self.lane.port))

    def on_exhausted(self, reason: str) -> None:
        if reason == "no answers":
            self.reconnect(reason)
        else:
            self._rotate_at = self._loop.time()  # a new connection has a new allowance

    def add(self, topics: Iterable[Topic]) -> None:
        new = [topic for topic in topics if topic.name not in self.topics]
        self.topics.update({topic.name: topic for topic in new})
        if self._requests is not None:
            self._requests.subscribe([topic.name for topic in new])

    def remove(self, names: Iterable[str]) -> None:
        gone = [name for name in names if self.topics.pop(name, None) is not None]
        if self._requests is not None and gone:
            for name in gone:
                self._requests.forget(name)
            self._requests.unsubscribe(gone)

    def resubscribe(self, topic: Topic, leave: bool = True) -> bool:
        """Asks for it once more, with `leave` after unsubscribing. False: already under way."""
        if self._requests is None or topic.state == "refused" or self._requests.busy(topic.name):
            return False
        self.lane.counters["resubscribes" if leave else "probes"] += 1
        if leave:
            self._requests.unsubscribe([topic.name], again=True)
        else:
            self._requests.subscribe([topic.name], first=True)
        return True

    # -- time -----------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Ten times a second while it is open."""
        if self._requests is None or self._transport is None:
            return
        self._requests.tick(now)
        self._pulse.frame(now, getattr(self._listener, "last_recv_ns", 0))
        why = self._pulse.dead(now)
        if why:
            self.reconnect(why)
        elif self._pulse.ping_due(now):
            self._ping_id, text = self._wire.ping(self._requests.number())
            self._requests.spaced(now)
            self.send_text(text)
        if self._rotate_at and now >= self._rotate_at:
            self._rotate_at = now + 60.0  # asked again if it does not work out
            self.lane.hub.renew(self, AGE)
        self._retry_refused(now)

    def _retry_refused(self, now: float) -> None:
        """Each by itself, so that it harms no other; it may have been listed meanwhile."""
        for name in list(self._refused):
            topic = self.topics.get(name)
            if topic is None or topic.state != "refused":
                self._refused.discard(name)
            elif now >= topic.retry_at and self._requests is not None:
                topic.retry_at = now + REFUSED_RETRY_S * random.uniform(1.0, 1.3)
                self._requests.subscribe([name])

    def forgive(self, seconds: float) -> None:
        """The loop stood still: nothing could be heard."""
        self._pulse.forgive(seconds)
        for topic in self.topics.values():
            topic.watch.forgive(seconds)

    def tune(self, quiet: Quiet) -> None:
        self._pulse.tune(quiet)
        for topic in self.topics.values():
            topic.watch.tune(quiet)

    def settled(self) -> None:
        """The look-out for topics is not needed any more."""
        self._watch_frames = False
        if self._listener is not None:
            self._attach()

    def stats(self, now: float) -> dict[str, object]:
        states = Counter(topic.state for topic in self.topics.values())
        return {
            "socket": self.socket,
            "state": self.state,
            "why": self.why,
            "topics": len(self.topics),
            "states": dict(states),
            "age_s": round(now - self.opened_at, 1) if self.state == "open" else 0.0,
        }
