"""Record -> JSON text. Digits are canonical, times are integers, nothing is a float.

Key order is the contract's. Everything written here is ASCII but for symbols, which come
ready-made in a channel's head.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy

from p9core.book cimport Side
from p9core.buffer cimport Bytes, put, put_int, put_uint, reserve
from p9core.instruments cimport Instrument
from p9core.number cimport DECIMAL_ROOM, put_decimal, put_product, write_decimal
from p9core.resp cimport Channel, Voice
from p9core.types cimport (NO_ID, TRADE_BLOCK, TRADE_HAS_ORGANIC, TRADE_IS_LATE, TRADE_RPI, Change, Stage,
                           Trade)


cdef inline void put_time(Bytes *b, int64_t ns) noexcept nogil:
    if ns > 0:
        put_uint(b, <uint64_t> ns)
    else:
        put(b, b"null", 4)


cdef inline void put_id(Bytes *b, int64_t id) noexcept nogil:
    if id == NO_ID:
        put(b, b"null", 4)
    else:
        put_int(b, id)


cdef inline void put_size(Bytes *b, const Instrument *inst, int64_t qty) noexcept nogil:
    """A size in base units: contracts are multiplied out, exactly."""
    if inst.factor == 1 and inst.factor_exp == 0:
        put_decimal(b, qty, inst.qty_exp)
    else:
        put_product(b, qty, inst.factor, inst.qty_exp + inst.factor_exp)


cdef inline void begin(Bytes *b, Voice *voice, int64_t ts_exchange, int64_t ts_recv,
                       int64_t ts_pub, bint logged) noexcept nogil:
    """Numbers the message and writes the header."""
    cdef Channel *channel = voice.channel
    b.size = 0
    channel.seq += 1
    put(b, voice.head, voice.head_size)
    put_uint(b, <uint64_t> channel.seq)
    put(b, b',"ts_exchange":', 15)
    put_time(b, ts_exchange)
    put(b, b',"ts_recv":', 11)
    put_time(b, ts_recv)
    put(b, b',"ts_pub":', 10)
    put_time(b, ts_pub)
    if logged:
        put(b, b',"prev":', 8)
        put_uint(b, <uint64_t> channel.prev)
        channel.prev = channel.seq


cdef inline void put_trade(Bytes *b, const Instrument *inst, const Trade *t) noexcept nogil:
    put(b, b',"id":"', 7)
    put(b, t.id.at, t.id.size)
    put(b, b'","price":', 10)
    put_decimal(b, t.px, inst.px_exp)
    put(b, b',"qty":', 7)
    put_size(b, inst, t.qty)
    if t.side > 0:
        put(b, b',"side":"buy","buyer_maker":false,"count":', 42)
    else:
        put(b, b',"side":"sell","buyer_maker":true,"count":', 42)
    put_uint(b, <uint64_t> t.count)
    if t.flags & TRADE_HAS_ORGANIC:
        put(b, b',"organic_qty":', 15)
        put_size(b, inst, t.organic)
    if t.flags & (TRADE_BLOCK | TRADE_RPI | TRADE_IS_LATE):
        put(b, b',"flags":[', 10)
        if t.flags & TRADE_BLOCK:
            put(b, b'"block",', 8)
        if t.flags & TRADE_RPI:
            put(b, b'"rpi",', 6)
        if t.flags & TRADE_IS_LATE:
            put(b, b'"late",', 7)
        b.size -= 1  # the last comma
        put(b, b"]", 1)
    put(b, b"}", 1)


cdef inline void put_best(Bytes *b, const Instrument *inst, const Stage *s) noexcept nogil:
    put(b, b',"bid":', 7)
    if s.n_bids:
        put_decimal(b, s.bids[0].px, inst.px_exp)
        put(b, b',"bid_qty":', 11)
        put_size(b, inst, s.bids[0].qty)
    else:
        put(b, b'null,"bid_qty":null', 19)
    put(b, b',"ask":', 7)
    if s.n_asks:
        put_decimal(b, s.asks[0].px, inst.px_exp)
        put(b, b',"ask_qty":', 11)
        put_size(b, inst, s.asks[0].qty)
    else:
        put(b, b'null,"ask_qty":null', 19)
    if s.last_id == NO_ID:
        put(b, b',"id":null}', 11)
    else:
        put(b, b',"id":"', 7)
        put_int(b, s.last_id)
        put(b, b'"}', 2)


cdef inline void put_ids(Bytes *b, int64_t first_id, int64_t last_id, bint snapshot) noexcept nogil:
    if snapshot:
        put(b, b',"snapshot":true,"first_id":', 28)
    else:
        put(b, b',"snapshot":false,"first_id":', 29)
    put_id(b, first_id)
    put(b, b',"last_id":', 11)
    put_id(b, last_id)


cdef inline void put_level(Bytes *b, const Instrument *inst, int64_t px, int64_t qty,
                           bint first) noexcept nogil:
    """[price,size], with the comma before it."""
    cdef char *to
    if not reserve(b, 2 * DECIMAL_ROOM + 4):
        return
    to = b.at + b.size
    if not first:
        to[0] = b","
        to += 1
    to[0] = b"["
    to = write_decimal(to + 1, px, inst.px_exp)
    to[0] = b","
    to += 1
    if inst.factor == 1 and inst.factor_exp == 0:
        to = write_decimal(to, qty, inst.qty_exp)
        to[0] = b"]"
        b.size = to + 1 - b.at
        return
    b.size = to - b.at
    put_size(b, inst, qty)
    put(b, b"]", 1)


cdef inline void put_change(Bytes *b, const Instrument *inst, const Change *change,
                            bint first) noexcept nogil:
    """As `put_level`; the venue's own digits are copied where they are as we write them."""
    cdef char *to
    if not (change.px_size and change.qty_size and inst.factor == 1 and inst.factor_exp == 0):
        put_level(b, inst, change.px, change.qty, first)
        return
    if not reserve(b, 2 * DECIMAL_ROOM):
        return
    to = b.at + b.size
    if not first:
        to[0] = b","
        to += 1
    to[0] = b"["
    to += 1
    # at most 8 digits, a point, 8 decimals; a copy of fixed size is a few instructions
    memcpy(to, change.px_text, 24)
    to += change.px_size
    to[0] = b","
    memcpy(to + 1, change.qty_text, 24)
    to += 1 + change.qty_size
    to[0] = b"]"
    b.size = to + 1 - b.at


cdef inline void put_changes(Bytes *b, const Instrument *inst, const Change *changes, int32_t n,
                             const Change *pruned, int32_t n_pruned) noexcept nogil:
    cdef int32_t i
    put(b, b"[", 1)
    for i in range(n):
        put_change(b, inst, &changes[i], i == 0)
    for i in range(n_pruned):
        put_level(b, inst, pruned[i].px, 0, i == 0 and n == 0)
    put(b, b"]", 1)


cdef inline void put_side(Bytes *b, const Instrument *inst, const Side *side,
                          int sign) noexcept nogil:
    """Held levels, best first."""
    cdef int32_t i
    put(b, b"[", 1)
    for i in range(side.n - 1, -1, -1):
        put_level(b, inst, sign * side.keys[i], side.qtys[i], i == side.n - 1)
    put(b, b"]", 1)
