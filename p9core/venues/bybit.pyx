"""Bybit v5 public frames, spot and linear: what kind of frame, books and trades. Keys are looked
up by name: their order differs between the markets, and `cts` stands behind the data."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp, memset

from p9core.json cimport Fields, Items
from p9core.number cimport NUMBER_OK, integer
from p9core.types cimport *
from p9core.venues.bybit_answers cimport read_answer
from p9core.venues.bybit_reports cimport date, other
from p9core.venues.decoder cimport (Context, equals, find, levels, opened, plain_id, print_of,
                                    reopened, room_for_trade, stage_reset, starts, text,
                                    time_ms, unreadable, word)


cdef int32_t depth_of(const Span *topic, Span *symbol) noexcept nogil:
    """N and the symbol of "orderbook.N.SYMBOL"; 0 for the rpi and full books, which have other
    rules."""
    cdef int32_t n = 0, i = 10
    while i < topic.size and 48 <= topic.at[i] <= 57 and n < 100000:
        n = n * 10 + (topic.at[i] - 48)
        i += 1
    if i >= topic.size or topic.at[i] != b".":
        return 0
    symbol.at = topic.at + i + 1
    symbol.size = topic.size - i - 1
    return n


cdef Outcome book(Context *c, Fields *data, Stage *s, int32_t depth, const Span *symbol,
                  bint snapshot) noexcept nogil:
    """3.2: {"s", "b", "a", "u", "seq"}. The topic has said whose it is."""
    cdef Outcome outcome = DECODED, one
    cdef Span name
    cdef int32_t sides = 0
    # 4.2: at depth 1 every frame is the whole top
    s.feed = FEED_BBO if depth == 1 else FEED_DEPTH
    s.stream = depth
    if not find(c, symbol, s):
        return REJECT_SYMBOL
    while data.next():
        if memcmp(data.key, b's"', 2) == 0:
            if not text(c, data.token(), &name) or not equals(&name, symbol.at, symbol.size):
                return REJECT_SHAPE
        elif memcmp(data.key, b'b"', 2) == 0 or memcmp(data.key, b'a"', 2) == 0:
            sides |= 1 if data.key[0] == b"b" else 2
            one = levels(data.value, c.instruments[s.instrument], s, data.key[0] == b"b")
            if one != DECODED:
                outcome = one
                if one != REJECT_SURPLUS:
                    return one
        elif memcmp(data.key, b'u"', 2) == 0:
            if integer(data.token(), &s.last_id) != NUMBER_OK or s.last_id < 0:
                return REJECT_NUMBER
        elif memcmp(data.key, b'seq"', 4) == 0:
            if integer(data.token(), &s.order) != NUMBER_OK:
                return REJECT_NUMBER
    if not data.ok:
        return REJECT_JSON
    if sides != 3 or s.last_id == NO_ID:
        return REJECT_SHAPE
    if depth == 1:
        if outcome == DECODED and (s.n_bids > 1 or s.n_asks > 1):
            return REJECT_SHAPE
        if s.n_bids and s.bids[0].qty == 0:
            s.n_bids = 0
        if s.n_asks and s.asks[0].qty == 0:
            s.n_asks = 0
        return outcome
    s.snapshot = snapshot
    # 4.1: u == 1 is the venue's restart, and documented as a snapshot
    s.restart = s.last_id == 1 and not snapshot
    s.first_id = s.last_id
    s.prev_id = s.last_id - 1
    return outcome


cdef Outcome prints(Context *c, Fields *root, Stage *s) noexcept nogil:
    """3.5: a list of single fills, in match order."""
    cdef Items rows
    cdef Fields row
    cdef Trade *t
    cdef Outcome outcome = DECODED, one
    cdef Span name
    cdef int flag
    cdef const char *px
    cdef const char *qty
    s.feed = FEED_TRADE
    if not rows.open(root.value):
        return REJECT_SHAPE
    while rows.next():
        if not row.open(rows.value):
            return REJECT_SHAPE
        t = room_for_trade(s)
        if t == NULL:
            return REJECT_MEMORY
        memset(t, 0, sizeof(Trade))
        t.number = t.last_fill = NO_ID
        t.count = 1
        px = qty = NULL
        while row.next():
            if memcmp(row.key, b'T"', 2) == 0:
                if not time_ms(row.token(), &t.ts_ns):
                    return REJECT_NUMBER
            elif memcmp(row.key, b's"', 2) == 0:
                if not text(c, row.token(), &name):
                    return REJECT_SHAPE
                if s.instrument < 0 and not find(c, &name, s):
                    return REJECT_SYMBOL
                if not equals(&name, s.symbol.at, s.symbol.size):
                    return REJECT_SHAPE
            elif memcmp(row.key, b'S"', 2) == 0:
                if memcmp(row.token(), b'"Buy"', 5) == 0:
                    t.side = 1
                elif memcmp(row.token(), b'"Sell"', 6) == 0:
                    t.side = -1
            elif memcmp(row.key, b'v"', 2) == 0:
                qty = row.token()
            elif memcmp(row.key, b'p"', 2) == 0:
                px = row.token()
            elif memcmp(row.key, b'i"', 2) == 0:
                if not text(c, row.token(), &t.id) or not plain_id(&t.id):
                    return REJECT_SHAPE
            elif memcmp(row.key, b'BT"', 3) == 0:
                flag = word(row.token())
                if flag < 0:
                    return REJECT_SHAPE
                if flag:
                    t.flags |= TRADE_BLOCK
            elif memcmp(row.key, b'RPI"', 4) == 0:
                flag = word(row.token())
                if flag < 0:
                    return REJECT_SHAPE
                t.flags |= TRADE_HAS_ORGANIC
                if flag:
                    t.flags |= TRADE_RPI
        if not row.ok:
            return REJECT_JSON
        if s.instrument < 0 or t.side == 0 or t.ts_ns == 0 or t.id.size == 0:
            return REJECT_SHAPE
        one = print_of(px, qty, c.instruments[s.instrument], s, t)
        if one != DECODED:
            outcome = one
            if one != REJECT_SURPLUS:
                return one
        t.organic = 0 if t.flags & TRADE_RPI else t.qty
        s.n_trades += 1
    if not rows.ok:
        return REJECT_JSON
    if s.n_trades == 0:
        return REJECT_SHAPE
    s.ts_ns = s.trades[0].ts_ns
    return outcome


cdef Outcome decode(Context *c, const char *frame, size_t size, Stage *s) noexcept nogil:
    cdef Fields root, data
    cdef Span topic, kind, op, symbol
    cdef Outcome outcome = REJECT_UNKNOWN
    cdef int64_t ts = 0, cts = 0
    cdef bint control = False, late = False, again = False, success = False
    cdef int32_t depth
    stage_reset(s)
    topic.size = kind.size = op.size = 0
    if not opened(c, frame, size, &root):
        return unreadable(c)
    while True:
        while root.next():
            if memcmp(root.key, b'topic"', 6) == 0:
                if not text(c, root.token(), &topic):
                    return REJECT_SHAPE
            elif memcmp(root.key, b'type"', 5) == 0:
                if not text(c, root.token(), &kind):
                    return REJECT_SHAPE
            elif memcmp(root.key, b'data"', 5) == 0:
                if topic.size == 0 or kind.size == 0:
                    # the data stands before what says how to read it
                    late = True
                    continue
                if starts(&topic, b"orderbook.", 10):
                    depth = depth_of(&topic, &symbol)
                    if depth == 0 or (depth == 1 and equals(&kind, b"delta", 5)):
                        # until 2025-03-20 depth 1 sent deltas: of recordings, and not read
                        outcome = IGNORED
                    elif not data.open(root.value):
                        return REJECT_SHAPE
                    elif equals(&kind, b"snapshot", 8):
                        outcome = book(c, &data, s, depth, &symbol, True)
                    elif equals(&kind, b"delta", 5):
                        outcome = book(c, &data, s, depth, &symbol, False)
                    else:
                        return REJECT_SHAPE
                elif starts(&topic, b"publicTrade.", 12):
                    outcome = prints(c, &root, s)
                else:
                    outcome = other(c, root.value, &topic, &kind, s)
                if outcome >= REJECT_JSON and outcome != REJECT_UNKNOWN and outcome != REJECT_SURPLUS:
                    return outcome
            elif memcmp(root.key, b'ts"', 3) == 0:
                time_ms(root.token(), &ts)
            elif memcmp(root.key, b'cts"', 4) == 0:
                time_ms(root.token(), &cts)
            elif memcmp(root.key, b'success"', 8) == 0:
                control = True
                success = word(root.token()) == 1
            elif memcmp(root.key, b'ret_msg"', 8) == 0:
                text(c, root.token(), &s.message)
            elif memcmp(root.key, b'req_id"', 7) == 0:
                text(c, root.token(), &s.request)
            elif memcmp(root.key, b'op"', 3) == 0:
                control = True
                text(c, root.token(), &op)
        if not root.ok or not c.json.at_end():
            return REJECT_JSON
        if not late or again or topic.size == 0:
            break
        if kind.size == 0:
            # priceLimit and system.status have no type
            return IGNORED
        again = True
        stage_reset(s)
        if not reopened(c, &root):
            return REJECT_JSON
    if control and topic.size == 0:
        # 1.3: pongs of spot and linear say op "ping" and success
        if equals(&s.message, b"pong", 4) or equals(&op, b"pong", 4):
            s.control = CONTROL_PONG
        elif success:
            s.control = CONTROL_ACK
        elif s.message.size:
            s.control = CONTROL_ERROR
        else:
            s.control = CONTROL_OTHER
        s.topic = op
        return CONTROL
    if outcome == DECODED and s.feed != FEED_TRADE:
        # matching time where there is one, so that books compare with trades
        s.ts_ns = cts if cts else ts
        if s.feed > FEED_DEPTH:
            date(s)
    return outcome


cdef Outcome snapshot(Context *c, const char *body, size_t size, Stage *s) noexcept nogil:
    """No REST book starts a Bybit stream: 4.1, their ids are of another depth."""
    return IGNORED


cdef Outcome answer(Context *c, const char *body, size_t size, Ask ask, Timeframe timeframe,
                    Stage *s) noexcept nogil:
    return read_answer(c, body, size, ask, timeframe, s)
