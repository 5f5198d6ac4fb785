"""What the engine says: messages on channels, keys beside them, and their hand-over."""

import json as _json

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, strlen

from p9core.buffer cimport Bytes, put, put_uint, release
from p9core.encode cimport (begin, put_best, put_changes, put_id, put_ids, put_side, put_time,
                            put_trade)
from p9core.lines cimport *
from p9core.resp cimport Channel, Voice, announce, emit, flush_kept, set_key
from p9core.sequence cimport LIVE, Sequence
from p9core.types cimport *

from p9core.lines import FEEDS

cdef enum:
    MAX_EVENTS = 1024


cdef class Messages(Lines):
    """See the .pyi for what each call takes."""

    def __cinit__(self):
        self.spoken = {}

    def __dealloc__(self):
        free(self.out.channels)
        release(&self.out.pub)
        release(&self.out.log)
        release(&self.out.index)
        release(&self.text)
        release(&self.events)

    cdef bint served(self, const Line *line) noexcept nogil:
        """Whether anything of it is published."""
        return line.inst.publish and line.inst.factor != 0

    cdef bint serves_depth(self, const Line *line) noexcept nogil:
        return self.served(line) and self.publishes[<int> FEED_DEPTH]

    cdef void say_depth(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil:
        cdef Stage *s = &self.stage
        cdef Voice *voice = &line.voices[<int> FEED_DEPTH]
        cdef Bytes *b = &self.text
        cdef int32_t bids = line.book.n_pruned_bids, asks = line.book.n_pruned_asks
        if not self.serves_depth(line):
            self.counts[line.endpoint][COUNT_UNPUBLISHED] += 1
            return
        if s.prev_id == s.last_id and s.last_id != NO_ID and not (s.n_bids or s.n_asks):
            return  # OKX 5.1: a heartbeat
        begin(b, voice, s.ts_ns, recv_ns, now, voice.channel.logged)
        put_ids(b, s.first_id, s.last_id, False)
        put(b, b',"bids":', 8)
        put_changes(b, &line.inst, s.bids, s.n_bids, line.book.pruned, bids)
        put(b, b',"asks":', 8)
        put_changes(b, &line.inst, s.asks, s.n_asks, line.book.pruned + bids, asks)
        put(b, b"}", 1)
        emit(&self.out, voice, b, voice.channel.logged, now)

    cdef void say_book(self, Line *line, int64_t recv_ns, int64_t now) noexcept nogil:
        """The whole held book as a depth message that replaces what a reader had."""
        cdef Voice *voice = &line.voices[<int> FEED_DEPTH]
        cdef Bytes *b = &self.text
        if not self.serves_depth(line):
            self.counts[line.endpoint][COUNT_UNPUBLISHED] += 1
            return
        begin(b, voice, line.depth_ts_ns, recv_ns, now, voice.channel.logged)
        put_ids(b, self.stage.first_id if self.stage.snapshot else NO_ID,
                line.sequence.last_id, True)
        put(b, b',"bids":', 8)
        put_side(b, &line.inst, &line.book.bid, 1)
        put(b, b',"asks":', 8)
        put_side(b, &line.inst, &line.book.ask, -1)
        put(b, b"}", 1)
        emit(&self.out, voice, b, voice.channel.logged, now)

    cdef void keep_book(self, Line *line, int64_t now) noexcept nogil:
        """The key that a late reader starts from; it says which depth message it includes."""
        cdef Bytes *b = &self.text
        cdef Voice *depth = &line.voices[<int> FEED_DEPTH]
        if self.out.lines or not self.serves_depth(line):
            return
        line.book_set_ns = now
        b.size = 0
        put(b, depth.head, depth.head_size - 7)  # without `,"seq":`
        put(b, b',"ts_exchange":', 15)
        put_time(b, line.depth_ts_ns)
        put(b, b',"ts_pub":', 10)
        put_time(b, now)
        put(b, b',"depth_epoch":', 15)
        put_uint(b, self.out.epoch)
        put(b, b',"depth_seq":', 13)
        put_uint(b, depth.channel.seq)
        if line.sequence.state != LIVE:
            put(b, b',"invalid":true}', 16)
        else:
            put(b, b',"last_id":', 11)
            put_id(b, line.sequence.last_id)
            put(b, b',"bids":', 8)
            put_side(b, &line.inst, &line.book.bid, 1)
            put(b, b',"asks":', 8)
            put_side(b, &line.inst, &line.book.ask, -1)
            put(b, b"}", 1)
        set_key(&self.out, line.book_key, line.book_key_size, b)

    cdef void withdraw(self, Line *line, const char *reason, int64_t now) noexcept nogil:
        """Tells readers not to use the book any more."""
        cdef Voice *voice = &line.voices[<int> FEED_DEPTH]
        if not self.serves_depth(line):
            return
        begin(&self.text, voice, line.depth_ts_ns, 0, now, voice.channel.logged)
        put(&self.text, b',"invalid":true,"reason":"', 26)
        put(&self.text, reason, strlen(reason))
        put(&self.text, b'"}', 2)
        emit(&self.out, voice, &self.text, voice.channel.logged, now)
        self.keep_book(line, now)

    cdef void note_state(self, Line *line, const char *reason) noexcept nogil:
        cdef Event event
        if self.events.size < MAX_EVENTS * sizeof(Event):
            event = Event(EVENT_STATE, line.inst.index, FEED_DEPTH, reason, NO_ID, NO_ID, 0, 0,
                          False)
            put(&self.events, <const char *> &event, sizeof(Event))

    cdef void hole(self, Line *line, int32_t feed, int64_t first_id, int64_t last_id,
                   bint filled) noexcept nogil:
        cdef Event event
        if self.events.size < MAX_EVENTS * sizeof(Event):
            event = Event(EVENT_HOLE, line.inst.index, feed, b"", first_id, last_id,
                          line.depth_ts_ns if feed == FEED_DEPTH else 0, self.stage.ts_ns, filled)
            put(&self.events, <const char *> &event, sizeof(Event))

    cdef int tell_events(self, int64_t now) except -1:
        cdef Event event
        cdef size_t at = 0
        cdef Line *line
        cdef Sequence *q
        while at < self.events.size:
            memcpy(&event, self.events.at + at, sizeof(Event))
            at += sizeof(Event)
            line = self.lines[event.line]
            q = &line.sequence
            spec = self.specs[event.line]
            head = {"exchange": spec["exchange"], "symbol": spec["symbol"]}
            if event.kind == EVENT_STATE:
                live = event.reason[0] == 0
                fields = {"feed": "depth", "state": "LIVE" if live else "INVALID",
                          "reason": None if live else event.reason.decode(),
                          "last_id": None if q.last_id == NO_ID else q.last_id,
                          "resyncs": q.resyncs, "gaps": q.gaps}
                self.speak("status", "status:" + spec["exchange"], head, _compact(fields), now)
            else:
                fields = {"feed": FEEDS[event.feed], "first_id": event.first_id,
                          "last_id": event.last_id, "t0": event.t0_ns or None,
                          "t1": event.t1_ns or None, "filled": bool(event.filled)}
                self.speak("alert", "alert:gap", head, _compact(fields), now)
        self.events.size = 0
        return 0

    cdef int speak(self, str kind, str name, dict head, str fields, int64_t now,
                   int64_t ts_ns=0, int64_t recv_ns=0) except -1:
        """A message whose fields Python has made (the text of a JSON object)."""
        cdef Voice *voice
        cdef Channel *channel
        index = self.spoken.get(name)
        if index is None:
            if len(self.spoken) >= 100000:
                raise ValueError("too many channels")
            voice = <Voice *> calloc(1, sizeof(Voice))
            if voice == NULL:
                raise MemoryError
            self.own_block(voice)
            index = self.n_voices
            self.open_voice(voice, kind, name, {}, True, "")
            self.spoken[name] = index
        voice = self.voices[<int32_t> index]
        channel = voice.channel
        channel.seq += 1
        header = {"type": kind, **head, "epoch": self.out.epoch, "seq": channel.seq,
                  "ts_exchange": ts_ns or None, "ts_recv": recv_ns or None, "ts_pub": now}
        if channel.logged:
            header["prev"] = channel.prev
            channel.prev = channel.seq
        text = _compact(header).removesuffix("}")
        if len(fields) > 2:
            text += "," + fields.removeprefix("{")
        else:
            text += "}"
        body = text.encode()
        self.text.size = 0
        put(&self.text, <const char *> body, len(body))
        emit(&self.out, voice, &self.text, channel.logged, now)
        return 0

    cdef void flush_voices(self, int64_t now_ns) noexcept nogil:
        """Keys that lag behind their channels."""
        cdef int32_t i
        for i in range(self.n_voices):
            flush_kept(&self.out, self.voices[i], now_ns)

    def alert(self, str kind not None, str fields_json not None, int64_t now_ns) -> None:
        head, fields = _parted({}, fields_json)
        self.speak("alert", f"alert:{kind}", head, fields, now_ns)

    def status(self, str exchange not None, str fields_json not None, int64_t now_ns) -> None:
        head, fields = _parted({"exchange": exchange}, fields_json)
        self.speak("status", f"status:{exchange}", head, fields, now_ns)

    def take_pub(self):
        if self.out.pub.size == 0 or self.out.lines:
            return None
        if self.out.pub.failed:
            raise MemoryError("the out buffer is not whole")
        taken = (self.out.pub.at[:self.out.pub.size], self.out.replies, self.out.messages,
                 self.out.first_ns)
        self.out.pub.size = 0
        self.out.replies = self.out.messages = 0
        self.out.first_ns = 0
        return taken

    def take_log(self):
        if self.out.entries == 0:
            return None
        if self.out.log.failed or self.out.index.failed:
            raise MemoryError("the out buffer is not whole")
        taken = (self.out.log.at[:self.out.log.size], self.out.index.at[:self.out.index.size],
                 self.out.entries)
        self.out.log.size = self.out.index.size = 0
        self.out.entries = 0
        return taken

    def take_lines(self) -> bytes:
        if not self.out.lines or self.out.pub.size == 0:
            return b""
        taken = self.out.pub.at[:self.out.pub.size]
        self.out.pub.size = 0
        self.out.messages = 0
        return taken

    def has_output(self) -> bool:
        return self.out.pub.size > 0 or self.out.entries > 0

    def say_again(self) -> None:
        cdef int32_t i
        cdef Voice *voice
        if self.out.lines:
            return
        for i in range(self.n_lines):
            self.lines[i].book_set_ns = 0
        for i in range(self.n_channels):
            if self.channels[i].announced:
                announce(&self.out, self.channels[i])
        for i in range(self.n_voices):
            voice = self.voices[i]
            voice.dirty = voice.last.size > 0


def _parted(dict head, str fields_json) -> tuple:
    """What of the fields belongs to the header, and the text of the rest."""
    fields = _json.loads(fields_json)
    head = {**head, **{key: fields.pop(key) for key in ("exchange", "symbol") if key in fields}}
    return head, _compact(fields)


def _compact(fields) -> str:
    return _json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
