"""The order of the steps."""

from libc.stdint cimport int32_t, int64_t

from p9core.instruments cimport Instrument
from p9core.lines cimport Line
from p9core.polls cimport Polls
from p9core.sequence cimport Rule, Sequence
from p9core.types cimport Outcome


cdef class Engine(Polls):
    cdef readonly object resolver
    cdef dict reasons        # keeps reason texts alive

    cdef object take_frame(self, int32_t conn, int64_t recv_ns, const char *at, size_t size,
                           bint padded)
    cdef Outcome decode_resolved(self, int32_t endpoint, const char *at, size_t size) except *
    cdef int lose_frame(self, int32_t conn, Outcome outcome, int64_t now) except -1
    cdef int resolve(self, int32_t endpoint) except -1
    cdef object control_of(self)
    cdef int update_instrument(self, int32_t index, const Instrument *told) except -1
    cdef int link_index(self, int32_t number, str index) except -1
    cdef int show_book(self, Line *line, int64_t now_ns) except -1
    cdef int break_book(self, Line *line, str reason, int64_t now_ns) except -1
    cdef str remedy(self, const Sequence *q, const Rule *rule)
