"""The JSON reader as Cython sees it; json.hpp says what each call does."""

from libcpp cimport bool as cbool


cdef extern from "json.hpp" namespace "p9" nogil:
    cdef struct Value:
        pass

    cdef cppclass Document:
        Document() except +
        cbool open(const char *, size_t) noexcept
        void rewind() noexcept
        cbool at_end() noexcept
        cbool bad_utf8() noexcept

    cdef cppclass Fields:
        const char *key
        Value value
        cbool ok
        cbool open(Value &) noexcept
        cbool open_root(Document &) noexcept
        cbool next() noexcept
        const char *token() noexcept

    cdef cppclass Items:
        Value value
        cbool ok
        cbool open(Value &) noexcept
        cbool open_root(Document &) noexcept
        cbool next() noexcept
        const char *token() noexcept

    cdef cppclass Rows:
        const char *first
        const char *second
        cbool ok
        cbool open(Value &) noexcept
        cbool next() noexcept
        cbool more() noexcept

    int text_size(const char *, const char *) noexcept
