"""Faults of connections and of whole venues; markets that are not meant stay untouched."""

from __future__ import annotations

import pytest

from tests.venue.faults import Faults

from .rig import Rig
from .trial import Act, Row, judge, on, perform
from .truth import Name

LOSS = ("disconnect",)


def once(what: str, *words: object) -> Act:
    """A fault of connections, for the first of the names of a market only."""

    def act(faults: Faults, name: Name) -> None:
        if name.symbol.startswith("BTC") and (name.exchange, name.market) != ("okx", "linear"):
            market = "" if name.exchange == "okx" else name.market
            getattr(faults, what)(name.exchange, market, *words)

    return act


def whole(what: str, *words: object) -> Act:
    """A fault of the venue as a whole."""

    def act(faults: Faults, name: Name) -> None:
        if (name.market, name.symbol) == ("spot", "BTCUSDT"):
            getattr(faults, what)(*words, *(() if what in ONE else (name.exchange,)))

    return act


ONE = ("server_shutdown", "notice")


def restart(faults: Faults, name: Name) -> None:
    if (name.market, name.symbol) == ("spot", "BTCUSDT"):
        faults.restart(name.exchange, 0.4)


def refused(faults: Faults, name: Name) -> None:
    if (name.market, name.symbol) == ("spot", "BTCUSDT"):
        faults.refuse(name.exchange, 1.0)
        faults.kick(name.exchange)


ROWS = (
    Row(
        "cut in the middle of a frame",
        once("cut"),
        breaks=LOSS,
        cut=True,
        targets=on("binance", "linear") + on("bybit", "spot"),
    ),
    Row("OKX cut in the middle of a frame", once("cut"), breaks=LOSS, cut=True, targets=on("okx")),
    Row(
        "gone without a word",
        once("kick"),
        breaks=LOSS,
        cut=True,
        targets=on("binance", "spot") + on("bybit", "linear"),
    ),
    Row(
        "closed by the venue",
        once("kick", 1001, "bye"),
        breaks=LOSS,
        cut=True,
        targets=on("okx") + on("binance", "linear"),
    ),
    Row(
        "stalled for a while",
        once("stall", 1.5),
        least_s=1.6,
        targets=on("okx") + on("binance", "spot") + on("bybit", "linear"),
    ),
    Row(
        "Binance announces its shutdown",
        whole("server_shutdown", 1.0),
        least_s=1.2,
        targets=on("binance", "spot"),
    ),
    Row("OKX announces an upgrade", whole("notice", 1.0), least_s=1.2, targets=on("okx")),
    Row("Bybit restarts, u begins at 1", restart, breaks=LOSS, cut=True, targets=on("bybit")),
    Row("Binance restarts", restart, breaks=LOSS, cut=True, targets=on("binance")),
    Row("OKX restarts", restart, breaks=LOSS, cut=True, targets=on("okx")),
    Row("connections are refused", refused, breaks=LOSS, cut=True, targets=on("bybit") + on("okx")),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_fault(rig: Rig, row: Row) -> None:
    judge(rig, row, perform(rig, row))


def test_then_redis_holds_everything_once(rig: Rig) -> None:
    rig.check_all()
