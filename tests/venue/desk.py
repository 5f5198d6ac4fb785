"""One instrument at one venue: a moving market, its ids, and the topics that show it."""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

from .instruments import Instrument, Text
from .klines import Tape
from .log import InstrumentLog, TradeRow
from .market import ASK, BID, Change, Fill, Walk
from .options import Options
from .wire import Topic

if TYPE_CHECKING:
    from .reports import Reports

TRADE_SHARE, DEPTH_SHARE = 0.20, 0.25  # of the steps; the rest moves the best price


class Feed:
    """What topics belong to: a generated desk, or a recording being played."""

    inst: Instrument
    topics: dict[str, Topic]
    related: Feed | None = None  # OKX: the index of an instrument
    now_ms = 0  # exchange time of what is said next, ms

    def opening(self, topic: Topic) -> list[str]:
        """What a new subscriber is sent first. Called before it is added to the topic."""
        raise NotImplementedError

    def begin(self, topic: Topic) -> None:
        """A slow stream gets its first reader. Called before `opening`."""

    def run(self, topic: Topic) -> float:
        """A slow stream's turn: sends what there is, returns seconds until the next."""
        raise NotImplementedError

    def depth_body(self, levels: int) -> str:
        """Body of a REST depth answer."""
        raise NotImplementedError

    def repeat(self, now: float) -> None:
        """Sends what the venue repeats when nothing changes. `now`: monotonic seconds."""

    def restart(self) -> None:
        """What a restart of the venue's service does to the ids."""


class Desk(Feed):
    """A generated market. A venue's desk turns fills, best prices and flushes into payloads; its
    `reports` write the slow streams."""

    reports: Reports
    uid_jump = 1  # largest step of the book id for one level change
    gone = False  # delisted: it says nothing any more

    def __init__(self, inst: Instrument, options: Options, log: InstrumentLog) -> None:
        self.inst = inst
        self.log = log
        self.levels = min(inst.levels, options.max_levels or inst.levels)
        self.rng = Random(f"{options.seed}:{inst.venue}:{inst.market}:{inst.venue_id}")
        price_text, self.qty_text = inst.texts()
        self.price_text: Text = lru_cache(maxsize=1024)(price_text)  # the same prices come again
        self.topics = {}
        self.tape = Tape(inst.start_ticks)
        self.next_depth = 0.0  # monotonic seconds: no depth push before
        self.uid = self.rng.randrange(10**9, 9 * 10**9)
        self.last_uid = self.uid  # book id of the newest flush
        self.first_uid = 0  # first book id since the newest flush; 0: none
        self.last_top: tuple[Change, Change] | None = None
        self._walk: Walk | None = None

    @property
    def awake(self) -> bool:
        return self._walk is not None

    @property
    def walk(self) -> Walk:
        """The market; it is built when somebody first asks for it."""
        if self._walk is None:
            self._walk = Walk(self.inst, self.rng, self.levels)
            self.log.start(self.uid, self._walk.book)
        return self._walk

    def act(self, now_ms: int, now: float, pace_s: float) -> int:
        """One step of the market at the monotonic time `now`; depth messages are at least
        `pace_s` apart. Returns the number of messages it made, at least 1."""
        self.now_ms = now_ms
        walk = self.walk
        roll = self.rng.random()
        if roll < TRADE_SHARE:
            fill = walk.take()
            self.bump(1)
            return self.emit_trade(fill) + self.emit_bbo()
        if roll < TRADE_SHARE + DEPTH_SHARE and now >= self.next_depth:
            self.next_depth = now + pace_s
            self.bump(walk.deep(3 + int(self.rng.random() * 12)))
            return self.emit_depth() or 1
        self.bump(walk.top())
        return self.emit_bbo() or 1

    def begin(self, topic: Topic) -> None:
        self.reports.begin(topic)

    def run(self, topic: Topic) -> float:
        return self.reports.run(topic)

    def mid_2x(self) -> int:
        """Twice the mid price, in ticks; without building a market that nobody asked for."""
        if self._walk is None:
            return 2 * self.inst.start_ticks
        return self._walk.book.best(BID) + self._walk.book.best(ASK)

    def bump(self, changes: int) -> None:
        """Advances the book id for `changes` level changes."""
        before = self.uid
        self.uid += changes
        if self.uid_jump > 1:
            self.uid += int(self.rng.random() * self.uid_jump * changes)
        if not self.first_uid:
            self.first_uid = before + 1 if self.uid_jump == 1 else self.uid

    def flush(self) -> None:
        """Ends a depth event: what follows belongs to the next one."""
        book = self.walk.book
        self.log.depth(self.first_uid or self.uid, self.uid, book.changes())
        book.flushed()
        self.last_uid, self.first_uid = self.uid, 0

    def tops(self) -> tuple[Change, Change]:
        book = self.walk.book
        bid, ask = book.best(BID), book.best(ASK)
        return (bid, book.lots[BID][bid]), (ask, book.lots[ASK][ask])

    def pairs(self, levels: list[Change], zero: str = "") -> str:
        """Levels as the inside of a JSON list of [price, size]. `zero`: how a removal is spelt."""
        price, qty = self.price_text, self.qty_text
        zero = zero or qty(0)
        return ",".join(f'["{price(t)}","{qty(n) if n else zero}"]' for t, n in levels)

    def crossing(self) -> Change:
        """A bid above the best ask, for the crossed-book fault. The market itself stays sane."""
        return self.walk.book.best(ASK) + 3, max(1, self.inst.lots // 7)

    def row(self, trade_id: str, fill: Fill, lots: int, count: int, sent: bool) -> TradeRow:
        return TradeRow(
            trade_id,
            self.price_text(fill.ticks),
            self.qty_text(lots),
            "buy" if fill.buy else "sell",
            self.now_ms,
            count,
            sent,
            self.uid,
        )

    def restart(self) -> None:
        self.bump(1000)

    def emit_trade(self, fill: Fill) -> int:
        raise NotImplementedError

    def emit_bbo(self) -> int:
        raise NotImplementedError

    def emit_depth(self) -> int:
        raise NotImplementedError
