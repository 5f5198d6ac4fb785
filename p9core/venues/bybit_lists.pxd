"""Bybit lists, and what the rows of REST bodies share with them."""

from libc.stdint cimport int64_t

from p9core.exact cimport Exact
from p9core.json cimport Value
from p9core.types cimport Kline, Outcome, Span, Stage, Timeframe
from p9core.venues.decoder cimport Context

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

cdef Outcome amount(const char *token, bint zero, Exact *out) noexcept nogil
cdef int64_t length_ns(Timeframe timeframe) noexcept nogil
cdef Outcome candle(const char **columns, Kline *kline) noexcept nogil
cdef Outcome candles(Context *c, Value &data, const Span *topic, Stage *s) noexcept nogil
cdef Outcome liquidations(Context *c, Value &data, const Span *symbol, Stage *s) noexcept nogil
cdef Outcome balances(Context *c, Value &data, Stage *s) noexcept nogil
