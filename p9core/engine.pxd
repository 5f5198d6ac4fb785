"""The order of the steps."""

from libc.stdint cimport int32_t, int64_t

from p9core.buffer cimport Bytes
from p9core.json cimport Document
from p9core.lines cimport Line
from p9core.messages cimport Messages
from p9core.sequence cimport Rule, Sequence
from p9core.types cimport Outcome


cdef class Engine(Messages):
    cdef Document *json
    cdef Bytes scratch       # a copy with padding behind it
    cdef int64_t last_now_ns
    cdef int32_t depth_levels
    cdef bint learn
    cdef readonly object resolver
    cdef dict reasons        # keeps reason texts alive
    cdef list wants

    cdef object take_frame(self, int32_t conn, int64_t recv_ns, const char *at, size_t size,
                           bint padded)
    cdef Outcome decode(self, int32_t endpoint, const char *at, size_t size) noexcept nogil
    cdef bint widen(self, Line *line) noexcept nogil
    cdef int lose_frame(self, int32_t conn, Outcome outcome, int64_t now) except -1
    cdef int resolve(self, int32_t endpoint) except -1
    cdef object control_of(self)
    cdef int update_instrument(self, int32_t index, price_step, qty_step, contract,
                               bint publish) except -1
    cdef int break_book(self, Line *line, str reason, int64_t now_ns) except -1
    cdef str remedy(self, const Sequence *q, const Rule *rule)
    cdef int want(self, str kind, int32_t instrument, int32_t attempt) except -1
    cdef bint replay_held(self, Line *line, int32_t included, int64_t now) noexcept nogil
    cdef void apply(self, Line *line, int32_t conn, int64_t recv_ns, int64_t now,
                    const char *at, size_t size) noexcept nogil
    cdef void apply_trades(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void apply_best(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void apply_depth(self, Line *line, int32_t conn, int64_t recv_ns, int64_t now,
                          const char *at, size_t size) noexcept nogil
    cdef bint verified(self, Line *line) noexcept nogil
    cdef void go_live(self, Line *line, int64_t last_id, int32_t owner, int64_t recv_ns,
                      int64_t now) noexcept nogil
    cdef void fail(self, Line *line, const char *reason, int64_t now) noexcept nogil
