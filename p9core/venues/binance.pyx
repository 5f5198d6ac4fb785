"""Binance frames: spot and USD-M, raw (`/ws`) or wrapped in {"stream", "data"} (`/stream`).

Payload keys are single letters, so one table by letter holds a frame's scalars wherever they
stand. `b` and `a` are level lists in a depth update, prices in a book ticker and ids in an
old trade: the event type decides, after the walk.
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp, memset

from p9core.json cimport Fields, Items
from p9core.number cimport NUMBER_OK, integer
from p9core.types cimport *
from p9core.venues cimport binance_bodies
from p9core.venues.binance_events cimport event_of, events_of
from p9core.venues.binance_fields cimport Payload, at, nested
from p9core.venues.decoder cimport (Context, equals, find, level, levels, opened, opened_list, pair,
                                    plain_id, print_of, reopened, room_for_trade, scalar,
                                    stage_reset, text, time_ms, unreadable, word)

cdef enum:
    SPOT = 0
    LINEAR = 1


cdef void walk(Context *c, Fields *f, Payload *p, Stage *s) noexcept nogil:
    cdef const char *key
    cdef const char *token
    cdef Span name
    cdef Outcome outcome
    while f.next():
        key = f.key
        token = f.token()
        if key[1] == b'"':
            p.by_letter[key[0] & 63] = token
            if key[0] == b"s":
                if text(c, token, &name):
                    find(c, &name, s)
            elif token[0] < b"[":
                pass  # a number or a text, as most are
            elif token[0] == b"{":
                nested(p, key[0], f.value)
            elif token[0] == b"[" and (key[0] == b"b" or key[0] == b"a"):
                if s.instrument < 0:
                    p.late = True
                    continue
                s.feed = FEED_DEPTH
                outcome = levels(f.value, c.instruments[s.instrument], s, key[0] == b"b")
                if outcome != DECODED:
                    # a surplus of digits must not hide a worse fault, nor stop the look at
                    # the other side
                    p.outcome = outcome
                    if outcome != REJECT_SURPLUS:
                        return
        elif memcmp(key, b'pu"', 3) == 0:
            p.pu = token
        elif memcmp(key, b'nq"', 3) == 0:
            p.nq = token
        elif memcmp(key, b'st"', 3) == 0:
            p.st = token
        elif memcmp(key, b'lastUpdateId"', 13) == 0:
            p.partial = True


cdef bint is_partial(const Span *stream, Stage *s) noexcept nogil:
    """Top-N and RPI books look like diffs; only the name of the stream tells. Notes the speed
    of a diff stream."""
    cdef int32_t i = 0, speed = 0
    while i < stream.size and stream.at[i] != b"@":
        i += 1
    if i + 9 <= stream.size and memcmp(stream.at + i, b"@rpiDepth", 9) == 0:
        return True
    if i + 6 > stream.size or memcmp(stream.at + i, b"@depth", 6) != 0:
        return False
    i += 6
    if i < stream.size and stream.at[i] != b"@":
        return True
    i += 1
    while i < stream.size and 48 <= stream.at[i] <= 57:
        speed = speed * 10 + (stream.at[i] - 48)
        i += 1
    s.stream = speed
    return False


cdef Outcome depth(Context *c, Payload *p, Stage *s) noexcept nogil:
    s.feed = FEED_DEPTH
    if at(p, b"U") == NULL or at(p, b"u") == NULL or at(p, b"b") == NULL or at(p, b"a") == NULL:
        return REJECT_SHAPE
    if s.instrument < 0:
        return REJECT_SYMBOL if at(p, b"s") != NULL else REJECT_SHAPE
    if at(p, b"b")[0] != b"[" or at(p, b"a")[0] != b"[":
        return REJECT_SHAPE
    if p.outcome != DECODED:
        return p.outcome
    if integer(at(p, b"U"), &s.first_id) != NUMBER_OK or integer(at(p, b"u"), &s.last_id) != NUMBER_OK:
        return REJECT_NUMBER
    if s.first_id < 0 or s.last_id < s.first_id:
        return REJECT_NUMBER
    if c.market == SPOT:
        s.prev_id = s.first_id - 1
    elif p.pu == NULL:
        return REJECT_SHAPE
    elif integer(p.pu, &s.prev_id) != NUMBER_OK or s.prev_id < 0:
        return REJECT_NUMBER
    # USD-M: T, the matching time; spot has only E
    if not time_ms(at(p, b"T") if c.market != SPOT else at(p, b"E"), &s.ts_ns):
        return REJECT_SHAPE
    return DECODED


cdef Outcome trade(Context *c, Payload *p, Stage *s, bint aggregate) noexcept nogil:
    cdef Trade *t
    cdef Outcome outcome
    cdef int64_t first = NO_ID
    cdef int maker
    cdef const char *id = at(p, b"a") if aggregate else at(p, b"t")
    s.feed = FEED_TRADE
    if s.instrument < 0:
        return REJECT_SYMBOL if at(p, b"s") != NULL else REJECT_SHAPE
    t = room_for_trade(s)
    if t == NULL:
        return REJECT_MEMORY
    memset(t, 0, sizeof(Trade))
    if id == NULL or at(p, b"m") == NULL or not time_ms(at(p, b"T"), &t.ts_ns):
        return REJECT_SHAPE
    if integer(id, &t.number) != NUMBER_OK or t.number < 0 or not scalar(c, id, &t.id):
        return REJECT_NUMBER
    if not plain_id(&t.id):
        return REJECT_NUMBER
    s.ts_ns = t.ts_ns
    t.count = 1
    t.last_fill = t.number
    s.n_trades = 1
    if at(p, b"X") != NULL and memcmp(at(p, b"X"), b'"MARKET"', 8) != 0:
        # 4.5: INSURANCE_FUND, ADL and NA rows are no market matches, some have price 0; they
        # still count in the run of ids
        t.flags = TRADE_OFF_BOOK
        return DECODED
    outcome = print_of(at(p, b"p"), at(p, b"q"), c.instruments[s.instrument], s, t)
    if outcome != DECODED:
        return outcome
    # m: the buyer was the maker, so the seller took
    maker = word(at(p, b"m"))
    if maker < 0:
        return REJECT_SHAPE
    t.side = -1 if maker else 1
    if not aggregate:
        return DECODED
    t.flags = TRADE_AGGREGATE
    if at(p, b"f") == NULL or at(p, b"l") == NULL:
        return REJECT_SHAPE
    if integer(at(p, b"f"), &first) != NUMBER_OK or integer(at(p, b"l"), &t.last_fill) != NUMBER_OK:
        return REJECT_NUMBER
    if first < 0 or t.last_fill < first or t.last_fill - first > 1000000000:
        return REJECT_NUMBER
    t.count = <int32_t> (t.last_fill - first + 1)
    if p.nq != NULL:
        # nq: the size without RPI fills
        outcome = pair(at(p, b"p"), p.nq, c.instruments[s.instrument], s, &t.px, &t.organic)
        if outcome != DECODED:
            return outcome
        if not 0 <= t.organic <= t.qty:
            return REJECT_NUMBER
        t.flags |= TRADE_HAS_ORGANIC
        if t.organic == 0:
            t.flags |= TRADE_RPI
    return DECODED


cdef Outcome ticker(Context *c, Payload *p, Stage *s) noexcept nogil:
    cdef Outcome outcome
    s.feed = FEED_BBO
    if s.instrument < 0:
        return REJECT_SYMBOL if at(p, b"s") != NULL else REJECT_SHAPE
    if at(p, b"u") == NULL:
        return REJECT_SHAPE
    if integer(at(p, b"u"), &s.last_id) != NUMBER_OK or s.last_id < 0:
        return REJECT_NUMBER
    s.order = s.last_id
    # spot gives no time
    if at(p, b"T") != NULL and not time_ms(at(p, b"T"), &s.ts_ns):
        return REJECT_SHAPE
    outcome = level(at(p, b"b"), at(p, b"B"), c.instruments[s.instrument], s, True)
    if outcome != DECODED and outcome != REJECT_SURPLUS:
        return outcome
    if outcome == DECODED:
        return level(at(p, b"a"), at(p, b"A"), c.instruments[s.instrument], s, False)
    level(at(p, b"a"), at(p, b"A"), c.instruments[s.instrument], s, False)
    return outcome


cdef Outcome payload(Context *c, Fields *f, Stage *s, const Span *stream, Payload *p) noexcept nogil:
    cdef Span event
    memset(p, 0, sizeof(Payload))
    p.outcome = DECODED
    if stream.size and is_partial(stream, s):
        return IGNORED
    walk(c, f, p, s)
    if not f.ok:
        return REJECT_JSON
    if p.outcome != DECODED and p.outcome != REJECT_SURPLUS:
        return p.outcome
    if at(p, b"e") == NULL:
        if p.partial:
            return IGNORED
        # spot book tickers have no event type
        if at(p, b"u") != NULL and at(p, b"B") != NULL and at(p, b"A") != NULL:
            return ticker(c, p, s)
        return REJECT_UNKNOWN
    if not text(c, at(p, b"e"), &event):
        return REJECT_SHAPE
    if equals(&event, b"depthUpdate", 11):
        return depth(c, p, s)
    if equals(&event, b"bookTicker", 10):
        return ticker(c, p, s)
    if equals(&event, b"trade", 5):
        return trade(c, p, s, False)
    if equals(&event, b"aggTrade", 8):
        return trade(c, p, s, True)
    if equals(&event, b"serverShutdown", 14):
        s.control = CONTROL_NOTICE
        s.code = s.message = event
        return CONTROL
    return event_of(c, &event, p, s, stream)


cdef bint control_field(Context *c, Fields *root, Stage *s, bint nested) noexcept nogil:
    """A field of an answer to a request; errors come flat or nested (section 3)."""
    cdef Fields error
    if memcmp(root.key, b'result"', 7) == 0:
        s.control = CONTROL_ACK
    elif memcmp(root.key, b'id"', 3) == 0:
        scalar(c, root.token(), &s.request)
    elif memcmp(root.key, b'code"', 5) == 0:
        s.control = CONTROL_ERROR
        scalar(c, root.token(), &s.code)
    elif memcmp(root.key, b'msg"', 4) == 0:
        scalar(c, root.token(), &s.message)
    elif memcmp(root.key, b'error"', 6) == 0 and not nested:
        s.control = CONTROL_ERROR
        if error.open(root.value):
            while error.next():
                control_field(c, &error, s, True)
    else:
        return False
    return True


cdef Outcome payload_again(Context *c, Stage *s, const Span *stream, Payload *p,
                           bint raw) noexcept nogil:
    """From the top again, now that the stream's name and the symbol are known."""
    cdef Fields root, data
    if not reopened(c, &root):
        return REJECT_JSON
    if raw:
        return payload(c, &root, s, stream, p)
    while root.next():
        if memcmp(root.key, b'data"', 5) == 0:
            if not data.open(root.value):
                return REJECT_SHAPE
            return payload(c, &data, s, stream, p)
    return REJECT_JSON


cdef Outcome raw_list(Context *c, const char *frame, size_t size, Stage *s) noexcept nogil:
    """An all-market list as `/ws` sends it."""
    cdef Items items
    cdef Outcome outcome
    if not opened_list(c, frame, size, &items):
        return unreadable(c)
    outcome = events_of(c, &items, s)
    if outcome != DECODED and outcome != IGNORED:
        return outcome
    return outcome if c.json.at_end() else REJECT_JSON


cdef Outcome decode(Context *c, const char *frame, size_t size, Stage *s) noexcept nogil:
    cdef Fields root, data
    cdef Items items
    cdef Payload p
    cdef Span stream
    cdef Outcome outcome = REJECT_UNKNOWN
    cdef bint wrapped = False, control = False, listed = False
    stage_reset(s)
    stream.size = 0
    p.late = False
    if not opened(c, frame, size, &root):
        return raw_list(c, frame, size, s)
    while root.next():
        if memcmp(root.key, b'stream"', 7) == 0:
            if not text(c, root.token(), &stream):
                return REJECT_SHAPE
        elif memcmp(root.key, b'data"', 5) == 0:
            wrapped = True
            if root.token()[0] == b"[":
                listed = items.open(root.value)
            elif stream.size == 0:
                p.late = True
            elif not data.open(root.value):
                return REJECT_SHAPE
            else:
                outcome = payload(c, &data, s, &stream, &p)
        elif control_field(c, &root, s, False):
            control = True
    if not root.ok or not c.json.at_end():
        return REJECT_JSON
    if not wrapped:
        if control:
            return CONTROL
        # the payload stands at the root
        outcome = payload_again(c, s, &stream, &p, True)
    if listed:
        # the all-market lists; without a stream's name it is another venue's frame
        return events_of(c, &items, s) if stream.size else REJECT_UNKNOWN
    if p.late:
        outcome = payload_again(c, s, &stream, &p, not wrapped)
    return outcome


# What an endpoint's row names must stand in the module that it names.

cdef Outcome snapshot(Context *c, const char *body, size_t size, Stage *s) noexcept nogil:
    return binance_bodies.snapshot(c, body, size, s)


cdef Outcome answer(Context *c, const char *body, size_t size, Ask ask, Timeframe timeframe,
                    Stage *s) noexcept nogil:
    return binance_bodies.answer(c, body, size, ask, timeframe, s)
