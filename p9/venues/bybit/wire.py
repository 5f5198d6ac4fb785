"""How Bybit is asked: one JSON topic per stream."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ..instrument import Instrument
from ..table import ControlLike, Verdict

_TOPIC = re.compile(rb'"topic"\s*:\s*"([^"\\]{1,200})"')
_NAMED = re.compile(r"(?:topic:|\[)([\w.\-]+)\]?")


class BybitWire:
    """One bad topic voids the whole request; the reason is only in the text of the answer."""

    def words(self, instrument: Instrument) -> dict[str, str]:
        return {"s": instrument.venue_id}

    def _request(self, op: str, mark: str, number: int, topics: Sequence[str]) -> tuple[str, str]:
        request_id = f"{mark}{number}"
        message = {"req_id": request_id, "op": op, "args": list(topics)}
        return request_id, json.dumps(message, separators=(",", ":"), ensure_ascii=False)

    def subscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        return self._request("subscribe", "s", number, topics)

    def unsubscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        return self._request("unsubscribe", "u", number, topics)

    def ping(self, number: int) -> tuple[str, str]:
        return f"p{number}", f'{{"req_id":"p{number}","op":"ping"}}'

    def judge(self, control: ControlLike, topics: Sequence[str]) -> Verdict:
        if control.kind == "ack":
            return Verdict(accepted=tuple(topics))
        message = control.msg
        match = _NAMED.search(message)
        named = match[1] if match else control.topic
        others = tuple(t for t in topics if t != named)
        if named in topics:
            if "already subscribed" in message:  # harmless: that one keeps flowing
                return Verdict(accepted=(named,), again=others)
            return Verdict(refused=((named, message or "refused"),), again=others)
        if len(topics) == 1:
            return Verdict(refused=((topics[0], message or "refused"),))
        return Verdict(apart=tuple(topics))

    def leaving(self, control: ControlLike) -> bool:
        return False

    def topic_of(self, frame: bytes) -> str:
        match = _TOPIC.search(frame, 0, 512)
        return match[1].decode("utf-8", "replace") if match else ""
