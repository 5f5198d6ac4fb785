"""The instruments, their state, and what is known of them: the lowest layer of the engine."""

import json as _json
from collections import deque

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from p9core.book cimport book_bytes, book_free, book_init
from p9core.buffer cimport release
from p9core.instruments cimport names_add, names_free
from p9core.resp cimport Channel, Voice
from p9core.sequence cimport sequence_drop_held, sequence_init, trades_free, trades_init
from p9core.types cimport *
from p9core.venues.endpoints cimport ENDPOINT_COUNT, endpoint_at

from p9core.venues.endpoints import ENDPOINTS

cdef enum:
    SAMPLES = 4             # kept of each reason and endpoint
    SAMPLE_BYTES = 512

FEEDS = (
    "trade", "bbo", "depth", "snapshot", "imbalance", "block_trade", "liquidation", "funding",
    "mark_price", "index_price", "open_interest", "ticker", "long_short", "candles",
)
# Feeds that carry state, and metrics: their newest message stands under a key. A book has a key
# of its own, and what was a moment's event is nobody's state.
KEPT = frozenset(range(FEED_COUNT)) - {FEED_DEPTH, FEED_CANDLES}
STATES = ("COLD", "BUFFERING", "LIVE", "INVALID")
OUTCOMES = {
    IGNORED: "ignored",
    OFF_BOOK: "off_book",
    CONTROL: "control",
    REJECT_JSON: "reject.json",
    REJECT_SHAPE: "reject.shape",
    REJECT_UNKNOWN: "reject.unknown",
    REJECT_SYMBOL: "reject.symbol",
    REJECT_NUMBER: "reject.number",
    REJECT_NEGATIVE: "reject.negative",
    REJECT_SURPLUS: "reject.surplus_digits",
    REJECT_OVERFLOW: "reject.overflow",
    REJECT_SIZE: "reject.size",
    REJECT_UTF8: "reject.utf8",
    REJECT_MEMORY: "reject.memory",
}
COUNTERS = {
    COUNT_FRAMES: "frames",
    COUNT_BYTES: "bytes",
    COUNT_TRADES: "trades",
    COUNT_BBO: "bbo",
    COUNT_DEPTH: "depth",
    COUNT_DUPLICATES: "duplicates",
    COUNT_FOREIGN: "foreign",
    COUNT_HELD: "held",
    COUNT_WAITING: "waiting",
    COUNT_SUPERSEDED: "superseded",
    COUNT_OTHER_VARIANT: "other_variant",
    COUNT_UNPUBLISHED: "unpublished",
    COUNT_DEPTH_GAPS: "depth_gaps",
    COUNT_TRADE_GAPS: "trade_gaps",
    COUNT_CHECKSUM_OK: "checksum_ok",
    COUNT_CHECKSUM_BAD: "checksum_bad",
    COUNT_CROSSED: "crossed",
    COUNT_SNAPSHOTS: "snapshots",
    COUNT_SNAPSHOTS_STALE: "snapshots_stale",
    COUNT_SNAPSHOTS_UNNEEDED: "snapshots_unneeded",
    COUNT_RESCALED: "rescaled",
    COUNT_REPORTS: "reports",
    COUNT_PRINTS: "prints",
    COUNT_KLINES: "klines",
    COUNT_BALANCES: "balances",
    COUNT_POLLS: "polls",
    COUNT_OLD: "old",
    COUNT_BLOCKS: "blocks",
    COUNT_SNAPSHOTS_SAID: "snapshots_said",
    COUNT_CANDLES: "candles",
    COUNT_CANDLES_LATE: "candles_late",
    COUNT_CANDLES_REFUSED: "candles_refused",
    COUNT_CANDLES_CHECKED: "candles_checked",
    COUNT_CANDLES_DIFFER: "candles_differ",
}


cdef char *copy_of(bytes text) except NULL:
    cdef char *copy = <char *> malloc(len(text) + 1)
    if copy == NULL:
        raise MemoryError
    memcpy(copy, <const char *> text, len(text) + 1)
    return copy


cdef uint32_t mask_of(Feed feed) noexcept nogil:
    """The fields of a report that a feed is made of; 0 for feeds of other records."""
    if feed == FEED_MARK:
        return 1 << <int> TOLD_MARK
    if feed == FEED_INDEX:
        return 1 << <int> TOLD_INDEX
    if feed == FEED_FUNDING:
        return (1 << <int> TOLD_RATE | 1 << <int> TOLD_INTERVAL | 1 << <int> TOLD_NEXT
                | 1 << <int> TOLD_PREDICTED)
    if feed == FEED_OPEN_INTEREST:
        return (1 << <int> TOLD_OI_BASE | 1 << <int> TOLD_OI_CONTRACTS
                | 1 << <int> TOLD_OI_NOTIONAL)
    if feed == FEED_TICKER:
        return (1 << <int> TOLD_LAST | 1 << <int> TOLD_OPEN | 1 << <int> TOLD_HIGH
                | 1 << <int> TOLD_LOW | 1 << <int> TOLD_VOLUME | 1 << <int> TOLD_QUOTE_VOLUME
                | 1 << <int> TOLD_CHANGE)
    if feed == FEED_LONG_SHORT:
        return 1 << <int> TOLD_RATIO | 1 << <int> TOLD_LONG | 1 << <int> TOLD_SHORT
    return 0


cdef void voice_free(Voice *voice) noexcept:
    free(voice.head)
    free(voice.member)
    release(&voice.last)


cdef size_t voice_bytes(const Voice *voice) noexcept:
    cdef const Channel *channel = voice.channel
    if channel == NULL:
        return 0
    return (voice.last.room + voice.head_size + voice.member_size + 2 + sizeof(Channel)
            + channel.name_size + channel.key_size + channel.stream_size + 3)


cdef size_t line_bytes(const Line *line, int32_t feeds) noexcept:
    """A line with its book and its first feeds; the ids of trades are not part of that."""
    cdef size_t total = sizeof(Line) - sizeof(Book) + book_bytes(&line.book)
    cdef int32_t f
    for f in range(feeds):
        total += voice_bytes(&line.voices[f])
    return total + line.sequence.held.room + line.inst.name_size + line.book_key_size


cdef void free_line(Line *line) noexcept:
    book_free(&line.book)
    trades_free(&line.trades)
    sequence_drop_held(&line.sequence)
    free(line.shown.levels)
    free(line.inst.name)
    free(line.book_key)
    free(line)


cdef class Lines:
    """See the .pyi for what each call takes."""

    def __cinit__(self):
        cdef int32_t i
        for i in range(FEED_COUNT + 1):
            self.publishes[i] = True
        self.specs = []
        self.conns = []
        self.channel_index = {}
        self.channel_names = []
        self.stream_names = []
        self.reject_samples = {}
        for i in range(ENDPOINT_COUNT):
            self.context[i].names = &self.names[i]
            self.context[i].indices = &self.indices[i]
            self.context[i].market = endpoint_at(i).market

    def __dealloc__(self):
        cdef int32_t i
        cdef Channel *channel
        for i in range(self.n_voices):
            voice_free(self.voices[i])
        free(self.voices)
        for i in range(self.n_channels):
            channel = self.channels[i]
            free(channel.name)
            free(channel.key)
            free(channel.stream)
            free(channel)
        free(self.channels)
        for i in range(self.n_lines):
            free_line(self.lines[i])
        free(self.lines)
        for i in range(self.n_blocks):
            free(self.blocks[i])
        free(self.blocks)
        for i in range(ENDPOINT_COUNT):
            names_free(&self.names[i])
            names_free(&self.indices[i])

    cdef int own_block(self, void *block) except -1:
        """Takes over memory, to be freed at the end: voices in it are of the table till then."""
        cdef void **grown = <void **> realloc(self.blocks, (self.n_blocks + 1) * sizeof(void *))
        if grown == NULL:
            free(block)
            raise MemoryError
        self.blocks = grown
        grown[self.n_blocks] = block
        self.n_blocks += 1
        return 0

    cdef Channel *open_channel(self, str kind, str name) except NULL:
        """The channel of that name; it is one, whoever speaks on it."""
        cdef Channel *channel
        cdef Channel **grown
        index = self.channel_index.get(name)
        if index is not None:
            return self.channels[<int32_t> index]
        channel = <Channel *> calloc(1, sizeof(Channel))
        grown = <Channel **> realloc(self.channels, (self.n_channels + 1) * sizeof(Channel *))
        if channel == NULL or grown == NULL:
            raise MemoryError
        self.channels = grown
        grown[self.n_channels] = channel
        full = self.prefix + name
        text = full.encode()
        channel.name = copy_of(text)
        channel.name_size = len(text)
        text = f"{self.prefix}last:{name}".encode()
        channel.key = copy_of(text)
        channel.key_size = len(text)
        stream = f"{self.prefix}log:{name}"
        text = stream.encode()
        channel.stream = copy_of(text)
        channel.stream_size = len(text)
        channel.logged = kind in self.stream_kinds
        channel.index = self.channel_index[name] = self.n_channels
        self.n_channels += 1
        self.channel_names.append(full)
        self.stream_names.append(stream)
        return channel

    cdef int open_voice(self, Voice *voice, str kind, str name, dict head, bint kept,
                        str member) except -1:
        """A voice with the header `head` on a channel. `kept`: its newest message stands under
        the channel's key, with `member` as that field of a hash."""
        cdef Voice **grown
        if self.n_voices == self.room_voices:
            grown = <Voice **> realloc(self.voices, (2 * self.n_voices + 64) * sizeof(Voice *))
            if grown == NULL:
                raise MemoryError
            self.voices = grown
            self.room_voices = 2 * self.n_voices + 64
        memset(voice, 0, sizeof(Voice))
        voice.channel = self.open_channel(kind, name)
        begins = {"type": kind, **head, "epoch": self.epoch}
        text = (_json.dumps(begins, ensure_ascii=False, separators=(",", ":")).removesuffix("}")
                + ',"seq":').encode()
        voice.head = copy_of(text)
        voice.head_size = len(text)
        if member:
            text = member.encode()
            voice.member = copy_of(text)
            voice.member_size = len(text)
        voice.kept = kept
        self.voices[self.n_voices] = voice
        self.n_voices += 1
        return 0

    cdef Line *make_line(self, str endpoint, str venue_id, str exchange, str symbol,
                         const Instrument *digits) except NULL:
        """A new line, in the table and under its name."""
        cdef int32_t at = ENDPOINTS[endpoint], f
        cdef Line *line
        cdef Line **grown
        cdef bytes name = venue_id.encode()
        if self.n_lines == self.room_lines:
            grown = <Line **> realloc(self.lines, (2 * self.n_lines + 16) * sizeof(Line *))
            if grown == NULL:
                raise MemoryError
            self.lines = grown
            self.room_lines = 2 * self.n_lines + 16
            for f in range(ENDPOINT_COUNT):
                self.context[f].instruments = <Instrument **> grown
        line = <Line *> calloc(1, sizeof(Line))
        if line == NULL:
            raise MemoryError
        line.inst = digits[0]
        line.inst.index = self.n_lines
        line.inst.next_of_index = -1
        line.followed = True
        line.facts.conn = -1
        line.endpoint = at
        line.bbo_order = NO_ID
        book_init(&line.book, endpoint_at(at).rule.keep, endpoint_at(at).rule.slack)
        sequence_init(&line.sequence)
        trades_init(&line.trades)
        self.lines[self.n_lines] = line
        self.n_lines += 1
        line.inst.name = copy_of(name)
        line.inst.name_size = len(name)
        key = f"{self.prefix}book:{exchange}:{symbol}".encode()
        line.book_key = copy_of(key)
        line.book_key_size = len(key)
        self.specs.append({"endpoint": endpoint, "venue_id": venue_id, "exchange": exchange,
                           "symbol": symbol, "group": "", "multiplier": 1})
        self.open_voices(line)
        names_add(&self.names[at], name, len(name), line.inst.index)
        return line

    cdef int open_voices(self, Line *line) except -1:
        """A voice for each feed that is published and has none yet."""
        cdef int32_t f
        spec = self.specs[line.inst.index]
        exchange, symbol = spec["exchange"], spec["symbol"]
        head = {"exchange": exchange, "symbol": symbol}
        for f in range(FEED_COUNT):
            if f != FEED_CANDLES and self.publishes[f] and line.voices[f].channel == NULL:
                self.open_voice(&line.voices[f], FEEDS[f], f"{FEEDS[f]}:{exchange}:{symbol}",
                                head, f in KEPT, "")
        return 0

    cdef Line *line_at(self, int instrument) except NULL:
        if not 0 <= instrument < self.n_lines:
            raise IndexError(f"no instrument {instrument}")
        return self.lines[instrument]

    cdef int reject(self, int32_t endpoint, Outcome outcome, int64_t recv_ns, const char *at,
                    size_t size) except -1:
        self.counts[endpoint][<int> outcome] += 1
        kept = self.reject_samples.setdefault((endpoint, <int> outcome), deque(maxlen=SAMPLES))
        kept.append({"endpoint": endpoint_at(endpoint).name.decode(),
                     "reason": OUTCOMES[outcome],
                     "recv_ns": recv_ns,
                     "frame": at[:min(size, SAMPLE_BYTES)].decode("utf-8", "backslashreplace")})
        return 0

    def channel_name(self, int channel) -> str:
        return self.channel_names[channel]

    def stream_key(self, int channel) -> str:
        return self.stream_names[channel]

    def stream_keys(self) -> list:
        return list(self.stream_names)

    def last_seen(self, int instrument, str feed not None) -> int:
        return self.line_at(instrument).seen_ns[FEEDS.index(feed)]

    def last_streamed(self, int instrument, str feed not None) -> int:
        return self.line_at(instrument).streamed_ns[FEEDS.index(feed)]

    def book_state(self, int instrument) -> str:
        return STATES[<int> self.line_at(instrument).sequence.state]

    def best(self, int instrument):
        """((bid, size) | None, (ask, size) | None) of the held book as venue-unit mantissas
        with their exponents behind: (bid, ask, px_exp, qty_exp)."""
        cdef Line *line = self.line_at(instrument)
        bid = ask = None
        if line.book.bid.n:
            bid = (line.book.bid.keys[line.book.bid.n - 1],
                   line.book.bid.qtys[line.book.bid.n - 1])
        if line.book.ask.n:
            ask = (-line.book.ask.keys[line.book.ask.n - 1],
                   line.book.ask.qtys[line.book.ask.n - 1])
        return bid, ask, line.inst.px_exp, line.inst.qty_exp

    def books(self) -> list:
        cdef int32_t i
        cdef Line *line
        found = []
        for i in range(self.n_lines):
            line = self.lines[i]
            found.append({
                **self.specs[i],
                "instrument": i,
                "state": STATES[<int> line.sequence.state],
                "reason": line.sequence.reason.decode(),
                "last_id": None if line.sequence.last_id == NO_ID else line.sequence.last_id,
                "bids": line.book.bid.n,
                "asks": line.book.ask.n,
                "resyncs": line.sequence.resyncs,
                "gaps": line.sequence.gaps,
                "published": bool(line.inst.publish and line.inst.factor != 0),
                "contract_known": line.inst.factor != 0,
                "trades": None if line.trades.last_number == NO_ID else line.trades.last_number,
                "book_bytes": line_bytes(line, FEED_DEPTH + 1),
                "memory_bytes": line_bytes(line, FEED_COUNT) + <size_t> (
                    2 * line.trades.slots * sizeof(int64_t)),
            })
        return found

    def counters(self) -> dict:
        return {
            name: {label: self.counts[at][which]
                   for table in (COUNTERS, OUTCOMES) for which, label in table.items()
                   if self.counts[at][which]}
            for name, at in ENDPOINTS.items()
        }

    def wire(self) -> dict:
        taken = {
            name: {"count": self.wires[at].count,
                   "mean_ns": self.wires[at].total_ns // self.wires[at].count,
                   "least_ns": self.wires[at].least_ns, "most_ns": self.wires[at].most_ns}
            for name, at in ENDPOINTS.items() if self.wires[at].count
        }
        memset(self.wires, 0, sizeof(self.wires))
        return taken

    def samples(self) -> list:
        return [dict(sample) for kept in self.reject_samples.values() for sample in kept]
