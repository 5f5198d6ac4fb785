"""How Binance is asked: combined streams, JSON control frames."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ..instrument import Instrument
from ..table import ControlLike, Verdict

_STREAM = re.compile(rb'\s*\{\s*"stream"\s*:\s*"([^"\\]{1,200})"')


class BinanceWire:
    """Stream names in one SUBSCRIBE; an acknowledgement is for the whole request."""

    def words(self, instrument: Instrument) -> dict[str, str]:
        return {"s": instrument.venue_id.lower()}

    def _request(self, method: str, number: int, topics: Sequence[str]) -> tuple[str, str]:
        message = {"method": method, "params": list(topics), "id": number}
        return str(number), json.dumps(message, separators=(",", ":"), ensure_ascii=False)

    def subscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        return self._request("SUBSCRIBE", number, topics)

    def unsubscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        return self._request("UNSUBSCRIBE", number, topics)

    def ping(self, number: int) -> tuple[str, str]:
        # there is no application ping; this always has an answer and changes nothing
        return str(number), f'{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}'

    def judge(self, control: ControlLike, topics: Sequence[str]) -> Verdict:
        if control.kind == "ack":
            return Verdict(accepted=tuple(topics))
        reason = f"{control.code} {control.msg}".strip() or "refused"
        if len(topics) == 1:
            return Verdict(refused=((topics[0], reason),))
        return Verdict(apart=tuple(topics))

    def leaving(self, control: ControlLike) -> bool:
        return control.kind == "notice" and "serverShutdown" in (
            control.code,
            control.msg,
            control.topic,
            control.topic.lstrip("!"),
        )

    def topic_of(self, frame: bytes) -> str:
        match = _STREAM.match(frame)
        return match[1].decode("utf-8", "replace") if match else ""
