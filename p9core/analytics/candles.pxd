"""Candles of one instrument, or of several venues together, from trades: all timeframes at once.

Buckets are half-open from the epoch in UTC, weeks from Monday. A print's own time decides its
bucket; a bucket closes when the clock T passes its end. Everything is laid out at the start.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t

from p9core.analytics.bars cimport Bar, Residual
from p9core.analytics.clock cimport Clock
from p9core.types cimport TIMEFRAME_COUNT, Kline


cdef extern from *:
    """
    static const long long P9_TIMEFRAME_NS[12] = {
      1000000000LL, 5000000000LL, 15000000000LL, 60000000000LL, 180000000000LL, 300000000000LL,
      900000000000LL, 1800000000000LL, 3600000000000LL, 14400000000000LL, 86400000000000LL,
      604800000000000LL};
    """
    const int64_t *TIMEFRAME_NS "P9_TIMEFRAME_NS"


# `bar` is only there during the call
ctypedef void (*Emit)(void *who, int timeframe, const Bar *bar, bint closed) noexcept nogil


cdef struct Candles:
    int32_t px_exp                # of every mantissa: 10^-px_exp quote per base,
    int32_t qty_exp               # 10^-qty_exp base units
    bint begun                    # a trade has come
    Clock clock
    int64_t ends[TIMEFRAME_COUNT]           # of the running bars
    int64_t closed_at[TIMEFRAME_COUNT]      # T when the newest closed bar closed
    int64_t told_ns[TIMEFRAME_COUNT]        # receive clock when the running bar was last emitted
    uint64_t late_dropped[TIMEFRAME_COUNT]  # prints too late for their bucket
    uint64_t skipped[TIMEFRAME_COUNT]       # empty buckets that were never emitted
    Bar running[TIMEFRAME_COUNT]
    Bar ahead[TIMEFRAME_COUNT]    # the bucket behind it: of a member that is ahead of T
    Bar closed[TIMEFRAME_COUNT]   # the newest
    Bar before                    # the 1m bar before the newest closed one


cdef void candles_init(Candles *c, int px_exp, int qty_exp, int members) noexcept nogil
cdef bint candles_rescale(Candles *c, int px_power, int qty_power) noexcept nogil
cdef void candles_trade(Candles *c, int member, int64_t ts_ns, int64_t px, int64_t qty, int side,
                        int32_t count, Emit emit, void *who) noexcept nogil
cdef void candles_timer(Candles *c, const int64_t *until_ns, Emit emit, void *who) noexcept nogil
cdef void candles_running(Candles *c, int64_t now_ns, Emit emit, void *who) noexcept nogil
cdef void candles_member_live(Candles *c, int member, bint live) noexcept nogil
cdef bint candles_seed(Candles *c, const Kline *kline) noexcept nogil
cdef bint candles_check(const Candles *c, const Kline *kline, Residual *out) noexcept nogil


cdef inline int64_t bucket_of(int timeframe, int64_t ts_ns) noexcept nogil:
    """Where the bucket of a time begins; 1970 began on a Thursday."""
    cdef int64_t width = TIMEFRAME_NS[timeframe]
    cdef int64_t since = 3 * TIMEFRAME_NS[10] if timeframe == TIMEFRAME_COUNT - 1 else 0
    return ts_ns - (ts_ns + since) % width
