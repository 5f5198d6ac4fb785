"""How old is what was last seen of a feed, and who is told when it is too old.

Judged by what the engine took, whichever way it came. A feed that is too old is reported once
on `status:{exchange}`, and once more when it is back.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from p9.polls.wheel import Act, Wheel
from p9.port import Port
from p9.venues import INSURANCE

log = logging.getLogger(__name__)

GRACE_S = 1.0
LOOK_S = 0.5  # at what is stale: is it back?


@dataclass(frozen=True, slots=True)
class Subject:
    """A feed of an instrument, or of the exchange (then `number` is -1)."""

    endpoint: str
    feed: str
    number: int
    symbol: str

    @property
    def exchange(self) -> str:
        return self.endpoint.partition(":")[0]

    @property
    def name(self) -> str:
        """As `/ready` lists it."""
        return " ".join(filter(None, (self.exchange, self.feed, self.symbol)))


class _Watched:
    def __init__(self, max_age_s: float, since_ns: int) -> None:
        self.max_age_s = max_age_s
        self.since_ns = self.begun_ns = since_ns  # judged from here; data since then counts
        self.stale = self.gone = False
        self.age_s = 0.0
        self.reason = ""


class Freshness:
    """All feeds with a greatest age of one exchange."""

    def __init__(self, port: Port, wheel: Wheel, reason: Callable[[Subject], str]) -> None:
        """`reason`: why there was nothing newer, as far as the polls know."""
        self._port, self._wheel, self._reason = port, wheel, reason
        self._watched: dict[Subject, _Watched] = {}

    def watch(self, endpoint: str, wanted: Mapping[Subject, float], now: float) -> None:
        """All that is wanted of an endpoint, each with its greatest age in seconds."""
        for subject in [s for s in self._watched if s.endpoint == endpoint and s not in wanted]:
            self._watched.pop(subject).gone = True
        for subject, age_s in wanted.items():
            known = self._watched.get(subject)
            if known is not None and known.max_age_s == age_s:
                continue
            one = _Watched(age_s, self._port.clock_ns())
            if known is not None:  # a new age: there is time to live up to it
                known.gone, one.stale = True, known.stale
                one.begun_ns = known.begun_ns
            self._watched[subject] = one
            self._wheel.at(now, self._look_of(subject, one))

    def seen_ns(self, exchange: str, feed: str, number: int) -> int:
        """When the engine took something newer than before; 0: never."""
        if feed == INSURANCE:
            return self._port.engine.last_seen_exchange(exchange, feed)
        return self._port.engine.last_seen(number, feed)

    def _seen_ns(self, subject: Subject) -> int:
        return self.seen_ns(subject.exchange, subject.feed, subject.number)

    def _look_of(self, subject: Subject, one: _Watched) -> Act:
        return lambda now: self._look(subject, one, now)

    def _look(self, subject: Subject, one: _Watched, now: float) -> float | None:
        if one.gone:
            return None
        seen_ns = max(self._seen_ns(subject), one.since_ns)
        one.age_s = max(0.0, (self._port.clock_ns() - seen_ns) / 1e9)
        left_s = one.max_age_s + GRACE_S - one.age_s
        if left_s > 0:
            if one.stale:
                one.stale = False
                self._tell(subject, {"state": "LIVE", "reason": None})
            return now + left_s
        one.reason = self._reason(subject)
        if not one.stale:
            one.stale = True
            age_s = round(one.age_s, 1)
            self._tell(subject, {"state": "STALE", "reason": one.reason, "age_s": age_s})
        return now + LOOK_S

    def _tell(self, subject: Subject, more: dict[str, object]) -> None:
        fields: dict[str, object] = {"feed": subject.feed}
        if subject.symbol:
            fields["symbol"] = subject.symbol
        log.log(
            logging.WARNING if more["reason"] else logging.INFO,
            "%s is %s%s",
            subject.name,
            more["state"],
            f": {more['reason']}" if more["reason"] else "",
        )
        self._port.status(subject.endpoint, {**fields, **more})

    # -- asked from outside -----------------------------------------------------------------

    def missing(self, endpoint: str) -> Iterator[tuple[str, str]]:
        """(name, why) of what was never seen or is too old."""
        for subject, one in self._watched.items():
            if subject.endpoint != endpoint:
                continue
            if one.stale:
                yield subject.name, f"stale for {one.age_s:.0f} s ({one.reason})"
            elif self._seen_ns(subject) < one.begun_ns:
                yield subject.name, "no data yet"

    def stale(self) -> Counter[tuple[str, str]]:
        """(endpoint, feed) -> how many are stale; all that are watched are in it."""
        found: Counter[tuple[str, str]] = Counter()
        for subject, one in self._watched.items():
            found[subject.endpoint, subject.feed] += one.stale
        return found
