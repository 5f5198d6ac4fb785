"""How OKX is asked: channels with an argument, one acknowledgement for each."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ..instrument import Instrument
from ..table import ControlLike, Verdict
from .rest import inst_type

_BY_TYPE = {"liquidation-orders"}  # channels of all instruments of a type
_ARG = re.compile(rb'"arg"\s*:\s*\{([^{}]{1,250})\}')
_CHANNEL = re.compile(rb'"channel"\s*:\s*"([^"\\]{1,64})"')
_ID = re.compile(rb'"instId"\s*:\s*"([^"\\]{1,64})"')
_TYPE = re.compile(rb'"instType"\s*:\s*"([^"\\]{1,64})"')


def _arg(topic: str) -> dict[str, str]:
    channel, _, name = topic.partition(":")
    return {"channel": channel, "instType" if channel in _BY_TYPE else "instId": name}


class OkxWire:
    """A topic is `channel:instId`, or `channel:instType`; acknowledgements come one per topic,
    errors name it in words."""

    def words(self, instrument: Instrument) -> dict[str, str]:
        return {
            "s": instrument.venue_id,
            "index": instrument.index,
            "type": inst_type(instrument),
        }

    def _request(self, op: str, mark: str, number: int, topics: Sequence[str]) -> tuple[str, str]:
        request_id = f"{mark}{number}"  # letters and digits only
        message = {"id": request_id, "op": op, "args": [_arg(topic) for topic in topics]}
        return request_id, json.dumps(message, separators=(",", ":"), ensure_ascii=False)

    def subscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        return self._request("subscribe", "s", number, topics)

    def unsubscribe(self, number: int, topics: Sequence[str]) -> tuple[str, str]:
        return self._request("unsubscribe", "u", number, topics)

    def ping(self, number: int) -> tuple[str, str]:
        return "", "ping"

    def judge(self, control: ControlLike, topics: Sequence[str]) -> Verdict:
        named = self._named(control, topics)
        if control.kind == "ack":
            return Verdict(accepted=(named,) if named else ())
        reason = f"{control.code} {control.msg}".strip() or "refused"
        if control.code in ("60014", "64007"):  # too frequent; internal error
            return Verdict(again=tuple(topics), wait_s=2.0)
        if not named and len(topics) == 1:
            named = topics[0]
        if named:  # the others of the request stand
            return Verdict(refused=((named, reason),))
        return Verdict(apart=tuple(topics), wait_s=2.0)

    def _named(self, control: ControlLike, topics: Sequence[str]) -> str:
        """The topic that an answer is about: by its arg, else by the words of the error."""
        if control.topic in topics:
            return control.topic
        words = f"{control.topic} {control.msg}"
        best = ""
        for topic in topics:
            channel, _, name = topic.partition(":")
            if re.search(rf"(?<![\w-]){re.escape(channel)}(?![\w-])", words) and re.search(
                rf"(?<![\w-]){re.escape(name)}(?![\w-])", words
            ):
                best = topic
                break
        return best

    def leaving(self, control: ControlLike) -> bool:
        return control.kind == "notice" and control.code == "64008"

    def topic_of(self, frame: bytes) -> str:
        head = frame[:400]
        arg = _ARG.search(head)
        if not arg or b'"event"' in head:
            return ""
        channel = _CHANNEL.search(arg[1])
        word = channel[1].decode("utf-8", "replace") if channel else ""
        name = (_TYPE if word in _BY_TYPE else _ID).search(arg[1])
        return f"{word}:{name[1].decode('utf-8', 'replace')}" if word and name else ""
