"""`python -m tests.venue`: the local venue by hand, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import signal
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import replace

from .control import EXAMPLES
from .faults import REST_MODES
from .options import Limits, Options, Timing
from .server import LocalVenue

PORT = 19441  # what configs/local.yaml names
CA_DIR = ".local-venue"


def listed(names: Iterable[str]) -> str:
    text = ", ".join(dict.fromkeys(names))
    return textwrap.fill(text, 96, initial_indent="  ", subsequent_indent="  ")


STREAMS = f"""\
streams beside trades, best prices and depth:
  binance spot    @ticker @kline_<i> @blockTrade
  binance linear  @markPrice[@1s] @ticker @kline_<i> @forceOrder, on the route /market
  bybit           tickers kline; linear also allLiquidation, insurance.USDT
  okx public      tickers mark-price index-tickers funding-rate open-interest liquidation-orders
  okx business    candle<bar> public-block-trades
REST beside instruments, depth and trades: what is polled of mark and index prices, funding,
open interest, account ratios, insurance funds, tickers and candles, with the venues' budgets.
faults, by HTTP on the control port (its / lists them, /reports shows what was said):
{listed(name for name, _ in EXAMPLES)}
modes of the fault rest:
{listed(REST_MODES)}
"""


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.venue",
        description="Binance, Bybit and OKX on loopback: generated or recorded market data.",
        epilog=STREAMS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=PORT, help="first of eight ports (default %(default)s)")
    add("--rate", type=float, default=500.0, help="messages a second in all (default %(default)s)")
    add(
        "--step",
        type=float,
        default=Options().step_s,
        metavar="SECONDS",
        help="data is made and written this often (default %(default)s)",
    )
    add(
        "--events",
        type=float,
        default=Options().events_s,
        metavar="SECONDS",
        help="an instrument has a liquidation this often, a block trade rarer; 0: never "
        "(default %(default)s)",
    )
    add(
        "--funding",
        type=float,
        default=Timing().okx_funding_s,
        metavar="SECONDS",
        help="OKX funding-rate comes each 2/3 to 2 times this (default %(default)s)",
    )
    add("--symbols", type=int, default=0, help="generated symbols per market beside the usual ones")
    add("--seed", type=int, default=1, help="of the random walk (default %(default)s)")
    add("--recordings", metavar="FILE", default="", help="play this recorded market instead")
    add("--speed", type=float, default=1.0, help="of the recording; 0: as fast as possible")
    add("--plain", action="store_true", help="ws:// and http:// instead of TLS")
    add("--ca-dir", default=CA_DIR, help="where the CA is kept (default ./%(default)s)")
    add("--time-scale", type=float, default=1.0, help="divides pings, idle times, the 24 h cut")
    add("--no-limits", action="store_true", help="refuse nothing for being too much")
    add("--no-okx-snapshot", action="store_true", help="OKX pushes no opening snapshot")
    add("--no-books", action="store_true", help="keep no book states (for long load runs)")
    return parser.parse_args(argv)


def options(args: argparse.Namespace) -> Options:
    return Options(
        seed=args.seed,
        rate=args.rate,
        step_s=args.step,
        extra_symbols=args.symbols,
        plain=args.plain,
        port=args.port,
        ca_dir=args.ca_dir,
        okx_snapshot=not args.no_okx_snapshot,
        log_books=not args.no_books,
        log_limit=2_000,
        report_limit=200,
        recording=args.recordings,
        speed=args.speed,
        events_s=args.events,
        timing=replace(Timing(), okx_funding_s=args.funding).scaled(args.time_scale),
        limits=Limits.none() if args.no_limits else Limits(),
    )


def announce(venue: LocalVenue) -> None:
    print("endpoints:")
    for name, ends in venue.urls.items():
        print(f"  {name:8} {json.dumps(ends)}")
    print(f"CA certificate: {venue.ca_file or '(plain)'}")
    if venue.playback is not None:
        print(f"playing {venue.playback.path} as {venue.playback.room.name} to its subscribers")
    print("tell it to misbehave:")
    for name, query in EXAMPLES:
        print(f"  curl -X POST '{venue.control_url}/fault/{name}{'?' if query else ''}{query}'")
    print(f"  curl {venue.control_url}/state", flush=True)


async def serve(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with LocalVenue(options(args)) as venue:
        announce(venue)
        then = 0
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), 10.0)
            except TimeoutError:
                made = venue.stats["messages"]
                conns = ", ".join(f"{room.name} {len(room.conns)}" for room in venue.rooms.values())
                print(f"{(made - then) / 10:.0f} messages/s; connections: {conns}", flush=True)
                then = made


def main() -> int:
    args = arguments()
    logging.basicConfig(level=logging.WARNING)
    # A full collection stops a venue of 150 instruments for 0.25 s, what it then makes up for is a
    # burst that no venue sends, and it finds nothing: the market's data is without cycles.
    gc.disable()
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(args))
    else:
        uvloop.run(serve(args))
    return 0


if __name__ == "__main__":
    sys.exit(main())
