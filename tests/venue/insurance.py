"""Insurance funds: which instruments share one, and what is in it when."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .desk import Feed
from .instruments import Instrument, decimal_text
from .log import InstrumentLog, ReportRow
from .reference import DAY_MS, HOUR_MS, Pool
from .wire import Topic

if TYPE_CHECKING:
    from .server import LocalVenue

SHARED = ("BTC", "ETH")  # contracts on these share the pool of their settlement coin
PUSH_S = 1.0
OKX_HOUR_MS = 8 * HOUR_MS  # OKX books its funds once a day
amount_text = decimal_text(1, 8, short=True)


class Fund(NamedTuple):
    coin: str
    symbols: list[str]  # OKX: families
    pool: Pool

    @property
    def isolated(self) -> bool:
        return len(self.symbols) == 1 and self.coin != "USDC"


def funds(hub: LocalVenue, venue: str) -> list[Fund]:
    """Of all contracts that are listed now."""
    members: dict[tuple[str, str], list[str]] = {}
    for inst in hub.instruments(venue):
        if inst.market == "spot" or inst.expiry:
            continue
        coin = inst.settle
        alone = inst.base not in SHARED and coin != "USDC"
        name = f"{inst.base}-{inst.quote}" if venue == "okx" else inst.venue_id
        members.setdefault((coin, name if alone or venue == "okx" else ""), []).append(name)
    options = hub.options
    okx = venue == "okx"
    period_ms = DAY_MS if okx else int(options.timing.insurance_s * 1000)
    return [
        Fund(coin, names, Pool(f"{venue}:{coin}:{key}", options.seed, period_ms, OKX_HOUR_MS * okx))
        for (coin, key), names in members.items()
    ]


def insurance_log(hub: LocalVenue, venue: str) -> InstrumentLog:
    """Where `reports(venue, "", "", "insurance")` finds it."""
    return hub.log.venue(Instrument(venue, "", "", "", "", "", "1", "1", 1, 1, 1))


class BybitInsurance(Feed):
    """`insurance.USDT`: isolated pools, when a balance changed; shared ones are for REST."""

    def __init__(self, hub: LocalVenue) -> None:
        self.hub = hub
        self.log = insurance_log(hub, "bybit")
        self.inst = self.log.inst
        self.topics = {}
        self._told: dict[str, int] = {}  # symbols -> time of the newest change, ms

    def _rows(self) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = []
        for fund in funds(self.hub, "bybit"):
            if fund.isolated and fund.coin == "USDT":
                then, balance = fund.pool.at(self.now_ms)
                key = fund.symbols[0]
                told = {"coin": fund.coin, "symbols": key, "balance": amount_text(balance)}
                rows.append({**told, "updateTime": str(then)})
        return rows

    def _push(self, topic: Topic, kind: str, rows: list[dict[str, str]]) -> str:
        data = ",".join(
            "{" + ",".join(f'"{key}":"{value}"' for key, value in row.items()) + "}" for row in rows
        )
        return f'{{"topic":"{topic.name}","type":"{kind}","ts":{self.now_ms},"data":[{data}]}}'

    def opening(self, topic: Topic) -> list[str]:
        if not topic.every_s:
            return []
        rows = self._rows()
        if not topic.live:
            self._told = {row["symbols"]: int(row["updateTime"]) for row in rows}
        self._note(rows, sent=not topic.mute)
        return [self._push(topic, "snapshot", rows)]

    def run(self, topic: Topic) -> float:
        if not topic.live:
            topic.timed = False
            return -1.0
        self.now_ms = self.hub.now_ms()
        rows = [
            row for row in self._rows() if self._told.get(row["symbols"]) != int(row["updateTime"])
        ]
        if rows:
            self._told |= {row["symbols"]: int(row["updateTime"]) for row in rows}
            self._note(rows, sent=topic.publish(self._push(topic, "delta", rows)))
        return topic.every_s

    def _note(self, rows: list[dict[str, str]], *, sent: bool) -> None:
        for row in rows:
            self.log.report("insurance", ReportRow(self.now_ms, row, sent))
