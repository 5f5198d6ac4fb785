"""The engine: one entry in (a frame, a snapshot, a timer), messages out.

Knows no socket and no clock: the receive time of the entry is the time. The path of a frame is
`take_frame` -> `decode` -> `apply` -> one of the three feeds; what is rare (a new instrument, a
change of state, a reject) is told at the end of the entry, in Python. The engine is built in
layers, each a file that knows only those below it:

    engine      the entries: instruments, connections, frames, the timer
    polls       a REST answer of one of the slower feeds
    snapshots   a REST book loaded and joined to what was held for it
    updates     a frame decoded, and applied to its line
    funds       insurance funds
    reports     mark and index price, funding, open interest, ticker, long/short ratio
    prints      liquidations and blocks
    derived     what is computed here from book and trades
    charts      candles from trades
    messages    what is said, and how
    lines       the instruments and their state
"""

import json as _json

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcpy, memset

from p9core.book cimport book_rescale
from p9core.buffer cimport reserve
from p9core.derived cimport MAX_DEPTHS
from p9core.exact cimport exact_int
from p9core.instruments cimport (KIND_INVERSE, KIND_LINEAR, KIND_SPOT, Instrument, instrument_digits,
                                 names_add, names_find)
from p9core.lines cimport *
from p9core.polls cimport Polls
from p9core.sequence cimport (BUFFERING, INVALID, LIVE, Rule, Sequence, sequence_backoff,
                              trades_free, trades_init)
from p9core.types cimport *
from p9core.updates cimport MAX_FRAME, MAX_WANTS, PADDING
from p9core.venues.endpoints cimport ENDPOINT_COUNT, endpoint_at

from p9core.analytics.plain import TIMEFRAMES
from p9core.control import Control
from p9core.lines import FEEDS
from p9core.venues.endpoints import ENDPOINTS

cdef enum:
    MAX_REASONS = 256
    MAX_RESOLVED = 2000      # instruments that one frame makes known
    BOOK_EVERY_NS = 5000000000
    BOOK_TICKS = 50          # of 100 ms, in that
    BOOK_SOON_NS = 2000000000


cdef inline str span_text(Span span):
    return span.at[:span.size].decode("utf-8", "replace") if span.size > 0 else ""


cdef class Engine(Polls):
    """One engine a process, one thread. See engine.pyi for what each call takes."""

    def __cinit__(self):
        self.reasons = {}

    def __init__(self, *, int64_t epoch, str sink="resp", str prefix="", stream_kinds=(),
                 int64_t stream_maxlen=100000, int depth_levels=1000, bint learn=False,
                 resolver=None, feeds=None, max_age_ns=None, int64_t snapshot_ms=1000,
                 int snapshot_levels=50, imbalance_levels=(1, 5, 10, 20),
                 timeframes=TIMEFRAMES):
        cdef int32_t i
        if sink not in ("resp", "lines"):
            raise ValueError(f"sink {sink!r} is not 'resp' or 'lines'")
        if epoch < 1 or stream_maxlen < 1 or depth_levels < 1:
            raise ValueError("epoch, stream_maxlen and depth_levels must be at least 1")
        if not 100 <= snapshot_ms <= 86400000 or snapshot_ms % 100 or not (
                1 <= snapshot_levels <= 5000):
            raise ValueError("snapshot_ms are hundreds up to a day, snapshot_levels 1 to 5000")
        if len(imbalance_levels) > MAX_DEPTHS or not all(1 <= n <= 5000 for n in imbalance_levels):
            raise ValueError(f"imbalance_levels are up to {MAX_DEPTHS} numbers from 1 to 5000")
        if self.epoch:
            raise RuntimeError("an engine is made once")
        self.out.lines = sink == "lines"
        self.epoch = self.out.epoch = epoch
        self.out.maxlen = stream_maxlen
        self.prefix = prefix
        self.stream_kinds = frozenset(stream_kinds)
        self.depth_levels = depth_levels
        self.learn = learn
        self.resolver = resolver
        for i in range(ENDPOINT_COUNT):
            self.context[i].resolving = resolver is not None
        key = (prefix + "channels").encode()
        self.out.channels = copy_of(key)
        self.out.channels_size = len(key)
        self.snapshot_ns = snapshot_ms * 1000000
        self.snapshot_levels = snapshot_levels
        self.n_depths = len(imbalance_levels)
        for i in range(self.n_depths):
            self.depths[i] = imbalance_levels[i]
        self.set_timeframes(timeframes)
        self.set_ages(max_age_ns or {})
        if feeds is not None:
            self.set_feeds(feeds, 0)

    def set_feeds(self, feeds not None, int64_t now_ns) -> None:
        cdef int32_t i, f
        wanted = frozenset(feeds)
        unknown = wanted - frozenset(FEEDS) - {"insurance_fund"}
        if unknown:
            raise ValueError(f"{sorted(unknown)} are no feeds")
        if self.publishes[<int> FEED_DEPTH] and "depth" not in wanted:
            for i in range(self.n_lines):
                if self.lines[i].sequence.state == LIVE:
                    self.withdraw(self.lines[i], b"unpublished", now_ns)
        depth_is_new = not self.publishes[<int> FEED_DEPTH]
        if self.publishes[<int> FEED_SNAPSHOT] and "snapshot" not in wanted:
            self.begin_turns()
        for f in range(FEED_COUNT):
            self.publishes[f] = FEEDS[f] in wanted
        self.publishes[<int> FEED_INSURANCE] = "insurance_fund" in wanted
        for i in range(self.n_lines):
            self.open_voices(self.lines[i])
            self.chart_line(self.lines[i])
            if depth_is_new and self.lines[i].sequence.state == LIVE:
                self.show_book(self.lines[i], now_ns)

    def set_timeframes(self, timeframes not None) -> None:
        cdef int32_t t
        unknown = frozenset(timeframes) - frozenset(TIMEFRAMES)
        if unknown:
            raise ValueError(f"{sorted(unknown)} are no timeframes")
        for t in range(TIMEFRAME_COUNT):
            self.timeframes[t] = TIMEFRAMES[t] in timeframes

    def set_ages(self, max_age_ns not None) -> None:
        cdef int32_t f
        for f in range(FEED_COUNT):
            # again at half the age that readers may count on; a ticker each second
            self.again_ns[f] = max_age_ns.get(FEEDS[f], 2000000000) // 2
        self.again_ns[<int> FEED_INSURANCE] = max_age_ns.get("insurance_fund", 2000000000) // 2

    # ---- instruments and connections ------------------------------------------------

    def add_instrument(self, str endpoint not None, str venue_id not None, *,
                       str exchange not None, str symbol not None, price_step=None,
                       qty_step=None, contract="1", bint publish=True, str market="spot",
                       str index="", str group="", int multiplier=1, block_notional=None,
                       funding_hours=None) -> int:
        cdef int32_t at = ENDPOINTS[endpoint], number
        cdef bytes name = venue_id.encode()
        cdef Instrument digits
        cdef Line *line
        memset(&digits, 0, sizeof(Instrument))
        number = names_find(&self.names[at], name, len(name))
        if number >= 0:
            digits = self.lines[number].inst
        digits.learn = self.learn
        digits.publish = publish
        digits.kind = (KIND_INVERSE if market == "inverse" else
                       KIND_SPOT if market == "spot" else KIND_LINEAR)
        instrument_digits(&digits, price_step, qty_step, contract)
        if number >= 0:
            self.update_instrument(number, &digits)
        else:
            number = self.make_line(endpoint, venue_id, exchange, symbol, &digits).inst.index
        line = self.lines[number]
        self.link_index(number, index)
        self.specs[number].update(group=group, multiplier=multiplier)
        self.chart_line(line)
        self.set_block_least(line, block_notional)
        if funding_hours is not None and not line.facts.known & <uint32_t> 1 << <int> TOLD_INTERVAL:
            exact_int(&line.facts.values[<int> TOLD_INTERVAL], funding_hours, 0)
        return number

    cdef int link_index(self, int32_t number, str index) except -1:
        """Puts the instrument among those that an index is the price of."""
        cdef Line *line = self.lines[number]
        cdef bytes name = index.encode()
        cdef int32_t first
        if not index or self.specs[number].get("index"):
            return 0
        self.specs[number]["index"] = index
        first = names_find(&self.indices[line.endpoint], name, len(name))
        if first < 0:
            names_add(&self.indices[line.endpoint], name, len(name), number)
        else:
            line.inst.next_of_index = self.lines[first].inst.next_of_index
            self.lines[first].inst.next_of_index = number
        return 0

    cdef int update_instrument(self, int32_t index, const Instrument *told) except -1:
        cdef bint was_served, served, same
        cdef int px_power, qty_power
        cdef Line *line = self.lines[index]
        cdef Instrument inst = told[0]
        px_power = inst.px_exp - line.inst.px_exp
        qty_power = inst.qty_exp - line.inst.qty_exp
        was_served = line.inst.publish and line.inst.factor != 0
        served = inst.publish and inst.factor != 0
        same = (inst.factor == line.inst.factor and inst.factor_exp == line.inst.factor_exp)
        if px_power or qty_power:
            if not book_rescale(&line.book, px_power, qty_power):
                raise ValueError("the held book does not fit the new steps")
            self.counts[line.endpoint][COUNT_RESCALED] += 1
        if line.sequence.state == LIVE and was_served and not served:
            self.withdraw(line, b"unpublished", self.last_now_ns)
        line.inst = inst
        if line.sequence.state == LIVE and served and not (was_served and same):
            # sizes mean something else now, or something at all: readers begin anew
            self.show_book(line, self.last_now_ns)
        return index

    cdef int show_book(self, Line *line, int64_t now_ns) except -1:
        """The whole book, to readers that have none."""
        self.stage.snapshot = False
        self.say_book(line, 0, now_ns)
        self.keep_book(line, now_ns)
        return 0

    def follow(self, int instrument, bint on, int64_t now_ns) -> None:
        cdef Line *line = self.line_at(instrument)
        if on == line.followed:
            return
        self.pass_turns(now_ns)
        line.followed = on
        self.chart_followed(line)
        if not on:
            line.shown.due_ns = 0
            line.shown.imbalance_ns = 0
            self.forget_facts(line)
            # what comes when it is followed again continues nothing
            trades_free(&line.trades)
            trades_init(&line.trades)
            if line.sequence.state == LIVE:
                self.break_book(line, "removed", now_ns)
            self.tell_events(now_ns)

    def open_conn(self, str endpoint not None) -> int:
        self.conns.append(<int> ENDPOINTS[endpoint])
        return len(self.conns) - 1

    def close_conn(self, int conn, int64_t now_ns) -> None:
        cdef int32_t i
        for i in range(self.n_lines):
            if self.lines[i].sequence.owner == conn and self.lines[i].sequence.state == LIVE:
                self.break_book(self.lines[i], "disconnect", now_ns)
        self.conns[conn] = None
        self.tell_events(now_ns)

    def subscribed(self, int instrument, int64_t now_ns) -> None:
        cdef Line *line = self.line_at(instrument)
        cdef Sequence *q = &line.sequence
        cdef const Rule *rule = &endpoint_at(line.endpoint).rule
        if q.state == LIVE:
            return
        self.pass_turns(now_ns)
        q.state = BUFFERING
        q.stream = -1
        q.asked = rule.pushed
        q.ask_at_ns = now_ns + rule.patience_ns

    def invalidate(self, int instrument, str reason not None, int64_t now_ns,
                   int conn=-1) -> None:
        cdef Line *line = self.line_at(instrument)
        if conn >= 0 and line.sequence.owner >= 0 and line.sequence.owner != conn:
            return  # another connection has taken the book over
        self.break_book(line, reason, now_ns)
        self.tell_events(now_ns)

    def trades_broken(self, int instrument, int64_t now_ns) -> None:
        self.last_now_ns = now_ns
        self.line_at(instrument).trades_broken = True

    cdef int break_book(self, Line *line, str reason, int64_t now_ns) except -1:
        # a word of a message: kept, so that the sequence can point at it
        if reason not in self.reasons and len(self.reasons) >= MAX_REASONS:
            reason = "other"
        word = "".join(c if c.isascii() and c.isalnum() else "_" for c in reason)
        text = self.reasons.setdefault(reason, word.encode())
        self.pass_turns(now_ns)
        self.fail(line, <const char *> <bytes> text, now_ns)
        # whoever breaks a book from outside also sees to its new subscription
        line.sequence.asked = False
        return 0

    # ---- entries --------------------------------------------------------------------

    def end(self, str reason not None, int64_t now_ns) -> None:
        """No further updates will come: every LIVE book is withdrawn."""
        cdef int32_t i
        for i in range(self.n_lines):
            if self.lines[i].sequence.state == LIVE:
                self.break_book(self.lines[i], reason, now_ns)
        self.tell_events(now_ns)

    def feed(self, int conn, int64_t recv_ns, bytes frame not None):
        return self.take_frame(conn, recv_ns, <const char *> frame, len(frame), False)

    cdef object take_frame(self, int32_t conn, int64_t recv_ns, const char *at, size_t size,
                           bint padded):
        cdef Outcome outcome
        cdef int32_t endpoint
        cdef int64_t now
        where = self.conns[conn] if 0 <= conn < len(self.conns) else None
        if where is None:
            raise ValueError(f"connection {conn} is not open")
        endpoint = where
        self.counts[endpoint][COUNT_FRAMES] += 1
        self.counts[endpoint][COUNT_BYTES] += <int64_t> size
        if size > MAX_FRAME:
            self.reject(endpoint, REJECT_SIZE, recv_ns, at, size)
            return None
        if not padded:
            self.scratch.size = 0
            if not reserve(&self.scratch, size + PADDING):
                self.reject(endpoint, REJECT_MEMORY, recv_ns, at, size)
                return None
            memcpy(self.scratch.at, at, size)
            memset(self.scratch.at + size, 0, PADDING)
            at = self.scratch.at
        self.stage.element = 0
        while True:
            outcome = self.decode(endpoint, at, size)
            if outcome == REJECT_SYMBOL:
                outcome = self.decode_resolved(endpoint, at, size)
            # without a receive time: the previous one's, else the venue's
            now = recv_ns or self.last_now_ns or self.stage.ts_ns
            self.last_now_ns = now
            if now >= self.next_turn_ns:
                self.pass_turns(now)
            if outcome == DECODED and self.stage.feed > FEED_DEPTH:
                self.note_wire(endpoint, recv_ns)
                self.apply_others(endpoint, conn, recv_ns, now, 0)
            elif outcome == DECODED:
                self.apply(self.lines[self.stage.instrument], conn, recv_ns, now, at, size)
            elif outcome == CONTROL:
                self.counts[endpoint][<int> CONTROL] += 1
                return self.control_of()
            elif outcome == IGNORED:
                self.counts[endpoint][<int> IGNORED] += 1
            else:
                self.reject(endpoint, outcome, recv_ns, at, size)
                self.lose_frame(conn, outcome, now)
            if self.events.size:
                self.tell_events(now)
            if not self.stage.more:
                return None
            self.stage.element += 1

    cdef Outcome decode_resolved(self, int32_t endpoint, const char *at, size_t size) except *:
        """Once more, with the instruments that it names made known; a frame may name several.
        Those that stay unknown are passed over where the frame speaks of others too."""
        cdef Outcome outcome = REJECT_SYMBOL
        cdef int32_t rounds = 0
        while outcome == REJECT_SYMBOL and rounds < MAX_RESOLVED and self.resolve(endpoint):
            outcome = self.decode(endpoint, at, size)
            rounds += 1
        if outcome == REJECT_SYMBOL and self.context[endpoint].resolving:
            self.context[endpoint].resolving = False
            outcome = self.decode(endpoint, at, size)
            self.context[endpoint].resolving = True
        return outcome

    cdef int lose_frame(self, int32_t conn, Outcome outcome, int64_t now) except -1:
        """What a refused frame means where it says whose it was: an update that is not applied
        leaves a book that may be wrong, and surplus digits ask for fresh instruments."""
        cdef Line *line
        if self.stage.instrument < 0:
            return 0
        line = self.lines[self.stage.instrument]
        if (self.stage.feed == FEED_DEPTH and line.sequence.state == LIVE
                and line.sequence.stream == self.stage.stream
                and (line.sequence.owner < 0 or line.sequence.owner == conn)):
            self.fail(line, b"reject", now)
        if outcome == REJECT_SURPLUS:
            self.want("instruments", line.inst.index, 0)
        return 0

    cdef int resolve(self, int32_t endpoint) except -1:
        """Asks for an instrument that no one added; True where it is there now."""
        cdef int32_t index
        cdef bytes raw = self.stage.symbol.at[:self.stage.symbol.size], name
        symbol = raw.decode("utf-8", "replace")
        if names_find(&self.names[endpoint], raw, len(raw)) >= 0:
            return False  # something else is not known: an index
        if b"\\" in raw:
            # a name that the venue's JSON writer has escaped
            try:
                symbol = _json.loads(f'"{symbol}"')
                name = symbol.encode()
            except ValueError:
                return False
            index = names_find(&self.names[endpoint], name, len(name))
            if index >= 0 and self.names[endpoint].used < 200000:
                names_add(&self.names[endpoint], raw, len(raw), index)
                return True
        if self.resolver is None:
            return False
        if len(self.specs) >= 100000:
            return False
        spec = self.resolver(endpoint_at(endpoint).name.decode(), symbol)
        if spec is None:
            return False
        self.add_instrument(endpoint_at(endpoint).name.decode(), symbol, **spec)
        # escaped, it is looked up once more
        return self.resolve(endpoint) if b"\\" in raw else True

    cdef object control_of(self):
        topic = span_text(self.stage.topic)
        symbol = span_text(self.stage.symbol)
        return Control(("ack", "error", "pong", "notice", "other")[self.stage.control],
                       span_text(self.stage.request), span_text(self.stage.code),
                       span_text(self.stage.message),
                       f"{topic}:{symbol}" if symbol else topic)

    # ---- timer ----------------------------------------------------------------------

    def on_timer(self, int64_t now_ns) -> None:
        cdef int32_t i
        cdef Line *line
        cdef Sequence *q
        cdef const Rule *rule
        cdef int64_t since_ns
        self.last_now_ns = now_ns
        for i in range(self.n_lines):
            line = self.lines[i]
            q = &line.sequence
            # a book comes to have its own tick of the period: together they are megabytes
            since_ns = now_ns - line.book_set_ns
            if q.state == LIVE and (since_ns >= BOOK_EVERY_NS or (
                    since_ns >= BOOK_SOON_NS and i % BOOK_TICKS == self.tick % BOOK_TICKS)):
                self.keep_book(line, now_ns)
            if q.asked and now_ns >= q.ask_at_ns and len(self.wants) < MAX_WANTS:
                rule = &endpoint_at(line.endpoint).rule
                self.want(self.remedy(q, rule), i, q.attempts)
                if q.state != LIVE:
                    q.state = BUFFERING
                q.ask_at_ns = now_ns + sequence_backoff(q)
                q.attempts += 1
        self.derive_on_timer(now_ns)
        if self.differences:
            self.tell_differences(now_ns)
        self.flush_voices(now_ns)

    cdef str remedy(self, const Sequence *q, const Rule *rule):
        if not rule.rest:
            return "resubscribe"
        if not rule.pushed:
            return "snapshot"
        # OKX 5.2 and 5.3: after a fault a new subscription; a snapshot that the venue does
        # not push is fetched
        return "resubscribe" if q.state == INVALID else "snapshot"
