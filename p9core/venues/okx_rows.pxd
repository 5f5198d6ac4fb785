from p9core.json cimport Value
from p9core.types cimport Ask, Outcome, Span, Stage, Timeframe
from p9core.venues.decoder cimport Context
from p9core.venues.okx_asked cimport Asked

cdef bint asked_of(const Span *channel, Asked *asked) noexcept nogil
cdef Outcome rows_told(Context *c, Value &data, Stage *s, const Asked *asked) noexcept nogil
cdef Outcome answer(Context *c, const char *body, size_t size, Ask ask, Timeframe timeframe,
                    Stage *s) noexcept nogil
