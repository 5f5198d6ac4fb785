"""Updates: a frame decoded into the stage, and what the stage says applied to its line.

One decoded update is a trade, a best bid and offer, a depth update, or of the many slower feeds;
depth goes through the sequencing machine to the book. A book that may be wrong is withdrawn here, and what would repair it is wanted.
"""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free

from p9core.book cimport Side, book_apply, book_crossed, book_load, book_rescale, book_thin
from p9core.buffer cimport release
from p9core.checksum cimport book_checksum
from p9core.encode cimport begin, put_best, put_trade
from p9core.funds cimport Funds
from p9core.instruments cimport Instrument
from p9core.json cimport Document
from p9core.lines cimport *
from p9core.number cimport MAX_EXPONENT
from p9core.resp cimport Voice, emit
from p9core.sequence cimport *
from p9core.types cimport *
from p9core.venues.endpoints cimport ENDPOINT_COUNT, endpoint_at

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void *) noexcept nogil

cdef enum:
    REFRESH_EVERY_NS = 60000000000


cdef inline void touch_top(const Side *side) noexcept nogil:
    if side.n >= 16:
        prefetch(side.keys + side.n - 8)
        prefetch(side.qtys + side.n - 8)
        prefetch(side.keys + side.n - 16)
        prefetch(side.qtys + side.n - 16)


cdef void touch(const Instrument *inst) noexcept nogil:
    cdef const Line *line = <const Line *> inst
    cdef const Voice *voice = &line.voices[<int> FEED_DEPTH]
    prefetch(&line.sequence)
    prefetch(<const char *> &line.sequence + 64)
    prefetch(&line.sequence.recent[line.sequence.at_recent])
    prefetch(&line.sequence.held)
    prefetch(voice)
    prefetch(<const char *> voice + 64)
    prefetch(voice.channel)
    prefetch(<const char *> voice.channel + 64)
    prefetch(voice.head)
    touch_top(&line.book.bid)
    touch_top(&line.book.ask)


cdef class Updates(Funds):
    """See the .pyi for what each call takes."""

    def __cinit__(self):
        cdef int32_t i
        self.json = new Document()
        self.wants = []
        for i in range(ENDPOINT_COUNT):
            self.context[i].json = self.json
            self.context[i].touch = touch

    def __dealloc__(self):
        release(&self.scratch)
        free(self.stage.bids)
        free(self.stage.asks)
        free(self.stage.trades)
        free(self.stage.reports)
        free(self.stage.prints)
        free(self.stage.klines)
        free(self.stage.balances)
        del self.json

    # ---- decode ---------------------------------------------------------------------

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
        self.fit(line)
        self.rescale_derived(line, need_px, need_qty)
        self.counts[line.endpoint][COUNT_RESCALED] += 1
        return True

    # ---- apply ----------------------------------------------------------------------

    cdef void note_wire(self, int32_t endpoint, int64_t recv_ns) noexcept nogil:
        """How long the update that is staged took from the venue to here."""
        cdef Wire *wire = &self.wires[endpoint]
        cdef int64_t took = recv_ns - self.stage.ts_ns
        if recv_ns > 0 and self.stage.ts_ns > 0:
            if wire.count == 0 or took < wire.least_ns:
                wire.least_ns = took
            if wire.count == 0 or took > wire.most_ns:
                wire.most_ns = took
            wire.count += 1
            wire.total_ns += took

    cdef int apply_others(self, int32_t endpoint, int32_t conn, int64_t recv_ns, int64_t now,
                          int64_t old_ns) except -1:
        """What is staged of feeds that are neither trades nor books; how much of it was taken."""
        if self.stage.feed == FEED_INSURANCE:
            return self.apply_balances(endpoint, recv_ns, now, old_ns)
        return (self.apply_reports(conn, recv_ns, now, old_ns) + self.apply_prints(recv_ns, now)
                + self.apply_klines(conn, recv_ns, now))

    cdef void apply(self, Line *line, int32_t conn, int64_t recv_ns, int64_t now,
                    const char *at, size_t size) noexcept nogil:
        line.seen_ns[<int> self.stage.feed] = line.streamed_ns[<int> self.stage.feed] = now
        self.note_wire(line.endpoint, recv_ns)
        if self.stage.feed == FEED_TRADE:
            self.apply_trades(line, recv_ns, now)
        elif self.stage.feed == FEED_BBO:
            self.apply_best(line, recv_ns, now)
        else:
            self.apply_depth(line, conn, recv_ns, now, at, size)

    cdef void apply_trades(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil:
        cdef int64_t *counts = self.counts[line.endpoint]
        cdef Voice *voice = &line.voices[<int> FEED_TRADE]
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
                self.chart_hole(line, trade.ts_ns)
            elif verdict == TRADE_LATE or verdict == TRADE_FILLED:
                trade.flags |= TRADE_IS_LATE
                if verdict == TRADE_FILLED:
                    self.chart_filled(line)
                    self.hole(line, FEED_TRADE, line.trades.hole_from, line.trades.hole_to, True)
            if line.trades_broken:
                line.trades_broken = False
                if trade.number == NO_ID:
                    # no ids here that would prove or rule out a hole
                    self.chart_hole(line, trade.ts_ns)
            if trade.flags & TRADE_OFF_BOOK:
                counts[<int> OFF_BOOK] += 1
                continue
            counts[COUNT_TRADES] += 1
            if not self.served(line):
                counts[COUNT_UNPUBLISHED] += 1
                continue
            if self.publishes[<int> FEED_TRADE]:
                begin(&self.text, voice, trade.ts_ns, recv_ns, now, voice.channel.logged)
                put_trade(&self.text, &line.inst, trade)
                emit(&self.out, voice, &self.text, voice.channel.logged, now)
            self.trade_seen(line, trade, recv_ns, now)

    cdef void apply_best(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil:
        cdef Stage *s = &self.stage
        cdef Voice *voice = &line.voices[<int> FEED_BBO]
        if s.order != NO_ID:
            # a repeat, or the slower of two connections; a lower number with a later time is
            # a venue that began again
            if s.order <= line.bbo_order and (s.ts_ns == 0 or s.ts_ns <= line.bbo_ts_ns):
                self.counts[line.endpoint][COUNT_DUPLICATES] += 1
                return
            line.bbo_order = s.order
            line.bbo_ts_ns = s.ts_ns
        self.counts[line.endpoint][COUNT_BBO] += 1
        if not self.served(line) or not self.publishes[<int> FEED_BBO]:
            self.counts[line.endpoint][COUNT_UNPUBLISHED] += 1
            return
        begin(&self.text, voice, s.ts_ns, recv_ns, now, voice.channel.logged)
        put_best(&self.text, &line.inst, s)
        emit(&self.out, voice, &self.text, voice.channel.logged, now)

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
            self.book_moved(line, recv_ns, now)
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
        self.book_moved(line, recv_ns, now)
        if not was_live:
            self.note_state(line, b"")

    cdef void fail(self, Line *line, const char *reason, int64_t now) noexcept nogil:
        """A book that may be wrong is not served: says so at once, and asks for repair."""
        cdef bint was_live = line.sequence.state == LIVE
        sequence_fail(&line.sequence, &endpoint_at(line.endpoint).rule, reason, now)
        if was_live:
            self.withdraw(line, reason, now)
            self.book_moved(line, 0, now)
            self.note_state(line, reason)

    # ---- wants ----------------------------------------------------------------------

    cdef int want(self, str kind, int32_t instrument, int32_t attempt) except -1:
        if len(self.wants) < MAX_WANTS:
            self.wants.append((kind, instrument, attempt))
        return 0

    def take_wants(self) -> list:
        wants, self.wants = self.wants, []
        return wants
