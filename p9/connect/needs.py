"""What is wanted of an endpoint, and which topics that needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from p9.connect.lane import Topic
from p9.connect.liveness import Quiet, Watch
from p9.venues import BBO, DEPTH, TRADE, Endpoint, Instrument


@dataclass(frozen=True, slots=True)
class Wanted:
    """An instrument with its number in the engine, and the feeds wanted of it."""

    instrument: Instrument
    number: int
    feeds: tuple[str, ...] = (TRADE, BBO, DEPTH)


class Needs:
    """A topic may carry several feeds, a feed may need several topics, and some topics serve many
    instruments: each is subscribed once."""

    def __init__(
        self, endpoint: Endpoint, levels: int, options: frozenset[str], quiet: Quiet
    ) -> None:
        self._endpoint, self._levels, self._options = endpoint, levels, options
        self.quiet = quiet
        self._wanted: dict[int, Wanted] = {}
        self._needs: dict[int, dict[str, list[str]]] = {}  # number -> feed -> names of topics

    def update(self, wanted: Iterable[Wanted]) -> dict[str, Topic]:
        """From now on these; the topics that they need, by name."""
        self._wanted = {one.number: one for one in wanted}
        self._needs = {}
        topics: dict[str, Topic] = {}
        for number, one in self._wanted.items():
            needs = self._needs[number] = {}
            for feed in one.feeds:
                rows = self._endpoint.rows(one.instrument, feed, self._options)
                names = [self._endpoint.topic(row, one.instrument, self._levels) for row in rows]
                if names:  # the others are polled, or not offered
                    needs[feed] = names
                for name, row in zip(names, rows, strict=True):
                    if name not in topics:
                        topics[name] = Topic(name, row, {}, Watch(row, self.quiet))
                    topics[name].served[number] = one.instrument
        return topics

    def size(self) -> int:
        """How many instruments."""
        return len(self._wanted)

    def missing(self, whys: Mapping[str, str]) -> list[str]:
        """ "exchange feed symbol: why" of each feed that lacks one of its topics.

        `whys`: name of a topic -> why it is not live, "" where it is.
        """
        return [
            f"{self._endpoint.exchange} {feed} {self._wanted[number].instrument.symbol}: {why}"
            for number, needs in self._needs.items()
            for feed, names in needs.items()
            if (why := next((whys[name] for name in names if whys[name]), ""))
        ]
