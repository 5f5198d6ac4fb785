"""The order of the steps, and the state of each instrument."""

from libc.stdint cimport int32_t, int64_t

from p9core.book cimport Book
from p9core.buffer cimport Bytes
from p9core.instruments cimport Instrument, Names
from p9core.json cimport Document
from p9core.resp cimport Channel, Out
from p9core.sequence cimport Rule, Sequence, TradeRun
from p9core.types cimport FEED_COUNT, Outcome, Stage
from p9core.venues.decoder cimport Context
from p9core.venues.endpoints cimport ENDPOINT_COUNT, Endpoint


cdef enum:
    # behind the outcomes, one row of counters an endpoint
    COUNT_FRAMES = 32
    COUNT_BYTES
    COUNT_TRADES
    COUNT_BBO
    COUNT_DEPTH
    COUNT_DUPLICATES
    COUNT_FOREIGN
    COUNT_HELD
    COUNT_WAITING
    COUNT_SUPERSEDED
    COUNT_OTHER_VARIANT
    COUNT_UNPUBLISHED
    COUNT_DEPTH_GAPS
    COUNT_TRADE_GAPS
    COUNT_CHECKSUM_OK
    COUNT_CHECKSUM_BAD
    COUNT_CROSSED
    COUNT_SNAPSHOTS
    COUNT_SNAPSHOTS_STALE
    COUNT_SNAPSHOTS_UNNEEDED
    COUNT_RESCALED
    COUNTER_COUNT


cdef struct Line:
    # one instrument: everything that its frames touch
    Instrument inst          # first: decoders see a Line as an Instrument
    int32_t endpoint
    Book book
    Sequence sequence
    TradeRun trades
    Channel channels[FEED_COUNT]
    int64_t seen_ns[FEED_COUNT]  # receive time of the newest data frame
    int64_t bbo_order        # order and time of the newest best bid and offer
    int64_t bbo_ts_ns
    int64_t book_set_ns      # when the key of the book was written last
    int64_t depth_ts_ns      # venue time of the newest applied update
    char *book_key           # owned
    int32_t book_key_size


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


cdef struct Wire:
    # receive less venue time since it was asked for last, by clocks that may differ
    int64_t count
    int64_t total_ns
    int64_t least_ns
    int64_t most_ns


cdef class Engine:
    cdef Document *json
    cdef Context context[ENDPOINT_COUNT]
    cdef Names names[ENDPOINT_COUNT]
    cdef int64_t counts[ENDPOINT_COUNT][COUNTER_COUNT]
    cdef Wire wires[ENDPOINT_COUNT]
    cdef Stage stage
    cdef Out out
    cdef Bytes text          # the message being written
    cdef Bytes scratch       # a copy with padding behind it
    cdef Bytes events        # of Event
    cdef Line **lines        # owned
    cdef int32_t n_lines
    cdef int32_t room_lines
    cdef int64_t last_now_ns
    cdef int32_t depth_levels
    cdef bint learn
    cdef readonly object resolver
    cdef readonly str prefix
    cdef readonly frozenset stream_kinds
    cdef list specs          # a dict an instrument
    cdef list conns          # endpoint a connection, or None
    cdef list channel_names
    cdef list stream_names
    cdef dict spoken         # channels that Python speaks on: name -> Voice
    cdef dict reject_samples
    cdef dict reasons        # keeps reason texts alive
    cdef list wants

    cdef object take_frame(self, int32_t conn, int64_t recv_ns, const char *at, size_t size,
                           bint padded)
    cdef Outcome decode(self, int32_t endpoint, const char *at, size_t size) noexcept nogil
    cdef bint widen(self, Line *line) noexcept nogil
    cdef int lose_frame(self, int32_t conn, Outcome outcome, int64_t now) except -1
    cdef int resolve(self, int32_t endpoint) except -1
    cdef object control_of(self)
    cdef Line *line_at(self, int instrument) except NULL
    cdef int update_instrument(self, int32_t index, price_step, qty_step, contract,
                               bint publish) except -1
    cdef int break_book(self, Line *line, str reason, int64_t now_ns) except -1
    cdef str remedy(self, const Sequence *q, const Rule *rule)
    cdef void apply(self, Line *line, int32_t conn, int64_t recv_ns, int64_t now,
                    const char *at, size_t size) noexcept nogil
    cdef void apply_trades(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void apply_best(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void apply_depth(self, Line *line, int32_t conn, int64_t recv_ns, int64_t now,
                          const char *at, size_t size) noexcept nogil
    cdef bint verified(self, Line *line) noexcept nogil
    cdef void go_live(self, Line *line, int64_t last_id, int32_t owner, int64_t recv_ns,
                      int64_t now) noexcept nogil
    cdef void fail(self, Line *line, const char *reason, int64_t now) noexcept nogil
    cdef void hole(self, Line *line, int32_t feed, int64_t first_id, int64_t last_id,
                   bint filled) noexcept nogil
    cdef bint replay_held(self, Line *line, int32_t included, int64_t now) noexcept nogil
    cdef void withdraw(self, Line *line, const char *reason, int64_t now) noexcept nogil
    cdef void note_state(self, Line *line, const char *reason) noexcept nogil
    cdef int want(self, str kind, int32_t instrument, int32_t attempt) except -1
    cdef void say_depth(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void say_book(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void keep_book(self, Line *line, int64_t now) noexcept nogil
    cdef void say_channel_again(self, Channel *channel) noexcept nogil
    cdef int tell_events(self, int64_t now) except -1
    cdef int reject(self, int32_t endpoint, Outcome outcome, int64_t recv_ns, const char *at,
                    size_t size) except -1
    cdef int open_channel(self, Channel *channel, str kind, str name, str key_name,
                          dict head) except -1
    cdef int speak(self, str kind, str name, dict head, str fields, int64_t now) except -1
