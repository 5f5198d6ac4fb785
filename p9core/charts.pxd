"""Candles from own trades as messages: of every instrument, and of the exchanges together."""

from libc.stdint cimport int32_t, int64_t

from p9core.chart cimport Chart, Saying
from p9core.exact cimport Exact
from p9core.lines cimport Line
from p9core.messages cimport Messages
from p9core.types cimport TIMEFRAME_COUNT, Kline, Trade


cdef class Charts(Messages):
    cdef Chart **charts    # owned
    cdef int32_t n_charts
    cdef dict groups         # name -> number of its chart, or the lines that wait for a second
    cdef bint timeframes[TIMEFRAME_COUNT]  # those that are published
    cdef int64_t tick        # of the timer, counted
    cdef bint differences    # some chart has one to tell

    cdef Chart *open_chart(self, str exchange, str symbol) except NULL
    cdef int chart_line(self, Line *line) except -1
    cdef int join_group(self, Line *line, str group) except -1
    cdef void add_member(self, Chart *chart, Line *line) noexcept nogil
    cdef void fit(self, Line *line) noexcept nogil
    cdef void add(self, Chart *chart, int32_t member, int32_t power, Line *line,
                  const Trade *trade, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void chart_trade(self, Line *line, const Trade *trade, int64_t recv_ns,
                          int64_t now) noexcept nogil
    cdef void tell_running(self, Chart *chart, Line *line, int64_t recv_ns,
                           int64_t now) noexcept nogil
    cdef void chart_hole(self, Line *line, int64_t ts_ns) noexcept nogil
    cdef void chart_filled(self, Line *line) noexcept nogil
    cdef void chart_kline(self, Line *line, const Kline *kline, int64_t now) noexcept nogil
    cdef void chart_followed(self, Line *line) noexcept nogil
    cdef void charts_on_timer(self, int64_t now) noexcept nogil
    cdef void quiet_turn(self, Chart *chart, int64_t now) noexcept nogil
    cdef void compare(self, Chart *chart) noexcept nogil
    cdef int tell_differences(self, int64_t now) except -1
    cdef str residual_of(self, Chart *chart)
    cdef str exact_text(self, const Exact *value)
    cdef void saying(self, Saying *to, Chart *chart, int64_t recv_ns,
                     int64_t now) noexcept nogil
