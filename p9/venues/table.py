"""The vocabulary of the venue tables: what a row of a venue says, and nothing of any venue.

A venue is one module that fills these rows (`Endpoint`) and three small objects: how
requests are written and their answers read (`Wire`), how a listing becomes
`Instrument`s, and what a bad REST answer means (`RestFault`). Nothing here opens a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from .instrument import (
    BBO,
    BLOCK_TRADE,
    CANDLES,
    DEPTH,
    IMBALANCE,
    SNAPSHOT,
    TRADE,
    Instrument,
    Listing,
)

# Feeds that are made here, of another one: block trades by size, where the venue flags none.
COMPUTED = {SNAPSHOT: DEPTH, IMBALANCE: DEPTH, CANDLES: TRADE, BLOCK_TRADE: TRADE}


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One stream of an endpoint: its topic, its socket, and what its silence means.

    `topic` is a template over `{levels}` and what `Wire.words` gives: `{s}`, the venue id as
    the stream wants it, on some venues `{index}` and `{type}`.
    """

    feed: str  # what the core notes the arrival of its frames under
    socket: str
    topic: str
    also: tuple[str, ...] = ()  # further feeds that it carries
    kinds: tuple[str, ...] = ()  # of instruments that have it; (): all
    first_s: float = 0.0  # pushed at once when subscribed: silence longer than this is proof
    repeat_s: float = 0.0  # sent again at least this often without a change; 0: no promise
    witness: tuple[str, ...] = ()  # feeds of the same symbol: while they move, this one must
    witness_s: float = 0.0  # how long it may be silent while a witness moves
    weak: bool = False  # a moving witness only raises a suspicion (trades are events)
    events: bool = False  # speaks on events only: live once acknowledged
    option: bool = False  # not the feed's normal source; only where the configuration asks
    levels: tuple[int, ...] = ()  # the depths the venue offers

    @property
    def shared(self) -> bool:
        """Several instruments have this topic in common."""
        return "{s}" not in self.topic

    @property
    def rare(self) -> bool:
        """No silence says anything (liquidations, blocks); a pause of trades may."""
        return self.events and not self.witness

    @property
    def shows_market(self) -> bool:
        """It moves when the market does, and only then: what is repeated is no sign."""
        return self.feed in (TRADE, BBO, DEPTH) and bool(self.witness)


@dataclass(frozen=True, slots=True)
class Limits:
    topics_per_connection: int
    topics_per_request: int
    bytes_per_request: int = 60_000
    chars_per_connection: int = 0  # summed topic text; 0: no such rule
    books_per_connection: int = 0  # depth topics; 0: no such rule
    spacing_s: float = 0.0  # between two messages that we send
    operations_per_hour: int = 0  # requests on one connection; 0: no such rule
    connect_interval_s: float = 1.0  # refill of the connection budget of the venue
    connect_burst: int = 1
    life_s: float = 0.0  # the venue cuts a connection after this; 0: no rule


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When to send `Wire.ping` and how long to wait for an answer.

    `idle`: only after `every_s` without any frame, and any frame answers it. Otherwise
    every `every_s`, and only a pong answers.
    """

    every_s: float
    pong_s: float
    idle: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means for the topics of the request it answers."""

    accepted: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()  # (topic, reason)
    again: tuple[str, ...] = ()  # not taken, nothing wrong with them
    apart: tuple[str, ...] = ()  # one of them is bad: send each by itself
    wait_s: float = 0.0  # before anything is sent again


class ControlLike(Protocol):
    """A decoded control frame (`p9core.engine.Control`); missing fields are ""."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def msg(self) -> str: ...
    @property
    def topic(self) -> str: ...


class Wire(Protocol):
    """How one venue writes requests and answers them."""

    def words(self, instrument: Instrument) -> dict[str, str]:
        """What its topics are made of, as the streams spell it."""

    def subscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        """(request id, text frame). `number` counts up per connection."""

    def unsubscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        """As `subscribe`."""

    def ping(self, number: int) -> tuple[str, str]:
        """(request id or "", text frame)."""

    def judge(self, control: ControlLike, topics: Sequence[str]) -> Verdict:
        """Reads an ack or error; `topics` are those of the request without an answer yet."""

    def leaving(self, control: ControlLike) -> bool:
        """True: the venue announces that it will close this connection soon."""

    def topic_of(self, frame: bytes) -> str:
        """The topic of a data frame by its first bytes; "" for anything else."""


class Priority(IntEnum):
    """Who goes first when REST weight is short."""

    RESYNC = 0
    LISTING = 1
    POLL = 2
    HISTORY = 3


@dataclass(frozen=True, slots=True)
class RestPool:
    """One rate limit of a venue: at most `limit` weight in any `window_s`."""

    name: str
    limit: int
    window_s: float
    header: str = ""  # response header with the weight used in the window, if any


@dataclass(frozen=True, slots=True)
class RestCall:
    endpoint: str  # whose base URL
    kind: str  # depth | instruments | ...
    path: str  # with the query, percent-encoded
    weight: int
    pool: str
    venue_id: str = ""
    limit: int = 0  # levels a side that a depth call asks for, bars of one for candles
    timeframe: str = ""  # of candles


@dataclass(frozen=True, slots=True)
class Poll:
    """A REST question that is asked again and again.

    `calls` gives the requests that together cover some instruments: one for all where the venue
    has such an endpoint, else one for each, with the instrument it is for.
    """

    ask: str  # what the core takes the answer for: a feed's name, or FUNDING_INTERVAL
    feeds: tuple[str, ...]  # what it keeps fresh
    calls: Callable[[Sequence[Instrument]], list[tuple[RestCall, Instrument | None]]]
    old_s: float  # an answer with older times in it is not taken
    period_s: float = 0.0  # 0: when one of its feeds comes near its greatest age
    kinds: tuple[str, ...] = ()  # of instruments that have it; (): all


@dataclass(frozen=True, slots=True)
class Absent:
    """A feed that an endpoint does not offer, for some kinds of instruments, and why."""

    feed: str
    reason: str
    kinds: tuple[str, ...] = ()  # (): all
    only: Callable[[Instrument], bool] | None = None  # a further condition


@dataclass(frozen=True, slots=True)
class RestFault:
    """What is wrong with an answer.

    `hold_s`: nothing more on `scope` for so long; `retry`: the same call may be tried again.
    """

    reason: str
    retry: bool = False
    hold_s: float = 0.0
    scope: str = "call"  # call | pool | venue


@dataclass(frozen=True, slots=True)
class RestEntry:
    """What a recorded or requested REST url is."""

    endpoint: str
    kind: str
    venue_id: str = ""
    limit: int = 0  # levels a side (bars) that it asked for; 0: not said
    timeframe: str = ""  # of candles


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One market row of a venue."""

    name: str
    exchange: str
    markets: tuple[str, ...]
    config_key: str  # which block under `exchanges.X.endpoints`; "": all
    ws_path: str  # appended to each configured ws address
    feeds: tuple[FeedRow, ...]
    limits: Limits
    heartbeat: Heartbeat
    wire: Wire
    book_by_ids: bool  # one id space for all connections: two of them are
    # one stream. Otherwise a pushed snapshot on the newer one takes the book over.
    parse: Callable[[bytes], Listing]
    listing_calls: tuple[RestCall, ...]
    next_page: Callable[[RestCall, Listing], RestCall | None]
    depth_call: Callable[[str, int], RestCall | None]  # (venue id, levels asked for)
    depth_limits: tuple[int, ...]  # what REST depth can be asked for; () : no REST depth
    pools: tuple[RestPool, ...]
    fault: Callable[[int, Mapping[str, str], bytes, RestCall], RestFault | None]
    classify: Callable[[str, Mapping[str, str]], RestEntry | None]  # (path, query)
    fallback: Callable[[str], Instrument]
    polls: tuple[Poll, ...] = ()
    absent: tuple[Absent, ...] = ()
    # the newest bars: (venue id, timeframe, how many); None: no such timeframe
    kline_call: Callable[[str, str, int], RestCall | None] = lambda venue_id, timeframe, limit: None

    def row(self, feed: str, option: bool = False) -> FeedRow | None:
        """The row that serves a feed; with `option` the optional source if there is one."""
        rows = [row for row in self.feeds if row.feed == feed]
        wanted = [row for row in rows if row.option == option] or rows
        return wanted[0] if wanted else None

    def lacks(self, instrument: Instrument, feed: str) -> str:
        """Why it does not offer a feed of an instrument; "": it does."""
        for one in self.absent:
            if (
                one.feed == feed
                and (not one.kinds or instrument.kind in one.kinds)
                and (one.only is None or one.only(instrument))
            ):
                return one.reason
        return ""

    def rows(
        self, instrument: Instrument, feed: str, options: Collection[str] = ()
    ) -> list[FeedRow]:
        """The streams that a feed of an instrument needs: those that carry it, and what it is made
        of. `options`: feeds taken from their optional source."""
        if self.lacks(instrument, feed):
            return []
        source = COMPUTED.get(feed, "")
        found = [
            row
            for row in self.feeds
            if (feed in (row.feed, *row.also) or row.feed == source)
            and (not row.kinds or instrument.kind in row.kinds)
        ]
        optional = {row.feed for row in found if row.option} & set(options)
        return [row for row in found if row.option == (row.feed in optional)]

    def topic(self, row: FeedRow, instrument: Instrument, levels: int = 0) -> str:
        """The topic text; of the offered depths the smallest that holds `levels`."""
        depth = next((d for d in row.levels if d >= levels), row.levels[-1] if row.levels else 0)
        return row.topic.format(levels=depth, **self.wire.words(instrument))
