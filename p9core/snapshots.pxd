"""How a REST book meets the stream."""

from libc.stdint cimport int32_t, int64_t

from p9core.lines cimport Line
from p9core.updates cimport Updates


cdef class Snapshots(Updates):
    cdef bint replay_held(self, Line *line, int32_t included, int64_t now) noexcept nogil
