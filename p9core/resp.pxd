"""JSON -> Redis commands in the out buffers, counted.

Two buffers, because they are confirmed differently: `pub` (PUBLISH and the keys, sent at
once, at least once) and `log` (XADD, one transaction at a time, exactly once).
"""

from libc.stdint cimport int32_t, int64_t, uint64_t

from p9core.buffer cimport Bytes


cdef struct Channel:
    int32_t index
    bint announced      # stands in the set of channels
    bint logged         # its kind has streams
    char *name          # owned, with the prefix
    int32_t name_size
    char *key           # owned; holds the newest message
    int32_t key_size
    char *stream        # owned
    int32_t stream_size
    int64_t seq         # of the newest message
    int64_t prev        # of the newest logged message


cdef struct Voice:
    # who speaks on a channel; where several exchanges share one, each has a voice on it
    Channel *channel    # of the table of channels
    char *head          # owned; the JSON before the number
    int32_t head_size
    char *member        # owned; field of the hash at `key` that is its; NULL: the key is a text
    int32_t member_size
    bint kept           # its newest message stands under the key too
    bint dirty          # `last` is newer than the key
    int64_t set_ns      # when the key was written last
    Bytes last          # the newest message


cdef struct Entry:
    # of the index that goes with `log`
    int64_t channel
    int64_t seq
    int64_t offset
    int64_t size


cdef struct Out:
    bint lines          # "channel SP message" instead of commands
    int64_t epoch
    int64_t maxlen      # of a stream
    char *channels      # owned; name of the set of channels
    int32_t channels_size
    Bytes pub
    int64_t replies     # owed for `pub`
    int64_t messages    # published in `pub`
    int64_t first_ns    # receive time of the oldest frame in `pub`
    Bytes log
    Bytes index         # of Entry
    int64_t entries


cdef enum:
    KEEP_EVERY_NS = 100000000


cdef void emit(Out *out, Voice *voice, const Bytes *message, bint logged,
               int64_t now_ns) noexcept nogil
cdef void announce(Out *out, const Channel *channel) noexcept nogil
cdef void set_key(Out *out, const char *key, int32_t size, const Bytes *value) noexcept nogil
cdef void keep(Out *out, Voice *voice, int64_t now_ns) noexcept nogil


cdef inline void flush_kept(Out *out, Voice *voice, int64_t now_ns) noexcept nogil:
    if voice.dirty and now_ns - voice.set_ns >= KEEP_EVERY_NS:
        keep(out, voice, now_ns)
