"""Liquidations, and block trades of a channel of their own: what happened once is said once."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from p9core.buffer cimport Bytes, put, put_text
from p9core.derived cimport Derived, notional_of
from p9core.encode cimport begin
from p9core.exact cimport Exact, p9_low, put_exact
from p9core.hash cimport hash_of
from p9core.lines cimport *
from p9core.resp cimport Voice, emit
from p9core.types cimport *
from p9core.venues.decoder cimport in_base


cdef class Prints(Derived):
    """See the .pyi for what each call takes."""

    cdef int32_t apply_prints(self, int64_t recv_ns, int64_t now) noexcept nogil:
        """Those of the stage that were not said lately: venues repeat the last ones to a new
        subscription, and two connections may carry one stream. Two alike in one frame are two."""
        cdef Print *event
        cdef Line *line
        cdef Exact price, qty
        cdef int32_t i, taken = 0
        for i in range(self.stage.n_prints):
            event = &self.stage.prints[i]
            line = self.lines[event.instrument]
            line.seen_ns[<int> self.stage.feed] = line.streamed_ns[<int> self.stage.feed] = now
            if repeated(line, mark_of(event)):
                self.counts[line.endpoint][COUNT_DUPLICATES] += 1
                continue
            self.counts[line.endpoint][COUNT_PRINTS] += 1
            # those that are new move to the front
            self.stage.prints[taken] = event[0]
            event = &self.stage.prints[taken]
            taken += 1
            if not self.served(line) or not self.publishes[<int> self.stage.feed] or (
                    not line.followed):
                self.counts[line.endpoint][COUNT_UNPUBLISHED] += 1
            elif self.stage.feed == FEED_BLOCK:
                price, qty = event.price, event.qty
                self.say_block(line, event.ts_ns, recv_ns, now, event.id.at, event.id.size,
                               &price, &qty, event.side, b"venue")
            else:
                self.say_print(line, event, recv_ns, now)
        for i in range(taken):
            line = self.lines[self.stage.prints[i].instrument]
            line.prints[line.at_print] = mark_of(&self.stage.prints[i])
            line.at_print = (line.at_print + 1) % PRINTS
        return taken

    cdef void say_print(self, Line *line, const Print *event, int64_t recv_ns,
                        int64_t now) noexcept nogil:
        cdef Voice *voice = &line.voices[<int> FEED_LIQUIDATION]
        cdef Bytes *b = &self.text
        cdef Exact size = event.qty, notional
        in_base(&line.inst, &size)
        if not size.there:
            self.counts[line.endpoint][<int> REJECT_OVERFLOW] += 1
            return
        notional_of(line, &event.price, &size, &notional)
        begin(b, voice, event.ts_ns, recv_ns, now, voice.channel.logged)
        put(b, b',"price":', 9)
        put_exact(b, &event.price)
        put(b, b',"qty":', 7)
        put_exact(b, &size)
        put(b, b',"notional":', 12)
        put_exact(b, &notional)
        put_text(b, b',"side":"buy"' if event.side > 0 else b',"side":"sell"')
        if event.price_kind == PRICE_AVERAGE:
            put(b, b',"price_kind":"average"', 23)
        elif event.price_kind == PRICE_MARK:
            put(b, b',"price_kind":"mark"', 20)
        else:
            put(b, b',"price_kind":"bankruptcy"', 26)
        put_text(b, b',"complete":false}' if event.sampled else b',"complete":true}')
        emit(&self.out, voice, b, voice.channel.logged, now)


cdef uint64_t mark_of(const Print *event) noexcept nogil:
    """What tells two prints apart: the id where there is one, else all that is said."""
    cdef uint64_t parts[4]
    if event.id.size > 0:
        return hash_of(event.id.at, event.id.size) | 1
    parts[0] = <uint64_t> event.ts_ns
    parts[1] = p9_low(event.price.mantissa) * 64 + <uint64_t> event.price.exponent
    parts[2] = p9_low(event.qty.mantissa) * 64 + <uint64_t> event.qty.exponent
    parts[3] = <uint64_t> (event.side + 1)
    return hash_of(<const char *> parts, sizeof(parts)) | 1


cdef bint repeated(const Line *line, uint64_t mark) noexcept nogil:
    cdef int32_t i
    for i in range(PRINTS):
        if line.prints[i] == mark:
            return True
    return False
