"""One series of candles: who is in it, what is known to be missing of it, and its messages."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport strlen

from p9core.analytics.bars cimport BAR_GAP, BAR_OVERFLOW, BAR_PARTIAL, Bar, exact_of
from p9core.analytics.candles cimport (TIMEFRAME_NS, Candles, candles_init, candles_member_live,
                                       candles_rescale)
from p9core.analytics.clock cimport LAG_ENOUGH, NEVER, Lag, lag_init
from p9core.buffer cimport Bytes, put, put_int
from p9core.encode cimport begin, put_time
from p9core.exact cimport Exact, exact_ratio, put_exact
from p9core.lines cimport Line
from p9core.number cimport put_decimal
from p9core.resp cimport Voice, emit
from p9core.types cimport TIMEFRAME_1M, TIMEFRAME_COUNT

cdef extern from *:
    """
    static const char *const P9_TIMEFRAMES[12] = {
      "1s", "5s", "15s", "1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"};
    """
    const char *const *NAMES "P9_TIMEFRAMES"

cdef enum:
    AHEAD_NS = 5000000000    # a print so far ahead of what the others' times say is refused
    BEHIND_NS = 3600000000000  # prints are never so late: what says so has believed a wrong time
    MOST_ODD = 20            # of either in a row: it was what came before that was wrong
    PRICE_PLACES = 8         # of a vwap, beyond the digits of the price

cdef int64_t LATEST_NS = <int64_t> 1 << 62  # differences of times fit, too


cdef bint any_on(const Chart *chart) noexcept nogil:
    cdef int32_t m
    for m in range(chart.n_members):
        if (<const Chart *> chart.members[m].chart).on:
            return True
    return False


cdef void begin_anew(Chart *chart) noexcept nogil:
    """Forgets every bar; digits and members stay."""
    cdef int32_t t
    candles_init(&chart.candles, chart.candles.px_exp, chart.candles.qty_exp, chart.n_members)
    for t in range(chart.n_members):
        candles_member_live(&chart.candles, t, (<Chart *> chart.members[t].chart).on)
    for t in range(TIMEFRAME_COUNT):
        chart.seeds[t].open_ns = 0
    chart.heard_ns = chart.hole_to_ns = NEVER
    chart.waits = chart.differs = False
    chart.residual_open_ns = 0
    chart.odd = 0


cdef bint believed(Chart *chart, Line *line, int64_t ts_ns, int64_t recv_ns) noexcept nogil:
    """Whether a print's venue time can be: one that is far ahead would close every bar."""
    cdef Lag *lag = &chart.lags[0]
    cdef bint ahead = False, behind
    if not 0 < ts_ns < LATEST_NS:
        return False
    if recv_ns > 0 and lag.heard:
        if lag.heard == LAG_ENOUGH:
            ahead = recv_ns - ts_ns < lag.anchor_ns - AHEAD_NS
        else:  # few tell little: they may all have been late
            ahead = recv_ns - ts_ns < lag.first[0] - BEHIND_NS
    behind = chart.candles.begun and ts_ns < chart.candles.clock.now - BEHIND_NS
    chart.odd = chart.odd + 1 if ahead or behind else 0
    if chart.odd < MOST_ODD:
        return not ahead
    lag_init(lag)
    chart.odd = 0
    if behind:
        begin_anew(chart)
        if line.group != NULL:
            begin_anew(<Chart *> line.group)
    return True


cdef void joins(Candles *group, const Candles *own) noexcept nogil:
    """A member has begun: bars that are not whole for it are not whole for the group."""
    cdef int32_t t
    for t in range(TIMEFRAME_COUNT):
        if group.running[t].open_ns == own.running[t].open_ns:
            group.running[t].flags |= BAR_PARTIAL
        elif group.ahead[t].open_ns == own.running[t].open_ns:
            group.ahead[t].flags |= BAR_PARTIAL


cdef bint gapped(const Chart *chart, const Bar *bar, int timeframe) noexcept nogil:
    """Trades of it are missing."""
    return bar.flags & BAR_GAP or (bar.open_ns <= chart.hole_to_ns
                                   and bar.open_ns + TIMEFRAME_NS[timeframe] > chart.hole_from_ns)


cdef void mark(const Chart *chart, Bar *bar, int timeframe) noexcept nogil:
    if bar.open_ns != NEVER and gapped(chart, bar, timeframe):
        bar.flags |= BAR_GAP


cdef void note_hole(Chart *chart, int32_t member, int64_t from_ns, int64_t to_ns) noexcept nogil:
    """The newest hole is kept apart, it may yet be filled; the one before it is not any more."""
    cdef Candles *c = &chart.candles
    cdef int32_t t
    if to_ns > from_ns + BEHIND_NS:
        to_ns = from_ns + BEHIND_NS  # a time that may be none
    if chart.hole_to_ns != NEVER:
        for t in range(TIMEFRAME_COUNT):
            mark(chart, &c.running[t], t)
            mark(chart, &c.ahead[t], t)
            mark(chart, &c.closed[t], t)
        mark(chart, &c.before, TIMEFRAME_1M)
    chart.hole_member = member
    chart.hole_from_ns = from_ns
    chart.hole_to_ns = to_ns if to_ns > from_ns else from_ns


cdef void finer(Chart *chart, int px_exp, int qty_exp) noexcept nogil:
    """Raises the digits of a chart's candles. What no longer fits begins anew."""
    cdef int px_power = px_exp - chart.candles.px_exp
    cdef int qty_power = qty_exp - chart.candles.qty_exp
    px_power = px_power if px_power > 0 else 0
    qty_power = qty_power if qty_power > 0 else 0
    if px_power or qty_power:
        if not candles_rescale(&chart.candles, px_power, qty_power):
            chart.candles.px_exp += px_power
            chart.candles.qty_exp += qty_power
            begin_anew(chart)


cdef void put_named(Bytes *b, const char *name, int32_t size, const Exact *value) noexcept nogil:
    put(b, name, size)
    put_exact(b, value)


cdef void say_bar(void *who, int timeframe, const Bar *bar, bint closed) noexcept nogil:
    """One bar as a message; only closed ones go to the stream."""
    cdef Saying *saying = <Saying *> who
    cdef Chart *chart = saying.chart
    cdef Voice *voice = &chart.voices[timeframe]
    cdef Bytes *b = saying.text
    cdef Exact volume, quote, value
    cdef int px_exp = chart.candles.px_exp, qty_exp = chart.candles.qty_exp
    cdef int64_t close_ns = bar.open_ns + TIMEFRAME_NS[timeframe]
    cdef bint logged
    if saying.wanted == NULL or not saying.wanted[timeframe]:
        return
    logged = closed and voice.channel.logged
    saying.said += 1
    begin(b, voice, close_ns if closed else chart.candles.clock.now, saying.recv_ns, saying.now,
          logged)
    if gapped(chart, bar, timeframe):
        put(b, b',"q":"gap","since":', 19)
    elif bar.flags & BAR_PARTIAL:
        put(b, b',"q":"warming","since":', 23)
    else:
        put(b, b',"q":"ok","since":', 18)
    put_time(b, bar.open_ns)
    put(b, b',"timeframe":"', 14)
    put(b, NAMES[timeframe], strlen(NAMES[timeframe]))
    put(b, b'","open_time":', 14)
    put_time(b, bar.open_ns)
    put(b, b',"close_time":', 14)
    put_time(b, close_ns)
    put(b, b',"open":', 8)
    put_decimal(b, bar.open, px_exp)
    put(b, b',"high":', 8)
    put_decimal(b, bar.high, px_exp)
    put(b, b',"low":', 7)
    put_decimal(b, bar.low, px_exp)
    put(b, b',"close":', 9)
    put_decimal(b, bar.close, px_exp)
    exact_of(bar.volume, qty_exp, &volume)
    put_named(b, b',"volume":', 10, &volume)
    exact_of(bar.buy, qty_exp, &value)
    put_named(b, b',"buy_volume":', 14, &value)
    exact_of(bar.quote, px_exp + qty_exp, &quote)
    quote.there = not bar.flags & BAR_OVERFLOW
    put_named(b, b',"quote_volume":', 16, &quote)
    exact_ratio(&quote, &volume, px_exp + PRICE_PLACES, &value)
    put_named(b, b',"vwap":', 8, &value)
    exact_of(bar.delta, qty_exp, &value)
    put_named(b, b',"delta":', 9, &value)
    exact_of(bar.delta_max, qty_exp, &value)
    put_named(b, b',"delta_max":', 13, &value)
    exact_of(bar.delta_min, qty_exp, &value)
    put_named(b, b',"delta_min":', 13, &value)
    put(b, b',"trades":', 10)
    put_int(b, bar.trades)
    if closed:
        put(b, b',"closed":true,"rev":', 21)
    else:
        put(b, b',"closed":false,"rev":', 22)
    put_int(b, bar.rev)
    put(b, b"}", 1)
    emit(saying.out, voice, b, logged, saying.now)
