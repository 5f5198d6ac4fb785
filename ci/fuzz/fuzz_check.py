"""A reader of what the engine publishes, who believes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any, NoReturn

from p9core.engine import Engine

NATIVE = 8  # bytes of an index number


class Broken(Exception):
    """What must hold does not."""


def refuse(word: str) -> NoReturn:
    raise Broken(f"{word} is no JSON")


def strict(text: bytes) -> dict[str, Any]:
    """One JSON object, numbers kept as their exact value."""
    try:
        found = json.loads(
            text.decode("utf-8"), parse_float=Decimal, parse_int=Decimal, parse_constant=refuse
        )
    except ValueError as error:
        raise Broken(f"published what is no JSON ({error}): {text[:400]!r}") from error
    if not isinstance(found, dict):
        raise Broken(f"published what is no object: {text[:200]!r}")
    return found


def commands(blob: bytes) -> list[list[bytes]]:
    """RESP arrays of bulk strings."""
    found = []
    at = 0
    while at < len(blob):
        count, at = number(blob, at, b"*")
        words = []
        for _ in range(count):
            size, at = number(blob, at, b"$")
            words.append(blob[at : at + size])
            if blob[at + size : at + size + 2] != b"\r\n":
                raise Broken(f"RESP: a length is wrong at byte {at}")
            at += size + 2
        found.append(words)
    return found


def number(blob: bytes, at: int, mark: bytes) -> tuple[int, int]:
    end = blob.find(b"\r\n", at)
    if blob[at : at + 1] != mark or end < 0:
        raise Broken(f"RESP: no {mark!r} at byte {at}: {blob[at : at + 40]!r}")
    return int(blob[at + 1 : end]), end + 2


@dataclass
class Replica:
    """The book as a reader of one depth channel holds it."""

    live: bool = False
    sides: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = field(
        default_factory=lambda: ({}, {})
    )

    def take(self, message: dict[str, Any]) -> None:
        if message.get("invalid"):
            self.live = False
            return
        if message["snapshot"]:
            self.live = True
            for side in self.sides:
                side.clear()
        elif not self.live:
            raise Broken(f"an update of a book that is not live: {message}")
        for side, rows in zip(self.sides, (message["bids"], message["asks"]), strict=True):
            for price, size in rows:
                if price <= 0 or size < 0:
                    raise Broken(f"a level of {price} x {size}")
                if size:
                    side[price] = size
                elif not message["snapshot"]:
                    side.pop(price, None)
                else:
                    raise Broken("an empty level in a snapshot")


def positive(message: dict[str, Any]) -> None:
    """A print: of a size and at a price."""
    if not (message["price"] > 0 and message["qty"] > 0 and message["side"] in ("buy", "sell")):
        raise Broken(f"a print of {message['price']} x {message['qty']}")


def qualified(message: dict[str, Any]) -> bool:
    """Whether it is of a live book."""
    if message["q"] not in ("ok", "warming", "stale", "gap"):
        raise Broken(f"quality {message['q']}")
    return message["q"] in ("ok", "stale")


def snapshot(message: dict[str, Any]) -> None:
    bids, asks = message["bids"], message["asks"]
    if max(len(bids), len(asks)) > message["levels"] or (bids and not qualified(message)):
        raise Broken(f"a snapshot of {len(bids)} and {len(asks)} levels: {message['q']}")
    prices = [price for price, _ in bids[::-1] + asks]
    if any(one >= other for one, other in pairwise(prices)):
        raise Broken(f"a snapshot out of order: {prices}")
    if any(price <= 0 or size <= 0 for price, size in bids + asks):
        raise Broken("an empty level in a snapshot")
    if message["ts_exchange"] % (100 * 10**6):
        raise Broken(f"a snapshot of no turn: {message['ts_exchange']}")


def imbalance(message: dict[str, Any]) -> None:
    values = [value for value in message["value"] if value is not None]
    if len(message["value"]) != len(message["levels"]) or any(abs(value) > 1 for value in values):
        raise Broken(f"an imbalance of {message['value']}")
    if values and not qualified(message):
        raise Broken(f"an imbalance of a book that is not live: {message}")


def candle(message: dict[str, Any]) -> None:
    low, high = message["low"], message["high"]
    if not 0 < low <= min(message["open"], message["close"]):
        raise Broken(f"a candle that began or ended below {low}")
    if high < max(message["open"], message["close"]) or message["volume"] < 0:
        raise Broken(f"a candle that began or ended above {high}")


def told(*names: str) -> Callable[[dict[str, Any]], None]:
    """Checks that values are there and not negative."""

    def check(message: dict[str, Any]) -> None:
        for name in names:
            if message[name] is None or message[name] < 0:
                raise Broken(f"{name} of {message[name]}: {message['type']}")

    return check


def funding(message: dict[str, Any]) -> None:
    if message["rate"] is None or (message["interval_hours"] or 1) <= 0:
        raise Broken(f"funding of {message['rate']} each {message['interval_hours']} h")


CHECKS: dict[bytes, Callable[[dict[str, Any]], None]] = {
    b"liquidation": positive,
    b"block_trade": positive,
    b"snapshot": snapshot,
    b"imbalance": imbalance,
    b"candles": candle,
    b"funding": funding,
    b"mark_price": told("price"),
    b"index_price": told("price"),
    b"open_interest": told("base"),
    b"ticker": told("last"),
    b"long_short": told("ratio"),
}


class Reader:
    """All channels of one engine."""

    def __init__(self) -> None:
        self.numbers: dict[bytes, int] = {}
        self.logged: dict[bytes, int] = {}
        self.books: dict[bytes, Replica] = {}
        self.messages = 0

    def drain(self, engine: Engine) -> None:
        for line in engine.take_lines().splitlines():
            channel, _, text = line.partition(b" ")
            self.message(channel, text)
        pub = engine.take_pub()
        if pub is not None:
            self.published(*pub[:3])
        log = engine.take_log()
        if log is not None:
            self.entries(engine, *log)
        if engine.has_output():
            raise Broken("output is left behind")

    def published(self, blob: bytes, replies: int, messages: int) -> None:
        found = commands(blob)
        if len(found) != replies:
            raise Broken(f"{len(found)} commands, {replies} replies owed")
        said = [words for words in found if words[0] == b"PUBLISH"]
        if len(said) != messages:
            raise Broken(f"{len(said)} messages, {messages} counted")
        for words in found:
            if words[0] == b"PUBLISH":
                self.message(words[1], words[2])
            elif words[0] == b"SET":
                strict(words[2])
            elif words[0] == b"HSET":
                strict(words[3])
            elif words[0] != b"SADD":
                raise Broken(f"command {words[0]!r}")

    def entries(self, engine: Engine, blob: bytes, index: bytes, count: int) -> None:
        if len(index) != 4 * NATIVE * count:
            raise Broken("the index is of another length")
        rows = memoryview(index).cast("q")
        for i in range(count):
            channel, seq, offset, size = rows[4 * i : 4 * i + 4]
            (words,) = commands(blob[offset : offset + size])
            key = engine.stream_key(channel).encode()
            if words[0] != b"XADD" or words[1] != key or words[5] != b"1-%d" % seq:
                raise Broken(f"log entry {words[:6]}")
            message = strict(words[-1])
            if message["seq"] != seq or message["prev"] != self.logged.get(key, 0):
                raise Broken(f"log entry {seq} after {self.logged.get(key, 0)}: {message}")
            self.logged[key] = seq

    def message(self, channel: bytes, text: bytes) -> None:
        message = strict(text)
        self.messages += 1
        seq = int(message["seq"])
        if seq != self.numbers.get(channel, 0) + 1 or message["epoch"] != 1:
            raise Broken(f"{channel!r}: {seq} after {self.numbers.get(channel, 0)}")
        self.numbers[channel] = seq
        kind = channel.partition(b":")[0]
        if message["type"] != kind.decode():
            raise Broken(f"{channel!r}: type {message['type']}")
        check = CHECKS.get(kind)
        if check is not None:
            check(message)
        if kind == b"depth":
            self.books.setdefault(channel, Replica()).take(message)
        elif kind == b"trade" and not (message["price"] > 0 and message["qty"] > 0):
            raise Broken(f"a trade of {message['price']} x {message['qty']}")
        elif kind == b"bbo":
            for word in ("bid", "ask"):
                if message[word] is not None and message[word] <= 0:
                    raise Broken(f"a best {word} of {message[word]}")

    def compare(self, engine: Engine) -> None:
        """Live books: not crossed, and what the reader holds is what the engine holds."""
        for book in engine.books():
            live = book["state"] == "LIVE"
            channel = f"depth:{book['exchange']}:{book['symbol']}".encode()
            replica = self.books.get(channel)
            bid, ask, px_exp, _ = engine.best(book["instrument"])
            if live and bid and ask and bid[0] >= ask[0]:
                raise Broken(f"a live book is crossed: {bid} {ask} {book}")
            if not book["published"]:
                continue
            if live != bool(replica and replica.live):
                raise Broken(f"the reader was told otherwise: {book}")
            if not live or replica is None:
                continue
            bids, asks = replica.sides
            if (len(bids), len(asks)) != (book["bids"], book["asks"]):
                raise Broken(f"the reader holds {len(bids)} and {len(asks)} levels: {book}")
            for best, level in ((max(bids, default=None), bid), (min(asks, default=None), ask)):
                held = None if level is None else Decimal(level[0]).scaleb(-px_exp)
                if best != held:
                    raise Broken(f"the reader's best is {best}, the engine's {held}: {book}")
