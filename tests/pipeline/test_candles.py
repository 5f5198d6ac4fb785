"""Own candles of a running pipeline are those of the venue's trades, and its own candles."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from tests.models.candles import WIDTHS, bucket
from tests.venue.desk import Desk

from .rig import NAMES, Rig
from .tape import Message, decode
from .truth import STREAM, Name

MS, MINUTE_MS = 1_000_000, 60_000
SHORT = ("1s", "5s", "15s")
READY_S = 12  # from the start of the pipeline to the whole minute
# one market of each venue
WRONG = (
    Name("binance", "linear", "ETHUSDT-PERP"),
    Name("bybit", "spot", "ETHUSDT"),
    Name("okx", "linear", "ETHUSDT-PERP"),
)
SUMS = ("volume", "buy_volume", "quote_volume", "delta", "trades")
Bars = dict[tuple[str, int], Message]  # by timeframe and open time, newest revision


class One(NamedTuple):
    ts: int
    price: Decimal
    qty: Decimal
    side: int
    fills: int


def whole_minute(rig: Rig) -> None:
    """The venue's clock goes ahead of ours, by up to a minute and for good, so that one of its
    minutes begins when the pipeline is ready: venues' clocks are what they are."""

    def ahead() -> None:
        into = rig.venue.now_ms() % MINUTE_MS
        rig.venue.pass_time((-READY_S - into / 1000) % 60)

    rig.thread.call(ahead)


@pytest.fixture(scope="module")
def seen() -> Iterator[Rig]:
    """Some seconds more than a whole minute; three of the venue's candles of it are wrong."""
    config = {"feeds": {"candles": {"enabled": True}}}
    with Rig(rate=500, config=config, before=whole_minute, report_limit=20_000) as rig:
        rig.until(lambda: rig.venue.now_ms() % MINUTE_MS < 30_000, READY_S, "the minute begins")
        rig.thread.call(lambda: [
            rig.faults.kline_error(name.exchange, name.market, name.symbol) for name in WRONG
        ])  # fmt: skip
        rig.until(lambda: rig.venue.now_ms() % MINUTE_MS > 59_000, 62, "it is nearly over")
        rig.run_for(5.5)
        yield rig


def prints(rig: Rig, name: Name) -> list[One]:
    """What the venue says that it matched, in the order of the stream, sizes in base units."""
    place = (name.exchange, name.market, name.symbol)
    desk = rig.venue.feed(*place)
    assert isinstance(desk, Desk)
    rows = rig.thread.call(
        lambda: rig.venue.log.trades(*place, STREAM[f"{name.exchange}:{name.market}"])
    )
    blocks = {row.values.get("i") for row in rig.venue.log.reports(*place, "block")}
    unit = Decimal(desk.inst.contract or 1)
    lag_ms = desk.reports.trade_lag_ms
    return [
        One((row.ts_ms - lag_ms) * MS, Decimal(row.price), Decimal(row.qty) * unit,
            1 if row.side == "buy" else -1, row.fills)
        for row in rows
        if row.id not in blocks
    ]  # fmt: skip


def truth(rows: list[One]) -> dict[str, Any]:
    prices = [row.price for row in rows]
    path = [Decimal(0)]
    for row in rows:
        path.append(path[-1] + row.side * row.qty)
    return {
        "open": prices[0], "high": max(prices), "low": min(prices), "close": prices[-1],
        "delta_max": max(path), "delta_min": min(path), "volume": sum(row.qty for row in rows),
        "buy_volume": sum(row.qty for row in rows if row.side > 0), "delta": path[-1],
        "quote_volume": sum(row.price * row.qty for row in rows),
        "trades": sum(row.fills for row in rows),
    }  # fmt: skip


def closed(rig: Rig, exchange: str, symbol: str) -> Bars:
    """Own bars that are whole."""
    out: Bars = {}
    for heard in rig.tape.heard:
        if heard.channel.startswith(f"candles:{symbol}:"):
            bar = decode(heard.text)
            if bar["exchange"] == exchange and bar["closed"]:
                out[bar["timeframe"], bar["open_time"]] = bar
    return {key: bar for key, bar in out.items() if bar["q"] == "ok"}


def minute_of(rig: Rig) -> int:
    """The whole one."""
    return (rig.venue.now_ms() // MINUTE_MS - 1) * MINUTE_MS


def by_bar(rows: list[One], timeframe: str) -> dict[int, list[One]]:
    held: dict[int, list[One]] = defaultdict(list)
    for row in rows:
        held[bucket(timeframe, row.ts)].append(row)
    return held


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{name.market}-{name.channel}")
def test_they_are_the_trades_of_the_venue(seen: Rig, name: Name) -> None:
    rows, bars = prints(seen, name), closed(seen, name.exchange, name.symbol)
    for timeframe, least in zip((*SHORT, "1m"), (60, 12, 4, 1), strict=True):
        held = by_bar(rows, timeframe)
        mine = {start: bar for (frame, start), bar in bars.items() if frame == timeframe}
        assert len(mine) >= least
        starts = sorted(mine)
        assert starts == list(range(starts[0], starts[-1] + 1, WIDTHS[timeframe]))
        before = None
        for start in starts:
            bar = mine[start]
            wanted = truth(held[start]) if held.get(start) else dict.fromkeys(SUMS, 0)
            assert {key: bar[key] for key in wanted} == wanted, (timeframe, start)
            if not held.get(start) and before is not None:
                assert {bar[key] for key in ("open", "high", "low", "close")} == {before["close"]}
            before = bar


@pytest.mark.parametrize("symbol", sorted({name.symbol for name in NAMES}))
def test_all_exchanges_together(seen: Rig, symbol: str) -> None:
    """What does not hang on the order between exchanges."""
    names = [name for name in NAMES if name.symbol == symbol]
    assert len(names) == 3
    rows = [row for name in names for row in prints(seen, name)]
    bars = closed(seen, "all", symbol)
    begun = minute_of(seen) * MS  # before it they were connected one after the other
    counts = dict.fromkeys((*SHORT, "1m"), 0)
    for (timeframe, start), bar in bars.items():
        held = by_bar(rows, timeframe).get(start) if timeframe in counts else None
        if held and start >= begun:
            counts[timeframe] += 1
            wanted = truth(held)
            for key in ("high", "low", *SUMS):
                assert bar[key] == wanted[key], (timeframe, start, key)
    assert counts["1s"] >= 55
    assert (counts["5s"], counts["15s"], counts["1m"]) >= (12, 4, 1)


KEYS = {
    "binance": ("t", "x", "i", "1m", "o", "h", "l", "c", "v", "q"),
    "bybit": ("start", "confirm", "interval", "1", "open", "high", "low", "close", "volume",
              "turnover"),
    "okx": ("ts", "confirm", "bar", "1m", "o", "h", "l", "c", "volCcy", "volCcyQuote"),
}  # fmt: skip


def test_the_minute_is_that_of_the_venue(seen: Rig) -> None:
    minute = minute_of(seen)
    for name in NAMES:
        start, final, frame, word, *keys = KEYS[name.exchange]
        place = (name.exchange, name.market, name.symbol)
        (told,) = [
            row.values
            for row in seen.thread.call(lambda: seen.venue.log.reports(*place, "kline"))  # noqa: B023
            if not row.rest and row.values[frame] == word and row.values[start] == str(minute)
            and row.values[final] in ("true", "1")
        ]  # fmt: skip
        bar = closed(seen, name.exchange, name.symbol)["1m", minute * MS]
        mine = [bar[key] for key in ("open", "high", "low", "close", "volume", "quote_volume")]
        theirs = [Decimal(told[key]) for key in keys]
        if name.exchange == "okx" and name.market == "spot":
            theirs[4] = Decimal(told["vol"])
        same = [one == other for one, other in zip(mine, theirs, strict=True)]
        wanted = [True] * 4 + [name not in WRONG, True]
        assert same == wanted, (name, mine, theirs)


def test_the_wrong_ones_are_told_and_no_others(seen: Rig) -> None:
    alerts = [decode(h.text) for h in seen.tape.heard if h.channel == "alert:candles"]
    assert {(alert["exchange"], alert["symbol"]) for alert in alerts} == {
        (name.exchange, name.symbol) for name in WRONG
    }  # fmt: skip
    assert len(alerts) == len(WRONG)
    for alert in alerts:
        name = next(one for one in WRONG if one.channel == f"{alert['exchange']}:{alert['symbol']}")
        bar = closed(seen, name.exchange, name.symbol)["1m", alert["open_time"]]
        assert (alert["timeframe"], alert["prices"], alert["quote_volume"]) == ("1m", [], 0)
        assert alert["volume"] == bar["volume"] - alert["venue_volume"] < 0


def test_the_metrics_say_so(seen: Rig) -> None:
    status, text = seen.get("/metrics")
    assert status == 200
    rows = dict(
        line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("p9_candle")
    )  # fmt: skip

    def total(name: str) -> float:
        return sum(float(n) for key, n in rows.items() if key.startswith(f"p9_candles_{name}"))

    assert total("checked_total") == len(NAMES)
    assert total("differ_total") == len(WRONG)
    assert total("late_total") == total("refused_total") == 0
    for exchange, market, off in (("binance", "spot", False), ("binance", "linear", True),
                                  ("bybit", "linear", False), ("okx", "all", True)):  # fmt: skip
        labels = f'{{exchange="{exchange}",market="{market}"}}'
        assert (float(rows[f"p9_candle_residual_ratio{labels}"]) > 0) == off


def test_it_ends_well(seen: Rig) -> None:
    begun = time.monotonic()
    seen.check_all()
    assert time.monotonic() - begun < 20
