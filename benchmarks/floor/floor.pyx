# distutils: language = c++
"""The floor as Python calls it: one call a frame, like the engine."""

from libc.stdint cimport int64_t
from libcpp cimport bool as cbool


cdef extern from "floor.hpp" namespace "bench" nogil:
    cdef cppclass CFloor "bench::Floor":
        CFloor(int) except +
        cbool feed(const char *, size_t) except +
        cbool load(const char *, const char *, size_t) except +
        int64_t best(const char *, int) except +
        size_t count(const char *, int) except +


cdef class Floor:
    cdef CFloor *floor

    def __cinit__(self, int wire):
        self.floor = new CFloor(wire)

    def __dealloc__(self):
        del self.floor

    def feed(self, bytes frame not None):
        return self.floor.feed(<const char *> frame, len(frame))

    def load(self, bytes name not None, bytes body not None):
        return self.floor.load(<const char *> name, <const char *> body, len(body))

    def best(self, bytes name not None, int side):
        return self.floor.best(<const char *> name, side)

    def count(self, bytes name not None, int side):
        return self.floor.count(<const char *> name, side)
