"""Candles as messages: every field by the model, of each exchange and of all together."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from p9core.analytics.candles import TIMEFRAMES

from .charts_kit import (
    ALONE,
    BINANCE,
    BYBIT,
    FIELDS,
    MS,
    OKX,
    PEPE,
    PEPE_BINANCE,
    PEPE_BYBIT,
    PEPE_OKX,
    PERP,
    START,
    ChartModel,
    Expected,
    Kit,
    Message,
    Name,
    Print,
    starts,
)

NAMES = (BINANCE, BYBIT, ALONE, OKX, PEPE_BINANCE, PEPE_BYBIT, PEPE_OKX)
Step = tuple[str, Any]


def charts() -> list[ChartModel]:
    """In the order in which they are opened: a group at its second exchange."""
    return [
        ChartModel("binance", PERP, 1, [BINANCE]),
        ChartModel("bybit", PERP, 1, [BYBIT]),
        ChartModel("all", PERP, 1, [BINANCE, BYBIT, OKX]),
        ChartModel("binance", "ETHUSDT", 2, [ALONE]),
        ChartModel("okx", PERP, 1, [OKX]),
        ChartModel("binance", "1000PEPEUSDT-PERP", 7, [PEPE_BINANCE]),
        ChartModel("bybit", "1000PEPEUSDT-PERP", 7, [PEPE_BYBIT]),
        ChartModel("all", PEPE, 10, [PEPE_BINANCE, PEPE_BYBIT, PEPE_OKX]),
        ChartModel("okx", PEPE, 9, [PEPE_OKX]),
    ]


BASE: dict[Name, int | str] = {
    BINANCE: 64_000, BYBIT: 64_010, OKX: 63_990, ALONE: 3_300, PEPE_BINANCE: "0.0091234",
    PEPE_BYBIT: "0.0091240", PEPE_OKX: "0.000009123",
}  # fmt: skip
LAG_MS = {BINANCE: 3, BYBIT: 40, OKX: -700, ALONE: 3, PEPE_BINANCE: 3, PEPE_BYBIT: 40,
          PEPE_OKX: -700}  # fmt: skip


def random_print(random: Random, name: Name, ts: int) -> Print:
    step, lot = Decimal(name.price_step), Decimal(name.qty_step)
    price = Decimal(BASE[name]) + step * random.randint(-300, 300)
    count = random.choice((1, 1, 1, 4)) if name.exchange != "bybit" and name != ALONE else 1
    qty = lot * random.choice((1, 7, random.randint(1, 10**5)))
    return Print(ts - ts % MS, f"{price:f}", f"{qty:f}", random.choice((-1, 1)), count)


def market(seed: int, steps: int) -> list[Step]:
    """Bursts of prints and ticks; ("trade", (name, recv, prints)) or ("timer", now)."""
    random = Random(seed)
    now = START + random.randrange(10**6) * MS
    out: list[Step] = []
    jumps = (20, 100, 300, 300, 1000, 1000, 5000, 70_000, 4_000_000, 90_000_000)
    weights = (30, 30, 20, 10, 10, 10, 8, 4, 1, 0.3)
    for _ in range(steps):
        (jump,) = random.choices(jumps, weights)
        now += random.randrange(jump) * MS + random.randrange(MS)
        if random.random() < 0.5:
            name = random.choice(NAMES)
            late = random.choice((0, 0, 0, 0, 0, 60, 900, 1800, 2500, 4000))
            ts = now - (LAG_MS[name] + late + random.randrange(20)) * MS
            prints = [random_print(random, name, ts) for _ in range(random.choice((1, 1, 3, 9)))]
            out.append(("trade", (name, now, prints)))
        else:
            for _ in range(random.choice((1, 2, 10, 11))):
                out.append(("timer", now))
                now += 100 * MS
    return out


def play(kit: Kit, steps: list[Step], chunk: int = 100) -> None:
    """`chunk`: prints a frame, where the venue sends lists."""
    for what, given in steps:
        if what == "timer":
            kit.engine.on_timer(given)
            continue
        name, recv, prints = given
        for at in range(0, len(prints), chunk):
            kit.trade(name, recv, *prints[at : at + chunk])


@pytest.mark.parametrize("seed", range(4))
def test_every_message_is_that_of_the_model(seed: int) -> None:
    kit, expected = Kit(NAMES), Expected(charts())
    shown: set[tuple[str, str, bool]] = set()
    for what, given in market(seed, 500):
        if what == "timer":
            kit.engine.on_timer(given)
            wanted = expected.timer(given)
        else:
            name, recv, prints = given
            kit.trade(name, recv, *prints)
            wanted = [row for one in prints for row in expected.trade(name, recv, one)]
        said = kit.lines()
        assert said == wanted, (what, given)
        for _, message in said:
            assert list(message) == [key for key in FIELDS if key in message]
            assert starts(message)
            shown.add((message["exchange"], message["timeframe"], message["closed"]))
    late = sum(chart.model.series["1s"].late for chart in expected.charts if chart.model.series)
    assert sum(row.get("candles_late", 0) for row in kit.engine.counters().values()) == late > 0
    for exchange in ("binance", "bybit", "okx", "all"):
        assert {(exchange, "1s", True), (exchange, "1h", True), (exchange, "1w", False)} <= shown


def test_frames_and_reads_may_be_cut_anywhere() -> None:
    steps = market(99, 400)
    texts = []
    for chunk, reads in ((100, 1), (1, 7), (2, 400), (3, 13), (100, 1)):
        kit, raw = Kit(NAMES), b""
        for at in range(0, len(steps), reads):
            play(kit, steps[at : at + reads], chunk)
            raw += kit.engine.take_lines()
        texts.append(raw)
    assert len(texts[0]) > 100_000
    assert all(text == texts[0] for text in texts)


def commands(raw: bytes) -> list[list[bytes]]:
    """RESP arrays of bulk strings."""
    out, at = [], 0
    while at < len(raw):
        end = raw.index(b"\r\n", at)
        words, at = int(raw[at + 1 : end]), end + 2
        row = []
        for _ in range(words):
            end = raw.index(b"\r\n", at)
            size, at = int(raw[at + 1 : end]), end + 2
            row.append(raw[at : at + size])
            at += size + 2
        out.append(row)
    return out


def published(kit: Kit) -> bytes:
    taken = kit.engine.take_pub()
    assert taken is not None
    return taken[0]


def test_only_closed_ones_go_to_the_stream() -> None:
    kit, steps = Kit(NAMES, sink="resp"), market(5, 400)
    play(kit, steps)
    now = max(given if what == "timer" else given[1] for what, given in steps)
    pub, taken = published(kit), kit.engine.take_log()
    assert taken is not None
    log, _, entries = taken
    logged: dict[str, list[Message]] = defaultdict(list)
    for row in commands(log):
        assert row[0] == b"XADD"
        assert row[-2] == b"m"
        message = json.loads(row[-1])
        assert row[-3] == f"3-{message['seq']}".encode()
        logged[row[1].decode().removeprefix("log:")].append(message)
    assert sum(map(len, logged.values())) == entries > 100
    seqs: dict[str, list[int]] = defaultdict(list)
    closed: dict[str, int] = defaultdict(int)
    last: dict[tuple[str, str], bytes] = {}
    held: dict[tuple[str, str], bytes] = {}
    for row in commands(pub):
        if row[0] == b"PUBLISH":
            channel, message = row[1].decode(), json.loads(row[2])
            seqs[channel].append(message["seq"])
            closed[channel] += message["closed"]
            assert ("prev" in message) == message["closed"]
            last[channel, message["exchange"]] = row[2]
        elif row[0] == b"HSET":
            held[row[1].decode().removeprefix("last:"), row[2].decode()] = row[3]
        else:
            assert row[0] == b"SADD"
    for channel, messages in logged.items():
        assert all(message["closed"] for message in messages)
        assert len(messages) == closed[channel]
        assert [m["prev"] for m in messages] == [0, *(m["seq"] for m in messages[:-1])]
    assert all(run == list(range(1, len(run) + 1)) for run in seqs.values())
    assert {exchange for channel, exchange in held if channel == f"candles:{PERP}:1m"} == {
        "binance", "bybit", "okx", "all",
    }  # fmt: skip
    # a key lags behind its channel by 100 ms at most
    kit.timers(now, 0.2)
    for row in commands(published(kit)):
        if row[0] == b"HSET":
            held[row[1].decode().removeprefix("last:"), row[2].decode()] = row[3]
        elif row[0] == b"PUBLISH":
            last[row[1].decode(), json.loads(row[2])["exchange"]] = row[2]
    assert held == last


def test_running_ones_at_most_one_a_second() -> None:
    """Also where ticks come a few ms late, which must not cost every second one either."""
    kit, random = Kit([BINANCE, BYBIT, OKX]), Random(1)
    told: dict[tuple[str, str], list[int]] = defaultdict(list)
    for tenth in range(600):
        tick = START + tenth * 100 * MS + random.randrange(1, 30) * MS
        for name in (BINANCE, BYBIT, OKX):
            kit.trade(name, tick, random_print(random, name, tick - 5 * MS))
        kit.engine.on_timer(tick)
        for message in kit.candles():
            assert message["timeframe"] != "1s" or message["closed"]
            if not message["closed"]:
                told[message["exchange"], message["timeframe"]].append(tick // (100 * MS))
    assert len(told) == 4 * (len(TIMEFRAMES) - 1)
    for where, ticks in told.items():
        assert {b - a for a, b in pairwise(ticks)} == {10}, where
