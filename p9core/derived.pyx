"""What is computed here from the own book and trades: snapshots, imbalance, blocks by size."""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport realloc
from libc.string cimport memset, strcmp, strlen

from p9core.book cimport Side
from p9core.buffer cimport Bytes, put, put_int
from p9core.charts cimport Charts
from p9core.encode cimport begin, put_id, put_level, put_time
from p9core.exact cimport Exact, exact_int, exact_plus, exact_ratio, exact_times, put_exact
from p9core.instruments cimport KIND_INVERSE, Instrument
from p9core.lines cimport *
from p9core.number cimport wide
from p9core.resp cimport Voice, emit
from p9core.sequence cimport BUFFERING, COLD, LIVE
from p9core.types cimport *
from p9core.venues.decoder cimport in_base

cdef extern from *:
    """
    static inline int p9_at_least(long long px, long long qty, p9_wide least) {
      return (p9_wide) px * (p9_wide) qty >= least;
    }
    """
    bint p9_at_least(int64_t, int64_t, wide) noexcept nogil

cdef enum:
    TICK_NS = 100000000
    SILENT_NS = 5000000000   # a book whose stream says nothing for so long is stale
    BACK_NS = 60000000000    # a clock that goes back further was set: periods begin anew
    LATE_TURNS = 10          # of those that passed unnoticed so many are said
    RATIO_PLACES = 12
    PRICE_PLACES = 8         # beyond the digits of the price


cdef class Derived(Charts):
    """See the .pyi for what each call takes."""

    cdef bint computes(self, const Line *line) noexcept nogil:
        """Whether analytics are made of it."""
        return self.served(line) and line.followed and line.inst.kind != KIND_INVERSE

    cdef const char *quality(self, const Line *line, int64_t now, int64_t *since) noexcept nogil:
        """Of what is computed from the book, and since when it is that."""
        cdef int64_t silent = line.seen_ns[<int> FEED_DEPTH] + SILENT_NS
        since[0] = line.sequence.since_ns
        if line.sequence.state == LIVE:
            if now <= silent:
                return b"ok"
            since[0] = silent
            return b"stale"
        if line.sequence.resyncs == 0 and line.sequence.state in (COLD, BUFFERING):
            return b"warming"
        return b"gap" if line.sequence.reason[0] == b"g" else b"stale"

    cdef void put_quality(self, const char *quality, int64_t since) noexcept nogil:
        put(&self.text, b',"q":"', 6)
        put(&self.text, quality, strlen(quality))
        put(&self.text, b'","since":', 10)
        put_time(&self.text, since)

    # ---- imbalance --------------------------------------------------------------------

    cdef void book_moved(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil:
        """The book has changed, or is not served any more."""
        if not self.publishes[<int> FEED_IMBALANCE] or not self.computes(line):
            return
        if now - line.shown.imbalance_ns >= TICK_NS:
            self.say_imbalance(line, recv_ns, now)
        else:
            line.shown.imbalance_due = True

    cdef void say_imbalance(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil:
        cdef Voice *voice = &line.voices[<int> FEED_IMBALANCE]
        cdef const Side *bid = &line.book.bid
        cdef const Side *ask = &line.book.ask
        cdef Bytes *b = &self.text
        cdef Exact value
        cdef int64_t since
        cdef int32_t i
        cdef const char *quality = self.quality(line, now, &since)
        cdef bint live = line.sequence.state == LIVE
        line.shown.imbalance_ns = now
        line.shown.imbalance_due = False
        line.shown.imbalance_quality = quality
        line.seen_ns[<int> FEED_IMBALANCE] = now
        begin(b, voice, line.depth_ts_ns, recv_ns, now, voice.channel.logged)
        self.put_quality(quality, since)
        put(b, b',"levels":[', 11)
        for i in range(self.n_depths):
            if i > 0:
                put(b, b",", 1)
            put_int(b, self.depths[i])
        put(b, b'],"value":[', 11)
        for i in range(self.n_depths):
            if i > 0:
                put(b, b",", 1)
            memset(&value, 0, sizeof(Exact))
            if live:
                imbalance(bid, ask, self.depths[i], &value)
            put_exact(b, &value)
        put(b, b'],"microprice":', 15)
        memset(&value, 0, sizeof(Exact))
        if live and bid.n > 0 and ask.n > 0:
            micro_price(line, &value)
        put_exact(b, &value)
        put(b, b"}", 1)
        emit(&self.out, voice, b, voice.channel.logged, now)

    # ---- snapshots --------------------------------------------------------------------

    cdef void begin_turns(self) noexcept nogil:
        """As at the start: no turn has passed."""
        cdef int32_t i
        self.turn_ns = self.next_turn_ns = 0
        for i in range(self.n_lines):
            self.lines[i].shown.due_ns = 0

    cdef void pass_turns(self, int64_t now) noexcept nogil:
        """To be called before an entry changes a book. At the turn of the period every book is
        copied; the copies are said one after the other over the period: all are of the same
        moment, and there is no burst. Turns that passed without an entry are of the same books."""
        cdef int64_t turn_ns, due_ns
        cdef int32_t i
        cdef Line *line
        if not self.publishes[<int> FEED_SNAPSHOT]:
            return
        turn_ns = now - now % self.snapshot_ns
        if turn_ns < self.turn_ns - BACK_NS:
            self.begin_turns()
        due_ns = self.turn_ns + self.snapshot_ns
        if self.turn_ns == 0:
            due_ns = turn_ns + 1  # it lies before the start: what was then is not known
        elif turn_ns - due_ns >= LATE_TURNS * self.snapshot_ns:
            due_ns = turn_ns
        while due_ns <= turn_ns:
            for i in range(self.n_lines):
                line = self.lines[i]
                if line.shown.due_ns:
                    self.say_snapshot(line, now)
                if line.followed and self.served(line) and not self.capture(line, due_ns):
                    line.shown.due_ns = 0
            due_ns += self.snapshot_ns
        if turn_ns > self.turn_ns:
            self.turn_ns = turn_ns
            self.next_turn_ns = turn_ns + self.snapshot_ns

    cdef void say_snapshots(self, int64_t now) noexcept nogil:
        """Those whose tick of the period has come."""
        cdef int32_t slots = <int32_t> (self.snapshot_ns // TICK_NS), i
        cdef int64_t slot = (now - self.turn_ns) // TICK_NS
        cdef Line *line
        for i in range(self.n_lines):
            line = self.lines[i]
            if line.shown.due_ns and line.inst.index % slots <= slot:
                self.say_snapshot(line, now)

    cdef bint capture(self, Line *line, int64_t due_ns) noexcept nogil:
        cdef Shown *shown = &line.shown
        cdef int32_t levels = self.snapshot_levels
        if shown.levels == NULL:
            shown.levels = <int64_t *> realloc(NULL, 4 * levels * sizeof(int64_t))
            if shown.levels == NULL:
                return False
        shown.due_ns = due_ns
        shown.px_exp, shown.qty_exp = line.inst.px_exp, line.inst.qty_exp
        shown.factor, shown.factor_exp = line.inst.factor, line.inst.factor_exp
        shown.quality = self.quality(line, due_ns, &shown.since_ns)
        shown.n_bids = shown.n_asks = 0
        shown.last_id = NO_ID
        if line.sequence.state == LIVE:
            shown.last_id = line.sequence.last_id
            shown.n_bids = top_of(&line.book.bid, levels, shown.levels)
            shown.n_asks = top_of(&line.book.ask, levels, shown.levels + 2 * levels)
        return True

    cdef void say_snapshot(self, Line *line, int64_t now) noexcept nogil:
        cdef Voice *voice = &line.voices[<int> FEED_SNAPSHOT]
        cdef Shown *shown = &line.shown
        cdef Bytes *b = &self.text
        cdef int32_t levels = self.snapshot_levels, i
        cdef const int64_t *at = shown.levels
        cdef int64_t due_ns = shown.due_ns
        cdef Instrument digits = line.inst
        shown.due_ns = 0
        if not self.served(line):
            return  # since then: of what it was nothing is said any more
        # the instrument may have others by now
        digits.px_exp, digits.qty_exp = shown.px_exp, shown.qty_exp
        digits.factor, digits.factor_exp = shown.factor, shown.factor_exp
        begin(b, voice, due_ns, 0, now, voice.channel.logged)
        self.put_quality(shown.quality, shown.since_ns)
        put(b, b',"levels":', 10)
        put_int(b, levels)
        put(b, b',"last_id":', 11)
        put_id(b, shown.last_id)
        put(b, b',"bids":[', 9)
        for i in range(shown.n_bids):
            put_level(b, &digits, at[2 * i], at[2 * i + 1], i == 0)
        put(b, b'],"asks":[', 10)
        at += 2 * levels
        for i in range(shown.n_asks):
            put_level(b, &digits, -at[2 * i], at[2 * i + 1], i == 0)
        put(b, b"]}", 2)
        emit(&self.out, voice, b, voice.channel.logged, now)
        line.seen_ns[<int> FEED_SNAPSHOT] = now
        self.counts[line.endpoint][COUNT_SNAPSHOTS_SAID] += 1

    # ---- blocks -----------------------------------------------------------------------

    cdef int set_block_least(self, Line *line, notional) except -1:
        """The least px x qty in mantissas whose notional is at least that; None, and for inverse
        contracts: there is none."""
        line.block_least = 0
        if notional is None or line.inst.factor == 0 or line.inst.kind == KIND_INVERSE:
            return 0
        whole, _, decimals = str(notional).partition(".")
        if not (whole + decimals).isdigit():
            raise ValueError(f"{notional!r} is not a decimal number")
        power = line.inst.px_exp + line.inst.qty_exp + line.inst.factor_exp - len(decimals)
        least = int(whole + decimals) * 10 ** max(power, 0)
        below = <object> line.inst.factor * 10 ** max(-power, 0)
        least = -(-least // below)
        if 0 < least < 2 ** 126:
            line.block_least = (<wide> <unsigned long long> (least >> 64))
            line.block_least = (line.block_least << 64) | <wide> <unsigned long long> (
                least & (2 ** 64 - 1))
        return 0

    cdef void rescale_derived(self, Line *line, int px_power, int qty_power) noexcept nogil:
        """The digits of the instrument have grown: what is in mantissas goes along."""
        cdef int i
        for i in range(px_power + qty_power):
            if line.block_least >> 120:
                line.block_least = 0  # more than any trade can be
            line.block_least = line.block_least * 10

    cdef void trade_seen(self, Line *line, const Trade *trade, int64_t recv_ns,
                         int64_t now) noexcept nogil:
        """A print that is new."""
        cdef Exact price, qty
        cdef const char *reason = NULL
        self.chart_trade(line, trade, recv_ns, now)
        if self.publishes[<int> FEED_BLOCK] and line.followed:
            if trade.flags & TRADE_BLOCK:
                reason = b"venue"
            elif line.block_least and p9_at_least(trade.px, trade.qty, line.block_least):
                reason = b"size"
        if reason != NULL:
            exact_int(&price, trade.px, line.inst.px_exp)
            exact_int(&qty, trade.qty, line.inst.qty_exp)
            self.say_block(line, trade.ts_ns, recv_ns, now, trade.id.at, trade.id.size, &price,
                           &qty, trade.side, reason)

    cdef void say_block(self, Line *line, int64_t ts_ns, int64_t recv_ns, int64_t now,
                        const char *id, int32_t id_size, const Exact *price, const Exact *qty,
                        int side, const char *reason) noexcept nogil:
        """`qty` in venue units."""
        cdef Voice *voice = &line.voices[<int> FEED_BLOCK]
        cdef Bytes *b = &self.text
        cdef Exact size = qty[0], notional
        in_base(&line.inst, &size)
        if not size.there:
            self.counts[line.endpoint][<int> REJECT_OVERFLOW] += 1
            return
        self.counts[line.endpoint][COUNT_BLOCKS] += 1
        notional_of(line, price, &size, &notional)
        begin(b, voice, ts_ns, recv_ns, now, voice.channel.logged)
        put(b, b',"id":"', 7)
        put(b, id, id_size)
        put(b, b'","price":', 10)
        put_exact(b, price)
        put(b, b',"qty":', 7)
        put_exact(b, &size)
        put(b, b',"notional":', 12)
        put_exact(b, &notional)
        if side > 0:
            put(b, b',"side":"buy","reason":"', 24)
        else:
            put(b, b',"side":"sell","reason":"', 25)
        put(b, reason, strlen(reason))
        put(b, b'"}', 2)
        emit(&self.out, voice, b, voice.channel.logged, now)

    # ---- time -------------------------------------------------------------------------

    cdef void derive_on_timer(self, int64_t now) noexcept nogil:
        cdef int32_t i
        cdef int64_t since
        cdef Line *line
        self.charts_on_timer(now)
        if self.publishes[<int> FEED_SNAPSHOT]:
            self.pass_turns(now)
            self.say_snapshots(now)
        if not self.publishes[<int> FEED_IMBALANCE]:
            return
        for i in range(self.n_lines):
            line = self.lines[i]
            if (line.shown.imbalance_ns and self.computes(line)
                    and now - line.shown.imbalance_ns >= TICK_NS
                    and (line.shown.imbalance_due
                         or strcmp(self.quality(line, now, &since),
                                   line.shown.imbalance_quality) != 0)):
                self.say_imbalance(line, 0, now)


cdef int32_t top_of(const Side *side, int32_t levels, int64_t *to) noexcept nogil:
    """Copies the best levels, key and size in turn, best first; how many."""
    cdef int32_t n = side.n if side.n < levels else levels, i
    for i in range(n):
        to[2 * i] = side.keys[side.n - 1 - i]
        to[2 * i + 1] = side.qtys[side.n - 1 - i]
    return n


cdef wide sum_of(const Side *side, int32_t levels) noexcept nogil:
    cdef int32_t n = side.n if side.n < levels else levels, i
    cdef wide total = 0
    for i in range(side.n - n, side.n):
        total = total + <wide> side.qtys[i]
    return total


cdef void imbalance(const Side *bid, const Side *ask, int32_t levels, Exact *out) noexcept nogil:
    """(Db - Da) / (Db + Da) over the best levels of each side; none where both are empty."""
    cdef Exact difference, total
    cdef wide bids = sum_of(bid, levels), asks = sum_of(ask, levels)
    memset(&difference, 0, sizeof(Exact))
    memset(&total, 0, sizeof(Exact))
    difference.there = total.there = True
    difference.negative = bids < asks
    difference.mantissa = asks - bids if difference.negative else bids - asks
    total.mantissa = bids + asks
    exact_ratio(&difference, &total, RATIO_PLACES, out)


cdef void micro_price(const Line *line, Exact *out) noexcept nogil:
    """(Pa qb + Pb qa) / (qa + qb) of the best levels."""
    cdef const Side *bid = &line.book.bid
    cdef const Side *ask = &line.book.ask
    cdef Exact price, qty, one, other, total
    cdef int64_t bid_qty = bid.qtys[bid.n - 1], ask_qty = ask.qtys[ask.n - 1]
    exact_int(&price, -ask.keys[ask.n - 1], line.inst.px_exp)
    exact_int(&qty, bid_qty, 0)
    exact_times(&price, &qty, &one)
    exact_int(&price, bid.keys[bid.n - 1], line.inst.px_exp)
    exact_int(&total, ask_qty, 0)
    exact_times(&price, &total, &other)
    exact_plus(&one, &other, False, &one)
    exact_plus(&qty, &total, False, &total)
    exact_ratio(&one, &total, line.inst.px_exp + PRICE_PLACES, out)


cdef void notional_of(const Line *line, const Exact *price, const Exact *size,
                      Exact *out) noexcept nogil:
    """In the quote currency; the size of an inverse contract is in it already."""
    if line.inst.kind == KIND_INVERSE:
        out[0] = size[0]
    else:
        exact_times(price, size, out)
