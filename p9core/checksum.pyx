"""Book checksum. The venue's own digits are canonical, so they are made anew from the
mantissas (venue units: contracts stay contracts)."""

from libc.stdint cimport int32_t, uint32_t
from libc.string cimport memcpy

from p9core.book cimport Book, Side
from p9core.buffer cimport Bytes, reserve
from p9core.instruments cimport Instrument
from p9core.number cimport DECIMAL_ROOM, write_decimal

# TABLES[k][b]: what byte b does to the checksum when k more bytes follow it in a block of eight
cdef uint32_t[8][256] TABLES


cdef void fill_table() noexcept nogil:
    cdef uint32_t i, j, value
    for i in range(256):
        value = i
        for j in range(8):
            value = (value >> 1) ^ (0xEDB88320U if value & 1 else 0)
        TABLES[0][i] = value
    for j in range(1, 8):
        for i in range(256):
            value = TABLES[j - 1][i]
            TABLES[j][i] = TABLES[0][value & 0xFF] ^ (value >> 8)


fill_table()


cdef inline char *put_level(char *to, const Instrument *inst, const Side *side, int sign,
                            int32_t i) noexcept nogil:
    i = side.n - 1 - i
    to = write_decimal(to, sign * side.keys[i], inst.px_exp)
    to[0] = b":"
    to = write_decimal(to + 1, side.qtys[i], inst.qty_exp)
    to[0] = b":"
    return to + 1


cdef int32_t book_checksum(const Book *book, const Instrument *inst, Bytes *text) noexcept nogil:
    """bid:size:ask:size:... of the 25 best, a missing level left out; signed CRC-32 (IEEE)."""
    cdef uint32_t crc = 0xFFFFFFFFU, low, high
    cdef char *to
    cdef const char *at
    cdef int32_t n
    text.size = 0
    if not reserve(text, 100 * (DECIMAL_ROOM + 1)):
        return 0
    to = at = text.at
    for n in range(25):
        if n < book.bid.n:
            to = put_level(to, inst, &book.bid, 1, n)
        if n < book.ask.n:
            to = put_level(to, inst, &book.ask, -1, n)
    to -= to > at  # the colon behind the last one
    while to - at >= 8:
        memcpy(&low, at, 4)
        memcpy(&high, at + 4, 4)
        low ^= crc
        crc = (TABLES[7][low & 0xFF] ^ TABLES[6][(low >> 8) & 0xFF]
               ^ TABLES[5][(low >> 16) & 0xFF] ^ TABLES[4][low >> 24]
               ^ TABLES[3][high & 0xFF] ^ TABLES[2][(high >> 8) & 0xFF]
               ^ TABLES[1][(high >> 16) & 0xFF] ^ TABLES[0][high >> 24])
        at += 8
    while at < to:
        crc = TABLES[0][(crc ^ <unsigned char> at[0]) & 0xFF] ^ (crc >> 8)
        at += 1
    return <int32_t> (crc ^ 0xFFFFFFFFU)
