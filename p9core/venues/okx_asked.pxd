"""Whose rows a list of OKX is: what was subscribed to or asked for, and what a row says itself."""

from libc.stdint cimport int32_t

from p9core.instruments cimport names_find
from p9core.types cimport (DECODED, FEED_INDEX, IGNORED, NO_INSTRUMENT, REJECT_SHAPE, REJECT_SYMBOL,
                           Feed, Outcome, Span, Stage, Timeframe)
from p9core.venues.decoder cimport Context, equals, plain_id


cdef struct Asked:
    Feed feed
    Timeframe timeframe   # of candles
    Span name             # whose rows these are where they do not say; size 0: not told
    int32_t instrument    # the only one that may be in them, or NO_INSTRUMENT
    bint many             # instruments that are not ours are passed over


cdef inline Outcome traded(const Span *kind) noexcept nogil:
    """IGNORED: options and prediction markets are no part of the product, nor is a kind that is
    new."""
    if kind.size == 0 or equals(kind, b"SWAP", 4) or equals(kind, b"SPOT", 4):
        return DECODED
    if equals(kind, b"FUTURES", 7) or equals(kind, b"MARGIN", 6):
        return DECODED
    return IGNORED if plain_id(kind) else REJECT_SHAPE


cdef inline Outcome whose(Context *c, const Span *name, Stage *s, const Asked *asked,
                          int32_t *index) noexcept nogil:
    """The instrument of a row, of an index the first one; IGNORED: pass the row over."""
    cdef int32_t one
    s.symbol = asked.name
    if name.size:
        s.symbol = name[0]
    if s.symbol.size == 0:
        return REJECT_SHAPE
    one = names_find(c.indices if asked.feed == FEED_INDEX else c.names,
                     s.symbol.at, s.symbol.size)
    index[0] = one
    if one < 0:
        return IGNORED if asked.many else REJECT_SYMBOL
    while asked.instrument >= 0 and one != asked.instrument:
        one = c.instruments[one].next_of_index if asked.feed == FEED_INDEX else NO_INSTRUMENT
        if one < 0:
            return REJECT_SYMBOL
    return DECODED
