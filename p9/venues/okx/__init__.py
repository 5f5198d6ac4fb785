"""OKX v5: spot, swaps and futures on one set of addresses; sizes of derivatives are contracts."""

from __future__ import annotations

from ..instrument import (
    BBO,
    BLOCK_TRADE,
    CANDLES,
    DEPTH,
    FUNDING,
    FUTURE,
    IMBALANCE,
    INDEX,
    INVERSE,
    LINEAR,
    LIQUIDATION,
    MARK,
    OPEN_INTEREST,
    PERPETUAL,
    SPOT,
    TICKER,
    TRADE,
    Instrument,
)
from ..offered import NOT_SPOT
from ..table import Absent, Endpoint, FeedRow, Heartbeat, Limits
from . import listing, rest
from .rest import DERIVATIVES, NAME
from .wire import OkxWire


def _inverse(one: Instrument) -> bool:
    return one.market == INVERSE


_FEEDS = (
    FeedRow(
        TRADE,
        "public",
        "trades:{s}",
        witness=(BBO, DEPTH),
        witness_s=60.0,
        weak=True,
        events=True,
    ),
    # both come at once when subscribed and again after about a minute without a change
    FeedRow(
        BBO,
        "public",
        "bbo-tbt:{s}",
        first_s=10.0,
        repeat_s=60.0,
        witness=(TRADE,),
        witness_s=20.0,
    ),
    FeedRow(
        DEPTH, "public", "books:{s}", first_s=10.0, repeat_s=60.0, witness=(BBO,), witness_s=5.0
    ),
    FeedRow(
        TICKER, "public", "tickers:{s}", witness=(TRADE,), witness_s=30.0, weak=True, events=True
    ),
    # what moves by itself, and is sent again without a change
    FeedRow(MARK, "public", "mark-price:{s}", kinds=DERIVATIVES, repeat_s=10.0),
    FeedRow(INDEX, "public", "index-tickers:{index}", kinds=DERIVATIVES, repeat_s=60.0),
    FeedRow(FUNDING, "public", "funding-rate:{s}", kinds=(PERPETUAL,), repeat_s=90.0),
    # each 3 s when it changed: by some trades, not by those that hand a position on
    FeedRow(
        OPEN_INTEREST,
        "public",
        "open-interest:{s}",
        kinds=DERIVATIVES,
        witness=(TRADE,),
        witness_s=300.0,
        weak=True,
        events=True,
    ),
    FeedRow(LIQUIDATION, "public", "liquidation-orders:{type}", kinds=DERIVATIVES, events=True),
    FeedRow(
        CANDLES,
        "business",
        "candle1m:{s}",
        witness=(TRADE,),
        witness_s=60.0,
        weak=True,
        events=True,
    ),
    FeedRow(BLOCK_TRADE, "business", "public-block-trades:{s}", events=True),
)

ENDPOINT = Endpoint(
    name=NAME,
    exchange=NAME,
    markets=(SPOT, LINEAR, INVERSE),
    config_key="",
    ws_path="",
    feeds=_FEEDS,
    limits=Limits(
        topics_per_connection=240,  # there is a cap, which is not told; books come first
        topics_per_request=100,
        bytes_per_request=48_000,
        books_per_connection=28,
        spacing_s=0.1,
        operations_per_hour=460,
        connect_interval_s=0.5,  # 3 a second
        connect_burst=1,
    ),
    heartbeat=Heartbeat(every_s=20.0, pong_s=8.0, idle=True),
    wire=OkxWire(),
    book_by_ids=False,
    parse=listing.parse,
    listing_calls=rest.LISTINGS,
    next_page=lambda call, page: None,
    depth_call=rest.depth_call,
    depth_limits=(400,),
    pools=rest.POOLS,
    fault=rest.fault,
    classify=rest.classify,
    fallback=listing.fallback,
    polls=rest.POLLS,
    absent=(
        *NOT_SPOT,
        Absent(FUNDING, "dated futures have no funding", (FUTURE,)),
        Absent(IMBALANCE, "no analytics of inverse contracts", only=_inverse),
        Absent(CANDLES, "no analytics of inverse contracts", only=_inverse),
    ),
    kline_call=rest.kline_call,
)
ENDPOINTS = (ENDPOINT,)


def ws_endpoint(host: str, path: str) -> str | None:
    """The endpoint of a WebSocket address: one for all of them."""
    return NAME if "/ws/v5/" in f"{path}/" else None
