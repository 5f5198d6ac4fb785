"""OKX v5 public frames: one socket class for all markets, the market follows from `instId`.
Numbers are strings; sizes of derivatives are contracts and stay so until they are written."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp, memset

from p9core.json cimport Fields, Items
from p9core.number cimport NUMBER_OK, integer
from p9core.types cimport *
from p9core.venues.decoder cimport (Context, equals, find, levels, opened, plain_id, print_of,
                                    reopened, room_for_trade, scalar, stage_reset, starts, text,
                                    time_ms, unreadable)
from p9core.venues.okx_asked cimport Asked
from p9core.venues.okx_rows cimport answer as rows_answered, asked_of, rows_told


cdef enum Channel:
    CH_UNKNOWN
    CH_OTHER      # known, not used by this version
    CH_TRADES
    CH_BOOKS      # incremental
    CH_BBO
    CH_ROWS       # every other feed


cdef Channel channel_of(const Span *name, Stage *s, Asked *asked) noexcept nogil:
    """Which reader; `s.stream` is set to the depth variant, as variants never mix."""
    if equals(name, b"trades", 6):
        return CH_TRADES
    if equals(name, b"trades-all", 10):
        s.stream = 1
        return CH_TRADES
    if equals(name, b"books", 5):
        s.stream = 400
        return CH_BOOKS
    if equals(name, b"books-l2-tbt", 12):
        s.stream = 401
        return CH_BOOKS
    if equals(name, b"books50-l2-tbt", 14):
        s.stream = 50
        return CH_BOOKS
    if equals(name, b"bbo-tbt", 7):
        return CH_BBO
    if asked_of(name, asked):
        return CH_ROWS
    if (equals(name, b"books5", 6) or starts(name, b"books-", 6)
            or starts(name, b"candle", 6) or starts(name, b"mark-price-candle", 17)
            or starts(name, b"index-", 6) or starts(name, b"liquidation", 11)
            or equals(name, b"instruments", 11) or equals(name, b"status", 6)
            or equals(name, b"price-limit", 11) or equals(name, b"estimated-price", 15)
            or equals(name, b"adl-warning", 11) or starts(name, b"public-", 7)
            or equals(name, b"block-tickers", 13) or starts(name, b"option-", 7)
            or starts(name, b"opt-", 4) or equals(name, b"call-auction-details", 20)):
        return CH_OTHER
    return CH_UNKNOWN


cdef Outcome book(Context *c, Fields *row, Stage *s, bint top, bint rest) noexcept nogil:
    """4.3: one element of `books`, of `bbo-tbt` (`top`), or of the REST book, which has no
    `prevSeqId` (`rest`). The checksum is 0 since 2026-06-23."""
    cdef Outcome outcome = DECODED, one
    cdef int32_t sides = 0
    while row.next():
        if memcmp(row.key, b'asks"', 5) == 0 or memcmp(row.key, b'bids"', 5) == 0:
            sides |= 1 if row.key[0] == b"b" else 2
            one = levels(row.value, c.instruments[s.instrument], s, row.key[0] == b"b")
            if one != DECODED:
                outcome = one
                if one != REJECT_SURPLUS:
                    return one
        elif memcmp(row.key, b'ts"', 3) == 0:
            if not time_ms(row.token(), &s.ts_ns):
                return REJECT_NUMBER
        elif memcmp(row.key, b'checksum"', 9) == 0:
            if integer(row.token(), &s.checksum) != NUMBER_OK:
                return REJECT_NUMBER
            if s.checksum == 0:
                s.checksum = NO_ID
        elif memcmp(row.key, b'seqId"', 6) == 0:
            if integer(row.token(), &s.last_id) != NUMBER_OK:
                return REJECT_NUMBER
        elif memcmp(row.key, b'prevSeqId"', 10) == 0:
            if integer(row.token(), &s.prev_id) != NUMBER_OK:
                return REJECT_NUMBER
    if not row.ok:
        return REJECT_JSON
    if sides != 3 or s.ts_ns == 0:
        return REJECT_SHAPE
    s.first_id = s.prev_id
    if top:
        s.order = s.last_id
        if outcome == DECODED and (s.n_bids > 1 or s.n_asks > 1):
            return REJECT_SHAPE
        if s.n_bids and s.bids[0].qty == 0:
            s.n_bids = 0
        if s.n_asks and s.asks[0].qty == 0:
            s.n_asks = 0
        return outcome
    if s.last_id != NO_ID and s.prev_id == NO_ID and not rest:
        return REJECT_SHAPE
    return outcome


cdef Outcome print_row(Context *c, Fields *row, Stage *s) noexcept nogil:
    """4.1: one taker order at one price; `tradeId` is its last fill."""
    cdef Trade *t = room_for_trade(s)
    cdef const char *px = NULL
    cdef const char *qty = NULL
    cdef int64_t count = 1, number
    cdef Outcome outcome
    cdef Span name
    if t == NULL:
        return REJECT_MEMORY
    memset(t, 0, sizeof(Trade))
    # whether RPI fills and block legs share the run of ids is not known: no proof of a hole
    t.number = t.last_fill = NO_ID
    while row.next():
        if memcmp(row.key, b'instId"', 7) == 0:
            if not text(c, row.token(), &name) or not equals(&name, s.symbol.at, s.symbol.size):
                return REJECT_SHAPE
        elif memcmp(row.key, b'tradeId"', 8) == 0:
            if integer(row.token(), &number) != NUMBER_OK or not scalar(c, row.token(), &t.id):
                return REJECT_NUMBER
            if number < 0 or not plain_id(&t.id):
                return REJECT_NUMBER
        elif memcmp(row.key, b'px"', 3) == 0:
            px = row.token()
        elif memcmp(row.key, b'sz"', 3) == 0:
            qty = row.token()
        elif memcmp(row.key, b'side"', 5) == 0:
            if memcmp(row.token(), b'"buy"', 5) == 0:
                t.side = 1
            elif memcmp(row.token(), b'"sell"', 6) == 0:
                t.side = -1
        elif memcmp(row.key, b'ts"', 3) == 0:
            if not time_ms(row.token(), &t.ts_ns):
                return REJECT_NUMBER
        elif memcmp(row.key, b'count"', 6) == 0:
            if integer(row.token(), &count) != NUMBER_OK or not 1 <= count <= 1000000000:
                return REJECT_NUMBER
        elif memcmp(row.key, b'source"', 7) == 0:
            t.flags |= TRADE_HAS_ORGANIC
            if memcmp(row.token(), b'"1"', 3) == 0:
                t.flags |= TRADE_RPI
    if not row.ok:
        return REJECT_JSON
    if t.side == 0 or t.ts_ns == 0 or t.id.size == 0:
        return REJECT_SHAPE
    t.count = <int32_t> count
    outcome = print_of(px, qty, c.instruments[s.instrument], s, t)
    t.organic = 0 if t.flags & TRADE_RPI else t.qty
    s.n_trades += 1
    return outcome


cdef Outcome rows_of(Context *c, Fields *root, Stage *s, Channel channel,
                     const Span *action) noexcept nogil:
    cdef Items rows
    cdef Fields row
    cdef Outcome outcome = DECODED, one
    cdef int32_t n = 0, wanted = s.element
    s.feed = (FEED_TRADE if channel == CH_TRADES
              else FEED_BBO if channel == CH_BBO else FEED_DEPTH)
    if not rows.open(root.value):
        return REJECT_SHAPE
    while rows.next():
        n += 1
        if channel != CH_TRADES and n - 1 != wanted:
            # a book update is one transition: the engine comes back for the next one
            s.more = s.more or n - 1 > wanted
            continue
        if not row.open(rows.value):
            return REJECT_SHAPE
        if channel == CH_TRADES:
            one = print_row(c, &row, s)
        else:
            one = book(c, &row, s, channel == CH_BBO, False)
        if one != DECODED:
            outcome = one
            if one != REJECT_SURPLUS:
                return one
    if not rows.ok:
        return REJECT_JSON
    if n == 0:
        return REJECT_SHAPE
    if channel == CH_TRADES:
        s.ts_ns = s.trades[0].ts_ns
    elif channel == CH_BOOKS:
        if equals(action, b"snapshot", 8):
            s.snapshot = True
        elif not equals(action, b"update", 6):
            return REJECT_SHAPE
    return outcome


cdef Outcome decode(Context *c, const char *frame, size_t size, Stage *s) noexcept nogil:
    cdef Fields root, arg
    cdef Asked asked
    cdef Span event, action, name, kind
    cdef Channel channel = CH_UNKNOWN
    cdef Outcome outcome = REJECT_UNKNOWN
    cdef bint late = False, again = False, data = False
    cdef int32_t element = s.element
    stage_reset(s)
    event.size = action.size = name.size = kind.size = 0
    if size == 4 and memcmp(frame, b"pong", 4) == 0:
        # 2.2: the one text that is no JSON
        s.control = CONTROL_PONG
        return CONTROL
    if not opened(c, frame, size, &root):
        return unreadable(c)
    while True:
        while root.next():
            if memcmp(root.key, b'arg"', 4) == 0:
                if not arg.open(root.value):
                    return REJECT_SHAPE
                while arg.next():
                    if memcmp(arg.key, b'channel"', 8) == 0:
                        if not text(c, arg.token(), &s.topic):
                            return REJECT_SHAPE
                    elif memcmp(arg.key, b'instId"', 7) == 0:
                        if not text(c, arg.token(), &name):
                            return REJECT_SHAPE
                    elif memcmp(arg.key, b'instType"', 9) == 0:
                        if not text(c, arg.token(), &kind):
                            return REJECT_SHAPE
                if not arg.ok:
                    return REJECT_JSON
            elif memcmp(root.key, b'action"', 7) == 0:
                if not text(c, root.token(), &action):
                    return REJECT_SHAPE
            elif memcmp(root.key, b'data"', 5) == 0:
                data = True
                if s.topic.size == 0:
                    late = True
                    continue
                channel = channel_of(&s.topic, s, &asked)
                if channel == CH_OTHER:
                    outcome = IGNORED
                    continue
                if channel == CH_UNKNOWN:
                    continue
                if channel == CH_BOOKS and action.size == 0:
                    late = True
                    continue
                if channel == CH_ROWS:
                    asked.name = name
                    # an index is no instrument, it cannot become known
                    asked.many = asked.many and (asked.feed == FEED_INDEX or not c.resolving)
                    outcome = rows_told(c, root.value, s, &asked)
                    if outcome != DECODED and outcome != IGNORED:
                        return outcome
                    continue
                if name.size == 0:
                    return REJECT_SHAPE
                if not find(c, &name, s):
                    return REJECT_SYMBOL
                s.element = element
                outcome = rows_of(c, &root, s, channel, &action)
                if outcome >= REJECT_JSON and outcome != REJECT_SURPLUS:
                    return outcome
            elif memcmp(root.key, b'event"', 6) == 0:
                if not text(c, root.token(), &event):
                    return REJECT_SHAPE
            elif memcmp(root.key, b'id"', 3) == 0:
                scalar(c, root.token(), &s.request)
            elif memcmp(root.key, b'code"', 5) == 0:
                scalar(c, root.token(), &s.code)
            elif memcmp(root.key, b'msg"', 4) == 0:
                text(c, root.token(), &s.message)
        if not root.ok or not c.json.at_end():
            return REJECT_JSON
        if not late or again:
            break
        again = True
        late = False
        if not reopened(c, &root):
            return REJECT_JSON
    if event.size:
        # 4.10: some channels are subscribed to for all instruments of a type
        s.symbol = name
        if name.size == 0:
            s.symbol = kind
        if equals(&event, b"error", 5):
            s.control = CONTROL_ERROR
        elif equals(&event, b"notice", 6):
            s.control = CONTROL_NOTICE
        elif equals(&event, b"subscribe", 9) or equals(&event, b"unsubscribe", 11):
            s.control = CONTROL_ACK
        else:
            s.control = CONTROL_OTHER
        return CONTROL
    if late or not data:
        return REJECT_SHAPE if data else REJECT_UNKNOWN
    return outcome


cdef Outcome snapshot(Context *c, const char *body, size_t size, Stage *s) noexcept nogil:
    """REST /market/books; the caller has set `s.instrument`."""
    cdef Fields root, row
    cdef Items rows
    cdef Outcome outcome = REJECT_SHAPE
    cdef int32_t instrument = s.instrument
    stage_reset(s)
    s.instrument = instrument
    if not opened(c, body, size, &root):
        return unreadable(c)
    while root.next():
        if memcmp(root.key, b'data"', 5) == 0:
            if not rows.open(root.value) or not rows.next():
                return REJECT_SHAPE
            if not row.open(rows.value):
                return REJECT_SHAPE
            outcome = book(c, &row, s, False, True)
            if outcome != DECODED and outcome != REJECT_SURPLUS:
                return outcome
    if not root.ok or not c.json.at_end():
        return REJECT_JSON
    if outcome == DECODED and s.last_id == NO_ID:
        return REJECT_SHAPE
    s.snapshot = True
    s.first_id = s.prev_id = NO_ID
    return outcome


cdef Outcome answer(Context *c, const char *body, size_t size, Ask ask, Timeframe timeframe,
                    Stage *s) noexcept nogil:
    return rows_answered(c, body, size, ask, timeframe, s)
