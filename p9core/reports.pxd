"""What venues tell of an instrument besides its book and trades, and what is said of that."""

from libc.stdint cimport int32_t, int64_t, uint32_t

from p9core.lines cimport Line
from p9core.prints cimport Prints
from p9core.types cimport Feed, Report


cdef class Reports(Prints):
    cdef int64_t again_ns[32]    # by feed: published again after so long, changed or not

    cdef int32_t apply_reports(self, int32_t conn, int64_t recv_ns, int64_t now,
                               int64_t old_ns) noexcept nogil
    cdef void forget_facts(self, Line *line) noexcept nogil
    cdef bint merge(self, Line *line, const Report *report, Feed feed, uint32_t told, int64_t now,
                    bint *changed) noexcept nogil
    cdef void complete(self, Line *line, uint32_t told) noexcept nogil
    cdef void say_facts(self, Line *line, Feed feed, int64_t recv_ns, int64_t now) noexcept nogil
    cdef int32_t apply_klines(self, int32_t conn, int64_t recv_ns, int64_t now) noexcept nogil
