"""What the engine says."""

from libc.stdint cimport int32_t, int64_t

from p9core.buffer cimport Bytes
from p9core.lines cimport Line, Lines
from p9core.resp cimport Out
from p9core.types cimport Stage


cdef enum EventKind:
    EVENT_STATE       # a book became LIVE or INVALID
    EVENT_HOLE        # updates or trades are missing


cdef struct Event:
    # noticed on the hot path, told at the end of the entry
    EventKind kind
    int32_t line
    int32_t feed
    const char *reason
    int64_t first_id  # of a hole
    int64_t last_id
    int64_t t0_ns
    int64_t t1_ns
    bint filled       # what was missing has come


cdef class Messages(Lines):
    cdef Stage stage         # the update that is being applied
    cdef Out out
    cdef Bytes text          # the message being written
    cdef Bytes events        # of Event
    cdef dict spoken         # channels that Python speaks on: name -> its voice

    cdef bint served(self, const Line *line) noexcept nogil
    cdef bint serves_depth(self, const Line *line) noexcept nogil
    cdef void say_depth(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void say_book(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void keep_book(self, Line *line, int64_t now) noexcept nogil
    cdef void withdraw(self, Line *line, const char *reason, int64_t now) noexcept nogil
    cdef void note_state(self, Line *line, const char *reason) noexcept nogil
    cdef void hole(self, Line *line, int32_t feed, int64_t first_id, int64_t last_id,
                   bint filled) noexcept nogil
    cdef int tell_events(self, int64_t now) except -1
    cdef int speak(self, str kind, str name, dict head, str fields, int64_t now,
                   int64_t ts_ns=?, int64_t recv_ns=?) except -1
    cdef void flush_voices(self, int64_t now_ns) noexcept nogil
