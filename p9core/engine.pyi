"""The engine: frames, snapshots and timer ticks in, messages out. Times are ns since 1970."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from p9core.control import Control as Control
from p9core.polls import Polls

class Engine(Polls):
    """One engine a process, one thread: it takes entries in order and never looks at a clock.

    `epoch` numbers the run; `sink` is "resp" (Redis commands) or "lines" (`channel SP message`);
    `stream_kinds` are the message types that also go to their stream. With `learn`, digits are
    taken as they come; `resolver(endpoint, venue_id)` is asked for an instrument that no one
    added and returns the keyword arguments of `add_instrument`, or None.

    `feeds` are published (None: all); `max_age_ns` by feed is the greatest age that readers count
    on. Snapshots have `snapshot_levels` a side, one each `snapshot_ms` (hundreds).
    """

    resolver: Callable[[str, str], dict[str, Any] | None] | None

    def __init__(
        self,
        *,
        epoch: int,
        sink: str = "resp",
        prefix: str = "",
        stream_kinds: Collection[str] = (),
        stream_maxlen: int = 100000,
        depth_levels: int = 1000,
        learn: bool = False,
        resolver: Callable[[str, str], dict[str, Any] | None] | None = None,
        feeds: Collection[str] | None = None,
        max_age_ns: Mapping[str, int] | None = None,
        snapshot_ms: int = 1000,
        snapshot_levels: int = 50,
        imbalance_levels: Sequence[int] = (1, 5, 10, 20),
        timeframes: Collection[str] = ...,
    ) -> None: ...
    def set_feeds(self, feeds: Collection[str], now_ns: int) -> None:
        """From now on these are published."""

    def set_timeframes(self, timeframes: Collection[str]) -> None:
        """From now on candles of these are published."""

    def set_ages(self, max_age_ns: Mapping[str, int]) -> None:
        """Greatest age by feed: at half of it what is told again unchanged is published again."""
    def add_instrument(
        self,
        endpoint: str,
        venue_id: str,
        *,
        exchange: str,
        symbol: str,
        price_step: str | None = None,
        qty_step: str | None = None,
        contract: str | None = "1",
        publish: bool = True,
        market: str = "spot",
        index: str = "",
        group: str = "",
        multiplier: int = 1,
        block_notional: str | None = None,
        funding_hours: int | None = None,
    ) -> int:
        """Adds an instrument, or updates it; returns its number.

        Steps and contract size are the venue's decimal text. A step that is None: its digits
        are learned. `contract` None: unknown, so the book is kept and nothing is published.
        `market` is spot, linear or inverse; `index` the venue's name of its index price; `group`
        and `multiplier` join it with other exchanges' instruments on the same underlying; a
        print of `block_notional` and more is a block trade.
        ValueError for a text that is no number or has more than 18 decimals.
        """

    def follow(self, instrument: int, on: bool, now_ns: int) -> None:
        """Off: it is removed, its book is withdrawn and nothing is computed of it any more."""

    def open_conn(self, endpoint: str) -> int:
        """Names one connection of `endpoint`."""

    def close_conn(self, conn: int, now_ns: int) -> None:
        """The connection ended: books that it owned are no longer LIVE."""

    def subscribed(self, instrument: int, now_ns: int) -> None:
        """The depth stream was subscribed: a book that is not LIVE starts BUFFERING."""

    def invalidate(self, instrument: int, reason: str, now_ns: int, conn: int = -1) -> None:
        """The depth stream is broken. With `conn`, only if no other connection owns the book."""

    def trades_broken(self, instrument: int, now_ns: int) -> None:
        """The stream of trades was interrupted. Where the venue's ids do not tell whether some
        are missing, candles that contain the interruption are marked."""

    def end(self, reason: str, now_ns: int) -> None:
        """No further updates will come: every LIVE book is withdrawn."""

    def feed(self, conn: int, recv_ns: int, frame: bytes) -> Control | None:
        """One frame; `recv_ns` 0 means unknown. A Control for what is no market data."""

    def on_timer(self, now_ns: int) -> None:
        """Each 100 ms: keys that lag, questions that are due."""
