"""OKX's tickers, prices, funding, open interest and account ratios. A row says all that OKX has
to say of its subject: a field that it leaves out has no value, and is told so."""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcmp, memset, strlen

from p9core.exact cimport Exact, exact_int, exact_plus, exact_ratio
from p9core.instruments cimport KIND_INVERSE, KIND_SPOT
from p9core.json cimport Fields, Items, Value
from p9core.types cimport *
from p9core.venues.decoder cimport (Context, in_base, new_report, positive, tell, tell_none,
                                    tell_time, text, time_ms)
from p9core.venues.okx_asked cimport Asked, traded, whose


cdef enum:
    FIELD_COUNT = 15
    HOURS_PLACES = 4
    SHARE_PLACES = 8


cdef struct Field:
    Feed feed
    const char *key    # with its closing quote
    Told told
    bint needed        # without it this is no row of that feed
    bint signed        # may be below zero
    bint filled        # where it has no value nothing is told: the core works it out


cdef Field[FIELD_COUNT] FIELDS
FIELDS[0] = Field(FEED_MARK, b'markPx"', TOLD_MARK, True, False, False)
FIELDS[1] = Field(FEED_INDEX, b'idxPx"', TOLD_INDEX, True, False, False)
# What settles at `fundingTime`; in 2021 rows of a new contract came without it.
FIELDS[2] = Field(FEED_FUNDING, b'fundingRate"', TOLD_RATE, False, True, False)
FIELDS[3] = Field(FEED_FUNDING, b'fundingTime"', TOLD_NEXT, True, False, False)
FIELDS[4] = Field(FEED_FUNDING, b'nextFundingRate"', TOLD_PREDICTED, False, True, False)
# Behind TOLD_NEXT, which it is the distance to.
FIELDS[5] = Field(FEED_FUNDING, b'nextFundingTime"', TOLD_INTERVAL, False, False, True)
FIELDS[6] = Field(FEED_OPEN_INTEREST, b'oi"', TOLD_OI_CONTRACTS, True, False, False)
FIELDS[7] = Field(FEED_OPEN_INTEREST, b'oiCcy"', TOLD_OI_BASE, True, False, False)
FIELDS[8] = Field(FEED_OPEN_INTEREST, b'oiUsd"', TOLD_OI_NOTIONAL, False, False, True)  # since 2025
FIELDS[9] = Field(FEED_TICKER, b'last"', TOLD_LAST, True, False, False)
FIELDS[10] = Field(FEED_TICKER, b'open24h"', TOLD_OPEN, False, False, False)
FIELDS[11] = Field(FEED_TICKER, b'high24h"', TOLD_HIGH, False, False, False)
FIELDS[12] = Field(FEED_TICKER, b'low24h"', TOLD_LOW, False, False, False)
# As a row of a spot pair has them; see `ticker_volumes`.
FIELDS[13] = Field(FEED_TICKER, b'vol24h"', TOLD_VOLUME, False, False, False)
FIELDS[14] = Field(FEED_TICKER, b'volCcy24h"', TOLD_QUOTE_VOLUME, False, False, False)


cdef bint escaped(const char *key) noexcept nogil:
    """OKX escapes nothing in a key. What that key is meant to be is not known, perhaps a field."""
    while key[0] != b'"':
        if key[0] == b"\\":
            return True
        key += 1
    return False


cdef void ticker_volumes(Context *c, int32_t index, const char **tokens) noexcept nogil:
    """4.4: of derivatives `volCcy24h` is base units and `vol24h` contracts, which tell a value
    only where one of them is worth a fixed amount of the quote."""
    cdef const char *contracts = tokens[<int> TOLD_VOLUME]
    if c.instruments[index].kind == KIND_SPOT:
        return
    tokens[<int> TOLD_VOLUME] = tokens[<int> TOLD_QUOTE_VOLUME]
    tokens[<int> TOLD_QUOTE_VOLUME] = NULL
    if c.instruments[index].kind == KIND_INVERSE:
        tokens[<int> TOLD_QUOTE_VOLUME] = contracts


cdef bint tell_interval(Report *report, const char *after) noexcept nogil:
    """4.8: from the next settlement to the one after it; it can change at any time."""
    cdef Exact hour, between
    if not tell_time(report, TOLD_INTERVAL, after):
        return False
    exact_int(&hour, 3600000000000, 0)
    exact_plus(&report.values[<int> TOLD_INTERVAL], &report.values[<int> TOLD_NEXT], True, &between)
    tell_none(report, TOLD_INTERVAL)
    if positive(&between):
        exact_ratio(&between, &hour, HOURS_PLACES, &report.values[<int> TOLD_INTERVAL])
        report.derived |= <uint32_t> 1 << <int> TOLD_INTERVAL
    return True


cdef Outcome tell_all(Context *c, Stage *s, const Asked *asked, int32_t index, int64_t ts_ns,
                      const char **tokens) noexcept nogil:
    """One report of what a row has for each field."""
    cdef Report *report = new_report(s, index)
    cdef Told told
    cdef bint fine
    cdef int i
    if report == NULL:
        return REJECT_MEMORY
    report.ts_ns = ts_ns
    for i in range(FIELD_COUNT):
        if FIELDS[i].feed != asked.feed:
            continue
        told = FIELDS[i].told
        fine = True
        if tokens[<int> told] == NULL:
            tell_none(report, told)
        elif told == TOLD_NEXT:
            fine = tell_time(report, told, tokens[<int> told])
        elif told == TOLD_INTERVAL:
            fine = tell_interval(report, tokens[<int> told])
        else:
            fine = tell(report, told, tokens[<int> told])
        if not fine:
            return REJECT_NUMBER
        if report.values[<int> told].negative and not FIELDS[i].signed:
            return REJECT_NEGATIVE
        if FIELDS[i].filled and not report.values[<int> told].there:
            report.told &= ~(<uint32_t> 1 << <int> told)
    return DECODED


cdef Outcome ticker(Context *c, Stage *s, const Asked *asked, int32_t index, int64_t ts_ns,
                    const char **tokens) noexcept nogil:
    cdef Outcome outcome
    cdef Report *report
    ticker_volumes(c, index, tokens)
    outcome = tell_all(c, s, asked, index, ts_ns, tokens)
    if outcome == DECODED and c.instruments[index].kind == KIND_INVERSE:
        report = &s.reports[s.n_reports - 1]
        in_base(c.instruments[index], &report.values[<int> TOLD_QUOTE_VOLUME])
        report.derived |= <uint32_t> 1 << <int> TOLD_QUOTE_VOLUME
    return outcome


cdef Outcome report_row(Context *c, Value &value, Stage *s, const Asked *asked) noexcept nogil:
    """4.4, 4.6 to 4.9: one element of `data`."""
    cdef const char *tokens[TOLD_COUNT]
    cdef Fields row
    cdef Span name, kind
    cdef int64_t ts_ns = 0
    cdef int32_t index = NO_INSTRUMENT
    cdef Outcome outcome
    cdef int i
    memset(tokens, 0, sizeof(tokens))
    memset(&name, 0, sizeof(Span))
    memset(&kind, 0, sizeof(Span))
    if not row.open(value):
        return REJECT_SHAPE
    while row.next():
        if memcmp(row.key, b'instId"', 7) == 0:
            if not text(c, row.token(), &name):
                return REJECT_SHAPE
        elif memcmp(row.key, b'instType"', 9) == 0:
            if not text(c, row.token(), &kind):
                return REJECT_SHAPE
        elif memcmp(row.key, b'ts"', 3) == 0:
            if not time_ms(row.token(), &ts_ns):
                return REJECT_NUMBER
        elif escaped(row.key):
            return REJECT_SHAPE
        else:
            for i in range(FIELD_COUNT):
                if FIELDS[i].feed == asked.feed and (
                        memcmp(row.key, FIELDS[i].key, strlen(FIELDS[i].key)) == 0):
                    tokens[<int> FIELDS[i].told] = row.token()
    if not row.ok:
        return REJECT_JSON
    outcome = traded(&kind)
    if outcome != DECODED:
        return outcome
    # rows of 2021 give no time with a funding rate
    if ts_ns == 0 and asked.feed != FEED_FUNDING:
        return REJECT_SHAPE
    for i in range(FIELD_COUNT):
        if FIELDS[i].needed and FIELDS[i].feed == asked.feed and (
                tokens[<int> FIELDS[i].told] == NULL):
            return REJECT_SHAPE
    outcome = whose(c, &name, s, asked, &index)
    if outcome != DECODED:
        return outcome
    if asked.feed == FEED_TICKER:
        return ticker(c, s, asked, index, ts_ns, tokens)
    if asked.feed != FEED_INDEX:
        return tell_all(c, s, asked, index, ts_ns, tokens)
    while index >= 0 and outcome == DECODED:
        outcome = tell_all(c, s, asked, index, ts_ns, tokens)
        index = c.instruments[index].next_of_index
    return outcome


cdef Outcome ratio_rows(Context *c, Value &data, Stage *s, const Asked *asked) noexcept nogil:
    """7.5: [ts, ratio] rows of one contract, of which the newest is told, with the shares of
    accounts that follow from it."""
    cdef Items rows, cells
    cdef const char *ratio = NULL
    cdef const char *token = NULL
    cdef int64_t ts_ns, newest_ns = 0
    cdef int32_t index = NO_INSTRUMENT
    cdef Span unnamed
    cdef Report *report
    cdef Exact one, total
    cdef Exact *value
    cdef Outcome outcome
    memset(&unnamed, 0, sizeof(Span))
    if not rows.open(data):
        return REJECT_SHAPE
    while rows.next():
        if not cells.open(rows.value) or not cells.next():
            return REJECT_SHAPE
        if not time_ms(cells.token(), &ts_ns):
            return REJECT_NUMBER
        if not cells.next():
            return REJECT_SHAPE
        token = cells.token()
        while cells.next():
            pass
        if not cells.ok:
            return REJECT_JSON
        if ts_ns > newest_ns:
            newest_ns = ts_ns
            ratio = token
    if not rows.ok:
        return REJECT_JSON
    if ratio == NULL:
        return IGNORED
    outcome = whose(c, &unnamed, s, asked, &index)
    if outcome != DECODED:
        return outcome
    report = new_report(s, index)
    if report == NULL:
        return REJECT_MEMORY
    report.ts_ns = newest_ns
    if not tell(report, TOLD_RATIO, ratio):
        return REJECT_NUMBER
    value = &report.values[<int> TOLD_RATIO]
    if value.negative:
        return REJECT_NEGATIVE
    tell_none(report, TOLD_LONG)
    tell_none(report, TOLD_SHORT)
    exact_int(&one, 1, 0)
    exact_plus(value, &one, False, &total)
    exact_ratio(value, &total, SHARE_PLACES, &report.values[<int> TOLD_LONG])
    exact_ratio(&one, &total, SHARE_PLACES, &report.values[<int> TOLD_SHORT])
    report.derived |= (<uint32_t> 1 << <int> TOLD_LONG) | (<uint32_t> 1 << <int> TOLD_SHORT)
    return DECODED
