from p9core.json cimport Value
from p9core.types cimport Outcome, Stage
from p9core.venues.decoder cimport Context
from p9core.venues.okx_asked cimport Asked

cdef Outcome report_row(Context *c, Value &value, Stage *s, const Asked *asked) noexcept nogil
cdef Outcome ratio_rows(Context *c, Value &data, Stage *s, const Asked *asked) noexcept nogil
