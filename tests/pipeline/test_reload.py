"""SIGHUP: what may change while it runs does, and nothing else notices."""

from __future__ import annotations

import re
import time

from .rig import ALL_FEEDS, NAMES, Rig
from .tape import Message
from .truth import Name

ADDED = Name("binance", "linear", "ETHUSDT-PERP")
REMOVED = Name("binance", "spot", "ETHUSDT")
STAY = tuple(name for name in NAMES if name not in (ADDED, REMOVED))


def symbols(*left_out: Name) -> dict[str, object]:
    """The part of a configuration with all names but these."""
    found = [n.symbol for n in NAMES if n.exchange == "binance" and n not in left_out]
    return {"exchanges": {"binance": {"symbols": found}}}


def off(*feeds: str) -> dict[str, object]:
    return {"feeds": {**ALL_FEEDS, **{feed: {"enabled": False} for feed in feeds}}}


def heard(rig: Rig, kind: str, name: Name, since: float) -> int:
    rig.look()
    channel = f"{kind}:{name.channel}"
    return sum(one.channel == channel for one in rig.tape.since(since))


def untouched(rig: Rig) -> str:
    """Counters of what must not happen to connections and subscriptions."""
    events = re.findall(
        r'p9_connection_events_total\{[^}]*event="(?:drops|reconnects|resubscribes|probes)"\} \d+',
        rig.get("/metrics")[1],
    )
    return "\n".join(sorted(events))


def test_symbols_and_feeds_come_and_go() -> None:
    first = [off("ticker"), symbols(ADDED)]
    config = {**first[0], **first[1], "log": {"summary_s": 1}}
    with Rig(ready=False, config=config) as rig:

        def live(*names: Name) -> bool:
            rig.look()
            return rig.get("/ready")[0] == 200 and all(rig.ledger.books[n].live for n in names)

        rig.until(lambda: live(*STAY, REMOVED), 20.0, "all but the one that is to come")
        assert not rig.ledger.books[ADDED].live
        metrics = rig.get("/metrics")[1]
        assert 'p9_polls_total{ask="long_short",exchange="okx",result="ok"}' in metrics
        assert 'p9_stale_feeds{exchange="okx",feed="mark_price",market="all"} 0' in metrics
        assert 'p9_stale_feeds{exchange="bybit",feed="insurance_fund",market="linear"} 0' in metrics
        before, begun = untouched(rig), time.monotonic()
        rig.reload(off("bbo"), symbols(REMOVED))
        rig.until(lambda: live(*STAY, ADDED), 20.0, "the new one is live")
        rig.until(lambda: heard(rig, "ticker", STAY[0], begun) > 0, 5.0, "tickers come")
        assert rig.ledger.broken_since(begun) == {REMOVED: ["removed"]}
        changed = time.monotonic()
        rig.run_for(1.5)
        for name in (*STAY, ADDED):
            for kind in ("depth", "trade", "snapshot", "imbalance"):
                assert heard(rig, kind, name, changed), (kind, name)
            assert not heard(rig, "bbo", name, changed), name
        for kind in ("depth", "trade", "snapshot", "ticker"):
            assert not heard(rig, kind, REMOVED, changed), kind
        rig.reload(off(), symbols())
        again = time.monotonic()
        rig.until(lambda: live(*NAMES), 20.0, "everything is live")
        rig.until(lambda: all(heard(rig, "bbo", n, again) for n in NAMES), 5.0, "bbo is back")
        assert rig.ledger.broken_since(changed) == {}
        assert untouched(rig) == before
        assert rig.ledger.channels.holes == []
        assert {key[0] for kept in rig.ledger.channels.texts.values() for key in kept} == {
            next(iter(rig.ledger.channels.texts[f"depth:{STAY[0].channel}"]))[0]
        }
        assert rig.ledger.alerts_since(0.0, "config") == []
        assert rig.process is not None
        summaries = [row for row in rig.process.rows() if row["msg"] == "summary"]
        assert summaries[-1]["others_s"] > 5  # mark prices and the like, of 6 perpetuals
        assert "stale" not in summaries[-1]
        rig.check_all()


def told(rig: Rig) -> list[Message]:
    rig.look()
    return rig.ledger.alerts_since(0.0, "config")


def alerts(rig: Rig, n: int) -> list[Message]:
    rig.until(lambda: len(told(rig)) >= n, 5.0, f"{n} alerts")
    return told(rig)


def read_again(rig: Rig) -> list[list[str]]:
    """The changed keys of each time that it was logged."""
    assert rig.process is not None
    rows = rig.process.rows()
    return [row["changed"] for row in rows if row["msg"] == "configuration read again"]


def test_what_is_not_valid_or_needs_a_restart_is_told() -> None:
    with Rig() as rig:
        rig.reload(text="feeds: {depth: {levels: 0}}\nsymbol: [BTCUSDT]\n")
        (refused,) = alerts(rig, 1)
        assert "the old one stays" in refused["reason"]
        assert len(refused["errors"]) == 2
        assert any("feeds.depth.levels" in line for line in refused["errors"])
        rig.reload({"http": {"port": 1}, "log": {"format": "console"}})
        (_, restart) = alerts(rig, 2)
        assert restart["keys"] == ["http.port", "log.format"]
        rig.reload({"log": {"level": "error"}})
        rig.run_for(0.5)
        rig.reload({"safety": {"liveness": {"trade_s": 33}}})
        rig.until(lambda: len(read_again(rig)) == 2, 5.0, "it logs again")
        assert read_again(rig) == [
            ["http.port", "log.format"],
            ["safety.liveness.trade_s", "log.level"],
        ]
        assert len(told(rig)) == 2
        assert rig.ledger.broken_since(0.0) == {}
        assert rig.get("/ready")[0] == 200
        with rig.standing_still():
            assert rig.missing_trades() == {}
            rig.check_redis()
            assert rig.process is not None
            assert rig.process.end() == 0
