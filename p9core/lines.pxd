"""An instrument with everything that its frames touch, and the table of them."""

from libc.stdint cimport int32_t, int64_t

from p9core.book cimport Book
from p9core.instruments cimport Instrument, Names
from p9core.resp cimport Channel
from p9core.sequence cimport Sequence, TradeRun
from p9core.types cimport FEED_COUNT, Outcome
from p9core.venues.decoder cimport Context
from p9core.venues.endpoints cimport ENDPOINT_COUNT


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


cdef struct Wire:
    # receive less venue time since it was asked for last, by clocks that may differ
    int64_t count
    int64_t total_ns
    int64_t least_ns
    int64_t most_ns


cdef char *copy_of(bytes text) except NULL
cdef void channel_free(Channel *channel) noexcept


cdef class Lines:
    cdef Context context[ENDPOINT_COUNT]
    cdef Names names[ENDPOINT_COUNT]
    cdef int64_t counts[ENDPOINT_COUNT][COUNTER_COUNT]
    cdef Wire wires[ENDPOINT_COUNT]
    cdef Line **lines        # owned
    cdef int32_t n_lines
    cdef int32_t room_lines
    cdef int64_t epoch       # number of the run
    cdef readonly str prefix
    cdef readonly frozenset stream_kinds
    cdef list specs          # a dict an instrument
    cdef list conns          # endpoint a connection, or None
    cdef list channel_names
    cdef list stream_names
    cdef dict reject_samples

    cdef int open_channel(self, Channel *channel, str kind, str name, str key_name,
                          dict head) except -1
    cdef Line *make_line(self, str endpoint, str venue_id, str exchange, str symbol,
                         const Instrument *digits) except NULL
    cdef Line *line_at(self, int instrument) except NULL
    cdef int reject(self, int32_t endpoint, Outcome outcome, int64_t recv_ns, const char *at,
                    size_t size) except -1
