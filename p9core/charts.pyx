"""Candles as messages. Each instrument has a chart; exchanges that trade the same share another,
named for the underlying, whose sizes are multiplied out.

A chart's quiet turn comes once a second, its own tenth of it: there buckets that no trade closes
are closed by the clock and running bars are told, so that nothing piles up at the full second.
"""

import json as _json

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport strlen

from p9core.analytics.bars cimport BAR_OVERFLOW, BAR_PARTIAL, Bar, exact_of
from p9core.analytics.candles cimport (TIMEFRAME_NS, candles_check, candles_init,
                                       candles_member_live, candles_rescale, candles_running,
                                       candles_seed, candles_timer, candles_trade)
from p9core.analytics.clock cimport MAX_MEMBERS, NEVER, lag_add, lag_init, lag_until
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
    FINAL_NS = 2500000000    # later prints amend nothing any more: 2 s, and some delay
    PRICE_PLACES = 8         # of a vwap, beyond the digits of the price


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
        grown = <Chart **> realloc(self.charts, (self.n_charts + 1) * sizeof(Chart *))
        if chart == NULL or grown == NULL:
            free(chart)
            raise MemoryError
        self.charts = grown
        chart.number = self.n_charts
        chart.hole_ns = NEVER
        lag_init(&chart.lags[0])
        candles_init(&chart.candles, 0, 0, 1)
        grown[self.n_charts] = chart
        self.n_charts += 1
        head = {"exchange": exchange, "symbol": symbol}
        for t in range(TIMEFRAME_COUNT):
            self.open_voice(&chart.voices[t], "candles", f"candles:{symbol}:{TIMEFRAMES[t]}",
                            head, True, exchange)
        self.own_block(chart)
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
        if group and line.group == NULL and 10 ** power == multiplier:
            line.multiplier_power = power
            self.join_group(line, group)
        self.fit(line)
        return 0

    cdef int join_group(self, Line *line, str group) except -1:
        """Two exchanges make a group; one alone would only say everything twice."""
        cdef Chart *chart
        cdef Line *first
        kind, number = self.groups.get(group, ("none", 0))
        if kind == "none":
            self.groups[group] = ("line", line.inst.index)
            return 0
        if kind == "line":
            first = self.lines[<int32_t> number]
            if first == line or self.specs[number]["exchange"] == (
                    self.specs[line.inst.index]["exchange"]):
                return 0
            chart = self.open_chart("all", group)
            self.groups[group] = ("chart", chart.number)
            chart.members[0] = first
            first.group = chart
            first.member = 0
            chart.n_members = 1
            self.fit(first)
        else:
            chart = self.charts[<int32_t> number]
        if chart.n_members < MAX_MEMBERS:
            line.group = chart
            line.member = chart.n_members
            chart.members[chart.n_members] = line
            chart.n_members += 1
            chart.candles.clock.members = chart.n_members
            candles_member_live(&chart.candles, line.member, True)
        return 0

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
        if chart == NULL or not line.followed or trade.flags & TRADE_BLOCK:
            return
        if recv_ns > 0:
            lag_add(&chart.lags[0], recv_ns, trade.ts_ns)
        self.add(chart, 0, 0, line, trade, recv_ns, now)
        if line.group != NULL:
            self.add(<Chart *> line.group, line.member, line.multiplier_power, line, trade,
                     recv_ns, now)

    cdef void add(self, Chart *chart, int32_t member, int32_t power, Line *line,
                  const Trade *trade, int64_t recv_ns, int64_t now) noexcept nogil:
        """A print in the chart's digits; `power`: a unit is 10^power of the underlying."""
        cdef int64_t px = trade.px, qty = trade.qty
        cdef Saying saying
        cdef int32_t t
        cdef bint first = not chart.candles.begun
        if (not scale(&px, chart.candles.px_exp - line.inst.px_exp - power)
                or not p9_multiplied(&qty, line.inst.factor)
                or not scale(&qty, chart.candles.qty_exp
                             - (line.inst.qty_exp + line.inst.factor_exp - power))):
            self.counts[line.endpoint][COUNT_CANDLES_LATE] += 1
            return
        self.saying(&saying, chart, recv_ns, now)
        candles_trade(&chart.candles, member, trade.ts_ns, px, qty, trade.side, trade.count,
                      say_bar, &saying)
        if first:
            for t in range(TIMEFRAME_COUNT):
                if chart.seeds[t].open_ns:
                    candles_seed(&chart.candles, &chart.seeds[t])
                    chart.seeds[t].open_ns = 0
        self.counts[line.endpoint][COUNT_CANDLES] += saying.said

    cdef void chart_hole(self, Line *line, int64_t ts_ns) noexcept nogil:
        """Trades are missing before this time."""
        if line.chart != NULL:
            (<Chart *> line.chart).hole_ns = ts_ns
        if line.group != NULL:
            (<Chart *> line.group).hole_ns = ts_ns

    cdef void chart_kline(self, Line *line, const Kline *kline, int64_t now) noexcept nogil:
        """The venue's own: what is missing of a bar that began before us, or what ours is to be
        compared with."""
        cdef Chart *chart = <Chart *> line.chart
        if chart == NULL or not line.followed:
            return
        if not kline.closed:
            if chart.candles.begun:
                candles_seed(&chart.candles, kline)
            else:
                chart.seeds[<int> kline.timeframe] = kline[0]
        elif kline.timeframe == TIMEFRAME_1M and chart.residual_open_ns != kline.open_ns:
            chart.awaited = kline[0]
            chart.awaited_ns = now

    cdef void chart_followed(self, Line *line) noexcept nogil:
        if line.group != NULL:
            candles_member_live(&(<Chart *> line.group).candles, line.member, line.followed)

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
        if not chart.candles.begun or not any_followed(chart):
            return
        for m in range(chart.n_members):
            until[m] = lag_until(&(<Chart *> chart.members[m].chart).lags[0], now)
        self.saying(&saying, chart, 0, now)
        candles_timer(&chart.candles, until, say_bar, &saying)
        candles_running(&chart.candles, now, say_bar, &saying)
        self.counts[chart.members[0].endpoint][COUNT_CANDLES] += saying.said
        if chart.awaited_ns and now - chart.awaited_ns >= FINAL_NS:
            self.compare(chart)

    cdef void compare(self, Chart *chart) noexcept nogil:
        """Own closed bar beside the venue's: they are the same prints."""
        cdef Line *line = chart.members[0]
        chart.awaited_ns = 0
        if not candles_check(&chart.candles, &chart.awaited, &chart.residual):
            return
        chart.residual_open_ns = chart.awaited.open_ns
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
        text += ',"venue_volume":' + self.exact_text(&chart.awaited.volume)
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


cdef bint any_followed(const Chart *chart) noexcept nogil:
    cdef int32_t m
    for m in range(chart.n_members):
        if chart.members[m].followed:
            return True
    return False


cdef void finer(Chart *chart, int px_exp, int qty_exp) noexcept nogil:
    """Raises the digits of a chart's candles. What no longer fits begins anew."""
    cdef int px_power = px_exp - chart.candles.px_exp
    cdef int qty_power = qty_exp - chart.candles.qty_exp
    px_power = px_power if px_power > 0 else 0
    qty_power = qty_power if qty_power > 0 else 0
    if px_power or qty_power:
        if not candles_rescale(&chart.candles, px_power, qty_power):
            candles_init(&chart.candles, chart.candles.px_exp + px_power,
                         chart.candles.qty_exp + qty_power, chart.n_members)


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
    if bar.open_ns <= chart.hole_ns < close_ns:
        put(b, b',"q":"gap","since":', 19)
        put_time(b, chart.hole_ns)
    elif bar.flags & BAR_PARTIAL:
        put(b, b',"q":"warming","since":', 23)
        put_time(b, bar.open_ns)
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
