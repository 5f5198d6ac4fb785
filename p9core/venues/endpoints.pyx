"""A venue is a decoder; a market of it is a row here."""

from p9core.sequence cimport Rule
from p9core.venues cimport binance, bybit, okx

cdef enum:
    SECOND = 1000000000

cdef Endpoint[ENDPOINT_COUNT] ROWS

# Rule: pushed, rest, overlap, monotone, patience, keep, slack.
# Binance: 5.1 and 5.2. Diffs reach beyond the snapshot, so more is kept than is served.
ROWS[0] = Endpoint(b"binance:spot", b"binance", 0, binance.decode, binance.snapshot, binance.answer,
                   Rule(False, True, True, True, 0, 8000, 512))
ROWS[1] = Endpoint(b"binance:linear", b"binance", 1, binance.decode, binance.snapshot, binance.answer,
                   Rule(False, True, False, True, 0, 8000, 512))
# Bybit: 4.1. A window that the venue keeps; only a new subscription repairs it.
ROWS[2] = Endpoint(b"bybit:spot", b"bybit", 0, bybit.decode, bybit.snapshot, bybit.answer,
                   Rule(True, False, False, True, 5 * <long long> SECOND, 1000, 0))
ROWS[3] = Endpoint(b"bybit:linear", b"bybit", 1, bybit.decode, bybit.snapshot, bybit.answer,
                   Rule(True, False, False, True, 5 * <long long> SECOND, 1000, 0))
# OKX: 5.1 to 5.3. The snapshot is pushed, or fetched where it no longer is; ids may go back.
ROWS[4] = Endpoint(b"okx", b"okx", 0, okx.decode, okx.snapshot, okx.answer,
                   Rule(True, True, False, False, 3 * <long long> SECOND, 400, 0))


cdef const Endpoint *endpoint_at(int index) noexcept nogil:
    return &ROWS[index]


ENDPOINTS = {ROWS[i].name.decode(): i for i in range(ENDPOINT_COUNT)}
