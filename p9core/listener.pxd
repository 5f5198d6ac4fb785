from libc.stdint cimport int32_t, int64_t

from picows.picows cimport WSFrame, WSListener, WSTransport

from p9core.buffer cimport Bytes
from p9core.engine cimport Engine


cdef class FeedListener(WSListener):
    cdef Engine engine
    cdef int32_t conn
    cdef object owner
    cdef public object recorder
    cdef readonly int64_t last_recv_ns
    cdef readonly int64_t frames
    cdef readonly int64_t bytes_in
    cdef Bytes parts       # a fragmented message so far
    cdef bint in_parts

    cdef int join(self, WSTransport transport, int64_t now, WSFrame frame) except -1
    cdef int take(self, int64_t now, const char *at, size_t size, bint padded) except -1
