"""One state machine for the books of all venues, and one for their runs of trades.

    COLD ------> BUFFERING ------> LIVE ------> INVALID
     first frame    snapshot bridged  gap, checksum,   |
                    ^                 crossed, silence |
                    +----------- repair asked ---------+

The venues' rules are data (`Rule`). Every update is one link `prev_id -> last_id`.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t

from p9core.buffer cimport Bytes
from p9core.types cimport Stage, Trade


cdef struct Rule:
    bint pushed          # the venue pushes snapshots into the stream
    bint rest            # a REST snapshot can start the book
    bint overlap         # an update may begin before what is known ends
    bint monotone        # ids only grow: an older one is a duplicate, not a reset
    int64_t patience_ns  # how long a pushed snapshot may take before it is asked for again
    int32_t keep         # levels a side held
    int32_t slack        # see Book.slack


cdef enum State:
    COLD
    BUFFERING
    LIVE
    INVALID


cdef enum Verdict:
    APPLY       # the next link
    LOAD        # a snapshot: replaces the book
    HOLD        # keep the frame until a snapshot bridges to it
    DUPLICATE   # already in the book
    FOREIGN     # of a connection that does not own this book
    WAIT        # nothing to apply it to yet
    GAP         # updates are missing


cdef enum:
    RECENT = 32              # ids remembered where ids may go back
    MAX_HELD = 10000         # frames
    MAX_HELD_BYTES = 2 << 20
    MAX_REFRESH_BYTES = 256 << 10  # while LIVE


cdef struct Held:
    # stands in `held` before the bytes of its frame
    int64_t recv_ns
    int64_t first_id
    int64_t prev_id
    int64_t last_id
    int32_t size
    int32_t element    # of the frame
    bint known_recv


cdef struct Sequence:
    State state
    const char *reason      # why it is not LIVE; a literal
    int64_t last_id         # NO_ID where the venue gives none
    int64_t since_ns        # when this state began
    int32_t owner           # connection that pushed the snapshot; -1: any may continue
    int32_t stream          # variant of the feed, -1 until one is seen
    bint joined             # an update has continued the REST snapshot
    bint pending            # a REST snapshot stands in the book, no update has reached it yet
    bint refresh            # LIVE, and a newer snapshot is wanted
    int32_t passed          # updates passed over since then, before one continued the snapshot
    int64_t recent[RECENT]  # last ids, where they may go back
    int32_t at_recent
    Bytes held              # Held headers and frames
    int32_t n_held
    int64_t held_last       # last_id of the newest held frame
    bint asked              # a repair is wanted or under way
    int64_t ask_at_ns       # when to ask (again)
    int32_t attempts        # asked since it was last LIVE
    int64_t resyncs         # times it left LIVE and asked for repair
    int64_t gaps


cdef void sequence_init(Sequence *q) noexcept nogil
cdef Verdict sequence_next(Sequence *q, const Rule *rule, const Stage *s, int32_t conn) noexcept nogil
cdef Verdict sequence_link(const Sequence *q, const Rule *rule, int64_t prev_id, int64_t last_id) noexcept nogil
cdef void sequence_hold(Sequence *q, const Stage *s, int64_t recv_ns, bint known_recv,
                        const char *frame, size_t size) noexcept nogil
cdef void sequence_drop_held(Sequence *q) noexcept nogil
cdef void sequence_applied(Sequence *q, int64_t last_id) noexcept nogil
cdef void sequence_note(Sequence *q, int64_t last_id) noexcept nogil
cdef int32_t sequence_bridge(const Sequence *q, const Rule *rule, int64_t snapshot_id) noexcept nogil
cdef void sequence_live(Sequence *q, int64_t last_id, int32_t owner, int64_t now_ns) noexcept nogil
cdef void sequence_fail(Sequence *q, const Rule *rule, const char *reason, int64_t now_ns) noexcept nogil
cdef int64_t sequence_backoff(const Sequence *q) noexcept nogil


cdef enum:
    # what sequence_bridge says beside a number of frames
    BRIDGE_STALE = -1    # the snapshot is older than what is held
    BRIDGE_AHEAD = -2    # it is newer, or what is held does not tell: the next update will


cdef enum TradeVerdict:
    TRADE_NEW
    TRADE_HOLE         # new, and `hole_from`..`hole_to` are missing before it
    TRADE_LATE         # new, and one of those that were missing
    TRADE_FILLED       # likewise, the last of them
    TRADE_DUPLICATE
    TRADE_SUPERSEDED   # an aggregate, where single fills are there


cdef enum:
    REMEMBERED = 4096  # ids remembered, at least, where they are not consecutive


cdef struct TradeRun:
    int64_t last_number     # NO_ID until the first
    int64_t last_fill
    bint fills              # single fills are there: aggregates are not taken
    bint aggregates         # the last one taken was an aggregate
    int32_t stream          # variant of the feed, -1 until one is seen
    uint64_t *seen          # owned, two tables of `slots` hashes, the newer first; NULL at first
    int32_t slots           # a power of two, up to 2 x REMEMBERED
    int32_t n_seen          # in the newer table
    int64_t hole_from       # the newest hole
    int64_t hole_to
    int64_t hole_next       # the least of it that may still come
    int64_t hole_left       # how many of it are missing


cdef void trades_init(TradeRun *run) noexcept nogil
cdef void trades_free(TradeRun *run) noexcept nogil
cdef TradeVerdict trades_next(TradeRun *run, const Trade *trade) noexcept nogil
