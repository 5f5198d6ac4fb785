"""Candles as messages. Each instrument has a chart; exchanges that trade the same share another,
named for the underlying, whose sizes are multiplied out.

A chart's quiet turn comes once a second, its own tenth of it: there buckets that no trade closes
are closed by the clock and running bars are told, so that nothing piles up at the full second.
"""

import json as _json

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport strlen

from p9core.analytics.bars cimport (BAR_GAP, BAR_OVERFLOW, BAR_PARTIAL, Bar, bar_add,
                                    exact_of, p9_sum_product)
from p9core.analytics.candles cimport (TIMEFRAME_NS, Candles, candles_check, candles_init,
                                       candles_member_live, candles_rescale, candles_running,
                                       candles_seed, candles_timer, candles_trade)
from p9core.analytics.clock cimport (LAG_ENOUGH, MAX_MEMBERS, NEVER, Lag, lag_add, lag_init,
                                     lag_until)
from p9core.buffer cimport Bytes, put, put_int
from p9core.encode cimport begin, put_time
from p9core.exact cimport Exact, exact_ratio, exact_zero, put_exact
from p9core.instruments cimport KIND_INVERSE
from p9core.lines cimport *
from p9core.number cimport put_decimal, scale
from p9core.resp cimport Voice, emit
from p9core.types cimport *

from p9core.analytics.plain import TIMEFRAMES

cdef extern from *:
    """
    static const char *const P9_TIMEFRAMES[12] = {
      "1s", "5s", "15s", "1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"};
    static inline int p9_multiplied(int64_t *a, int64_t by) {
      return !__builtin_mul_overflow(*a, by, a);
    }
    """
    const char *const *NAMES "P9_TIMEFRAMES"
    bint p9_multiplied(int64_t *, int64_t) noexcept nogil

cdef enum:
    SLOTS = 10               # ticks of the timer in a second
    TICK_NS = 100000000
    FINAL_NS = 2000000000    # after its close, in venue time, no print amends a bar any more
    AHEAD_NS = 5000000000    # a print so far ahead of what the others' times say is refused
    BEHIND_NS = 3600000000000  # prints are never so late: what says so has believed a wrong time
    MOST_ODD = 20            # of either in a row: it was what came before that was wrong
    PRICE_PLACES = 8         # of a vwap, beyond the digits of the price

cdef int64_t LATEST_NS = <int64_t> 1 << 62  # differences of times fit, too


cdef class Charts(Messages):
    """See the .pyi for what each call takes."""

    def __cinit__(self):
        cdef int32_t t
        self.groups = {}
        for t in range(TIMEFRAME_COUNT):
            self.timeframes[t] = True

    def __dealloc__(self):
        free(self.charts)

    cdef Chart *open_chart(self, str exchange, str symbol) except NULL:
        cdef Chart *chart = <Chart *> calloc(1, sizeof(Chart))
        cdef Chart **grown
        cdef int32_t t
        if chart == NULL:
            raise MemoryError
        self.own_block(chart)
        grown = <Chart **> realloc(self.charts, (self.n_charts + 1) * sizeof(Chart *))
        if grown == NULL:
            raise MemoryError
        self.charts = grown
        chart.number = self.n_charts
        lag_init(&chart.lags[0])
        begin_anew(chart)
        head = {"exchange": exchange, "symbol": symbol}
        for t in range(TIMEFRAME_COUNT):
            self.open_voice(&chart.voices[t], "candles", f"candles:{symbol}:{TIMEFRAMES[t]}",
                            head, True, exchange)
        grown[self.n_charts] = chart
        self.n_charts += 1
        return chart

    cdef int chart_line(self, Line *line, str group, int multiplier) except -1:
        """A chart for an instrument that has none, and its place in the chart of its group."""
        cdef int32_t power = 0
        if line.inst.kind == KIND_INVERSE:
            return 0
        while 10 ** power < multiplier:
            power += 1
        spec = self.specs[line.inst.index]
        if line.chart == NULL:
            line.chart = self.open_chart(spec["exchange"], spec["symbol"])
            (<Chart *> line.chart).members[0] = line
            (<Chart *> line.chart).n_members = 1
        self.fit(line)
        self.chart_followed(line)
        if group and line.group == NULL and 10 ** power == multiplier:
            line.multiplier_power = power
            self.join_group(line, group)
        return 0

    cdef int join_group(self, Line *line, str group) except -1:
        """Two exchanges make a group; one alone would only say everything twice."""
        cdef Chart *chart
        found = self.groups.setdefault(group, [])
        if isinstance(found, list):
            if line.inst.index not in found:
                found.append(line.inst.index)
            if len({self.specs[index]["exchange"] for index in found}) < 2:
                return 0
            chart = self.open_chart("all", group)
            self.groups[group] = chart.number
            for index in found:
                self.add_member(chart, self.lines[<int32_t> index])
        else:
            self.add_member(self.charts[<int32_t> found], line)
        return 0

    cdef void add_member(self, Chart *chart, Line *line) noexcept nogil:
        if chart.n_members == MAX_MEMBERS or line.group != NULL:
            return
        line.group = chart
        line.member = chart.n_members
        chart.members[chart.n_members] = line
        chart.n_members += 1
        chart.candles.clock.members = chart.n_members
        candles_member_live(&chart.candles, line.member, (<Chart *> line.chart).on)
        self.fit(line)

    cdef void fit(self, Line *line) noexcept nogil:
        """The candles take every digit that the instrument's prices and sizes may have."""
        cdef int qty_exp = line.inst.qty_exp + line.inst.factor_exp
        if line.chart != NULL:
            finer(<Chart *> line.chart, line.inst.px_exp, qty_exp)
        if line.group != NULL:
            finer(<Chart *> line.group, line.inst.px_exp + line.multiplier_power,
                  qty_exp - line.multiplier_power)

    # ---- what comes in ------------------------------------------------------------------

    cdef void chart_trade(self, Line *line, const Trade *trade, int64_t recv_ns,
                          int64_t now) noexcept nogil:
        """Blocks that the venue marks were agreed elsewhere: they are no part of a bar. RPI
        fills are: the taker bought or sold."""
        cdef Chart *chart = <Chart *> line.chart
        cdef bint first
        if chart == NULL or not chart.on or trade.flags & TRADE_BLOCK:
            return
        if not believed(chart, line, trade.ts_ns, recv_ns):
            self.counts[line.endpoint][COUNT_CANDLES_REFUSED] += 1
            return
        if recv_ns > 0:
            lag_add(&chart.lags[0], recv_ns, trade.ts_ns)
        if trade.ts_ns > chart.heard_ns:
            chart.heard_ns = trade.ts_ns
        first = not chart.candles.begun
        self.add(chart, 0, 0, line, trade, recv_ns, now)
        if line.group != NULL:
            self.add(<Chart *> line.group, line.member, line.multiplier_power, line, trade,
                     recv_ns, now)
            if first:
                joins(&(<Chart *> line.group).candles, &chart.candles)

    cdef void add(self, Chart *chart, int32_t member, int32_t power, Line *line,
                  const Trade *trade, int64_t recv_ns, int64_t now) noexcept nogil:
        """A print in the chart's digits; `power`: a unit is 10^power of the underlying."""
        cdef int64_t *counts = self.counts[line.endpoint]
        cdef int64_t px = trade.px, qty = trade.qty
        cdef uint64_t late = chart.candles.late_dropped[0]
        cdef Saying saying
        cdef int32_t t
        cdef bint first = not chart.candles.begun
        if (not scale(&px, chart.candles.px_exp - line.inst.px_exp - power)
                or not p9_multiplied(&qty, line.inst.factor)
                or not scale(&qty, chart.candles.qty_exp
                             - (line.inst.qty_exp + line.inst.factor_exp - power))):
            counts[COUNT_CANDLES_REFUSED] += 1
            return
        self.saying(&saying, chart, recv_ns, now)
        candles_trade(&chart.candles, member, trade.ts_ns, px, qty, trade.side, trade.count,
                      say_bar, &saying)
        for t in range(TIMEFRAME_COUNT if first else 0):
            # a print behind what the venue told comes on top of it
            if (chart.seeds[t].open_ns and candles_seed(&chart.candles, &chart.seeds[t])
                    and chart.seeds[t].ts_ns < trade.ts_ns):
                bar_add(&chart.candles.running[t], px, qty, trade.side, p9_sum_product(px, qty),
                        trade.count)
            chart.seeds[t].open_ns = 0
        counts[COUNT_CANDLES] += saying.said
        # what is too late for any bar is too late for that of the shortest timeframe
        counts[COUNT_CANDLES_LATE] += <int64_t> (chart.candles.late_dropped[0] - late)

    cdef void chart_hole(self, Line *line, int64_t ts_ns) noexcept nogil:
        """Trades are missing between the newest and one of this time."""
        cdef Chart *chart = <Chart *> line.chart
        if chart == NULL or not chart.candles.begun:
            return
        if ts_ns > chart.heard_ns + BEHIND_NS:
            ts_ns = chart.heard_ns + BEHIND_NS  # a time that may be none
        note_hole(chart, 0, chart.heard_ns, ts_ns)
        if line.group != NULL:
            note_hole(<Chart *> line.group, line.member, chart.heard_ns, ts_ns)

    cdef void chart_filled(self, Line *line) noexcept nogil:
        """What was missing in the newest hole has all come."""
        if line.chart != NULL:
            (<Chart *> line.chart).hole_to_ns = NEVER
        if line.group != NULL and (<Chart *> line.group).hole_member == line.member:
            (<Chart *> line.group).hole_to_ns = NEVER

    cdef void chart_kline(self, Line *line, const Kline *kline, int64_t now) noexcept nogil:
        """The venue's own: what is missing of a bar that began before us, or what ours is to be
        compared with."""
        cdef Chart *chart = <Chart *> line.chart
        cdef Candles *candles
        if chart == NULL or not chart.on:
            return
        candles = &chart.candles
        if not kline.closed:
            if candles.begun:
                candles_seed(candles, kline)
            elif 0 < kline.open_ns < LATEST_NS:
                chart.seeds[<int> kline.timeframe] = kline[0]
        elif (kline.timeframe == TIMEFRAME_1M and candles.begun
                # one that we may have, or are about to; a list may begin with the newest
                and kline.open_ns <= candles.ends[<int> TIMEFRAME_1M]
                and kline.open_ns > chart.residual_open_ns
                and not (chart.waits and kline.open_ns <= chart.awaited.open_ns)):
            chart.awaited = kline[0]
            chart.waits = True

    cdef void chart_followed(self, Line *line) noexcept nogil:
        """Whether it is computed: of what it traded while it was not, nothing is known."""
        cdef Chart *chart = <Chart *> line.chart
        cdef Chart *group = <Chart *> line.group
        cdef bint on = line.followed and self.served(line)
        if chart == NULL or chart.on == on:
            return
        chart.on = on
        begin_anew(chart)
        if group != NULL:
            candles_member_live(&group.candles, line.member, on)
            if not any_on(group):
                begin_anew(group)

    # ---- time ---------------------------------------------------------------------------

    cdef void charts_on_timer(self, int64_t now) noexcept nogil:
        """Each 100 ms: the charts whose turn it is."""
        cdef int32_t i = <int32_t> (self.tick % SLOTS)
        self.tick += 1
        while i < self.n_charts:
            self.quiet_turn(self.charts[i], now)
            i += <int32_t> SLOTS

    cdef void quiet_turn(self, Chart *chart, int64_t now) noexcept nogil:
        cdef Saying saying
        cdef int64_t[MAX_MEMBERS] until
        cdef int32_t m
        if not chart.candles.begun or not any_on(chart):
            return
        for m in range(chart.n_members):
            until[m] = lag_until(&(<Chart *> chart.members[m].chart).lags[0], now)
        self.saying(&saying, chart, 0, now)
        candles_timer(&chart.candles, until, say_bar, &saying)
        # by the tick that was due: timers are a little late now and then
        candles_running(&chart.candles, now - now % TICK_NS, say_bar, &saying)
        self.counts[chart.members[0].endpoint][COUNT_CANDLES] += saying.said
        if chart.waits:
            self.compare(chart)

    cdef void compare(self, Chart *chart) noexcept nogil:
        """Own closed bar beside the venue's, once it is final: they are the same prints."""
        cdef Line *line = chart.members[0]
        cdef const Candles *candles = &chart.candles
        cdef const Bar *bar = &candles.closed[<int> TIMEFRAME_1M]
        if bar.open_ns < chart.awaited.open_ns or (
                bar.open_ns == chart.awaited.open_ns
                and candles.clock.now - candles.closed_at[<int> TIMEFRAME_1M] < FINAL_NS):
            return
        chart.waits = False
        if bar.open_ns != chart.awaited.open_ns:
            bar = &candles.before
        # of a hole another alert tells
        if gapped(chart, bar, TIMEFRAME_1M) or not candles_check(candles, &chart.awaited,
                                                                &chart.residual):
            return
        chart.residual_open_ns = chart.awaited.open_ns
        chart.residual_volume = chart.awaited.volume
        self.counts[line.endpoint][COUNT_CANDLES_CHECKED] += 1
        if (not exact_zero(&chart.residual.volume) or not chart.residual.open_same
                or not chart.residual.high_same or not chart.residual.low_same
                or not chart.residual.close_same):
            self.counts[line.endpoint][COUNT_CANDLES_DIFFER] += 1
            chart.differs = self.differences = True

    cdef int tell_differences(self, int64_t now) except -1:
        cdef Chart *chart
        cdef int32_t i
        self.differences = False
        for i in range(self.n_charts):
            chart = self.charts[i]
            if not chart.differs:
                continue
            chart.differs = False
            spec = self.specs[chart.members[0].inst.index]
            head = {"exchange": spec["exchange"], "symbol": spec["symbol"]}
            self.speak("alert", "alert:candles", head, self.residual_of(chart), now)
        return 0

    cdef str residual_of(self, Chart *chart):
        """The newest comparison as the text of a JSON object; own less the venue's."""
        cdef Residual *found = &chart.residual
        text = f'{{"timeframe":"1m","open_time":{chart.residual_open_ns},"volume":'
        text += self.exact_text(&found.volume) + ',"quote_volume":' + self.exact_text(&found.quote)
        text += ',"trades":' + ("null" if found.trades == NO_ID else str(found.trades))
        text += ',"venue_volume":' + self.exact_text(&chart.residual_volume)
        wrong = [name for name, same in (
            ("open", found.open_same), ("high", found.high_same), ("low", found.low_same),
            ("close", found.close_same)) if not same]
        return text + ',"prices":' + _json.dumps(wrong, separators=(",", ":")) + "}"

    cdef str exact_text(self, const Exact *value):
        self.text.size = 0
        put_exact(&self.text, value)
        return self.text.at[:self.text.size].decode()

    def residuals(self) -> list:
        cdef Chart *chart
        cdef int32_t i
        found = []
        for i in range(self.n_charts):
            chart = self.charts[i]
            if chart.residual_open_ns:
                spec = self.specs[chart.members[0].inst.index]
                found.append({**{key: spec[key] for key in ("endpoint", "exchange", "symbol")},
                              **_json.loads(self.residual_of(chart), parse_float=str,
                                            parse_int=str)})
        return found

    cdef void saying(self, Saying *to, Chart *chart, int64_t recv_ns,
                     int64_t now) noexcept nogil:
        to.out = &self.out
        to.text = &self.text
        to.chart = chart
        to.wanted = NULL
        if self.publishes[<int> FEED_CANDLES]:
            to.wanted = self.timeframes
        to.recv_ns = recv_ns
        to.now = now
        to.said = 0


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
