"""All exchanges of a configuration: listings fetched, instruments enabled, feeds running.

Each endpoint starts by itself, as soon as its listing is there; one that is not reached is
tried again for ever and holds up nobody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from p9 import tls
from p9.config import Config
from p9.connect.feeds import Feeds
from p9.connect.lane import Settings
from p9.connect.link import ListenerFactory
from p9.connect.pacing import Backoff, Pacer
from p9.markets.catalog import Catalog
from p9.markets.market import Market
from p9.markets.resync import Place, Resync
from p9.markets.terms import plain
from p9.polls.scheduler import Pollers
from p9.port import Port
from p9.rest.client import RestClient, RestError
from p9.venues import ENDPOINTS, TRADE, Endpoint, endpoints_of

log = logging.getLogger(__name__)

RECHECK_S = 10.0  # before a listing is read again in which something is missing


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
        self._markets: dict[str, Market] = {}
        self._rest: dict[str, RestClient] = {}
        self._pollers: dict[str, Pollers] = {}
        self._reported: set[tuple[str, str, str]] = set()
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
        catalog = Catalog(rows, rest, self.port, self.config.feeds.block_trade)
        pollers = self._pollers[exchange] = Pollers(rows, rest, self.port, self.config.feeds)
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
            self._markets[row.name] = Market(
                row, feeds, catalog, rest, pollers, self.port, self._report
            )

    def start(self) -> None:
        """Begins with everything at once; returns at once."""
        for pollers in self._pollers.values():
            pollers.start()
        for market in self._markets.values():
            market.task = asyncio.get_running_loop().create_task(
                self._run(market), name=f"market {market.endpoint.name}"
            )

    # -- one endpoint -----------------------------------------------------------------------

    async def _run(self, market: Market) -> None:
        backoff = Backoff(1.0, 60.0)
        while True:
            wait = self.config.connection.listing_s
            try:
                await self._load(market)
                backoff.reset()
                if market.doubtful:
                    wait = min(wait, RECHECK_S)
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

    async def _load(self, market: Market) -> None:
        await market.load()
        market.apply(self.config)

    async def _reload(self, name: str) -> None:
        await self._load(self._markets[name])

    def _report(self, exchange: str, symbol: str, why: str, *, event: bool = False) -> None:
        if (exchange, symbol, why) in self._reported and not event:
            return
        self._reported.add((exchange, symbol, why))
        log.warning("%s %s: %s", exchange, symbol, why)
        by_name = self.config.exchanges.enabled()[exchange].symbols
        if event or by_name:
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
            one = market.of_number(number)
            if one is not None:
                return Place(one, market.endpoint, market.feeds, market.rest)
        return None

    def on_wants(self, wants: list[tuple[str, int, int]]) -> None:
        self.resync.on_wants(wants)

    def reload(self, config: Config) -> None:
        """Symbols, feeds and safety of a new configuration; its other keys need a restart."""
        before, self.config = self.config, config
        old, new = before.feeds, config.feeds
        if new.enabled() != old.enabled():
            self.port.set_feeds(new.enabled())
        if new.max_age_s() != old.max_age_s():
            self.port.set_ages(new.max_age_s())
        if new.block_trade != old.block_trade:
            self.port.block_trades(plain(new.block_trade))
        self.resync.limit(config.safety.resync.max_per_minute)
        for pollers in self._pollers.values():
            pollers.configure(new)
        self._reported.clear()
        for market in self._markets.values():
            market.catalog.block = new.block_trade
            market.feeds.tune(Settings.of(config))
            if market.catalog.loaded(market.endpoint.name):
                market.apply(config)

    def missing(self) -> list[str]:
        """What is wanted and not live, as "exchange feed symbol: why"."""
        return [row for market in self._markets.values() for row in market.missing()]

    def stale(self) -> Counter[tuple[str, str]]:
        """(endpoint, feed) -> how many are older than they may be, of all that are watched."""
        found: Counter[tuple[str, str]] = Counter()
        for pollers in self._pollers.values():
            for key, n in pollers.fresh.stale().items():
                found[key] += n
        return found

    def polls(self) -> dict[str, Counter[tuple[str, str]]]:
        """Exchange -> (ask, result) -> how often."""
        return {name: pollers.results for name, pollers in self._pollers.items()}

    def stats(self) -> dict[str, object]:
        """Per endpoint and exchange: connections, topics, REST, what is left out."""
        return {
            "endpoints": {
                name: {**market.feeds.stats(), "left_out": market.left_out}
                for name, market in self._markets.items()
            },
            "rest": {name: rest.stats() for name, rest in self._rest.items()},
            "resync": self.resync.stats(),
            "polls": {name: pollers.stats() for name, pollers in self._pollers.items()},
        }

    async def close(self) -> None:
        """Ends connections, fetches and tasks. Books and the engine are left as they are."""
        tasks = [market.task for market in self._markets.values() if market.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(pollers.close() for pollers in self._pollers.values()))
        await self.resync.close()
        await asyncio.gather(*(market.feeds.close() for market in self._markets.values()))
        await asyncio.gather(*(rest.close() for rest in self._rest.values()))
