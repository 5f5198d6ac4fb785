"""One bar: what the prints of a bucket come to, exactly."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from p9core.exact cimport Exact
from p9core.types cimport Kline


cdef extern from *:
    """
    typedef __int128 p9_sum;
    static inline p9_sum p9_sum_product(long long a, long long b) { return (p9_sum) a * b; }
    /* 0, and `a` untouched, where the result leaves 128 bits */
    static inline int p9_sum_plus(p9_sum *a, p9_sum b) {
      p9_sum sum;
      if (__builtin_add_overflow(*a, b, &sum)) return 0;
      *a = sum;
      return 1;
    }
    static inline int64_t p9_sum_high(p9_sum a) { return (int64_t) (a >> 64); }
    static inline uint64_t p9_sum_low(p9_sum a) { return (uint64_t) a; }
    """
    # 128 bits, whatever the declaration here says
    ctypedef long long total "p9_sum"
    total p9_sum_product(int64_t, int64_t) noexcept nogil
    bint p9_sum_plus(total *, total) noexcept nogil
    int64_t p9_sum_high(total) noexcept nogil
    uint64_t p9_sum_low(total) noexcept nogil


cdef enum BarFlag:
    BAR_EMPTY = 1      # no print: all prices are the close before it
    BAR_PARTIAL = 2    # begun before the first print that was seen
    BAR_SEEDED = 4     # and the venue's candle was put in its place
    BAR_CHANGED = 8    # since it was last emitted as running
    BAR_OVERFLOW = 16  # `quote` left 128 bits and says nothing
    BAR_GAP = 32       # trades of it are missing


cdef struct Bar:
    # prices at 10^-px_exp, sizes (base units) at 10^-qty_exp, `quote` at both together
    int64_t open_ns     # NEVER: no bar
    int64_t before      # the close before it, 0 for the first
    int64_t open
    int64_t high
    int64_t low
    int64_t close
    int64_t trades      # the venue's fills
    total volume
    total buy           # of takers that bought
    total quote
    total delta         # bought less sold
    total delta_min     # of the running delta, which begins at 0
    total delta_max
    int32_t rev
    int32_t flags       # BarFlag


cdef struct Residual:
    # own bar less the venue's
    bint carried        # the venue begins it at the close before, not at its first print:
                        # then prices are compared with that close in them
    Exact volume
    Exact quote         # not there where the venue tells none
    int64_t trades      # NO_ID where the venue tells none
    bint open_same
    bint high_same
    bint low_same
    bint close_same


cdef void exact_of(total sum, int exponent, Exact *out) noexcept nogil
cdef void bar_begin(Bar *bar, int64_t open_ns, int64_t px) noexcept nogil
cdef bint bar_rescale(Bar *bar, int px_power, int qty_power) noexcept nogil
cdef bint bar_seed(Bar *bar, const Kline *kline, int px_exp, int qty_exp) noexcept nogil
cdef bint bar_residual(const Bar *bar, const Kline *kline, int px_exp, int qty_exp,
                       Residual *out) noexcept nogil


cdef inline void bar_fill(Bar *bar, int64_t px) noexcept nogil:
    bar.open = bar.high = bar.low = bar.close = px


cdef inline void bar_add(Bar *bar, int64_t px, int64_t qty, int side, total quote,
                         int32_t count) noexcept nogil:
    if bar.flags & BAR_EMPTY:
        bar_fill(bar, px)
    elif px > bar.high:
        bar.high = px
    elif px < bar.low:
        bar.low = px
    bar.close = px
    bar.trades += count
    bar.volume += qty
    if side > 0:
        bar.buy += qty
        bar.delta += qty
        if bar.delta > bar.delta_max:
            bar.delta_max = bar.delta
    else:
        bar.delta -= qty
        if bar.delta < bar.delta_min:
            bar.delta_min = bar.delta
    bar.flags = (bar.flags & ~BAR_EMPTY) | BAR_CHANGED
    if not p9_sum_plus(&bar.quote, quote):
        bar.flags |= BAR_OVERFLOW
