"""Times, limits and switches of the local venue; the defaults are the venues' own figures."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Timing:
    """The venues' clocks, all in seconds."""

    spot_ping_s: float = 20.0  # Binance spot: server ping, and how long a pong may take
    spot_pong_s: float = 60.0
    linear_ping_s: float = 180.0  # Binance USD-M
    linear_pong_s: float = 600.0
    life_s: float = 86_400.0  # every connection is cut after this (Binance's 24 h)
    okx_idle_s: float = 30.0  # OKX: nothing pushed for this long closes with 4004
    okx_repeat_s: float = 60.0  # OKX: heartbeat of `books`, repeat of `bbo-tbt`
    okx_funding_s: float = 45.0  # OKX `funding-rate`: pushed each 2/3 to 2 times this
    insurance_s: float = 60.0  # Binance, Bybit: how often an insurance fund may change
    bybit_repeat_s: float = 3.0  # Bybit: repeat of an unchanged orderbook.1
    bybit_idle_s: float = 600.0  # Bybit: no ping and no data either way
    depth_s: float = 0.1  # least time between two depth pushes of an instrument
    weight_window_s: float = 60.0  # Binance REST weight window
    ban_s: float = 120.0  # Binance 418, Bybit 403

    def scaled(self, factor: float) -> Timing:
        """Every time divided by `factor`, except the pace of the data."""
        return replace(
            self,
            **{f.name: getattr(self, f.name) / factor for f in fields(self) if f.name != "depth_s"},
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What a venue refuses; 0 switches a limit off."""

    spot_messages_per_s: int = 5  # Binance: ping, pong and control messages from the client
    linear_messages_per_s: int = 10
    streams: int = 1024  # Binance streams per connection
    topic_chars: int = 21_000  # Bybit: all topics of a connection together
    spot_args: int = 10  # Bybit spot: topics per request
    okx_ops_per_hour: int = 480
    okx_request_bytes: int = 65_536
    spot_weight: int = 6_000  # Binance REST, per weight_window_s
    linear_weight: int = 2_400
    bybit_requests_per_5s: int = 600
    okx_requests: bool = True  # OKX: n per 2 s and endpoint
    # new connections per venue: (count, seconds)
    connects: dict[str, tuple[int, float]] = field(
        default_factory=lambda: {"binance": (300, 300.0), "bybit": (500, 300.0), "okx": (3, 1.0)}
    )
    funding_requests: int = 500  # Binance: fundingRate and fundingInfo, per 5 weight_window_s
    data_requests: int = 1_000  # Binance: /futures/data, likewise

    @classmethod
    def none(cls) -> Limits:
        """Refuses nothing for being too much."""
        off: dict[str, Any] = {f.name: 0 for f in fields(cls)}
        return cls(**{**off, "okx_requests": False, "connects": {}})


@dataclass(frozen=True, slots=True)
class Options:
    """How a venue is set up. `rate` is the number of messages generated a second, over all
    instruments that somebody subscribed to since the start; 0 stands still (`pump` moves it)."""

    seed: int = 1
    rate: float = 200.0
    extra_symbols: int = 0
    step_s: float = 0.004  # data is made and written this often
    plain: bool = False  # ws:// and http:// instead of TLS
    host: str = "127.0.0.1"
    port: int = 0  # first of eight consecutive ports; 0: any free ones
    ca_dir: str = ""  # where ca.pem goes; "": a temporary directory
    control: bool = True
    okx_snapshot: bool = True  # OKX pushes the opening snapshot of `books`
    nested_errors: bool = False  # Binance errors as {"error": {...}, "id": n}
    log_books: bool = True  # keep what rebuilds any recent book state
    log_limit: int = 10_000  # depth events and trades kept per instrument and stream
    events_s: float = 60.0  # an instrument has a liquidation this often, a block rarer; 0: none
    report_limit: int = 1_000  # of what was said on slow streams, per instrument and kind
    max_levels: int = 0  # cap on the levels a side, 0: the instrument's own
    max_buffer_bytes: int = 32 << 20  # a reader further behind than this is cut off
    recording: str = ""  # a file to play instead of generating that market
    speed: float = 1.0  # of the recording; 0: as fast as it can be read
    timing: Timing = field(default_factory=Timing)
    limits: Limits = field(default_factory=Limits)
