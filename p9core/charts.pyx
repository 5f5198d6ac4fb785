"""Candles as messages. Each instrument has a chart; exchanges that trade the same share another,
named for the underlying, whose sizes are multiplied out.

Running bars are told by the print that changes them, a second after they were told last. A chart's
quiet turn comes once a second, its own tenth of it: there buckets that no trade closes are closed
by the clock and what is left of running bars is told. So nothing piles up at the full second.
"""

import json as _json

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, realloc

from p9core.analytics.bars cimport Bar, Residual, bar_add, p9_sum_product
from p9core.analytics.candles cimport (Candles, candles_check, candles_member_live, candles_running,
                                       candles_seed, candles_timer, candles_trade)
from p9core.analytics.clock cimport MAX_MEMBERS, NEVER, lag_add, lag_init, lag_until
from p9core.chart cimport (Chart, Saying, any_on, begin_anew, believed, finer, gapped, joins,
                           note_hole, say_bar)
from p9core.exact cimport Exact, exact_zero, put_exact
from p9core.instruments cimport KIND_INVERSE
from p9core.lines cimport *
from p9core.number cimport scale
from p9core.types cimport *

from p9core.analytics.plain import TIMEFRAMES

cdef extern from *:
    """
    static inline int p9_multiplied(int64_t *a, int64_t by) {
      return !__builtin_mul_overflow(*a, by, a);
    }
    """
    bint p9_multiplied(int64_t *, int64_t) noexcept nogil

cdef enum:
    SLOTS = 10               # ticks of the timer in a second
    TICK_NS = 100000000
    FINAL_NS = 2000000000    # after its close, in venue time, no print amends a bar any more


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

    cdef int chart_line(self, Line *line) except -1:
        """A chart for an instrument that has none, and its place in the chart of its group."""
        cdef int32_t power = 0
        spec = self.specs[line.inst.index]
        group, multiplier = spec["group"], spec["multiplier"]
        if line.inst.kind == KIND_INVERSE or not self.publishes[<int> FEED_CANDLES]:
            return 0
        while 10 ** power < multiplier:
            power += 1
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
        self.tell_running(chart, line, recv_ns, now)
        if line.group != NULL:
            self.add(<Chart *> line.group, line.member, line.multiplier_power, line, trade,
                     recv_ns, now)
            if first:
                joins(&(<Chart *> line.group).candles, &chart.candles)
            self.tell_running(<Chart *> line.group, line, recv_ns, now)

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

    cdef void tell_running(self, Chart *chart, Line *line, int64_t recv_ns,
                           int64_t now) noexcept nogil:
        """Running bars that were not told for a second: by the print that changed them, so that
        busy charts do not wait for their tick all at once."""
        cdef Saying saying
        if chart.candles.begun:
            self.saying(&saying, chart, recv_ns, now)
            candles_running(&chart.candles, now - now % TICK_NS, say_bar, &saying)
            self.counts[line.endpoint][COUNT_CANDLES] += saying.said

    cdef void chart_hole(self, Line *line, int64_t ts_ns) noexcept nogil:
        """Trades are missing between the newest and one of this time."""
        cdef Chart *chart = <Chart *> line.chart
        if chart == NULL or not chart.candles.begun:
            return
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
            else:
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
        cdef Residual found
        if bar.open_ns < chart.awaited.open_ns or (
                bar.open_ns == chart.awaited.open_ns
                and candles.clock.now - candles.closed_at[<int> TIMEFRAME_1M] < FINAL_NS):
            return
        chart.waits = False
        if bar.open_ns != chart.awaited.open_ns:
            bar = &candles.before
        # of a hole another alert tells
        if gapped(chart, bar, TIMEFRAME_1M) or not candles_check(candles, &chart.awaited,
                                                                &found):
            return
        chart.residual = found
        chart.residual_open_ns = chart.awaited.open_ns
        chart.residual_volume = chart.awaited.volume
        self.counts[line.endpoint][COUNT_CANDLES_CHECKED] += 1
        if not (exact_zero(&found.volume) and found.open_same and found.high_same
                and found.low_same and found.close_same):
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
