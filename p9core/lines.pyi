"""The instruments, and what is known of them."""

from typing import Any, TypedDict

FEEDS: tuple[str, ...]

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

class Lines:
    """The lowest layer of the engine; use `p9core.engine.Engine`."""

    prefix: str
    stream_kinds: frozenset[str]

    def channel_name(self, channel: int) -> str: ...
    def stream_key(self, channel: int) -> str: ...
    def stream_keys(self) -> list[str]: ...
    def last_seen(self, instrument: int, feed: str) -> int:
        """Receive time (ns) of the newest data of a feed ("trade", "funding", …), 0 for none."""

    def last_streamed(self, instrument: int, feed: str) -> int:
        """As `last_seen`, of what came over a connection: polls are not counted."""

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
