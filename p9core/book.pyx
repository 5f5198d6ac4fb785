"""The book: load a snapshot, apply one frame's changes as one transition, prune.

One apply is two passes a side. The first finds each price from the top down, sets sizes in
place, marks deletions and collects new levels; the second closes the holes and merges the
new levels in, moving only what stands above the deepest change.
"""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove, memset

from p9core.number cimport scale
from p9core.types cimport Change


# Levels that one apply inserts. One for all books: an apply is never interrupted, and a book
# of a thousand levels would otherwise carry half as much again for its first snapshot.
cdef Level *FRESH = NULL
cdef int32_t ROOM_FRESH = 0


cdef Level *fresh_room(int32_t n) noexcept nogil:
    global FRESH, ROOM_FRESH
    cdef Level *grown
    if n > ROOM_FRESH:
        grown = <Level *> realloc(FRESH, n * sizeof(Level))
        if grown == NULL:
            return NULL
        FRESH = grown
        ROOM_FRESH = n
    return FRESH


cdef bint side_room(Side *side, int32_t wanted) noexcept nogil:
    cdef int32_t room
    cdef Level *at
    if wanted <= side.room:
        return True
    # a quarter more, not double: memory of a full book is promised
    room = wanted if wanted < 16 else wanted + wanted // 8
    at = <Level *> realloc(side.at, room * sizeof(Level))
    if at == NULL:
        return False
    side.at = at
    side.room = room
    return True


cdef inline int32_t side_find(const Side *side, int64_t key) noexcept nogil:
    """Index of the first level with at[i].key >= key; n if there is none."""
    cdef const Level *at = side.at
    cdef int32_t high = side.n, low = side.n - 1, step = 1, middle
    while low >= 0 and at[low].key >= key:
        high = low
        low -= step
        step *= 2
    if low < 0:
        low = -1
    while high - low > 1:
        middle = (low + high) >> 1
        if at[middle].key >= key:
            high = middle
        else:
            low = middle
    return high


cdef void sort_levels(Level *at, int32_t n) noexcept nogil:
    """Ascending by key, stable. Venues send sorted lists: one look, one turn, or insertion."""
    cdef int32_t i, j
    cdef Level level
    cdef bint rising = True, falling = True
    for i in range(1, n):
        if at[i].key <= at[i - 1].key:
            rising = False
        if at[i].key >= at[i - 1].key:
            falling = False
    if rising:
        return
    if falling:
        for i in range(n // 2):
            level = at[i]
            at[i] = at[n - 1 - i]
            at[n - 1 - i] = level
        return
    if n > 64:
        heap_order(at, n)
        return
    for i in range(1, n):
        level = at[i]
        j = i
        while j > 0 and at[j - 1].key > level.key:
            at[j] = at[j - 1]
            j -= 1
        at[j] = level


cdef void heap_order(Level *at, int32_t n) noexcept nogil:
    # unsorted long lists come from no venue; they must still not cost n^2
    cdef int32_t start, root, child, end
    cdef Level level
    # `qty` of equal keys: the caller has made keys unique
    start = n // 2
    end = n
    while end > 1:
        if start > 0:
            start -= 1
        else:
            end -= 1
            level = at[end]
            at[end] = at[0]
            at[0] = level
        root = start
        while 2 * root + 1 < end:
            child = 2 * root + 1
            if child + 1 < end and at[child + 1].key > at[child].key:
                child += 1
            if at[root].key >= at[child].key:
                break
            level = at[root]
            at[root] = at[child]
            at[child] = level
            root = child


cdef int32_t fresh_find(const Level *fresh, int32_t n, int64_t key) noexcept nogil:
    # only unsorted lists come here: in a sorted one no price stands twice
    cdef int32_t i = n - 1
    while i >= 0:
        if fresh[i].key == key:
            return i
        i -= 1
    return -1


cdef void side_apply(Book *book, Side *side, Change *changes, int32_t *count,
                     int sign) noexcept nogil:
    cdef int32_t n = count[0], kept = 0, n_fresh = 0, lowest = side.n, i, j, k
    cdef int64_t key, last_key = 0, qty
    cdef bint rising = True, falling = True
    cdef Level *at = side.at
    cdef Level *fresh = fresh_room(n)
    if fresh == NULL and n > 0:
        book.failed = True
        return
    for i in range(n):
        key = sign * changes[i].px
        qty = changes[i].qty
        if i > 0:
            rising = rising and key > last_key
            falling = falling and key < last_key
        last_key = key
        if key < side.floor:
            continue
        j = side_find(side, key)
        if j < side.n and at[j].key == key:
            if at[j].qty == qty:
                continue
            if qty == 0:
                lowest = j if j < lowest else lowest
            at[j].qty = qty
        else:
            k = -1 if rising or falling else fresh_find(fresh, n_fresh, key)
            if k >= 0:
                fresh[k].qty = qty
            elif qty == 0:
                continue
            else:
                fresh[n_fresh].key = key
                fresh[n_fresh].qty = qty
                n_fresh += 1
        changes[kept] = changes[i]
        kept += 1
    count[0] = kept
    if lowest < side.n:
        j = lowest
        for i in range(lowest, side.n):
            if at[i].qty != 0:
                at[j] = at[i]
                j += 1
        side.n = j
    if n_fresh == 0:
        return
    sort_levels(fresh, n_fresh)
    j = 0
    for i in range(n_fresh):
        # a level that came and went inside one frame
        if fresh[i].qty != 0:
            fresh[j] = fresh[i]
            j += 1
    n_fresh = j
    if not side_room(side, side.n + n_fresh):
        book.failed = True
        return
    at = side.at
    i = side.n - 1
    j = n_fresh - 1
    k = side.n + n_fresh - 1
    while j >= 0:
        if i >= 0 and at[i].key > fresh[j].key:
            at[k] = at[i]
            i -= 1
        else:
            at[k] = fresh[j]
            j -= 1
        k -= 1
    side.n += n_fresh


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
        book.pruned[at_pruned + i].px = sign * side.at[i].key
        book.pruned[at_pruned + i].qty = 0
    memmove(side.at, side.at + surplus, book.keep * sizeof(Level))
    side.n = book.keep
    if book.slack > 0:
        # a pruned level may come to matter again, and then it is missing: from here down
        # nothing is taken until a snapshot says all. A window (slack 0) has no such floor:
        # the venue itself sends what enters it.
        side.floor = side.at[0].key
    return surplus


cdef void book_init(Book *book, int32_t keep, int32_t slack) noexcept nogil:
    memset(book, 0, sizeof(Book))
    book.keep = keep
    book.slack = slack
    book_clear(book)


cdef void book_free(Book *book) noexcept nogil:
    free(book.bid.at)
    free(book.ask.at)
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
            book.bid.known = book.bid.at[0].key
        if book.ask.n >= limit:
            book.ask.known = book.ask.at[0].key


cdef void book_apply(Book *book, Change *bids, int32_t *n_bids,
                     Change *asks, int32_t *n_asks) noexcept nogil:
    """Applies one frame as one transition. The lists are cut down, in place, to the changes
    that changed a held level; what was pruned for it stands in `pruned`."""
    side_apply(book, &book.bid, bids, n_bids, 1)
    side_apply(book, &book.ask, asks, n_asks, -1)
    book.n_pruned_bids = side_prune(book, &book.bid, 1, 0)
    book.n_pruned_asks = side_prune(book, &book.ask, -1, book.n_pruned_bids)


cdef bint book_rescale(Book *book, int px_power, int qty_power) noexcept nogil:
    """Multiplies every mantissa by a power of ten; False where one leaves int64."""
    cdef Side *side
    cdef int32_t i, s
    for s in range(2):
        side = &book.bid if s == 0 else &book.ask
        for i in range(side.n):
            if not scale(&side.at[i].key, px_power) or not scale(&side.at[i].qty, qty_power):
                book.failed = True
                return False
        if side.floor != NO_BOUND and not scale(&side.floor, px_power):
            return False
        if side.known != NO_BOUND and not scale(&side.known, px_power):
            return False
    return True


cdef bint book_thin(const Book *book, int32_t wanted) noexcept nogil:
    """Fewer than `wanted` levels of a side are known to be without a hole."""
    cdef const Side *side
    cdef int32_t s
    cdef int64_t bound
    for s in range(2):
        side = &book.bid if s == 0 else &book.ask
        bound = side.known if side.known > side.floor else side.floor
        if bound != NO_BOUND and (side.n < wanted or side.at[side.n - wanted].key < bound):
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
        return [(self.book.bid.at[self.book.bid.n - 1 - i].key,
                 self.book.bid.at[self.book.bid.n - 1 - i].qty) for i in range(count)]

    def asks(self, int n=-1) -> list:
        """Best first: (price, size), at most `n`."""
        cdef int32_t i, count = self.book.ask.n if n < 0 else min(n, self.book.ask.n)
        return [(-self.book.ask.at[self.book.ask.n - 1 - i].key,
                 self.book.ask.at[self.book.ask.n - 1 - i].qty) for i in range(count)]

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
