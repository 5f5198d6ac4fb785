"""Venue id -> small integer, exponents, contract size."""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from p9core.hash cimport hash_of
from p9core.number cimport MAX_EXPONENT

from p9core import number


cdef enum:
    OLD_DIGITS = 4  # decimals beyond the step that are believed


cdef int32_t names_find(const Names *names, const char *at, int32_t size) noexcept nogil:
    """Index of the instrument of that name, -1 if there is none."""
    cdef uint64_t hash
    cdef int32_t slot
    cdef const Name *name
    if names.room == 0:
        return -1
    hash = hash_of(at, size)
    slot = <int32_t> (hash & <uint64_t> (names.room - 1))
    while True:
        name = &names.slots[slot]
        if name.at == NULL:
            return -1
        if name.hash == hash and name.size == size and memcmp(name.at, at, size) == 0:
            return name.index
        slot = (slot + 1) & (names.room - 1)


cdef int names_add(Names *names, const char *at, int32_t size, int32_t index) except -1:
    cdef Name *old = names.slots
    cdef int32_t old_room = names.room, i
    cdef char *copy
    if 2 * (names.used + 1) > names.room:
        names.room = 64 if old_room == 0 else 2 * old_room
        names.slots = <Name *> calloc(names.room, sizeof(Name))
        if names.slots == NULL:
            names.slots = old
            names.room = old_room
            raise MemoryError
        for i in range(old_room):
            if old[i].at != NULL:
                place(names, &old[i])
        free(old)
    copy = <char *> malloc(size + 1)
    if copy == NULL:
        raise MemoryError
    memcpy(copy, at, size)
    cdef Name name = Name(copy, size, index, hash_of(at, size))
    place(names, &name)
    names.used += 1
    return 0


cdef void place(Names *names, const Name *name) noexcept nogil:
    cdef int32_t slot = <int32_t> (name.hash & <uint64_t> (names.room - 1))
    while names.slots[slot].at != NULL:
        slot = (slot + 1) & (names.room - 1)
    names.slots[slot] = name[0]


cdef void names_free(Names *names) noexcept nogil:
    cdef int32_t i
    for i in range(names.room):
        free(<void *> names.slots[i].at)
    free(names.slots)
    names.slots = NULL
    names.room = names.used = 0


cdef int instrument_digits(Instrument *inst, object price_step, object qty_step,
                           object contract) except -1:
    """Exponents and contract size from the venue's decimal text.

    A step that is None leaves the digits to be learned. Digits that frames have needed before
    stay covered, a few: a venue keeps old orders at a finer step than it now allows.
    ValueError: a text that is no number, or has more decimals than an int64 can carry.
    """
    cdef int32_t px_exp = 0 if price_step is None else number.decimals(price_step)
    cdef int32_t qty_exp = 0 if qty_step is None else number.decimals(qty_step)
    cdef int32_t factor_exp = 0
    cdef int64_t factor = 0
    if contract is not None:
        factor_exp = number.decimals(contract)
        factor = number.parse(contract, factor_exp)
        if factor <= 0:
            raise ValueError(f"contract size {contract!r} is not positive")
    if inst.need_px <= px_exp + OLD_DIGITS:
        px_exp = max(px_exp, inst.need_px)
    if inst.need_qty <= qty_exp + OLD_DIGITS:
        qty_exp = max(qty_exp, inst.need_qty)
    if px_exp > MAX_EXPONENT or qty_exp > MAX_EXPONENT or factor_exp > MAX_EXPONENT:
        raise ValueError(f"more than {MAX_EXPONENT} decimals")
    inst.px_exp = max(px_exp, inst.px_exp)
    inst.qty_exp = max(qty_exp, inst.qty_exp)
    inst.factor = factor
    inst.factor_exp = factor_exp
    if price_step is None or qty_step is None:
        inst.learn = True
    return 0
