"""CRC-32 over the top 25 levels, as recorded OKX books before 2026-06-23 carry it."""

from libc.stdint cimport int32_t

from p9core.book cimport Book
from p9core.buffer cimport Bytes
from p9core.instruments cimport Instrument

cdef int32_t book_checksum(const Book *book, const Instrument *inst, Bytes *text) noexcept nogil
