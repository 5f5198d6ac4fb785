"""One episode: an engine, streams that run through it, and everything that may go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any
from zlib import crc32

from fuzz_check import Broken, Reader
from fuzz_frames import ENDPOINTS, NAMES, Seeds, Stream
from fuzz_inplace import FeedInPlace, Pair
from fuzz_mutate import NUMBERS, mutate
from fuzz_reports import ASKS, Teller, index_of
from fuzz_wire import over_the_wire

from p9core.engine import Control, Engine
from p9core.lines import FEEDS

Note = Callable[[bytes], None]

CONTROL_KINDS = {"ack", "error", "pong", "notice", "other"}
# What one frame may be counted as; every frame is at least one of them.
OUTCOMES = (
    "trades", "bbo", "depth", "ignored", "off_book", "control", "duplicates", "superseded",
    "other_variant", "reports", "prints", "klines", "balances", "waiting", "old",
)  # fmt: skip
ALL = [*FEEDS, "insurance_fund"]
MAX_SAMPLES = 4 * 20 * 5


def market_of(endpoint: str, name: str) -> str:
    if endpoint != "okx":
        return endpoint.partition(":")[2]
    return "inverse" if "-USD-" in name else "linear" if name.endswith("SWAP") else "spot"


class Episode:
    def __init__(
        self, random: Random, seeds: Seeds, note: Note, in_place: FeedInPlace | None
    ) -> None:
        self.random, self.seeds, self.note = random, seeds, note
        self.now = 1_795_305_600_000_000_000
        self.frames = dict.fromkeys(ENDPOINTS, 0)
        self.reader = Reader()
        learn = random.random() < 0.5
        arguments: dict[str, Any] = {
            "epoch": 1,
            "sink": random.choice(["lines", "resp"]),
            "stream_kinds": random.choice(
                [
                    (),
                    ("trade", "depth"),
                    ("trade", "alert", "status"),
                    ("liquidation", "snapshot", "candles", "insurance_fund", "funding"),
                ]
            ),
            "stream_maxlen": 10,
            "depth_levels": random.choice([1, 20, 1000]),
            "learn": learn,
            "resolver": self.resolve if random.random() < 0.5 else None,
            "snapshot_ms": random.choice([100, 1000, 1000, 5000]),
            "snapshot_levels": random.choice([1, 50, 5000]),
            "imbalance_levels": random.choice([(), (1,), (1, 5, 10, 20), (5000,) * 8]),
            "max_age_ns": random.choice([{}, dict.fromkeys(ALL, random.choice([1, 10**10]))]),
        }
        self.wanted = ALL
        self.tellers: dict[str, list[Teller]] = {}
        # Pair is an engine in all that is asked of it here
        self.engine: Any
        if in_place is not None and random.random() < 0.4:
            self.engine = Pair(in_place, random, **arguments)
        else:
            self.engine = Engine(**arguments)
        self.streams: dict[str, list[Stream]] = {}
        self.numbers: dict[tuple[str, str], int] = {}
        for endpoint in ENDPOINTS:
            self.streams[endpoint] = []
            self.tellers[endpoint] = [Teller(endpoint, name, random) for name in NAMES[endpoint]]
            for name in NAMES[endpoint]:
                self.streams[endpoint].append(Stream(endpoint, name, random))
                self.add(endpoint, name, learn)
        self.conns = {endpoint: [self.engine.open_conn(endpoint)] for endpoint in ENDPOINTS}

    def resolve(self, endpoint: str, name: str) -> dict[str, Any] | None:
        # the same answer each time: two engines may ask
        fate = crc32(name.encode()) % 10
        if fate < 3:
            return None
        return {
            # two instruments never share a channel: who adds them sees to that
            "exchange": endpoint.replace(":", "-"),
            "symbol": name.encode().hex(),
            "contract": ("1", "0.01", None)[fate % 3],
        }

    def step(self) -> str | None:
        if self.random.random() < 0.1:
            return self.random.choice([None, "1", "0.000000000000000001"])
        return self.random.choice(["0.1", "0.01", "0.01", "0.00000001"])

    def add(self, endpoint: str, name: str, learn: bool) -> None:
        """Adds the instrument; again: tells the engine other steps or another contract size."""
        try:
            self.numbers[endpoint, name] = self.engine.add_instrument(
                endpoint,
                name,
                exchange=endpoint.replace(":", "-"),
                symbol=name,
                price_step=None if learn else self.step(),
                qty_step=None if learn else self.step(),
                contract=self.random.choice(["1", "1", "1", "0.01", "1000", None]),
                publish=self.random.random() < 0.95,
                market=market_of(endpoint, name),
                index=index_of(name) if endpoint == "okx" else "",
                group=self.random.choice(["", "BTCUSDT", "x"]),
                multiplier=1000 if name.startswith("1000") else 1,
                block_notional=self.random.choice([None, "0", "1000", "0.00001", "9" * 40]),
                funding_hours=self.random.choice([None, 8]),
            )
        except ValueError as error:
            # steps that the held book has no room for are the caller's mistake, and refused
            if "does not fit" not in str(error):
                raise

    # ---- entries --------------------------------------------------------------------

    def feed(self, endpoint: str, frame: bytes) -> None:
        self.now += self.random.choice([0, 1, 1000, 10**6, 10**8])
        recv = self.now if self.random.random() < 0.95 else 0
        self.note(f"feed {endpoint} {recv} ".encode() + frame)
        look = self.random.random() < 0.1
        before = self.engine.counters()[endpoint] if look else {}
        said = self.engine.feed(self.random.choice(self.conns[endpoint]), recv, frame)
        self.frames[endpoint] += 1
        if said is not None and (not isinstance(said, Control) or said.kind not in CONTROL_KINDS):
            raise Broken(f"feed returned {said!r}")
        if not look:
            return
        after = self.engine.counters()[endpoint]
        rise = {name: n - before.get(name, 0) for name, n in after.items()}
        if rise["frames"] != 1 or rise.get("bytes", 0) != len(frame):
            raise Broken(f"one frame of {len(frame)} bytes, counted was {rise}")
        rejects = sum(n for name, n in rise.items() if name.startswith("reject."))
        if rejects + sum(rise.get(name, 0) for name in OUTCOMES) < 1:
            raise Broken(f"a frame that is counted as nothing: {rise}")
        if (said is not None) != bool(rise.get("control")):
            raise Broken(f"feed returned {said!r}, counted was {rise}")

    def snapshot(self, endpoint: str) -> None:
        stream = self.random.choice(self.streams[endpoint])
        body = stream.snapshot()
        if self.random.random() < 0.4:
            body = mutate(self.random, body, self.seeds.one(self.random, endpoint))
        number = self.numbers[endpoint, stream.name]
        self.note(f"feed_snapshot {endpoint} {number} {self.now} ".encode() + body)
        limit = self.random.choice([0, 1, 20, 5000])
        said = self.engine.feed_snapshot(number, self.now, body, limit)
        if said not in ("", "stale", "not needed") and not said.startswith(
            ("reject.", "ignored", "crossed")
        ):
            raise Broken(f"feed_snapshot said {said!r}")

    def poll(self, endpoint: str) -> None:
        random = self.random
        teller = random.choice(self.tellers[endpoint])
        ask = random.choice(ASKS[random.choice([endpoint, endpoint, endpoint, "okx"])])
        asked = ask if ask in ASKS[endpoint] else random.choice(ASKS[endpoint])
        body = teller.body(asked, self.now // 10**6)
        if random.random() < 0.5:
            body = mutate(random, body, self.seeds.one(random, endpoint))
        number = self.numbers[endpoint, teller.name] if random.random() < 0.6 else -1
        old_ns = random.choice([0, 0, 10**10])
        timeframe = random.choice(["", "1m", "1h", "1w"])
        self.note(f"feed_poll {endpoint} {ask} {number} {timeframe} {self.now} ".encode() + body)
        said = self.engine.feed_poll(endpoint, ask, self.now, body, number, timeframe, old_ns)
        if said not in ("", "empty", "old") and not said.startswith("reject."):
            raise Broken(f"feed_poll said {said!r}")

    def disturb(self, endpoint: str) -> None:
        """Everything that is no frame."""
        engine, random = self.engine, self.random
        name = random.choice(NAMES[endpoint])
        number = self.numbers[endpoint, name]
        what = random.randrange(13)
        self.note(f"disturb {what} {endpoint} {number} {self.now}".encode())
        if what == 0:
            engine.invalidate(number, random.choice(["silent", "disconnect", "é"]), self.now)
        elif what == 1:
            engine.subscribed(number, self.now)
            self.streams[endpoint][NAMES[endpoint].index(name)].fresh = True
        elif what == 2:
            conns = self.conns[endpoint]
            engine.close_conn(conns.pop(random.randrange(len(conns))), self.now)
            conns.append(engine.open_conn(endpoint))
        elif what == 3 and len(self.conns[endpoint]) < 3:
            self.conns[endpoint].append(engine.open_conn(endpoint))
        elif what == 4:
            engine.snapshot_failed(number, self.now)
        elif what == 5:
            self.add(endpoint, name, random.random() < 0.5)
        elif what == 6:
            fields = json.dumps({"url": random.choice(NUMBERS), "n": random.randrange(9)})
            engine.alert("config", random.choice(["{}", fields]), self.now)
        elif what == 7:
            engine.status("okx", '{"connected":true}', self.now)
        elif what == 8:
            self.now += random.choice([10**8, 5 * 10**9, 6 * 10**10])
        elif what == 9:
            self.wanted = random.choice([ALL, ALL, random.sample(ALL, 5)])
            engine.set_feeds(self.wanted, self.now)
        elif what == 10:
            engine.follow(number, random.random() < 0.7, self.now)
        elif what == 11:
            engine.say_again()
        elif what == 12:
            self.now -= random.choice([10**8, 10**10, 10**11])
        for _ in range(random.choice([1, 1, 3, 12])):
            self.now += 10**8
            engine.on_timer(self.now)

    def answer(self) -> None:
        for kind, number, attempt in self.engine.take_wants():
            if kind not in ("snapshot", "resubscribe", "instruments") or attempt < 0:
                raise Broken(f"want {kind} {number} {attempt}")
            book = self.engine.books()[number]
            endpoint = book["endpoint"]
            streams = [s for s in self.streams[endpoint] if s.name == book["venue_id"]]
            if not streams or self.random.random() < 0.3:
                continue
            self.note(f"answer {kind} {number}".encode())
            if kind == "snapshot":
                body = streams[0].snapshot()
                self.note(f"feed_snapshot {endpoint} {number} {self.now} ".encode() + body)
                self.engine.feed_snapshot(number, self.now, body, 0)
            elif kind == "resubscribe":
                self.engine.subscribed(number, self.now)
                streams[0].fresh = True
            else:
                self.add(endpoint, streams[0].name, True)

    # ---- the run --------------------------------------------------------------------

    def frame(self, endpoint: str) -> bytes:
        """One frame of this endpoint, valid or not."""
        random = self.random
        fate = random.random()
        if fate < 0.38:
            return random.choice(self.streams[endpoint]).next()
        if fate < 0.47:
            return random.choice(self.tellers[endpoint]).frame(self.now // 10**6)
        if fate < 0.55:
            return self.seeds.one(random, endpoint)
        if fate < 0.58:
            # a venue that sends another venue's frames
            return self.seeds.one(random, random.choice(ENDPOINTS))
        stream = random.choice(self.streams[endpoint])
        base = stream.next() if random.random() < 0.4 else self.seeds.one(random, endpoint)
        if random.random() < 0.25:
            base = random.choice(self.tellers[endpoint]).frame(self.now // 10**6)
        return mutate(random, base, self.seeds.one(random, random.choice([endpoint, *ENDPOINTS])))

    def wire(self, endpoint: str) -> None:
        """Some frames over a socket."""
        if isinstance(self.engine, Pair):
            return
        messages = [self.frame(endpoint) for _ in range(self.random.randint(1, 30))]
        self.note(f"wire {endpoint} ".encode() + b" | ".join(messages))
        over_the_wire(self.engine, self.conns[endpoint][0], self.random, messages)
        self.frames[endpoint] += len(messages)

    def run(self, most: int) -> int:
        for _ in range(self.random.randint(1, most)):
            endpoint = self.random.choice(ENDPOINTS)
            fate = self.random.random()
            if fate < 0.02:
                self.disturb(endpoint)
            elif fate < 0.04:
                self.snapshot(endpoint)
            elif fate < 0.08:
                self.poll(endpoint)
            elif fate < 0.09:
                for frame in self.seeds.run(self.random, endpoint):
                    self.feed(endpoint, frame)
            elif fate < 0.0905:
                self.wire(endpoint)
            else:
                self.feed(endpoint, self.frame(endpoint))
            if self.random.random() < 0.3:
                self.note(b"output and comparison")
                if self.random.random() < 0.5:
                    self.now += 10**8
                    self.engine.on_timer(self.now)
                self.reader.drain(self.engine)
                self.answer()
                self.reader.drain(self.engine)
                self.compare()
        self.end()
        return sum(self.frames.values())

    def compare(self) -> None:
        if "depth" in self.wanted:
            self.reader.compare(self.engine)

    def end(self) -> None:
        self.note(b"end of the episode")
        self.reader.drain(self.engine)
        self.compare()
        for endpoint, counts in self.engine.counters().items():
            if counts.get("frames", 0) != self.frames[endpoint]:
                raise Broken(f"{endpoint}: {self.frames[endpoint]} frames given, {counts}")
            if any(n < 0 for n in counts.values()):
                raise Broken(f"{endpoint}: {counts}")
        samples = self.engine.samples()
        if len(samples) > MAX_SAMPLES:
            raise Broken(f"{len(samples)} samples")
        json.dumps(samples)


def run_episode(random: Random, seeds: Seeds, note: Note, in_place: FeedInPlace | None) -> int:
    """Returns how many frames were fed; raises where something does not hold."""
    return Episode(random, seeds, note, in_place).run(800)
