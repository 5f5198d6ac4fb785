"""Clocks of one or several streams, and the bound of their lag."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from p9core.number cimport INT64_MAX, p9_clz


cdef enum:
    MS = 1_000_000
    HOLD_NS = 500 * MS          # no member holds the others up for longer
    FADE_SLOTS = 1200           # 20 half-lives: fading further tells no more
    ANCHOR_MS = 128             # the median may be this far from the anchor: bins of 8 ms
    RANGE_MS = 1 << 15
    MOST_STRAYS = 20            # so many in a row out of range: a clock was set anew

cdef int64_t SLOT_NS = 10_000_000_000
cdef int64_t BEFORE_NS = 1_000_000_000
cdef double FADE = 0.9885140203528962  # 2^(-10/600)


cdef void clock_init(Clock *clock, int members) noexcept nogil:
    cdef int i
    clock.now = NEVER
    for i in range(MAX_MEMBERS):
        clock.told[i] = NEVER
    clock.members = members
    clock.live = (1 << members) - 1


cdef void clock_settle(Clock *clock) noexcept nogil:
    """T is the least of the live members' clocks, but never further than HOLD_NS behind the
    greatest of all."""
    cdef int64_t least = INT64_MAX, greatest = NEVER, told
    cdef int i
    if clock.members == 1:
        if clock.told[0] > clock.now:
            clock.now = clock.told[0]
        return
    for i in range(clock.members):
        told = clock.told[i]
        if told > greatest:
            greatest = told
        if told < least and (clock.live >> i) & 1:
            least = told
    if greatest == NEVER:
        return
    if least > greatest:  # none is live
        least = greatest
    if least < greatest - HOLD_NS:
        least = greatest - HOLD_NS
    if least > clock.now:
        clock.now = least


cdef void clock_live(Clock *clock, int member, bint live) noexcept nogil:
    clock.live = (clock.live & ~(1u << member)) | (<uint32_t> live << member)
    clock_settle(clock)


cdef inline int place_of(int64_t ms) noexcept nogil:
    """Bin of a distance from the anchor, in whole ms below RANGE_MS."""
    cdef int shift
    if ms < LAG_FINE:
        return <int> ms
    shift = 59 - p9_clz(<uint64_t> ms)  # LAG_FINE <= ms >> shift < 2 LAG_FINE
    return LAG_FINE * shift + <int> (ms >> shift)


cdef inline int64_t edge_ms(int place) noexcept nogil:
    """Where that bin begins."""
    if place < LAG_FINE:
        return place
    return <int64_t> (LAG_FINE + place % LAG_FINE) << (place // LAG_FINE - 1)


cdef inline bint in_range(int64_t distance_ns) noexcept nogil:
    return -<int64_t> RANGE_MS * MS < distance_ns < <int64_t> RANGE_MS * MS


cdef inline int bin_of(int64_t distance_ns) noexcept nogil:
    """Bin of a distance from the anchor; the outermost for what is beyond."""
    if not in_range(distance_ns):
        return 0 if distance_ns < 0 else 2 * LAG_SIDE - 1
    if distance_ns < 0:
        return LAG_SIDE - 1 - place_of(-distance_ns // MS)
    return LAG_SIDE + place_of(distance_ns // MS)


cdef inline int64_t upper_ns(int at) noexcept nogil:
    """Distance from the anchor of the upper edge of a bin."""
    if at < LAG_SIDE:
        return -edge_ms(LAG_SIDE - 1 - at) * MS
    return edge_ms(at - LAG_SIDE + 1) * MS


cdef int above(const Lag *lag, double share, double total) noexcept nogil:
    """The highest bin that has more than this share of all weight in it and above it."""
    cdef double tail = 0
    cdef int i
    for i in range(2 * LAG_SIDE - 1, 0, -1):
        tail += lag.weights[i]
        if tail > share * total:
            return i
    return 0


cdef double weight(const Lag *lag) noexcept nogil:
    cdef double total = 0
    cdef int i
    for i in range(2 * LAG_SIDE):
        total += lag.weights[i]
    return total


cdef void anchor_anew(Lag *lag) noexcept nogil:
    """The anchor goes to the median; what each bin held goes to where its upper edge is now."""
    cdef float old[2 * LAG_SIDE]
    cdef int64_t moved = upper_ns(above(lag, 0.5, weight(lag)))
    cdef int i
    if -ANCHOR_MS * MS <= moved <= ANCHOR_MS * MS:
        return
    for i in range(2 * LAG_SIDE):
        old[i] = lag.weights[i]
        lag.weights[i] = 0
    lag.anchor_ns += moved
    for i in range(2 * LAG_SIDE):
        lag.weights[bin_of(upper_ns(i) - moved)] += old[i]


cdef void fade(Lag *lag, int64_t slots) noexcept nogil:
    cdef double factor = 1
    cdef int i
    for i in range(<int> slots if slots < FADE_SLOTS else FADE_SLOTS):
        factor *= FADE
    for i in range(2 * LAG_SIDE):
        lag.weights[i] *= <float> factor


cdef void lag_init(Lag *lag) noexcept nogil:
    memset(lag, 0, sizeof(Lag))


cdef void begin(Lag *lag, int64_t value, int64_t slot) noexcept nogil:
    """One of the first messages; the last of them begins the histogram."""
    cdef int at = lag.heard, i
    while at > 0 and lag.first[at - 1] > value:
        lag.first[at] = lag.first[at - 1]
        at -= 1
    lag.first[at] = value
    lag.heard += 1
    if lag.heard == LAG_ENOUGH:
        lag.anchor_ns = lag.first[LAG_ENOUGH // 2]
        lag.slot = slot
        for i in range(LAG_ENOUGH):
            lag.weights[bin_of(lag.first[i] - lag.anchor_ns)] += 1


cdef void lag_add(Lag *lag, int64_t recv_ns, int64_t ts_ns) noexcept nogil:
    cdef int64_t value = recv_ns - ts_ns, slot = recv_ns // SLOT_NS
    if lag.heard == LAG_ENOUGH:
        lag.strays = 0 if in_range(value - lag.anchor_ns) else lag.strays + 1
        if lag.strays >= MOST_STRAYS:
            lag_init(lag)
    if lag.heard < LAG_ENOUGH:
        begin(lag, value, slot)
        return
    if slot > lag.slot:
        # all of them the same, and only now: a quantile does not change by it
        fade(lag, slot - lag.slot)
        lag.slot = slot
        anchor_anew(lag)
    lag.weights[bin_of(value - lag.anchor_ns)] += 1


cdef int64_t lag_bound(const Lag *lag) noexcept nogil:
    """L = max(p99 + 50 ms, p50 + 100 ms). Of fewer than LAG_ENOUGH messages: a second more than
    the greatest; of none: LAG_UNKNOWN."""
    cdef double total
    cdef int64_t high, middle
    if lag.heard == 0:
        return LAG_UNKNOWN
    if lag.heard < LAG_ENOUGH:
        return lag.first[lag.heard - 1] + BEFORE_NS
    total = weight(lag)
    high = upper_ns(above(lag, 0.01, total)) + 50 * MS
    middle = upper_ns(above(lag, 0.5, total)) + 100 * MS
    return lag.anchor_ns + (high if high > middle else middle)
