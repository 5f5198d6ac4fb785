"""Binance: spot and USD-M futures (protocol: combined streams, JSON control, REST depth)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ..instrument import (
    BBO,
    BLOCK_TRADE,
    CANDLES,
    DEPTH,
    FUNDING,
    FUTURE,
    INDEX,
    LIQUIDATION,
    LONG_SHORT,
    MARK,
    TICKER,
    TRADE,
)
from ..offered import NOT_SPOT
from ..table import Absent, Endpoint, FeedRow, Heartbeat, Limits, Poll
from . import listing, rest
from .wire import BinanceWire

# No promise of repeats but for the mark price: on a quiet market these streams are silent for
# minutes, and a misspelt or delisted one is acknowledged like a good one. So silence counts
# against what else of the symbol moves. A change of the best price is a change of the book.
_TRADE = FeedRow(
    TRADE, "main", "{s}@trade", witness=(BBO, DEPTH), witness_s=60.0, weak=True, events=True
)
_BBO = FeedRow(BBO, "main", "{s}@bookTicker", witness=(TRADE,), witness_s=20.0)
_DEPTH = FeedRow(DEPTH, "main", "{s}@depth@100ms", witness=(BBO,), witness_s=8.0)
_TICKER = FeedRow(
    TICKER, "main", "{s}@ticker", witness=(TRADE,), witness_s=30.0, weak=True, events=True
)
_KLINE = replace(_TICKER, feed=CANDLES, topic="{s}@kline_1m")
_BLOCK = FeedRow(BLOCK_TRADE, "main", "{s}@blockTrade", events=True)

_SPOT_FEEDS = (_TRADE, _BBO, _DEPTH, _TICKER, _KLINE, _BLOCK)

# Depth and quotes travel on /public, everything else on /market; a stream asked for on the
# wrong one is acknowledged and stays silent for ever.
_LINEAR_FEEDS = (
    replace(_TRADE, socket="market", topic="{s}@aggTrade"),
    replace(_TRADE, socket="public", option=True),  # undocumented there
    replace(_BBO, socket="public"),
    replace(_DEPTH, socket="public"),
    # each second, come what may; a pause of some seconds is no fault yet
    FeedRow(MARK, "market", "{s}@markPrice@1s", also=(INDEX, FUNDING), first_s=5.0, repeat_s=3.0),
    replace(_TICKER, socket="market"),
    replace(_KLINE, socket="market"),
    FeedRow(LIQUIDATION, "market", "{s}@forceOrder", events=True),
)
_LINEAR_ABSENT = (
    Absent(FUNDING, "dated futures have no funding", (FUTURE,)),
    Absent(LONG_SHORT, "known of perpetuals only", (FUTURE,)),
)


def _endpoint(
    market: str, feeds: tuple[FeedRow, ...], polls: tuple[Poll, ...], absent: tuple[Absent, ...]
) -> Endpoint:
    name = f"binance:{market}"
    return Endpoint(
        name=name,
        exchange="binance",
        markets=(market,),
        config_key=market,
        ws_path="/stream",
        feeds=feeds,
        limits=Limits(
            topics_per_connection=400,
            topics_per_request=200,
            bytes_per_request=16_000,
            spacing_s=0.3,  # 5 (spot) and 10 (futures) messages a second, some of them pongs
            connect_interval_s=1.1,
            connect_burst=6,  # 300 attempts in 5 minutes
            life_s=24 * 3600.0,
        ),
        heartbeat=Heartbeat(every_s=20.0, pong_s=10.0, idle=True),
        wire=BinanceWire(),
        book_by_ids=True,
        parse=lambda body: listing.parse(body, name),
        listing_calls=(rest.LISTING[name],),
        next_page=lambda call, page: None,
        depth_call=partial(rest.depth_call, name),
        depth_limits=tuple(n for n, _ in rest.DEPTH_WEIGHT[name]),
        pools=rest.POOLS[name],
        fault=rest.fault,
        classify=partial(rest.classify, name),
        fallback=lambda venue_id: listing.fallback(venue_id, name),
        polls=polls,
        absent=absent,
        kline_call=partial(rest.kline_call, name),
    )


SPOT_ENDPOINT = _endpoint("spot", _SPOT_FEEDS, (), NOT_SPOT)
LINEAR_ENDPOINT = _endpoint("linear", _LINEAR_FEEDS, rest.POLLS, _LINEAR_ABSENT)
ENDPOINTS = (SPOT_ENDPOINT, LINEAR_ENDPOINT)


def ws_endpoint(host: str, path: str) -> str | None:
    """The endpoint of a WebSocket address: futures by host or routed path."""
    if "fstream" in host or path.startswith(("/public/", "/market/")):
        return LINEAR_ENDPOINT.name
    if "dstream" in host:
        return None
    if path.startswith(("/ws", "/stream")) and not path.startswith("/ws/v5"):
        return SPOT_ENDPOINT.name
    return None
