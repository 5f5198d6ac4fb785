"""REST polls: an answer decoded, and taken where it is of whom it was asked for and of now."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from p9core.buffer cimport reserve
from p9core.lines cimport COUNT_POLLS
from p9core.types cimport *
from p9core.snapshots cimport Snapshots
from p9core.updates cimport MAX_FRAME, PADDING
from p9core.venues.endpoints cimport endpoint_at

from p9core.analytics.plain import TIMEFRAMES
from p9core.lines import OUTCOMES
from p9core.venues.endpoints import ENDPOINTS

ASKS = {
    "mark_price": ASK_MARK,
    "index_price": ASK_INDEX,
    "funding": ASK_FUNDING,
    "funding_interval": ASK_FUNDING_INTERVAL,
    "open_interest": ASK_OPEN_INTEREST,
    "ticker": ASK_TICKER,
    "insurance_fund": ASK_INSURANCE,
    "long_short": ASK_LONG_SHORT,
    "candles": ASK_CANDLES,
}


cdef class Polls(Snapshots):
    """See the .pyi for what each call takes."""

    def feed_poll(self, str endpoint not None, str ask not None, int64_t recv_ns,
                  bytes body not None, int instrument=-1, str timeframe not None="",
                  int64_t old_ns=0) -> str:
        cdef int32_t at = ENDPOINTS[endpoint]
        cdef int32_t what = ASKS[ask], frame
        cdef Outcome outcome = REJECT_SIZE
        cdef int64_t now = recv_ns or self.last_now_ns
        cdef size_t size = len(body)
        if timeframe and timeframe not in TIMEFRAMES:
            raise ValueError(f"{timeframe!r} is no timeframe")
        frame = TIMEFRAMES.index(timeframe) if timeframe else 0
        if instrument >= 0 and self.line_at(instrument).endpoint != at:
            raise ValueError(f"instrument {instrument} is not of {endpoint}")
        self.counts[at][COUNT_POLLS] += 1
        self.scratch.size = 0
        if size <= MAX_FRAME and reserve(&self.scratch, size + PADDING):
            memcpy(self.scratch.at, <const char *> body, size)
            memset(self.scratch.at + size, 0, PADDING)
            self.stage.instrument = instrument
            outcome = endpoint_at(at).answer(&self.context[at], self.scratch.at, size,
                                             <Ask> what, <Timeframe> frame, &self.stage)
        now = now or self.stage.ts_ns
        self.last_now_ns = now
        if outcome == IGNORED:
            return "empty"
        if outcome != DECODED:
            self.reject(at, outcome, recv_ns, <const char *> body, size)
            return OUTCOMES[outcome]
        return "" if self.apply_others(at, -1, recv_ns, now, old_ns) else "old"
