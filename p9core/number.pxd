"""Decimal text <-> int64 mantissa at a power of ten. Exact, or an error; never rounded."""

from libc.stdint cimport int64_t, uint8_t, uint64_t
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
    int p9_ctz "__builtin_ctzll"(uint64_t) noexcept nogil
    int p9_clz "__builtin_clzll"(uint64_t) noexcept nogil


cdef extern from "<cstdint>" nogil:
    const int64_t INT64_MAX


cdef enum:
    MAX_EXPONENT = 18  # 10^18 is the last power of ten that an int64 holds


cdef enum Number:
    NUMBER_OK
    NUMBER_BAD        # no decimal number
    NUMBER_SURPLUS    # a digit other than 0 stands beyond the exponent
    NUMBER_OVERFLOW   # the mantissa does not fit int64


cdef Number decimal_slow(const char *token, int exponent, int64_t *out, int *need) noexcept nogil


cdef inline bint ends_number(char c) noexcept nogil:
    return c == b"," or c == b"]" or c == b"}" or c == b" " or c == b"\n" or c == b"\r" or c == b"\t"


cdef inline uint64_t eight(const char *p) noexcept nogil:
    """The next eight bytes, less '0' each: digits are 0 to 9, the first byte lowest (the
    machines that this is built for are little-endian)."""
    cdef uint64_t bytes
    memcpy(&bytes, p, 8)
    return bytes ^ 0x3030303030303030ULL


cdef inline int digits_of(uint64_t bytes) noexcept nogil:
    """How many digits stand before the first other byte, 8 if all are digits. A carry out of
    another byte reaches only what stands behind it."""
    cdef uint64_t others = ((bytes + 0x7676767676767676ULL) | bytes) & 0x8080808080808080ULL
    return p9_ctz(others) >> 3 if others else 8


cdef inline uint64_t value_of(uint64_t bytes, int n) noexcept nogil:
    """The number that the first `n` digits (1 to 8) are: pairs, then fours, then all."""
    bytes = bytes << (8 * (8 - n))
    bytes = (bytes * 2561) >> 8
    bytes = ((bytes & 0x00FF00FF00FF00FFULL) * 6553601) >> 16
    return ((bytes & 0x0000FFFF0000FFFFULL) * 42949672960001ULL) >> 32


cdef inline Number decimal_text(const char *token, int exponent, int64_t *out, int *need,
                                const char **text, uint8_t *size) noexcept nogil:
    """Reads the JSON token (a number, or a string that holds one) at `token`. At least 16 bytes
    behind the token must be readable.

    `out` is the mantissa at 10^-exponent. Where that has too few decimals, `need` is raised to
    the number that the value really has, zeros at its end not counted. `text` and `size` are
    set to the digits as they are to be written, zeros at the end left out, where the venue
    wrote them so; else `size` is 0.
    """
    cdef const char *p = token
    cdef bint quoted = p[0] == b'"'
    cdef uint64_t bytes, mantissa
    cdef int digits, decimals, kept
    size[0] = 0
    p += quoted
    bytes = eight(p)
    digits = digits_of(bytes)
    if digits == 0 or digits + exponent > MAX_EXPONENT:
        # a sign, or no number, or one that may be too large
        return decimal_slow(token, exponent, out, need)
    mantissa = value_of(bytes, digits)
    text[0] = p
    # 00.5 is no way to write a number
    size[0] = 0 if digits > 1 and p[0] == b"0" else digits
    p += digits
    kept = 0
    if p[0] == b".":
        bytes = eight(p + 1)
        decimals = digits_of(bytes)
        p += 1 + decimals
        if decimals == 0:
            return NUMBER_BAD
        kept = decimals
        if decimals > exponent:
            # what is beyond the exponent must be zeros
            kept = exponent
            if ((bytes >> (8 * exponent)) << (8 * (8 - decimals + exponent))) != 0:
                size[0] = 0
                return decimal_slow(token, exponent, out, need)
        if kept > 0:
            mantissa = mantissa * P9_POW10[kept] + value_of(bytes, kept)
        bytes = bytes << (8 * (8 - decimals))
        if bytes != 0 and size[0]:
            size[0] += <uint8_t> (1 + decimals - (p9_clz(bytes) >> 3))
    if not (p[0] == b'"' if quoted else ends_number(p[0])):
        # more than eight digits, an exponent form, or no number
        size[0] = 0
        return decimal_slow(token, exponent, out, need)
    out[0] = <int64_t> (mantissa * P9_POW10[exponent - kept])
    return NUMBER_OK


cdef inline Number decimal(const char *token, int exponent, int64_t *out, int *need) noexcept nogil:
    """As `decimal_text`, for who needs no text."""
    cdef const char *text
    cdef uint8_t size
    return decimal_text(token, exponent, out, need, &text, &size)


cdef inline Number integer(const char *token, int64_t *out) noexcept nogil:
    """Reads an integer, bare or quoted: ids and times, most of them of 9 to 16 digits."""
    cdef const char *p = token
    cdef bint quoted = p[0] == b'"'
    cdef uint64_t bytes, value
    cdef int digits, need = 0
    p += quoted
    bytes = eight(p)
    digits = digits_of(bytes)
    if digits == 0:
        return decimal_slow(token, 0, out, &need)
    value = value_of(bytes, digits)
    p += digits
    if digits == 8:
        bytes = eight(p)
        digits = digits_of(bytes)
        p += digits
        if digits > 0:
            value = value * P9_POW10[digits] + value_of(bytes, digits)
    if not (p[0] == b'"' if quoted else ends_number(p[0])):
        return decimal_slow(token, 0, out, &need)
    out[0] = <int64_t> value
    return NUMBER_OK


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


cdef enum:
    DECIMAL_ROOM = 80  # what write_decimal needs: digits, point, zeros, and slack for its copies


cdef inline char *write_decimal(char *to, int64_t mantissa, int exponent) noexcept nogil:
    """Writes mantissa x 10^-exponent (at most 36) canonically; returns the place behind it.
    Copies are of fixed size, from digits with slack behind them: a call for a few bytes costs
    more than the bytes."""
    cdef char text[52]
    cdef char *digits
    cdef int count, whole, decimals, i
    if mantissa == 0:
        to[0] = b"0"
        return to + 1
    if mantissa < 0:
        to[0] = b"-"
        to += 1
    digits = uint_before(text + 20, 0 - <uint64_t> mantissa if mantissa < 0 else <uint64_t> mantissa)
    count = <int> (text + 20 - digits)
    decimals = exponent
    # zeros at the end of the decimals are not written
    while decimals > 0 and count > 1 and digits[count - 1] == b"0":
        count -= 1
        decimals -= 1
    whole = count - decimals
    if whole > 0:
        memcpy(to, digits, 20)
        to += whole
        digits += whole
        if decimals > 0:
            to[0] = b"."
            memcpy(to + 1, digits, 20)
            to += 1 + decimals
        return to
    to[0] = b"0"
    to[1] = b"."
    to += 2
    for i in range(-whole):
        to[0] = b"0"
        to += 1
    memcpy(to, digits, 20)
    return to + count


cdef inline void put_decimal(Bytes *b, int64_t mantissa, int exponent) noexcept nogil:
    if reserve(b, DECIMAL_ROOM):
        b.size = write_decimal(b.at + b.size, mantissa, exponent) - b.at


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
