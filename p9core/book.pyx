"""The book: load a snapshot, apply one frame's changes as one transition, prune.

One apply is two passes a side. The first finds each price, beginning where the one before
was found, sets sizes in place and collects what appears or goes; the second moves the runs of
levels between those, each once.
"""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove, memset

from p9core.number cimport scale
from p9core.types cimport Change

cdef extern from "<algorithm>" namespace "std" nogil:
    # takes no exception: without memory for its buffer it sorts in place
    void stable_sort(Change *first, Change *last,
                     bint (*lower)(const Change &, const Change &) noexcept nogil) noexcept


# What one apply does to the arrays, in ascending position. One for all books: an apply is never
# interrupted.
cdef struct Splice:
    int32_t at     # position in the arrays as they were
    bint insert    # else the level there goes
    int64_t key    # of an insertion
    int64_t qty


cdef Splice *SPLICES = NULL
cdef int32_t ROOM_SPLICES = 0


cdef Splice *splice_room(int32_t n) noexcept nogil:
    global SPLICES, ROOM_SPLICES
    cdef Splice *grown
    if n > ROOM_SPLICES:
        grown = <Splice *> realloc(SPLICES, n * sizeof(Splice))
        if grown == NULL:
            return NULL
        SPLICES = grown
        ROOM_SPLICES = n
    return SPLICES


cdef bint side_room(Side *side, int32_t wanted) noexcept nogil:
    cdef int32_t room
    cdef int64_t *keys
    if wanted <= side.room:
        return True
    # an eighth more, not double: memory of a full book is promised
    room = wanted if wanted < 16 else wanted + wanted // 8
    keys = <int64_t *> malloc(2 * room * sizeof(int64_t))
    if keys == NULL:
        return False
    if side.n:
        memcpy(keys, side.keys, side.n * sizeof(int64_t))
        memcpy(keys + room, side.qtys, side.n * sizeof(int64_t))
    free(side.keys)
    side.keys = keys
    side.qtys = keys + room
    side.room = room
    return True


cdef inline int32_t find_down(const int64_t *keys, int32_t n, int64_t key) noexcept nogil:
    """Index of the first of keys[0..n) that is >= `key`, looked for from the end; n if none."""
    cdef int32_t high = n, low = n - 1, step = 1, middle
    while low >= 0 and keys[low] >= key:
        high = low
        low -= step
        step *= 2
    if low < -1:
        low = -1
    while high - low > 1:
        middle = (low + high) >> 1
        if keys[middle] >= key:
            high = middle
        else:
            low = middle
    return high


cdef inline int32_t find_up(const int64_t *keys, int32_t start, int32_t n,
                            int64_t key) noexcept nogil:
    """As `find_down` over keys[start..n), looked for from `start`."""
    cdef int32_t low = start - 1, high = start, step = 1, middle
    while high < n and keys[high] < key:
        low = high
        high += step
        step *= 2
    if high > n:
        high = n
    while high - low > 1:
        middle = (low + high) >> 1
        if keys[middle] >= key:
            high = middle
        else:
            low = middle
    return high


cdef bint lower_price(const Change &one, const Change &other) noexcept nogil:
    return one.px < other.px


cdef int32_t sort_changes(Change *changes, int32_t n) noexcept nogil:
    """Ascending by price, of several changes of one price the last. For lists that no venue
    sends; what venues send is sorted and stays as it is."""
    cdef int32_t i, j = 0
    stable_sort(changes, changes + n, lower_price)
    for i in range(n):
        if i + 1 < n and changes[i + 1].px == changes[i].px:
            continue
        changes[j] = changes[i]
        j += 1
    return j


cdef inline void move_run(Side *side, int32_t start, int32_t end, int32_t shift) noexcept nogil:
    memmove(side.keys + start + shift, side.keys + start, (end - start) * sizeof(int64_t))
    memmove(side.qtys + start + shift, side.qtys + start, (end - start) * sizeof(int64_t))


cdef bint splice(Side *side, Splice *splices, int32_t n) noexcept nogil:
    """Carries out `n` splices in ascending position. Between two of them a run of levels moves
    by the insertions less the deletions below it, often not at all. Runs that move down go
    first and from below, runs that move up last and from above: none lands on one that has
    yet to move, as the runs keep their order."""
    cdef int32_t i, end, shift, grown = 0
    for i in range(n):
        grown += 1 if splices[i].insert else -1
    if not side_room(side, side.n + grown):
        return False
    shift = 0
    for i in range(n):
        shift += 1 if splices[i].insert else -1
        if shift < 0:
            end = splices[i + 1].at if i + 1 < n else side.n
            move_run(side, splices[i].at + (not splices[i].insert), end, shift)
    for i in range(n - 1, -1, -1):
        if shift > 0:
            end = splices[i + 1].at if i + 1 < n else side.n
            move_run(side, splices[i].at + (not splices[i].insert), end, shift)
        shift -= 1 if splices[i].insert else -1
        if splices[i].insert:
            side.keys[splices[i].at + shift] = splices[i].key
            side.qtys[splices[i].at + shift] = splices[i].qty
    side.n += grown
    return True


cdef void side_apply(Book *book, Side *side, Change *changes, int32_t *count,
                     int sign) noexcept nogil:
    cdef int32_t n = count[0], kept = 0, n_splices = 0, i, j = side.n
    cdef int64_t key, qty
    cdef bint rising = True, falling = True, first = True
    cdef const int64_t *keys = side.keys
    cdef Splice *splices
    cdef Splice turned
    for i in range(1, n):
        rising = rising and changes[i].px > changes[i - 1].px
        falling = falling and changes[i].px < changes[i - 1].px
    if not rising and not falling:
        n = sort_changes(changes, n)
        falling = False
    # in terms of keys, which are negated on the ask side
    if sign < 0:
        falling = not falling
    splices = splice_room(n + 1)
    if splices == NULL:
        book.failed = True
        return
    for i in range(n):
        key = sign * changes[i].px
        qty = changes[i].qty
        if key < side.floor:
            continue
        if first or falling:
            j = find_down(keys, j, key)
            first = False
        else:
            j = find_up(keys, j, side.n, key)
        if j < side.n and keys[j] == key:
            if side.qtys[j] == qty:
                continue
            if qty == 0:
                splices[n_splices].at = j
                splices[n_splices].insert = False
                n_splices += 1
            else:
                side.qtys[j] = qty
        elif qty == 0:
            continue
        else:
            splices[n_splices].at = j
            splices[n_splices].insert = True
            splices[n_splices].key = key
            splices[n_splices].qty = qty
            n_splices += 1
        changes[kept] = changes[i]
        kept += 1
    count[0] = kept
    if n_splices == 0:
        return
    if falling:
        for i in range(n_splices // 2):
            turned = splices[i]
            splices[i] = splices[n_splices - 1 - i]
            splices[n_splices - 1 - i] = turned
    if not splice(side, splices, n_splices):
        book.failed = True


cdef int32_t side_prune(Book *book, Side *side, int sign, int32_t at_pruned) noexcept nogil:
    """Drops the worst levels beyond `keep`; they are appended to `pruned` as deletions."""
    cdef int32_t surplus = side.n - book.keep, i
    cdef Change *pruned
    if side.n <= book.keep + book.slack:
        return 0
    if at_pruned + surplus > book.room_pruned:
        pruned = <Change *> realloc(book.pruned, (at_pruned + surplus) * sizeof(Change))
        if pruned == NULL:
            book.failed = True
            return 0
        book.pruned = pruned
        book.room_pruned = at_pruned + surplus
    for i in range(surplus):
        book.pruned[at_pruned + i].px = sign * side.keys[i]
        book.pruned[at_pruned + i].qty = 0
    move_run(side, surplus, side.n, -surplus)
    side.n = book.keep
    if book.slack > 0:
        # a pruned level may come to matter again, and then it is missing: from here down
        # nothing is taken until a snapshot says all. A window (slack 0) has no such floor:
        # the venue itself sends what enters it.
        side.floor = side.keys[0]
    return surplus


cdef void book_init(Book *book, int32_t keep, int32_t slack) noexcept nogil:
    memset(book, 0, sizeof(Book))
    book.keep = keep
    book.slack = slack
    book_clear(book)


cdef void book_free(Book *book) noexcept nogil:
    free(book.bid.keys)
    free(book.ask.keys)
    free(book.pruned)
    memset(book, 0, sizeof(Book))


cdef void book_clear(Book *book) noexcept nogil:
    book.bid.n = book.ask.n = 0
    book.bid.floor = book.ask.floor = NO_BOUND
    book.bid.known = book.ask.known = NO_BOUND
    book.n_pruned_bids = book.n_pruned_asks = 0
    book.failed = False


cdef void book_load(Book *book, Change *bids, int32_t n_bids, Change *asks, int32_t n_asks,
                    int32_t limit) noexcept nogil:
    """Replaces the book. `limit`: how many levels a side were asked for, 0 where the
    snapshot is all there is; a side that is as long as that was cut there."""
    book_clear(book)
    book_apply(book, bids, &n_bids, asks, &n_asks)
    if limit > 0:
        if book.bid.n >= limit:
            book.bid.known = book.bid.keys[0]
        if book.ask.n >= limit:
            book.ask.known = book.ask.keys[0]


cdef void book_apply(Book *book, Change *bids, int32_t *n_bids,
                     Change *asks, int32_t *n_asks) noexcept nogil:
    """Applies one frame as one transition. The lists are cut down, in place, to the changes
    that changed a held level; what was pruned for it stands in `pruned`."""
    side_apply(book, &book.bid, bids, n_bids, 1)
    side_apply(book, &book.ask, asks, n_asks, -1)
    book.n_pruned_bids = side_prune(book, &book.bid, 1, 0)
    book.n_pruned_asks = side_prune(book, &book.ask, -1, book.n_pruned_bids)


cdef bint side_rescale(Side *side, int px_power, int qty_power, bint carry_out) noexcept nogil:
    cdef int32_t i
    cdef int64_t key, qty, bound
    for i in range(side.n):
        key = side.keys[i]
        qty = side.qtys[i]
        if not scale(&key, px_power) or not scale(&qty, qty_power):
            return False
        if carry_out:
            side.keys[i] = key
            side.qtys[i] = qty
    for i in range(2):
        bound = side.known if i else side.floor
        if bound != NO_BOUND:
            if not scale(&bound, px_power):
                return False
            if carry_out and i:
                side.known = bound
            elif carry_out:
                side.floor = bound
    return True


cdef bint book_rescale(Book *book, int px_power, int qty_power) noexcept nogil:
    """Multiplies every mantissa by a power of ten; False, nothing changed, where one would
    leave int64."""
    if not (side_rescale(&book.bid, px_power, qty_power, False)
            and side_rescale(&book.ask, px_power, qty_power, False)):
        return False
    side_rescale(&book.bid, px_power, qty_power, True)
    side_rescale(&book.ask, px_power, qty_power, True)
    return True


cdef bint book_thin(const Book *book, int32_t wanted) noexcept nogil:
    """Fewer than `wanted` levels of a side are known to be without a hole."""
    cdef const Side *side
    cdef int32_t s
    cdef int64_t bound
    for s in range(2):
        side = &book.bid if s == 0 else &book.ask
        bound = side.known if side.known > side.floor else side.floor
        if bound != NO_BOUND and (side.n < wanted or side.keys[side.n - wanted] < bound):
            return True
    return False


cdef class L2Book:
    """A book of its own, for use without the engine. Prices and sizes are mantissas (int).

    `keep` levels a side are held at most; with `slack` 0 the book is a window that the venue
    keeps full, else the worst levels are pruned once `keep + slack` is passed.
    """
    cdef Book book

    def __cinit__(self, int keep=1000, int slack=0):
        if keep < 1 or slack < 0:
            raise ValueError("keep must be at least 1 and slack at least 0")
        book_init(&self.book, keep, slack)

    def __dealloc__(self):
        book_free(&self.book)

    cdef Change *_changes(self, levels, int32_t *n) except NULL:
        cdef int32_t count = len(levels), i
        cdef Change *out = <Change *> realloc(NULL, (count + 1) * sizeof(Change))
        if out == NULL:
            raise MemoryError
        try:
            for i in range(count):
                out[i].px, out[i].qty = levels[i]
                if out[i].qty < 0:
                    raise ValueError(f"negative size at {out[i].px}")
        except BaseException:
            free(out)
            raise
        n[0] = count
        return out

    def load(self, list bids not None, list asks not None, int limit=0) -> None:
        """Replaces the book by lists of (price, size) mantissas; see `book_load`."""
        self._do(bids, asks, True, limit)

    def apply(self, list bids not None, list asks not None) -> tuple:
        """Applies lists of (price, new size), 0 deletes. Returns the changes that changed a
        held level, pruned levels as deletions behind them: (bids, asks)."""
        return self._do(bids, asks, False, 0)

    cdef tuple _do(self, list bids, list asks, bint load, int limit):
        cdef int32_t nb = 0, na = 0, i
        cdef Change *b = self._changes(bids, &nb)
        cdef Change *a = NULL
        try:
            a = self._changes(asks, &na)
            if load:
                book_load(&self.book, b, nb, a, na, limit)
                return ([], [])
            book_apply(&self.book, b, &nb, a, &na)
            if self.book.failed:
                raise MemoryError
            i = self.book.n_pruned_bids
            return (
                [(b[k].px, b[k].qty) for k in range(nb)]
                + [(self.book.pruned[k].px, 0) for k in range(i)],
                [(a[k].px, a[k].qty) for k in range(na)]
                + [(self.book.pruned[i + k].px, 0) for k in range(self.book.n_pruned_asks)],
            )
        finally:
            free(b)
            free(a)

    def bids(self, int n=-1) -> list:
        """Best first: (price, size), at most `n`."""
        cdef int32_t i, count = self.book.bid.n if n < 0 else min(n, self.book.bid.n)
        return [(self.book.bid.keys[self.book.bid.n - 1 - i],
                 self.book.bid.qtys[self.book.bid.n - 1 - i]) for i in range(count)]

    def asks(self, int n=-1) -> list:
        """Best first: (price, size), at most `n`."""
        cdef int32_t i, count = self.book.ask.n if n < 0 else min(n, self.book.ask.n)
        return [(-self.book.ask.keys[self.book.ask.n - 1 - i],
                 self.book.ask.qtys[self.book.ask.n - 1 - i]) for i in range(count)]

    def thin(self, int wanted) -> bool:
        """Whether fewer than `wanted` levels of a side are known to be without a hole."""
        return book_thin(&self.book, wanted)

    def rescale(self, int px_power, int qty_power) -> None:
        """Multiplies prices and sizes by powers of ten; OverflowError outside int64."""
        if not book_rescale(&self.book, px_power, qty_power):
            raise OverflowError("a mantissa left int64")

    @property
    def crossed(self) -> bool:
        """Best bid at or above best ask."""
        return book_crossed(&self.book)

    @property
    def nbytes(self) -> int:
        """Memory of the book, in bytes."""
        return book_bytes(&self.book)
