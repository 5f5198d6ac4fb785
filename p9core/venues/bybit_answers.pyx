"""Bybit v5 REST bodies: section 5's envelope, and the answers of section 6 that are polled."""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcmp, memset, strlen

from p9core.exact cimport exact_ratio
from p9core.instruments cimport names_find
from p9core.json cimport Fields, Items, Value
from p9core.number cimport NUMBER_OK, integer
from p9core.types cimport *
from p9core.venues.bybit_lists cimport COLUMN_COUNT, amount, balances, candle, length_ns
from p9core.venues.bybit_reports cimport SPOT, date, tell_half, ticker
from p9core.venues.decoder cimport (Context, equals, new_kline, new_report, opened, stage_reset,
                                    tell, text, time_ms, unreadable)

cdef enum:
    RATIO_PLACES = 8


cdef struct Body:
    int64_t ts_ns        # of the server when it answered
    int64_t updated_ns   # of an insurance list, else 0
    Span symbol          # of the whole list, where it names one
    Value list


cdef struct Row:
    # the newest row of a list
    int64_t ts_ns
    Span symbol          # where the rows name one
    const char *first
    const char *second


cdef Outcome body_of(Context *c, const char *at, size_t size, Body *body) noexcept nogil:
    """The envelope. What is no success, or of another market, is of another shape."""
    cdef Fields root, result
    cdef Value inner
    cdef Span category
    cdef int64_t code = NO_ID
    cdef bint answered = False, listed = False
    body.ts_ns = body.updated_ns = 0
    body.symbol.size = 0
    if not opened(c, at, size, &root):
        return unreadable(c)
    inner = body.list = root.value
    while root.next():
        if memcmp(root.key, b'retCode"', 8) == 0:
            if integer(root.token(), &code) != NUMBER_OK:
                return REJECT_SHAPE
        elif memcmp(root.key, b'result"', 7) == 0:
            inner = root.value
            answered = True
        elif memcmp(root.key, b'time"', 5) == 0:
            if not time_ms(root.token(), &body.ts_ns):
                return REJECT_NUMBER
    if not root.ok or not c.json.at_end():
        return REJECT_JSON
    if code != 0 or not answered or body.ts_ns == 0 or not result.open(inner):
        return REJECT_SHAPE
    while result.next():
        if memcmp(result.key, b'category"', 9) == 0:
            if not text(c, result.token(), &category) or not (
                    equals(&category, b"spot", 4) if c.market == SPOT
                    else equals(&category, b"linear", 6)):
                return REJECT_SHAPE
        elif memcmp(result.key, b'symbol"', 7) == 0:
            if not text(c, result.token(), &body.symbol):
                return REJECT_SHAPE
        elif memcmp(result.key, b'updatedTime"', 12) == 0:
            if not time_ms(result.token(), &body.updated_ns):
                return REJECT_NUMBER
        elif memcmp(result.key, b'list"', 5) == 0:
            body.list = result.value
            listed = True
    if not result.ok:
        return REJECT_JSON
    return DECODED if listed else REJECT_SHAPE


cdef Outcome whose(Context *c, const Span *name, int32_t asked, Stage *s) noexcept nogil:
    """Sets the stage's instrument; a name that no one has asked for by itself is passed over."""
    cdef int32_t found
    if name.size == 0:
        return REJECT_SHAPE
    found = names_find(c.names, name.at, name.size)
    if asked >= 0 and found != asked:
        s.symbol = name[0]
        return REJECT_SYMBOL
    if found < 0:
        return IGNORED
    s.instrument = found
    return DECODED


cdef Outcome symbol_of(Context *c, Value &at, Span *symbol) noexcept nogil:
    cdef Fields row
    if not row.open(at):
        return REJECT_SHAPE
    while row.next():
        if memcmp(row.key, b'symbol"', 7) == 0:
            return DECODED if text(c, row.token(), symbol) else REJECT_SHAPE
    return REJECT_SHAPE if row.ok else REJECT_JSON


cdef Outcome tickers(Context *c, Body *body, int32_t asked, Stage *s) noexcept nogil:
    """6.9: of one symbol, or of all of a market."""
    cdef Items rows
    cdef Span symbol
    cdef Report *report
    cdef Outcome one
    s.feed = FEED_TICKER
    if not rows.open(body.list):
        return REJECT_SHAPE
    while rows.next():
        one = symbol_of(c, rows.value, &symbol)
        if one == DECODED:
            one = whose(c, &symbol, asked, s)
        if one == IGNORED:
            continue
        if one != DECODED:
            return one
        report = new_report(s, s.instrument)
        if report == NULL:
            return REJECT_MEMORY
        one = ticker(c, rows.value, &symbol, True, report)
        if one != DECODED:
            return one
    if not rows.ok:
        return REJECT_JSON
    s.ts_ns = body.ts_ns
    if s.n_reports == 0:
        return IGNORED
    s.instrument = s.reports[0].instrument
    return DECODED


cdef Outcome newest(Context *c, Body *body, const char *first, const char *second,
                    Row *out) noexcept nogil:
    """The row of the latest time, with its fields `first` and `second`."""
    cdef Items rows
    cdef Fields fields
    cdef Row row
    cdef size_t first_size = strlen(first), second_size = strlen(second)
    memset(out, 0, sizeof(Row))
    if not rows.open(body.list):
        return REJECT_SHAPE
    while rows.next():
        if not fields.open(rows.value):
            return REJECT_SHAPE
        memset(&row, 0, sizeof(Row))
        while fields.next():
            if memcmp(fields.key, first, first_size) == 0:
                row.first = fields.token()
            elif memcmp(fields.key, second, second_size) == 0:
                row.second = fields.token()
            elif memcmp(fields.key, b'symbol"', 7) == 0:
                if not text(c, fields.token(), &row.symbol):
                    return REJECT_SHAPE
            elif memcmp(fields.key, b'timestamp"', 10) == 0:
                if not time_ms(fields.token(), &row.ts_ns):
                    return REJECT_NUMBER
        if not fields.ok:
            return REJECT_JSON
        if row.ts_ns == 0 or (out.ts_ns and not equals(&row.symbol, out.symbol.at,
                                                       out.symbol.size)):
            return REJECT_SHAPE
        if row.ts_ns > out.ts_ns:
            out[0] = row
    if not rows.ok:
        return REJECT_JSON
    return DECODED if out.ts_ns else IGNORED


cdef Outcome open_interest(Context *c, Body *body, int32_t asked, Stage *s) noexcept nogil:
    """6.11"""
    cdef Row row
    cdef Report *report
    cdef Outcome one = whose(c, &body.symbol, asked, s)
    s.feed = FEED_OPEN_INTEREST
    if one == DECODED:
        one = newest(c, body, b'singleOpenInterest"', b'openInterest"', &row)
    if one != DECODED:
        return one
    report = new_report(s, s.instrument)
    if report == NULL:
        return REJECT_MEMORY
    s.ts_ns = row.ts_ns
    if not tell(report, TOLD_OI_BASE, row.first) or not tell_half(report, TOLD_OI_BASE, row.second):
        return REJECT_NUMBER
    if not report.values[<int> TOLD_OI_BASE].there:
        return REJECT_SHAPE
    return REJECT_NEGATIVE if report.values[<int> TOLD_OI_BASE].negative else DECODED


cdef Outcome long_short(Context *c, Body *body, int32_t asked, Stage *s) noexcept nogil:
    """6.12: shares of accounts; the ratio is computed."""
    cdef Row row
    cdef Report *report
    cdef Exact *values
    cdef Outcome one
    s.feed = FEED_LONG_SHORT
    one = newest(c, body, b'buyRatio"', b'sellRatio"', &row)
    if one == DECODED:
        one = whose(c, &row.symbol, asked, s)
    if one != DECODED:
        return one
    report = new_report(s, s.instrument)
    if report == NULL:
        return REJECT_MEMORY
    s.ts_ns = row.ts_ns
    values = report.values
    one = amount(row.first, True, &values[<int> TOLD_LONG])
    if one == DECODED:
        one = amount(row.second, True, &values[<int> TOLD_SHORT])
    if one != DECODED:
        return one
    report.told = (<uint32_t> 1 << <int> TOLD_RATIO | <uint32_t> 1 << <int> TOLD_LONG
                   | <uint32_t> 1 << <int> TOLD_SHORT)
    if exact_ratio(&values[<int> TOLD_LONG], &values[<int> TOLD_SHORT], RATIO_PLACES,
                   &values[<int> TOLD_RATIO]):
        report.derived = <uint32_t> 1 << <int> TOLD_RATIO
    return DECODED


cdef Outcome insurance(Context *c, Body *body, Stage *s) noexcept nogil:
    """6.13: of an exchange, not of an instrument."""
    s.instrument = NO_INSTRUMENT
    s.ts_ns = body.updated_ns if body.updated_ns else body.ts_ns
    return balances(c, body.list, s)


cdef Outcome candles(Context *c, Body *body, int32_t asked, Timeframe timeframe,
                     Stage *s) noexcept nogil:
    """6.7: newest first, and no word of which is closed: the server's clock says it."""
    cdef Items rows, row
    cdef Kline *kline
    cdef Kline swap
    cdef const char *columns[COLUMN_COUNT]
    cdef int64_t length = length_ns(timeframe)
    cdef Outcome one
    cdef int32_t n, i
    s.feed = FEED_CANDLES
    s.ts_ns = body.ts_ns
    if length == 0:
        return REJECT_SHAPE
    one = whose(c, &body.symbol, asked, s)
    if one != DECODED:
        return one
    if not rows.open(body.list):
        return REJECT_SHAPE
    while rows.next():
        if not row.open(rows.value):
            return REJECT_SHAPE
        kline = new_kline(s, s.instrument)
        if kline == NULL:
            return REJECT_MEMORY
        n = 0
        while row.next():
            if n < COLUMN_COUNT:
                columns[n] = row.token()
            n += 1
        if not row.ok:
            return REJECT_JSON
        if n < COLUMN_COUNT:
            return REJECT_SHAPE
        kline.timeframe = timeframe
        one = candle(columns, kline)
        if one != DECODED:
            return one
        kline.closed = kline.open_ns + length <= body.ts_ns
        # a time twice, or out of order, is no list of candles
        if s.n_klines > 1 and kline.open_ns >= s.klines[s.n_klines - 2].open_ns:
            return REJECT_SHAPE
    if not rows.ok:
        return REJECT_JSON
    n = s.n_klines
    for i in range(n // 2):
        swap = s.klines[i]
        s.klines[i] = s.klines[n - 1 - i]
        s.klines[n - 1 - i] = swap
    return DECODED if n else IGNORED


cdef Outcome read_answer(Context *c, const char *at, size_t size, Ask ask, Timeframe timeframe,
                         Stage *s) noexcept nogil:
    cdef Body body
    cdef int32_t asked = s.instrument
    cdef Outcome outcome
    stage_reset(s)
    s.instrument = asked
    outcome = body_of(c, at, size, &body)
    if outcome != DECODED:
        return outcome
    if ask == ASK_TICKER:
        outcome = tickers(c, &body, asked, s)
    elif ask == ASK_OPEN_INTEREST:
        outcome = open_interest(c, &body, asked, s)
    elif ask == ASK_LONG_SHORT:
        outcome = long_short(c, &body, asked, s)
    elif ask == ASK_INSURANCE:
        outcome = insurance(c, &body, s)
    elif ask == ASK_CANDLES:
        outcome = candles(c, &body, asked, timeframe, s)
    else:
        outcome = IGNORED
    if outcome == DECODED:
        date(s)
    return outcome
