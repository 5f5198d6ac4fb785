"""REST polls."""

from p9core.snapshots cimport Snapshots


cdef class Polls(Snapshots):
    pass
