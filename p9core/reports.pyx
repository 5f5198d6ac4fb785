"""What venues tell of an instrument besides book and trades, merged into its state and published:
mark and index price, funding, open interest, ticker, long/short ratio.

A feed is published when a value of it has changed, and again at half its greatest age when it was
told again unchanged: a reader can tell "still so" from "nothing heard".
"""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memset, strlen

from p9core.buffer cimport Bytes, put, put_text
from p9core.encode cimport begin
from p9core.exact cimport (Exact, exact_int, exact_plus, exact_ratio, exact_same, exact_times,
                           p9_low, put_exact)
from p9core.instruments cimport KIND_INVERSE
from p9core.lines cimport *
from p9core.prints cimport Prints
from p9core.resp cimport Voice, emit
from p9core.types cimport *
from p9core.venues.decoder cimport in_base

cdef enum:
    CHANGE_PLACES = 8
    SECOND_NS = 1000000000
    MINUTE_NS = 60000000000
    HOUR_NS = 3600000000000


ctypedef struct Field:
    const char *name    # `,"name":`
    Told told


# Feed -> its fields in the order of the message.
cdef Feed[6] FACTS
FACTS[:] = [FEED_MARK, FEED_INDEX, FEED_FUNDING, FEED_OPEN_INTEREST, FEED_TICKER, FEED_LONG_SHORT]
cdef Field[7] TICKER
TICKER[0] = Field(b',"last":', TOLD_LAST)
TICKER[1] = Field(b',"open":', TOLD_OPEN)
TICKER[2] = Field(b',"high":', TOLD_HIGH)
TICKER[3] = Field(b',"low":', TOLD_LOW)
TICKER[4] = Field(b',"volume":', TOLD_VOLUME)
TICKER[5] = Field(b',"quote_volume":', TOLD_QUOTE_VOLUME)
TICKER[6] = Field(b',"change_pct":', TOLD_CHANGE)
cdef Field[1] MARK, INDEX
MARK[0] = Field(b',"price":', TOLD_MARK)
INDEX[0] = Field(b',"price":', TOLD_INDEX)
cdef Field[3] FUNDING, OPEN_INTEREST, LONG_SHORT
FUNDING[0] = Field(b',"rate":', TOLD_RATE)
FUNDING[1] = Field(b',"interval_hours":', TOLD_INTERVAL)
FUNDING[2] = Field(b',"next_funding":', TOLD_NEXT)
OPEN_INTEREST[0] = Field(b',"base":', TOLD_OI_BASE)
OPEN_INTEREST[1] = Field(b',"contracts":', TOLD_OI_CONTRACTS)
OPEN_INTEREST[2] = Field(b',"notional":', TOLD_OI_NOTIONAL)
LONG_SHORT[0] = Field(b',"ratio":', TOLD_RATIO)
LONG_SHORT[1] = Field(b',"long_account":', TOLD_LONG)
LONG_SHORT[2] = Field(b',"short_account":', TOLD_SHORT)


cdef inline uint32_t bit(Told field) noexcept nogil:
    return <uint32_t> 1 << <int> field


cdef class Reports(Prints):
    """See the .pyi for what each call takes."""

    # ---- facts ------------------------------------------------------------------------

    cdef int32_t apply_reports(self, int32_t conn, int64_t recv_ns, int64_t now,
                               int64_t old_ns) noexcept nogil:
        """The reports of the stage; how many said something. `conn` -1: a poll. Those with a
        venue time more than `old_ns` before now say nothing (0: any time will do)."""
        cdef const Report *report
        cdef Line *line
        cdef Facts *facts
        cdef uint32_t told
        cdef int32_t i, f, taken = 0
        cdef bint changed, some
        cdef Feed feed
        for i in range(self.stage.n_reports):
            report = &self.stage.reports[i]
            line = self.lines[report.instrument]
            facts = &line.facts
            if old_ns > 0 and report.ts_ns > 0 and now - report.ts_ns > old_ns:
                self.counts[line.endpoint][COUNT_OLD] += 1
                continue
            if report.whole and conn >= 0:
                # Bybit 3.6: changes continue the snapshot of their own connection only
                if self.stage.snapshot:
                    facts.conn = conn
                    facts.series = 0
                elif facts.conn != conn:
                    self.counts[line.endpoint][COUNT_WAITING] += 1
                    continue
                facts.series |= report.told
            self.counts[line.endpoint][COUNT_REPORTS] += 1
            some = False
            for f in range(6):
                feed = FACTS[f]
                # not told by a change is not changed; of what others tell it says nothing
                told = report.told | (facts.series if report.whole and conn >= 0 else 0)
                told &= mask_of(feed)
                if told and conn >= 0:
                    line.streamed_ns[<int> feed] = now
                if told == 0 or not self.merge(line, report, feed, told, now, &changed):
                    continue
                some = True
                if told == bit(TOLD_INTERVAL):
                    continue  # a part of funding: its rate is none the newer for it
                line.seen_ns[<int> feed] = now
                if changed or now - facts.said_ns[<int> feed] >= self.again_ns[<int> feed]:
                    self.say_facts(line, feed, recv_ns, now)
            taken += some
        return taken

    cdef void forget_facts(self, Line *line) noexcept nogil:
        """Nothing of before may stand in a message any more. A funding interval may: it comes
        with the list of instruments."""
        cdef Exact interval = line.facts.values[<int> TOLD_INTERVAL]
        memset(&line.facts, 0, sizeof(Facts))
        line.facts.conn = -1
        line.facts.values[<int> TOLD_INTERVAL] = interval

    cdef bint merge(self, Line *line, const Report *report, Feed feed, uint32_t told, int64_t now,
                    bint *changed) noexcept nogil:
        """The fields of one feed into the state; False where a newer message has told them."""
        cdef Facts *facts = &line.facts
        cdef Exact *value
        cdef int32_t i
        cdef uint32_t mine = report.told & told
        changed[0] = False
        if not report.values[<int> TOLD_INTERVAL].there:
            # what funds has an interval, told or not
            mine &= ~bit(TOLD_INTERVAL)
            if report.told & bit(TOLD_INTERVAL):
                told &= ~bit(TOLD_INTERVAL)
        if report.ts_ns > 0:
            # a time of the far future was a slip of the venue's, and holds nobody up
            if report.ts_ns < facts.ts_ns[<int> feed] <= now + HOUR_NS:
                self.counts[line.endpoint][COUNT_OLD] += 1
                return False
            facts.ts_ns[<int> feed] = report.ts_ns
        for i in range(TOLD_COUNT):
            if not mine & (<uint32_t> 1 << i):
                continue
            value = &facts.values[i]
            if report.values[i].there:
                facts.computed &= ~(<uint32_t> 1 << i)
            if exact_same(value, &report.values[i]) and facts.known & (<uint32_t> 1 << i):
                continue
            if i == TOLD_NEXT and not told & bit(TOLD_INTERVAL):
                # the spacing seen, where the venue does not say it: intervals change at any time
                note_interval(facts, value, &report.values[i],
                              report.ts_ns if report.ts_ns > 0 else now)
            value[0] = report.values[i]
            changed[0] = True
        facts.known |= mine
        facts.derived = (facts.derived & ~mine) | (report.derived & mine)
        self.complete(line, told)
        return True

    cdef void complete(self, Line *line, uint32_t told) noexcept nogil:
        """What follows from what was told, where the venue does not tell it with that: what it
        has told before is of other values."""
        cdef Facts *facts = &line.facts
        cdef Exact *v = facts.values
        cdef const Exact *price = &v[<int> TOLD_MARK]
        if told & mask_of(FEED_OPEN_INTEREST):
            if computes(facts, TOLD_OI_BASE, told) and line.inst.kind != KIND_INVERSE:
                v[<int> TOLD_OI_BASE] = v[<int> TOLD_OI_CONTRACTS]
                in_base(&line.inst, &v[<int> TOLD_OI_BASE])
            if (line.inst.factor == 1 and line.inst.factor_exp == 0
                    and computes(facts, TOLD_OI_CONTRACTS, told)):
                # a unit of the venue's quantity is one of the base
                v[<int> TOLD_OI_CONTRACTS] = v[<int> TOLD_OI_BASE]
            if computes(facts, TOLD_OI_NOTIONAL, told):
                if not price.there:
                    price = &v[<int> TOLD_LAST]
                exact_times(&v[<int> TOLD_OI_BASE], price, &v[<int> TOLD_OI_NOTIONAL])
        if told & mask_of(FEED_TICKER) and computes(facts, TOLD_CHANGE, told):
            change_of(&v[<int> TOLD_LAST], &v[<int> TOLD_OPEN], &v[<int> TOLD_CHANGE])

    cdef void say_facts(self, Line *line, Feed feed, int64_t recv_ns, int64_t now) noexcept nogil:
        cdef Voice *voice = &line.voices[<int> feed]
        cdef Facts *facts = &line.facts
        cdef Bytes *b = &self.text
        cdef const Field *fields = NULL
        cdef int32_t n = 0, i
        if feed == FEED_MARK:
            fields, n = MARK, 1
        elif feed == FEED_INDEX:
            fields, n = INDEX, 1
        elif feed == FEED_FUNDING:
            fields, n = FUNDING, 3
        elif feed == FEED_OPEN_INTEREST:
            fields, n = OPEN_INTEREST, 3
        elif feed == FEED_TICKER:
            fields, n = TICKER, 7
        else:
            fields, n = LONG_SHORT, 3
        # without its first field there is nothing to say: a dated future has no funding
        if not facts.values[<int> fields[0].told].there:
            return
        # prices, rates and base units need no contract size, so its being unknown is no hindrance
        if not line.inst.publish or not self.publishes[<int> feed] or not line.followed:
            self.counts[line.endpoint][COUNT_UNPUBLISHED] += 1
            return
        facts.said_ns[<int> feed] = now
        begin(b, voice, facts.ts_ns[<int> feed], recv_ns, now, voice.channel.logged)
        for i in range(n):
            put_text(b, fields[i].name)
            put_exact(b, &facts.values[<int> fields[i].told])
        if feed == FEED_FUNDING and facts.values[<int> TOLD_PREDICTED].there:
            put(b, b',"predicted":', 13)
            put_exact(b, &facts.values[<int> TOLD_PREDICTED])
        elif feed == FEED_LONG_SHORT:
            put(b, b',"period":"5m"', 14)
        elif feed == FEED_OPEN_INTEREST:
            put_derived(b, facts)
        put(b, b"}", 1)
        emit(&self.out, voice, b, voice.channel.logged, now)

    # ---- candles of the venue -----------------------------------------------------------

    cdef int32_t apply_klines(self, int32_t conn, int64_t recv_ns, int64_t now) noexcept nogil:
        cdef const Kline *kline
        cdef Line *line
        cdef int32_t i, taken = 0
        for i in range(self.stage.n_klines):
            kline = &self.stage.klines[i]
            line = self.lines[kline.instrument]
            if not in_order(kline):
                self.counts[line.endpoint][<int> REJECT_NUMBER] += 1
                continue
            line.seen_ns[<int> FEED_CANDLES] = now
            if conn >= 0:
                line.streamed_ns[<int> FEED_CANDLES] = now
            self.counts[line.endpoint][COUNT_KLINES] += 1
            taken += 1
            self.chart_kline(line, kline, now)
        return taken

cdef void put_derived(Bytes *b, const Facts *facts) noexcept nogil:
    """The names of the fields of open interest that are computed here."""
    cdef bint first = True
    cdef int32_t i
    put(b, b',"derived":[', 12)
    for i in range(3):
        if (facts.derived | facts.computed) & bit(OPEN_INTEREST[i].told):
            put_text(b, b'"' if first else b',"')
            put(b, OPEN_INTEREST[i].name + 2, strlen(OPEN_INTEREST[i].name) - 3)
            first = False
    put(b, b"]", 1)


cdef bint computes(Facts *facts, Told field, uint32_t told) noexcept nogil:
    """Whether a field is to be computed: the venue tells no value of it."""
    if (told & bit(field) and facts.values[<int> field].there
            and not facts.computed & bit(field)):
        return False
    facts.computed |= bit(field)
    return True


cdef void note_interval(Facts *facts, const Exact *before, const Exact *after,
                        int64_t now) noexcept nogil:
    """Hours between two funding times: a whole number of them up to a day, and only where the
    second was told within an hour of the first, so that there was none between them."""
    cdef int64_t late, step, hours
    if not before.there or not after.there:
        return
    late = now - <int64_t> p9_low(before.mantissa)
    step = <int64_t> p9_low(after.mantissa) - <int64_t> p9_low(before.mantissa)
    hours = (step + HOUR_NS // 2) // HOUR_NS
    if (-MINUTE_NS <= late < HOUR_NS and 1 <= hours <= 24
            and -SECOND_NS <= step - hours * HOUR_NS <= SECOND_NS):
        exact_int(&facts.values[<int> TOLD_INTERVAL], hours, 0)
        facts.known |= bit(TOLD_INTERVAL)


cdef bint at_least(const Exact *a, const Exact *b) noexcept nogil:
    cdef Exact difference
    return exact_plus(a, b, True, &difference) and not difference.negative


cdef bint in_order(const Kline *kline) noexcept nogil:
    """No price of a candle is above its high or below its low: it would be in ours."""
    return (at_least(&kline.high, &kline.open) and at_least(&kline.high, &kline.close)
            and at_least(&kline.open, &kline.low) and at_least(&kline.close, &kline.low))


cdef void change_of(const Exact *last, const Exact *first, Exact *out) noexcept nogil:
    """last / first - 1."""
    cdef Exact difference
    exact_plus(last, first, True, &difference)
    exact_ratio(&difference, first, CHANGE_PLACES, out)
