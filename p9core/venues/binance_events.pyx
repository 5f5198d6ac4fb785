"""Binance's streams besides trades, best prices and depth: one table of events, a reader each.

The lists of the all-market streams (`!markPrice@arr`, `!ticker@arr`) are read by the same
readers, an element at a time.
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset, strlen

from p9core.exact cimport Exact, exact_read
from p9core.instruments cimport names_find
from p9core.json cimport Fields
from p9core.number cimport NUMBER_OK, integer
from p9core.types cimport *
from p9core.venues.binance_fields cimport (at, gather, more_than_zero, not_less_than_zero,
                                           report)
from p9core.venues.decoder cimport (ends, equals, new_kline, new_print, plain_id, positive, scalar,
                                    starts, text, time_ms, word)

cdef enum:
    INTERVALS = 10
    EVENTS = 18
    SECOND_NS = 1000000000
    WEEK_BEGINS_S = 345600   # the first Monday of 1970


# `p` is the payload, `inner` the object in it that says more. The time of the message stands in
# the stage.
ctypedef Outcome (*Read)(const Context *c, const Payload *p, const Payload *inner,
                         int32_t instrument, Stage *s) noexcept nogil


cdef struct Event:
    const char *name
    Read read        # NULL: of a stream that this version does not use
    char inner       # letter of the object that says more, or 0
    bint inner_name  # the symbol stands there


cdef struct Interval:
    const char *name
    Timeframe timeframe
    int64_t seconds


cdef Interval[INTERVALS] INTERVAL
INTERVAL[0] = Interval(b"1s", TIMEFRAME_1S, 1)
INTERVAL[1] = Interval(b"1m", TIMEFRAME_1M, 60)
INTERVAL[2] = Interval(b"3m", TIMEFRAME_3M, 180)
INTERVAL[3] = Interval(b"5m", TIMEFRAME_5M, 300)
INTERVAL[4] = Interval(b"15m", TIMEFRAME_15M, 900)
INTERVAL[5] = Interval(b"30m", TIMEFRAME_30M, 1800)
INTERVAL[6] = Interval(b"1h", TIMEFRAME_1H, 3600)
INTERVAL[7] = Interval(b"4h", TIMEFRAME_4H, 14400)
INTERVAL[8] = Interval(b"1d", TIMEFRAME_1D, 86400)
INTERVAL[9] = Interval(b"1w", TIMEFRAME_1W, 604800)


cdef int[4] MARK_FIELDS
MARK_FIELDS[:] = [TOLD_MARK, TOLD_INDEX, TOLD_RATE, TOLD_NEXT]
cdef int[7] DAY_FIELDS
DAY_FIELDS[:] = [TOLD_LAST, TOLD_OPEN, TOLD_HIGH, TOLD_LOW, TOLD_VOLUME, TOLD_QUOTE_VOLUME,
                 TOLD_CHANGE]


# What is read must be there: a field whose name came broken is not a field that has no value.

cdef Outcome all_told(const Payload *p, const char *letters, const int *fields, int32_t n,
                      int32_t instrument, Stage *s) noexcept nogil:
    """A report of the fields under these letters."""
    cdef const char *tokens[TOLD_COUNT]
    cdef int i
    memset(tokens, 0, sizeof(tokens))
    for i in range(n):
        tokens[fields[i]] = at(p, letters[i])
        if tokens[fields[i]] == NULL and fields[i] != TOLD_INDEX:  # there since 2020
            return REJECT_SHAPE
    return report(s, instrument, s.ts_ns, tokens)


cdef Outcome mark_price(const Context *c, const Payload *p, const Payload *inner,
                        int32_t instrument, Stage *s) noexcept nogil:
    s.feed = FEED_MARK
    return all_told(p, b"pirT", MARK_FIELDS, 4, instrument, s)


cdef Outcome day_ticker(const Context *c, const Payload *p, const Payload *inner,
                        int32_t instrument, Stage *s) noexcept nogil:
    s.feed = FEED_TICKER
    return all_told(p, b"cohlvqP", DAY_FIELDS, 7, instrument, s)


cdef bint aligned(int64_t open_ns, const Interval *interval) noexcept nogil:
    """Whether a bar opens where one in UTC does: those of the `@+08:00` streams look the same."""
    cdef int64_t begin = WEEK_BEGINS_S if interval.timeframe == TIMEFRAME_1W else 0
    return (open_ns - begin * SECOND_NS) % (interval.seconds * SECOND_NS) == 0


cdef Outcome kline(const Context *c, const Payload *p, const Payload *inner, int32_t instrument,
                   Stage *s) noexcept nogil:
    cdef const Interval *interval = NULL
    cdef Kline *bar
    cdef Exact *amounts[7]
    cdef const char *letters = b"ohlcvqV"
    cdef const char *token
    cdef Outcome outcome
    cdef Span name
    cdef int64_t open_ns
    cdef int i, closed
    s.feed = FEED_CANDLES
    if at(inner, b"x") == NULL or not text(c, at(inner, b"i"), &name):
        return REJECT_SHAPE
    if not time_ms(at(inner, b"t"), &open_ns):
        return REJECT_SHAPE
    closed = word(at(inner, b"x"))
    if closed < 0:
        return REJECT_SHAPE
    for i in range(INTERVALS):
        if equals(&name, INTERVAL[i].name, <int32_t> strlen(INTERVAL[i].name)):
            interval = &INTERVAL[i]
    if interval == NULL or not aligned(open_ns, interval):
        return IGNORED
    bar = new_kline(s, instrument)
    if bar == NULL:
        return REJECT_MEMORY
    bar.timeframe = interval.timeframe
    bar.ts_ns = s.ts_ns
    bar.open_ns = open_ns
    bar.closed = closed
    amounts[0] = &bar.open
    amounts[1] = &bar.high
    amounts[2] = &bar.low
    amounts[3] = &bar.close
    amounts[4] = &bar.volume
    amounts[5] = &bar.quote_volume
    amounts[6] = &bar.buy_volume
    for i in range(7):
        token = at(inner, letters[i])
        if i < 4:
            outcome = more_than_zero(token, amounts[i])
        else:
            outcome = not_less_than_zero(token, amounts[i])
        if outcome != DECODED:
            return outcome
    token = at(inner, b"n")
    if token == NULL:
        return REJECT_SHAPE
    if integer(token, &bar.trades) != NUMBER_OK or bar.trades < 0:
        return REJECT_NUMBER
    return DECODED


cdef Outcome forced_order(const Context *c, const Payload *p, const Payload *inner,
                          int32_t instrument, Stage *s) noexcept nogil:
    cdef Print *made
    cdef Span side
    cdef Outcome outcome
    s.feed = FEED_LIQUIDATION
    made = new_print(s, instrument)
    if made == NULL:
        return REJECT_MEMORY
    if not time_ms(at(inner, b"T"), &made.ts_ns) or not text(c, at(inner, b"S"), &side):
        return REJECT_SHAPE
    if equals(&side, b"SELL", 4):
        made.side = -1
    elif equals(&side, b"BUY", 3):
        made.side = 1
    else:
        return REJECT_SHAPE
    made.sampled = True  # 4.14: at most one order a second
    if inner.ap == NULL or at(inner, b"z") == NULL:
        return REJECT_SHAPE
    if exact_read(inner.ap, &made.price) != NUMBER_OK:
        return REJECT_NUMBER
    if exact_read(at(inner, b"z"), &made.qty) != NUMBER_OK:
        return REJECT_NUMBER
    if made.price.negative or made.qty.negative:
        return REJECT_NEGATIVE
    made.price_kind = PRICE_AVERAGE
    if positive(&made.price) and positive(&made.qty):
        return DECODED
    # Nothing of it was filled. The order's own size at its limit, which is near the bankruptcy
    # price, is what other venues tell of every liquidation.
    made.price_kind = PRICE_BANKRUPTCY
    outcome = more_than_zero(at(inner, b"p"), &made.price)
    if outcome != DECODED:
        return outcome
    return more_than_zero(at(inner, b"q"), &made.qty)


cdef Outcome block_trade(const Context *c, const Payload *p, const Payload *inner,
                         int32_t instrument, Stage *s) noexcept nogil:
    cdef Print *made
    cdef Outcome outcome
    cdef int maker
    s.feed = FEED_BLOCK
    made = new_print(s, instrument)
    if made == NULL:
        return REJECT_MEMORY
    if at(p, b"m") == NULL or not time_ms(at(p, b"T"), &made.ts_ns):
        return REJECT_SHAPE
    if not scalar(c, at(p, b"t"), &made.id):
        return REJECT_SHAPE
    if not plain_id(&made.id):
        return REJECT_NUMBER
    # m: the buyer was the maker, so the seller took
    maker = word(at(p, b"m"))
    if maker < 0:
        return REJECT_SHAPE
    made.side = -1 if maker else 1
    outcome = more_than_zero(at(p, b"p"), &made.price)
    if outcome != DECODED:
        return outcome
    return more_than_zero(at(p, b"q"), &made.qty)


cdef Event[EVENTS] EVENT
EVENT[0] = Event(b"markPriceUpdate", mark_price, 0, False)
EVENT[1] = Event(b"24hrTicker", day_ticker, 0, False)
EVENT[2] = Event(b"kline", kline, b"k", False)
EVENT[3] = Event(b"forceOrder", forced_order, b"o", True)
EVENT[4] = Event(b"blockTrade", block_trade, 0, False)
EVENT[5] = Event(b"24hrMiniTicker", NULL, 0, False)
EVENT[6] = Event(b"1hTicker", NULL, 0, False)
EVENT[7] = Event(b"4hTicker", NULL, 0, False)
EVENT[8] = Event(b"1dTicker", NULL, 0, False)
EVENT[9] = Event(b"ticker_all", NULL, 0, False)
EVENT[10] = Event(b"continuous_kline", NULL, 0, False)
EVENT[11] = Event(b"contractInfo", NULL, 0, False)
EVENT[12] = Event(b"compositeIndex", NULL, 0, False)
EVENT[13] = Event(b"assetIndexUpdate", NULL, 0, False)
EVENT[14] = Event(b"avgPrice", NULL, 0, False)
EVENT[15] = Event(b"referencePrice", NULL, 0, False)
# 4.16: sessions of the markets behind TradFi contracts, with the market's name in front
EVENT[16] = Event(b"EquityUpdate", NULL, 0, False)
EVENT[17] = Event(b"CommodityUpdate", NULL, 0, False)


cdef bint of_another_product(const char *st) noexcept nogil:
    """4.14: the all-market streams carry COIN-M contracts too, whose sizes are contracts."""
    cdef int64_t product = 1
    return st != NULL and integer(st, &product) == NUMBER_OK and product == 2


cdef Outcome one(Context *c, const Span *name, Payload *p, Stage *s, bint many) noexcept nogil:
    """One event onto the stage's list. With `many`, an instrument that is not known is passed
    over: the frame or its stream speaks of all that the venue has."""
    cdef const Event *event = NULL
    cdef const Payload *naming = p
    cdef Payload inner
    cdef Fields fields
    cdef Span symbol
    cdef int32_t instrument, size
    cdef int i
    for i in range(EVENTS):
        size = <int32_t> strlen(EVENT[i].name)
        if equals(name, EVENT[i].name, size) or (
                EVENT[i].read == NULL and ends(name, EVENT[i].name, size)):
            event = &EVENT[i]
            break
    if event == NULL:
        return REJECT_UNKNOWN
    if event.read == NULL or of_another_product(p.st):
        return IGNORED
    if event.inner:
        if at(p, event.inner) == NULL or at(p, event.inner)[0] != b"{":
            return REJECT_SHAPE
        fields.open(p.k if event.inner == b"k" else p.o)
        gather(&fields, &inner)
        if not fields.ok:
            return REJECT_JSON
        if of_another_product(inner.st):
            return IGNORED
        if event.inner_name:
            naming = &inner
    if not time_ms(at(p, b"E"), &s.ts_ns) or not text(c, at(naming, b"s"), &symbol):
        return REJECT_SHAPE
    instrument = names_find(c.names, symbol.at, symbol.size)
    if instrument < 0:
        if many and not c.resolving:
            return IGNORED
        s.symbol = symbol
        return REJECT_SYMBOL
    if s.instrument < 0:
        s.instrument = instrument
    return event.read(c, p, &inner, instrument, s)


cdef void begin(Stage *s) noexcept nogil:
    s.instrument = NO_INSTRUMENT
    s.n_reports = s.n_prints = s.n_klines = 0


cdef Outcome event_of(Context *c, const Span *event, Payload *p, Stage *s,
                      const Span *stream) noexcept nogil:
    begin(s)
    # 4.14: the messages of `!forceOrder@arr` are single objects all the same
    return one(c, event, p, s, starts(stream, b"!", 1))


cdef Outcome events_of(Context *c, Items *items, Stage *s) noexcept nogil:
    """A list of events. DECODED: something of it is ours."""
    cdef Fields fields
    cdef Payload p
    cdef Span event
    cdef Outcome outcome
    cdef Feed feed = FEED_COUNT
    begin(s)
    while items.next():
        if not fields.open(items.value):
            return REJECT_SHAPE
        gather(&fields, &p)
        if not fields.ok:
            return REJECT_JSON
        if at(&p, b"e") == NULL:
            return REJECT_UNKNOWN
        if not text(c, at(&p, b"e"), &event):
            return REJECT_SHAPE
        outcome = one(c, &event, &p, s, True)
        if outcome == IGNORED:
            continue
        if outcome != DECODED:
            return outcome
        if feed != FEED_COUNT and feed != s.feed:
            return REJECT_SHAPE
        feed = s.feed
    if not items.ok:
        return REJECT_JSON
    return IGNORED if feed == FEED_COUNT else DECODED
