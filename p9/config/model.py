"""The configuration as it is used: frozen dataclasses. Each key carries its default and its
check, so this file (with `feeds`, its largest section) is also the list of all keys. Units are
part of the names (`_s`, `_mb`)."""

from __future__ import annotations

from dataclasses import dataclass, fields

from p9.config import urls
from p9.config.checks import (
    ON_OFF,
    CaFile,
    Choice,
    Flag,
    Int,
    Number,
    RedisUrl,
    SecretText,
    Text,
    Url,
    key,
)
from p9.config.feeds import Feeds
from p9.config.lists import Names, Symbols
from p9.secret import Secret


def _is_prefix(text: str) -> bool:
    # No "{}" (hash tags of a cluster) and no "*?[]\" (patterns) in the name of every key.
    return len(text) <= 64 and all(c.isascii() and (c.isalnum() or c in "_.:-") for c in text)


WS = Url("wss", "ws")
REST = Url("https", "http")
SYMBOLS = Symbols()
CA_FILE = CaFile()
STREAM_KINDS = (
    "trade", "liquidation", "block_trade", "funding", "candles", "events", "alert",
    "bbo", "depth", "status",
)  # fmt: skip
DEFAULT_REDIS = urls.redis_url("redis://127.0.0.1:6379/0")


# --- exchanges ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The hosts of one market. `ws` is the whole URL (Binance: `/ws` or `/stream` follows)."""

    ws: str = key("", WS)
    rest: str = key("", REST)


@dataclass(frozen=True, slots=True)
class BinanceLinearWs:
    """Two classes of streams, each on a path of its own; a stream on the wrong one is silent."""

    public: str = key("wss://fstream.binance.com/public", WS)
    market: str = key("wss://fstream.binance.com/market", WS)


@dataclass(frozen=True, slots=True)
class BinanceLinear:
    ws: BinanceLinearWs = BinanceLinearWs()
    rest: str = key("https://fapi.binance.com", REST)


@dataclass(frozen=True, slots=True)
class BinanceEndpoints:
    spot: Endpoint = Endpoint(ws="wss://stream.binance.com:9443", rest="https://api.binance.com")
    linear: BinanceLinear = BinanceLinear()


@dataclass(frozen=True, slots=True)
class BybitEndpoints:
    spot: Endpoint = Endpoint(
        ws="wss://stream.bybit.com/v5/public/spot", rest="https://api.bybit.com"
    )
    linear: Endpoint = Endpoint(
        ws="wss://stream.bybit.com/v5/public/linear", rest="https://api.bybit.com"
    )


@dataclass(frozen=True, slots=True)
class OkxWs:
    public: str = key("wss://ws.okx.com:8443/ws/v5/public", WS)
    business: str = key("wss://ws.okx.com:8443/ws/v5/business", WS)


@dataclass(frozen=True, slots=True)
class OkxEndpoints:
    """One set for all markets of the venue."""

    ws: OkxWs = OkxWs()
    rest: str = key("https://openapi.okx.com", REST)


@dataclass(frozen=True, slots=True)
class Exchange:
    enabled: bool = key(True, ON_OFF)
    symbols: tuple[str, ...] = key((), SYMBOLS)
    """Empty: those of Config.symbols that the venue has. See Config.symbols_of."""
    tls_ca: str | None = key(None, CA_FILE)
    """PEM file of an extra CA, for WebSocket and REST of this exchange."""


@dataclass(frozen=True, slots=True)
class Binance(Exchange):
    linear_trades: str = key("agg_trade", Choice("agg_trade", "trade"))
    """Of USD-M: `@aggTrade`, or `@trade`, which shows each fill but is undocumented."""
    endpoints: BinanceEndpoints = BinanceEndpoints()
    api_key: Secret = key(Secret(""), SecretText(), env="BINANCE_API_KEY")  # noqa: RUF009


@dataclass(frozen=True, slots=True)
class Bybit(Exchange):
    endpoints: BybitEndpoints = BybitEndpoints()


@dataclass(frozen=True, slots=True)
class Okx(Exchange):
    endpoints: OkxEndpoints = OkxEndpoints()


@dataclass(frozen=True, slots=True)
class Exchanges:
    binance: Binance = Binance()
    bybit: Bybit = Bybit()
    okx: Okx = Okx()

    def enabled(self) -> dict[str, Exchange]:
        """Name -> settings, in the order of the names."""
        every: dict[str, Exchange] = {row.name: getattr(self, row.name) for row in fields(self)}
        return {name: exchange for name, exchange in every.items() if exchange.enabled}


# --- redis -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Streams:
    kinds: tuple[str, ...] = key(STREAM_KINDS[:7], Names(*STREAM_KINDS))
    maxlen: int = key(100_000, Int(100, 10_000_000))
    """Entries a stream keeps, about."""


@dataclass(frozen=True, slots=True)
class Redis:
    url: Secret = key(DEFAULT_REDIS, RedisUrl())  # noqa: RUF009  (a Secret does not change)
    tls_ca: str | None = key(None, CA_FILE)
    embedded: str = key("auto", Choice("auto", "always", "never"))
    prefix: str = key("", Text(_is_prefix, "up to 64 of A-Z a-z 0-9 _ . : -"))
    cluster: bool = key(False, Flag(refused=True, why="not supported yet"))
    streams: Streams = Streams()
    buffer_mb: int = key(256, Int(1, 65_536))
    """Bound of what is unconfirmed or kept, in MiB."""
    keep_s: float = key(60.0, Number(60, 3600))

    @property
    def address(self) -> urls.RedisAddress:
        return urls.redis_address(self.url.reveal())


# --- safety, connection, http, runtime, log ----------------------------------------------


@dataclass(frozen=True, slots=True)
class Resync:
    max_per_minute: int = key(60, Int(1, 6000))
    """Of one exchange; the first snapshots after a start are not counted."""


@dataclass(frozen=True, slots=True)
class Liveness:
    """Silence after which a subscription (or a connection) is taken for dead."""

    trade_s: float = key(600.0, Number(0.1, 86_400))
    bbo_s: float = key(180.0, Number(0.1, 86_400))
    depth_s: float = key(120.0, Number(0.1, 86_400))
    connection_s: float = key(60.0, Number(0.1, 3600))


@dataclass(frozen=True, slots=True)
class Safety:
    resync: Resync = Resync()
    liveness: Liveness = Liveness()


@dataclass(frozen=True, slots=True)
class Connection:
    rotate_s: float = key(82_800.0, Number(1, 86_000))
    """Age at which a connection is replaced, before the venue cuts it at 24 h."""
    backoff_s: float = key(0.5, Number(0.01, 60))
    backoff_max_s: float = key(30.0, Number(0.01, 600))
    max_frame_mb: int = key(16, Int(1, 256))
    listing_s: float = key(900.0, Number(1, 86_400))
    """Seconds between two looks at the instruments of an endpoint."""


@dataclass(frozen=True, slots=True)
class Http:
    enabled: bool = key(True, ON_OFF)
    host: str = key("127.0.0.1", Text(urls.is_host, "host name or IP address to listen on"))
    port: int = key(9109, Int(0, 65_535, "0: any free one"))


@dataclass(frozen=True, slots=True)
class Runtime:
    loop: str = key("auto", Choice("auto", "uvloop", "asyncio"))
    workers: int = key(1, Int(1, 1, "more are not supported yet"))
    memory_limit_mb: int = key(0, Int(0, 1_048_576, "0: no limit"))


@dataclass(frozen=True, slots=True)
class Log:
    level: str = key("info", Choice("debug", "info", "warning", "error"))
    format: str = key("auto", Choice("auto", "json", "console"))
    summary_s: float = key(10.0, Number(1, 3600))


@dataclass(frozen=True, slots=True)
class Config:
    symbols: tuple[str, ...] = key(("BTCUSDT", "ETHUSDT", "BTCUSDT-PERP", "ETHUSDT-PERP"), SYMBOLS)
    exchanges: Exchanges = Exchanges()
    feeds: Feeds = Feeds()  # noqa: RUF009  (frozen)
    redis: Redis = Redis()
    safety: Safety = Safety()
    connection: Connection = Connection()
    http: Http = Http()
    runtime: Runtime = Runtime()
    log: Log = Log()

    def symbols_of(self, exchange: str) -> tuple[str, ...]:
        """The symbols wanted from this exchange ("binance"), own ones before the common ones."""
        own: Exchange = getattr(self.exchanges, exchange)
        return own.symbols or self.symbols


# Section -> other name of a key -> the key.
ALIASES: dict[str, dict[str, str]] = {
    "exchanges.binance.endpoints": {"usdm": "linear"},
    "exchanges.bybit.endpoints": {"usdm": "linear"},
}

# Keys of the public contract that later versions bring: refused by name, not as typing errors.
NOT_YET: dict[str, frozenset[str]] = {
    "": frozenset({"backfill", "archive", "analytics"}),
    "exchanges.binance.endpoints": frozenset({"inverse"}),
    "exchanges.bybit.endpoints": frozenset({"inverse"}),
}
