"""What the readers of Binance's frames and bodies share: a payload's fields, and what is asked of
a number."""

from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcmp, memset

from p9core.exact cimport Exact, exact_read, exact_shift
from p9core.json cimport Fields, Value
from p9core.number cimport NUMBER_OK
from p9core.types cimport *
from p9core.venues.decoder cimport new_report, positive, tell, tell_none, tell_time


cdef struct Payload:
    const char *by_letter[64]  # token of each one-letter key, by its low six bits
    const char *pu
    const char *nq
    const char *st
    const char *ap
    Value k                    # what stands inside a kline, and inside a forced order
    Value o
    bint partial               # a partial book: whole top levels, no diff
    bint late                  # levels stood before the symbol, or data before the stream's name
    Outcome outcome            # of the levels


cdef inline const char *at(const Payload *p, char letter) noexcept nogil:
    return p.by_letter[letter & 63]


cdef inline void nested(Payload *p, char letter, Value value) noexcept nogil:
    if letter == b"k":
        p.k = value
    elif letter == b"o":
        p.o = value


cdef inline void gather(Fields *f, Payload *p) noexcept nogil:
    """All of an object that holds no levels."""
    memset(p, 0, sizeof(Payload))
    while f.next():
        if f.key[1] == b'"':
            p.by_letter[f.key[0] & 63] = f.token()
            if f.token()[0] == b"{":
                nested(p, f.key[0], f.value)
        elif memcmp(f.key, b'st"', 3) == 0:
            p.st = f.token()
        elif memcmp(f.key, b'ap"', 3) == 0:
            p.ap = f.token()


cdef inline Outcome more_than_zero(const char *token, Exact *out) noexcept nogil:
    if token == NULL:
        return REJECT_SHAPE
    if exact_read(token, out) != NUMBER_OK:
        return REJECT_NUMBER
    return DECODED if positive(out) else REJECT_NEGATIVE


cdef inline Outcome not_less_than_zero(const char *token, Exact *out) noexcept nogil:
    if token == NULL:
        return REJECT_SHAPE
    if exact_read(token, out) != NUMBER_OK or not out.there:
        return REJECT_NUMBER
    return REJECT_NEGATIVE if out.negative else DECODED


cdef inline Outcome report(Stage *s, int32_t instrument, int64_t ts_ns,
                           const char **tokens) noexcept nogil:
    """One report from the tokens by `Told`; NULL tells nothing."""
    cdef uint32_t signed = (<uint32_t> 1 << <int> TOLD_RATE) | (<uint32_t> 1 << <int> TOLD_CHANGE)
    cdef Report *told = new_report(s, instrument)
    cdef bint number
    cdef int i
    if told == NULL:
        return REJECT_MEMORY
    told.ts_ns = ts_ns
    for i in range(TOLD_COUNT):
        if i == TOLD_NEXT:
            number = tell_time(told, TOLD_NEXT, tokens[i])
        else:
            number = tell(told, <Told> i, tokens[i])
        if not number:
            return REJECT_NUMBER
        if told.values[i].negative and not (signed >> i) & 1:
            return REJECT_NEGATIVE
    # in percent
    exact_shift(&told.values[<int> TOLD_CHANGE], -2)
    if tokens[<int> TOLD_NEXT] != NULL and not told.values[<int> TOLD_NEXT].there:
        # 4.13: a delivery contract; the rate is "", or a 0 that means as little
        tell_none(told, TOLD_RATE)
    return DECODED
