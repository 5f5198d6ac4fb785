"""The live view: each kind's line, what is left out, holes, garbage, and a real Redis on the
other side of a pipe and of a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import ssl
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from p9.config import Config
from p9.config.urls import redis_address, redis_url
from p9.tail import command
from p9.tail import reader as reader_module
from p9.tail.kinds import KINDS
from p9.tail.layout import Layout
from p9.tail.message import REPEATED, Message, Sequences, parse
from p9.tail.rates import MAX_KINDS, OTHER, Rates
from p9.tail.reader import Lost, Reader
from p9.tail.screen import LINES_PER_S, Output, Plain, Terminal
from p9.tail.text import Piece, cells, render, short_time
from tests.conftest import ROOT
from tests.redis_server import Proxy, RedisServer, free_port

NOW_NS = 1_795_305_600_512_000_000
HEAD = (
    '"exchange":"okx","symbol":"BTCUSDT-PERP","epoch":7,"seq":3,"ts_exchange":1795305600500000000,'
    '"ts_recv":1795305600510000000,"ts_pub":1795305600510085000'
)
SGR = re.compile(r"\x1b\[[0-9;]*m")

# kind (and what tells two shapes apart) -> fields behind the header, line behind the columns
LINES = {
    "trade": (
        '"id":"9","price":65114.2,"qty":0.004,"side":"sell","buyer_maker":true,"count":3,'
        '"organic_qty":0.003,"flags":["rpi","late"]',
        "trade sell 65114.2 × 0.004 ≈ 260 rpi late 3 fills organic 0.003",
    ),
    "trade:plain": (
        '"id":"9","price":0.00000855,"qty":258130.2,"side":"buy","buyer_maker":false,"count":1',
        "trade buy 0.00000855 × 258130.2 ≈ 2.21",
    ),
    "bbo": (
        '"bid":7.611,"bid_qty":2,"ask":7.612,"ask_qty":297,"id":"600859600576"',
        "bbo   7.611 × 7.612 1.31 bps 2 × 297",
    ),
    "bbo:one side": (
        '"bid":null,"bid_qty":null,"ask":7.612,"ask_qty":297,"id":null',
        "bbo   – × 7.612 one side – × 297",
    ),
    "depth": (
        '"snapshot":false,"first_id":1,"last_id":2,"bids":[[77.29,4644.9],[77.3,1349.4]],'
        '"asks":[[77.4,1],[77.36,0]]',
        "depth 2+2 77.3×1349.4 | 77.36 gone",
    ),
    "depth:snapshot": (
        '"snapshot":true,"first_id":1,"last_id":2,"bids":[[77.3,1349.4]],"asks":[]',
        "depth snapshot 1+0 levels 77.3×1349.4 | –",
    ),
    "depth:invalid": (
        '"invalid":true,"reason":"gap"',
        "depth INVALID gap: no book until the next snapshot",
    ),
    "snapshot": (
        '"levels":50,"last_id":2,"bids":[[77.3,1349.4],[77.29,4644.9]],"asks":[[77.36,1736]],'
        '"q":"ok","since":1',
        "snap  77.3×1349.4 | 77.36×1736 · 77.29×4644.9 | – of 50 levels",
    ),
    "block_trade": (
        '"id":"9","price":65114.2,"qty":40,"notional":2604568,"side":"buy","reason":"size"',
        "block buy 65114.2 × 40 = 2604568 by size",
    ),
    "liquidation": (
        '"price":65114.2,"qty":0.5,"notional":32557.1,"side":"sell","price_kind":"bankruptcy",'
        '"complete":false',
        "liq   long 65114.2 × 0.5 = 32557.1 at bankruptcy sampled",
    ),
    "funding": (
        '"rate":0.0001,"interval_hours":8,"next_funding":1795309211512000000,'
        '"predicted":-0.00001234',
        "fund  0.01 % per 8 h next in 1h00m predicted -0.001234 %",
    ),
    "funding:due": (
        '"rate":0,"interval_hours":4,"next_funding":1795305595512000000,"predicted":null',
        "fund  0 % per 4 h due 5s ago",
    ),
    "mark_price": ('"price":65114.250000001', "mark  65114.250000001"),
    "index_price": ('"price":1e-7', "index 1e-7"),
    "open_interest": (
        '"base":51234.5,"contracts":5123450,"notional":3336110000.1,"derived":["notional"]',
        "oi    51234.5 base 5123450 contracts ≈3336110000.1 notional",
    ),
    "insurance_fund": (
        '"balances":[{"asset":"USDT","amount":1234567890.123456789,"pool":"shared"},'
        '{"asset":"BTC","amount":12.3,"pool":null}]',
        "insur USDT 1234567890.123456789 shared · BTC 12.3",
    ),
    "imbalance": (
        '"levels":[5,10,20],"value":[0.12,-0.3,0],"microprice":65114.2345678,"q":"warming"',
        "imbal warming top 5 +0.12 top 10 -0.3 top 20 0 microprice 65114.2345678",
    ),
    "imbalance:by count": (
        '"levels":20,"value":{"5":0.12,"20":-1},"microprice":null',
        "imbal top 5 +0.12 top 20 -1 microprice –",
    ),
    "candles": (
        '"timeframe":"1m","open_time":1,"close_time":2,"open":65000,"high":65120.5,"low":64990,'
        '"close":65114.2,"volume":12.34,"buy_volume":7,"quote_volume":8,"vwap":65050.1,'
        '"delta":-1.66,"delta_max":2,"delta_min":-1,"trades":213,"closed":true,"rev":1',
        "candle 1m closed 65114.2 open 65000 high 65120.5 low 64990 vol 12.34 delta -1.66 "
        "trades 213 vwap 65050.1 rev 1",
    ),
    "ticker": (
        '"last":65114.2,"open":64000,"high":65500,"low":63900.5,"volume":12345.678,'
        '"quote_volume":801234567.8,"change_pct":0.0174',
        "ticker 65114.2 +1.74 % low 63900.5 high 65500 vol 12345.678 quote 801234567.8",
    ),
    "long_short": (
        '"ratio":1.1881,"long_account":0.543,"short_account":0.457,"period":"5m"',
        "ratio 1.1881 long 0.543 short 0.457 of 5m",
    ),
    "status": (
        '"feed":"depth","state":"INVALID","reason":"gap","last_id":null,"resyncs":1,"gaps":1',
        "status depth INVALID gap last_id=– resyncs=1 gaps=1",
    ),
    "alert:gap": (
        '"prev":0,"feed":"trade","first_id":102,"last_id":104,"t0":null,"t1":1,"filled":false',
        "ALERT gap trade ids 102 .. 104 missing not filled",
    ),
    "alert:publish": (
        '"dropped":"bbo","messages":12,"reason":"buffer full"',
        "ALERT publish dropped=bbo messages=12 reason=buffer full",
    ),
    "vpin": (
        '"value":0.310,"levels":[1,2,3,4,5,6,7,8,9,10],"evidence":{"a":1,"b":"x\\u001b[2J\\u202e"},'
        '"on":true,"q":"gap","since":5',
        "vpin  gap value=0.310 levels=[1, 2, 3, 4, 5, 6, 7, 8, … 2 more] "
        "evidence={a=1 b=x\\x1b[2J\\u202e} on=yes",
    ),
}  # fmt: skip


def message(name: str, body: str) -> Message:
    channel = name if name.startswith("alert") else f"{name.partition(':')[0]}:okx:BTCUSDT-PERP"
    text = f'{{"type":"{name.partition(":")[0]}",{HEAD},{body}}}'
    return Message(channel, NOW_NS, parse(text.encode()))


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# --- lines ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LINES)
def test_the_line_of_each_kind(name: str) -> None:
    body, expected = LINES[name]
    line = Layout(colour=False).line(message(name, body))
    assert line == f"00:00:00.512   12ms  85µs okx     BTCUSDT-PERP {expected}"


def test_every_kind_of_the_table_has_a_line_here() -> None:
    assert {name.partition(":")[0] for name in LINES} - {"vpin"} == set(KINDS)


@pytest.mark.parametrize("width", [20, 80, 130])
@pytest.mark.parametrize("name", LINES)
def test_a_line_fits_and_says_when_it_was_cut(name: str, width: int) -> None:
    whole = Layout(colour=False).line(message(name, LINES[name][0]))
    plain = Layout(colour=False, width=width).line(message(name, LINES[name][0]))
    coloured = Layout(colour=True, width=width).line(message(name, LINES[name][0]))
    assert cells(plain) <= width
    assert plain.endswith("…") == (cells(plain) == width and plain != whole)
    assert "\x1b" not in plain
    assert SGR.sub("", coloured) == plain
    assert coloured != plain


def test_a_trade_is_whole_on_80_columns() -> None:
    line = Layout(colour=False, width=80).line(message("trade", LINES["trade"][0]))
    assert "  12ms  85µs okx BTCUSDT-PERP trade sell 65114.2 × 0.004 ≈ 260" in line


def test_sides_and_trouble_have_their_colours() -> None:
    layout = Layout(colour=True)
    assert "\x1b[31m sell\x1b[0m" in layout.line(message("trade", LINES["trade"][0]))
    assert "\x1b[32m buy" in layout.line(message("trade", LINES["trade:plain"][0]))
    assert "\x1b[1;31m INVALID" in layout.line(message("depth", LINES["depth:invalid"][0]))


def test_columns_stay_aligned_once_they_are_wide() -> None:
    layout = Layout(colour=False)
    body = '"price":{},"qty":{},"side":"buy","count":1'
    rows = [("87012.75", "0.00000013"), ("7.6", "12"), ("87012.7", "1.5")]
    lines = [layout.line(message("trade", body.format(*row))) for row in rows]
    assert [line.index(" × ") for line in lines] == [lines[0].index(" × ")] * 3


def test_wide_characters_take_two_columns() -> None:
    assert cells("币安") == 4
    assert cells("e\u0301") == 1
    row = [Piece("币安人生USDT"), Piece("x")]
    assert render(row, 8, colour=False) == "币安人…"
    assert render(row, 14, colour=False) == "币安人生USDT x"


def test_durations() -> None:
    times = [0, 500, 85_000, 1_200_000, 12_000_000, 12_300_000_000, 4e12, 3e14, 9e15, 1e17]
    shown = ["0", "500ns", "85µs", "1.2ms", "12ms", "12.3s", "66m", "83h", "104d", "3.2y"]
    assert [short_time(int(t)) for t in times] == shown
    assert short_time(-12_000_000) == "-12ms"


# --- what is left out, holes, garbage ------------------------------------------------------


class View:
    """The view without Redis, on a terminal or not; `shown()` is what was written."""

    def __init__(self, *, terminal: bool = False) -> None:
        self._read, self._write = os.pipe()
        output = Output(self._write, "utf-8")
        screen = Terminal(output, 0.0, colour=False) if terminal else Plain(output, 0.0)
        screen.layout.width = 80 if terminal else 0
        reader = Reader(Config().redis.address, None, ["*"])
        self.screen = screen
        self.view = command.View(reader, screen, "pre:", ["*"])

    def take(self, channel: str, data: bytes, now_s: float = 0.0) -> None:
        self.view.take(f"pre:{channel}".encode(), data, NOW_NS, now_s)

    def shown(self, now_s: float = 0.0) -> list[str]:
        self.screen.frame(now_s, NOW_NS, [Piece("STATUS")])
        text = b""
        while select.select([self._read], [], [], 0)[0]:
            text += os.read(self._read, 1 << 20)
        return re.split(r"[\r\n]+", text.decode().replace("\x1b[J", ""))

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


@pytest.fixture
def view() -> Iterator[View]:
    made = View()
    yield made
    made.close()


@pytest.fixture
def terminal() -> Iterator[View]:
    made = View(terminal=True)
    yield made
    made.close()


def numbered(seq: int, epoch: int = 7, kind: str = "mark_price") -> bytes:
    return f'{{"type":"{kind}","epoch":{epoch},"seq":{seq},"price":{seq}}}'.encode()


def test_a_terminal_shows_a_sample_and_says_what_it_left_out(terminal: View) -> None:
    for seq in range(1, 243):
        terminal.take("mark_price:a:b", numbered(seq))
    terminal.take("funding:a:b", numbered(1, kind="funding"))
    lines = terminal.shown()
    assert sum("mark" in line for line in lines) == LINES_PER_S == 30
    assert any("fund" in line for line in lines)  # a slow kind is not crowded out
    assert "00:00:00.512 +212 more mark_price" in terminal.shown(1.0)
    for step in range(1000):  # a steady flood: spread over the time, not the first of each second
        terminal.take("mark_price:a:b", numbered(243 + step), 1.0 + step / 1000)
    shown = [line for line in terminal.shown(2.0) if " mark " in line]
    seqs = [int(line.split()[-1]) for line in shown]
    assert seqs[-1] > 1200
    assert 55 <= len(seqs) <= 60
    assert not any("hole" in line for line in terminal.shown(2.0))


def test_without_a_terminal_every_message_is_printed(view: View) -> None:
    for seq in range(1, 501):
        view.take("mark_price:a:b", numbered(seq))
    assert len([line for line in view.shown() if "mark" in line]) == 500


def test_holes_are_shown_and_repeats_are_not(view: View) -> None:
    for seq in (5, 6, 10, 10, 9, 11):
        view.take("trade:binance:BTCUSDT", numbered(seq))
    lines = [line[13:] for line in view.shown()]
    holes = [line for line in lines if "hole" in line]
    assert holes == ["hole: 3 messages of trade:binance:BTCUSDT missing"]
    assert [line.split()[-1] for line in lines if "mark" in line] == ["5", "6", "10", "11"]


def test_sequences() -> None:
    channel = Sequences()
    steps = [
        ((7, 5), 0), ((7, 6), 0), ((7, 6), REPEATED), ((7, 8), 1),
        ((8, 1), 0), ((9, 4), 3),  # a new run counts from 1
        ((1, 1), 0), ((1, 1), REPEATED), ((1, 2), 0), ((1, 1), 0), ((1, 2), 0),  # replayed, twice
        ((9, 9), 0),  # back: known before, so nothing can be said about what lies between
    ]  # fmt: skip
    assert [channel.missing("a", *step) for step, _ in steps] == [want for _, want in steps]
    assert channel.missing("b", 1, 50) == 0


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x1b]0;owned\x07\xff\n", "no JSON"), (b"[1,2]", "no object"), (b"", "no JSON"),
        (b'{"type":"trade","epoch":1,"seq":2,', "no JSON"), (b"[" * 100_000, "no JSON"),
        (b'{"price":NaN}', "no JSON"),
    ],
)  # fmt: skip
def test_what_is_no_message_is_shown_as_text(view: View, data: bytes, why: str) -> None:
    view.take("odd:\x1b[2J", data)
    (line,) = [line for line in view.shown() if line]
    assert f"{why} odd:\\x1b[2J" in line
    assert line.isprintable()
    assert len(line) < 1000


def test_fields_of_another_shape_are_shown_as_they_are(view: View) -> None:
    view.take("depth:a:b", b'{"type":"depth","epoch":1,"seq":1,"bids":7,"asks":{"x":[[[[1]]]]}}')
    view.take("trade:a:b", b'{"type":["x"],"symbol":{},"side":[],"price":1e999999,"seq":"1"}')
    lines = view.shown()
    assert lines[0].endswith("depth bids=7 asks={x=[[…]]}")
    assert lines[1].endswith("trade side=[] price=1e999999")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = (
    "exchange symbol epoch seq ts_exchange ts_recv next_funding price qty side flags bid ask bids "
    "asks rate value levels balances close open feed state first_id filled q rev count notional"
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([*KINDS, "later"]),
    st.dictionaries(st.sampled_from(FIELDS.split()) | st.text(), JSON) | JSON,
    st.binary(max_size=30),
)
def test_no_message_ends_the_view(kind: str, body: Any, tail: bytes) -> None:
    for terminal in (False, True):
        view = View(terminal=terminal)
        if isinstance(body, dict):
            body = {"type": kind, **body}
        data = json.dumps(body).encode()
        for payload in (data, data[:-1], data + tail, tail):
            view.take(f"{kind}:a:b", payload)
        lines = view.shown()
        view.close()
        assert all(line.isprintable() for line in lines)
        assert not terminal or max(map(cells, lines)) <= 80


def test_rates_are_of_the_last_seconds_and_bounded() -> None:
    rates = Rates(0.0, 5.0)
    for tenth in range(1, 201):
        if tenth <= 100:
            rates.add("trade")
        rates.add("bbo")
        rates.per_s(tenth / 10)
    assert rates.per_s(20.0) == {"trade": 0, "bbo": pytest.approx(10, rel=0.1)}
    assert "bbo 10" in render(rates.pieces(20.0), 0, colour=False)
    assert "300 messages in 20 s: trade 100, bbo 200" in rates.totals(20.0)
    for number in range(1000):
        rates.add(f"kind {number}")
    assert len(rates.total) == MAX_KINDS + 1
    assert rates.total[OTHER] > 900


# --- the command ---------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["", "a b", "trade:[ab", "x\n", "y" * 300, "end\\"])
def test_a_bad_pattern_is_refused(pattern: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(command.Options(("trade:*", pattern), Config())) == 2
    said = capsys.readouterr().err
    assert "allowed: channel names like trade:okx:BTCUSDT" in said
    assert "\n" not in said.strip()


def test_a_bad_url_is_refused_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(command.Options(("*",), Config(), "http://:geheim@x")) == 2
    said = capsys.readouterr().err
    assert "--redis" in said
    assert "redis://" in said
    assert "geheim" not in said


def start(*arguments: str, stdout: int = subprocess.PIPE, **env: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "TERM": "xterm-256color", **env}
    if "NO_COLOR" not in env:
        environment.pop("NO_COLOR", None)
    return subprocess.Popen(
        [sys.executable, "-m", "p9", "tail", *arguments],
        cwd=ROOT, env=environment, stdout=stdout, stderr=subprocess.PIPE,
    )  # fmt: skip


def until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def subscribed(server: RedisServer) -> Callable[[], bool]:
    def look() -> bool:
        with server.client() as client:
            return bool(client.pubsub_numpat())

    return look


def publish(server: RedisServer, first: int, last: int, channel: str = "mark_price:a:B") -> None:
    with server.client() as client:
        for seq in range(first, last + 1):
            client.publish(channel, numbered(seq))


class Gathered:
    """What a process writes to a descriptor, read along."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.text = ""

    def has(self, *words: str) -> bool:
        while select.select([self._fd], [], [], 0)[0]:
            try:
                data = os.read(self._fd, 65_536)
            except OSError:  # the other side of a terminal is closed
                break
            if not data:
                break
            self.text += data.decode()
        return all(word in self.text for word in words)


def ended(process: subprocess.Popen[bytes], within_s: float = 20.0) -> tuple[int, str]:
    assert process.stderr is not None
    try:
        status = process.wait(within_s)
    finally:
        process.kill()
    said = process.stderr.read().decode()
    process.stderr.close()
    if process.stdout is not None:
        process.stdout.close()
    assert "Traceback" not in said
    assert "Exception" not in said
    return status, said


def test_redis_not_reached_is_status_3() -> None:
    status, said = ended(start("*", "--redis", f"redis://:geheim@127.0.0.1:{free_port()}"))
    assert status == 3
    assert "p9 tail: Redis at redis://127.0.0.1:" in said
    assert "geheim" not in said


def test_a_wrong_password_is_status_3() -> None:
    with RedisServer(password="right") as server:
        wrong = server.url.replace("right", "wrong")
        status, said = ended(start("*", "--redis", wrong))
    assert (status, "wrong" in said.replace("WRONGPASS", "")) == (3, False)
    assert "password" in said


def test_plain_output_ctrl_c_and_the_prefix(tmp_path: Any) -> None:
    with RedisServer() as server:
        path = tmp_path / "c.yaml"
        path.write_text(f'redis: {{url: "{server.url}", prefix: "x."}}')
        tail = start("-c", str(path), "mark_price:*", "mark_*", "no[mn]e")
        assert tail.stdout is not None
        out = Gathered(tail.stdout.fileno())
        until(subscribed(server))
        publish(server, 1, 1, "mark_price:other:prefix")
        publish(server, 1, 40, "x.mark_price:a:B")
        publish(server, 42, 42, "x.mark_price:a:B")
        until(lambda: out.has("mark  42"))
        tail.send_signal(signal.SIGINT)
        status, said = ended(tail)
    assert status == 0
    lines = out.text.splitlines()
    shown = [line.split()[-1] for line in lines if " mark " in line]
    assert shown == [str(n) for n in [*range(1, 41), 42]]  # once each, though two patterns match
    assert any(line.endswith("hole: 1 message of mark_price:a:B missing") for line in lines)
    assert "\x1b" not in out.text
    assert "mark_price 82" in said


def test_rates_go_to_stderr(capsys: pytest.CaptureFixture[str], view: View) -> None:
    view.screen.frame(5.0, NOW_NS, [Piece("12/s")])
    assert capsys.readouterr().err == ""
    view.screen.frame(10.0, NOW_NS, [Piece("12/s")])
    assert capsys.readouterr().err == "p9 tail: 12/s\n"


@pytest.mark.parametrize("busy", [True, False])
def test_a_reader_that_goes_away_ends_it_quietly(busy: bool) -> None:
    with RedisServer() as server:
        tail = start("*", "--redis", server.url)
        assert tail.stdout is not None
        until(subscribed(server))
        publish(server, 1, 1)
        assert b"mark" in os.read(tail.stdout.fileno(), 1000)
        tail.stdout.close()
        if busy:
            publish(server, 2, 50)
        status, said = ended(tail)
    assert (status, said) == (0, "")


def test_redis_lost_and_back_again() -> None:
    with RedisServer() as server:
        tail = start("*", "--redis", server.url)
        assert tail.stdout is not None
        assert tail.stderr is not None
        out, errors = Gathered(tail.stdout.fileno()), Gathered(tail.stderr.fileno())
        until(subscribed(server))
        publish(server, 1, 3)
        until(lambda: out.has("mark  3"))
        server.kill()
        until(lambda: errors.has("Redis lost: "))
        time.sleep(0.5)
        server.start()
        until(subscribed(server))
        until(lambda: errors.has("Redis is back after "))
        publish(server, 6, 7)
        until(lambda: out.has("mark  7"))
        tail.send_signal(signal.SIGTERM)
        assert ended(tail)[0] == 0
    assert "hole: 2 messages of mark_price:a:B missing" in out.text


def address(url: str) -> Any:
    return redis_address(redis_url(url).reveal())


def test_a_server_that_says_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "PING_AFTER_S", 0.1)
    monkeypatch.setattr(reader_module, "SILENT_S", 0.5)
    with RedisServer(password="right", unix=True) as server:
        reader = Reader(address(server.url), None, ["*"])
        reader.open()
        quiet_until = time.monotonic() + 1.2
        while time.monotonic() < quiet_until:
            assert reader.next(0.05) is None  # its answers to PING keep the connection
        with server.stopped(), pytest.raises(Lost, match="silent for"):
            list(iter(lambda: reader.next(0.05), (b"", b"")))  # for ever, were it not lost
        reader.close()


def test_tls_is_verified(tmp_path: Any) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = str(tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(ca_file)

    async def main(server: RedisServer) -> None:
        async with Proxy(server.port, context) as proxy:
            there = address(f"rediss://127.0.0.1:{proxy.port}/0")
            good = Reader(there, ca_file, ["*"])
            await asyncio.to_thread(good.open)
            publish(server, 1, 1)
            assert await asyncio.to_thread(good.next, 5.0) == (b"mark_price:a:B", numbered(1))
            await asyncio.to_thread(good.close)
            for ca in (None, "none.pem"):
                with pytest.raises(Lost, match=r"certificate|none\.pem|No such file"):
                    await asyncio.to_thread(Reader(there, ca, ["*"]).open)

    with RedisServer() as server:
        asyncio.run(main(server))


# --- a terminal ----------------------------------------------------------------------------


@contextlib.contextmanager
def on_terminal(
    columns: int, *arguments: str, **env: str
) -> Iterator[tuple[subprocess.Popen[bytes], Gathered, int]]:
    ours, theirs = pty.openpty()
    resize(ours, columns)
    modes = termios.tcgetattr(theirs)
    process = start(*arguments, stdout=theirs, **env)
    try:
        yield process, Gathered(ours), ours
        assert termios.tcgetattr(theirs) == modes
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def resize(fd: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def rows(text: str) -> list[str]:
    """The text as lines without colours; whatever else steers the terminal is left in."""
    plain = SGR.sub("", text).replace("\r\x1b[J", "\r")
    return [row for row in re.split(r"[\r\n]+", plain) if row]


def test_a_terminal_has_colours_a_status_line_and_is_left_clean() -> None:
    with RedisServer() as server, on_terminal(80, "*", "--redis", server.url) as (tail, out, fd):
        until(subscribed(server))
        until(lambda: out.has("no message yet of *"))
        with server.client() as client:
            body, _ = LINES["trade"]
            client.publish("trade:okx:BTCUSDT-PERP", f'{{"type":"trade",{HEAD},{body}}}')
            client.publish("trade:okx:B", b"\x1b[2J\x1b]0;owned\x07")
        publish(server, 1, 5)
        publish(server, 8, 2000)
        until(lambda: out.has("more mark_price"))
        time.sleep(0.2)
        resize(fd, 60)
        publish(server, 2001, 2001)
        until(lambda: out.has("2001"))
        narrow = out.text.rindex("mark")
        publish(server, 2002, 2002)
        until(lambda: out.has("2002"))
        tail.send_signal(signal.SIGINT)
        assert ended(tail)[0] == 0
        until(lambda: out.has("messages in"))
    lines = rows(out.text)
    assert any("okx BTCUSDT-PERP trade sell 65114.2 × 0.004 ≈ 260" in row for row in lines)
    assert "\x1b[31m sell\x1b[0m" in out.text
    assert any("hole: 2 messages of mark_price:a:B missing" in row for row in lines)
    assert any("no JSON trade:okx:B \\x1b[2J\\x1b]0;owned\\x07" in row for row in lines)
    bar = re.compile(r"[\d.k]+/s 1 hole \(2 missing\) 1 unreadable trade")
    assert any(map(bar.match, lines))
    assert all(row.isprintable() for row in lines)
    assert max(map(cells, lines)) <= 80
    assert max(map(cells, rows(out.text[narrow:]))) <= 60
    assert out.text.endswith("\r\n")
    assert "\r\x1b[J" in out.text[-300:]


def test_no_color_and_a_lost_redis_on_a_terminal() -> None:
    with (
        RedisServer() as server,
        on_terminal(100, "*", "--redis", server.url, NO_COLOR="1") as (tail, out, _),
    ):
        until(subscribed(server))
        publish(server, 1, 3)
        until(lambda: out.has("mark  3"))
        server.kill()
        until(lambda: out.has("Redis lost 0 s ago, trying again", "Redis lost: "))
        server.start()
        until(lambda: out.has("Redis is back after "))
        publish(server, 4, 4)
        until(lambda: out.has("mark  4"))
        tail.send_signal(signal.SIGINT)
        assert ended(tail)[0] == 0
    assert not SGR.search(out.text)
    assert max(map(cells, rows(out.text))) <= 100


def test_a_dumb_terminal_gets_plain_lines() -> None:
    with (
        RedisServer() as server,
        on_terminal(80, "*", "--redis", server.url, TERM="dumb") as (tail, out, _),
    ):
        until(subscribed(server))
        publish(server, 1, 100)
        until(lambda: out.has("mark  100"))
        tail.send_signal(signal.SIGINT)
        assert ended(tail)[0] == 0
    assert "\x1b" not in out.text
    assert len([row for row in rows(out.text) if " mark " in row]) == 100
