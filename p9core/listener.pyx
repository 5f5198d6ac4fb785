"""The seam to picows, and the only file that knows it on the core's side.

The payload pointer is valid until `on_ws_frame` returns, with at least 256 readable bytes
behind it (picows 2.3.1), so frames are decoded in place.
"""

import cython
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from picows.picows cimport WSFrame, WSListener, WSMsgType, WSTransport

from p9core.buffer cimport put, release, reserve
from p9core.engine cimport Engine

cdef extern from *:
    """
    #include <time.h>
    static inline long long p9_wall_ns(void) {
      struct timespec t;
      clock_gettime(CLOCK_REALTIME, &t);
      return (long long) t.tv_sec * 1000000000LL + t.tv_nsec;
    }
    """
    int64_t p9_wall_ns() noexcept nogil

cdef enum:
    MAX_MESSAGE = 64 << 20


@cython.final
cdef class FeedListener(WSListener):
    """One connection: stamps, joins fragments, answers pings, hands the bytes to the engine.

    `owner` has on_open(transport), on_close(), on_control(Control) and flush(), which is
    called when a socket read has left output behind.
    """

    def __init__(self, Engine engine not None, int conn, owner):
        self.engine = engine
        self.conn = conn
        self.owner = owner

    def __dealloc__(self):
        release(&self.parts)

    cpdef on_ws_connected(self, WSTransport transport):
        self.owner.on_open(transport)

    cpdef on_ws_disconnected(self, WSTransport transport):
        self.owner.on_close()

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        cdef int64_t now = p9_wall_ns()
        cdef WSMsgType kind = frame.msg_type
        self.last_recv_ns = now
        if kind == WSMsgType.TEXT and frame.fin and not self.in_parts:
            self.take(now, frame.payload_ptr, frame.payload_size, True)
        elif kind == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif kind != WSMsgType.PONG:
            self.join(transport, now, frame)
        # what was the last frame of this read, of whatever kind, ends the batch
        if frame.last_in_buffer and self.engine.has_output():
            self.owner.flush()

    cdef int join(self, WSTransport transport, int64_t now, WSFrame frame) except -1:
        """A message in parts (or binary: decoded alike, and refused there)."""
        put(&self.parts, frame.payload_ptr, frame.payload_size)
        self.in_parts = not frame.fin
        if self.parts.size > MAX_MESSAGE or self.parts.failed:
            release(&self.parts)
            self.in_parts = False
            transport.disconnect(False)
            return 0
        if frame.fin:
            if reserve(&self.parts, 64):
                memset(self.parts.at + self.parts.size, 0, 64)
                self.take(now, self.parts.at, self.parts.size, True)
            release(&self.parts)
        return 0

    cdef int take(self, int64_t now, const char *at, size_t size, bint padded) except -1:
        self.frames += 1
        self.bytes_in += <int64_t> size
        if self.recorder is not None:
            self.recorder(self.conn, now, at[:size])
        control = self.engine.take_frame(self.conn, now, at, size, padded)
        if control is not None:
            self.owner.on_control(control)
        return 0
