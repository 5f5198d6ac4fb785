"""A decimal that brings its own exponent, for what no step of an instrument bounds: mark prices,
rates, open interest. Exact up to 38 digits, or an error; never rounded but by `exact_ratio`."""

from libc.stdint cimport int16_t, int64_t, uint64_t

from p9core.buffer cimport Bytes
from p9core.number cimport Number, wide


cdef extern from *:
    """
    static inline uint64_t p9_low(p9_wide value) { return (uint64_t) value; }
    """
    uint64_t p9_low(wide) noexcept nogil


cdef enum:
    EXACT_DIGITS = 38
    EXACT_PLACES = 60    # most decimals


cdef struct Exact:
    wide mantissa        # the value is mantissa x 10^-exponent; no zeros at the end of decimals
    int16_t exponent     # never negative
    bint negative
    bint there           # False: the venue gave no value ("" or null)


cdef Number exact_read(const char *token, Exact *out) noexcept nogil
cdef void exact_int(Exact *out, int64_t value, int exponent) noexcept nogil
cdef bint exact_times(const Exact *a, const Exact *b, Exact *out) noexcept nogil
cdef bint exact_plus(const Exact *a, const Exact *b, bint minus, Exact *out) noexcept nogil
cdef bint exact_ratio(const Exact *a, const Exact *b, int places, Exact *out) noexcept nogil
cdef void exact_shift(Exact *value, int power) noexcept nogil
cdef void put_exact(Bytes *b, const Exact *value) noexcept nogil


cdef inline bint exact_same(const Exact *a, const Exact *b) noexcept nogil:
    return (a.there == b.there and a.mantissa == b.mantissa and a.exponent == b.exponent
            and a.negative == b.negative)


cdef inline bint exact_zero(const Exact *value) noexcept nogil:
    return value.mantissa == 0
