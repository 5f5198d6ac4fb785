"""How a frame changes its line."""

from libc.stdint cimport int32_t, int64_t

from p9core.buffer cimport Bytes
from p9core.json cimport Document
from p9core.lines cimport Line
from p9core.funds cimport Funds
from p9core.types cimport Outcome


cdef enum:
    PADDING = 64            # what the JSON reader may read behind a frame
    MAX_FRAME = 64 << 20
    MAX_WANTS = 4096


cdef class Updates(Funds):
    cdef Document *json      # owned
    cdef Bytes scratch       # a copy with padding behind it
    cdef int64_t last_now_ns
    cdef int32_t depth_levels
    cdef bint learn
    cdef list wants

    cdef Outcome decode(self, int32_t endpoint, const char *at, size_t size) noexcept nogil
    cdef bint widen(self, Line *line) noexcept nogil
    cdef void note_wire(self, int32_t endpoint, int64_t recv_ns) noexcept nogil
    cdef int apply_others(self, int32_t endpoint, int32_t conn, int64_t recv_ns, int64_t now,
                          int64_t old_ns) except -1
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
    cdef int want(self, str kind, int32_t instrument, int32_t attempt) except -1
