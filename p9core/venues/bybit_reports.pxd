"""What the Bybit streams besides book and trades say, and what their REST bodies share with
them."""

from libc.stdint cimport int64_t

from p9core.exact cimport Exact
from p9core.json cimport Value
from p9core.types cimport Kline, Outcome, Report, Span, Stage, Timeframe, Told
from p9core.venues.decoder cimport Context

cdef enum:
    # Context.market of the endpoints
    SPOT = 0
    LINEAR = 1

cdef enum Column:
    # of a candle, in the order of a REST row
    COLUMN_START
    COLUMN_OPEN
    COLUMN_HIGH
    COLUMN_LOW
    COLUMN_CLOSE
    COLUMN_VOLUME
    COLUMN_TURNOVER
    COLUMN_COUNT

cdef Outcome other(Context *c, Value &data, const Span *topic, const Span *kind,
                   Stage *s) noexcept nogil
cdef void date(Stage *s) noexcept nogil
cdef Outcome ticker(Context *c, Value &row, const Span *name, bint all_told,
                    Report *report) noexcept nogil
cdef bint tell_half(Report *report, Told field, const char *both) noexcept nogil
cdef Outcome amount(const char *token, bint zero, Exact *out) noexcept nogil
cdef Outcome candle(const char **columns, Kline *kline) noexcept nogil
cdef int64_t length_ns(Timeframe timeframe) noexcept nogil
cdef Outcome balance(Context *c, Value &row, Stage *s) noexcept nogil
