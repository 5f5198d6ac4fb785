"""L2 book in integer mantissas. Knows no JSON and no venue.

A side is two arrays, keys and sizes, its best level last: most changes are near the top, so
they move few levels, and a search reads keys only. A key is the price mantissa on the bid side
and its negative on the ask side, so that both sides sort alike and share every line of code.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t

from p9core.types cimport Change


cdef struct Side:
    int64_t *keys     # owned, the sizes behind them; ascending, best last
    int64_t *qtys
    int32_t n
    int32_t room
    int64_t floor     # levels below this key were pruned: changes there are not taken
    int64_t known     # below this key the snapshot said nothing; NO_BOUND: it said all


cdef struct Book:
    Side bid
    Side ask
    int32_t keep      # levels a side holds at most
    int32_t slack     # by how many it may exceed that before it is pruned
    Change *pruned    # owned; what the last apply pruned away, as deletions
    int32_t n_pruned_bids
    int32_t n_pruned_asks
    int32_t room_pruned
    bint failed       # memory ran out: the book is no longer exact


cdef extern from "<cstdint>" nogil:
    const int64_t NO_BOUND "INT64_MIN"


cdef void book_init(Book *book, int32_t keep, int32_t slack) noexcept nogil
cdef void book_free(Book *book) noexcept nogil
cdef void book_clear(Book *book) noexcept nogil
cdef void book_load(Book *book, Change *bids, int32_t n_bids, Change *asks, int32_t n_asks,
                    int32_t limit) noexcept nogil
cdef void book_apply(Book *book, Change *bids, int32_t *n_bids,
                     Change *asks, int32_t *n_asks) noexcept nogil
cdef bint book_rescale(Book *book, int px_power, int qty_power) noexcept nogil
cdef bint book_thin(const Book *book, int32_t wanted) noexcept nogil


cdef inline bint book_crossed(const Book *book) noexcept nogil:
    """Best bid at or above best ask."""
    return (book.bid.n > 0 and book.ask.n > 0
            and book.bid.keys[book.bid.n - 1] >= -book.ask.keys[book.ask.n - 1])


cdef inline size_t book_bytes(const Book *book) noexcept nogil:
    return (sizeof(Book) + (book.bid.room + book.ask.room) * 2 * sizeof(int64_t)
            + book.room_pruned * sizeof(Change))
