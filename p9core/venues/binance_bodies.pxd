from p9core.types cimport Ask, Outcome, Stage, Timeframe
from p9core.venues.decoder cimport Context

cdef Outcome snapshot(Context *c, const char *body, size_t size, Stage *s) noexcept nogil
cdef Outcome answer(Context *c, const char *body, size_t size, Ask ask, Timeframe timeframe,
                    Stage *s) noexcept nogil
