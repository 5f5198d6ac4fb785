"""The exact numbers of the core, for Python: tests, tools and the reference data."""

from libc.stdint cimport int64_t, uint64_t

from p9core.buffer cimport Bytes, release


cdef Number decimal_slow(const char *token, int exponent, int64_t *out, int *need) noexcept nogil:
    """As `decimal_text`, for what its 18 digits do not hold and for 1e-7 forms."""
    cdef const char *p = token
    cdef bint quoted = p[0] == b'"'
    cdef bint negative, huge = False, point = False, down = False, any_digit = False
    cdef wide value = 0
    cdef int significant = 0, zeros = 0, decimals = 0, power = 0, shift, i
    cdef unsigned int digit
    p += quoted
    negative = p[0] == b"-"
    p += negative
    while True:
        digit = <unsigned int> (p[0] - 48)
        if digit <= 9:
            any_digit = True
            if decimals > 100000 or zeros > 100000:
                return NUMBER_BAD
            decimals += point
            if digit == 0:
                zeros += significant > 0
            else:
                significant += zeros + 1
                if significant > 38:
                    huge = True
                if not huge:
                    for i in range(zeros + 1):
                        value = value * <wide> 10
                    value = value + <wide> digit
                zeros = 0
        elif p[0] == b"." and not point and any_digit:
            point = True
        else:
            break
        p += 1
    if not any_digit or (point and decimals == 0):
        return NUMBER_BAD
    if p[0] == b"e" or p[0] == b"E":
        p += 1
        if p[0] == b"-" or p[0] == b"+":
            down = p[0] == b"-"
            p += 1
        if <unsigned int> (p[0] - 48) > 9:
            return NUMBER_BAD
        while <unsigned int> (p[0] - 48) <= 9:
            if power < 100000:
                power = power * 10 + (p[0] - 48)
            p += 1
        if down:
            power = -power
    if not (p[0] == b'"' if quoted else ends_number(p[0])):
        return NUMBER_BAD
    if significant == 0:
        out[0] = 0
        return NUMBER_OK
    # value x 10^(zeros + power - decimals), its last digit is not 0
    shift = zeros + power - decimals
    if -shift > need[0]:
        need[0] = -shift
    if -shift > exponent:
        return NUMBER_SURPLUS
    shift += exponent
    if huge or shift + significant > 19 + 1:
        return NUMBER_OVERFLOW
    for i in range(shift):
        value = value * <wide> 10
    if value > <wide> INT64_MAX:
        return NUMBER_OVERFLOW
    out[0] = -<int64_t> value if negative else <int64_t> value
    return NUMBER_OK


cdef bytes quoted(str text):
    """A JSON token with readable bytes behind it."""
    return b'"' + text.encode() + b'"' + bytes(16)


def parse(str text not None, int exponent) -> int:
    """Mantissa of the decimal `text` at 10^-exponent.

    ValueError: no decimal number, or a digit other than 0 beyond the exponent.
    OverflowError: the mantissa does not fit int64.
    """
    if not 0 <= exponent <= MAX_EXPONENT:
        raise ValueError(f"exponent {exponent} is not in 0..{MAX_EXPONENT}")
    cdef bytes token = quoted(text)
    cdef int64_t out = 0
    cdef int need = 0
    cdef Number found = decimal(token, exponent, &out, &need)
    if found == NUMBER_BAD or '"' in text:
        raise ValueError(f"no decimal number: {text[:40]!r}")
    if found == NUMBER_SURPLUS:
        raise ValueError(f"{text[:40]!r} has more than {exponent} decimals")
    if found == NUMBER_OVERFLOW:
        raise OverflowError(f"{text[:40]!r} does not fit int64 at {exponent} decimals")
    return out


def format(int64_t mantissa, int exponent) -> str:
    """Canonical text of mantissa x 10^-exponent: no zeros at the end, no exponent form."""
    cdef Bytes b = Bytes(NULL, 0, 0, False)
    if not 0 <= exponent <= 2 * MAX_EXPONENT:
        raise ValueError(f"exponent {exponent} is not in 0..{2 * MAX_EXPONENT}")
    put_decimal(&b, mantissa, exponent)
    try:
        return b.at[:b.size].decode()
    finally:
        release(&b)


def product(int64_t one, int64_t other, int exponent) -> str:
    """Canonical text of one x other x 10^-exponent, exact in 128 bits (a notional)."""
    cdef Bytes b = Bytes(NULL, 0, 0, False)
    if not 0 <= exponent <= 2 * MAX_EXPONENT:
        raise ValueError(f"exponent {exponent} is not in 0..{2 * MAX_EXPONENT}")
    put_product(&b, one, other, exponent)
    try:
        return b.at[:b.size].decode()
    finally:
        release(&b)


def decimals(str text not None) -> int:
    """How many decimals the value of `text` has, zeros at its end not counted.

    ValueError: no decimal number.
    """
    cdef bytes token = quoted(text)
    cdef int64_t out = 0
    cdef int need = 0
    if decimal(token, 0, &out, &need) == NUMBER_BAD or '"' in text:
        raise ValueError(f"no decimal number: {text[:40]!r}")
    return need
