"""Which instrument a venue's id is, in a replay."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from p9 import venues
from p9.config.feeds import BlockTradeFeed
from p9.markets.terms import engine_args

MAX_LISTED = 100  # names kept of one sort

_SAFE_SYMBOL = re.compile(r"[^\s:/\"\\\x00-\x1f\x7f]{1,64}")


@dataclass(slots=True)
class Instruments:
    """Which instrument a venue id is: from recorded listings, else from the id alone."""

    block: BlockTradeFeed = field(default_factory=BlockTradeFeed)  # thresholds
    recorded: dict[tuple[str, str], venues.Instrument] = field(default_factory=dict)
    used: dict[tuple[str, str], venues.Instrument] = field(default_factory=dict)
    owners: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    guessed: list[str] = field(default_factory=list)
    unknown_contract: list[str] = field(default_factory=list)
    collisions: list[str] = field(default_factory=list)

    def resolve(self, endpoint: str, venue_id: str) -> dict[str, Any] | None:
        """The arguments of `add_instrument`; None for an id that no channel can carry."""
        key = (endpoint, venue_id)
        one = self.recorded.get(key)
        if one is None:
            one = self.used.get(key) or venues.fallback(endpoint, venue_id)
            if not _SAFE_SYMBOL.fullmatch(one.symbol):
                return None
        if key not in self.used and key not in self.recorded:
            _once(self.guessed, f"{one.exchange} {venue_id}")
        self.used[key] = one
        arguments = engine_args(one, self.block)
        owner = self.owners.setdefault((one.exchange, one.symbol), key)
        if owner != key:
            arguments["publish"] = False  # two sources must not share one channel
            _once(self.collisions, f"{endpoint} {venue_id}: {one.symbol} is {owner[1]}")
        label = f"{one.exchange} {venue_id}"
        if one.contract is None:
            _once(self.unknown_contract, label)
        elif label in self.unknown_contract:
            self.unknown_contract.remove(label)
        return arguments

    def add_listing(self, endpoint: str, body: bytes) -> list[tuple[str, str]]:
        """Takes a recorded page of instruments; returns the keys already in use."""
        page = venues.instruments(endpoint, body)
        keys = [(endpoint, one.venue_id) for one in page]
        self.recorded.update(zip(keys, page, strict=True))
        return [key for key in keys if key in self.used]


def _once(names: list[str], name: str) -> None:
    if name not in names and len(names) < MAX_LISTED:
        names.append(name)
