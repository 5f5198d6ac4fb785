"""All exchanges of a configuration: listings fetched, instruments enabled, feeds running.

Each endpoint starts by itself, as soon as its listing is there; one that is not reached is
tried again for ever and holds up nobody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from p9 import tls
from p9.config import Config
from p9.connect.catalog import Catalog
from p9.connect.feeds import Feeds, Wanted
from p9.connect.lane import Settings
from p9.connect.link import ListenerFactory
from p9.connect.pacing import Backoff, Pacer
from p9.connect.port import Port
from p9.connect.rest import RestClient, RestError
from p9.connect.resync import Place, Resync
from p9.venues import ENDPOINTS, TRADE, Endpoint, endpoints_of

log = logging.getLogger(__name__)

REFRESH_S = 900.0  # listings are read again: new steps, and symbols that came


def addresses(endpoint: Endpoint, endpoints: Any) -> tuple[dict[str, str], str]:
    """(socket class -> WebSocket URL, REST base) from the `endpoints` block of an exchange."""
    block = getattr(endpoints, endpoint.config_key) if endpoint.config_key else endpoints
    sockets = {row.socket for row in endpoint.feeds}
    ws = {
        socket: (block.ws if isinstance(block.ws, str) else getattr(block.ws, socket))
        for socket in sockets
    }
    return {k: url.rstrip("/") + endpoint.ws_path for k, url in ws.items()}, block.rest


def _options(endpoint: Endpoint, settings: Any) -> frozenset[str]:
    """Feeds that the exchange's settings take from their optional source."""
    chosen = getattr(settings, f"{endpoint.config_key}_trades", "")
    return frozenset({TRADE}) if chosen == "trade" else frozenset()


class _Market:
    """One endpoint on its way up and while it runs."""

    def __init__(self, endpoint: Endpoint, feeds: Feeds, catalog: Catalog, rest: RestClient):
        self.endpoint, self.feeds, self.catalog, self.rest = endpoint, feeds, catalog, rest
        self.why = "instruments not loaded yet"  # "" once they are
        self.left_out: dict[str, str] = {}
        self.running: dict[str, Wanted] = {}  # venue id -> what is subscribed
        self.task: asyncio.Task[None] | None = None


class Markets:
    """`start`, then `on_wants` from the timer, `missing` and `stats` for who asks, `close`."""

    def __init__(
        self,
        config: Config,
        port: Port,
        make_listener: ListenerFactory,
        *,
        notify: Callable[[str, dict[str, Any]], None] = lambda kind, fields: None,
    ) -> None:
        """`notify(kind, fields)`: something to raise as `alert:{kind}`."""
        self.config, self.port = config, port
        self._make_listener, self._notify = make_listener, notify
        self._markets: dict[str, _Market] = {}
        self._rest: dict[str, RestClient] = {}
        self._reported: set[tuple[str, str]] = set()
        self.resync = Resync(
            port,
            self._place,
            self._reload,
            levels=config.feeds.depth.levels,
            per_minute=config.safety.resync.max_per_minute,
        )
        for exchange in config.exchanges.enabled():
            self._add_exchange(exchange)

    def _add_exchange(self, exchange: str) -> None:
        settings: Any = getattr(self.config.exchanges, exchange)
        rows = endpoints_of(exchange)
        places = {row.name: addresses(row, settings.endpoints) for row in rows}
        context = tls.context(settings.tls_ca)
        rest = self._rest[exchange] = RestClient(
            rows,
            {name: base for name, (_, base) in places.items()},
            context=context,
            on_state=self._rest_state,
        )
        catalog = Catalog(rows, rest, self.port)
        limits = rows[0].limits
        pacer = Pacer(limits.connect_interval_s, limits.connect_burst)
        for row in rows:
            feeds = Feeds(
                row,
                places[row.name][0],
                port=self.port,
                make_listener=self._make_listener,
                settings=Settings.of(self.config),
                tls=context,
                pacer=pacer,
                levels=self.config.feeds.depth.levels,
                on_state=self._ws_state,
                options=_options(row, settings),
            )
            self._markets[row.name] = _Market(row, feeds, catalog, rest)

    def start(self) -> None:
        """Begins with everything at once; returns at once."""
        for market in self._markets.values():
            market.task = asyncio.get_running_loop().create_task(
                self._run(market), name=f"market {market.endpoint.name}"
            )

    # -- one endpoint -----------------------------------------------------------------------

    async def _run(self, market: _Market) -> None:
        backoff = Backoff(1.0, 60.0)
        while True:
            wait = REFRESH_S
            try:
                await market.catalog.load(market.endpoint.name)
                market.why = ""
                backoff.reset()
                self._apply(market)
            except RestError as error:
                wait = max(backoff.next(), error.retry_after)
                if not market.catalog.loaded(market.endpoint.name):
                    market.why = f"instruments not loaded: {error.reason}"
                log.warning(
                    "instruments %s: %s, again in %.1f s", market.endpoint.name, error.reason, wait
                )
            except Exception:
                log.exception("market %s: internal error", market.endpoint.name)
                wait = backoff.next()
            await asyncio.sleep(wait)

    async def _reload(self, name: str) -> None:
        market = self._markets[name]
        await market.catalog.load(name)
        self._apply(market)

    def _apply(self, market: _Market) -> None:
        """Subscribes to what the configuration wants and this endpoint has.

        One that runs and is missing in a newer listing goes on: a listing can be incomplete.
        """
        exchange, name = market.endpoint.exchange, market.endpoint.name
        symbols = self.config.symbols_of(exchange)
        choice = market.catalog.choose(symbols, name)
        feeds = self.config.feeds.enabled()
        running = {
            key: one
            for key, one in market.running.items()
            if one.instrument.symbol in {symbol.upper() for symbol in symbols}
        }
        for instrument in choice.instruments:
            try:
                number = market.catalog.enable(instrument)
            except ValueError as error:
                choice.left_out[instrument.symbol] = str(error)
                continue
            running[instrument.venue_id] = Wanted(instrument, number, feeds)
            if instrument.contract is None:
                self._report(exchange, instrument.symbol, "contract size unknown, not published")
        market.running = running
        market.left_out = choice.left_out
        market.feeds.update(running.values())
        for symbol, why in choice.left_out.items():
            self._report(exchange, symbol, why)
        for symbol in market.catalog.unlisted(symbols):
            self._report(exchange, symbol, "not listed")

    def _report(self, exchange: str, symbol: str, why: str) -> None:
        """A symbol that is left out: once."""
        if (exchange, symbol) not in self._reported:
            self._reported.add((exchange, symbol))
            log.warning("%s %s is left out: %s", exchange, symbol, why)
            if self.config.exchanges.enabled()[exchange].symbols:  # it was asked for by name
                self._notify("config", {"exchange": exchange, "symbol": symbol, "reason": why})

    def _ws_state(self, endpoint: str, up: bool, why: str) -> None:
        self._liveness("websocket", endpoint, up, why)

    def _rest_state(self, endpoint: str, up: bool, why: str) -> None:
        self._liveness("rest", endpoint, up, why)

    def _liveness(self, part: str, endpoint: str, up: bool, why: str) -> None:
        self._notify(
            "liveness",
            {
                "exchange": ENDPOINTS[endpoint].exchange,
                "endpoint": endpoint,
                "part": part,
                "up": up,
                "reason": why,
            },
        )

    # -- asked from outside -----------------------------------------------------------------

    def _place(self, number: int) -> Place | None:
        for market in self._markets.values():
            one = market.catalog.of_number(number)
            if (
                one is not None
                and one.endpoint == market.endpoint.name
                and one.venue_id in market.running
            ):
                return Place(one, market.endpoint, market.feeds, market.rest)
        return None

    def on_wants(self, wants: list[tuple[str, int, int]]) -> None:
        self.resync.on_wants(wants)

    def reload(self, config: Config) -> None:
        """Symbols and feeds of a new configuration; its other keys need a restart."""
        self.config = config
        self._reported.clear()
        for market in self._markets.values():
            if market.catalog.loaded(market.endpoint.name):
                self._apply(market)

    def missing(self) -> list[str]:
        """What is wanted and not live, as "exchange feed symbol: why"."""
        rows = []
        for market in self._markets.values():
            if market.why:
                rows.append(f"{market.endpoint.name}: {market.why}")
            rows += market.feeds.missing()
        return rows

    def stats(self) -> dict[str, object]:
        """Per endpoint and exchange: connections, topics, REST, what is left out."""
        return {
            "endpoints": {
                name: {**market.feeds.stats(), "left_out": market.left_out}
                for name, market in self._markets.items()
            },
            "rest": {name: rest.stats() for name, rest in self._rest.items()},
            "resync": self.resync.stats(),
        }

    async def close(self) -> None:
        """Ends connections, fetches and tasks. Books and the engine are left as they are."""
        tasks = [market.task for market in self._markets.values() if market.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.resync.close()
        await asyncio.gather(*(market.feeds.close() for market in self._markets.values()))
        await asyncio.gather(*(rest.close() for rest in self._rest.values()))
