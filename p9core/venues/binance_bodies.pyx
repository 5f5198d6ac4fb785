"""Binance's REST bodies: the depth snapshot, and what the polls ask for.

A poll's body is an object or a list of such; one table says, by the ask, which field tells what.
Insurance balances and candles have shapes of their own.
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp, memset, strlen

from p9core.exact cimport Exact, exact_read
from p9core.instruments cimport names_find
from p9core.json cimport Fields, Items, Value
from p9core.number cimport NUMBER_BAD, NUMBER_OK, Number, integer
from p9core.types cimport *
from p9core.venues.binance_fields cimport more_than_zero, not_less_than_zero, report
from p9core.venues.decoder cimport (Context, levels, new_balance, new_kline, opened,
                                    stage_reset, text, time_ms, unreadable)

cdef enum:
    COLUMNS = 25
    # what a column says, besides what is `Told`
    SYMBOL = TOLD_COUNT
    TIME
    SLOTS


cdef struct Column:
    Ask ask
    const char *name   # with the quote that ends it
    int slot


cdef Outcome snapshot(Context *c, const char *body, size_t size, Stage *s) noexcept nogil:
    """REST depth; the caller has set `s.instrument`."""
    cdef Fields root
    cdef Outcome outcome = DECODED, one
    cdef int32_t instrument = s.instrument, sides = 0
    stage_reset(s)
    s.instrument = instrument
    s.feed = FEED_DEPTH
    s.snapshot = True
    if not opened(c, body, size, &root):
        return unreadable(c)
    while root.next():
        if memcmp(root.key, b'lastUpdateId"', 13) == 0:
            if integer(root.token(), &s.last_id) != NUMBER_OK:
                return REJECT_NUMBER
        elif memcmp(root.key, b'T"', 2) == 0:
            time_ms(root.token(), &s.ts_ns)
        elif memcmp(root.key, b'bids"', 5) == 0 or memcmp(root.key, b'asks"', 5) == 0:
            one = levels(root.value, c.instruments[instrument], s, root.key[0] == b"b")
            sides |= 1 if root.key[0] == b"b" else 2
            if one != DECODED:
                outcome = one
                if one != REJECT_SURPLUS:
                    return one
    if not root.ok or not c.json.at_end():
        return REJECT_JSON
    if s.last_id == NO_ID or s.last_id < 0 or sides != 3:
        return REJECT_SHAPE
    s.first_id = NO_ID
    s.prev_id = NO_ID
    return outcome


cdef Column[COLUMNS] COLUMN
# 6.2; the settle price estimate of a premiumIndex means nothing but in its last hour
COLUMN[0] = Column(ASK_MARK, b'symbol"', SYMBOL)
COLUMN[1] = Column(ASK_MARK, b'time"', TIME)
COLUMN[2] = Column(ASK_MARK, b'markPrice"', TOLD_MARK)
COLUMN[3] = Column(ASK_MARK, b'indexPrice"', TOLD_INDEX)
COLUMN[4] = Column(ASK_MARK, b'lastFundingRate"', TOLD_RATE)
COLUMN[5] = Column(ASK_MARK, b'nextFundingTime"', TOLD_NEXT)
COLUMN[6] = Column(ASK_FUNDING_INTERVAL, b'symbol"', SYMBOL)
COLUMN[7] = Column(ASK_FUNDING_INTERVAL, b'fundingIntervalHours"', TOLD_INTERVAL)
COLUMN[8] = Column(ASK_OPEN_INTEREST, b'symbol"', SYMBOL)
COLUMN[9] = Column(ASK_OPEN_INTEREST, b'time"', TIME)
COLUMN[10] = Column(ASK_OPEN_INTEREST, b'openInterest"', TOLD_OI_BASE)
COLUMN[11] = Column(ASK_LONG_SHORT, b'symbol"', SYMBOL)
COLUMN[12] = Column(ASK_LONG_SHORT, b'timestamp"', TIME)
COLUMN[13] = Column(ASK_LONG_SHORT, b'longShortRatio"', TOLD_RATIO)
COLUMN[14] = Column(ASK_LONG_SHORT, b'longAccount"', TOLD_LONG)
COLUMN[15] = Column(ASK_LONG_SHORT, b'shortAccount"', TOLD_SHORT)
COLUMN[16] = Column(ASK_TICKER, b'symbol"', SYMBOL)
COLUMN[17] = Column(ASK_TICKER, b'closeTime"', TIME)
COLUMN[18] = Column(ASK_TICKER, b'lastPrice"', TOLD_LAST)
COLUMN[19] = Column(ASK_TICKER, b'openPrice"', TOLD_OPEN)
COLUMN[20] = Column(ASK_TICKER, b'highPrice"', TOLD_HIGH)
COLUMN[21] = Column(ASK_TICKER, b'lowPrice"', TOLD_LOW)
COLUMN[22] = Column(ASK_TICKER, b'volume"', TOLD_VOLUME)
COLUMN[23] = Column(ASK_TICKER, b'quoteVolume"', TOLD_QUOTE_VOLUME)
COLUMN[24] = Column(ASK_TICKER, b'priceChangePercent"', TOLD_CHANGE)

# the feed that an ask is mainly for
cdef Feed[ASK_COUNT] FEED_OF
FEED_OF[<int> ASK_MARK] = FEED_MARK
FEED_OF[<int> ASK_FUNDING_INTERVAL] = FEED_FUNDING
FEED_OF[<int> ASK_OPEN_INTEREST] = FEED_OPEN_INTEREST
FEED_OF[<int> ASK_LONG_SHORT] = FEED_LONG_SHORT
FEED_OF[<int> ASK_TICKER] = FEED_TICKER
FEED_OF[<int> ASK_INSURANCE] = FEED_INSURANCE
FEED_OF[<int> ASK_CANDLES] = FEED_CANDLES


cdef Outcome row(Context *c, Fields *fields, Ask ask, int32_t asked, Stage *s) noexcept nogil:
    """One object of a body onto the stage's list of reports."""
    cdef const char *tokens[SLOTS]
    cdef const Column *column
    cdef Span symbol
    cdef int64_t ts_ns = 0
    cdef int32_t instrument
    cdef int i
    memset(tokens, 0, sizeof(tokens))
    while fields.next():
        for i in range(COLUMNS):
            column = &COLUMN[i]
            if column.ask == ask and memcmp(fields.key, column.name, strlen(column.name)) == 0:
                tokens[column.slot] = fields.token()
                break
    if not fields.ok:
        return REJECT_JSON
    if not text(c, tokens[<int> SYMBOL], &symbol):
        return REJECT_SHAPE
    instrument = names_find(c.names, symbol.at, symbol.size)
    if instrument < 0 and asked < 0:
        return IGNORED
    if instrument < 0 or (asked >= 0 and instrument != asked):
        s.symbol = symbol
        return REJECT_SYMBOL
    for i in range(COLUMNS):
        column = &COLUMN[i]
        if column.ask == ask and tokens[column.slot] == NULL:
            return REJECT_SHAPE
    if tokens[<int> TIME] != NULL and not time_ms(tokens[<int> TIME], &ts_ns):
        return REJECT_SHAPE
    if ask == ASK_LONG_SHORT and s.n_reports > 0:
        # a history, of which the newest row counts
        if ts_ns <= s.reports[0].ts_ns:
            return IGNORED
        s.n_reports = 0
    return report(s, instrument, ts_ns, tokens)


cdef Outcome list_text(const Context *c, const char *start, Value value, Span *out) noexcept nogil:
    """A list of texts as it stands in the body."""
    cdef Items items
    cdef Span name
    cdef const char *end = start + 1
    if not items.open(value):
        return REJECT_SHAPE
    while items.next():
        if not text(c, items.token(), &name):
            return REJECT_SHAPE
        end = name.at + name.size + 1
    if not items.ok:
        return REJECT_JSON
    while end < c.limit and end[0] != b"]":
        end += 1
    out.at = start
    out.size = <int32_t> (end + 1 - start)
    return DECODED


cdef Outcome balance_of(Context *c, Fields *fields, Stage *s) noexcept nogil:
    cdef Balance *balance = new_balance(s)
    cdef Number amount = NUMBER_BAD
    if balance == NULL:
        return REJECT_MEMORY
    while fields.next():
        if memcmp(fields.key, b'asset"', 6) == 0:
            if not text(c, fields.token(), &balance.asset):
                return REJECT_SHAPE
        elif memcmp(fields.key, b'marginBalance"', 14) == 0:
            amount = exact_read(fields.token(), &balance.amount)
        elif memcmp(fields.key, b'updateTime"', 11) == 0:
            if not time_ms(fields.token(), &balance.ts_ns):
                return REJECT_SHAPE
    if not fields.ok:
        return REJECT_JSON
    if balance.asset.size == 0:
        return REJECT_SHAPE
    if amount != NUMBER_OK or not balance.amount.there:
        return REJECT_NUMBER
    if balance.ts_ns > s.ts_ns:
        s.ts_ns = balance.ts_ns
    return DECODED


cdef Outcome fund(Context *c, Fields *fields, Stage *s) noexcept nogil:
    """6.2: the assets of a fund, and the symbols that share it."""
    cdef Fields asset
    cdef Items assets
    cdef Span pool
    cdef Outcome outcome
    cdef int32_t i, first = s.n_balances
    cdef bint has_assets = False
    pool.size = 0
    while fields.next():
        if memcmp(fields.key, b'symbols"', 8) == 0:
            outcome = list_text(c, fields.token(), fields.value, &pool)
            if outcome != DECODED:
                return outcome
        elif memcmp(fields.key, b'assets"', 7) == 0:
            has_assets = assets.open(fields.value)
            while has_assets and assets.next():
                if not asset.open(assets.value):
                    return REJECT_SHAPE
                outcome = balance_of(c, &asset, s)
                if outcome != DECODED:
                    return outcome
            if has_assets and not assets.ok:
                return REJECT_JSON
    if not fields.ok:
        return REJECT_JSON
    if pool.size == 0 or not has_assets:
        return REJECT_SHAPE
    for i in range(first, s.n_balances):
        s.balances[i].pool = pool
    return DECODED


cdef Outcome candle(Items *columns, Kline *bar) noexcept nogil:
    """6.4, by position; what stands behind the volume of takers that bought is not used."""
    cdef Exact *amounts[10]
    cdef Outcome outcome
    cdef int i = 0
    memset(amounts, 0, sizeof(amounts))
    amounts[1] = &bar.open
    amounts[2] = &bar.high
    amounts[3] = &bar.low
    amounts[4] = &bar.close
    amounts[5] = &bar.volume
    amounts[7] = &bar.quote_volume
    amounts[9] = &bar.buy_volume
    while columns.next():
        outcome = DECODED
        if i == 0:
            if not time_ms(columns.token(), &bar.open_ns):
                return REJECT_SHAPE
        elif i == 8:
            if integer(columns.token(), &bar.trades) != NUMBER_OK or bar.trades < 0:
                return REJECT_NUMBER
        elif 1 <= i <= 4:
            outcome = more_than_zero(columns.token(), amounts[i])
        elif i == 5 or i == 7 or i == 9:
            outcome = not_less_than_zero(columns.token(), amounts[i])
        if outcome != DECODED:
            return outcome
        i += 1
    if not columns.ok:
        return REJECT_JSON
    return DECODED if i > 9 else REJECT_SHAPE


cdef Outcome candles(Context *c, Items *rows, int32_t asked, Timeframe timeframe,
                     Stage *s) noexcept nogil:
    """Oldest first. There is no flag for a closed bar: all but the last one are."""
    cdef Items columns
    cdef Kline *bar
    cdef Outcome outcome
    cdef int64_t before_ns = 0
    while rows.next():
        if not columns.open(rows.value):
            return REJECT_SHAPE
        if s.n_klines > 0:
            s.klines[s.n_klines - 1].closed = True
        bar = new_kline(s, asked)
        if bar == NULL:
            return REJECT_MEMORY
        bar.timeframe = timeframe
        outcome = candle(&columns, bar)
        if outcome != DECODED:
            return outcome
        if bar.open_ns <= before_ns:
            return REJECT_SHAPE
        before_ns = bar.open_ns
    return DECODED if rows.ok else REJECT_JSON


cdef Outcome element(Context *c, Fields *fields, Ask ask, int32_t asked, Stage *s) noexcept nogil:
    return fund(c, fields, s) if ask == ASK_INSURANCE else row(c, fields, ask, asked, s)


cdef Outcome elements(Context *c, Items *items, Ask ask, int32_t asked, Stage *s) noexcept nogil:
    cdef Fields fields
    cdef Outcome outcome
    while items.next():
        if not fields.open(items.value):
            return REJECT_SHAPE
        outcome = element(c, &fields, ask, asked, s)
        if outcome != DECODED and outcome != IGNORED:
            return outcome
    return DECODED if items.ok else REJECT_JSON


cdef Outcome answer(Context *c, const char *body, size_t size, Ask ask, Timeframe timeframe,
                    Stage *s) noexcept nogil:
    """What a poll asked for, into the list of its kind."""
    cdef Fields root
    cdef Items items
    cdef Outcome outcome
    cdef int32_t asked = s.instrument
    stage_reset(s)
    if ask == ASK_INDEX or ask == ASK_FUNDING:
        return REJECT_UNKNOWN  # a body of ASK_MARK tells them
    s.feed = FEED_OF[<int> ask]
    c.limit = body + size
    if not c.json.open(body, size):
        return unreadable(c)
    if items.open_root(c.json[0]):
        if ask == ASK_CANDLES:
            outcome = candles(c, &items, asked, timeframe, s) if asked >= 0 else REJECT_SYMBOL
        else:
            outcome = elements(c, &items, ask, asked, s)
    elif ask != ASK_CANDLES and root.open_root(c.json[0]):
        outcome = element(c, &root, ask, asked, s)
    else:
        return REJECT_SHAPE
    if outcome != DECODED:
        return outcome
    if not c.json.at_end():
        return REJECT_JSON
    if s.n_reports > 0:
        s.instrument = s.reports[0].instrument
        s.ts_ns = s.reports[0].ts_ns
    elif s.n_klines > 0:
        s.instrument = asked
    elif s.n_balances == 0:
        return IGNORED
    return DECODED
