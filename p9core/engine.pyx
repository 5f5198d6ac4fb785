"""The engine: one entry in (a frame, a snapshot, a timer), messages out.

Knows no socket and no clock: the receive time of the entry is the time. The path of a frame is
`take_frame` -> `decode` -> `apply` -> one of the three feeds; what is rare (a new instrument, a
change of state, a reject) is told at the end of the entry, in Python. Below it stand `messages`
(what is said, and how) and `lines` (the instruments and their state).
"""

import json as _json

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from p9core.book cimport (Side, book_apply, book_crossed, book_load, book_rescale, book_thin)
from p9core.buffer cimport Bytes, release, reserve
from p9core.checksum cimport book_checksum
from p9core.encode cimport begin, put_best, put_trade
from p9core.instruments cimport Instrument, instrument_digits, names_add, names_find
from p9core.json cimport Document
from p9core.lines cimport *
from p9core.messages cimport Messages
from p9core.number cimport MAX_EXPONENT
from p9core.resp cimport Channel, emit, flush_kept
from p9core.sequence cimport (APPLY, MAX_REFRESH_BYTES, BRIDGE_AHEAD, BRIDGE_STALE, BUFFERING, COLD, DUPLICATE,
                              FOREIGN, GAP, HOLD, INVALID, LIVE, LOAD, TRADE_DUPLICATE,
                              TRADE_FILLED, TRADE_HOLE, TRADE_LATE, TRADE_SUPERSEDED, WAIT, Held,
                              Rule, Sequence, TradeVerdict, Verdict, sequence_applied,
                              sequence_backoff, sequence_bridge, sequence_drop_held,
                              sequence_fail, sequence_hold, sequence_link, sequence_live,
                              sequence_next, sequence_note, trades_next)
from p9core.types cimport *
from p9core.venues.endpoints cimport ENDPOINT_COUNT, endpoint_at

from p9core.control import Control
from p9core.lines import OUTCOMES
from p9core.venues.endpoints import ENDPOINTS

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void *) noexcept nogil

cdef enum:
    PADDING = 64            # what the JSON reader may read behind a frame
    MAX_FRAME = 64 << 20
    MAX_WANTS = 4096
    MAX_REASONS = 256
    BOOK_EVERY_NS = 5000000000
    REFRESH_EVERY_NS = 60000000000


cdef inline str span_text(Span span):
    return span.at[:span.size].decode("utf-8", "replace") if span.size > 0 else ""


cdef inline void touch_top(const Side *side) noexcept nogil:
    if side.n >= 16:
        prefetch(side.keys + side.n - 8)
        prefetch(side.qtys + side.n - 8)
        prefetch(side.keys + side.n - 16)
        prefetch(side.qtys + side.n - 16)


cdef void touch(const Instrument *inst) noexcept nogil:
    cdef const Line *line = <const Line *> inst
    cdef const Channel *channel = &line.channels[<int> FEED_DEPTH]
    prefetch(&line.sequence)
    prefetch(<const char *> &line.sequence + 64)
    prefetch(&line.sequence.recent[line.sequence.at_recent])
    prefetch(&line.sequence.held)
    prefetch(channel)
    prefetch(<const char *> channel + 64)
    prefetch(<const char *> channel + 128)
    prefetch(channel.name)
    prefetch(channel.head)
    touch_top(&line.book.bid)
    touch_top(&line.book.ask)


cdef class Engine(Messages):
    """One engine a process, one thread. See engine.pyi for what each call takes."""

    def __cinit__(self):
        cdef int32_t i
        self.json = new Document()
        self.reasons = {}
        self.wants = []
        for i in range(ENDPOINT_COUNT):
            self.context[i].json = self.json
            self.context[i].touch = touch

    def __init__(self, *, int64_t epoch, str sink="resp", str prefix="", stream_kinds=(),
                 int64_t stream_maxlen=100000, int depth_levels=1000, bint learn=False,
                 resolver=None):
        cdef int32_t i
        if sink not in ("resp", "lines"):
            raise ValueError(f"sink {sink!r} is not 'resp' or 'lines'")
        if epoch < 1 or stream_maxlen < 1 or depth_levels < 1:
            raise ValueError("epoch, stream_maxlen and depth_levels must be at least 1")
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
        key = (prefix + "channels").encode()
        self.out.channels = copy_of(key)
        self.out.channels_size = len(key)

    def __dealloc__(self):
        release(&self.scratch)
        free(self.stage.bids)
        free(self.stage.asks)
        free(self.stage.trades)
        del self.json

    # ---- instruments and connections ------------------------------------------------

    def add_instrument(self, str endpoint not None, str venue_id not None, *,
                       str exchange not None, str symbol not None, price_step=None,
                       qty_step=None, contract="1", bint publish=True) -> int:
        cdef int32_t at = ENDPOINTS[endpoint], index
        cdef bytes name = venue_id.encode()
        cdef Instrument digits
        index = names_find(&self.names[at], name, len(name))
        if index >= 0:
            return self.update_instrument(index, price_step, qty_step, contract, publish)
        memset(&digits, 0, sizeof(Instrument))
        digits.learn = self.learn
        digits.publish = publish
        instrument_digits(&digits, price_step, qty_step, contract)
        return self.make_line(endpoint, venue_id, exchange, symbol, &digits).inst.index

    cdef int update_instrument(self, int32_t index, price_step, qty_step, contract,
                               bint publish) except -1:
        cdef bint was_served, served, same
        cdef Line *line = self.lines[index]
        cdef Instrument inst = line.inst
        instrument_digits(&inst, price_step, qty_step, contract)
        inst.publish = publish
        if inst.px_exp != line.inst.px_exp or inst.qty_exp != line.inst.qty_exp:
            if not book_rescale(&line.book, inst.px_exp - line.inst.px_exp,
                                inst.qty_exp - line.inst.qty_exp):
                raise ValueError("the held book does not fit the new steps")
            self.counts[line.endpoint][COUNT_RESCALED] += 1
        was_served = line.inst.publish and line.inst.factor != 0
        served = inst.publish and inst.factor != 0
        same = (inst.factor == line.inst.factor and inst.factor_exp == line.inst.factor_exp)
        if line.sequence.state == LIVE and was_served and not served:
            self.withdraw(line, b"unpublished", self.last_now_ns)
        line.inst = inst
        if line.sequence.state == LIVE and served and not (was_served and same):
            # sizes mean something else now, or something at all: readers begin anew
            self.stage.snapshot = False
            self.say_book(line, 0, self.last_now_ns)
            self.keep_book(line, self.last_now_ns)
        return index

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

    cdef int break_book(self, Line *line, str reason, int64_t now_ns) except -1:
        # a word of a message: kept, so that the sequence can point at it
        if reason not in self.reasons and len(self.reasons) >= MAX_REASONS:
            reason = "other"
        word = "".join(c if c.isascii() and c.isalnum() else "_" for c in reason)
        text = self.reasons.setdefault(reason, word.encode())
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
            if outcome == REJECT_SYMBOL and self.resolve(endpoint):
                outcome = self.decode(endpoint, at, size)
            # without a receive time: the previous one's, else the venue's
            now = recv_ns or self.last_now_ns or self.stage.ts_ns
            self.last_now_ns = now
            if outcome == DECODED:
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

    cdef int want(self, str kind, int32_t instrument, int32_t attempt) except -1:
        if len(self.wants) < MAX_WANTS:
            self.wants.append((kind, instrument, attempt))
        return 0

    cdef int resolve(self, int32_t endpoint) except -1:
        """Asks for an instrument that no one added; True where it is there now."""
        cdef int32_t index
        cdef bytes raw = self.stage.symbol.at[:self.stage.symbol.size], name
        symbol = raw.decode("utf-8", "replace")
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

    cdef Outcome decode(self, int32_t endpoint, const char *at, size_t size) noexcept nogil:
        """Decodes into the stage; where digits are learned, once more with those it needs."""
        cdef Outcome outcome = endpoint_at(endpoint).decode(
            &self.context[endpoint], at, size, &self.stage)
        cdef int32_t element
        if outcome == REJECT_SURPLUS:
            element = self.stage.element
            if self.widen(self.lines[self.stage.instrument]):
                self.stage.element = element
                outcome = endpoint_at(endpoint).decode(
                    &self.context[endpoint], at, size, &self.stage)
        return outcome

    cdef bint widen(self, Line *line) noexcept nogil:
        """Raises the exponents to what the stage needed. True: decode again."""
        cdef int need_px = self.stage.need_px, need_qty = self.stage.need_qty
        if need_px > MAX_EXPONENT or need_qty > MAX_EXPONENT:
            return False
        if need_px > line.inst.need_px:
            line.inst.need_px = need_px
        if need_qty > line.inst.need_qty:
            line.inst.need_qty = need_qty
        if not line.inst.learn:
            return False
        need_px = need_px - line.inst.px_exp if need_px > line.inst.px_exp else 0
        need_qty = need_qty - line.inst.qty_exp if need_qty > line.inst.qty_exp else 0
        if not book_rescale(&line.book, need_px, need_qty):
            return False  # digits that would drive out the book are garbage
        line.inst.px_exp += need_px
        line.inst.qty_exp += need_qty
        self.counts[line.endpoint][COUNT_RESCALED] += 1
        return True

    def feed_snapshot(self, int instrument, int64_t recv_ns, bytes body not None,
                      int limit=0) -> str:
        cdef Line *line = self.line_at(instrument)
        cdef Sequence *q = &line.sequence
        cdef const Rule *rule = &endpoint_at(line.endpoint).rule
        cdef Outcome outcome = REJECT_SIZE
        cdef int64_t now = recv_ns or self.last_now_ns
        cdef int64_t last_id
        cdef size_t size = len(body)
        cdef int32_t attempt, included
        self.counts[line.endpoint][COUNT_SNAPSHOTS] += 1
        self.scratch.size = 0
        if size <= MAX_FRAME and reserve(&self.scratch, size + PADDING):
            memcpy(self.scratch.at, <const char *> body, size)
            memset(self.scratch.at + size, 0, PADDING)
            for attempt in range(2):
                self.stage.instrument = instrument
                outcome = endpoint_at(line.endpoint).snapshot(
                    &self.context[line.endpoint], self.scratch.at, size, &self.stage)
                if outcome != REJECT_SURPLUS or not self.widen(line):
                    break
        now = now or self.stage.ts_ns
        self.last_now_ns = now
        if outcome != DECODED:
            self.reject(line.endpoint, outcome, recv_ns, <const char *> body, size)
            if outcome == REJECT_SURPLUS:
                self.want("instruments", instrument, 0)
            return OUTCOMES[outcome]
        if q.state == LIVE and not q.refresh:
            self.counts[line.endpoint][COUNT_SNAPSHOTS_UNNEEDED] += 1
            return "not needed"
        last_id = self.stage.last_id
        included = BRIDGE_AHEAD
        if q.n_held:
            included = sequence_bridge(q, rule, last_id)
        elif q.state == LIVE and last_id < q.last_id:
            included = BRIDGE_STALE
        if included == BRIDGE_STALE or (included == BRIDGE_AHEAD and q.state == LIVE and q.n_held):
            # 5.1 step 3, 5.2 step 5: older than what is held. Keep that, ask again
            self.counts[line.endpoint][COUNT_SNAPSHOTS_STALE] += 1
            return "stale"
        book_load(&line.book, self.stage.bids, self.stage.n_bids, self.stage.asks,
                  self.stage.n_asks, limit)
        line.depth_ts_ns = self.stage.ts_ns
        q.last_id = last_id
        q.joined = False
        q.passed = 0
        sequence_note(q, last_id)
        if included == BRIDGE_AHEAD and q.state != LIVE:
            # 5.1 step 1: not without one update that reaches it
            q.pending = True
            if q.state == COLD:
                q.state = BUFFERING
            sequence_drop_held(q)
            return ""
        if not self.replay_held(line, included, now):
            self.counts[line.endpoint][COUNT_SNAPSHOTS_STALE] += 1
            self.tell_events(now)
            return "stale"
        self.tell_events(now)
        return ""

    cdef bint replay_held(self, Line *line, int32_t included, int64_t now) noexcept nogil:
        """Applies what was held behind the first `included` frames, which the loaded snapshot
        includes, and goes LIVE; False on a hole."""
        cdef Sequence *q = &line.sequence
        cdef const Rule *rule = &endpoint_at(line.endpoint).rule
        cdef Bytes held = q.held
        cdef Held head
        cdef size_t at = 0
        cdef Verdict verdict
        cdef Outcome outcome
        cdef int64_t recv_ns = 0
        cdef bint was_live = q.state == LIVE, whole = True
        memset(&q.held, 0, sizeof(Bytes))
        q.n_held = 0
        q.held_last = NO_ID
        while at < held.size and whole:
            memcpy(&head, held.at + at, sizeof(Held))
            at += sizeof(Held)
            if head.known_recv:
                recv_ns = head.recv_ns
            if included > 0:
                included -= 1
                sequence_note(q, head.last_id)
                q.joined = head.last_id == q.last_id
                verdict = DUPLICATE
            elif not q.joined and head.prev_id <= q.last_id:
                verdict = APPLY  # sequence_bridge has found it
            else:
                verdict = sequence_link(q, rule, head.prev_id, head.last_id)
            if verdict == APPLY:
                self.scratch.size = 0
                outcome = REJECT_MEMORY
                if reserve(&self.scratch, head.size + PADDING):
                    memcpy(self.scratch.at, held.at + at, head.size)
                    memset(self.scratch.at + head.size, 0, PADDING)
                    self.stage.element = head.element
                    outcome = self.decode(line.endpoint, self.scratch.at, head.size)
                if outcome == DECODED:
                    book_apply(&line.book, self.stage.bids, &self.stage.n_bids,
                               self.stage.asks, &self.stage.n_asks)
                    line.depth_ts_ns = self.stage.ts_ns
                    sequence_applied(q, head.last_id)
                else:
                    whole = False
            elif verdict == GAP:
                whole = False
            at += head.size
        release(&held)
        if not whole or line.book.failed:
            if was_live:
                self.fail(line, b"gap", now)
            return False
        if book_crossed(&line.book):
            self.counts[line.endpoint][COUNT_CROSSED] += 1
            self.fail(line, b"crossed", now)
            return False
        self.go_live(line, q.last_id, -1, recv_ns, now)
        return True

    def snapshot_failed(self, int instrument, int64_t now_ns) -> None:
        cdef Sequence *q = &self.line_at(instrument).sequence
        if q.asked:
            q.ask_at_ns = now_ns + sequence_backoff(q)

    # ---- feeds ----------------------------------------------------------------------

    cdef void apply(self, Line *line, int32_t conn, int64_t recv_ns, int64_t now,
                    const char *at, size_t size) noexcept nogil:
        cdef Wire *wire = &self.wires[line.endpoint]
        cdef int64_t took = recv_ns - self.stage.ts_ns
        line.seen_ns[<int> self.stage.feed] = now
        if recv_ns > 0 and self.stage.ts_ns > 0:
            if wire.count == 0 or took < wire.least_ns:
                wire.least_ns = took
            if wire.count == 0 or took > wire.most_ns:
                wire.most_ns = took
            wire.count += 1
            wire.total_ns += took
        if self.stage.feed == FEED_TRADE:
            self.apply_trades(line, recv_ns, now)
        elif self.stage.feed == FEED_BBO:
            self.apply_best(line, recv_ns, now)
        else:
            self.apply_depth(line, conn, recv_ns, now, at, size)

    cdef void apply_trades(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil:
        cdef int64_t *counts = self.counts[line.endpoint]
        cdef Channel *channel = &line.channels[<int> FEED_TRADE]
        cdef Trade *trade
        cdef TradeVerdict verdict
        cdef int32_t i
        if line.trades.stream != self.stage.stream:
            if line.trades.stream >= 0:
                counts[COUNT_OTHER_VARIANT] += 1
                return
            line.trades.stream = self.stage.stream
        for i in range(self.stage.n_trades):
            trade = &self.stage.trades[i]
            verdict = trades_next(&line.trades, trade)
            if verdict == TRADE_DUPLICATE:
                counts[COUNT_DUPLICATES] += 1
                continue
            if verdict == TRADE_SUPERSEDED:
                counts[COUNT_SUPERSEDED] += 1
                continue
            if verdict == TRADE_HOLE:
                counts[COUNT_TRADE_GAPS] += 1
                self.hole(line, FEED_TRADE, line.trades.hole_from, line.trades.hole_to, False)
            elif verdict == TRADE_LATE or verdict == TRADE_FILLED:
                trade.flags |= TRADE_IS_LATE
                if verdict == TRADE_FILLED:
                    self.hole(line, FEED_TRADE, line.trades.hole_from, line.trades.hole_to, True)
            if trade.flags & TRADE_OFF_BOOK:
                counts[<int> OFF_BOOK] += 1
                continue
            counts[COUNT_TRADES] += 1
            if not self.served(line):
                counts[COUNT_UNPUBLISHED] += 1
                continue
            begin(&self.text, channel, trade.ts_ns, recv_ns, now)
            put_trade(&self.text, &line.inst, trade)
            emit(&self.out, channel, &self.text, now)

    cdef void apply_best(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil:
        cdef Stage *s = &self.stage
        cdef Channel *channel = &line.channels[<int> FEED_BBO]
        if s.order != NO_ID:
            # a repeat, or the slower of two connections; a lower number with a later time is
            # a venue that began again
            if s.order <= line.bbo_order and (s.ts_ns == 0 or s.ts_ns <= line.bbo_ts_ns):
                self.counts[line.endpoint][COUNT_DUPLICATES] += 1
                return
            line.bbo_order = s.order
            line.bbo_ts_ns = s.ts_ns
        self.counts[line.endpoint][COUNT_BBO] += 1
        if not self.served(line):
            self.counts[line.endpoint][COUNT_UNPUBLISHED] += 1
            return
        begin(&self.text, channel, s.ts_ns, recv_ns, now)
        put_best(&self.text, &line.inst, s)
        emit(&self.out, channel, &self.text, now)

    cdef void apply_depth(self, Line *line, int32_t conn, int64_t recv_ns, int64_t now,
                          const char *at, size_t size) noexcept nogil:
        cdef int64_t *counts = self.counts[line.endpoint]
        cdef const Rule *rule = &endpoint_at(line.endpoint).rule
        cdef Sequence *q = &line.sequence
        cdef Stage *s = &self.stage
        cdef Verdict verdict
        if q.stream != s.stream:
            if q.stream >= 0:
                counts[COUNT_OTHER_VARIANT] += 1
                return
            q.stream = s.stream
        counts[COUNT_DEPTH] += 1
        if q.state == COLD:
            q.state = BUFFERING
        verdict = sequence_next(q, rule, s, conn)
        if verdict == APPLY:
            book_apply(&line.book, s.bids, &s.n_bids, s.asks, &s.n_asks)
            if not self.verified(line):
                self.fail(line, q.reason, now)
                return
            line.depth_ts_ns = s.ts_ns
            if s.last_id != NO_ID:
                sequence_applied(q, s.last_id)
            if q.state != LIVE:
                self.go_live(line, s.last_id, -1, recv_ns, now)
                q.joined = True
                return
            self.say_depth(line, recv_ns, now)
            if q.refresh and q.held.size > MAX_REFRESH_BYTES:
                # no snapshot came: the book goes on as it is, and asks another time
                q.refresh = q.asked = False
                q.ask_at_ns = now + REFRESH_EVERY_NS
                sequence_drop_held(q)
            elif q.refresh:
                sequence_hold(q, s, recv_ns, recv_ns > 0, at, size)
            elif book_thin(&line.book, self.depth_levels // 10 + 1) and now >= q.ask_at_ns:
                # the market has moved towards the end of what the snapshot knew
                q.refresh = q.asked = True
                q.ask_at_ns = now
        elif verdict == LOAD:
            if rule.slack == 0 and s.stream > 0:
                line.book.keep = s.stream if s.stream < rule.keep else rule.keep
            book_load(&line.book, s.bids, s.n_bids, s.asks, s.n_asks, 0)
            if not self.verified(line):
                self.fail(line, q.reason, now)
                return
            line.depth_ts_ns = s.ts_ns
            self.go_live(line, s.last_id, conn, recv_ns, now)
        elif verdict == HOLD:
            counts[COUNT_HELD] += 1
            sequence_hold(q, s, recv_ns, recv_ns > 0, at, size)
            if not q.asked:
                q.asked = True
                q.ask_at_ns = now + (rule.patience_ns if rule.pushed else 0)
        elif verdict == WAIT:
            counts[COUNT_WAITING] += 1
            if not q.asked:
                q.asked = True
                q.ask_at_ns = now + rule.patience_ns
        elif verdict == DUPLICATE:
            counts[COUNT_DUPLICATES] += 1
            if q.pending and rule.monotone and q.state != LIVE:
                # the stream has reached the snapshot and says nothing newer yet
                self.go_live(line, q.last_id, -1, recv_ns, now)
        elif verdict == FOREIGN:
            counts[COUNT_FOREIGN] += 1
        else:
            counts[COUNT_DEPTH_GAPS] += 1
            q.gaps += 1
            self.hole(line, FEED_DEPTH, q.last_id, s.prev_id, False)
            self.fail(line, b"restart" if s.restart else b"gap", now)
            if rule.rest:
                sequence_hold(q, s, recv_ns, recv_ns > 0, at, size)

    cdef bint verified(self, Line *line) noexcept nogil:
        """The book that was just changed: whole, of the right checksum, not crossed. Else
        the reason stands in the sequence."""
        cdef int64_t *counts = self.counts[line.endpoint]
        if line.book.failed:
            line.sequence.reason = b"memory"
            return False
        if self.stage.checksum != NO_ID:
            if book_checksum(&line.book, &line.inst, &self.text) != self.stage.checksum:
                counts[COUNT_CHECKSUM_BAD] += 1
                line.sequence.reason = b"checksum"
                return False
            counts[COUNT_CHECKSUM_OK] += 1
        if book_crossed(&line.book):
            counts[COUNT_CROSSED] += 1
            line.sequence.reason = b"crossed"
            return False
        return True

    cdef void go_live(self, Line *line, int64_t last_id, int32_t owner, int64_t recv_ns,
                      int64_t now) noexcept nogil:
        cdef bint was_live = line.sequence.state == LIVE, joined = line.sequence.joined
        sequence_live(&line.sequence, last_id, owner, now)
        line.sequence.joined = line.sequence.joined or joined
        line.sequence.ask_at_ns = now + REFRESH_EVERY_NS
        self.say_book(line, recv_ns, now)
        self.keep_book(line, now)
        if not was_live:
            self.note_state(line, b"")

    cdef void fail(self, Line *line, const char *reason, int64_t now) noexcept nogil:
        """A book that may be wrong is not served: says so at once, and asks for repair."""
        cdef bint was_live = line.sequence.state == LIVE
        sequence_fail(&line.sequence, &endpoint_at(line.endpoint).rule, reason, now)
        if was_live:
            self.withdraw(line, reason, now)
            self.note_state(line, reason)

    # ---- timer ----------------------------------------------------------------------

    def on_timer(self, int64_t now_ns) -> None:
        cdef int32_t i, f
        cdef Line *line
        cdef Sequence *q
        cdef const Rule *rule
        self.last_now_ns = now_ns
        for i in range(self.n_lines):
            line = self.lines[i]
            q = &line.sequence
            for f in range(FEED_COUNT):
                flush_kept(&self.out, &line.channels[f], now_ns)
            if q.state == LIVE and now_ns - line.book_set_ns >= BOOK_EVERY_NS:
                self.keep_book(line, now_ns)
            if q.asked and now_ns >= q.ask_at_ns and len(self.wants) < MAX_WANTS:
                rule = &endpoint_at(line.endpoint).rule
                self.want(self.remedy(q, rule), i, q.attempts)
                if q.state != LIVE:
                    q.state = BUFFERING
                q.ask_at_ns = now_ns + sequence_backoff(q)
                q.attempts += 1
        self.flush_spoken(now_ns)

    cdef str remedy(self, const Sequence *q, const Rule *rule):
        if not rule.rest:
            return "resubscribe"
        if not rule.pushed:
            return "snapshot"
        # OKX 5.2 and 5.3: after a fault a new subscription; a snapshot that the venue does
        # not push is fetched
        return "resubscribe" if q.state == INVALID else "snapshot"

    def take_wants(self) -> list:
        wants, self.wants = self.wants, []
        return wants
