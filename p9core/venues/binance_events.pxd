from p9core.json cimport Items
from p9core.types cimport Outcome, Span, Stage
from p9core.venues.binance_fields cimport Payload
from p9core.venues.decoder cimport Context

cdef Outcome event_of(Context *c, const Span *event, Payload *p, Stage *s,
                      const Span *stream) noexcept nogil
cdef Outcome events_of(Context *c, Items *items, Stage *s) noexcept nogil
