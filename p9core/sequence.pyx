"""Sequencing: what may be applied, what is held, dropped, or proves a hole."""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from p9core.buffer cimport put, release
from p9core.hash cimport hash_of
from p9core.types cimport NO_ID, TRADE_AGGREGATE, Stage, Trade


cdef void sequence_init(Sequence *q) noexcept nogil:
    memset(q, 0, sizeof(Sequence))
    q.state = COLD
    q.reason = b"cold"
    q.last_id = q.held_last = NO_ID
    q.owner = q.stream = -1
    forget(q)


cdef Verdict sequence_link(const Sequence *q, const Rule *rule,
                           int64_t prev_id, int64_t last_id) noexcept nogil:
    """Whether `prev_id -> last_id` continues `q.last_id`."""
    cdef int32_t i
    if prev_id == q.last_id:
        return APPLY
    if rule.monotone:
        if last_id <= q.last_id:
            return DUPLICATE
        # the first link behind a REST snapshot may straddle it
        return APPLY if (rule.overlap or not q.joined) and prev_id <= q.last_id else GAP
    # ids may go back here: only an id that was just seen is a duplicate
    for i in range(RECENT):
        if q.recent[i] == last_id:
            return DUPLICATE
    if q.joined or prev_id > q.last_id:
        return GAP
    # before the first link an older id is one that the snapshot includes; but a stream that
    # went back meanwhile looks the same, so not for long
    if last_id > q.last_id:
        return APPLY
    return DUPLICATE if q.passed < RECENT else GAP


cdef int32_t sequence_bridge(const Sequence *q, const Rule *rule, int64_t snapshot_id) noexcept nogil:
    """How many of the held frames a REST snapshot includes; the next one continues it.
    BRIDGE_STALE, BRIDGE_AHEAD: none does."""
    cdef Held head
    cdef size_t at = 0
    cdef int32_t n = 0, straddling = -1
    cdef bint older = True, back = False
    while at < q.held.size:
        memcpy(&head, q.held.at + at, sizeof(Held))
        # the snapshot stands in the chain itself
        if head.prev_id == snapshot_id:
            return n
        if straddling < 0 and head.prev_id < snapshot_id < head.last_id:
            straddling = n
        older = older and head.prev_id > snapshot_id
        back = back or head.last_id < head.prev_id
        n += 1
        if head.last_id == snapshot_id and at + sizeof(Held) + head.size >= q.held.size:
            return n
        at += sizeof(Held) + head.size
    if straddling >= 0 and not back:
        return straddling
    if older or (back and not rule.monotone):
        return BRIDGE_STALE
    return n if rule.monotone else BRIDGE_AHEAD


cdef Verdict sequence_next(Sequence *q, const Rule *rule, const Stage *s,
                           int32_t conn) noexcept nogil:
    cdef Verdict verdict
    if s.snapshot:
        return LOAD
    if q.state == LIVE:
        if q.owner >= 0 and q.owner != conn:
            return FOREIGN
        if s.restart:
            return GAP
        if s.last_id == NO_ID:
            return APPLY
        return sequence_link(q, rule, s.prev_id, s.last_id)
    if not rule.rest or s.last_id == NO_ID:
        return WAIT
    if q.pending:
        verdict = sequence_link(q, rule, s.prev_id, s.last_id)
        if verdict == DUPLICATE:
            q.passed += 1
        if verdict != GAP:
            return verdict
        # the snapshot is older than the stream: keep the stream, ask again
        q.pending = False
    if q.n_held:
        if rule.monotone and s.last_id <= q.held_last:
            return DUPLICATE
        if s.prev_id != q.held_last and not (rule.overlap and s.prev_id <= q.held_last):
            # a hole inside what is held: nothing before it can bridge any more
            sequence_drop_held(q)
    return HOLD


cdef void sequence_hold(Sequence *q, const Stage *s, int64_t recv_ns, bint known_recv,
                        const char *frame, size_t size) noexcept nogil:
    cdef Held head
    if q.n_held >= MAX_HELD or q.held.size + size > MAX_HELD_BYTES:
        sequence_drop_held(q)
    head.recv_ns = recv_ns
    head.known_recv = known_recv
    head.first_id = s.first_id
    head.prev_id = s.prev_id
    head.last_id = s.last_id
    head.size = <int32_t> size
    head.element = s.element
    put(&q.held, <const char *> &head, sizeof(Held))
    put(&q.held, frame, size)
    if q.held.failed:
        sequence_drop_held(q)
        return
    q.n_held += 1
    q.held_last = s.last_id


cdef void sequence_drop_held(Sequence *q) noexcept nogil:
    release(&q.held)
    q.n_held = 0
    q.held_last = NO_ID


cdef void sequence_applied(Sequence *q, int64_t last_id) noexcept nogil:
    q.last_id = last_id
    q.joined = True
    sequence_note(q, last_id)


cdef void sequence_note(Sequence *q, int64_t last_id) noexcept nogil:
    """Remembers an id that the book includes."""
    q.recent[q.at_recent] = last_id
    q.at_recent = (q.at_recent + 1) % RECENT


cdef void forget(Sequence *q) noexcept nogil:
    cdef int32_t i
    for i in range(RECENT):
        q.recent[i] = NO_ID


cdef void sequence_live(Sequence *q, int64_t last_id, int32_t owner,
                        int64_t now_ns) noexcept nogil:
    if q.state != LIVE:
        q.since_ns = now_ns
    q.state = LIVE
    q.reason = b""
    q.owner = owner
    q.last_id = last_id
    q.joined = owner >= 0
    q.pending = q.refresh = q.asked = False
    q.attempts = q.passed = 0
    if owner >= 0:
        forget(q)  # a pushed snapshot may be older than what was applied
    sequence_drop_held(q)


cdef void sequence_fail(Sequence *q, const Rule *rule, const char *reason,
                        int64_t now_ns) noexcept nogil:
    """Leaves LIVE (or stays out of it) and asks for repair at once."""
    if q.state == LIVE:
        q.resyncs += 1
        q.since_ns = now_ns
    q.state = INVALID
    q.reason = reason
    q.owner = -1
    q.pending = q.refresh = False
    q.asked = True
    q.ask_at_ns = now_ns
    forget(q)
    sequence_drop_held(q)


cdef int64_t sequence_backoff(const Sequence *q) noexcept nogil:
    """How long to wait for an answer before asking again: 2 s doubled up to 32 s. The jitter
    is the business of whoever carries the question out."""
    return <int64_t> 2000000000 << (q.attempts if q.attempts < 4 else 4)


cdef void trades_init(TradeRun *run) noexcept nogil:
    memset(run, 0, sizeof(TradeRun))
    run.last_number = run.last_fill = NO_ID
    run.hole_to = -1
    run.stream = -1


cdef void trades_free(TradeRun *run) noexcept nogil:
    free(run.seen)
    run.seen = NULL


cdef inline bint stands_in(const uint64_t *table, int32_t slots, uint64_t hash) noexcept nogil:
    cdef uint64_t slot = hash & <uint64_t> (slots - 1)
    while table[slot] != 0:
        if table[slot] == hash:
            return True
        slot = (slot + 1) & <uint64_t> (slots - 1)
    return False


cdef inline void insert(uint64_t *table, int32_t slots, uint64_t hash) noexcept nogil:
    cdef uint64_t slot = hash & <uint64_t> (slots - 1)
    while table[slot] != 0:
        slot = (slot + 1) & <uint64_t> (slots - 1)
    table[slot] = hash


cdef bint make_room(TradeRun *run) noexcept nogil:
    """Room for one more hash in the newer table: doubled while it is small (quiet instruments
    stay small), then it becomes the older one."""
    cdef int32_t slots = 2 * run.slots if run.slots else 64, i
    cdef uint64_t *grown
    if 2 * (run.n_seen + 1) <= run.slots:
        return True
    if slots <= 2 * REMEMBERED:
        grown = <uint64_t *> calloc(2 * slots, sizeof(uint64_t))
        if grown == NULL:
            return False
        for i in range(run.slots):
            if run.seen[i] != 0:
                insert(grown, slots, run.seen[i])
        free(run.seen)
        run.seen = grown
        run.slots = slots
        return True
    memcpy(run.seen + run.slots, run.seen, run.slots * sizeof(uint64_t))
    memset(run.seen, 0, run.slots * sizeof(uint64_t))
    run.n_seen = 0
    return True


cdef bint remember(TradeRun *run, const Trade *trade) noexcept nogil:
    """True where this id was seen among the last REMEMBERED ones; else notes it."""
    cdef uint64_t hash = hash_of(trade.id.at, trade.id.size)
    if hash == 0:
        hash = 1  # 0 is an empty slot
    if run.slots and (stands_in(run.seen, run.slots, hash)
                      or stands_in(run.seen + run.slots, run.slots, hash)):
        return True
    if make_room(run):
        insert(run.seen, run.slots, hash)
        run.n_seen += 1
    return False


cdef TradeVerdict trades_next(TradeRun *run, const Trade *trade) noexcept nogil:
    cdef bint aggregate = trade.flags & TRADE_AGGREGATE != 0
    cdef TradeVerdict verdict = TRADE_NEW
    if trade.number == NO_ID:
        return TRADE_DUPLICATE if remember(run, trade) else TRADE_NEW
    if aggregate and run.fills:
        return TRADE_SUPERSEDED
    if not aggregate and run.aggregates:
        # single fills have come beside aggregates: they go on where the last aggregate ended
        run.aggregates = False
        run.last_number = run.last_fill
        run.hole_to = -1
    run.fills = run.fills or not aggregate
    if run.last_number != NO_ID:
        if trade.number <= run.last_number:
            if not run.hole_next <= trade.number <= run.hole_to:
                return TRADE_DUPLICATE
            # of two connections the newer one was read first
            run.hole_next = trade.number + 1
            run.hole_left -= 1
            return TRADE_LATE if run.hole_left else TRADE_FILLED
        if trade.number != run.last_number + 1:
            verdict = TRADE_HOLE
            run.hole_from = run.hole_next = run.last_number + 1
            run.hole_to = trade.number - 1
            run.hole_left = run.hole_to - run.hole_from + 1
    run.last_number = trade.number
    run.last_fill = trade.last_fill
    run.aggregates = aggregate
    return verdict
