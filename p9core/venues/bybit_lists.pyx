"""Bybit v5 topics whose data is a list: candles, liquidations, insurance pools."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp, memset, strlen

from p9core.exact cimport Exact, exact_read, exact_zero
from p9core.json cimport Fields, Items, Value
from p9core.number cimport NUMBER_OK, Number
from p9core.types cimport *
from p9core.venues.decoder cimport (Context, equals, find, new_balance, new_kline, new_print,
                                    refused, text, time_ms, word)


cdef struct Interval:
    # 3.8
    const char *name
    Timeframe timeframe
    int64_t length_s

cdef enum:
    INTERVALS = 9
    SECOND = 1000000000

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
