"""Candles: trades into buckets, buckets closed by the clock, the venue's own candle beside them."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from p9core.analytics.bars cimport (BAR_CHANGED, BAR_EMPTY, BAR_PARTIAL, Bar, Residual, bar_add,
                                    bar_begin, bar_fill, bar_rescale, bar_residual, bar_seed,
                                    p9_sum_product, total)
from p9core.analytics.clock cimport (LAG_UNKNOWN, MAX_MEMBERS, NEVER, Lag, clock_init, clock_live,
                                     clock_ticks, clock_told, lag_add, lag_bound, lag_init,
                                     lag_until)
from p9core.analytics.plain cimport (Emissions, emissions_free, emissions_take, gather, kline_of,
                                     residual_told)
from p9core.number cimport MAX_EXPONENT
from p9core.types cimport TIMEFRAME_1M, TIMEFRAME_1S, TIMEFRAME_COUNT, Kline

from p9core.analytics.plain import TIMEFRAMES


cdef enum:
    SHORTEST = TIMEFRAME_1S  # all others end where one of these does
    MOST_EMPTY = 512  # empty buckets of a timeframe that one call emits

cdef int64_t SECOND_NS = 1_000_000_000
cdef int64_t AMEND_NS = 2_000_000_000


cdef void candles_init(Candles *c, int px_exp, int qty_exp, int members) noexcept nogil:
    """`members`: how many venues, at most MAX_MEMBERS; all begin live."""
    cdef int t
    memset(c, 0, sizeof(Candles))
    c.px_exp = px_exp
    c.qty_exp = qty_exp
    clock_init(&c.clock, members)
    for t in range(TIMEFRAME_COUNT):
        c.told_ns[t] = NEVER
        c.running[t].open_ns = c.ahead[t].open_ns = c.closed[t].open_ns = NEVER
    c.before.open_ns = NEVER


cdef bint candles_rescale(Candles *c, int px_power, int qty_power) noexcept nogil:
    """Multiplies every mantissa by a power of ten; False, nothing changed, where one would not
    fit."""
    cdef Candles finer = c[0]
    cdef int t
    for t in range(TIMEFRAME_COUNT):
        if not (bar_rescale(&finer.running[t], px_power, qty_power)
                and bar_rescale(&finer.ahead[t], px_power, qty_power)
                and bar_rescale(&finer.closed[t], px_power, qty_power)):
            return False
    if not bar_rescale(&finer.before, px_power, qty_power):
        return False
    finer.px_exp += px_power
    finer.qty_exp += qty_power
    c[0] = finer
    return True


cdef void begin(Candles *c, int64_t ts_ns, int64_t px) noexcept nogil:
    """The first trade ever: what is before it in its buckets was not seen."""
    cdef int t
    c.begun = True
    for t in range(TIMEFRAME_COUNT):
        bar_begin(&c.running[t], bucket_of(t, ts_ns), px)
        c.running[t].before = 0
        c.running[t].flags |= BAR_PARTIAL
        c.ends[t] = c.running[t].open_ns + TIMEFRAME_NS[t]


cdef void pass_over(Candles *c, int t, int64_t buckets) noexcept nogil:
    """The running bar is the one `buckets` further."""
    c.ends[t] += buckets * TIMEFRAME_NS[t]
    if c.ahead[t].open_ns == c.ends[t] - TIMEFRAME_NS[t]:
        c.running[t] = c.ahead[t]
        c.running[t].before = c.closed[t].close
        c.ahead[t].open_ns = NEVER
    else:
        bar_begin(&c.running[t], c.ends[t] - TIMEFRAME_NS[t], c.closed[t].close)


cdef void close_one(Candles *c, int t, Emit emit, void *who) noexcept nogil:
    cdef int64_t surplus
    if c.running[t].flags & BAR_EMPTY:
        surplus = (c.clock.now - c.ends[t]) // TIMEFRAME_NS[t] + 1 - MOST_EMPTY
        if c.ahead[t].open_ns != NEVER:
            # that one is not empty: only the bar before it can be passed over
            surplus = surplus > 1
        if surplus > 0:
            c.skipped[t] += <uint64_t> surplus
            pass_over(c, t, surplus)
            return
    if t == TIMEFRAME_1M:
        c.before = c.closed[t]
    c.closed[t] = c.running[t]
    c.closed_at[t] = c.clock.now
    pass_over(c, t, 1)
    emit(who, t, &c.closed[t], True)


cdef void close_due(Candles *c, Emit emit, void *who) noexcept nogil:
    """Closes what T has passed, in order of time, the shortest timeframe first."""
    cdef int64_t moment
    cdef int t
    while True:
        moment = c.ends[0]
        for t in range(1, TIMEFRAME_COUNT):
            if c.ends[t] < moment:
                moment = c.ends[t]
        if moment > c.clock.now:
            return
        for t in range(TIMEFRAME_COUNT):
            if c.ends[t] == moment:
                close_one(c, t, emit, who)


cdef void amend(Candles *c, int t, int64_t ts_ns, int64_t px, int64_t qty, int side,
                total quote, int32_t count, Emit emit, void *who) noexcept nogil:
    """A print of a bucket that is closed: taken as the last of it, if that is the newest and
    closed only now."""
    cdef Bar *bar = &c.closed[t]
    if bar.open_ns == NEVER or ts_ns < bar.open_ns or c.clock.now - c.closed_at[t] >= AMEND_NS:
        c.late_dropped[t] += 1
        return
    bar_add(bar, px, qty, side, quote, count)
    bar.rev += 1
    c.running[t].before = px
    if c.running[t].flags & BAR_EMPTY:
        bar_fill(&c.running[t], px)
    emit(who, t, bar, True)


cdef void candles_trade(Candles *c, int member, int64_t ts_ns, int64_t px, int64_t qty, int side,
                        int32_t count, Emit emit, void *who) noexcept nogil:
    """One print, in stream order. `side`: +1 the taker bought, -1 sold; `count`: the venue's
    fills in it. What it closes is emitted before it is added."""
    cdef total quote = p9_sum_product(px, qty)
    cdef bint first = not c.begun
    cdef int t
    clock_told(&c.clock, member, ts_ns)
    if first:
        begin(c, ts_ns, px)
    elif c.clock.now >= c.ends[SHORTEST]:
        close_due(c, emit, who)
    if c.running[SHORTEST].open_ns <= ts_ns < c.ends[SHORTEST]:
        # the running second is part of every running bar
        for t in range(TIMEFRAME_COUNT):
            bar_add(&c.running[t], px, qty, side, quote, count)
    else:
        for t in range(TIMEFRAME_COUNT):
            if ts_ns >= c.ends[t]:
                # T is at most half a second behind, so this is the next bucket
                if c.ahead[t].open_ns == NEVER:
                    bar_begin(&c.ahead[t], c.ends[t], px)
                bar_add(&c.ahead[t], px, qty, side, quote, count)
            elif ts_ns >= c.running[t].open_ns:
                bar_add(&c.running[t], px, qty, side, quote, count)
            else:
                amend(c, t, ts_ns, px, qty, side, quote, count, emit, who)
    if first and c.clock.now >= c.ends[SHORTEST]:
        # a timer was there before it
        close_due(c, emit, who)


cdef void candles_timer(Candles *c, const int64_t *until_ns, Emit emit, void *who) noexcept nogil:
    """`until_ns`: for each member its `lag_until`; NEVER where nothing is known."""
    cdef int i
    for i in range(c.clock.members):
        if clock_ticks(&c.clock, i):
            clock_told(&c.clock, i, until_ns[i])
    if c.begun and c.clock.now >= c.ends[SHORTEST]:
        close_due(c, emit, who)


cdef void candles_running(Candles *c, int64_t now_ns, Emit emit, void *who) noexcept nogil:
    """Emits running bars that have changed, each at most once a second of the receive clock; of
    1s only closed ones are ever emitted. A receive clock that was set back holds nothing up."""
    cdef int t
    for t in range(SHORTEST + 1, TIMEFRAME_COUNT):
        if (c.running[t].flags & BAR_CHANGED
                and <uint64_t> now_ns - <uint64_t> c.told_ns[t] >= <uint64_t> SECOND_NS):
            c.running[t].flags &= ~BAR_CHANGED
            c.told_ns[t] = now_ns
            emit(who, t, &c.running[t], False)


cdef void candles_member_live(Candles *c, int member, bint live) noexcept nogil:
    """A member that is not live holds no bucket open. What that closes, the next trade or timer
    emits."""
    clock_live(&c.clock, member, live)


cdef bint candles_seed(Candles *c, const Kline *kline) noexcept nogil:
    """The venue's running candle in place of own bar of that bucket, if that is not complete.
    False where it is, or the candle does not fit."""
    cdef Bar *bar = &c.running[<int> kline.timeframe]
    if not c.begun or bar.open_ns != kline.open_ns or not bar.flags & BAR_PARTIAL:
        return False
    return bar_seed(bar, kline, c.px_exp, c.qty_exp)


cdef bint candles_check(const Candles *c, const Kline *kline, Residual *out) noexcept nogil:
    """A closed candle of the venue beside own bar. False where there is none, or a partial one."""
    cdef const Bar *bar = &c.closed[<int> kline.timeframe]
    if kline.timeframe == TIMEFRAME_1M and bar.open_ns != kline.open_ns:
        bar = &c.before
    if (not kline.closed or bar.open_ns == NEVER or bar.open_ns != kline.open_ns
            or bar.flags & BAR_PARTIAL):
        return False
    return bar_residual(bar, kline, c.px_exp, c.qty_exp, out)


cdef int64_t time_of(int64_t ns) except? -1:
    """Far enough from the ends of int64 for differences of times."""
    if not 0 <= ns < <int64_t> 1 << 62:
        raise ValueError(f"no time: {ns}")
    return ns


cdef class _Candles:
    """Candles of their own, for use without the engine. Prices and sizes are mantissas (int) at
    10^-px_exp and 10^-qty_exp; each step returns the bars that it emits."""
    cdef Candles candles
    cdef Lag *lags          # owned, one a member
    cdef Emissions out

    def __cinit__(self, int px_exp, int qty_exp, int members=1):
        cdef int i
        if not (0 <= px_exp <= MAX_EXPONENT and 0 <= qty_exp <= MAX_EXPONENT):
            raise ValueError(f"exponents must be in 0..{MAX_EXPONENT}")
        if not 1 <= members <= MAX_MEMBERS:
            raise ValueError(f"members must be in 1..{MAX_MEMBERS}")
        self.lags = <Lag *> malloc(members * sizeof(Lag))
        if self.lags == NULL:
            raise MemoryError
        for i in range(members):
            lag_init(&self.lags[i])
        candles_init(&self.candles, px_exp, qty_exp, members)

    def __dealloc__(self):
        free(self.lags)
        emissions_free(&self.out)

    cdef int _member(self, int member) except -1:
        if not 0 <= member < self.candles.clock.members:
            raise IndexError(f"no member {member}")
        return member

    cdef int _add(self, int member, int64_t ts_ns, int64_t px, int64_t qty, int64_t side,
                  int64_t count) except -1:
        if px <= 0 or qty <= 0 or side * side != 1 or not 1 <= count < 1 << 31:
            raise ValueError(f"no print: px {px}, qty {qty}, side {side}, count {count}")
        time_of(ts_ns)
        candles_trade(&self.candles, member, ts_ns, px, qty, <int> side, <int32_t> count, gather,
                      &self.out)
        return 0

    def trade(self, int64_t ts_ns, int64_t px, int64_t qty, int side, int64_t count=1,
              int64_t recv_ns=0, int member=0) -> list:
        """One print. `recv_ns` 0: not known, the lag learns nothing from it."""
        self._add(self._member(member), ts_ns, px, qty, side, count)
        if time_of(recv_ns):
            lag_add(&self.lags[member], recv_ns, ts_ns)
        return emissions_take(&self.out)

    def fold(self, rows, int member=0) -> list:
        """Many prints at once: a buffer of native int64, four a print: time, price, size, side."""
        cdef Py_buffer view
        cdef const int64_t *row
        cdef Py_ssize_t i
        self._member(member)
        PyObject_GetBuffer(rows, &view, PyBUF_SIMPLE)
        try:
            if view.len % 32:
                raise ValueError("not four int64 a print")
            row = <const int64_t *> view.buf
            for i in range(view.len // 32):
                self._add(member, row[4 * i], row[4 * i + 1], row[4 * i + 2], row[4 * i + 3], 1)
        finally:
            PyBuffer_Release(&view)
        return emissions_take(&self.out)

    def timer(self, int64_t now_ns) -> list:
        """The receive clock: closes what no print in flight belongs to any more."""
        cdef int64_t[MAX_MEMBERS] until
        cdef int i
        for i in range(self.candles.clock.members):
            until[i] = lag_until(&self.lags[i], time_of(now_ns))
        candles_timer(&self.candles, until, gather, &self.out)
        return emissions_take(&self.out)

    def advance(self, list until_ns not None) -> list:
        """As `timer`, the venue time that each member is known up to given; None: not known."""
        cdef int64_t[MAX_MEMBERS] until
        cdef int i
        if len(until_ns) != self.candles.clock.members:
            raise ValueError("a time for each member")
        for i in range(self.candles.clock.members):
            until[i] = NEVER if until_ns[i] is None else time_of(until_ns[i])
        candles_timer(&self.candles, until, gather, &self.out)
        return emissions_take(&self.out)

    def running(self, int64_t now_ns) -> list:
        """Running bars that have changed, of each timeframe but 1s at most one a second."""
        candles_running(&self.candles, now_ns, gather, &self.out)
        return emissions_take(&self.out)

    def bars(self) -> list:
        """Of each timeframe the newest closed bar and the running one, where they are."""
        cdef int t
        for t in range(TIMEFRAME_COUNT):
            if self.candles.closed[t].open_ns != NEVER:
                gather(&self.out, t, &self.candles.closed[t], True)
            if self.candles.begun:
                gather(&self.out, t, &self.candles.running[t], False)
        return emissions_take(&self.out)

    def member_live(self, int member, bint live) -> None:
        """A member that is not live holds no bucket open."""
        candles_member_live(&self.candles, self._member(member), live)

    def seed(self, dict candle not None) -> bool:
        """Takes the venue's running candle (decimal text) for a bar begun before the first
        print; False where that bar is complete or the candle does not fit."""
        cdef Kline kline
        kline_of(candle, &kline)
        return candles_seed(&self.candles, &kline)

    def check(self, dict candle not None) -> dict | None:
        """Own bar less the venue's closed candle (decimal text); None where there is no own
        bar, or no complete one."""
        cdef Kline kline
        cdef Residual found
        kline_of(candle, &kline)
        if not candles_check(&self.candles, &kline, &found):
            return None
        return residual_told(&found)

    def rescale(self, int px_power, int qty_power) -> None:
        """Multiplies prices and sizes by powers of ten; OverflowError where one does not fit."""
        if not candles_rescale(&self.candles, px_power, qty_power):
            raise OverflowError("a value left its bits")

    def lag_ns(self, int member=0) -> int | None:
        """The bound of receive time less venue time that the timer goes by."""
        cdef int64_t bound = lag_bound(&self.lags[self._member(member)])
        return None if bound == LAG_UNKNOWN else bound

    @property
    def late_dropped(self) -> dict:
        """Prints too late for their bucket, by timeframe."""
        return {TIMEFRAMES[t]: self.candles.late_dropped[t] for t in range(<int> TIMEFRAME_COUNT)}

    @property
    def skipped(self) -> dict:
        """Empty buckets that were never emitted, by timeframe."""
        return {TIMEFRAMES[t]: self.candles.skipped[t] for t in range(<int> TIMEFRAME_COUNT)}

    @property
    def nbytes(self) -> int:
        """Memory of the candles, in bytes; a member's lag comes to it."""
        return sizeof(Candles)


# `Candles` is the struct in this scope
globals()["Candles"] = _Candles
