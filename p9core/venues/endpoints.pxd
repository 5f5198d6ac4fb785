"""The endpoints: one row a market of a venue, its decoder and its rules of sequence."""

from p9core.sequence cimport Rule
from p9core.venues.decoder cimport Answer, Decode


cdef struct Endpoint:
    const char *name
    const char *exchange
    int market
    Decode decode
    Decode snapshot
    Answer answer
    Rule rule


cdef enum:
    ENDPOINT_COUNT = 5


cdef const Endpoint *endpoint_at(int index) noexcept nogil
