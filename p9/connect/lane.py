"""What the sessions of one endpoint share: settings, topics, and the view of each other."""

from __future__ import annotations

import ssl
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from p9.connect.liveness import Quiet, Watch
from p9.connect.pacing import Pacer
from p9.port import Port
from p9.venues import Endpoint, FeedRow, Instrument

if TYPE_CHECKING:
    from p9.config import Config
    from p9.connect.link import ListenerFactory
    from p9.connect.session import Session


AGE = "age"  # the reason of a planned replacement


@dataclass(frozen=True, slots=True)
class Settings:
    """What the configuration says about connections."""

    rotate_s: float = 82_800.0
    backoff_s: float = 0.5
    backoff_max_s: float = 30.0
    max_frame_bytes: int = 16 << 20
    quiet: Quiet = field(default_factory=Quiet)
    resync_per_minute: int = 60

    @classmethod
    def of(cls, config: Config) -> Settings:
        link, quiet = config.connection, config.safety.liveness
        return cls(
            rotate_s=link.rotate_s,
            backoff_s=link.backoff_s,
            backoff_max_s=link.backoff_max_s,
            max_frame_bytes=link.max_frame_mb << 20,
            quiet=Quiet(quiet.trade_s, quiet.bbo_s, quiet.depth_s, quiet.connection_s),
            resync_per_minute=config.safety.resync.max_per_minute,
        )


@dataclass(slots=True, eq=False)
class Topic:
    """One subscription: of an instrument, or of several that have it in common."""

    name: str
    row: FeedRow
    served: dict[int, Instrument]  # by number in the engine; shared with a copy of the topic
    watch: Watch
    state: str = "wanted"  # wanted | sent | acked | refused
    reason: str = ""  # of the refusal
    retry_at: float = 0.0  # when a refused one is tried again
    acked_ns: int = 0
    here: bool = False  # data of it came over this very connection (if watched)
    heard: bool = False  # there was data since this connection was opened
    silent: str = ""  # the last verdict of its watch: "", weak, strong

    @property
    def number(self) -> int:
        """Of the instrument in the engine (the first, where it is shared)."""
        return next(iter(self.served))

    @property
    def instrument(self) -> Instrument:
        return self.served[self.number]

    def seen_ns(self, port: Port) -> int:
        """When data of it was last received, by whatever connection; a poll is none."""
        feed = self.row.feed
        return max(port.engine.last_streamed(number, feed) for number in self.served)

    def fresh(self, quiet: Quiet) -> Topic:
        """The same subscription for another connection."""
        return Topic(
            self.name,
            self.row,
            self.served,
            Watch(self.row, quiet),
            "refused" if self.state == "refused" else "wanted",
            self.reason,
            self.retry_at,
        )


class Hub(Protocol):
    """What a session needs to know of the others."""

    def carried_elsewhere(self, session: Session, topic: Topic) -> bool:
        """Does another connection deliver this topic without a break?"""

    def on_open(self, session: Session) -> None: ...
    def on_lost(self, session: Session) -> None:
        """An open connection ended unasked, or did not come up."""

    def on_refused(self, session: Session, topic: Topic) -> None: ...
    def renew(self, session: Session, reason: str, urgent: bool = False) -> bool:
        """Replace this connection by another before it ends; `urgent`: it will end soon. False:
        one is being replaced, or this one was lately."""
        ...


@dataclass(slots=True)
class Lane:
    """What all sessions of one endpoint share."""

    endpoint: Endpoint
    port: Port
    hub: Hub
    settings: Settings
    make_listener: ListenerFactory
    tls: ssl.SSLContext | None
    pacer: Pacer
    counters: Counter[str] = field(default_factory=Counter)
