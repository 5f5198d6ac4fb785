"""The RESP writer: commands as the server reads them, lengths in front of everything."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from p9core.buffer cimport Bytes, put, put_uint, reserve, uint_before


cdef inline void bulk(Bytes *b, const char *text, size_t size) noexcept nogil:
    put(b, b"$", 1)
    put_uint(b, size)
    put(b, b"\r\n", 2)
    put(b, text, size)
    put(b, b"\r\n", 2)


cdef void set_key(Out *out, const char *key, int32_t size, const Bytes *value) noexcept nogil:
    if out.lines:
        return
    put(&out.pub, b"*3\r\n$3\r\nSET\r\n", 13)
    bulk(&out.pub, key, size)
    bulk(&out.pub, value.at, value.size)
    out.replies += 1


cdef void log_entry(Out *out, Channel *channel, const Bytes *message) noexcept nogil:
    cdef char id[42]
    cdef char *start
    cdef Entry entry
    entry.channel = channel.index
    entry.seq = channel.seq
    entry.offset = <int64_t> out.log.size
    put(&out.log, b"*8\r\n$4\r\nXADD\r\n", 14)
    bulk(&out.log, channel.stream, channel.stream_size)
    put(&out.log, b"$6\r\nMAXLEN\r\n$1\r\n~\r\n", 19)
    start = uint_before(id + 42, <uint64_t> out.maxlen)
    bulk(&out.log, start, id + 42 - start)
    start = uint_before(id + 42, <uint64_t> channel.seq) - 1
    start[0] = b"-"
    start = uint_before(start, <uint64_t> out.epoch)
    bulk(&out.log, start, id + 42 - start)
    put(&out.log, b"$1\r\nm\r\n", 7)
    bulk(&out.log, message.at, message.size)
    entry.size = <int64_t> out.log.size - entry.offset
    put(&out.index, <const char *> &entry, sizeof(Entry))
    out.entries += 1


cdef void keep(Out *out, Voice *voice, int64_t now_ns) noexcept nogil:
    """Writes the newest message under the key of the channel."""
    cdef const Channel *channel = voice.channel
    voice.set_ns = now_ns
    voice.dirty = False
    if voice.member == NULL:
        set_key(out, channel.key, channel.key_size, &voice.last)
    elif not out.lines:
        put(&out.pub, b"*4\r\n$4\r\nHSET\r\n", 14)
        bulk(&out.pub, channel.key, channel.key_size)
        bulk(&out.pub, voice.member, voice.member_size)
        bulk(&out.pub, voice.last.at, voice.last.size)
        out.replies += 1


cdef void announce(Out *out, const Channel *channel) noexcept nogil:
    """Puts the channel into the set of channels."""
    put(&out.pub, b"*3\r\n$4\r\nSADD\r\n", 14)
    bulk(&out.pub, out.channels, out.channels_size)
    bulk(&out.pub, channel.name, channel.name_size)
    out.replies += 1


cdef void emit(Out *out, Voice *voice, const Bytes *message, bint logged,
               int64_t now_ns) noexcept nogil:
    """One message to its channel, to its key where it has one, and with `logged` to its stream."""
    cdef Channel *channel = voice.channel
    if out.lines:
        put(&out.pub, channel.name, channel.name_size)
        put(&out.pub, b" ", 1)
        put(&out.pub, message.at, message.size)
        put(&out.pub, b"\n", 1)
        out.messages += 1
        return
    if not channel.announced:
        channel.announced = True
        announce(out, channel)
    if out.messages == 0:
        out.first_ns = now_ns
    put(&out.pub, b"*3\r\n$7\r\nPUBLISH\r\n", 17)
    bulk(&out.pub, channel.name, channel.name_size)
    bulk(&out.pub, message.at, message.size)
    out.replies += 1
    out.messages += 1
    if logged:
        log_entry(out, channel, message)
    if voice.kept:
        voice.last.size = 0
        put(&voice.last, message.at, message.size)
        voice.dirty = True
        flush_kept(out, voice, now_ns)
