"""64-bit hash of a short text: eight bytes a step (multiply and fold, as wyhash does it)."""

from libc.stdint cimport int32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    static inline uint64_t p9_fold(uint64_t a, uint64_t b) {
      unsigned __int128 product = (unsigned __int128) a * b;
      return (uint64_t) product ^ (uint64_t) (product >> 64);
    }
    """
    uint64_t p9_fold(uint64_t, uint64_t) noexcept nogil


cdef inline uint64_t hash_of(const char *at, int32_t size) noexcept nogil:
    cdef uint64_t hash = 0x9E3779B97F4A7C15ULL ^ <uint64_t> size, word
    while size >= 8:
        memcpy(&word, at, 8)
        hash = p9_fold(hash ^ word, 0xA0761D6478BD642FULL)
        at += 8
        size -= 8
    word = 0
    if size > 0:
        memcpy(&word, at, size)
    return p9_fold(hash ^ word, 0xE7037ED1A0B428DBULL)
