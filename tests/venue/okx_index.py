"""OKX indices: of an underlying, no traded instrument; moved by the first contract on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .desk import Feed
from .instruments import Instrument, short_text
from .log import ReportRow
from .okx_reports import push
from .wire import Topic

if TYPE_CHECKING:
    from .okx import OkxDesk
    from .server import LocalVenue

INDEX_S, IDLE_MS = 0.1, 60_000


def index_id(inst: Instrument) -> str:
    return f"{inst.base}-{inst.quote.removesuffix('_UM')}"


class OkxIndex(Feed):
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
        self.log.report("index", ReportRow(self.now_ms, values, True))
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
