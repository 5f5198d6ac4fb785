"""Bybit v5 streams of tickers, candles, liquidations and the insurance pools."""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcmp, memset, strlen

from p9core.exact cimport Exact, exact_int, exact_read, exact_shift, exact_times, exact_zero
from p9core.json cimport Fields, Items, Value
from p9core.number cimport NUMBER_OK, Number
from p9core.types cimport *
from p9core.venues.decoder cimport (Context, equals, find, new_balance, new_kline, new_print,
                                    new_report, refused, starts, tell, tell_none, tell_time,
                                    text, time_ms, word)


cdef struct Meaning:
    # 3.6, 3.7: a field of a ticker
    const char *key      # as it stands in the text, to its closing quote
    Told field
    bint spot            # spot has it too
    bint signed
    size_t size

cdef struct Interval:
    # 3.8
    const char *name
    Timeframe timeframe
    int64_t length_s

cdef enum:
    MEANINGS = 14
    INTERVALS = 9
    SECOND = 1000000000

cdef Meaning[MEANINGS] MEANING
MEANING[0] = Meaning(b'lastPrice"', TOLD_LAST, True, False, 0)
MEANING[1] = Meaning(b'prevPrice24h"', TOLD_OPEN, True, False, 0)
MEANING[2] = Meaning(b'highPrice24h"', TOLD_HIGH, True, False, 0)
MEANING[3] = Meaning(b'lowPrice24h"', TOLD_LOW, True, False, 0)
MEANING[4] = Meaning(b'volume24h"', TOLD_VOLUME, True, False, 0)
MEANING[5] = Meaning(b'turnover24h"', TOLD_QUOTE_VOLUME, True, False, 0)
MEANING[6] = Meaning(b'price24hPcnt"', TOLD_CHANGE, True, True, 0)
MEANING[7] = Meaning(b'markPrice"', TOLD_MARK, False, False, 0)
MEANING[8] = Meaning(b'indexPrice"', TOLD_INDEX, False, False, 0)
MEANING[9] = Meaning(b'fundingRate"', TOLD_RATE, False, True, 0)
MEANING[10] = Meaning(b'nextFundingTime"', TOLD_NEXT, False, False, 0)
MEANING[11] = Meaning(b'fundingIntervalHour"', TOLD_INTERVAL, False, False, 0)
MEANING[12] = Meaning(b'singleOpenInterest"', TOLD_OI_BASE, False, False, 0)
MEANING[13] = Meaning(b'singleOpenInterestValue"', TOLD_OI_NOTIONAL, False, False, 0)
for i in range(MEANINGS):
    MEANING[i].size = strlen(MEANING[i].key)

# 120, 360, 720 and M are no timeframes of ours
cdef Interval[INTERVALS] INTERVAL
INTERVAL[0] = Interval(b"1", TIMEFRAME_1M, 60)
INTERVAL[1] = Interval(b"3", TIMEFRAME_3M, 180)
INTERVAL[2] = Interval(b"5", TIMEFRAME_5M, 300)
INTERVAL[3] = Interval(b"15", TIMEFRAME_15M, 900)
INTERVAL[4] = Interval(b"30", TIMEFRAME_30M, 1800)
INTERVAL[5] = Interval(b"60", TIMEFRAME_1H, 3600)
INTERVAL[6] = Interval(b"240", TIMEFRAME_4H, 14400)
INTERVAL[7] = Interval(b"D", TIMEFRAME_1D, 86400)
INTERVAL[8] = Interval(b"W", TIMEFRAME_1W, 604800)


cdef int64_t length_ns(Timeframe timeframe) noexcept nogil:
    """0 for a timeframe that Bybit does not have."""
    cdef int i
    for i in range(INTERVALS):
        if INTERVAL[i].timeframe == timeframe:
            return INTERVAL[i].length_s * SECOND
    return 0


cdef Outcome amount(const char *token, bint zero, Exact *out) noexcept nogil:
    """A number that must be there and positive; with `zero` it may be 0."""
    cdef Number number
    if token == NULL:
        return REJECT_SHAPE
    number = exact_read(token, out)
    if number != NUMBER_OK:
        return refused(number)
    if not out.there:
        return REJECT_NUMBER
    return REJECT_NEGATIVE if out.negative or (exact_zero(out) and not zero) else DECODED


cdef bint tell_half(Report *report, Told field, const char *both) noexcept nogil:
    """Open interest from the sum of both sides, where the venue does not say the one-sided."""
    cdef Exact *value = &report.values[<int> field]
    cdef Exact five
    if both == NULL or value.there:
        return True
    if not tell(report, field, both):
        return False
    if value.there:
        exact_int(&five, 5, 0)
        if not exact_times(value, &five, value):
            return False
        exact_shift(value, -1)
        report.derived |= <uint32_t> 1 << <int> field
    return True


cdef bint meant(const Context *c, Fields *row, Report *report) noexcept nogil:
    """Tells the field that `row` stands on; False where it is no number."""
    cdef int i
    for i in range(MEANINGS):
        if (MEANING[i].key[0] == row.key[0]
                and memcmp(row.key, MEANING[i].key, MEANING[i].size) == 0):
            if c.market == SPOT and not MEANING[i].spot:
                return True
            if MEANING[i].field == TOLD_NEXT:
                return tell_time(report, TOLD_NEXT, row.token())
            return tell(report, MEANING[i].field, row.token())
    return True


cdef Outcome ticker(Context *c, Value &at, const Span *name, bint all_told,
                    Report *report) noexcept nogil:
    """One ticker of the instrument `name`. `all_told`: a field that is missing has no value."""
    cdef Fields row
    cdef Span symbol
    cdef const char *both = NULL
    cdef const char *both_value = NULL
    cdef int i
    symbol.size = 0
    report.whole = True
    if not row.open(at):
        return REJECT_SHAPE
    while row.next():
        if memcmp(row.key, b'symbol"', 7) == 0:
            if not text(c, row.token(), &symbol) or not equals(&symbol, name.at, name.size):
                return REJECT_SHAPE
        elif memcmp(row.key, b'openInterest"', 13) == 0:
            both = row.token()
        elif memcmp(row.key, b'openInterestValue"', 18) == 0:
            both_value = row.token()
        elif not meant(c, &row, report):
            return REJECT_NUMBER
    if not row.ok:
        return REJECT_JSON
    if symbol.size == 0:
        return REJECT_SHAPE
    if c.market == LINEAR and not (tell_half(report, TOLD_OI_BASE, both)
                                   and tell_half(report, TOLD_OI_NOTIONAL, both_value)):
        return REJECT_NUMBER
    for i in range(MEANINGS):
        if report.values[<int> MEANING[i].field].negative and not MEANING[i].signed:
            return REJECT_NEGATIVE
        if (all_told and (c.market == LINEAR or MEANING[i].spot)
                and not report.told & <uint32_t> 1 << <int> MEANING[i].field):
            tell_none(report, MEANING[i].field)
    return DECODED


cdef Outcome candle(const char **columns, Kline *kline) noexcept nogil:
    cdef Exact *values[COLUMN_COUNT]
    cdef Outcome one
    cdef int i
    values[<int> COLUMN_OPEN] = &kline.open
    values[<int> COLUMN_HIGH] = &kline.high
    values[<int> COLUMN_LOW] = &kline.low
    values[<int> COLUMN_CLOSE] = &kline.close
    values[<int> COLUMN_VOLUME] = &kline.volume
    values[<int> COLUMN_TURNOVER] = &kline.quote_volume
    if columns[<int> COLUMN_START] == NULL:
        return REJECT_SHAPE
    if not time_ms(columns[<int> COLUMN_START], &kline.open_ns):
        return REJECT_NUMBER
    for i in range(<int> COLUMN_OPEN, <int> COLUMN_COUNT):
        one = amount(columns[i], i >= <int> COLUMN_VOLUME, values[i])
        if one != DECODED:
            return one
    return DECODED


cdef Outcome candles(Context *c, Value &data, const Span *topic, Stage *s) noexcept nogil:
    """3.8, "kline.INTERVAL.SYMBOL"."""
    cdef Items rows
    cdef Fields row
    cdef Kline *kline
    cdef Span interval, symbol, written
    cdef const char *columns[COLUMN_COUNT]
    cdef const Interval *known = NULL
    cdef Outcome one
    cdef int closed, i
    interval.at = topic.at + 6
    interval.size = 0
    while interval.size < topic.size - 6 and interval.at[interval.size] != b".":
        interval.size += 1
    for i in range(INTERVALS):
        if equals(&interval, INTERVAL[i].name, <int32_t> strlen(INTERVAL[i].name)):
            known = &INTERVAL[i]
    if known == NULL:
        return IGNORED
    symbol.at = interval.at + interval.size + 1
    symbol.size = topic.size - interval.size - 7
    s.feed = FEED_CANDLES
    if symbol.size <= 0:
        return REJECT_SHAPE
    if not find(c, &symbol, s):
        return REJECT_SYMBOL
    if not rows.open(data):
        return REJECT_SHAPE
    while rows.next():
        if not row.open(rows.value):
            return REJECT_SHAPE
        kline = new_kline(s, s.instrument)
        if kline == NULL:
            return REJECT_MEMORY
        kline.timeframe = known.timeframe
        memset(columns, 0, sizeof(columns))
        closed = -1
        while row.next():
            if memcmp(row.key, b'start"', 6) == 0:
                columns[<int> COLUMN_START] = row.token()
            elif memcmp(row.key, b'interval"', 9) == 0:
                if not text(c, row.token(), &written) or not equals(&written, interval.at,
                                                                    interval.size):
                    return REJECT_SHAPE
            elif memcmp(row.key, b'open"', 5) == 0:
                columns[<int> COLUMN_OPEN] = row.token()
            elif memcmp(row.key, b'high"', 5) == 0:
                columns[<int> COLUMN_HIGH] = row.token()
            elif memcmp(row.key, b'low"', 4) == 0:
                columns[<int> COLUMN_LOW] = row.token()
            elif memcmp(row.key, b'close"', 6) == 0:
                columns[<int> COLUMN_CLOSE] = row.token()
            elif memcmp(row.key, b'volume"', 7) == 0:
                columns[<int> COLUMN_VOLUME] = row.token()
            elif memcmp(row.key, b'turnover"', 9) == 0:
                columns[<int> COLUMN_TURNOVER] = row.token()
            elif memcmp(row.key, b'confirm"', 8) == 0:
                closed = word(row.token())
        if not row.ok:
            return REJECT_JSON
        if closed < 0:
            return REJECT_SHAPE
        kline.closed = closed == 1
        one = candle(columns, kline)
        if one != DECODED:
            return one
    if not rows.ok:
        return REJECT_JSON
    return DECODED if s.n_klines else REJECT_SHAPE


cdef Outcome liquidations(Context *c, Value &data, const Span *symbol, Stage *s) noexcept nogil:
    """3.9: all of them, at the price where the position's margin is gone."""
    cdef Items rows
    cdef Fields row
    cdef Print *made
    cdef Span name
    cdef const char *px
    cdef const char *qty
    cdef Outcome one
    s.feed = FEED_LIQUIDATION
    if not find(c, symbol, s):
        return REJECT_SYMBOL
    if not rows.open(data):
        return REJECT_SHAPE
    while rows.next():
        if not row.open(rows.value):
            return REJECT_SHAPE
        made = new_print(s, s.instrument)
        if made == NULL:
            return REJECT_MEMORY
        made.price_kind = PRICE_BANKRUPTCY
        name.size = 0
        px = qty = NULL
        while row.next():
            if memcmp(row.key, b'T"', 2) == 0:
                if not time_ms(row.token(), &made.ts_ns):
                    return REJECT_NUMBER
            elif memcmp(row.key, b's"', 2) == 0:
                if not text(c, row.token(), &name) or not equals(&name, symbol.at, symbol.size):
                    return REJECT_SHAPE
            elif memcmp(row.key, b'S"', 2) == 0:
                # the side of the position: a long is sold
                if memcmp(row.token(), b'"Buy"', 5) == 0:
                    made.side = -1
                elif memcmp(row.token(), b'"Sell"', 6) == 0:
                    made.side = 1
            elif memcmp(row.key, b'v"', 2) == 0:
                qty = row.token()
            elif memcmp(row.key, b'p"', 2) == 0:
                px = row.token()
        if not row.ok:
            return REJECT_JSON
        if made.side == 0 or made.ts_ns == 0 or name.size == 0:
            return REJECT_SHAPE
        one = amount(px, False, &made.price)
        if one == DECODED:
            one = amount(qty, False, &made.qty)
        if one != DECODED:
            return one
    if not rows.ok:
        return REJECT_JSON
    return DECODED if s.n_prints else REJECT_SHAPE


cdef Outcome balance(Context *c, Value &at, Stage *s) noexcept nogil:
    """3.10, 6.13: one pool. It may be in debt: that is what auto-deleveraging is for."""
    cdef Fields row
    cdef Balance *made = new_balance(s)
    cdef const char *held = NULL
    cdef Outcome one
    if made == NULL:
        return REJECT_MEMORY
    if not row.open(at):
        return REJECT_SHAPE
    while row.next():
        if memcmp(row.key, b'coin"', 5) == 0:
            if not text(c, row.token(), &made.asset):
                return REJECT_SHAPE
        elif memcmp(row.key, b'symbols"', 8) == 0:
            if not text(c, row.token(), &made.pool):
                return REJECT_SHAPE
        elif memcmp(row.key, b'balance"', 8) == 0:
            held = row.token()
        elif memcmp(row.key, b'updateTime"', 11) == 0:
            if not time_ms(row.token(), &made.ts_ns):
                return REJECT_NUMBER
    if not row.ok:
        return REJECT_JSON
    if made.asset.size == 0:
        return REJECT_SHAPE
    one = amount(held, True, &made.amount)
    return DECODED if one == REJECT_NEGATIVE else one


cdef Outcome balances(Context *c, Value &data, Stage *s) noexcept nogil:
    cdef Items rows
    cdef Outcome one
    s.feed = FEED_INSURANCE
    if not rows.open(data):
        return REJECT_SHAPE
    while rows.next():
        one = balance(c, rows.value, s)
        if one != DECODED:
            return one
    if not rows.ok:
        return REJECT_JSON
    return DECODED if s.n_balances else IGNORED


cdef Outcome tickers(Context *c, Value &data, const Span *symbol, const Span *kind,
                     Stage *s) noexcept nogil:
    """3.6, 3.7: spot sends snapshots only, linear deltas behind its first one."""
    cdef Report *report
    cdef bint snapshot = equals(kind, b"snapshot", 8)
    s.feed = FEED_TICKER
    if not snapshot and not equals(kind, b"delta", 5):
        return REJECT_SHAPE
    if not find(c, symbol, s):
        return REJECT_SYMBOL
    report = new_report(s, s.instrument)
    return REJECT_MEMORY if report == NULL else ticker(c, data, symbol, snapshot, report)


cdef Outcome other(Context *c, Value &data, const Span *topic, const Span *kind,
                   Stage *s) noexcept nogil:
    """The data of a topic that is neither a book nor trades."""
    cdef Span symbol
    # of data that stands twice the last counts
    s.n_reports = s.n_prints = s.n_klines = s.n_balances = 0
    if starts(topic, b"tickers.", 8):
        symbol.at = topic.at + 8
        symbol.size = topic.size - 8
        return tickers(c, data, &symbol, kind, s)
    if starts(topic, b"kline.", 6):
        return candles(c, data, topic, s)
    if starts(topic, b"allLiquidation.", 15):
        symbol.at = topic.at + 15
        symbol.size = topic.size - 15
        return liquidations(c, data, &symbol, s)
    if starts(topic, b"insurance.", 10):
        return balances(c, data, s)
    # `liquidation.` is dead since 2025: of recordings, and not read
    if starts(topic, b"adlAlert.", 9) or starts(topic, b"liquidation.", 12):
        return IGNORED
    return REJECT_UNKNOWN


cdef void date(Stage *s) noexcept nogil:
    """The message's time to all that has none of its own."""
    cdef int32_t i
    for i in range(s.n_reports):
        if s.reports[i].ts_ns == 0:
            s.reports[i].ts_ns = s.ts_ns
    for i in range(s.n_klines):
        s.klines[i].ts_ns = s.ts_ns
    for i in range(s.n_balances):
        if s.balances[i].ts_ns == 0:
            s.balances[i].ts_ns = s.ts_ns
