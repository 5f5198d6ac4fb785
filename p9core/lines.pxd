"""An instrument with everything that its frames touch, and the table of them."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from p9core.book cimport Book
from p9core.instruments cimport Instrument, Names
from p9core.exact cimport Exact
from p9core.number cimport wide
from p9core.resp cimport Channel, Voice
from p9core.sequence cimport Sequence, TradeRun
from p9core.types cimport FEED_COUNT, TOLD_COUNT, Feed, Kline, Outcome
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
    COUNT_REPORTS
    COUNT_PRINTS
    COUNT_KLINES
    COUNT_BALANCES
    COUNT_POLLS
    COUNT_OLD
    COUNT_BLOCKS
    COUNT_SNAPSHOTS_SAID
    COUNT_CANDLES
    COUNT_CANDLES_LATE
    COUNT_CANDLES_REFUSED
    COUNT_CANDLES_CHECKED
    COUNT_CANDLES_DIFFER
    COUNTER_COUNT


cdef enum:
    PRINTS = 256   # in a cascade Bybit tells more than a hundred liquidations a second


cdef struct Facts:
    # what the venue has told besides book and trades, merged; the newest value of each field
    Exact values[TOLD_COUNT]
    uint32_t known           # fields that were told, some of them as of no value
    uint32_t derived         # of those, the ones that the decoder has computed
    uint32_t computed        # fields that follow from others, as the venue does not tell them
    uint32_t series          # fields that the changes on `conn` and the snapshot before have told
    int64_t ts_ns[FEED_COUNT]    # venue time of the newest
    int64_t said_ns[FEED_COUNT]  # when it was published last
    int32_t conn             # connection whose changes continue the ticker; -1: none


cdef struct Shown:
    # of the book, as it was published last: top levels at the turn of the period, and when
    int64_t *levels          # owned; keys and sizes of bids, then of asks
    int32_t n_bids
    int32_t n_asks
    int64_t last_id
    int64_t due_ns           # the turn that `levels` is of; 0: it was said
    int32_t px_exp           # digits and contract size of then
    int32_t qty_exp
    int64_t factor
    int32_t factor_exp
    int64_t since_ns
    const char *quality
    int64_t imbalance_ns     # when the imbalance was published last
    bint imbalance_due       # the book has changed since
    const char *imbalance_quality


cdef struct Line:
    # one instrument: everything that its frames touch
    Instrument inst          # first: decoders see a Line as an Instrument
    int32_t endpoint
    Book book
    Sequence sequence
    TradeRun trades
    Voice voices[FEED_COUNT] # none for candles: they have one a timeframe
    int64_t seen_ns[FEED_COUNT]  # receive time of the newest data
    int64_t streamed_ns[FEED_COUNT]  # likewise, polls not counted: they hide a dead stream
    int64_t bbo_order        # order and time of the newest best bid and offer
    int64_t bbo_ts_ns
    int64_t book_set_ns      # when the key of the book was written last
    int64_t depth_ts_ns      # venue time of the newest applied update
    char *book_key           # owned
    int32_t book_key_size
    bint trades_broken       # its trades were interrupted: some may be missing before the next
    bint followed            # what is computed here is computed
    Facts facts
    Shown shown
    uint64_t prints[PRINTS]  # of the newest liquidations and blocks, against repeats
    int32_t at_print
    void *chart              # a `charts.Chart`: its candles; NULL: none are made
    void *group              # likewise those of its group; NULL: it is in none
    int32_t member           # which of the group's members it is
    int32_t multiplier_power # a unit of it is 10^this of the underlying
    wide block_least         # least px x qty, in mantissas, of a block trade; 0: none is


cdef struct Wire:
    # receive less venue time since it was asked for last, by clocks that may differ
    int64_t count
    int64_t total_ns
    int64_t least_ns
    int64_t most_ns


cdef char *copy_of(bytes text) except NULL
cdef uint32_t mask_of(Feed feed) noexcept nogil


cdef class Lines:
    cdef Context context[ENDPOINT_COUNT]
    cdef Names names[ENDPOINT_COUNT]
    cdef Names indices[ENDPOINT_COUNT]  # index -> the first instrument priced by it
    cdef int64_t counts[ENDPOINT_COUNT][COUNTER_COUNT]
    cdef Wire wires[ENDPOINT_COUNT]
    cdef Line **lines        # owned
    cdef int32_t n_lines
    cdef int32_t room_lines
    cdef bint publishes[32]  # by feed
    cdef int64_t epoch       # number of the run
    cdef readonly str prefix
    cdef readonly frozenset stream_kinds
    cdef list specs          # a dict an instrument
    cdef list conns          # endpoint a connection, or None
    cdef Channel **channels  # owned
    cdef int32_t n_channels
    cdef Voice **voices      # of every line and of Python; what they point at is owned
    cdef int32_t n_voices
    cdef int32_t room_voices
    cdef void **blocks       # owned: memory that lasts as long as this
    cdef int32_t n_blocks
    cdef dict channel_index  # name -> number
    cdef list channel_names
    cdef list stream_names
    cdef dict reject_samples

    cdef int own_block(self, void *block) except -1
    cdef Channel *open_channel(self, str kind, str name) except NULL
    cdef int open_voice(self, Voice *voice, str kind, str name, dict head, bint kept,
                        str member) except -1
    cdef int open_voices(self, Line *line) except -1
    cdef Line *make_line(self, str endpoint, str venue_id, str exchange, str symbol,
                         const Instrument *digits) except NULL
    cdef Line *line_at(self, int instrument) except NULL
    cdef int reject(self, int32_t endpoint, Outcome outcome, int64_t recv_ns, const char *at,
                    size_t size) except -1
