"""What is computed here from the own book and trades."""

from libc.stdint cimport int32_t, int64_t

from p9core.charts cimport Charts
from p9core.exact cimport Exact
from p9core.lines cimport Line
from p9core.types cimport Trade


cdef enum:
    MAX_DEPTHS = 8


cdef class Derived(Charts):
    cdef int64_t snapshot_ns     # period of snapshots
    cdef int32_t snapshot_levels
    cdef int64_t turn_ns         # the period that is being said, 0: none yet
    cdef int64_t next_turn_ns    # where the next one begins
    cdef int32_t depths[MAX_DEPTHS]  # level counts of the imbalance
    cdef int32_t n_depths

    cdef bint computes(self, const Line *line) noexcept nogil
    cdef const char *quality(self, const Line *line, int64_t now, int64_t *since) noexcept nogil
    cdef int set_block_least(self, Line *line, notional) except -1
    cdef void rescale_derived(self, Line *line, int px_power, int qty_power) noexcept nogil
    cdef void book_moved(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void put_quality(self, const char *quality, int64_t since) noexcept nogil
    cdef void say_imbalance(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void pass_turns(self, int64_t now) noexcept nogil
    cdef void begin_turns(self) noexcept nogil
    cdef void say_snapshots(self, int64_t now) noexcept nogil
    cdef bint capture(self, Line *line, int64_t due_ns) noexcept nogil
    cdef void say_snapshot(self, Line *line, int64_t now) noexcept nogil
    cdef void trade_seen(self, Line *line, const Trade *trade, int64_t recv_ns,
                         int64_t now) noexcept nogil
    cdef void say_block(self, Line *line, int64_t ts_ns, int64_t recv_ns, int64_t now,
                        const char *id, int32_t id_size, const Exact *price, const Exact *qty,
                        int side, const char *reason) noexcept nogil
    cdef void derive_on_timer(self, int64_t now) noexcept nogil


cdef void notional_of(const Line *line, const Exact *price, const Exact *size,
                      Exact *out) noexcept nogil
