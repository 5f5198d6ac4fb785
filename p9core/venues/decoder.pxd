"""What the decoders of all venues share: their signature, and how a level, a time, a text is
read from JSON into the stage."""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport realloc
from libc.string cimport memcmp, memset

from p9core.exact cimport Exact, exact_int, exact_read, exact_times, exact_zero
from p9core.instruments cimport Instrument, Names, names_find
from p9core.json cimport Document, Fields, Items, Rows, Value, text_size
from p9core.number cimport (NUMBER_BAD, NUMBER_OK, NUMBER_OVERFLOW, NUMBER_SURPLUS, Number,
                            decimal, decimal_text, ends_number, integer)
from p9core.types cimport (CONTROL_OTHER, FEED_COUNT, NO_ID, NO_INSTRUMENT, DECODED, REJECT_MEMORY, REJECT_NEGATIVE,
                           REJECT_JSON, REJECT_NUMBER, REJECT_OVERFLOW, REJECT_SHAPE,
                           REJECT_SURPLUS, REJECT_SYMBOL, REJECT_UTF8, Ask, Balance, Change, Kline,
                           Outcome, Print, Report, Span, Stage, Timeframe, Told, Trade)


# Begins to load what an update of this instrument will need, while its frame is still read.
ctypedef void (*Touch)(const Instrument *inst) noexcept nogil


cdef struct Context:
    Document *json            # the parser, shared by all connections
    const Names *names        # of this endpoint
    const Names *indices      # index price -> the first of its instruments
    bint resolving            # a symbol that is not known may be made known: say so
    Instrument **instruments  # by index, of all endpoints
    const char *limit         # end of the frame being decoded
    Touch touch
    int32_t market            # which variant of the venue's frames


# One frame into the stage; `size` bytes at `at` with padding behind them.
ctypedef Outcome (*Decode)(Context *c, const char *at, size_t size, Stage *s) noexcept nogil
# A REST body that answers `ask`. The caller has set `s.instrument` to whom it asked for, or to
# NO_INSTRUMENT: then the body speaks of many, and those that are not known are passed over.
ctypedef Outcome (*Answer)(Context *c, const char *at, size_t size, Ask ask, Timeframe timeframe,
                           Stage *s) noexcept nogil


cdef inline void stage_reset(Stage *s) noexcept nogil:
    s.instrument = NO_INSTRUMENT
    s.feed = FEED_COUNT  # not known yet
    s.control = CONTROL_OTHER
    s.ts_ns = 0
    s.stream = 0
    s.snapshot = s.restart = s.more = False
    s.first_id = s.last_id = s.prev_id = s.checksum = s.order = NO_ID
    s.n_bids = s.n_asks = s.n_trades = 0
    s.n_reports = s.n_prints = s.n_klines = s.n_balances = 0
    s.need_px = s.need_qty = 0
    s.request.size = s.code.size = s.message.size = s.topic.size = s.symbol.size = 0


cdef inline Outcome refused(Number number) noexcept nogil:
    if number == NUMBER_SURPLUS:
        return REJECT_SURPLUS
    return REJECT_OVERFLOW if number == NUMBER_OVERFLOW else REJECT_NUMBER


cdef inline bint text(const Context *c, const char *token, Span *out) noexcept nogil:
    """The text of a string token; False where it is no string."""
    cdef int size
    if token == NULL or token[0] != b'"':
        return False
    size = text_size(token, c.limit)
    if size < 0:
        return False
    out.at = token + 1
    out.size = size
    return True


cdef inline bint scalar(const Context *c, const char *token, Span *out) noexcept nogil:
    """The text of a string, number or word."""
    cdef const char *p = token
    if token == NULL or token[0] == 0:
        return False
    if token[0] == b'"':
        return text(c, token, out)
    while p < c.limit and p[0] != b"," and p[0] != b"}" and p[0] != b"]" and p[0] > b" ":
        p += 1
    out.at = token
    out.size = <int32_t> (p - token)
    return True


cdef inline int word(const char *token) noexcept nogil:
    """1 for true, 0 for false, -1 for anything else."""
    if memcmp(token, b"true", 4) == 0 and ends_number(token[4]):
        return 1
    if memcmp(token, b"false", 5) == 0 and ends_number(token[5]):
        return 0
    return -1


cdef inline bint equals(const Span *span, const char *word, int32_t size) noexcept nogil:
    # of nothing there may be no place: not even nothing may be compared there
    return span.size == size and (size == 0 or memcmp(span.at, word, size) == 0)


cdef inline bint starts(const Span *span, const char *word, int32_t size) noexcept nogil:
    return span.size >= size and memcmp(span.at, word, size) == 0


cdef inline bint ends(const Span *span, const char *word, int32_t size) noexcept nogil:
    return span.size >= size and memcmp(span.at + span.size - size, word, size) == 0


cdef inline bint find(const Context *c, const Span *name, Stage *s) noexcept nogil:
    """Sets the stage's instrument by the venue's name."""
    s.symbol = name[0]
    s.instrument = names_find(c.names, name.at, name.size)
    if s.instrument < 0:
        return False
    c.touch(c.instruments[s.instrument])
    return True


cdef inline bint time_ms(const char *token, int64_t *ns) noexcept nogil:
    """Venue time in ms, or in us where the connection was opened so (16 digits), to ns."""
    cdef int64_t value
    if token == NULL or integer(token, &value) != NUMBER_OK or value <= 0:
        return False
    if value < 9000000000000LL:
        ns[0] = value * 1000000
    elif 100000000000000LL <= value < 9000000000000000LL:
        ns[0] = value * 1000
    else:
        return False
    return True


cdef inline Change *room_for_change(Change **at, int32_t n, int32_t *cap) noexcept nogil:
    cdef Change *grown
    if n == cap[0]:
        grown = <Change *> realloc(at[0], (2 * n + 64) * sizeof(Change))
        if grown == NULL:
            return NULL
        at[0] = grown
        cap[0] = 2 * n + 64
    return at[0] + n


cdef inline Trade *room_for_trade(Stage *s) noexcept nogil:
    cdef Trade *grown
    if s.n_trades == s.cap_trades:
        grown = <Trade *> realloc(s.trades, (2 * s.n_trades + 16) * sizeof(Trade))
        if grown == NULL:
            return NULL
        s.trades = grown
        s.cap_trades = 2 * s.n_trades + 16
    return s.trades + s.n_trades


cdef inline void *room(void **at, int32_t n, int32_t *cap, size_t size) noexcept nogil:
    """A place behind the `n` of an owned list, all zero; NULL where memory ran out."""
    cdef void *grown
    cdef void *place
    if n == cap[0]:
        grown = realloc(at[0], (2 * n + 4) * size)
        if grown == NULL:
            return NULL
        at[0] = grown
        cap[0] = 2 * n + 4
    place = <char *> at[0] + n * size
    memset(place, 0, size)
    return place


cdef inline Report *new_report(Stage *s, int32_t instrument) noexcept nogil:
    """The next report of the stage, counted. NULL: REJECT_MEMORY."""
    cdef Report *report = <Report *> room(<void **> &s.reports, s.n_reports, &s.cap_reports,
                                          sizeof(Report))
    if report != NULL:
        report.instrument = instrument
        s.n_reports += 1
    return report


cdef inline Print *new_print(Stage *s, int32_t instrument) noexcept nogil:
    cdef Print *made = <Print *> room(<void **> &s.prints, s.n_prints, &s.cap_prints,
                                      sizeof(Print))
    if made != NULL:
        made.instrument = instrument
        s.n_prints += 1
    return made


cdef inline Kline *new_kline(Stage *s, int32_t instrument) noexcept nogil:
    cdef Kline *kline = <Kline *> room(<void **> &s.klines, s.n_klines, &s.cap_klines,
                                       sizeof(Kline))
    if kline != NULL:
        kline.instrument = instrument
        kline.trades = NO_ID
        s.n_klines += 1
    return kline


cdef inline Balance *new_balance(Stage *s) noexcept nogil:
    cdef Balance *balance = <Balance *> room(<void **> &s.balances, s.n_balances,
                                             &s.cap_balances, sizeof(Balance))
    if balance != NULL:
        s.n_balances += 1
    return balance


cdef inline bint tell(Report *report, Told field, const char *token) noexcept nogil:
    """The value of a field; a missing token tells nothing, "" tells that there is none. False:
    no number."""
    if token == NULL:
        return True
    report.told |= <uint32_t> 1 << <int> field
    return exact_read(token, &report.values[<int> field]) == NUMBER_OK


cdef inline bint tell_time(Report *report, Told field, const char *token) noexcept nogil:
    """A time in ms, as ns; 0 and "" tell that there is none. False: no time."""
    cdef int64_t ns = 0
    if token == NULL:
        return True
    report.told |= <uint32_t> 1 << <int> field
    if memcmp(token, b'""', 2) == 0 or (token[0] == b"0" and ends_number(token[1])) or (
            memcmp(token, b'"0"', 3) == 0):
        return True
    if not time_ms(token, &ns):
        return False
    exact_int(&report.values[<int> field], ns, 0)
    return True


cdef inline void tell_none(Report *report, Told field) noexcept nogil:
    report.told |= <uint32_t> 1 << <int> field
    memset(&report.values[<int> field], 0, sizeof(Exact))


cdef inline void in_base(const Instrument *inst, Exact *value) noexcept nogil:
    """A size in venue units as it is published: base units, of inverse contracts the quote
    currency. Not there any more where the contract size is not known."""
    cdef Exact factor
    exact_int(&factor, inst.factor, inst.factor_exp)
    factor.there = inst.factor != 0
    exact_times(value, &factor, value)


cdef inline bint positive(const Exact *value) noexcept nogil:
    return value.there and not value.negative and not exact_zero(value)


cdef inline bint opened(Context *c, const char *at, size_t size, Fields *root) noexcept nogil:
    """Indexes a frame whose root is an object."""
    c.limit = at + size
    return c.json.open(at, size) and root.open_root(c.json[0])


cdef inline bint opened_list(Context *c, const char *at, size_t size, Items *root) noexcept nogil:
    """Indexes a body whose root is a list."""
    c.limit = at + size
    return c.json.open(at, size) and root.open_root(c.json[0])


cdef inline bint reopened(Context *c, Fields *root) noexcept nogil:
    """From the top again, for a frame whose parts stand in an unusual order."""
    c.json.rewind()
    return root.open_root(c.json[0])


cdef inline Outcome unreadable(Context *c) noexcept nogil:
    return REJECT_UTF8 if c.json.bad_utf8() else REJECT_JSON


cdef inline Outcome levels(Value &value, const Instrument *inst, Stage *s, bint bids) noexcept nogil:
    """[[price, size, ...], ...] into the stage. All levels are looked at even where one has
    too many digits, so that `need_px` and `need_qty` speak of the whole list."""
    cdef Rows rows
    cdef Change *change
    cdef Outcome outcome = DECODED
    cdef Number number
    cdef int32_t n = 0
    if not rows.open(value):
        return REJECT_SHAPE
    while rows.next():
        if bids:
            change = room_for_change(&s.bids, n, &s.cap_bids)
        else:
            change = room_for_change(&s.asks, n, &s.cap_asks)
        if change == NULL:
            return REJECT_MEMORY
        number = decimal_text(rows.first, inst.px_exp, &change.px, &s.need_px,
                              &change.px_text, &change.px_size)
        if number != NUMBER_OK:
            outcome = refused(number)
            if number != NUMBER_SURPLUS:
                return outcome
        elif change.px <= 0:
            return REJECT_NEGATIVE
        number = decimal_text(rows.second, inst.qty_exp, &change.qty, &s.need_qty,
                              &change.qty_text, &change.qty_size)
        if number != NUMBER_OK:
            outcome = refused(number)
            if number != NUMBER_SURPLUS:
                return outcome
        elif change.qty < 0:
            return REJECT_NEGATIVE
        n += 1
        if not rows.more():
            break
    if bids:
        s.n_bids = n
    else:
        s.n_asks = n
    return outcome if rows.ok else REJECT_SHAPE


cdef inline Outcome pair(const char *px, const char *qty, const Instrument *inst, Stage *s,
                         int64_t *out_px, int64_t *out_qty) noexcept nogil:
    """A price and a size. Both are looked at, so that `need_*` speak of both."""
    cdef Number one, other
    if px == NULL or qty == NULL:
        return REJECT_SHAPE
    one = decimal(px, inst.px_exp, out_px, &s.need_px)
    other = decimal(qty, inst.qty_exp, out_qty, &s.need_qty)
    if one != NUMBER_OK and one != NUMBER_SURPLUS:
        return refused(one)
    if other != NUMBER_OK and other != NUMBER_SURPLUS:
        return refused(other)
    return DECODED if one == NUMBER_OK and other == NUMBER_OK else REJECT_SURPLUS


cdef inline Outcome level(const char *px, const char *qty, const Instrument *inst, Stage *s,
                          bint bid) noexcept nogil:
    """One best level from two tokens. A zero size, or an empty text, is an empty side."""
    cdef Change *change
    cdef Outcome outcome
    if bid:
        change = room_for_change(&s.bids, 0, &s.cap_bids)
    else:
        change = room_for_change(&s.asks, 0, &s.cap_asks)
    if change == NULL:
        return REJECT_MEMORY
    if px != NULL and qty != NULL and (memcmp(px, b'""', 2) == 0 or memcmp(qty, b'""', 2) == 0):
        return DECODED
    change.px_size = change.qty_size = 0
    outcome = pair(px, qty, inst, s, &change.px, &change.qty)
    if outcome != DECODED:
        return outcome
    if change.px < 0 or change.qty < 0 or (change.px == 0 and change.qty > 0):
        return REJECT_NEGATIVE
    if bid:
        s.n_bids = change.qty > 0
    else:
        s.n_asks = change.qty > 0
    return DECODED


cdef inline Outcome print_of(const char *px, const char *qty, const Instrument *inst, Stage *s,
                             Trade *trade) noexcept nogil:
    """Price and size of a trade."""
    cdef Outcome outcome = pair(px, qty, inst, s, &trade.px, &trade.qty)
    if outcome != DECODED:
        return outcome
    return DECODED if trade.px > 0 and trade.qty > 0 else REJECT_NEGATIVE


cdef inline bint plain_id(const Span *id) noexcept nogil:
    """An id is copied into messages as it is: letters, digits, '-' and '_', at most 64."""
    cdef int32_t i
    cdef char c
    if id.size < 1 or id.size > 64:
        return False
    for i in range(id.size):
        c = id.at[i]
        if not (48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122 or c == 45 or c == 95):
            return False
    return True
