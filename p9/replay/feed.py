"""Replay: a recording through the same core as a live run, by the recording's own clock.

The same input gives the same bytes: there is no wall clock here, and no order but that of the
input. Whose a frame is: its record says it, else its connection's address, else the caller,
else the file's folder, else the other addresses in the file. Steps and contract sizes come
from recorded listings, else from the digits; what is unknown is reported, never guessed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from p9 import venues
from p9.markets.terms import from_plain
from p9.recording import Entry, InputError, ReadLog, read
from p9.replay.instruments import Instruments
from p9.replay.places import ElsewhereError, of_addresses, of_place, said
from p9core.engine import Engine
from p9core.polls import ASKS

TICK_NS = 100_000_000
# A longer pause, or going back in time, begins the ticks anew: files of different days.
MAX_PAUSE_NS = 86_400 * 1_000_000_000
MAX_BACK_NS = 60 * 1_000_000_000
MAX_LISTED = 100  # errors, and kinds of one sort
USED = frozenset({venues.DEPTH, "instruments", *ASKS})  # kinds of REST bodies
MARKS = frozenset({"feeds", "ages", "status", "block_trades"})  # of no single instrument


Resolver = Callable[[str, str], "dict[str, Any] | None"]
EngineFactory = Callable[[Resolver, "dict[str, Any]", bool], Engine]
"""(resolver, settings of the recorded run, learn digits) -> engine"""


class Replay:
    """Feeds entries to an engine; `step` takes them one by one, in order."""

    def __init__(
        self,
        engine_of: EngineFactory,
        *,
        endpoint: str | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        """`endpoint`: of frames that do not say it themselves. `settings`: instead of those of
        the recorded run."""
        self.instruments = Instruments()
        self.entries: Counter[str] = Counter()
        self.controls: Counter[str] = Counter()
        self.errors: list[str] = []  # error answers of a venue, the first ones
        self.rest: Counter[str] = Counter()  # what became of REST bodies
        self.elsewhere: Counter[str] = Counter()  # records of markets that are not ours
        self.lost = 0  # records that the recorder did not get to write
        self.first_ns = 0  # earliest and newest receive time
        self.newest_ns = 0
        self.last_ns = 0  # of the last entry that had one
        self._engine_of = engine_of
        self._engine: Engine | None = None
        self._endpoint = endpoint
        self._settings = settings
        self._conns: dict[tuple[str, str], int] = {}  # (name, endpoint) -> the engine's
        self._open: dict[str, str] = {}  # name -> endpoint, from `connect`
        self._own = False  # a recording of ours: it tells all it did
        self._file = ""
        self._file_endpoint: str | None = None
        self._next_tick = 0
        self._steps: dict[str, Callable[[Entry], None]] = {
            "start": self._start,
            "connect": self._connect,
            "close": self._close,
            "recv": self._recv,
            "send": lambda entry: None,
            "rest": self._rest,
            "mark": self._mark,
            "lost": self._lost,
        }

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            self._engine = self._engine_of(
                self.instruments.resolve, self._settings or {}, not self._own
            )
        return self._engine

    def step(self, entry: Entry) -> None:
        """One entry. Raises InputError where nobody says whose frame it is."""
        self.entries[entry.k] += 1
        if entry.file != self._file:
            self._begin_file(entry)
        if entry.recv_ns is not None:
            self._tick(entry.recv_ns)
        try:
            self._steps[entry.k](entry)
        except ElsewhereError as error:
            name = str(error)[:64]
            known = name in self.elsewhere or len(self.elsewhere) < MAX_LISTED
            self.elsewhere[name if known else "others"] += 1
        if self._engine is not None:
            self._engine.take_wants()  # what was fetched stands in the recording

    # -- time -------------------------------------------------------------------------

    def _tick(self, now_ns: int) -> None:
        """Timers up to this entry: at every multiple of 100 ms since the entry before."""
        following = (now_ns // TICK_NS + 1) * TICK_NS
        if not self.last_ns:
            self._next_tick = following
        elif now_ns - self._next_tick > MAX_PAUSE_NS:
            self.engine.on_timer(self._next_tick)
            self._next_tick = following
        elif self._next_tick - now_ns > MAX_BACK_NS:
            self._next_tick = following
        while self._next_tick <= now_ns:
            self.engine.on_timer(self._next_tick)
            self._next_tick += TICK_NS
        self.last_ns = now_ns
        self.first_ns = min(self.first_ns or now_ns, now_ns)
        self.newest_ns = max(self.newest_ns, now_ns)

    # -- whose frames -----------------------------------------------------------------

    def _begin_file(self, entry: Entry) -> None:
        self._file = entry.file
        self._file_endpoint = None
        if entry.recv_ns is not None and entry.recv_ns < self.last_ns:
            self._next_tick = (entry.recv_ns // TICK_NS + 1) * TICK_NS

    def _endpoint_of(self, entry: Entry) -> str:
        found = said(entry) or self._open.get(entry.conn) or self._endpoint
        if found is None:
            if self._file_endpoint is None:
                self._file_endpoint = of_place(entry.file) or of_addresses(entry.file)
            found = self._file_endpoint
        if found is None:
            raise InputError(f"{entry.place}: whose frame is this? give --venue and --market")
        return found

    def _conn(self, name: str, endpoint: str) -> int:
        key = (name, endpoint)
        if key not in self._conns:
            self._conns[key] = self.engine.open_conn(endpoint)
        return self._conns[key]

    # -- one method per kind ------------------------------------------------------------

    def _start(self, entry: Entry) -> None:
        settings = entry.more.get("settings")
        if self._engine is None:
            self._own = settings is not None
            if self._settings is None and isinstance(settings, dict):
                self._settings = settings
                self.instruments.block = from_plain(entry.more.get("block_trades"))
        if entry.more.get("part", 1) == 1:
            for name in list(self._open):  # another run: what was open ended unrecorded
                self._end(name, "restart")

    def _connect(self, entry: Entry) -> None:
        endpoint = said(entry) or venues.endpoint_of_ws(entry.url)
        if endpoint is None:
            return  # the frames of it may say more
        if entry.more.get("carried") and self._open.get(entry.conn) == endpoint:
            return
        if entry.conn in self._open:
            self._end(entry.conn, "disconnect")
        self._open[entry.conn] = endpoint
        self._conn(entry.conn, endpoint)
        if not self._own:
            self._resubscribe(endpoint)

    def _resubscribe(self, endpoint: str) -> None:
        """A new connection begins its streams anew; who recorded it told us no more."""
        for book in self.engine.books():
            if book["endpoint"] == endpoint and book["state"] == "INVALID":
                self.engine.subscribed(book["instrument"], self.last_ns)

    def _close(self, entry: Entry) -> None:
        self._end(entry.conn, "disconnect")

    def _end(self, name: str, reason: str) -> None:
        endpoint = self._open.pop(name, None)
        conn = self._conns.pop((name, endpoint), None) if endpoint else None
        if endpoint is None or conn is None:
            return
        self.engine.close_conn(conn, self.last_ns)
        if self._own and reason != "restart":
            return  # what this meant for the books was marked
        if endpoint not in self._open.values():
            for key in self.instruments.used:
                index = self._add(key) if key[0] == endpoint else None
                if index is not None:
                    self.engine.invalidate(index, reason, self.last_ns)

    def _recv(self, entry: Entry) -> None:
        conn = self._conn(entry.conn, self._endpoint_of(entry))
        control = self.engine.feed(conn, entry.recv_ns or 0, entry.raw)
        if control is not None:
            self.controls[control.kind] += 1
            if control.kind == "error" and len(self.errors) < MAX_LISTED:
                self.errors.append(f"{entry.place}: {control.code} {control.msg}".rstrip())

    def _rest(self, entry: Entry) -> None:
        asked = venues.classify_rest(entry.url)
        if asked is None or asked.kind not in USED:
            self.rest["not used"] += 1
            return
        if entry.more.get("status", 200) != 200:
            self.rest[f"status {entry.more['status']}"] += 1
            return
        endpoint = said(entry) or asked.endpoint
        if asked.kind == "instruments":
            self._listing(entry, endpoint)
            return
        index = self._add((endpoint, asked.venue_id)) if asked.venue_id else -1
        if index is None or (index < 0 and asked.kind == venues.DEPTH):
            self.rest[f"{asked.kind}: unknown symbol"] += 1
            return
        if asked.kind == venues.DEPTH:
            refused = self.engine.feed_snapshot(index, entry.recv_ns or 0, entry.raw, asked.limit)
        else:
            old_ns = int(_old_s(endpoint, asked.kind) * 1e9)
            refused = self.engine.feed_poll(
                endpoint, asked.kind, entry.recv_ns or 0, entry.raw, index, asked.timeframe, old_ns
            )
        self.rest[f"{asked.kind}: {refused or 'taken'}"] += 1

    def _listing(self, entry: Entry, endpoint: str) -> None:
        try:
            in_use = self.instruments.add_listing(endpoint, entry.raw)
        except venues.BadListing as error:
            self.rest[f"instruments: {error}"] += 1
            return
        self.rest["instruments: taken"] += 1
        for key in in_use:
            self._add(key)  # the core learns the new steps

    def _mark(self, entry: Entry) -> None:
        op, reason = entry.more.get("op"), str(entry.more.get("reason", ""))
        endpoint, venue_id = said(entry), entry.more.get("symbol")
        if isinstance(op, str) and op in MARKS:
            self._told(op, endpoint, reason)
            return
        if endpoint is None or not isinstance(venue_id, str):
            return
        index = self._add((endpoint, venue_id))
        if index is None:
            return
        match op:
            case "subscribed":
                self.engine.subscribed(index, self.last_ns)
            case "trades_broken":
                self.engine.trades_broken(index, self.last_ns)
            case "invalidate":
                self.engine.invalidate(index, reason or "disconnect", self.last_ns)
            case "snapshot_failed":
                self.engine.snapshot_failed(index, self.last_ns)
            case "follow" | "unfollow":
                self.engine.follow(index, op == "follow", self.last_ns)

    def _told(self, op: str, endpoint: str | None, text: str) -> None:
        """What the run told the core of no single instrument."""
        try:
            what = json.loads(text)
            match op:
                case "feeds":
                    self.engine.set_feeds(what, self.last_ns)
                case "ages":
                    self.engine.set_ages(what)
                case "status" if endpoint is not None:
                    self.engine.status(endpoint.partition(":")[0], text, self.last_ns)
                case "block_trades":
                    self.instruments.block = from_plain(what)
                    for key in list(self.instruments.used):
                        self._add(key)
        except (AttributeError, TypeError, ValueError):
            self.errors.append(f"mark {op}: {text[:100]}")

    def _lost(self, entry: Entry) -> None:
        n = entry.more.get("n")
        self.lost += n if isinstance(n, int) else 1

    def _add(self, key: tuple[str, str]) -> int | None:
        """The engine's number of an instrument, added or brought up to date."""
        arguments = self.instruments.resolve(*key)
        return None if arguments is None else self.engine.add_instrument(*key, **arguments)


def _old_s(endpoint: str, ask: str) -> float:
    """How old what a poll tells may be, by the venue's table; 0: no matter."""
    polls = venues.ENDPOINTS[endpoint].polls
    return next((poll.old_s for poll in polls if poll.ask == ask), 0.0)


def entries_of(paths: list[str], endpoint: str | None, notes: ReadLog) -> Iterator[Entry]:
    """The entries of the files. Raises InputError when there are none at all."""
    empty = True
    for entry in read(paths, plain=endpoint is not None, notes=notes):
        empty = False
        yield entry
    if empty:
        raise InputError(f"{', '.join(map(str, paths))}: no records ({notes.bad_lines} bad lines)")
