"""A growing run of bytes, and the small writers that everything printed goes through."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, strlen


cdef extern from *:
    """
    static const char P9_PAIRS[201] =
      "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
      "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
      "8081828384858687888990919293949596979899";
    """
    const char *P9_PAIRS


cdef struct Bytes:
    char *at       # owned
    size_t size
    size_t room
    bint failed    # memory ran out once: what was written since is incomplete


cdef inline bint reserve(Bytes *b, size_t more) noexcept nogil:
    """Room for `more` further bytes; False, and `failed` set, where memory ran out."""
    cdef size_t room
    cdef char *at
    if b.size + more <= b.room:
        return True
    room = b.room + b.room // 2 + more + 64
    at = <char *> realloc(b.at, room)
    if at == NULL:
        b.failed = True
        return False
    b.at = at
    b.room = room
    return True


cdef inline void put(Bytes *b, const char *text, size_t size) noexcept nogil:
    # of nothing there may be no buffer to copy to
    if size > 0 and reserve(b, size):
        memcpy(b.at + b.size, text, size)
        b.size += size


cdef inline void put_text(Bytes *b, const char *text) noexcept nogil:
    put(b, text, strlen(text))


cdef inline char *uint_before(char *end, uint64_t value) noexcept nogil:
    """Writes `value` so that its last digit stands just before `end`; returns its start."""
    cdef uint64_t rest
    while value >= 100:
        rest = value % 100
        value //= 100
        end -= 2
        memcpy(end, P9_PAIRS + 2 * rest, 2)
    if value >= 10:
        end -= 2
        memcpy(end, P9_PAIRS + 2 * value, 2)
    else:
        end -= 1
        end[0] = <char> (48 + value)
    return end


cdef inline void put_uint(Bytes *b, uint64_t value) noexcept nogil:
    cdef char text[20]
    cdef char *start = uint_before(text + 20, value)
    put(b, start, text + 20 - start)


cdef inline void put_int(Bytes *b, int64_t value) noexcept nogil:
    if value < 0:
        put(b, b"-", 1)
        put_uint(b, 0 - <uint64_t> value)
    else:
        put_uint(b, <uint64_t> value)


cdef inline void release(Bytes *b) noexcept nogil:
    free(b.at)
    b.at = NULL
    b.size = b.room = 0
    b.failed = False
