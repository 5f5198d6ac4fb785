"""Snapshots by REST: loaded, and joined to the updates that were held for them."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from p9core.book cimport book_apply, book_crossed, book_load
from p9core.buffer cimport Bytes, release, reserve
from p9core.lines cimport *
from p9core.sequence cimport *
from p9core.types cimport *
from p9core.updates cimport MAX_FRAME, PADDING, Updates
from p9core.venues.endpoints cimport endpoint_at

from p9core.lines import OUTCOMES


cdef class Snapshots(Updates):
    """See the .pyi for what each call takes."""

    def feed_snapshot(self, int instrument, int64_t recv_ns, bytes body not None,
                      int limit=0) -> str:
        cdef Line *line = self.line_at(instrument)
        cdef Sequence *q = &line.sequence
        cdef const Rule *rule = &endpoint_at(line.endpoint).rule
        cdef Outcome outcome = REJECT_SIZE
        cdef int64_t now = recv_ns or self.last_now_ns
        cdef int64_t last_id
        cdef size_t size = len(body)
        cdef int32_t attempt, included
        self.counts[line.endpoint][COUNT_SNAPSHOTS] += 1
        self.scratch.size = 0
        if size <= MAX_FRAME and reserve(&self.scratch, size + PADDING):
            memcpy(self.scratch.at, <const char *> body, size)
            memset(self.scratch.at + size, 0, PADDING)
            for attempt in range(2):
                self.stage.instrument = instrument
                outcome = endpoint_at(line.endpoint).snapshot(
                    &self.context[line.endpoint], self.scratch.at, size, &self.stage)
                if outcome != REJECT_SURPLUS or not self.widen(line):
                    break
        now = now or self.stage.ts_ns
        self.last_now_ns = now
        if outcome != DECODED:
            self.reject(line.endpoint, outcome, recv_ns, <const char *> body, size)
            if outcome == REJECT_SURPLUS:
                self.want("instruments", instrument, 0)
            return OUTCOMES[outcome]
        if now >= self.next_turn_ns:
            self.pass_turns(now)
        if q.state == LIVE and not q.refresh:
            self.counts[line.endpoint][COUNT_SNAPSHOTS_UNNEEDED] += 1
            return "not needed"
        last_id = self.stage.last_id
        included = BRIDGE_AHEAD
        if q.n_held:
            included = sequence_bridge(q, rule, last_id)
        elif q.state == LIVE and last_id < q.last_id:
            included = BRIDGE_STALE
        if included == BRIDGE_STALE or (included == BRIDGE_AHEAD and q.state == LIVE and q.n_held):
            # 5.1 step 3, 5.2 step 5: older than what is held. Keep that, ask again
            self.counts[line.endpoint][COUNT_SNAPSHOTS_STALE] += 1
            return "stale"
        book_load(&line.book, self.stage.bids, self.stage.n_bids, self.stage.asks,
                  self.stage.n_asks, limit)
        line.depth_ts_ns = self.stage.ts_ns
        q.last_id = last_id
        q.joined = False
        q.passed = 0
        sequence_note(q, last_id)
        if included == BRIDGE_AHEAD and q.state != LIVE:
            # 5.1 step 1: not without one update that reaches it
            q.pending = True
            if q.state == COLD:
                q.state = BUFFERING
            sequence_drop_held(q)
            return ""
        if not self.replay_held(line, included, now):
            self.counts[line.endpoint][COUNT_SNAPSHOTS_STALE] += 1
            self.tell_events(now)
            return "stale"
        self.tell_events(now)
        return ""

    cdef bint replay_held(self, Line *line, int32_t included, int64_t now) noexcept nogil:
        """Applies what was held behind the first `included` frames, which the loaded snapshot
        includes, and goes LIVE; False on a hole."""
        cdef Sequence *q = &line.sequence
        cdef const Rule *rule = &endpoint_at(line.endpoint).rule
        cdef Bytes held = q.held
        cdef Held head
        cdef size_t at = 0
        cdef Verdict verdict
        cdef Outcome outcome
        cdef int64_t recv_ns = 0
        cdef bint was_live = q.state == LIVE, whole = True
        memset(&q.held, 0, sizeof(Bytes))
        q.n_held = 0
        q.held_last = NO_ID
        while at < held.size and whole:
            memcpy(&head, held.at + at, sizeof(Held))
            at += sizeof(Held)
            if head.known_recv:
                recv_ns = head.recv_ns
            if included > 0:
                included -= 1
                sequence_note(q, head.last_id)
                q.joined = head.last_id == q.last_id
                verdict = DUPLICATE
            elif not q.joined and head.prev_id <= q.last_id:
                verdict = APPLY  # sequence_bridge has found it
            else:
                verdict = sequence_link(q, rule, head.prev_id, head.last_id)
            if verdict == APPLY:
                self.scratch.size = 0
                outcome = REJECT_MEMORY
                if reserve(&self.scratch, head.size + PADDING):
                    memcpy(self.scratch.at, held.at + at, head.size)
                    memset(self.scratch.at + head.size, 0, PADDING)
                    self.stage.element = head.element
                    outcome = self.decode(line.endpoint, self.scratch.at, head.size)
                if outcome == DECODED:
                    book_apply(&line.book, self.stage.bids, &self.stage.n_bids,
                               self.stage.asks, &self.stage.n_asks)
                    line.depth_ts_ns = self.stage.ts_ns
                    sequence_applied(q, head.last_id)
                else:
                    whole = False
            elif verdict == GAP:
                whole = False
            at += head.size
        release(&held)
        if not whole or line.book.failed:
            if was_live:
                self.fail(line, b"gap", now)
            return False
        if book_crossed(&line.book):
            self.counts[line.endpoint][COUNT_CROSSED] += 1
            self.fail(line, b"crossed", now)
            return False
        self.go_live(line, q.last_id, -1, recv_ns, now)
        return True

    def snapshot_failed(self, int instrument, int64_t now_ns) -> None:
        cdef Sequence *q = &self.line_at(instrument).sequence
        if q.asked:
            q.ask_at_ns = now_ns + sequence_backoff(q)
