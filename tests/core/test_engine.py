"""The engine's own business: commands, keys, streams, questions, clocks, channels."""

from __future__ import annotations

import json
import struct
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from p9core.engine import Engine
from tests.core.golden import GOLDEN
from tests.core.support import RECV, Bench
from tests.models.resp import commands

SECOND = 10**9


def trade(number: int, name: str = "BTCUSDT") -> str:
    return json.dumps(
        {
            "e": "trade",
            "E": 1795305600101,
            "T": 1795305600100,
            "s": name,
            "t": number,
            "p": "87010.1",
            "q": "0.1",
            "m": True,
        }
    )


def best(u: int) -> str:
    return json.dumps({"u": u, "s": "BTCUSDT", "b": "99", "B": "1", "a": "200", "A": "2"})


def diff(first: int, last: int, price: str = "98") -> str:
    return json.dumps(
        {
            "e": "depthUpdate",
            "E": 1795305600205,
            "s": "BTCUSDT",
            "U": first,
            "u": last,
            "b": [[price, "1"]],
            "a": [],
        }
    )


BODY = b'{"lastUpdateId":10,"bids":[["97","1"]],"asks":[["101","1"]]}'


class Resp(Bench):
    """A bench that writes commands."""

    def __init__(self, **options: Any) -> None:
        super().__init__(sink="resp", **options)

    def commands(self) -> list[list[bytes]]:
        """What was written since; its counts are checked on the way."""
        taken = self.engine.take_pub()
        if taken is None:
            return []
        data, replies, messages, _ = taken
        found = commands(data)
        assert replies == len(found)
        assert messages == sum(words[0] == b"PUBLISH" for words in found)
        return found

    def start_book(self) -> int:
        number = self.numbers["binance:spot", "BTCUSDT"]
        self.feed("binance:spot", diff(9, 11))
        assert self.engine.feed_snapshot(number, RECV, BODY) == ""
        return number


def test_both_sinks_say_the_same() -> None:
    lines, resp = Bench(), Resp()
    for golden in GOLDEN:
        for bench in (lines, resp):
            bench.feed(golden.endpoint, golden.frame)
    published = [
        (words[1].decode(), words[2].decode())
        for words in resp.commands()
        if words[0] == b"PUBLISH"
    ]
    assert published == lines.lines()
    assert len(published) > 15
    assert not resp.engine.has_output()


def test_the_header_is_the_contracts() -> None:
    bench = Bench(stream_kinds=["trade"])
    for golden in GOLDEN:
        bench.feed(golden.endpoint, golden.frame)
    seqs: dict[str, int] = {}
    for channel, text in bench.lines():
        message = json.loads(text, parse_float=Decimal)
        keys = [
            key
            for key in message
            if key
            in ("type", "exchange", "symbol", "epoch", "seq", "ts_exchange", "ts_recv", "ts_pub")
        ]
        assert list(message)[: len(keys)] == keys
        assert len(keys) == 8
        assert message["epoch"] == 7
        assert message["seq"] == seqs.get(channel, 0) + 1
        assert message.get("prev", message["seq"] - 1) == message["seq"] - 1
        assert ("prev" in message) == (message["type"] == "trade")
        seqs[channel] = message["seq"]


def test_channels_are_announced_once_and_again_for_a_new_server() -> None:
    bench = Resp(prefix="p:")
    for number in (1, 2):
        bench.feed("binance:spot", trade(number))
    wanted = [b"SADD", b"p:channels", b"p:trade:binance:BTCUSDT"]
    assert bench.commands().count(wanted) == 1
    bench.feed("binance:spot", trade(3))
    assert wanted not in bench.commands()


def test_the_last_message_of_a_channel_stands_under_its_key() -> None:
    """Written at most every 100 ms; the newest is there 100 ms after the last message."""
    bench = Resp(prefix="p:")
    sets: list[tuple[int, int]] = []
    for tenth in range(60):
        now = RECV + tenth * SECOND // 50
        if tenth < 50:
            bench.feed("binance:spot", best(tenth + 1), now)
        bench.engine.on_timer(now)
        sets += [
            (now, json.loads(words[2])["seq"])
            for words in bench.commands()
            if words[:2] == [b"SET", b"p:last:bbo:binance:BTCUSDT"]
        ]
    assert sets[0] == (RECV, 1)
    assert sets[-1][1] == 50
    assert all(later[0] - sooner[0] >= SECOND // 10 for sooner, later in pairwise(sets))
    assert len(sets) >= 10


def test_the_key_of_a_book_says_which_message_it_includes() -> None:
    bench = Resp()
    number = bench.start_book()

    def keys() -> list[dict[str, Any]]:
        return [
            json.loads(words[2])
            for words in bench.commands()
            if words[:2] == [b"SET", b"book:binance:BTCUSDT"]
        ]

    first = keys()
    assert [key["depth_seq"] for key in first] == [1]
    assert first[0]["bids"] == [[98, 1], [97, 1]]
    assert (first[0]["depth_epoch"], first[0]["last_id"]) == (7, 11)
    bench.feed("binance:spot", diff(12, 13, "96"), RECV + SECOND)
    bench.engine.on_timer(RECV + SECOND)
    assert keys() == []
    bench.engine.on_timer(RECV + 6 * SECOND)
    later = keys()
    assert [(key["depth_seq"], key["last_id"]) for key in later] == [(2, 13)]
    assert later[0]["bids"] == [[98, 1], [97, 1], [96, 1]]
    bench.engine.invalidate(number, "silent", RECV + 7 * SECOND)
    broken = keys()
    assert [key.get("invalid") for key in broken] == [True]
    bench.engine.on_timer(RECV + 20 * SECOND)
    assert keys() == [], "a book that is not served was written"


def test_streams_hold_every_message_of_their_kind() -> None:
    bench = Resp(prefix="p:", stream_kinds=["trade", "alert"], stream_maxlen=500)
    for number in (1, 2, 5):
        bench.feed("binance:spot", trade(number))
    bench.feed("binance:spot", best(1))
    published = {
        (words[1].decode(), json.loads(words[2])["seq"]): words[2]
        for words in bench.commands()
        if words[0] == b"PUBLISH"
    }
    taken = bench.engine.take_log()
    assert taken is not None
    data, index, count = taken
    rows = list(struct.iter_unpack("=4q", index))
    assert len(rows) == count == 4
    prevs: dict[str, int] = {}
    for channel, seq, offset, size in rows:
        [words] = commands(data[offset : offset + size])
        key = bench.engine.stream_key(channel).encode()
        name = bench.engine.channel_name(channel)
        assert key == b"p:log:" + name.removeprefix("p:").encode()
        assert words[:7] == [b"XADD", key, b"MAXLEN", b"~", b"500", f"7-{seq}".encode(), b"m"]
        assert words[7:] == [published[name, seq]]
        assert json.loads(words[7])["prev"] == prevs.get(name, 0)
        prevs[name] = seq
    assert prevs == {"p:trade:binance:BTCUSDT": 3, "p:alert:gap": 1}
    assert sum(size for *_, size in rows) == len(data)
    assert bench.engine.take_log() is None


def test_times_of_frames_without_a_receive_time() -> None:
    """The previous one's, else the venue's; `ts_recv` is null."""
    bench = Bench()
    bench.feed("binance:spot", trade(1), 0)
    bench.feed("binance:spot", trade(2), RECV)
    bench.feed("binance:spot", trade(3), 0)
    times = [
        (message["ts_recv"], message["ts_pub"])
        for message in (json.loads(text) for _, text in bench.data())
    ]
    assert times == [(None, 1795305600100 * 10**6), (RECV, RECV), (None, RECV)]


@pytest.mark.parametrize("field", ["publish", "contract"])
def test_publishing_begins_with_a_whole_book(field: str) -> None:
    """An instrument may be kept back at first; nothing is said of it until it is let go."""
    engine = Engine(epoch=1, sink="lines")
    options: dict[str, Any] = {
        "exchange": "x",
        "symbol": "S",
        "price_step": "0.01",
        "qty_step": "0.001",
    }
    off = {"publish": False} if field == "publish" else {"contract": None}
    number = engine.add_instrument("binance:spot", "BTCUSDT", **options, **off)
    conn = engine.open_conn("binance:spot")
    engine.feed(conn, RECV, diff(9, 11).encode())
    assert engine.feed_snapshot(number, RECV, BODY) == ""
    engine.feed(conn, RECV, trade(1).encode())
    assert b"depth:" not in engine.take_lines()
    assert engine.add_instrument("binance:spot", "BTCUSDT", **options) == number
    engine.feed(conn, RECV, diff(12, 13, "96").encode())
    said = [
        json.loads(line.partition(b" ")[2])
        for line in engine.take_lines().splitlines()
        if line.startswith(b"depth:")
    ]
    assert said[0]["snapshot"] is True
    assert engine.books()[number]["bids"] == 3


def test_alerts_and_status() -> None:
    bench = Bench()
    bench.engine.alert("clock", '{"offset_ms":3}', RECV)
    bench.engine.status("okx", "{}", RECV)
    bench.engine.alert("clock", "{}", RECV + 1)
    assert bench.lines() == [
        (
            "alert:clock",
            '{"type":"alert","epoch":7,"seq":1,"ts_exchange":null,"ts_recv":null,'
            f'"ts_pub":{RECV},"offset_ms":3}}',
        ),
        (
            "status:okx",
            '{"type":"status","exchange":"okx","epoch":7,"seq":1,"ts_exchange":null,'
            f'"ts_recv":null,"ts_pub":{RECV}}}',
        ),
        (
            "alert:clock",
            '{"type":"alert","epoch":7,"seq":2,"ts_exchange":null,"ts_recv":null,'
            f'"ts_pub":{RECV + 1}}}',
        ),
    ]


def test_last_seen_and_unknown_instruments() -> None:
    bench = Bench()
    number = bench.numbers["binance:spot", "BTCUSDT"]
    assert bench.engine.last_seen(number, "trade") == 0
    bench.feed("binance:spot", trade(1), RECV + 5)
    assert bench.engine.last_seen(number, "trade") == RECV + 5
    assert bench.engine.last_seen(number, "depth") == 0
    for wrong in (-1, len(bench.numbers)):
        with pytest.raises(IndexError):
            bench.engine.book_state(wrong)
    with pytest.raises(KeyError):
        bench.engine.open_conn("kraken:spot")
    for step in ("", "x", "1e-19", "NaN"):
        with pytest.raises(ValueError, match=r"number|decimals"):
            bench.engine.add_instrument(
                "okx", f"A{step}", exchange="okx", symbol="A", price_step=step, qty_step="1"
            )
    with pytest.raises(ValueError, match="contract"):
        bench.engine.add_instrument("okx", "B", exchange="okx", symbol="B", contract="-1")
