"""Bybit v5: spot and linear (one JSON topic per stream, snapshots by WebSocket only)."""

from __future__ import annotations

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
    OPEN_INTEREST,
    TICKER,
    TRADE,
)
from ..offered import NOT_SPOT
from ..table import Absent, Endpoint, FeedRow, Heartbeat, Limits, Poll
from . import listing, rest
from .wire import BybitWire

_TRADE = FeedRow(
    TRADE,
    "main",
    "publicTrade.{s}",
    also=(BLOCK_TRADE,),  # by a flag
    witness=(DEPTH,),
    witness_s=60.0,
    weak=True,
    events=True,
)
# the same snapshot again every 3 s: the one stream here whose silence is proof
_BBO = FeedRow(BBO, "main", "orderbook.1.{s}", first_s=5.0, repeat_s=3.0)
_DEPTH = FeedRow(
    DEPTH,
    "main",
    "orderbook.{levels}.{s}",
    first_s=5.0,
    witness=(TRADE,),
    witness_s=8.0,
    levels=(50, 200, 1000),
)
_KLINE = FeedRow(
    CANDLES, "main", "kline.1.{s}", witness=(TRADE,), witness_s=60.0, weak=True, events=True
)
_SPOT_FEEDS = (
    _TRADE,
    _BBO,
    _DEPTH,
    FeedRow(
        TICKER, "main", "tickers.{s}", first_s=5.0, witness=(TRADE,), witness_s=30.0, weak=True
    ),
    _KLINE,
)
_LINEAR_FEEDS = (
    _TRADE,
    _BBO,
    _DEPTH,
    FeedRow(
        TICKER,
        "main",
        "tickers.{s}",
        also=(MARK, INDEX, FUNDING, OPEN_INTEREST),
        first_s=5.0,
        witness=(TRADE, DEPTH),
        witness_s=20.0,
        weak=True,
    ),
    _KLINE,
    FeedRow(LIQUIDATION, "main", "allLiquidation.{s}", events=True),
)
_LINEAR_ABSENT = (
    Absent(FUNDING, "dated futures have no funding", (FUTURE,)),
    Absent(
        LONG_SHORT,
        "documented for USDT perpetuals only",
        only=lambda one: not rest.has_ratio(one),
    ),
)


def _endpoint(
    market: str,
    feeds: tuple[FeedRow, ...],
    polls: tuple[Poll, ...],
    absent: tuple[Absent, ...],
    per_request: int,
) -> Endpoint:
    name = f"bybit:{market}"
    return Endpoint(
        name=name,
        exchange="bybit",
        markets=(market,),
        config_key=market,
        ws_path="",
        feeds=feeds,
        limits=Limits(
            topics_per_connection=450,
            topics_per_request=per_request,
            bytes_per_request=16_000,
            chars_per_connection=18_000,
            spacing_s=0.02,
            connect_interval_s=0.7,
            connect_burst=4,  # 500 in 5 minutes
            life_s=24 * 3600.0,  # not documented; users report drops
        ),
        heartbeat=Heartbeat(every_s=20.0, pong_s=10.0, idle=False),
        wire=BybitWire(),
        book_by_ids=False,
        parse=lambda body: listing.parse(body, name),
        listing_calls=(rest.listing_call(name),),
        next_page=listing.next_page,
        # REST ids belong to the 1000-level stream alone: the only repair is to subscribe again
        depth_call=lambda venue_id, levels: None,
        depth_limits=(),
        pools=rest.POOLS,
        fault=rest.fault,
        classify=partial(rest.classify, name),
        fallback=lambda venue_id: listing.fallback(venue_id, name),
        polls=polls,
        absent=absent,
        kline_call=partial(rest.kline_call, name),
    )


SPOT_ENDPOINT = _endpoint("spot", _SPOT_FEEDS, (), NOT_SPOT, 10)
LINEAR_ENDPOINT = _endpoint("linear", _LINEAR_FEEDS, rest.POLLS, _LINEAR_ABSENT, 200)
ENDPOINTS = (SPOT_ENDPOINT, LINEAR_ENDPOINT)


def ws_endpoint(host: str, path: str) -> str | None:
    """The endpoint of a WebSocket address."""
    for endpoint in ENDPOINTS:
        if path.rstrip("/").endswith(f"/v5/public/{endpoint.config_key}"):
            return endpoint.name
    return None
