"""OKX feeds of no single instrument: indices, and the liquidations of all contracts."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .desk import Feed
from .instruments import Instrument, short_text
from .log import ReportRow
from .okx_reports import Row, kind_of, push
from .wire import Topic

if TYPE_CHECKING:
    from .okx import OkxDesk
    from .server import LocalVenue

INDEX_S, IDLE_MS = 0.1, 60_000
TOLD_AGAIN = 5  # old liquidations in the first push
KINDS = ("SWAP", "FUTURES", "MARGIN", "OPTION")


def index_id(inst: Instrument) -> str:
    return f"{inst.base}-{inst.quote.removesuffix('_UM')}"


class OkxIndex(Feed):
    """An underlying, not traded itself; moved by the first contract on it."""

    def __init__(self, hub: LocalVenue, desk: OkxDesk) -> None:
        like, name = desk.inst, index_id(desk.inst)
        quote = name.partition("-")[2]
        self.inst = Instrument(
            "okx", "index", name, like.base, quote, quote, like.price_step, "1", 1, 1, 1
        )
        self.hub, self.desk = hub, desk
        self.topics = {}
        self.log = hub.log.open(self.inst)
        self.text = short_text(like.price_step)
        self._open = self._high = self._low = desk.reports.reference.index
        self._seen = (0, 0)  # index, and when it was told

    def opening(self, topic: Topic) -> list[str]:
        values = self.values()
        if not topic.live:
            self._seen = (self.desk.reports.reference.index, self.now_ms)
        self.log.report("index", ReportRow(self.now_ms, values, not topic.mute))
        return [push(topic, [values])]

    def values(self) -> dict[str, str]:
        self.now_ms = self.hub.now_ms()
        reference = self.desk.reports.reference
        reference.advance(self.now_ms)
        index, text = reference.index, self.text
        self._high, self._low = max(self._high, index), min(self._low, index)
        return {
            "instId": self.inst.venue_id,
            "idxPx": text(index),
            "open24h": text(self._open),
            "high24h": text(self._high),
            "low24h": text(self._low),
            "sodUtc0": text(self._open),
            "sodUtc8": text(self._open),
            "ts": str(self.now_ms),
        }

    def run(self, topic: Topic) -> float:
        if not topic.live:
            topic.timed = False
            return -1.0
        values = self.values()
        index = self.desk.reports.reference.index
        if index != self._seen[0] or self.now_ms - self._seen[1] >= IDLE_MS:
            self._seen = (index, self.now_ms)
            sent = topic.publish(push(topic, [values]))
            self.log.report("index", ReportRow(self.now_ms, values, sent))
        return topic.every_s


class OkxLiquidations(Feed):
    """`liquidation-orders`: one subscription for all contracts of an instType. Its first push
    repeats what has been."""

    def __init__(self) -> None:
        self.inst = Instrument("okx", "", "", "", "", "", "1", "1", 1, 1, 1)
        self.topics = {}
        self._old: dict[str, deque[tuple[Instrument, Row]]] = {
            kind: deque(maxlen=TOLD_AGAIN) for kind in KINDS
        }

    def opening(self, topic: Topic) -> list[str]:
        kind = topic.name.partition(":")[2]
        old = self._old[kind]
        return [self._push(kind, *old)] if old else []

    def tell(self, inst: Instrument, details: Row) -> bool:
        kind = kind_of(inst)
        self._old[kind].append((inst, details))
        topic = self.topics[f"liquidation-orders:{kind}"]
        return topic.live and topic.publish(self._push(kind, (inst, details)))

    def _push(self, kind: str, *rows: tuple[Instrument, Row]) -> str:
        data = ",".join(
            '{"details":[{'
            + ",".join(f'"{key}":"{value}"' for key, value in details.items())
            + f'}}],"instFamily":"{inst.base}-{inst.quote}","instId":"{inst.venue_id}",'
            f'"instType":"{kind}","uly":"{index_id(inst)}"}}'
            for inst, details in rows
        )
        return f'{{"arg":{{"channel":"liquidation-orders","instType":"{kind}"}},"data":[{data}]}}'
