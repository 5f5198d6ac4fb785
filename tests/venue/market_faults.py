"""What befalls instruments on command: their end, new terms, liquidations, blocks, bad candles."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .desk import Desk
from .okx_reports import OkxReports

if TYPE_CHECKING:
    from .server import LocalVenue


class MarketFaults:
    """One instrument each; a recording that is played has none of this."""

    def __init__(self, hub: LocalVenue) -> None:
        self._hub = hub

    def delist(self, venue: str, market: str, symbol: str, seconds: float = 0.0) -> int:
        """It leaves the listing, its streams fall silent, and new subscriptions are answered as
        for a name that never was. With `seconds`: first the listing tells the time of it, where
        the venue has a field for that (not on Binance and Bybit spot)."""
        desk = self._desk(venue, market, symbol)
        if not seconds:
            self._hub.delist(desk)
            return 1
        desk.inst = replace(desk.inst, ends_ms=self._hub.now_ms() + int(seconds * 1000))
        self._hub.later(seconds, lambda: self._hub.delist(desk))
        return 1

    def contract_size(self, venue: str, market: str, symbol: str, size: str) -> int:
        """OKX: another ctVal in the listing, and in all amounts from now on."""
        desk = self._desk(venue, market, symbol)
        if not desk.inst.contract or not isinstance(desk.reports, OkxReports):
            raise ValueError(f"{venue} {symbol}: its sizes are no contracts")
        desk.inst = replace(desk.inst, contract=size)
        desk.reports.set_contract(size)
        return 1

    def funding_interval(self, venue: str, market: str, symbol: str, hours: int) -> int:
        """From now on it is funded every so many hours."""
        desk = self._desk(venue, market, symbol)
        if desk.inst.market == "spot" or desk.inst.expiry or hours not in (1, 2, 4, 6, 8, 12, 24):
            raise ValueError(f"{venue} {symbol}: no perpetual, or {hours} does not divide a day")
        desk.inst = replace(desk.inst, funding_hours=hours)
        desk.reports.reference.set_hours(hours, self._hub.now_ms())
        return 1

    def liquidate(self, venue: str, market: str, symbol: str, n: int = 1) -> int:
        """n liquidations now. Told at once or, where the venue samples (Binance: the largest
        within a second) or batches them (Bybit: 500 ms), by its rule."""
        made = self._desk(venue, market, symbol).reports.liquidate(n)
        self._hub.flush()
        return made

    def block(self, venue: str, market: str, symbol: str, n: int = 1) -> int:
        """n block trades now. Binance: spot only."""
        made = self._desk(venue, market, symbol).reports.block(n)
        self._hub.flush()
        return made

    def kline_error(self, venue: str, market: str, symbol: str, n: int = 1) -> int:
        """The next n one-minute candles close with a wrong volume, here and in REST."""
        self._desk(venue, market, symbol).tape.wrong += n
        return n

    def _desk(self, venue: str, market: str, symbol: str) -> Desk:
        feed = self._hub.feed(venue, market, symbol)
        if not isinstance(feed, Desk):
            raise ValueError(f"{venue} {symbol} is played from a recording")
        return feed
