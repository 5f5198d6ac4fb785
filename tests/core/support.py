"""An engine with the golden instruments, and its output taken apart."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from itertools import permutations
from random import Random
from typing import Any

from p9core.engine import Engine
from tests.core.golden import INSTRUMENTS, Says

RECV = 1795305600_500_000_000
Message = dict[str, Any]
MOVED = (
    "frames", "bytes", "trades", "bbo", "depth", "reports", "prints", "klines", "balances",
    "blocks",
)  # fmt: skip
# what venues tell; the feeds that are computed here have tests of their own
TOLD = (
    "trade", "bbo", "depth", "block_trade", "liquidation", "funding", "mark_price", "index_price",
    "open_interest", "ticker", "long_short", "insurance_fund",
)  # fmt: skip


class Bench:
    """An engine, one connection an endpoint, and the numbers of its instruments."""

    def __init__(self, **options: Any) -> None:
        self.engine = Engine(**{"epoch": 7, "sink": "lines", "feeds": TOLD, **options})
        self.numbers: dict[tuple[str, str], int] = {}
        self.symbols: dict[tuple[str, str], str] = {}
        self.conns: dict[str, int] = {}
        self.time = RECV
        for endpoint, venue_id, symbol, price_step, qty_step, contract in INSTRUMENTS:
            exchange = endpoint.partition(":")[0]
            self.symbols[endpoint, venue_id] = f"{exchange}:{symbol}"
            self.numbers[endpoint, venue_id] = self.engine.add_instrument(
                endpoint,
                venue_id,
                exchange=exchange,
                symbol=symbol,
                price_step=price_step,
                qty_step=qty_step,
                contract=contract,
                market=market_of(endpoint, venue_id),
                index=venue_id.rsplit("-", 1)[0] if endpoint == "okx" else "",
            )
            if endpoint not in self.conns:
                self.conns[endpoint] = self.engine.open_conn(endpoint)

    def feed(self, endpoint: str, frame: str | bytes, recv_ns: int = RECV) -> Any:
        raw = frame if isinstance(frame, bytes) else frame.encode()
        return self.engine.feed(self.conns[endpoint], recv_ns, raw)

    def lines(self) -> list[tuple[str, str]]:
        """(channel, text) since the last call."""
        found = [line.partition(" ") for line in self.engine.take_lines().decode().splitlines()]
        return [(channel, text) for channel, _, text in found]

    def data(self) -> list[tuple[str, str]]:
        """As `lines`, of the market feeds alone."""
        return [line for line in self.lines() if not line[0].startswith(("status:", "alert:"))]

    def counts(self, endpoint: str) -> dict[str, int]:
        """Counters of an endpoint without those that every frame moves."""
        return {
            name: count
            for name, count in self.engine.counters()[endpoint].items()
            if name not in MOVED
        }

    def count(self, endpoint: str, name: str) -> int:
        return self.engine.counters()[endpoint].get(name, 0)

    def symbol_of(self, endpoint: str, frame: str) -> str:
        """exchange:symbol of the instrument that a frame names."""
        return next(
            symbol
            for (where, venue_id), symbol in self.symbols.items()
            if where == endpoint and venue_id in frame
        )


def market_of(endpoint: str, venue_id: str) -> str:
    if endpoint != "okx":
        return endpoint.partition(":")[2]
    return (
        {"USDT": "spot", "SWAP": "linear"}[venue_id.rpartition("-")[2]]
        if ("-USD-" not in venue_id)
        else "inverse"
    )


def expected(symbol: str, says: Says, recv_ns: int = RECV, epoch: int = 7) -> list[tuple[str, str]]:
    """The lines of a fresh engine for what one frame says."""
    exchange, _, name = symbol.partition(":")
    lines: list[tuple[str, str]] = []
    seqs: Counter[str] = Counter()
    for feed, ts_exchange, text in says:
        seqs[feed] += 1
        head = json.dumps(
            {
                "type": feed,
                "exchange": exchange,
                "symbol": name,
                "epoch": epoch,
                "seq": seqs[feed],
                "ts_exchange": ts_exchange,
                "ts_recv": recv_ns,
                "ts_pub": recv_ns,
            },
            separators=(",", ":"),
        )
        lines.append((f"{feed}:{exchange}:{name}", f"{head[:-1]},{text}"))
    return lines


def reordered(value: Any, random: Random) -> Any:
    """The same JSON value, the keys of every object in another order."""
    if isinstance(value, dict):
        items = [(key, reordered(item, random)) for key, item in value.items()]
        random.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [reordered(item, random) for item in value]
    return value


def key_orders(frame: str, most: int = 24) -> Iterable[str]:
    """The frame with its keys in other orders: all orders of the outer object where they are
    few, and the inner ones at random."""
    outer = json.loads(frame)
    if not isinstance(outer, dict):
        return
    random = Random(frame)
    orders = list(permutations(outer)) if len(outer) <= 4 else []
    for number in range(most):
        order = orders[number % len(orders)] if orders else random.sample(list(outer), len(outer))
        yield json.dumps(
            {key: reordered(outer[key], random) for key in order},
            separators=(",", ":"),
            ensure_ascii=False,
        )
