"""The clock of a stream: venue time as its messages tell it, and how far a timer may move it.

A message moves the clock to its own time; a timer, which knows only the receive clock, moves it
to `now - L`, where `L` bounds what receiving adds to venue time. Receive clocks are set anyhow:
that difference may have any sign and size, only how it spreads matters.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t


cdef extern from "<cstdint>" nogil:
    const int64_t NEVER "INT64_MIN"
    const int64_t LAG_UNKNOWN "INT64_MAX"


cdef enum:
    MAX_MEMBERS = 16

    LAG_ENOUGH = 20       # messages before quantiles are believed
    LAG_FINE = 16         # bins of 1 ms next to the anchor; as many in each doubling beyond
    LAG_SIDE = 192        # bins on either side of the anchor: up to 2^15 ms from it


cdef struct Clock:
    int64_t now                # T: the time that all is known up to; never goes back
    int64_t told[MAX_MEMBERS]  # of each member; NEVER before its first message
    uint32_t live              # a bit for each member
    int32_t members


cdef struct Lag:
    # Receive time less venue time, as a histogram that forgets: a message weighs half after
    # 10 minutes (in steps of 10 s). A bin is 1 ms wide up to 16 ms from the anchor, then a
    # sixteenth of that distance or less; the anchor is the median of the first messages and
    # follows the median later. What is read is the upper edge of a bin, so the bound is never
    # too low, and too high by the width of one.
    int64_t first[LAG_ENOUGH]     # ascending
    int32_t heard                 # messages, counted up to LAG_ENOUGH
    int32_t strays                # in a row that were out of range
    int64_t anchor_ns
    int64_t slot                  # of 10 s of receive time that the weights are of
    float weights[2 * LAG_SIDE]   # ascending


cdef void clock_init(Clock *clock, int members) noexcept nogil
cdef void clock_settle(Clock *clock) noexcept nogil
cdef void clock_live(Clock *clock, int member, bint live) noexcept nogil

cdef void lag_init(Lag *lag) noexcept nogil
cdef void lag_add(Lag *lag, int64_t recv_ns, int64_t ts_ns) noexcept nogil
cdef int64_t lag_bound(const Lag *lag) noexcept nogil


cdef inline void clock_told(Clock *clock, int member, int64_t ts_ns) noexcept nogil:
    if ts_ns > clock.told[member]:
        clock.told[member] = ts_ns
        clock_settle(clock)


cdef inline bint clock_ticks(const Clock *clock, int member) noexcept nogil:
    """Whether a timer may move this member's clock."""
    return (clock.live >> member) & 1


cdef inline int64_t lag_until(const Lag *lag, int64_t now_ns) noexcept nogil:
    """Venue time up to which all should have come by `now_ns`; NEVER where nothing is known."""
    cdef int64_t bound = lag_bound(lag)
    return NEVER if bound == LAG_UNKNOWN else now_ns - bound
