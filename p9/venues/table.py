"""The vocabulary of the venue tables: what a row of a venue says, and nothing of any venue.

A venue is one module that fills these rows (`Endpoint`) and three small objects: how
requests are written and their answers read (`Wire`), how a listing becomes
`Instrument`s, and what a bad REST answer means (`RestFault`). Nothing here opens a socket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

SPOT, LINEAR, INVERSE, OPTION = "spot", "linear", "inverse", "option"
PERPETUAL, FUTURE = "perpetual", "future"
TRADE, BBO, DEPTH = "trade", "bbo", "depth"
SNAPSHOT, IMBALANCE, BLOCK_TRADE = "snapshot", "imbalance", "block_trade"
LIQUIDATION, FUNDING, MARK, INDEX = "liquidation", "funding", "mark_price", "index_price"
OPEN_INTEREST, TICKER, LONG_SHORT = "open_interest", "ticker", "long_short"
CANDLES, INSURANCE = "candles", "insurance_fund"
FUNDING_INTERVAL = "funding_interval"  # no feed: a part of funding that is asked by itself


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument of one venue under its unified name.

    Steps and contract are the venue's own decimal text, never a float. `contract` is the
    size of one unit of the venue's quantity: in base units for spot and linear, in the
    quote currency for inverse, None where it is unknown.
    """

    endpoint: str  # which row of the venue table serves it
    exchange: str
    venue_id: str
    market: str  # spot | linear | inverse | option
    kind: str  # spot | perpetual | future | option
    symbol: str  # unified name
    base: str
    quote: str
    settle: str
    underlying: str  # base without the multiplier: what one asset's markets share
    multiplier: int  # 1000 for 1000PEPE
    group: str  # the name with the underlying in it: what all venues' contracts on it share
    index: str  # the venue's name of the index behind it, "" where no stream or poll needs one
    price_step: str | None  # None: not told, learn it from the digits
    qty_step: str | None  # in the venue's own quantity (contracts where it counts those)
    contract: str | None
    status: str  # the venue's own word
    live: bool  # the venue sends data for it now
    expiry_ms: int | None  # delivery of a dated one; delisting of another, once announced
    publish: bool  # False: the book is kept and verified, nothing is published

    def engine_args(self) -> dict[str, Any]:
        """The keyword arguments of `Engine.add_instrument` (after endpoint and venue_id)."""
        return {
            "exchange": self.exchange,
            "symbol": self.symbol,
            "price_step": self.price_step,
            "qty_step": self.qty_step,
            "contract": self.contract,
            "publish": self.publish,
            "market": self.market,
            "index": self.index,
            "group": self.group,
            "multiplier": self.multiplier,
        }


@dataclass(slots=True)
class Listing:
    """One page of instruments: every row of the body is in one of the two lists."""

    instruments: list[Instrument] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (venue id, reason)
    cursor: str = ""  # of the next page

    def skip_counts(self) -> Counter[str]:
        return Counter(reason for _, reason in self.skipped)


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One stream of an endpoint: its topic, its socket, and what its silence means.

    `topic` is a template over `{s}` (the venue id as the stream wants it), `{levels}` and
    `{index}`. A topic that several instruments share is subscribed once.
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

    def stream_id(self, venue_id: str) -> str:
        """The venue id as its topics spell it."""

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
    limit: int = 0  # levels a side that a depth call asks for


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
    limit: int = 0  # levels a side that a depth call asked for; 0: not said


def asked_levels(query: Mapping[str, str], key: str) -> int:
    """The number of levels in a depth query; 0 for none."""
    value = query.get(key, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0


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

    def row(self, feed: str, option: bool = False) -> FeedRow | None:
        """The row that serves a feed; with `option` the optional source if there is one."""
        rows = [row for row in self.feeds if row.feed == feed]
        wanted = [row for row in rows if row.option == option] or rows
        return wanted[0] if wanted else None

    def topic(self, row: FeedRow, venue_id: str, levels: int = 0) -> str:
        """The topic text; of the offered depths the smallest that holds `levels`."""
        depth = next((d for d in row.levels if d >= levels), row.levels[-1] if row.levels else 0)
        return row.topic.format(s=self.wire.stream_id(venue_id), levels=depth)
