"""Decimal text <-> int64 mantissa at a power of ten. Exact, or an error; never rounded."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from p9core.buffer cimport Bytes, reserve, uint_before

cdef extern from *:
    """
    typedef unsigned __int128 p9_wide;
    static const unsigned long long P9_POW10[20] = {
      1ULL, 10ULL, 100ULL, 1000ULL, 10000ULL, 100000ULL, 1000000ULL, 10000000ULL, 100000000ULL,
      1000000000ULL, 10000000000ULL, 100000000000ULL, 1000000000000ULL, 10000000000000ULL,
      100000000000000ULL, 1000000000000000ULL, 10000000000000000ULL, 100000000000000000ULL,
      1000000000000000000ULL, 10000000000000000000ULL};
    """
    # 128 bits, whatever the declaration here says
    ctypedef unsigned long long wide "p9_wide"
    const uint64_t *P9_POW10


cdef extern from "<cstdint>" nogil:
    const int64_t INT64_MAX


cdef enum:
    MAX_EXPONENT = 18  # 10^18 is the last power of ten that an int64 holds


cdef enum Number:
    NUMBER_OK
    NUMBER_BAD        # no decimal number
    NUMBER_SURPLUS    # a digit other than 0 stands beyond the exponent
    NUMBER_OVERFLOW   # the mantissa does not fit int64


cdef Number decimal_slow(const char *token, int exponent, int64_t *out, int *need,
                        const char **end) noexcept nogil


cdef inline bint ends_number(char c) noexcept nogil:
    return c == b"," or c == b"]" or c == b"}" or c == b" " or c == b"\n" or c == b"\r" or c == b"\t"


cdef inline Number decimal_to(const char *token, int exponent, int64_t *out, int *need,
                              const char **end) noexcept nogil:
    """Reads the JSON token (a number, or a string that holds one) at `token`; `end` is set
    behind it.

    `out` is the mantissa at 10^-exponent. `need` is raised to the number of decimals that
    the value really has, zeros at its end not counted, also where that is too many.
    """
    cdef const char *p = token
    cdef bint quoted = p[0] == b'"'
    cdef bint negative
    cdef uint64_t mantissa = 0
    cdef int left = exponent, digits, decimals = 0, last = 0
    cdef unsigned int digit
    cdef const char *start
    p += quoted
    negative = p[0] == b"-"
    p += negative
    start = p
    while True:
        digit = <unsigned int> (p[0] - 48)
        if digit > 9:
            break
        mantissa = mantissa * 10 + digit
        p += 1
    digits = <int> (p - start)
    if digits == 0:
        return NUMBER_BAD
    if p[0] == b".":
        p += 1
        while True:
            digit = <unsigned int> (p[0] - 48)
            if digit > 9:
                break
            decimals += 1
            if digit:
                last = decimals
            if left > 0:
                mantissa = mantissa * 10 + digit
                left -= 1
            p += 1
        if decimals == 0:
            return NUMBER_BAD
    if digits + exponent > MAX_EXPONENT or p[0] == b"e" or p[0] == b"E":
        return decimal_slow(token, exponent, out, need, end)
    if not (p[0] == b'"' if quoted else ends_number(p[0])):
        return NUMBER_BAD
    end[0] = p + quoted
    if last > need[0]:
        need[0] = last
    if last > exponent:
        return NUMBER_SURPLUS
    mantissa *= P9_POW10[left]
    out[0] = -<int64_t> mantissa if negative else <int64_t> mantissa
    return NUMBER_OK


cdef inline Number decimal(const char *token, int exponent, int64_t *out, int *need) noexcept nogil:
    """As `decimal_to`, for a token of its own."""
    cdef const char *end
    return decimal_to(token, exponent, out, need, &end)


cdef inline Number integer(const char *token, int64_t *out) noexcept nogil:
    """Reads an integer, bare or quoted."""
    cdef int need = 0
    return decimal(token, 0, out, &need)


cdef inline void put_digits(Bytes *b, const char *digits, int count, int exponent,
                            bint negative) noexcept nogil:
    """Writes `count` digits at 10^-exponent canonically: no zero stands at either end."""
    cdef char *to
    cdef int whole = count - exponent, decimals, i
    if not reserve(b, count + (exponent if exponent > 0 else -exponent) + 4):
        return
    to = b.at + b.size
    if negative:
        to[0] = b"-"
        to += 1
    if whole > 0:
        memcpy(to, digits, whole)
        to += whole
        digits += whole
        decimals = exponent
    else:
        to[0] = b"0"
        to += 1
        decimals = count
    while decimals > 0 and digits[decimals - 1] == b"0":
        decimals -= 1
    if decimals > 0:
        to[0] = b"."
        to += 1
        for i in range(-whole):
            to[0] = b"0"
            to += 1
        memcpy(to, digits, decimals)
        to += decimals
    b.size = to - b.at


cdef inline void put_decimal(Bytes *b, int64_t mantissa, int exponent) noexcept nogil:
    """Writes mantissa x 10^-exponent canonically. Copies are of fixed size, into room that is
    there and from digits with slack behind them: a call for a few bytes costs more than the
    bytes."""
    cdef char text[80]
    cdef char *digits
    cdef char *to
    cdef int count, whole, decimals, i
    if not reserve(b, 96):
        return
    to = b.at + b.size
    if mantissa == 0:
        to[0] = b"0"
        b.size += 1
        return
    if mantissa < 0:
        to[0] = b"-"
        to += 1
    digits = uint_before(text + 32, 0 - <uint64_t> mantissa if mantissa < 0 else <uint64_t> mantissa)
    count = <int> (text + 32 - digits)
    whole = count - exponent
    if whole > 0:
        memcpy(to, digits, 20)
        to += whole
        digits += whole
        decimals = exponent
    else:
        to[0] = b"0"
        to += 1
        decimals = count
    while decimals > 0 and digits[decimals - 1] == b"0":
        decimals -= 1
    if decimals > 0:
        to[0] = b"."
        to += 1
        for i in range(-whole):
            to[0] = b"0"
            to += 1
        memcpy(to, digits, 20)
        to += decimals
    b.size = to - b.at


cdef inline char *wide_before(char *end, wide value) noexcept nogil:
    cdef uint64_t low
    cdef int i
    while value >= <wide> P9_POW10[19]:
        low = <uint64_t> (value % <wide> P9_POW10[19])
        value = value // <wide> P9_POW10[19]
        for i in range(19):
            end -= 1
            end[0] = <char> (48 + low % 10)
            low //= 10
    return uint_before(end, <uint64_t> value)


cdef inline void put_product(Bytes *b, int64_t one, int64_t other, int exponent) noexcept nogil:
    """Writes one x other at 10^-exponent, the product taken in 128 bits."""
    cdef char text[40]
    cdef char *start
    cdef bint negative = (one < 0) != (other < 0)
    cdef wide product
    if one == 0 or other == 0:
        put_digits(b, b"0", 1, 0, False)
        return
    product = <wide> (0 - <uint64_t> one if one < 0 else <uint64_t> one)
    product = product * <wide> (0 - <uint64_t> other if other < 0 else <uint64_t> other)
    start = wide_before(text + 40, product)
    put_digits(b, start, <int> (text + 40 - start), exponent, negative)


cdef inline bint scale(int64_t *value, int power) noexcept nogil:
    """value x 10^power in place; False, value untouched, where that leaves int64."""
    cdef int64_t bound
    if power < 0 or power > MAX_EXPONENT:
        return value[0] == 0
    bound = INT64_MAX // <int64_t> P9_POW10[power]
    if value[0] > bound or value[0] < -bound:
        return False
    value[0] *= <int64_t> P9_POW10[power]
    return True
