"""Bybit v5 REST bodies."""

from p9core.types cimport Ask, Outcome, Stage, Timeframe
from p9core.venues.decoder cimport Context

cdef Outcome read_answer(Context *c, const char *at, size_t size, Ask ask, Timeframe timeframe,
                         Stage *s) noexcept nogil
