"""What the fuzzer starts from: the golden frames, recorded ones where they are, and streams that
a venue could have sent, so that books are live when the damaged frames come."""

from __future__ import annotations

import gzip
import importlib
import json
import os
import sys
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = Path(os.environ.get("P9_RECORDINGS", ROOT.parent / "shared" / "recordings"))

ENDPOINTS = ("binance:spot", "binance:linear", "bybit:spot", "bybit:linear", "okx")
NAMES = {
    "binance:spot": ("BTCUSDT", "ETHUSDT"),
    "binance:linear": ("BTCUSDT", "1000PEPEUSDT"),
    "bybit:spot": ("SOLUSDT", "BTCUSDT"),
    "bybit:linear": ("SOLUSDT", "BTCPERP"),
    "okx": ("BTC-USDT-SWAP", "ETH-USDT", "BTC-USD-SWAP"),
}
MS = 1_795_305_600_000

# Recorded frames taken of each file, from its start and from places behind it.
TAKEN = 400


def golden() -> dict[str, list[bytes]]:
    """The hand-written frames of the tests, by endpoint."""
    # last: what is compiled must not be hidden by the sources beside it
    sys.path.append(str(ROOT))
    module = importlib.import_module("tests.core.golden")
    found: dict[str, list[bytes]] = {endpoint: [] for endpoint in ENDPOINTS}
    for one in module.GOLDEN:
        found[one.endpoint].append(one.frame.encode())
    for endpoint, frame, *_ in module.CONTROLS:
        found[endpoint].append(frame.encode())
    assert all(found.values()), "no golden frames of some endpoint"
    return found


def endpoint_of(path: Path) -> str:
    venue, market = path.parent.parent.name, path.parent.name
    if venue == "binance":
        return "binance:linear" if market == "usdm" else "binance:spot"
    return f"bybit:{market}" if venue == "bybit" else "okx"


def recorded() -> dict[str, list[bytes]]:
    """Frames of the recordings; empty where there are none."""
    found: dict[str, list[bytes]] = {endpoint: [] for endpoint in ENDPOINTS}
    paths = [*RECORDINGS.glob("b*/*/*.jsonl.gz"), *RECORDINGS.glob("okx/*.jsonl.gz")]
    for path in sorted(paths):
        endpoint = endpoint_of(path)
        with gzip.open(path, "rt") as lines:
            for i, line in enumerate(lines):
                if i >= 20 * TAKEN:
                    break
                if i >= TAKEN and i % 20:
                    continue
                record = json.loads(line)
                if record["k"] == "recv":
                    found[endpoint].append(record["raw"].encode())
    return found


class Seeds:
    """Frames to start from, by endpoint."""

    def __init__(self) -> None:
        self.golden = golden()
        self.recorded = recorded()

    def one(self, random: Random, endpoint: str) -> bytes:
        if self.recorded[endpoint] and random.random() < 0.5:
            return random.choice(self.recorded[endpoint])
        return random.choice(self.golden[endpoint])

    def run(self, random: Random, endpoint: str) -> list[bytes]:
        """Some recorded frames in order."""
        frames = self.recorded[endpoint] or self.golden[endpoint]
        start = random.randrange(len(frames))
        return frames[start : start + 40]


class Stream:
    """Valid frames of one instrument: depth, trades, best bid and offer."""

    def __init__(self, endpoint: str, name: str, random: Random) -> None:
        self.endpoint, self.name, self.random = endpoint, name, random
        self.last = random.choice([1, 1000, 78677952608, 2**53, 2**62])
        self.trade = random.randrange(1, 10**9)
        self.ms = MS
        self.middle = random.choice([7, 100, 87010, 10**9])
        self.fresh = True  # the venue has yet to push its snapshot
        # digits as the venue would write them
        self.decimals = random.choice([0, 1, 2, 8])

    def text(self, value: int) -> str:
        return f"{value}.{'0' * self.decimals}" if self.decimals else str(value)

    def size(self) -> str:
        if self.random.random() < 0.3:
            return self.text(0) if self.random.random() < 0.5 else "0"
        return f"{self.random.randrange(1, 9999)}.{self.random.randrange(10):01d}"

    def levels(self, n: int, best: int, sign: int, *, whole: bool = False) -> list[list[str]]:
        steps = sorted(self.random.sample(range(max(n, 60)), n))
        rows = []
        for step in steps:
            size = f"{1 + step}" if whole else self.size()
            rows.append([self.text(max(1, best + sign * step)), size])
        if self.endpoint == "okx":
            rows = [[*row, "0", "2"] for row in rows]
        # at a low price the worst bids would fall together
        return rows if len({row[0] for row in rows}) == len(rows) else rows[:1]

    def sides(self, most: int, *, whole: bool = False) -> tuple[str, str]:
        bids = self.levels(self.random.randint(0, most), self.middle - 1, -1, whole=whole)
        asks = self.levels(self.random.randint(0, most), self.middle + 1, 1, whole=whole)
        return tuple(json.dumps(rows, separators=(",", ":")) for rows in (bids, asks))  # type: ignore[return-value]

    def snapshot(self) -> bytes:
        """A REST body at what was sent last."""
        bids, asks = self.sides(40, whole=True)
        if self.endpoint == "okx":
            book = f'{{"asks":{asks},"bids":{bids},"ts":"{self.ms}","seqId":{self.last}}}'
            return f'{{"code":"0","msg":"","data":[{book}]}}'.encode()
        return f'{{"lastUpdateId":{self.last},"bids":{bids},"asks":{asks}}}'.encode()

    def next(self) -> bytes:
        self.ms += self.random.randint(0, 50)
        self.middle = max(2, self.middle + self.random.choice([-1, 0, 0, 0, 1]))
        kind = self.random.random()
        venue = self.endpoint.partition(":")[0]
        if kind < 0.7:
            return str(getattr(self, f"{venue}_depth")()).encode()
        return str(getattr(self, f"{venue}_{'trade' if kind < 0.9 else 'bbo'}")()).encode()

    def step(self) -> tuple[int, int]:
        previous = self.last
        self.last += self.random.randint(1, 9)
        return previous, self.last

    def binance_depth(self) -> str:
        previous, last = self.step()
        bids, asks = self.sides(8)
        linear = self.endpoint == "binance:linear"
        more = f'"T":{self.ms},' if linear else ""
        chain = f'"pu":{previous},' if linear else ""
        data = (
            f'{{"e":"depthUpdate","E":{self.ms},{more}"s":"{self.name}","U":{previous + 1},'
            f'"u":{last},{chain}"b":{bids},"a":{asks}}}'
        )
        return f'{{"stream":"{self.name.lower()}@depth@100ms","data":{data}}}'

    def binance_trade(self) -> str:
        self.trade += 1
        return (
            f'{{"e":"trade","E":{self.ms},"s":"{self.name}","t":{self.trade},'
            f'"p":"{self.text(self.middle)}","q":"1.5","T":{self.ms},"m":true,"M":true}}'
        )

    def binance_bbo(self) -> str:
        _, last = self.step()
        self.last = last - 1
        return (
            f'{{"u":{last},"s":"{self.name}","b":"{self.text(self.middle - 1)}","B":"3",'
            f'"a":"{self.text(self.middle + 1)}","A":"0.5"}}'
        )

    def bybit_depth(self) -> str:
        self.last += 1
        whole = self.fresh or self.random.random() < 0.02
        bids, asks = self.sides(40 if whole else 8, whole=whole)
        self.fresh = False
        return (
            f'{{"topic":"orderbook.50.{self.name}","type":"{"snapshot" if whole else "delta"}",'
            f'"ts":{self.ms},"data":{{"s":"{self.name}","b":{bids},"a":{asks},"u":{self.last},'
            f'"seq":{self.last + 9}}},"cts":{self.ms}}}'
        )

    def bybit_trade(self) -> str:
        self.trade += 1
        row = (
            f'{{"T":{self.ms},"s":"{self.name}","S":"Sell","v":"2","p":"{self.text(self.middle)}",'
            f'"L":"MinusTick","i":"5f0c2a4e-0a77-5b16-9a33-{self.trade:012x}","BT":false}}'
        )
        rows = ",".join([row] * self.random.randint(1, 3))
        return (
            f'{{"topic":"publicTrade.{self.name}","type":"snapshot","ts":{self.ms},'
            f'"data":[{rows}]}}'
        )

    def bybit_bbo(self) -> str:
        return (
            f'{{"topic":"orderbook.1.{self.name}","type":"snapshot","ts":{self.ms},"data":'
            f'{{"s":"{self.name}","b":[["{self.text(self.middle - 1)}","1"]],'
            f'"a":[["{self.text(self.middle + 1)}","2"]],"u":{self.last},"seq":7}},'
            f'"cts":{self.ms}}}'
        )

    def okx_depth(self) -> str:
        previous, last = self.step()
        whole = self.fresh or self.random.random() < 0.02
        bids, asks = self.sides(40 if whole else 8, whole=whole)
        self.fresh = False
        checksum = self.random.choice([0, 0, 0, 0, 0, 1, -2147483648])
        return (
            f'{{"arg":{{"channel":"books","instId":"{self.name}"}},'
            f'"action":"{"snapshot" if whole else "update"}","data":[{{"asks":{asks},"bids":{bids},'
            f'"ts":"{self.ms}","checksum":{checksum},"seqId":{last},'
            f'"prevSeqId":{-1 if whole else previous}}}]}}'
        )

    def okx_trade(self) -> str:
        self.trade += 1
        return (
            f'{{"arg":{{"channel":"trades","instId":"{self.name}"}},"data":[{{"instId":'
            f'"{self.name}","tradeId":"{self.trade}","px":"{self.text(self.middle)}","sz":"12.5",'
            f'"side":"buy","ts":"{self.ms}","count":"3","source":"0"}}]}}'
        )

    def okx_bbo(self) -> str:
        return (
            f'{{"arg":{{"channel":"bbo-tbt","instId":"{self.name}"}},"data":[{{"asks":'
            f'[["{self.text(self.middle + 1)}","7","0","2"]],"bids":'
            f'[["{self.text(self.middle - 1)}","4","0","1"]],"ts":"{self.ms}",'
            f'"seqId":{self.last}}}]}}'
        )
