"""The JSON reader as Cython sees it; json.hpp says what each call does."""

from libcpp cimport bool as cbool


cdef extern from "json.hpp" namespace "p9" nogil:
    cdef cppclass Value "p9::od::value":
        pass

    cdef cppclass Fields:
        const char *key
        Value value
        cbool ok
        cbool open(Value &) noexcept
        cbool next() noexcept
        const char *token() noexcept

    cdef cppclass Items:
        Value value
        cbool ok
        cbool open(Value &) noexcept
        cbool next() noexcept
        const char *token() noexcept

    cdef cppclass Document:
        Document() except +
        cbool open(const char *, size_t, Fields &) noexcept
        cbool open_items "open"(const char *, size_t, Items &) noexcept
        cbool reopen(Fields &) noexcept
        cbool at_end() noexcept
        cbool bad_utf8() noexcept

    int text_size(const char *, const char *) noexcept

