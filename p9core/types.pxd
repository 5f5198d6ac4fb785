"""The vocabulary of the core: enums and flat records, every field with its unit.

Prices and sizes are int64 mantissas at the instrument's exponents, in the venue's own
units (contracts stay contracts until they are written out). Times are nanoseconds since
1970 UTC. Nothing here owns memory unless it says so.
"""

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "<cstdint>" nogil:
    const int64_t NO_ID "INT64_MIN"  # "the venue gave no such id": -1 and 0 are real ids


cdef enum:
    NO_INSTRUMENT = -1


cdef enum Feed:
    FEED_TRADE
    FEED_BBO
    FEED_DEPTH
    FEED_COUNT


cdef enum Outcome:
    # what a decoder says of one frame
    DECODED            # the stage holds one update
    CONTROL            # an acknowledgement, error, pong or notice; nothing staged but spans
    IGNORED            # a known kind that this version does not use
    OFF_BOOK           # a print that is no market match: counted, kept out
    REJECT_JSON        # not JSON, or cut short
    REJECT_SHAPE       # JSON, but a field is missing or of another type
    REJECT_UNKNOWN     # no frame of this venue looks like that
    REJECT_SYMBOL      # an instrument that was never added
    REJECT_NUMBER      # a price, size or id that is no number
    REJECT_NEGATIVE    # negative, or a zero where there can be none
    REJECT_SURPLUS     # more digits than the instrument has
    REJECT_OVERFLOW    # outside int64 at the instrument's exponents
    REJECT_SIZE        # larger than a frame may be
    REJECT_UTF8        # text that is not UTF-8
    REJECT_MEMORY      # no memory for it
    OUTCOME_COUNT


cdef enum ControlKind:
    CONTROL_ACK
    CONTROL_ERROR
    CONTROL_PONG
    CONTROL_NOTICE
    CONTROL_OTHER


cdef enum TradeFlag:
    TRADE_BLOCK = 1
    TRADE_RPI = 2
    TRADE_OFF_BOOK = 4
    TRADE_AGGREGATE = 8   # numbered in the venue's aggregate run, not by its single fills
    TRADE_HAS_ORGANIC = 16
    TRADE_IS_LATE = 32    # its id is below that of one published before


cdef struct Span:
    # text inside the frame being decoded: gone when the frame is
    const char *at
    int32_t size


cdef struct Change:
    int64_t px            # price mantissa
    int64_t qty           # new absolute size mantissa, venue units; 0 deletes
    const char *px_text   # the venue's own digits, in the frame
    const char *qty_text
    uint8_t px_size       # of them as they are written out: no zeros at the end; 0: not usable
    uint8_t qty_size


cdef struct Trade:
    int64_t px          # price mantissa
    int64_t qty         # size mantissa, venue units
    int64_t organic     # size without RPI, venue units; only with TRADE_HAS_ORGANIC
    int64_t ts_ns       # match time at the venue
    int64_t number      # id as a number where ids are consecutive, else NO_ID
    int64_t last_fill   # id of the last single fill in it, else NO_ID
    Span id             # id as the venue writes it
    int32_t count       # fills merged in the print
    int8_t side         # taker: +1 buy, -1 sell
    uint8_t flags       # TradeFlag


cdef struct Stage:
    # what one frame says, decoded but not yet applied; reused from frame to frame
    Feed feed
    int32_t instrument  # index, or NO_INSTRUMENT
    int64_t ts_ns       # venue time of the update, 0 if it gives none

    int32_t stream      # which variant of the feed (its depth or speed): variants never mix

    # depth: `prev` -> `last` is one link of the venue's chain
    bint snapshot       # the update replaces the book
    int64_t first_id    # as the venue numbers it, for the message
    int64_t last_id
    int64_t prev_id     # id that this update follows
    int64_t checksum    # NO_ID if absent
    bint restart        # the venue says that it began again
    Change *bids        # owned
    int32_t n_bids
    int32_t cap_bids
    Change *asks        # owned
    int32_t n_asks
    int32_t cap_asks

    # best bid and offer; n_bids and n_asks are 0 or 1 and the levels stand there
    int64_t order       # a number that grows with the venue's own order

    Trade *trades       # owned
    int32_t n_trades
    int32_t cap_trades

    # control frames, and the symbol of a REJECT_SYMBOL
    ControlKind control
    Span request        # request id
    Span code
    Span message
    Span topic
    Span symbol

    # digits that a REJECT_SURPLUS would have needed
    int need_px
    int need_qty
    int32_t element     # which element of a list of updates; see `more`
    bint more           # the frame holds another update behind this one
