"""OKX's other feeds: which channel or question brings which rows, and the envelope of REST. A
stream and REST tell the same rows."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp, memset, strlen

from p9core.exact cimport exact_read
from p9core.json cimport Fields, Items, Value
from p9core.number cimport NUMBER_OK
from p9core.types cimport *
from p9core.venues.decoder cimport (Context, equals, new_balance, opened, stage_reset, starts, text,
                                    time_ms, unreadable)
from p9core.venues.okx_asked cimport Asked
from p9core.venues.okx_prints cimport kline_row, prints_row
from p9core.venues.okx_reports cimport ratio_rows, report_row


cdef enum:
    CHANNEL_COUNT = 7
    BAR_COUNT = 10


cdef struct Channel:
    const char *name
    Feed feed


cdef struct Bar:
    const char *name
    Timeframe timeframe


cdef Channel[CHANNEL_COUNT] CHANNELS
CHANNELS[0] = Channel(b"tickers", FEED_TICKER)
CHANNELS[1] = Channel(b"mark-price", FEED_MARK)
CHANNELS[2] = Channel(b"index-tickers", FEED_INDEX)
CHANNELS[3] = Channel(b"funding-rate", FEED_FUNDING)
CHANNELS[4] = Channel(b"open-interest", FEED_OPEN_INTEREST)
CHANNELS[5] = Channel(b"liquidation-orders", FEED_LIQUIDATION)
CHANNELS[6] = Channel(b"public-block-trades", FEED_BLOCK)

# 4.5: days and weeks without `utc` begin at midnight of UTC+8.
cdef Bar[BAR_COUNT] BARS
BARS[0] = Bar(b"1s", TIMEFRAME_1S)
BARS[1] = Bar(b"1m", TIMEFRAME_1M)
BARS[2] = Bar(b"3m", TIMEFRAME_3M)
BARS[3] = Bar(b"5m", TIMEFRAME_5M)
BARS[4] = Bar(b"15m", TIMEFRAME_15M)
BARS[5] = Bar(b"30m", TIMEFRAME_30M)
BARS[6] = Bar(b"1H", TIMEFRAME_1H)
BARS[7] = Bar(b"4H", TIMEFRAME_4H)
BARS[8] = Bar(b"1Dutc", TIMEFRAME_1D)
BARS[9] = Bar(b"1Wutc", TIMEFRAME_1W)

cdef Feed[ASK_COUNT] ANSWERS
ANSWERS[<int> ASK_MARK] = FEED_MARK
ANSWERS[<int> ASK_INDEX] = FEED_INDEX
ANSWERS[<int> ASK_FUNDING] = FEED_FUNDING
ANSWERS[<int> ASK_FUNDING_INTERVAL] = FEED_FUNDING
ANSWERS[<int> ASK_OPEN_INTEREST] = FEED_OPEN_INTEREST
ANSWERS[<int> ASK_TICKER] = FEED_TICKER
ANSWERS[<int> ASK_INSURANCE] = FEED_INSURANCE
ANSWERS[<int> ASK_LONG_SHORT] = FEED_LONG_SHORT
ANSWERS[<int> ASK_CANDLES] = FEED_CANDLES


cdef bint asked_of(const Span *channel, Asked *asked) noexcept nogil:
    """What a channel of that name brings; False where it is none of ours."""
    cdef Span bar
    cdef int i
    memset(asked, 0, sizeof(Asked))
    asked.instrument = NO_INSTRUMENT
    for i in range(CHANNEL_COUNT):
        if equals(channel, CHANNELS[i].name, <int32_t> strlen(CHANNELS[i].name)):
            asked.feed = CHANNELS[i].feed
            # one subscription is of all swaps; an index may be no instrument's
            asked.many = asked.feed == FEED_LIQUIDATION or asked.feed == FEED_INDEX
            return True
    if not starts(channel, b"candle", 6):
        return False
    asked.feed = FEED_CANDLES
    bar.at = channel.at + 6
    bar.size = channel.size - 6
    for i in range(BAR_COUNT):
        if equals(&bar, BARS[i].name, <int32_t> strlen(BARS[i].name)):
            asked.timeframe = BARS[i].timeframe
            return True
    return False


cdef Outcome fund_row(Context *c, Value &value, Stage *s) noexcept nogil:
    """7.4: the fund of one family. Its newest entry says what it holds in its coin; entries of
    some types are empty, then what counts is the total in USD."""
    cdef Fields row, detail
    cdef Items details
    cdef Balance made
    cdef Span asset
    cdef const char *total = NULL
    cdef const char *balance = NULL
    cdef const char *ts = NULL
    cdef int64_t ts_ns
    cdef Balance *kept
    memset(&made, 0, sizeof(Balance))
    if not row.open(value):
        return REJECT_SHAPE
    while row.next():
        if memcmp(row.key, b'total"', 6) == 0:
            total = row.token()
        elif memcmp(row.key, b'instFamily"', 11) == 0:
            if not text(c, row.token(), &made.pool):
                return REJECT_SHAPE
        elif memcmp(row.key, b'details"', 8) == 0:
            if not details.open(row.value):
                return REJECT_SHAPE
            while details.next():
                if not detail.open(details.value):
                    return REJECT_SHAPE
                memset(&asset, 0, sizeof(Span))
                balance = ts = NULL
                while detail.next():
                    if memcmp(detail.key, b'balance"', 8) == 0:
                        balance = detail.token()
                    elif memcmp(detail.key, b'ccy"', 4) == 0:
                        if not text(c, detail.token(), &asset):
                            return REJECT_SHAPE
                    elif memcmp(detail.key, b'ts"', 3) == 0:
                        ts = detail.token()
                if not detail.ok:
                    return REJECT_JSON
                if ts == NULL or memcmp(ts, b'""', 2) == 0:
                    continue
                if not time_ms(ts, &ts_ns):
                    return REJECT_NUMBER
                if ts_ns > made.ts_ns:
                    made.ts_ns = ts_ns
                    made.asset = asset
                    if exact_read(balance, &made.amount) != NUMBER_OK:
                        return REJECT_NUMBER
            if not details.ok:
                return REJECT_JSON
    if not row.ok:
        return REJECT_JSON
    if not made.amount.there or made.asset.size == 0:
        if exact_read(total, &made.amount) != NUMBER_OK:
            return REJECT_NUMBER
        made.asset.at = b"USD"
        made.asset.size = 3
    if not made.amount.there:
        return IGNORED
    kept = new_balance(s)
    if kept == NULL:
        return REJECT_MEMORY
    kept[0] = made
    return DECODED


cdef void head_of(Stage *s) noexcept nogil:
    """Whose the frame is as a whole: its first element's, at the time of its newest."""
    cdef int32_t i
    s.instrument = (s.reports[0].instrument if s.n_reports else
                    s.prints[0].instrument if s.n_prints else
                    s.klines[0].instrument if s.n_klines else NO_INSTRUMENT)
    for i in range(s.n_reports):
        s.ts_ns = max(s.ts_ns, s.reports[i].ts_ns)
    for i in range(s.n_prints):
        s.ts_ns = max(s.ts_ns, s.prints[i].ts_ns)
    for i in range(s.n_balances):
        s.ts_ns = max(s.ts_ns, s.balances[i].ts_ns)


cdef Outcome rows_told(Context *c, Value &data, Stage *s, const Asked *asked) noexcept nogil:
    """All elements of `data`, or none: IGNORED where nothing in it is ours."""
    cdef Items rows
    cdef Outcome outcome
    s.feed = asked.feed
    if asked.feed == FEED_LONG_SHORT:
        outcome = ratio_rows(c, data, s, asked)
        if outcome == DECODED:
            head_of(s)
        return outcome
    if not rows.open(data):
        return REJECT_SHAPE
    while rows.next():
        if asked.feed == FEED_CANDLES:
            outcome = kline_row(c, rows.value, s, asked)
        elif asked.feed == FEED_LIQUIDATION or asked.feed == FEED_BLOCK:
            outcome = prints_row(c, rows.value, s, asked)
        elif asked.feed == FEED_INSURANCE:
            outcome = fund_row(c, rows.value, s)
        else:
            outcome = report_row(c, rows.value, s, asked)
        if outcome != DECODED and outcome != IGNORED:
            return outcome
    if not rows.ok:
        return REJECT_JSON
    head_of(s)
    return DECODED if s.n_reports or s.n_prints or s.n_klines or s.n_balances else IGNORED


cdef void oldest_first(Stage *s) noexcept nogil:
    """7.3: candles come newest first."""
    cdef int32_t low = 0, high = s.n_klines - 1
    cdef Kline swapped
    if s.n_klines == 0 or s.klines[low].open_ns <= s.klines[high].open_ns:
        return
    while low < high:
        swapped = s.klines[low]
        s.klines[low] = s.klines[high]
        s.klines[high] = swapped
        low += 1
        high -= 1


cdef Outcome answer(Context *c, const char *body, size_t size, Ask ask, Timeframe timeframe,
                    Stage *s) noexcept nogil:
    """7.1: only an answer with the code "0" is one."""
    cdef Fields root
    cdef Asked asked
    cdef Outcome outcome = REJECT_SHAPE
    cdef bint success = False
    memset(&asked, 0, sizeof(Asked))
    asked.feed = ANSWERS[<int> ask]
    asked.timeframe = timeframe
    asked.instrument = s.instrument
    asked.many = s.instrument < 0
    if not asked.many and (asked.feed == FEED_CANDLES or asked.feed == FEED_LONG_SHORT):
        # rows without a name
        asked.name.at = c.instruments[asked.instrument].name
        asked.name.size = c.instruments[asked.instrument].name_size
    stage_reset(s)
    if not opened(c, body, size, &root):
        return unreadable(c)
    while root.next():
        if memcmp(root.key, b'code"', 5) == 0:
            success = memcmp(root.token(), b'"0"', 3) == 0
        elif memcmp(root.key, b'data"', 5) == 0:
            outcome = rows_told(c, root.value, s, &asked)
            if outcome != DECODED and outcome != IGNORED:
                return outcome
    if not root.ok or not c.json.at_end():
        return REJECT_JSON
    oldest_first(s)
    return outcome if success else REJECT_SHAPE
