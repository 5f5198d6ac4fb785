"""Insurance funds."""

from libc.stdint cimport int32_t, int64_t

from p9core.reports cimport Reports


cdef class Funds(Reports):
    cdef dict funds          # exchange -> {(pool, asset): (amount, ts_ns)}
    cdef dict funds_said_ns  # exchange -> when they were published last
    cdef dict funds_seen_ns  # exchange -> receive time

    cdef int apply_balances(self, int32_t endpoint, int64_t recv_ns, int64_t now,
                            int64_t old_ns) except -1
