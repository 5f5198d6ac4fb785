"""Logs: one line each, no odd value raises, no secret shows, nothing floods."""

from __future__ import annotations

import enum
import io
import json
import logging
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p9.log import OURS, LogHandler, event, set_level, setup
from p9.log_limit import RateLimit
from p9.secret import Scrubber, Secret, scrub

log = logging.getLogger("p9.test")


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    for handler in [h for h in root.handlers if isinstance(h, LogHandler)]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(False)


def rows(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def one(value: object) -> Any:
    """What a value becomes in a JSON line."""
    stream = io.StringIO()
    setup(stream=stream)
    event(log, "info", "x", v=value)
    (row,) = rows(stream)
    return row["v"]


def test_json_line() -> None:
    stream = io.StringIO()
    setup(stream=stream)
    event(log, "warning", "book invalid", exchange="okx", symbol="币安人生USDT", n=3, msg="taken")
    log.info("plain %s", "text")
    log.debug("not shown")
    first, second = rows(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("ts"))
    assert first == {
        "level": "warning",
        "logger": "p9.test",
        "msg": "book invalid",
        "exchange": "okx",
        "symbol": "币安人生USDT",
        "n": 3,
        "msg_": "taken",
    }
    assert (second["msg"], second["level"]) == ("plain text", "info")
    assert "币安人生" in stream.getvalue()


def test_time_is_utc_of_the_record() -> None:
    stream = io.StringIO()
    handler = setup(stream=stream)
    record = logging.makeLogRecord({"name": "p9", "msg": "x", "created": 1.9999})
    handler.handle(record)
    assert rows(stream)[0]["ts"] == "1970-01-01T00:00:01.999Z"


def test_exception_is_in_the_line() -> None:
    stream = io.StringIO()
    setup(stream=stream)
    try:
        raise ValueError("at redis://:hunter22@h/0")
    except ValueError:
        log.exception("failed")
    (row,) = rows(stream)
    assert "ValueError: at redis://:***@h/0" in row["exc"]
    assert "Traceback" in row["exc"]


def test_format_follows_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for format, stream, json_lines, colour in [
        ("auto", io.StringIO(), True, False),
        ("auto", Screen(), False, True),
        ("json", Screen(), True, False),
        ("console", io.StringIO(), False, False),
    ]:
        setup(format=format, stream=stream)
        event(log, "info", "hello", a=1)
        text = stream.getvalue()
        assert text.startswith("{") == json_lines
        assert ("\x1b[" in text) == colour
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    setup(stream=screen)
    event(log, "info", "hello")
    assert "\x1b" not in screen.getvalue()


def test_console_lines_are_aligned_and_cannot_be_forged() -> None:
    stream = io.StringIO()
    setup(format="console", stream=stream)
    event(log, "info", "connected", exchange="okx", text="two words", none=None, list=[1, "a"])
    event(log, "warning", "a\nb\x1b[31m", k="x\ny\u202e", empty="")
    try:
        raise KeyError("z")
    except KeyError:
        log.exception("failed")
    lines = stream.getvalue().splitlines()
    assert re.match(r"\d{4}-\S+Z INFO    test         connected ", lines[0])
    assert lines[0].endswith('exchange=okx text="two words" none=null list=[1,"a"]')
    assert lines[0].index("exchange=") == lines[1].index("k=")
    assert "a\\nb\\x1b[31m" in lines[1]
    assert lines[1].endswith('k=x\\ny\\u202e empty=""')
    assert lines[2].rstrip().endswith("failed")
    assert all(line.startswith("    ") for line in lines[3:])
    assert lines[-1].strip() == "KeyError: 'z'"


def test_second_setup_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    setup(stream=first)
    setup(stream=second)
    event(log, "info", "x")
    assert not first.getvalue()
    assert len(rows(second)) == 1


def test_levels_are_ours_only_and_change_while_running() -> None:
    stream = io.StringIO()
    setup("error", stream=stream)
    event(log, "warning", "no")
    set_level("debug")
    event(log, "debug", "yes")
    logging.getLogger("aiohttp.access").info("no")
    logging.getLogger("asyncio").warning("yes too")
    assert [row["msg"] for row in rows(stream)] == ["yes", "yes too"]


# --- odd values --------------------------------------------------------------------------


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class BrokenAllOver(Broken):
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise RuntimeError("no class either")


class BrokenText(str):
    def __str__(self) -> str:
        raise RuntimeError("no")


class BrokenDict(dict[str, object]):
    def items(self) -> Any:
        raise RuntimeError("no")


class Colour(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (1.5, 1.5),
        (True, True),
        (None, None),
        (1790000000456000000, 1790000000456000000),
        (10**5000, "<integer of 16610 bits>"),
        (Colour.RED, 1),
        (Decimal("0.10"), "0.10"),
        (b"ab\xff", "ab\\xff"),
        (bytearray(b"x"), "x"),
        (Broken(), "<unprintable Broken>"),
        (BrokenAllOver(), "<unprintable BrokenAllOver>"),
        (BrokenText("x"), "<unprintable BrokenText>"),
        (BrokenDict(a=1), "<unprintable BrokenDict>"),
        ((1, {2}), [1, [2]]),
        (ValueError("bad"), "ValueError: bad"),
        (TimeoutError(), "TimeoutError"),
        ({1: 2}, {"1": 2}),
        ("\ud800", "\ud800"),
        ("a\u2028b", "a\u2028b"),
        (Secret("hunter22"), "***"),
        ({"password": "x", "api_key": None, "a": {"x-mbx-apikey": "y"}},
         {"password": "***", "api_key": None, "a": {"x-mbx-apikey": "***"}}),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_odd_values(value: object, want: object) -> None:
    assert one(value) == want


def test_big_values_are_cut() -> None:
    assert one("x" * 10_000) == "x" * 2000 + "… (10000 characters)"
    assert len(one(list(range(1000)))) == 51
    assert len(one({str(i): i for i in range(1000)})) == 51
    loop: list[object] = []
    loop.append(loop)
    assert "[" in json.dumps(one(loop))


@pytest.mark.parametrize(
    ("text", "args"),
    [("%d", ("x",)), ("%s %s", (1,)), ("%s", (Broken(),)), ("x", (1,)), (Broken(), ())],
    ids=range(5),
)
@pytest.mark.parametrize("format", ["json", "console"])
def test_bad_calls_do_not_raise(text: Any, args: tuple[object, ...], format: str) -> None:
    stream = io.StringIO()
    handler = setup(format=format, stream=stream)
    logging.getLogger().handlers[:] = [handler]  # pytest's own ones do raise
    log.info(text, *args)
    log.info("x", extra={"f": Broken()})
    log.info("x", extra={"f": BrokenAllOver()})
    log.info("x", extra={"f": {"exchange": Broken(), "symbol": BrokenAllOver()}})
    log.info("x", extra={"f": 5})
    assert len(stream.getvalue().splitlines()) == 5
    assert handler.lost == 0


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text()
                    | st.binary(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)),
       st.sampled_from(["json", "console"]))  # fmt: skip
def test_any_value_makes_one_line(value: object, format: str) -> None:
    stream = io.StringIO()
    handler = setup(format=format, stream=stream)
    event(log, "info", "x", v=value)
    assert stream.getvalue().count("\n") == 1
    assert len(stream.getvalue().splitlines()) == 1
    assert handler.lost == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "utf-16-le"])
def test_any_encoding_of_the_stream(encoding: str) -> None:
    raw = io.BytesIO()
    setup(format="json", stream=io.TextIOWrapper(raw, encoding=encoding, errors="strict"))
    event(log, "info", "x", v="币 \ud800 ä")
    row = json.loads(raw.getvalue().decode(encoding))
    assert row["v"] == "币 \ud800 ä"


def test_a_dead_stream_is_counted() -> None:
    stream = io.StringIO()
    handler = setup(stream=stream)
    stream.close()
    event(log, "info", "x")
    assert handler.lost == 1


# --- secrets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("redis://u:p@h:1/0", "redis://u:***@h:1/0"),
        ("at redis://:p@ss@h/0, retry", "at redis://:***@h/0, retry"),
        ("https://token@h/x", "https://***@h/x"),
        ("wss://s.binance.com:9443/ws/btcusdt@depth@100ms",
         "wss://s.binance.com:9443/ws/btcusdt@depth@100ms"),
        ("unix://u:p@/run/x", "unix://u:***@/run/x"),
        ("X-MBX-APIKEY: abc, x", "X-MBX-APIKEY: ***, x"),
        ("{'api_key': 'abc', 'a': 1}", "{'api_key': '***', 'a': 1}"),
        ("?signature=ab12&x=1", "?signature=***&x=1"),
        ("password=hunter2", "password=***"),
        ("redis://a:b@h redis://c:d@h", "redis://a:***@h redis://c:***@h"),
        ("nothing here: 5@6", "nothing here: 5@6"),
    ],
)  # fmt: skip
def test_scrub(text: str, want: str) -> None:
    assert scrub(text) == want
    assert scrub(want) == want


def test_known_secrets_are_blanked_wherever_they_stand() -> None:
    stream = io.StringIO()
    setup(stream=stream, secrets=["hunter22", "hunter22-longer", "abc"])
    log.error("got hunter22-longer and %s, abc", "hunter22")
    event(log, "info", "hunter22", a=["x hunter22"], hunter22=b"hunter22")
    try:
        raise ValueError("hunter22")
    except ValueError:
        log.exception("x")
    assert "hunter22" not in stream.getvalue()
    assert rows(stream)[0]["msg"] == "got *** and ***, abc"


def test_scrubbing_hostile_text_is_quick() -> None:
    clean = Scrubber()
    for text in ("://" * 100_000, "a" * 300_000, "password" * 40_000, "://a:" * 60_000):
        clean(text)  # a quadratic pattern would run into the time limit of the test


# --- limits ------------------------------------------------------------------------------


def record(text: str, **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "p9", "msg": text, "levelno": 30, "f": fields})


def admitted(limit: RateLimit, now_s: float, text: str, times: int, **fields: object) -> int:
    return sum(limit.admit(record(text, **fields), now_s) for _ in range(times))


def test_one_message_cannot_flood_and_the_rest_is_told() -> None:
    limit = RateLimit(5, 10.0)
    assert admitted(limit, 0.0, "a", 100, exchange="okx") == 5
    assert admitted(limit, 1.0, "a", 100, exchange="bybit") == 5
    assert admitted(limit, 1.0, "b", 3) == 3
    assert limit.due(9.9) == []
    (note,) = limit.due(10.0)
    assert note.msg == "suppressed"
    assert note.levelno == 30
    assert note.__dict__["f"] == {
        "of": "a", "suppressed": 95, "within_s": 10.0, "exchange": "okx",
    }  # fmt: skip
    assert admitted(limit, 10.0, "a", 100, exchange="okx") == 5
    assert [n.__dict__["f"]["suppressed"] for n in limit.due(math.inf)] == [95, 95]
    assert limit.suppressed == 285


def test_all_messages_together_cannot_flood() -> None:
    limit = RateLimit(5, 10.0, per_s=10.0, burst=20)
    assert sum(admitted(limit, 0.0, f"text {i}", 1) for i in range(1000)) == 20
    assert sum(admitted(limit, 1.0, f"other {i}", 1) for i in range(1000)) == 10
    (note,) = limit.due(10.0)
    assert note.msg == "too many lines"
    assert note.__dict__["f"]["suppressed"] == 1970
    assert limit.due(math.inf) == []


def test_the_limit_itself_is_bounded() -> None:
    limit = RateLimit(1, 10.0, burst=10**6, max_kinds=100)
    for i in range(5000):
        admitted(limit, 0.0, f"text {i}", 2)
    assert len(limit._windows) == 100
    assert len(limit._pushed_out) == 100
    assert len(limit.due(math.inf)) == 200


def test_handler_writes_the_notes_and_the_last_ones_on_closing() -> None:
    stream = io.StringIO()
    handler = setup(stream=stream, limit=RateLimit(2, 3600.0))
    for i in range(7):
        log.warning("again %d", i)
    assert [row["msg"] for row in rows(stream)] == ["again 0", "again 1"]
    handler.close()
    last = rows(stream)[-1]
    assert (last["of"], last["suppressed"], last["logger"]) == ("again %d", 5, "p9.test")
