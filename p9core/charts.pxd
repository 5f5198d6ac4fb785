"""Candles from own trades as messages: of every instrument, and of the exchanges together."""

from libc.stdint cimport int32_t, int64_t

from p9core.analytics.bars cimport Residual
from p9core.analytics.candles cimport Candles
from p9core.analytics.clock cimport MAX_MEMBERS, Lag
from p9core.buffer cimport Bytes
from p9core.exact cimport Exact
from p9core.lines cimport Line
from p9core.messages cimport Messages
from p9core.resp cimport Out, Voice
from p9core.types cimport TIMEFRAME_COUNT, Kline, Trade


cdef struct Chart:
    # one series of candles, and who speaks of it
    Candles candles
    Lag lags[1]              # of the one member; the group's members have theirs in their own
    Voice voices[TIMEFRAME_COUNT]
    Line *members[MAX_MEMBERS]
    int32_t n_members
    int32_t number           # in the table of charts: decides its turn within the second
    bint on                  # of one instrument: it is followed, and served
    int32_t odd              # prints in a row whose time can hardly be
    int64_t heard_ns         # venue time of the newest print
    int64_t hole_from_ns     # the newest hole in its trades: they are missing between these
    int64_t hole_to_ns       # times; NEVER: there is none
    int32_t hole_member      # whose trades they are
    Kline seeds[TIMEFRAME_COUNT]  # of the venue, until the first trade has come; open_ns 0: none
    Kline awaited            # a closed candle of the venue, to be compared when ours is final
    bint waits               # it is still to be
    Residual residual        # of the newest comparison
    int64_t residual_open_ns # 0: there was none
    Exact residual_volume    # as the venue has it
    bint differs             # and it is still to be told


cdef struct Saying:
    # what the writer of a bar needs
    Out *out
    Bytes *text
    Chart *chart
    const bint *wanted       # by timeframe
    int64_t recv_ns
    int64_t now
    int64_t said             # counts


cdef class Charts(Messages):
    cdef Chart **charts    # owned
    cdef int32_t n_charts
    cdef dict groups         # name -> number of its chart, or of the line that waits for a second
    cdef bint timeframes[TIMEFRAME_COUNT]  # those that are published
    cdef int64_t tick        # of the timer, counted
    cdef bint differences    # some chart has one to tell

    cdef Chart *open_chart(self, str exchange, str symbol) except NULL
    cdef int chart_line(self, Line *line, str group, int multiplier) except -1
    cdef int join_group(self, Line *line, str group) except -1
    cdef void add_member(self, Chart *chart, Line *line) noexcept nogil
    cdef void fit(self, Line *line) noexcept nogil
    cdef void add(self, Chart *chart, int32_t member, int32_t power, Line *line,
                  const Trade *trade, int64_t recv_ns, int64_t now) noexcept nogil
    cdef void chart_trade(self, Line *line, const Trade *trade, int64_t recv_ns,
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
