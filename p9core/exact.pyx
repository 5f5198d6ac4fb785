"""Reads, computes and writes decimals of any exponent."""

from libc.stdint cimport int16_t, int64_t, uint64_t
from libc.string cimport memcmp, memset

from p9core.buffer cimport Bytes, put
from p9core.number cimport (NUMBER_BAD, NUMBER_OK, NUMBER_OVERFLOW, Number, ends_number, put_digits,
                            wide, wide_before)

cdef extern from *:
    """
    static const p9_wide P9_WIDE_MAX = ~(p9_wide) 0;
    /* Cython takes `wide` for 64 bits: what must not be narrowed is written in C. */
    static inline int p9_wide_times(p9_wide a, p9_wide b, p9_wide *out) {
      return !__builtin_mul_overflow(a, b, out);
    }
    static inline int p9_wide_plus(p9_wide a, p9_wide b, p9_wide *out) {
      return !__builtin_add_overflow(a, b, out);
    }
    static inline int p9_wide_tenths(p9_wide *a) {
      if (*a % 10 != 0) return 0;
      *a /= 10;
      return 1;
    }
    /* a / b to the nearest, halves away from zero; 0 where b is 0 */
    static inline int p9_wide_ratio(p9_wide a, p9_wide b, p9_wide *out) {
      if (b == 0) return 0;
      *out = a / b;
      if (a % b >= b - a % b) *out += 1;
      return 1;
    }
    """
    bint p9_wide_times(wide, wide, wide *) noexcept nogil
    bint p9_wide_plus(wide, wide, wide *) noexcept nogil
    bint p9_wide_tenths(wide *) noexcept nogil
    bint p9_wide_ratio(wide, wide, wide *) noexcept nogil


cdef void canonical(Exact *value) noexcept nogil:
    if value.mantissa == 0:
        value.exponent = 0
        value.negative = False
    while value.exponent > 0 and p9_wide_tenths(&value.mantissa):
        value.exponent -= 1


cdef bint scaled(wide *mantissa, int power) noexcept nogil:
    """mantissa x 10^power; False where that does not fit."""
    cdef int i
    for i in range(power):
        if not p9_wide_times(mantissa[0], 10, mantissa):
            return False
    return True


cdef Number exact_read(const char *token, Exact *out) noexcept nogil:
    """Reads the JSON token, a number or a string that holds one. "" and null are NUMBER_OK and
    not `there`."""
    cdef const char *p = token
    cdef bint quoted, point = False
    cdef int digits = 0, exponent = 0, written = 0, power = 0
    cdef bint minus = False
    memset(out, 0, sizeof(Exact))
    if token == NULL or memcmp(token, b'""', 2) == 0:
        return NUMBER_OK
    if memcmp(token, b"null", 4) == 0 and ends_number(token[4]):
        return NUMBER_OK
    quoted = p[0] == b'"'
    p += quoted
    if p[0] == b"-":
        out.negative = True
        p += 1
    while 48 <= p[0] <= 57 or (p[0] == b"." and not point):
        if p[0] == b".":
            point = True
            p += 1
            continue
        digits += 1
        if written > 0 or p[0] != b"0":
            if written >= EXACT_DIGITS:
                if p[0] != b"0" or not point:
                    return NUMBER_OVERFLOW
                p += 1
                continue  # a zero that says nothing
            out.mantissa = out.mantissa * 10 + <wide> (p[0] - 48)
            written += 1
        exponent += point
        p += 1
    if digits == 0 or p[-1] == b".":
        return NUMBER_BAD
    if p[0] == b"e" or p[0] == b"E":
        p += 1
        minus = p[0] == b"-"
        if p[0] == b"-" or p[0] == b"+":
            p += 1
        digits = 0
        while 48 <= p[0] <= 57:
            power = power * 10 + (p[0] - 48)
            digits += 1
            p += 1
            if digits > 3:
                return NUMBER_OVERFLOW
        if digits == 0:
            return NUMBER_BAD
        exponent += power if minus else -power
    if not (p[0] == b'"' if quoted else ends_number(p[0])):
        return NUMBER_BAD
    if out.mantissa == 0:
        exponent = 0
    if exponent < 0:
        if not scaled(&out.mantissa, -exponent):
            return NUMBER_OVERFLOW
        exponent = 0
    # what is in front must fit int16 before zeros are taken off
    if exponent > 1000:
        return NUMBER_OVERFLOW
    out.exponent = <int16_t> exponent
    out.there = True
    canonical(out)
    return NUMBER_OK if out.exponent <= EXACT_PLACES else NUMBER_OVERFLOW


cdef void exact_int(Exact *out, int64_t value, int exponent) noexcept nogil:
    """value x 10^-exponent."""
    out.negative = value < 0
    out.mantissa = <wide> (0 - <uint64_t> value if value < 0 else <uint64_t> value)
    out.exponent = <int16_t> exponent
    out.there = True
    canonical(out)


cdef bint exact_times(const Exact *a, const Exact *b, Exact *out) noexcept nogil:
    """False, and `out` not there, where a factor is not there or the product does not fit."""
    cdef Exact product
    memset(&product, 0, sizeof(Exact))
    product.there = (a.there and b.there and a.exponent + b.exponent <= EXACT_PLACES
                     and p9_wide_times(a.mantissa, b.mantissa, &product.mantissa))
    product.exponent = a.exponent + b.exponent
    product.negative = a.negative != b.negative
    if not product.there:
        memset(&product, 0, sizeof(Exact))
    canonical(&product)
    out[0] = product
    return product.there


cdef bint exact_plus(const Exact *a, const Exact *b, bint minus, Exact *out) noexcept nogil:
    """a + b, or a - b with `minus`; as `exact_times` where that cannot be."""
    cdef Exact one = a[0], other = b[0]
    cdef Exact none
    memset(&none, 0, sizeof(Exact))
    if minus:
        other.negative = not other.negative
    if not (one.there and other.there):
        out[0] = none
        return False
    if one.exponent < other.exponent:
        if not scaled(&one.mantissa, other.exponent - one.exponent):
            out[0] = none
            return False
        one.exponent = other.exponent
    elif not scaled(&other.mantissa, one.exponent - other.exponent):
        out[0] = none
        return False
    if one.negative == other.negative:
        if not p9_wide_plus(one.mantissa, other.mantissa, &one.mantissa):
            out[0] = none
            return False
    elif one.mantissa >= other.mantissa:
        one.mantissa = one.mantissa - other.mantissa
    else:
        one.mantissa = other.mantissa - one.mantissa
        one.negative = other.negative
    canonical(&one)
    out[0] = one
    return True


cdef bint exact_ratio(const Exact *a, const Exact *b, int places, Exact *out) noexcept nogil:
    """a / b, the one thing that is rounded: to the nearest at `places` decimals."""
    cdef wide top = a.mantissa, bottom = b.mantissa
    cdef int power = places + b.exponent - a.exponent
    cdef Exact ratio
    memset(&ratio, 0, sizeof(Exact))
    out[0] = ratio
    if not (a.there and b.there):
        return False
    if not (scaled(&top, power) if power >= 0 else scaled(&bottom, -power)):
        return False
    if not p9_wide_ratio(top, bottom, &ratio.mantissa):
        return False
    ratio.there = True
    ratio.exponent = <int16_t> places
    ratio.negative = a.negative != b.negative
    canonical(&ratio)
    out[0] = ratio
    return True


cdef void exact_shift(Exact *value, int power) noexcept nogil:
    """value x 10^power, in place; not there any more where that does not fit."""
    cdef int exponent = value.exponent - power
    if not value.there:
        return
    if exponent < 0:
        value.there = scaled(&value.mantissa, -exponent)
        exponent = 0
    value.exponent = <int16_t> exponent
    canonical(value)


cdef void put_exact(Bytes *b, const Exact *value) noexcept nogil:
    """Canonical digits, or null."""
    cdef char text[48]
    cdef char *start
    if not value.there:
        put(b, b"null", 4)
        return
    start = wide_before(text + 48, value.mantissa)
    put_digits(b, start, <int> (text + 48 - start), value.exponent, value.negative)
