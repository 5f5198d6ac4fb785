"""Book checksum. The venue's own digits are canonical, so they are made anew from the
mantissas (venue units: contracts stay contracts)."""

from libc.stdint cimport int32_t, uint32_t

from p9core.book cimport Book, Side
from p9core.buffer cimport Bytes, put
from p9core.instruments cimport Instrument
from p9core.number cimport put_decimal

cdef uint32_t[256] TABLE


cdef void fill_table() noexcept nogil:
    cdef uint32_t i, j, value
    for i in range(256):
        value = i
        for j in range(8):
            value = (value >> 1) ^ (0xEDB88320U if value & 1 else 0)
        TABLE[i] = value


fill_table()


cdef inline void put_level(Bytes *b, const Instrument *inst, const Side *side, int sign,
                           int32_t i) noexcept nogil:
    if i >= side.n:
        return
    i = side.n - 1 - i
    if b.size:
        put(b, b":", 1)
    put_decimal(b, sign * side.keys[i], inst.px_exp)
    put(b, b":", 1)
    put_decimal(b, side.qtys[i], inst.qty_exp)


cdef int32_t book_checksum(const Book *book, const Instrument *inst, Bytes *text) noexcept nogil:
    """bid:size:ask:size:... of the 25 best, a missing level left out; signed CRC-32 (IEEE)."""
    cdef uint32_t crc = 0xFFFFFFFFU
    cdef size_t i
    cdef int32_t n
    text.size = 0
    for n in range(25):
        put_level(text, inst, &book.bid, 1, n)
        put_level(text, inst, &book.ask, -1, n)
    for i in range(text.size):
        crc = TABLE[(crc ^ <unsigned char> text.at[i]) & 0xFF] ^ (crc >> 8)
    return <int32_t> (crc ^ 0xFFFFFFFFU)
