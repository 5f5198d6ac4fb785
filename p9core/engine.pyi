"""The engine: frames, snapshots and timer ticks in, messages out. Times are ns since 1970."""

from collections.abc import Callable, Collection
from typing import Any, TypedDict

from p9core.control import Control as Control

class _Book(TypedDict):
    """State of one instrument, as `Engine.books` gives it. `book_bytes` is the memory of the
    book with all that it needs, `memory_bytes` of the whole instrument."""

    endpoint: str
    venue_id: str
    exchange: str
    symbol: str
    instrument: int
    state: str
    reason: str
    last_id: int | None
    bids: int
    asks: int
    resyncs: int
    gaps: int
    published: bool
    contract_known: bool
    trades: int | None
    book_bytes: int
    memory_bytes: int

class Engine:
    """One engine a process, one thread: it takes entries in order and never looks at a clock.

    `epoch` numbers the run; `sink` is "resp" (Redis commands) or "lines" (`channel SP message`);
    `stream_kinds` are the message types that also go to their stream. With `learn`, digits are
    taken as they come; `resolver(endpoint, venue_id)` is asked for an instrument that no one
    added and returns the keyword arguments of `add_instrument`, or None.
    """

    prefix: str
    stream_kinds: frozenset[str]
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
    ) -> None: ...
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
    ) -> int:
        """Adds an instrument, or updates it; returns its number.

        Steps and contract size are the venue's decimal text. A step that is None: its digits
        are learned. `contract` None: unknown, so the book is kept and nothing is published.
        ValueError for a text that is no number or has more than 18 decimals.
        """

    def open_conn(self, endpoint: str) -> int:
        """Names one connection of `endpoint`."""

    def close_conn(self, conn: int, now_ns: int) -> None:
        """The connection ended: books that it owned are no longer LIVE."""

    def subscribed(self, instrument: int, now_ns: int) -> None:
        """The depth stream was subscribed: a book that is not LIVE starts BUFFERING."""

    def invalidate(self, instrument: int, reason: str, now_ns: int, conn: int = -1) -> None:
        """The depth stream is broken. With `conn`, only if no other connection owns the book."""

    def end(self, reason: str, now_ns: int) -> None:
        """No further updates will come: every LIVE book is withdrawn."""

    def feed(self, conn: int, recv_ns: int, frame: bytes) -> Control | None:
        """One frame; `recv_ns` 0 means unknown. A Control for what is no market data."""

    def feed_snapshot(self, instrument: int, recv_ns: int, body: bytes, limit: int = 0) -> str:
        """A REST depth body, asked for with `limit` levels a side (0: all there are).

        Returns "" or why it was not taken: "stale", "not needed", "reject.<reason>".
        """

    def snapshot_failed(self, instrument: int, now_ns: int) -> None:
        """The snapshot could not be fetched: it is asked for again after a while."""

    def on_timer(self, now_ns: int) -> None:
        """Each 100 ms: keys that lag, questions that are due."""

    def take_pub(self) -> tuple[bytes, int, int, int] | None:
        """(commands, replies owed, messages in it, receive time of the oldest), or None."""

    def take_log(self) -> tuple[bytes, bytes, int] | None:
        """(XADD commands, index, count), or None.

        The index holds four native int64 a command: channel, seq, offset, size.
        """

    def take_lines(self) -> bytes:
        """What a sink of lines has written since the last call."""

    def has_output(self) -> bool: ...
    def take_wants(self) -> list[tuple[str, int, int]]:
        """(kind, instrument, attempt): "snapshot", "resubscribe" or "instruments"."""

    def alert(self, kind: str, fields_json: str, now_ns: int) -> None:
        """Publishes on `alert:{kind}`; the fields are the text of a JSON object."""

    def status(self, exchange: str, fields_json: str, now_ns: int) -> None:
        """Publishes on `status:{exchange}`."""

    def say_again(self) -> None:
        """Redis may be another server, or empty: keys and the set of channels are written anew."""

    def channel_name(self, channel: int) -> str: ...
    def stream_key(self, channel: int) -> str: ...
    def stream_keys(self) -> list[str]: ...
    def last_seen(self, instrument: int, feed: str) -> int:
        """Receive time (ns) of the newest "trade", "bbo" or "depth" frame, 0 for none."""

    def book_state(self, instrument: int) -> str:
        """COLD, BUFFERING, LIVE or INVALID."""

    def best(
        self, instrument: int
    ) -> tuple[tuple[int, int] | None, tuple[int, int] | None, int, int]:
        """Best bid and ask of the held book as (price, size) mantissas in venue units, and
        their exponents: (bid, ask, price decimals, size decimals)."""

    def books(self) -> list[_Book]: ...
    def counters(self) -> dict[str, dict[str, int]]:
        """What happened, by endpoint: only what is not zero."""

    def wire(self) -> dict[str, dict[str, int]]:
        """Receive less venue time since the last call, by endpoint: count, mean_ns, least_ns,
        most_ns. The two clocks may differ: only changes mean something."""

    def samples(self) -> list[dict[str, Any]]:
        """A few rejected frames of each endpoint and reason."""
