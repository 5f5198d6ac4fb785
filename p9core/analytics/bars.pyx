"""One bar beside the venue's candle of the same bucket, and at finer digits."""

from libc.stdint cimport int16_t, int64_t
from libc.string cimport memset

from p9core.exact cimport Exact, exact_int, exact_plus, exact_same
from p9core.number cimport INT64_MAX, scale, wide
from p9core.types cimport NO_ID, Kline

cdef extern from *:
    """
    static inline int p9_sum_scale(p9_sum *a, int power) {
      p9_sum scaled = *a;
      if (power < 0) return scaled == 0;
      for (; power > 0; power--)
        if (__builtin_mul_overflow(scaled, (p9_sum) 10, &scaled)) return 0;
      *a = scaled;
      return 1;
    }
    /* half of what fits: prints are added on top */
    static inline int p9_sum_of(p9_wide mantissa, int power, p9_sum *out) {
      if (mantissa >> 126) return 0;
      *out = (p9_sum) mantissa;
      return p9_sum_scale(out, power) && !(*out >> 126);
    }
    static inline p9_wide p9_sum_size(p9_sum a) { return a < 0 ? -(p9_wide) a : (p9_wide) a; }
    """
    bint p9_sum_scale(total *, int) noexcept nogil
    bint p9_sum_of(wide, int, total *) noexcept nogil
    wide p9_sum_size(total) noexcept nogil


cdef void bar_begin(Bar *bar, int64_t open_ns, int64_t px) noexcept nogil:
    memset(bar, 0, sizeof(Bar))
    bar.open_ns = open_ns
    bar.before = px
    bar.flags = BAR_EMPTY
    bar_fill(bar, px)


cdef bint bar_rescale(Bar *bar, int px_power, int qty_power) noexcept nogil:
    """False, and the bar half done, where a value does not fit."""
    if bar.flags & BAR_OVERFLOW:
        bar.quote = 0
    return (scale(&bar.before, px_power) and scale(&bar.open, px_power) and scale(&bar.high, px_power)
            and scale(&bar.low, px_power) and scale(&bar.close, px_power)
            and p9_sum_scale(&bar.volume, qty_power) and p9_sum_scale(&bar.buy, qty_power)
            and p9_sum_scale(&bar.delta, qty_power) and p9_sum_scale(&bar.delta_min, qty_power)
            and p9_sum_scale(&bar.delta_max, qty_power)
            and p9_sum_scale(&bar.quote, px_power + qty_power))


cdef bint sum_of(const Exact *value, int exponent, total *out) noexcept nogil:
    return (value.there and not value.negative and value.exponent <= exponent
            and p9_sum_of(value.mantissa, exponent - value.exponent, out))


cdef bint price_of(const Exact *value, int exponent, int64_t *out) noexcept nogil:
    cdef total found = 0
    if not sum_of(value, exponent, &found) or found <= 0 or found > INT64_MAX:
        return False
    out[0] = <int64_t> found
    return True


cdef bint bar_seed(Bar *bar, const Kline *kline, int px_exp, int qty_exp) noexcept nogil:
    """Puts the venue's candle in the place of what was seen of this bucket. Of buys and fills,
    which not every venue tells, the seen ones stay. False, and the bar untouched, where the
    candle has no print in it or a value does not fit."""
    cdef Bar seeded = bar[0]
    if not (price_of(&kline.open, px_exp, &seeded.open)
            and price_of(&kline.high, px_exp, &seeded.high)
            and price_of(&kline.low, px_exp, &seeded.low)
            and price_of(&kline.close, px_exp, &seeded.close)
            and sum_of(&kline.volume, qty_exp, &seeded.volume) and seeded.volume > 0
            and sum_of(&kline.quote_volume, px_exp + qty_exp, &seeded.quote)):
        return False
    if kline.buy_volume.there:
        if not sum_of(&kline.buy_volume, qty_exp, &seeded.buy) or seeded.buy > seeded.volume:
            return False
        seeded.delta = seeded.buy - (seeded.volume - seeded.buy)
        if not bar.flags & BAR_SEEDED:
            # extremes on the way there are not known; those of the prints seen began elsewhere
            seeded.delta_min = seeded.delta_max = 0
        if seeded.delta > seeded.delta_max:
            seeded.delta_max = seeded.delta
        if seeded.delta < seeded.delta_min:
            seeded.delta_min = seeded.delta
    if kline.trades != NO_ID:
        seeded.trades = kline.trades
    seeded.flags = BAR_PARTIAL | BAR_SEEDED | BAR_CHANGED
    bar[0] = seeded
    return True


cdef void exact_of(total sum, int exponent, Exact *out) noexcept nogil:
    """sum x 10^-exponent."""
    out.mantissa = p9_sum_size(sum)
    out.exponent = <int16_t> exponent
    out.negative = sum < 0
    out.there = True


cdef bint difference(total own, int exponent, const Exact *venue, Exact *out) noexcept nogil:
    cdef Exact mine
    exact_of(own, exponent, &mine)
    return exact_plus(&mine, venue, True, out)


cdef bint same_price(int64_t own, int exponent, const Exact *venue) noexcept nogil:
    cdef Exact mine
    exact_int(&mine, own, exponent)
    return exact_same(&mine, venue)


cdef bint bar_residual(const Bar *bar, const Kline *kline, int px_exp, int qty_exp,
                       Residual *out) noexcept nogil:
    """False where the venue's volume is not there or the difference does not fit."""
    cdef int64_t high = bar.high, low = bar.low
    memset(out, 0, sizeof(Residual))
    if not difference(bar.volume, qty_exp, &kline.volume, &out.volume):
        return False
    if not bar.flags & BAR_OVERFLOW:
        difference(bar.quote, px_exp + qty_exp, &kline.quote_volume, &out.quote)
    out.trades = NO_ID if kline.trades == NO_ID else bar.trades - kline.trades
    out.open_same = same_price(bar.open, px_exp, &kline.open)
    if not out.open_same and same_price(bar.before, px_exp, &kline.open):
        out.carried = out.open_same = True
        high = bar.before if bar.before > high else high
        low = bar.before if bar.before < low else low
    out.high_same = same_price(high, px_exp, &kline.high)
    out.low_same = same_price(low, px_exp, &kline.low)
    out.close_same = same_price(bar.close, px_exp, &kline.close)
    return True
