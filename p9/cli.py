"""The commands: arguments in, exit status out. The only place that picks the event loop, sets
up logging, and turns errors into words for a person.

Exit status: 0 done; 2 bad usage, configuration or input; 3 could not serve; what else a
command may end with stands at its function.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from p9 import __version__, config, log

OK, BAD_INPUT, CANNOT_SERVE = 0, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except config.ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="p9",
        description="Crypto market data: exact books and trades from Binance, Bybit "
        "and OKX to Redis.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = _add(commands, "run", _run, "connect, normalise and publish until SIGINT or SIGTERM")
    run.add_argument("--duration", type=_seconds, metavar="S", help="end after S seconds")
    run.add_argument("--record", type=Path, metavar="DIR", help="record raw frames into DIR")

    _add(commands, "check", _check, "validate the configuration, print every error in it")

    replay = _add(commands, "replay", _replay, "recorded frames through the same core")
    replay.add_argument("paths", nargs="+", metavar="PATH", help="recordings or folders of them")
    replay.add_argument(
        "--speed",
        type=_speed,
        default=None,
        metavar="max|1|N",
        help="of the recording's own pace (default max)",
    )
    to = replay.add_mutually_exclusive_group()
    to.add_argument("--out", metavar="FILE", help="one line per message; - for standard output")
    to.add_argument("--redis", metavar="URL", help="publish to this Redis")
    replay.add_argument("--venue", metavar="V", help="of plain files: binance, bybit, okx")
    replay.add_argument("--market", metavar="M", help="of plain files: spot, linear")
    replay.add_argument("--strict", action="store_true", help="exit 4 on an integrity fault")
    replay.add_argument("--report", metavar="FILE", help="write the report as JSON too")

    tail = _add(commands, "tail", _tail, "a readable live view of channels")
    tail.add_argument("patterns", nargs="+", metavar="PATTERN", help="channels, as 'trade:okx:*'")
    tail.add_argument("--redis", metavar="URL", help="read from this Redis")

    symbols = _add(commands, "symbols", _symbols, "the exchanges' instruments and what each lacks")
    symbols.add_argument("--all", action="store_true", help="all that is listed")
    symbols.add_argument(
        "--refresh", action="store_true", help="fetch anew; it always does, nothing is kept yet"
    )

    version = commands.add_parser("version", help="versions, and how the core was built")
    version.set_defaults(command=_version)
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help="default: $P9_CONFIG, ./configs/config.yaml, built-in defaults",
    )
    parser.set_defaults(command=command)
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text}: not a positive number of seconds")
    return value


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text}: not max or a positive number")
    return value


def _run(arguments: argparse.Namespace) -> int:
    """3: Redis not reached within 30 s of the start, a port taken, no embedded server."""
    from p9.app import App, CannotStart

    settings = config.load(arguments.config)
    log.setup(settings.log.level, settings.log.format, secrets=config.secrets(settings))
    app = App(
        settings,
        record=arguments.record,
        duration_s=arguments.duration,
        load=lambda: config.load(arguments.config),
    )
    try:
        with asyncio.Runner(loop_factory=_loop_factory(settings.runtime.loop)) as runner:
            runner.run(app.run())
    except CannotStart as error:
        print(f"p9: {error}", file=sys.stderr)
        return CANNOT_SERVE
    return OK


def _loop_factory(wanted: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if wanted == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        if wanted == "uvloop":
            raise config.ConfigError(
                [config.Problem("runtime.loop", 0, "uvloop is not installed")]
            ) from None
        return None
    return uvloop.new_event_loop


def _check(arguments: argparse.Namespace) -> int:
    settings = config.load(arguments.config)
    where = config.find(arguments.config)
    print(f"{where or 'built-in defaults'}: ok")
    for name in settings.exchanges.enabled():
        print(f"  {name}: {', '.join(settings.symbols_of(name))}")
    print(f"  feeds: {', '.join(settings.feeds.enabled())}")
    print(f"  redis: {settings.redis.url}")
    return OK


def _replay(arguments: argparse.Namespace) -> int:
    """3: Redis not reached. 4: an integrity fault, with --strict."""
    from p9.replay import command as replay

    settings = config.load(arguments.config) if arguments.config else None
    log.setup("warning", "auto", secrets=config.secrets(settings) if settings else ())
    return replay.run(
        replay.Options(
            paths=tuple(arguments.paths),
            config=settings,
            speed=arguments.speed,
            out=arguments.out,
            redis=arguments.redis,
            venue=arguments.venue,
            market=arguments.market,
            strict=arguments.strict,
            report=arguments.report,
        )
    )


def _tail(arguments: argparse.Namespace) -> int:
    """3: Redis not reached at the start."""
    from p9.tail import command as tail

    settings = config.load(arguments.config)
    log.setup("warning", "auto", secrets=config.secrets(settings))
    return tail.run(tail.Options(tuple(arguments.patterns), settings, arguments.redis))


def _symbols(arguments: argparse.Namespace) -> int:
    """3: no exchange was reached."""
    from p9.symbols import command as symbols

    settings = config.load(arguments.config)
    log.setup("error", "auto", secrets=config.secrets(settings))  # the report says what failed
    return symbols.run(symbols.Options(settings, every=arguments.all))


def _version(_: argparse.Namespace) -> int:
    print(f"p9      {__version__}")
    print(
        f"python  {platform.python_version()} {platform.python_implementation()}, "
        f"{platform.system()} {platform.machine()}"
    )
    try:
        from p9core._buildinfo import BUILD
    except ImportError:
        print("p9core  not built")
        return BAD_INPUT
    print(f"p9core  {__version__}, built with")
    for name, value in BUILD.items():
        print(f"  {name:9} {value}")
    return OK
