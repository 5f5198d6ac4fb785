"""What the core must know of an instrument to read and write its numbers."""

from libc.stdint cimport int32_t, int64_t, uint64_t


cdef enum Kind:
    KIND_SPOT
    KIND_LINEAR
    KIND_INVERSE   # margined in the base coin: its units are worth a fixed amount of the quote


cdef struct Instrument:
    int32_t index
    Kind kind
    int32_t next_of_index  # the next instrument priced by the same index, -1: none
    int32_t px_exp       # decimals of price mantissas
    int32_t qty_exp      # decimals of size mantissas, venue units
    int32_t need_px      # most decimals that a refused frame needed
    int32_t need_qty
    bint learn           # digits are taken as they come
    bint publish
    int64_t factor       # base units = venue units x factor x 10^-factor_exp; 0: unknown
    int32_t factor_exp
    int32_t name_size
    char *name           # owned; the venue's id, UTF-8


cdef struct Name:
    const char *at       # owned by the table
    int32_t size
    int32_t index
    uint64_t hash


cdef struct Names:
    # open addressing; a name is never removed
    Name *slots          # owned
    int32_t room         # a power of two
    int32_t used


cdef int32_t names_find(const Names *names, const char *at, int32_t size) noexcept nogil
cdef int names_add(Names *names, const char *at, int32_t size, int32_t index) except -1
cdef void names_free(Names *names) noexcept nogil
cdef int instrument_digits(Instrument *inst, object price_step, object qty_step,
                           object contract) except -1
