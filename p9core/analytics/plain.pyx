"""What the classes of candles hand to Python, and take from it."""

from libc.stdint cimport int32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from p9core.analytics.bars cimport (BAR_OVERFLOW, BAR_PARTIAL, Bar, Residual, p9_sum_high,
                                    p9_sum_low, total)
from p9core.analytics.candles cimport TIMEFRAME_NS
from p9core.buffer cimport Bytes, release
from p9core.exact cimport Exact, exact_read, put_exact
from p9core.number cimport NUMBER_OK
from p9core.types cimport NO_ID, Kline, Timeframe

TIMEFRAMES = ("1s", "5s", "15s", "1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d", "1w")


cdef void gather(void *who, int timeframe, const Bar *bar, bint closed) noexcept nogil:
    """An `Emit` that keeps what it is given in the Emissions `who`."""
    cdef Emissions *out = <Emissions *> who
    cdef Emission *grown
    if out.n == out.room:
        grown = <Emission *> realloc(out.at, (2 * out.room + 16) * sizeof(Emission))
        if grown == NULL:
            out.failed = True
            return
        out.at = grown
        out.room = 2 * out.room + 16
    out.at[out.n].timeframe = timeframe
    out.at[out.n].closed = closed
    out.at[out.n].bar = bar[0]
    out.n += 1


cdef object integer_of(total value):
    return (<object> p9_sum_high(value) << 64) | <object> p9_sum_low(value)


cdef dict told(int timeframe, const Bar *bar, bint closed):
    return {
        "timeframe": TIMEFRAMES[timeframe],
        "open_time": bar.open_ns,
        "close_time": bar.open_ns + TIMEFRAME_NS[timeframe],
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": integer_of(bar.volume),
        "buy_volume": integer_of(bar.buy),
        "quote_volume": None if bar.flags & BAR_OVERFLOW else integer_of(bar.quote),
        "delta": integer_of(bar.delta),
        "delta_max": integer_of(bar.delta_max),
        "delta_min": integer_of(bar.delta_min),
        "trades": bar.trades,
        "closed": closed,
        "rev": bar.rev,
        "q": "warming" if bar.flags & BAR_PARTIAL else "ok",
    }


cdef list emissions_take(Emissions *out):
    cdef int32_t n = out.n, i
    out.n = 0
    if out.failed:
        out.failed = False
        raise MemoryError
    return [told(out.at[i].timeframe, &out.at[i].bar, out.at[i].closed) for i in range(n)]


cdef void emissions_free(Emissions *out) noexcept nogil:
    free(out.at)


cdef int exact_of(object text, Exact *out) except -1:
    cdef bytes token
    if text is None:
        memset(out, 0, sizeof(Exact))
        return 0
    token = b'"' + text.encode() + b'"' + bytes(16)
    if exact_read(token, out) != NUMBER_OK or '"' in text:
        raise ValueError(f"no decimal number: {text[:40]!r}")
    return 0


cdef object text_of(const Exact *value):
    cdef Bytes b = Bytes(NULL, 0, 0, False)
    if not value.there:
        return None
    put_exact(&b, value)
    try:
        return b.at[:b.size].decode()
    finally:
        release(&b)


cdef int kline_of(dict candle, Kline *out) except -1:
    memset(out, 0, sizeof(Kline))
    out.timeframe = <Timeframe> <int> TIMEFRAMES.index(candle["timeframe"])
    out.open_ns = candle["open_time"]
    exact_of(candle["open"], &out.open)
    exact_of(candle["high"], &out.high)
    exact_of(candle["low"], &out.low)
    exact_of(candle["close"], &out.close)
    exact_of(candle["volume"], &out.volume)
    exact_of(candle.get("quote_volume"), &out.quote_volume)
    exact_of(candle.get("buy_volume"), &out.buy_volume)
    out.trades = NO_ID if candle.get("trades") is None else candle["trades"]
    out.closed = candle.get("closed", False)
    return 0


cdef dict residual_told(const Residual *found):
    return {
        "volume": text_of(&found.volume),
        "quote_volume": text_of(&found.quote),
        "trades": None if found.trades == NO_ID else found.trades,
        "carried": bool(found.carried),
        "open": bool(found.open_same),
        "high": bool(found.high_same),
        "low": bool(found.low_same),
        "close": bool(found.close_same),
    }
