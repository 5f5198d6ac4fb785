"""Numbers in frames, in any spelling, come out canonical and exact: levels, prints, best prices."""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random

import pytest

from p9core.engine import Engine
from tests.core.support import RECV
from tests.models.numbers import canonical

# endpoint, name, contract size
MARKETS = [
    ("binance:spot", "BTCUSDT", "1"),
    ("bybit:linear", "SOLUSDT", "1"),
    ("okx", "ETH-USDT", "1"),
    ("okx", "BTC-USDT-SWAP", "0.01"),
    ("okx", "BTC-USD-SWAP", "100"),
]


def number(random: Random) -> str:
    """A positive number of at most nine digits before the point and seven behind it."""
    whole = str(random.randrange(10 ** random.randint(0, 9)))
    after = "".join(random.choices("0123456789", k=random.randint(0, 7)))
    text = f"{whole}.{after}" if after else whole
    return text if Decimal(text) else "0.0000001"


def spelled(text: str, random: Random) -> str:
    """The same number as a JSON token, in one of many ways."""
    way = random.random()
    if way < 0.25:
        return f'"{text}"'
    if way < 0.4:
        return f'"{text if "." in text else text + "."}{"0" * random.choice([1, 2, 8, 12])}"'
    if way < 0.5:
        return f'"{"0" * random.choice([1, 8, 20])}{text}"'
    if way < 0.65:
        return text
    value, power = Decimal(text), random.randint(-9, 9)
    shifted = format(value.scaleb(power), "f")
    form = f"{shifted}{random.choice('eE')}{-power}"
    return form if way < 0.8 else f'"{form}"'


def levels(pairs: list[tuple[str, str]], random: Random, wide: bool) -> str:
    gap = random.choice(["", "", " ", "\n\t"])
    rows = [
        f"[{gap}{spelled(price, random)}{gap},{gap}{spelled(qty, random)}"
        + (f'{gap},"0","1"]' if wide else f"{gap}]")
        for price, qty in pairs
    ]
    return f"[{gap}{f'{gap},{gap}'.join(rows)}{gap}]"


def depth(endpoint: str, name: str, u: int, bids: str, asks: str) -> str:
    """An update to `u` from the number before it; number 1 is a snapshot where they are pushed."""
    if endpoint.startswith("binance"):
        return (
            f'{{"e":"depthUpdate","E":1795305600205,"s":"{name}","U":{u},"u":{u},'
            f'"b":{bids},"a":{asks}}}'
        )
    if endpoint.startswith("bybit"):
        kind = "snapshot" if u == 1 else "delta"
        return (
            f'{{"topic":"orderbook.50.{name}","type":"{kind}","ts":1795305600123,"data":'
            f'{{"s":"{name}","b":{bids},"a":{asks},"u":{u},"seq":{u}}},"cts":1795305600121}}'
        )
    kind, prev = ("snapshot", -1) if u == 1 else ("update", u - 1)
    return (
        f'{{"arg":{{"channel":"books","instId":"{name}"}},"action":"{kind}","data":[{{"asks":{asks},'
        f'"bids":{bids},"ts":"1795305600121","checksum":0,"prevSeqId":{prev},"seqId":{u}}}]}}'
    )


@pytest.mark.parametrize("learn", [True, False])
@pytest.mark.parametrize(("endpoint", "name", "contract"), MARKETS)
def test_levels_in_any_spelling(endpoint: str, name: str, contract: str, learn: bool) -> None:
    for seed in range(40):
        random = Random(f"{name} {seed}")
        engine = Engine(epoch=1, sink="lines", learn=learn, feeds=("trade", "bbo", "depth"))
        step = None if learn else "0.0000001"
        instrument = engine.add_instrument(
            endpoint,
            name,
            exchange="x",
            symbol="S",
            price_step=step,
            qty_step=step,
            contract=contract,
        )
        conn = engine.open_conn(endpoint)
        engine.feed(conn, RECV, depth(endpoint, name, 1, "[]", "[]").encode())
        if endpoint.startswith("binance"):
            engine.feed_snapshot(instrument, RECV, b'{"lastUpdateId":0,"bids":[],"asks":[]}')
        assert engine.book_state(instrument) == "LIVE"
        for u in range(2, 6):
            engine.take_lines()
            pairs = [(number(random), number(random)) for _ in range(random.choice([1, 3, 90]))]
            pairs = list({Decimal(price): (price, qty) for price, qty in pairs}.values())
            if random.random() < 0.7:
                pairs.sort(key=lambda pair: Decimal(pair[0]), reverse=random.random() < 0.5)
            text = levels(pairs, random, endpoint == "okx")
            frame = depth(endpoint, name, u, text, "[]")
            engine.feed(conn, RECV, frame.encode())
            [line] = [
                line.decode()
                for line in engine.take_lines().splitlines()
                if line.startswith(b"depth:")
            ]
            changed = [
                f"[{canonical(Decimal(price))},{canonical(Decimal(qty) * Decimal(contract))}]"
                for price, qty in pairs
            ]
            said = line[line.index('"bids":[') + 8 : line.index('],"asks":[')]
            if endpoint.startswith("binance"):
                assert sorted(said.replace("],[", "]|[").split("|")) == sorted(changed), frame
            else:  # a window: what was pruned away stands behind
                assert set(changed[:1]) <= set(said.replace("],[", "]|[").split("|")), frame
            json.loads(line.partition(" ")[2])


@pytest.mark.parametrize("seed", range(300))
def test_prints_and_best_prices_in_any_spelling(seed: int) -> None:
    random = Random(seed)
    endpoint, name, contract = random.choice(MARKETS)
    price, qty = number(random), number(random)
    px, sz = spelled(price, random), spelled(qty, random)
    frames = {
        "binance:spot": f'{{"e":"trade","E":1,"s":"{name}","t":1,"p":{px},"q":{sz},'
        '"T":1795305600121,"m":true}',
        "bybit:linear": f'{{"topic":"publicTrade.{name}","type":"snapshot","ts":1,"data":[{{"T":'
        f'1795305600121,"s":"{name}","S":"Buy","v":{sz},"p":{px},"i":"1","BT":false}}]}}',
        "okx": f'{{"arg":{{"channel":"trades","instId":"{name}"}},"data":[{{"instId":"{name}",'
        f'"tradeId":"1","px":{px},"sz":{sz},"side":"buy","ts":"1795305600121"}}]}}',
    }
    bests = {
        "binance:spot": f'{{"u":1,"s":"{name}","b":{px},"B":{sz},"a":{px},"A":{sz}}}',
        "bybit:linear": depth(endpoint, name, 1, f"[[{px},{sz}]]", "[]").replace(".50.", ".1."),
        "okx": f'{{"arg":{{"channel":"bbo-tbt","instId":"{name}"}},"data":[{{"asks":[],"bids":'
        f'[[{px},{sz},"0","1"]],"ts":"1795305600121","seqId":1}}]}}',
    }
    engine = Engine(epoch=1, sink="lines", feeds=("trade", "bbo", "depth"))
    engine.add_instrument(
        endpoint,
        name,
        exchange="x",
        symbol="S",
        price_step="0.0000001",
        qty_step="0.0000001",
        contract=contract,
    )
    conn = engine.open_conn(endpoint)
    engine.feed(conn, RECV, frames[endpoint].encode())
    engine.feed(conn, RECV, bests[endpoint].encode())
    trade, best = (line.decode() for line in engine.take_lines().splitlines())
    want_price, want_qty = canonical(Decimal(price)), canonical(Decimal(qty) * Decimal(contract))
    assert f'"price":{want_price},"qty":{want_qty},' in trade, frames[endpoint]
    assert f'"bid":{want_price},"bid_qty":{want_qty},' in best, bests[endpoint]
