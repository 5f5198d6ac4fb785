"""Bars and candles as Python sees them: dictionaries of int, or of decimal text."""

from libc.stdint cimport int32_t

from p9core.analytics.bars cimport Bar, Residual
from p9core.types cimport Kline


cdef struct Emission:
    int timeframe
    bint closed
    Bar bar


cdef struct Emissions:
    Emission *at   # owned
    int32_t n
    int32_t room
    bint failed    # memory ran out: what was emitted is incomplete


cdef void gather(void *who, int timeframe, const Bar *bar, bint closed) noexcept nogil
cdef list emissions_take(Emissions *out)
cdef void emissions_free(Emissions *out) noexcept nogil
cdef int kline_of(dict candle, Kline *out) except -1
cdef dict residual_told(const Residual *found)
