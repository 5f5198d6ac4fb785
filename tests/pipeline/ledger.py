"""What a reader of the channels holds, compared with the venue at every message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.redis_server import RedisServer
from tests.venue import LocalVenue
from tests.venue.log import TradeRow

from .tape import Channels, Message, Tape, decode, stream_faults, streams
from .truth import Name, Sides, TrueBook

Call = Callable[[Callable[[], Any]], Any]
PAIRS = (("bids", 0), ("asks", 1))


class Book:
    """One reader's book of one instrument, as the depth messages make it."""

    def __init__(self, truth: TrueBook) -> None:
        self.truth = truth
        self.held: Sides = ({}, {})
        self.live = False
        self.states: list[tuple[float, str]] = []  # (monotonic s, "live" or why not)
        self.checked = 0
        self.key = (0, 0)
        self.last_id = 0
        self.backlog: list[Message] | None = None  # what came since a hole in seq

    def take(self, at: float, message: Message, *, compare: bool = True) -> str:
        """Why it is wrong, "" if it is not."""
        self.key = (message["epoch"], message["seq"])
        if message.get("invalid"):
            if not self.live:
                return "invalid twice"
            self.live = False
            self.states.append((at, message["reason"]))
            return ""
        snapshot = message["snapshot"]
        if snapshot:
            self.held = ({}, {})
            if not self.live:
                self.states.append((at, "live"))
            self.live = True
        elif not self.live:
            return "a change of a book that is not valid"
        self.change(message)
        self.last_id = int(message["last_id"])
        if not compare:
            return ""
        self.checked += 1
        return self.truth.wrong(self.held, self.last_id, snapshot=snapshot)

    def change(self, message: Message) -> None:
        for side, number in PAIRS:
            held = self.held[number]
            for price, qty in message[side]:
                ticks = self.truth.ticks(price)
                if qty:
                    held[ticks] = self.truth.lots(qty)
                else:
                    held.pop(ticks, None)

    def broken_since(self, at: float) -> list[str]:
        return [why for when, why in self.states if when >= at and why != "live"]


class Ledger:
    """All books and trades of a trial; `look` reads on and compares."""

    def __init__(self, tape: Tape, venue: LocalVenue, names: tuple[Name, ...]) -> None:
        self.channels = Channels(tape)
        self.venue, self.names = venue, names
        self.books = {name: Book(TrueBook(venue, name)) for name in names}
        self.trades: dict[Name, list[Message]] = {name: [] for name in names}
        self.alerts: list[tuple[float, str, Message]] = []
        self.statuses: list[tuple[float, str, Message]] = []
        self.faults: list[str] = []
        self.bbo = Counter[Name]()
        self._by_channel = {name.channel: name for name in names}
        self._trades_ok: dict[Name, tuple[int, int]] = {}  # rows and messages compared

    def look(self, call: Call) -> None:
        news = self.channels.new()
        call(self._refresh)
        for at, channel, message in news:
            kind, _, rest = channel.partition(":")
            name = self._by_channel.get(rest)
            if kind == "alert":
                self.alerts.append((at, rest, message))
            elif kind == "status":
                self.statuses.append((at, rest, message))
            elif self._shared(kind, rest):
                continue
            elif name is None:
                self.faults.append(f"{channel}: nobody asked for it")
            elif kind == "depth" and self._in_hole(channel, self.books[name], message):
                continue
            elif kind == "depth":
                book = self.books[name]
                why = book.take(at, message)
                if why:
                    self.faults.append(f"{channel} {book.key}: {why}")
            elif kind == "trade":
                self.trades[name].append(message)
            elif kind == "bbo":
                self.bbo[name] += 1
                if message["bid"] >= message["ask"]:
                    self.faults.append(f"{channel}: crossed")
        self.faults += self.channels.faults
        self.channels.faults = []
        assert not self.faults, "\n".join(self.faults[:10])

    def _shared(self, kind: str, rest: str) -> bool:
        """Is it a channel of several instruments?"""
        if kind == "insurance_fund":
            return any(name.exchange == rest for name in self.names)
        symbol = rest.partition(":")[0]
        return kind == "candles" and any(name.symbol == symbol for name in self.names)

    def _in_hole(self, channel: str, book: Book, message: Message) -> bool:
        """A reader that missed messages waits until it knows a whole book again."""
        begun = (message["epoch"], message["seq"])
        if begun in self.channels.behind_hole.get(channel, ()) and not message.get("snapshot"):
            book.backlog = []
        if book.backlog is None:
            return False
        if message.get("snapshot"):
            book.backlog = None
            return False
        book.backlog.append(message)
        return True

    def rejoin(self, server: RedisServer) -> int:
        """Every reader that waits starts again from the `book:` key. How many did."""
        count = 0
        for name, book in self.books.items():
            if book.backlog is None:
                continue
            with server.client() as client:
                text: Any = client.get(f"book:{name.channel}")
            start = decode(text)
            key = (start["depth_epoch"], start["depth_seq"])
            later = [one for one in book.backlog if (one["epoch"], one["seq"]) > key]
            assert len(later) < len(book.backlog) or later[0]["seq"] == key[1] + 1, name
            book.backlog, book.held = None, ({}, {})
            book.live = not start.get("invalid")
            book.change(start)
            faults = [book.truth.wrong(book.held, int(start["last_id"]), snapshot=False)]
            faults += [book.take(0.0, one) for one in later]
            assert not any(faults), (name, faults)
            count += 1
        return count

    def read_trades(self, server: RedisServer) -> None:
        """From the streams, where nothing may be missing, instead of what was heard."""
        found = streams(server)
        self._trades_ok.clear()
        for name in self.names:
            rows = found[f"trade:{name.channel}"]
            self.trades[name] = [decode(text) for _, text in rows]

    def _refresh(self) -> None:
        for book in self.books.values():
            book.truth.refresh()

    def not_live(self) -> list[str]:
        return [
            f"{name.channel} {book.states[-1:]}"
            for name, book in self.books.items()
            if not book.live
        ]

    def broken_since(self, at: float) -> dict[Name, list[str]]:
        found = {name: book.broken_since(at) for name, book in self.books.items()}
        return {name: reasons for name, reasons in found.items() if reasons}

    def alerts_since(self, at: float, kind: str) -> list[Message]:
        return [row for when, what, row in self.alerts if what == kind and when >= at]

    def lost_ids(self, name: Name, feed: str, since: float = 0.0) -> set[int]:
        """The ids that alerts told as missing and not as filled."""
        ids: dict[bool, set[int]] = {True: set(), False: set()}
        for row in self.alerts_since(since, "gap"):
            if (row["exchange"], row["symbol"], row["feed"]) == (name.exchange, name.symbol, feed):
                ids[row["filled"]] |= set(range(int(row["first_id"]), int(row["last_id"]) + 1))
        return ids[False] - ids[True]

    # -- trades -----------------------------------------------------------------------------

    def missing_trades(self, name: Name, call: Call, *, late: bool = False) -> list[TradeRow]:
        """Prints that were sent since the last question and are not published.

        Everything published has to be a print, once, and in the venue's order; with `late` one
        may come behind a newer one.
        """
        rows: list[TradeRow] = call(self.books[name].truth.trades)
        at, read = self._trades_ok.get(name, (0, 0))
        missing: list[TradeRow] = []
        for message in self.trades[name][read:]:
            passed = [row for row in missing if late and row.id == message["id"]]
            if passed:
                missing.remove(passed[0])
                numbered = name.exchange == "binance"  # elsewhere nobody can tell
                assert ("late" in message.get("flags", ())) == numbered, message
                continue
            found = next((i for i in range(at, len(rows)) if rows[i].id == message["id"]), -1)
            assert found >= 0, f"trade {name.channel} {message['id']}: twice, late or invented"
            missing += [row for row in rows[at:found] if row.sent]
            why = _unlike(message, rows[found], self.books[name].truth.contract)
            assert not why, f"trade {name.channel}: {why}: {message} {rows[found]}"
            at = found + 1
        missing += [row for row in rows[at:] if row.sent]
        self._trades_ok[name] = (len(rows), len(self.trades[name]))
        return missing

    def unpublished_ids(self, name: Name, call: Call) -> set[int]:
        """Venue ids between the first and the last published one that are not published."""
        rows: list[TradeRow] = call(self.books[name].truth.trades)
        seen = {int(message["id"]) for message in self.trades[name]}
        ids = {int(row.id) for row in rows}
        return {one for one in ids - seen if min(seen) < one < max(seen)}

    # -- at the end --------------------------------------------------------------------------

    def redis_faults(self, server: RedisServer) -> list[str]:
        """Streams, `book:` and `last:` keys, the set of channels, while the market stands still."""
        faults = stream_faults(self.channels, streams(server))
        with server.client() as client:
            members: Any = client.smembers("channels")
            listed = {name.decode() for name in members}
            heard = set(self.channels.texts)
            if not heard <= listed:
                faults.append(f"not in the set of channels: {sorted(heard - listed)}")
            for name in self.names:
                text: Any = client.get(f"book:{name.channel}")
                faults += self._late_joiner(name, text)
                for kind in ("trade", "bbo"):
                    texts = self.channels.texts.get(f"{kind}:{name.channel}")
                    if not texts:
                        continue
                    last: Any = client.get(f"last:{kind}:{name.channel}")
                    if last != texts[max(texts)]:
                        faults.append(f"last:{kind}:{name.channel} is {last!r}")
        return faults

    def _late_joiner(self, name: Name, text: bytes | None) -> list[str]:
        """The key, and the depth messages after it, make the book that everybody has."""
        if text is None:
            return [f"book:{name.channel} is missing"]
        start = decode(text)
        key = (start["depth_epoch"], start["depth_seq"])
        mine = Book(self.books[name].truth)
        mine.live = not start.get("invalid")
        if mine.live:
            mine.change(start)
        texts = self.channels.texts[f"depth:{name.channel}"]
        for later in sorted(one for one in texts if one > key):
            why = mine.take(0.0, decode(texts[later]), compare=False)
            if why:
                return [f"book:{name.channel} {key} and depth {later}: {why}"]
        theirs = self.books[name]
        if mine.live != theirs.live or (mine.live and mine.held != theirs.held):
            return [f"book:{name.channel} {key}: another book for who joins late"]
        return []


def _unlike(message: Message, row: TradeRow, contract: Decimal) -> str:
    wanted = {
        "price": Decimal(row.price),
        "qty": Decimal(row.qty) * contract,
        "side": row.side,
        "buyer_maker": row.side == "sell",
        "count": row.fills,
    }
    for key, value in wanted.items():
        if message[key] != value:
            return f"{key} is {message[key]}, not {value}"
    early_ms = row.ts_ms - message["ts_exchange"] // 1_000_000
    return "" if early_ms in (0, 1) else f"ts_exchange is {early_ms} ms before"
