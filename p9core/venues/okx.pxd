from p9core.types cimport Outcome, Stage
from p9core.venues.decoder cimport Context

cdef Outcome decode(Context *c, const char *frame, size_t size, Stage *s) noexcept nogil
cdef Outcome snapshot(Context *c, const char *body, size_t size, Stage *s) noexcept nogil
