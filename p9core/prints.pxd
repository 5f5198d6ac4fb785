"""What happened once: liquidations and blocks."""

from libc.stdint cimport int32_t, int64_t

from p9core.derived cimport Derived
from p9core.lines cimport Line
from p9core.types cimport Print


cdef class Prints(Derived):
    cdef int32_t apply_prints(self, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void say_print(self, Line *line, const Print *event, int64_t recv_ns,
                        int64_t now) noexcept nogil
