"""The vocabulary of the core: enums and flat records, every field with its unit.

Prices and sizes are int64 mantissas at the instrument's exponents, in the venue's own
units (contracts stay contracts until they are written out). Times are nanoseconds since
1970 UTC. Nothing here owns memory unless it says so.
"""

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

from p9core.exact cimport Exact


cdef extern from "<cstdint>" nogil:
    const int64_t NO_ID "INT64_MIN"  # "the venue gave no such id": -1 and 0 are real ids


cdef enum:
    NO_INSTRUMENT = -1


cdef enum Feed:
    # of one instrument of one exchange; the first three have their own records
    FEED_TRADE
    FEED_BBO
    FEED_DEPTH
    FEED_SNAPSHOT       # computed here
    FEED_IMBALANCE      # computed here
    FEED_BLOCK
    FEED_LIQUIDATION
    FEED_FUNDING
    FEED_MARK
    FEED_INDEX
    FEED_OPEN_INTEREST
    FEED_TICKER
    FEED_LONG_SHORT
    FEED_CANDLES        # the venue's own; ours are computed from trades
    FEED_COUNT
    FEED_INSURANCE = FEED_COUNT  # of an exchange, not of an instrument


cdef enum Told:
    # what a venue may say of an instrument besides book and trades; `Report.told` has a bit each
    TOLD_MARK
    TOLD_INDEX
    TOLD_RATE           # funding, a fraction, of the interval that ends at TOLD_NEXT
    TOLD_INTERVAL       # of funding, hours
    TOLD_NEXT           # funding time, ns
    TOLD_PREDICTED      # rate of the interval after that
    TOLD_OI_BASE        # open interest, one-sided (each contract once): in base units
    TOLD_OI_CONTRACTS
    TOLD_OI_NOTIONAL    # in the quote currency
    TOLD_LAST           # of 24 hours, from here
    TOLD_OPEN
    TOLD_HIGH
    TOLD_LOW
    TOLD_VOLUME         # base units
    TOLD_QUOTE_VOLUME
    TOLD_CHANGE         # last / open - 1, a fraction
    TOLD_RATIO          # accounts long per account short
    TOLD_LONG           # share of accounts, a fraction
    TOLD_SHORT
    TOLD_COUNT


cdef enum Ask:
    # what a REST poll asks for; a venue's body may tell more than that
    ASK_MARK
    ASK_INDEX
    ASK_FUNDING
    ASK_FUNDING_INTERVAL
    ASK_OPEN_INTEREST
    ASK_TICKER
    ASK_INSURANCE
    ASK_LONG_SHORT
    ASK_CANDLES
    ASK_COUNT


cdef enum PriceKind:
    # what the price of a liquidation is
    PRICE_BANKRUPTCY
    PRICE_AVERAGE
    PRICE_MARK


cdef enum Timeframe:
    TIMEFRAME_1S
    TIMEFRAME_5S
    TIMEFRAME_15S
    TIMEFRAME_1M
    TIMEFRAME_3M
    TIMEFRAME_5M
    TIMEFRAME_15M
    TIMEFRAME_30M
    TIMEFRAME_1H
    TIMEFRAME_4H
    TIMEFRAME_1D
    TIMEFRAME_1W        # from Monday 00:00 UTC
    TIMEFRAME_COUNT


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


cdef struct Report:
    # what a message tells of one instrument: some fields, in the units of `Told`
    int32_t instrument
    int64_t ts_ns        # venue time, 0 if it gives none
    uint32_t told        # fields that it speaks of; one of no value ("") is told as not there
    uint32_t derived     # of those, the ones that the decoder has computed (a half, a ratio)
    bint whole           # what it does not tell has not changed (Bybit's deltas)
    Exact values[TOLD_COUNT]


cdef struct Print:
    # a liquidation, or a block trade of a channel of its own
    int32_t instrument
    int64_t ts_ns
    Exact price
    Exact qty            # venue units
    int8_t side          # +1 buy, -1 sell: of the forced order, of the taker
    PriceKind price_kind
    bint sampled         # the venue sends a selection only
    Span id


cdef struct Kline:
    # a candle as the venue computes it
    int32_t instrument
    Timeframe timeframe
    int64_t ts_ns        # venue time of the message, 0 if it gives none
    int64_t open_ns
    Exact open
    Exact high
    Exact low
    Exact close
    Exact volume         # base units
    Exact quote_volume
    Exact buy_volume     # of takers that bought, base units
    int64_t trades       # NO_ID where not told
    bint closed


cdef struct Balance:
    # of an insurance fund
    int64_t ts_ns
    Span asset
    Span pool            # raw: a name, or a JSON list of symbols
    Exact amount


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

    # every other feed; a frame or body fills one of these lists
    Report *reports     # owned
    int32_t n_reports
    int32_t cap_reports
    Print *prints       # owned
    int32_t n_prints
    int32_t cap_prints
    Kline *klines       # owned
    int32_t n_klines
    int32_t cap_klines
    Balance *balances   # owned
    int32_t n_balances
    int32_t cap_balances

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
