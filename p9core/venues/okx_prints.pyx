"""OKX's liquidations, block trades and candles."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp, memset

from p9core.exact cimport Exact, exact_read
from p9core.instruments cimport KIND_SPOT
from p9core.json cimport Fields, Items, Value
from p9core.number cimport NUMBER_OK
from p9core.types cimport *
from p9core.venues.decoder cimport (Context, new_kline, new_print, plain_id, positive, text,
                                    time_ms)
from p9core.venues.okx_asked cimport Asked, traded, whose


cdef enum:
    COLUMNS = 9        # of a candle: ts, o, h, l, c, vol, volCcy, volCcyQuote, confirm
    OLD_COLUMNS = 7    # in 2022: without the last two
    NUMBERS = 6        # of them that are read


# 4.10: `bkPx` was the bankruptcy price until 2026-07-08, since then the mark price
cdef int64_t MARK_SINCE_NS = 1783468800 * <int64_t> 1000000000


cdef Outcome print_row(Context *c, Value &value, Stage *s, const Asked *asked,
                       int32_t index) noexcept nogil:
    """4.10: one of a contract's liquidations; 4.16: one leg of a block trade."""
    cdef Fields row
    cdef Print *made = new_print(s, index)
    cdef const char *price = NULL
    cdef const char *qty = NULL
    cdef const char *id = NULL
    if made == NULL:
        return REJECT_MEMORY
    if not row.open(value):
        return REJECT_SHAPE
    while row.next():
        if memcmp(row.key, b'px"', 3) == 0 or memcmp(row.key, b'bkPx"', 5) == 0:
            price = row.token()
        elif memcmp(row.key, b'sz"', 3) == 0:
            qty = row.token()
        elif memcmp(row.key, b'side"', 5) == 0:
            if memcmp(row.token(), b'"buy"', 5) == 0:
                made.side = 1
            elif memcmp(row.token(), b'"sell"', 6) == 0:
                made.side = -1
        elif memcmp(row.key, b'ts"', 3) == 0:
            if not time_ms(row.token(), &made.ts_ns):
                return REJECT_NUMBER
        elif memcmp(row.key, b'tradeId"', 8) == 0:
            id = row.token()
    if not row.ok:
        return REJECT_JSON
    if price == NULL or qty == NULL or made.side == 0 or made.ts_ns == 0:
        return REJECT_SHAPE
    if exact_read(price, &made.price) != NUMBER_OK or exact_read(qty, &made.qty) != NUMBER_OK:
        return REJECT_NUMBER
    if not positive(&made.price) or not positive(&made.qty):
        return REJECT_NEGATIVE
    if asked.feed == FEED_BLOCK:
        # the legs of a group request have an empty one
        if not text(c, id, &made.id):
            return REJECT_SHAPE
        return DECODED if made.id.size == 0 or plain_id(&made.id) else REJECT_NUMBER
    made.sampled = True
    made.price_kind = PRICE_MARK if made.ts_ns >= MARK_SINCE_NS else PRICE_BANKRUPTCY
    return DECODED


cdef Outcome prints_row(Context *c, Value &value, Stage *s, const Asked *asked) noexcept nogil:
    """One element of `data`. The name may stand behind what it is the name of, so it is sought
    first."""
    cdef Fields row
    cdef Items details
    cdef Value listed
    cdef Span name, kind
    cdef int32_t index = NO_INSTRUMENT
    cdef bint found = False
    cdef Outcome outcome
    memset(&name, 0, sizeof(Span))
    memset(&kind, 0, sizeof(Span))
    memset(&listed, 0, sizeof(Value))
    if not row.open(value):
        return REJECT_SHAPE
    while row.next():
        if memcmp(row.key, b'instId"', 7) == 0:
            if not text(c, row.token(), &name):
                return REJECT_SHAPE
        elif memcmp(row.key, b'instType"', 9) == 0:
            if not text(c, row.token(), &kind):
                return REJECT_SHAPE
        elif memcmp(row.key, b'details"', 8) == 0:
            listed = row.value
            found = True
    if not row.ok:
        return REJECT_JSON
    outcome = traded(&kind)
    if outcome == DECODED:
        outcome = whose(c, &name, s, asked, &index)
    if outcome != DECODED:
        return outcome
    if asked.feed == FEED_BLOCK:
        return print_row(c, value, s, asked, index)
    if not found or not details.open(listed):
        return REJECT_SHAPE
    while details.next():
        outcome = print_row(c, details.value, s, asked, index)
        if outcome != DECODED:
            return outcome
    return DECODED if details.ok else REJECT_JSON


cdef Outcome kline_row(Context *c, Value &value, Stage *s, const Asked *asked) noexcept nogil:
    """4.5: a candle. Volumes of derivatives stand a column behind those of spot pairs."""
    cdef const char *columns[COLUMNS]
    cdef const char *texts[NUMBERS]
    cdef Exact *numbers[NUMBERS]
    cdef Items cells
    cdef Span unnamed
    cdef Kline *kline
    cdef int32_t index = NO_INSTRUMENT, n = 0
    cdef bint spot
    cdef Outcome outcome
    cdef int i
    memset(columns, 0, sizeof(columns))
    memset(&unnamed, 0, sizeof(Span))
    if not cells.open(value):
        return REJECT_SHAPE
    while cells.next():
        if n < COLUMNS:
            columns[n] = cells.token()
        n += 1
    if not cells.ok:
        return REJECT_JSON
    if n < COLUMNS and n != OLD_COLUMNS:
        return REJECT_SHAPE
    outcome = whose(c, &unnamed, s, asked, &index)
    if outcome != DECODED:
        return outcome
    kline = new_kline(s, index)
    if kline == NULL:
        return REJECT_MEMORY
    kline.timeframe = asked.timeframe
    if not time_ms(columns[0], &kline.open_ns):
        return REJECT_NUMBER
    spot = c.instruments[index].kind == KIND_SPOT
    for i in range(4):
        texts[i] = columns[1 + i]
    texts[4] = columns[5] if spot else columns[6]
    # the same in both where it is told
    texts[5] = columns[6] if spot else columns[7]
    numbers = [&kline.open, &kline.high, &kline.low, &kline.close,
               &kline.volume, &kline.quote_volume]
    for i in range(NUMBERS):
        if exact_read(texts[i], numbers[i]) != NUMBER_OK:
            return REJECT_NUMBER
        # where nothing was traded the prices are those of before, the volumes 0
        if numbers[i].negative or (i < 4 and not positive(numbers[i])):
            return REJECT_NEGATIVE
    if not kline.volume.there:
        return REJECT_SHAPE
    if columns[8] != NULL:
        kline.closed = memcmp(columns[8], b'"1"', 3) == 0
        if not kline.closed and memcmp(columns[8], b'"0"', 3) != 0:
            return REJECT_SHAPE
    return DECODED
