"""An engine between a venue, connections that may misbehave, and a reader of its messages.

After every entry the reader's book must be the one that the venue had at that id.
"""

from __future__ import annotations

from collections import deque
from random import Random

from p9core.engine import Engine
from tests.models.book import Levels, Reader
from tests.models.numbers import EXACT
from tests.models.venue_feed import Binance, Bybit, Frame, Okx, Venue

NAMES = {
    "binance:spot": "BTCUSDT",
    "binance:linear": "BTCUSDT",
    "bybit:spot": "SOLUSDT",
    "bybit:linear": "SOLUSDT",
    "okx": "BTC-USDT",
}
assert EXACT.prec > 40


def venue_of(kind: str, random: Random) -> Venue:
    """`kind` is an endpoint; "okx/rest" is OKX without pushed snapshots, "okx/rest/resets" with
    ids that go back too."""
    if kind.startswith("binance"):
        return Binance(random, kind == "binance:linear", random.choice([8, 25]))
    if kind.startswith("bybit"):
        return Bybit(random, random.choice([5, 20]))
    if kind.startswith("okx/rest"):
        return Okx(random, 0, pushes=False, resets=kind.endswith("resets"))
    return Okx(random, random.choice([0, 50]), pushes=True, resets=True)


class Wire:
    """One connection: frames arrive in order, `lag` of them are always under way."""

    def __init__(self, conn: int, lag: int) -> None:
        self.conn, self.lag = conn, lag
        self.queue: deque[Frame] = deque()
        self.paused = False  # unsubscribed, the new subscription is under way
        self.delivered = 0


class Simulation:
    def __init__(self, kind: str, seed: int, *, faults: bool, limit: int = 5000) -> None:
        self.random = Random(f"{kind} {seed}")
        self.venue = venue_of(kind, self.random)
        self.endpoint = kind.partition("/")[0]
        self.faults, self.limit = faults, limit
        self.engine = Engine(epoch=1, sink="lines", depth_levels=100 if limit < 5000 else 1000)
        self.instrument = self.engine.add_instrument(
            self.endpoint,
            NAMES[self.endpoint],
            exchange="x",
            symbol="S",
            price_step="0.01",
            qty_step="0.001",
        )
        self.reader = Reader()
        self.version = -1  # what the reader holds
        self.owner = -1  # connection that alone may continue the book
        self.bounds: tuple[int | None, int | None] = (None, None)
        self.loaded: tuple[int | None, int | None] = (None, None)  # of the newest snapshot
        self.time = 10**18
        self.step_number = 0
        self.due: list[tuple[int, str, int]] = []  # (step, what, version or wire's conn)
        self.wires: list[Wire] = []
        # without snapshots in the stream, frames of two speeds cannot be told from a hole
        self.slower = [0] if kind.startswith("okx/rest") and not faults else [0, 0, 1, 4]
        self.became_live = 0
        self.log: deque[str] = deque(maxlen=12)
        self.open(0)

    # ---- what a session does -------------------------------------------------------

    def open(self, lag: int) -> Wire:
        wire = Wire(self.engine.open_conn(self.endpoint), lag)
        self.wires.append(wire)
        self.subscribe(wire)
        return wire

    def subscribe(self, wire: Wire) -> None:
        self.engine.subscribed(self.instrument, self.time)
        wire.paused = False
        if self.venue.pushes:
            wire.queue.append(self.venue.pushed())

    def close(self, wire: Wire) -> None:
        self.log.append(f"close {wire.conn}")
        self.wires.remove(wire)
        self.engine.close_conn(wire.conn, self.time)
        if not self.wires:
            self.engine.invalidate(self.instrument, "disconnect", self.time)
        self.check(None, -1)

    def rotate(self) -> None:
        """A second connection first, which may be as fast as the other or slower; the old one
        goes once the new one carries the book."""
        if len(self.wires) == 1 and (self.faults or self.reader.live):
            self.open(self.wires[0].lag + self.random.choice(self.slower))
        elif (
            len(self.wires) > 1
            and self.wires[1].delivered
            and (self.faults or self.owner != self.wires[0].conn)
        ):
            self.close(self.wires[0])

    def answer_wants(self) -> None:
        for want, instrument, _ in self.engine.take_wants():
            self.log.append(f"want {want}")
            assert instrument == self.instrument
            assert want == "snapshot" or self.endpoint.partition(":")[0] != "binance"
            if want == "snapshot" and not any(what == "answer" for _, what, _ in self.due):
                back = self.random.choice([0, 0, 0, 1, 3, 20])
                version = max(0, self.venue.now() - back)
                if isinstance(self.venue, Okx):
                    # caches lag by moments, a reset is a maintenance: none is older than that
                    version = max(
                        v for v in self.venue.event_ends if v <= max(version, self.venue.reset_at)
                    )
                self.due.append((self.step_number + self.random.randint(0, 5), "answer", version))
            elif want == "resubscribe" and self.wires:
                wire = self.wires[-1]
                self.engine.subscribed(self.instrument, self.time)
                wire.paused = self.random.random() < 0.5
                self.due.append((self.step_number + self.random.randint(1, 5), "push", wire.conn))

    def answers_due(self) -> None:
        for item in [item for item in self.due if item[0] <= self.step_number]:
            self.due.remove(item)
            _, what, number = item
            if what == "push":
                for wire in self.wires:
                    if wire.conn == number:
                        self.subscribe(wire)
            elif self.faults and self.random.random() < 0.1:
                self.engine.snapshot_failed(self.instrument, self.time)
            else:
                body, (bids, asks) = self.venue.rest(number, self.limit)
                said = self.engine.feed_snapshot(self.instrument, self.time, body, self.limit)
                self.log.append(f"answer {self.venue.ids[number]} -> {said!r}")
                if said == "":
                    self.loaded = (
                        min(bids) if len(bids) >= self.limit else None,
                        max(asks) if len(asks) >= self.limit else None,
                    )
                self.check(None, -1)

    # ---- what the network does ------------------------------------------------------

    def deliver(self, wire: Wire) -> None:
        frame = wire.queue.popleft()
        if self.faults and not frame.snapshot:
            fate = self.random.random()
            if fate < 0.02:
                self.log.append(f"lost {self.venue.ids[frame.version]}")
                return
            if fate < 0.04:
                wire.queue.appendleft(frame)
            elif fate < 0.05 and wire.queue and not wire.queue[0].snapshot:
                frame, other = wire.queue.popleft(), frame
                wire.queue.appendleft(other)
        wire.delivered += 1
        before = self.reader.live
        self.log.append(
            f"{'snapshot' if frame.snapshot else 'update'} "
            f"{self.venue.ids[frame.since]} -> {self.venue.ids[frame.version]} "
            f"on {wire.conn}, reader at {self.reader.last_id}"
        )
        assert self.engine.feed(wire.conn, self.time, frame.text) is None
        self.check(frame, wire.conn)
        if self.reader.live and before and not frame.snapshot and self.owner in (-1, wire.conn):
            assert self.version >= frame.version, "an update was passed over"

    def step(self, pause_ns: int) -> None:
        self.step_number += 1
        self.time += pause_ns
        self.venue.market.drift = (self.step_number // 40) % 3 - 1
        frame = self.venue.event() if self.random.random() < 0.8 else None
        for wire in self.wires:
            if frame is not None and not wire.paused:
                wire.queue.append(frame)
        self.mischief()
        for wire in self.random.sample(self.wires, len(self.wires)):
            while len(wire.queue) > wire.lag:
                self.deliver(wire)
        self.answers_due()
        self.engine.on_timer(self.time)
        self.check(None, -1)
        self.answer_wants()

    def mischief(self) -> None:
        fate = self.random.random()
        if fate < 0.03:
            self.rotate()
        elif fate < 0.04 and self.venue.pushes and self.wires:
            self.random.choice(self.wires).queue.append(self.venue.pushed())
        elif fate < 0.05 and isinstance(self.venue, Bybit):
            frame = self.venue.restart()
            for wire in self.wires:
                wire.queue.append(frame)
        elif fate < 0.06 and self.faults and self.wires:
            self.close(self.wires[0])
        elif not self.wires:
            self.open(self.random.choice([0, 2]))

    # ---- what must hold -------------------------------------------------------------

    def check(self, frame: Frame | None, conn: int) -> None:
        venue, reader = self.venue, self.reader
        for line in self.engine.take_lines().splitlines():
            channel, _, text = line.partition(b" ")
            if channel != b"depth:x:S":
                continue
            message = reader.take(text)
            if message.get("invalid"):
                continue
            if frame is not None and venue.ids[frame.version] == reader.last_id:
                version = frame.version
            else:
                version = venue.found[reader.last_id or 0]
            if message["snapshot"]:
                self.became_live += 1
                self.bounds = self.loaded if frame is None or not frame.snapshot else (None, None)
                self.owner = conn if frame is not None and frame.snapshot else -1
            else:
                assert frame is not None, "an update out of nothing"
                assert version == frame.version
                assert frame.since <= self.version < version, "a hole was passed over"
            self.version = version
        assert (self.engine.book_state(self.instrument) == "LIVE") == reader.live
        if not reader.live:
            return
        book = self.engine.books()[self.instrument]
        assert book["last_id"] == venue.ids[self.version], "the engine says another id"
        for held, true, bound, bid in zip(
            (reader.bids, reader.asks),
            venue.history[self.version],
            self.bounds,
            (True, False),
            strict=True,
        ):
            compare(held, true, bound, bid)
        assert (book["bids"], book["asks"]) == (len(reader.bids), len(reader.asks))

    def run(self, steps: int, pause_ns: int) -> None:
        for _ in range(steps):
            self.step(pause_ns)
        if not self.faults:
            return
        # the faults end: now it must heal
        self.faults = False
        while len(self.wires) > 1:
            self.close(self.wires[0])
        if not self.wires:
            self.open(0)
        self.wires[0].lag = 0
        self.mischief = lambda: None  # type: ignore[method-assign]
        if isinstance(self.venue, Okx):
            self.venue.resets = False
        for _ in range(150):
            self.step(10**9)
        assert self.reader.live, f"not healed: {self.engine.books()}"
        assert self.version == self.venue.event_ends[-1]


def compare(held: Levels, true: Levels, bound: int | None, bid: bool) -> None:
    """Every held level is true; down to `bound` none is missing."""
    if bound is None:
        assert held == true
        return
    assert held.items() <= true.items(), "a level that is not there"
    inside = {p: q for p, q in true.items() if (p >= bound if bid else p <= bound)}
    assert inside.items() <= held.items(), "a level is missing"
