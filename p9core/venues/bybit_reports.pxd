"""Bybit topics besides books and trades, and what REST bodies share with the tickers."""

from p9core.json cimport Value
from p9core.types cimport Outcome, Report, Span, Stage, Told
from p9core.venues.decoder cimport Context

cdef enum:
    # Context.market of the endpoints
    SPOT = 0
    LINEAR = 1

cdef Outcome other(Context *c, Value &data, const Span *topic, const Span *kind,
                   Stage *s) noexcept nogil
cdef void date(Stage *s) noexcept nogil
cdef Outcome ticker(Context *c, Value &row, const Span *name, bint all_told,
                    Report *report) noexcept nogil
cdef bint tell_half(Report *report, Told field, const char *both) noexcept nogil
