"""One series of candles, and who speaks of it."""

from libc.stdint cimport int32_t, int64_t

from p9core.analytics.bars cimport Bar, Residual
from p9core.analytics.candles cimport Candles
from p9core.analytics.clock cimport MAX_MEMBERS, Lag
from p9core.buffer cimport Bytes
from p9core.exact cimport Exact
from p9core.lines cimport Line
from p9core.resp cimport Out, Voice
from p9core.types cimport TIMEFRAME_COUNT, Kline


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


cdef bint any_on(const Chart *chart) noexcept nogil
cdef void begin_anew(Chart *chart) noexcept nogil
cdef bint believed(Chart *chart, Line *line, int64_t ts_ns, int64_t recv_ns) noexcept nogil
cdef void joins(Candles *group, const Candles *own) noexcept nogil
cdef bint gapped(const Chart *chart, const Bar *bar, int timeframe) noexcept nogil
cdef void note_hole(Chart *chart, int32_t member, int64_t from_ns, int64_t to_ns) noexcept nogil
cdef void finer(Chart *chart, int px_exp, int qty_exp) noexcept nogil
cdef void say_bar(void *who, int timeframe, const Bar *bar, bint closed) noexcept nogil
