"""Bybit v5 topics besides books and trades; tickers."""

from libc.stdint cimport int32_t, uint32_t
from libc.string cimport memcmp, strlen

from p9core.exact cimport Exact, exact_int, exact_shift, exact_times
from p9core.json cimport Fields, Value
from p9core.types cimport *
from p9core.venues.bybit_lists cimport balances, candles, liquidations
from p9core.venues.decoder cimport (Context, equals, find, new_report, starts, tell, tell_none,
                                    tell_time, text)


cdef struct Meaning:
    # 3.6, 3.7: a field of a ticker
    const char *key      # as it stands in the text, to its closing quote
    Told field
    bint spot            # spot has it too
    bint signed
    size_t size

cdef enum:
    MEANINGS = 14

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


cdef Outcome meant(const Context *c, Fields *row, Report *report) noexcept nogil:
    """Tells the field that `row` stands on."""
    cdef const char *key = row.key
    cdef bint taken = True
    cdef int i
    for i in range(MEANINGS):
        if key[0] == MEANING[i].key[0] and memcmp(key, MEANING[i].key, MEANING[i].size) == 0:
            if MEANING[i].field == TOLD_NEXT:
                taken = c.market == SPOT or tell_time(report, TOLD_NEXT, row.token())
            elif c.market == LINEAR or MEANING[i].spot:
                taken = tell(report, MEANING[i].field, row.token())
            return DECODED if taken else REJECT_NUMBER
    # a key that a stray backslash has made unknown is no field that the venue left out
    while key[0] != b'"':
        if key[0] == b"\\":
            return REJECT_JSON
        key += 1
    return DECODED


cdef Outcome ticker(Context *c, Value &at, const Span *name, bint all_told,
                    Report *report) noexcept nogil:
    """One ticker of the instrument `name`. `all_told`: a field that is missing has no value, but
    for the funding interval: tickers say it since 2025-10 only, the list of instruments always."""
    cdef Fields row
    cdef Span symbol
    cdef const char *both = NULL
    cdef const char *both_value = NULL
    cdef Outcome one
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
        else:
            one = meant(c, &row, report)
            if one != DECODED:
                return one
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
        if (all_told and MEANING[i].field != TOLD_INTERVAL
                and (c.market == LINEAR or MEANING[i].spot)
                and not report.told & <uint32_t> 1 << <int> MEANING[i].field):
            tell_none(report, MEANING[i].field)
    return DECODED


cdef Outcome tickers(Context *c, Value &data, const Span *symbol, const Span *kind,
                     Stage *s) noexcept nogil:
    """3.6, 3.7: spot sends snapshots only, linear deltas behind its first one."""
    cdef Report *report
    cdef bint snapshot = equals(kind, b"snapshot", 8)
    s.feed = FEED_TICKER
    s.snapshot = snapshot
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
