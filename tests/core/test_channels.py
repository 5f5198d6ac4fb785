"""Channels, keys and streams of all feeds: both sinks say the same, and a new server gets all."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from p9core.lines import FEEDS
from tests.core.frames import (
    FUNDED_MS,
    MS,
    SECOND,
    accounts,
    book,
    day,
    forced,
    fund,
    funded,
    okx,
    okx_forced,
    pools,
    ticker,
    trades,
)
from tests.core.golden import GOLDEN
from tests.core.support import RECV, Bench
from tests.models.book import Reader
from tests.models.resp import commands

BYBIT, USDM, OKX = "bybit:linear", "binance:linear", "okx"
SWAP = "BTC-USDT-SWAP"
ALL = [*FEEDS, "insurance_fund"]
KINDS = ["trade", "liquidation", "block_trade", "funding", "candles", "snapshot", "insurance_fund"]
T = RECV // MS


def run(bench: Bench) -> None:
    """Every feed, with timers between."""
    u = 10
    for n in range(30):
        now = RECV + n * SECOND // 4
        at = now // MS
        if n % 10 == 0:
            rows = [["99", "1"]], [["101", "2"]]
            bench.feed(BYBIT, book(at, "SOLUSDT", u, *rows, snapshot=True), now)
        else:
            bench.feed(BYBIT, book(at, "SOLUSDT", u, [["99", str(n)]]), now)
        u += 1
        bench.feed(BYBIT, trades(at, "SOLUSDT", (f"id-{n}", "100", "3"), BT=n == 7), now)
        bench.feed(BYBIT, ticker(at, lastPrice=str(180 + n)), now)
        bench.feed(USDM, funded(at, FUNDED_MS, f"0.000{n}", i="87000"), now)
        bench.feed(USDM, day(at, str(80 + n)), now)
        bench.feed(USDM, forced(at, f"0.{n + 1}"), now)
        bench.feed(OKX, okx_forced(SWAP, (at, "sell", "5", "80000")), now)
        bench.feed(OKX, okx("open-interest", SWAP, oi="5", oiCcy=f"0.{n + 1}", ts=str(at)), now)
        bench.feed(BYBIT, pools(at, ("USDT", "SOLUSDT", str(n))), now)
        if n % 5 == 0:
            body = accounts(at, at - 1000, f"0.{5 + n % 4}", "0.4")
            bench.engine.feed_poll(BYBIT, "long_short", now, body.encode())
            raw = json.dumps([fund(at, str(n), "BTCUSDT")]).encode()
            bench.engine.feed_poll(USDM, "insurance_fund", now, raw)
        bench.engine.on_timer(now + SECOND // 10)
    bench.engine.on_timer(RECV + 30 * SECOND)


def resp_commands(bench: Bench) -> list[list[bytes]]:
    taken = bench.engine.take_pub()
    if taken is None:
        return []
    data, replies, messages, _ = taken
    found = commands(data)
    assert replies == len(found)
    assert messages == sum(words[0] == b"PUBLISH" for words in found)
    return found


def test_both_sinks_say_the_same_of_all_feeds() -> None:
    lines, resp = Bench(feeds=ALL), Bench(feeds=ALL, sink="resp")
    for bench in (lines, resp):
        run(bench)
    published = [
        (words[1].decode(), words[2].decode())
        for words in resp_commands(resp)
        if words[0] == b"PUBLISH"
    ]
    assert published == lines.lines()
    kinds = {channel.partition(":")[0] for channel, _ in published}
    assert kinds == {*ALL, "status"} - {"bbo"}


def test_the_same_entries_give_the_same_bytes() -> None:
    def bytes_of() -> tuple[bytes, Any, Any]:
        bench = Bench(feeds=ALL, sink="resp", stream_kinds=KINDS)
        run(bench)
        pub, log = bench.engine.take_pub(), bench.engine.take_log()
        assert pub is not None
        return pub[0], pub[1:], log

    assert bytes_of() == bytes_of()


# Feeds whose newest message is the state of something; candles have theirs in a hash.
KEPT = [feed for feed in ALL if feed not in ("depth", "bbo")]


def keys_of(words: list[list[bytes]]) -> dict[tuple[str, str], bytes]:
    """What the keys hold at the end: (key, field of the hash or "") -> message."""
    held = {}
    for one in words:
        if one[0] == b"SET":
            held[one[1].decode(), ""] = one[2]
        elif one[0] == b"HSET":
            held[one[1].decode(), one[2].decode()] = one[3]
    return held


def test_the_newest_message_of_each_channel_stands_under_its_key() -> None:
    bench = Bench(feeds=ALL, sink="resp", prefix="p:")
    run(bench)
    words = resp_commands(bench)
    newest: dict[tuple[str, str], bytes] = {}
    for one in words:
        if one[0] == b"PUBLISH":
            channel = one[1].decode().removeprefix("p:")
            message = json.loads(one[2])
            member = message["exchange"] if channel.startswith("candles:") else ""
            newest[f"p:last:{channel}", member] = one[2]
    held = {key: text for key, text in keys_of(words).items() if "last:" in key[0]}
    assert {key[0].split(":")[2] for key in held} == {*KEPT, "status"}
    wanted = {key: text for key, text in newest.items() if ":depth:" not in key[0]}
    assert held == wanted


def test_streams_hold_every_message_of_the_new_kinds() -> None:
    bench = Bench(feeds=ALL, sink="resp", stream_kinds=KINDS)
    run(bench)
    published: dict[tuple[str, int], bytes] = {}
    for words in resp_commands(bench):
        if words[0] == b"PUBLISH":
            message = json.loads(words[2])
            # of candles only those that are closed
            logged = message["type"] in KINDS and message.get("closed", True)
            assert ("prev" in message) == logged
            if logged:
                published[words[1].decode(), message["seq"]] = words[2]
    taken = bench.engine.take_log()
    assert taken is not None
    data, index, count = taken
    prevs: dict[str, int] = {}
    for channel, seq, offset, size in struct.iter_unpack("=4q", index):
        [words] = commands(data[offset : offset + size])
        name = bench.engine.channel_name(channel)
        assert words[1] == b"log:" + name.encode()
        assert words[5] == f"7-{seq}".encode()
        assert words[7] == published.pop((name, seq))
        assert json.loads(words[7])["prev"] == prevs.get(name, 0)
        prevs[name] = seq
    assert published == {}
    assert count == sum(1 for _ in struct.iter_unpack("=4q", index))
    assert {name.partition(":")[0] for name in prevs} == set(KINDS)


def test_a_new_server_is_told_everything_again() -> None:
    bench = Bench(feeds=ALL, sink="resp", prefix="p:")
    run(bench)
    before = resp_commands(bench)
    held = {key: text for key, text in keys_of(before).items() if "last:" in key[0]}
    announced = {words[2] for words in before if words[0] == b"SADD"}
    bench.engine.say_again()
    bench.engine.on_timer(RECV + 40 * SECOND)
    after = resp_commands(bench)
    assert {words[2] for words in after if words[0] == b"SADD"} == announced
    again = {key: text for key, text in keys_of(after).items() if "last:" in key[0]}
    # what was said since is newer
    said = {words[1] for words in after if words[0] == b"PUBLISH"}
    same = [key for key in held if key[0].replace("last:", "").encode() not in said]
    assert len(same) > 15
    assert {key: again[key] for key in same} == {key: held[key] for key in same}
    assert again.keys() >= held.keys()
    assert any(words[1] == b"p:book:bybit:SOLUSDT-PERP" for words in after if words[0] == b"SET")


def test_depth_that_is_published_again_begins_with_the_book() -> None:
    bench, reader = Bench(feeds=ALL), Reader()

    def take(*expected: str) -> None:
        found = []
        for channel, text in bench.data():
            if channel == "depth:bybit:SOLUSDT-PERP":
                message = reader.take(text)
                found.append("invalid" if "reason" in message else "snapshot"
                             if message["snapshot"] else "update")  # fmt: skip
        assert tuple(found) == expected

    bench.feed(BYBIT, book(T, "SOLUSDT", 5, [["99", "1"]], [["101", "2"]], snapshot=True))
    take("snapshot")
    bench.engine.set_feeds(["ticker"], RECV)
    take("invalid")
    bench.feed(BYBIT, book(T, "SOLUSDT", 6, [["98", "1"]]))
    take()
    bench.engine.set_feeds(ALL, RECV)
    take("snapshot")
    assert (len(reader.bids), reader.last_id) == (2, 6)
    bench.feed(BYBIT, book(T, "SOLUSDT", 7, [["97", "1"]]))
    take("update")
    bench.engine.set_feeds(["ticker", "depth"], RECV)
    take()


@pytest.mark.parametrize("feed", ALL)
def test_each_feed_by_itself(feed: str) -> None:
    """No other one is needed for it, and none is said with it."""
    bench = Bench(feeds=[feed])
    for golden in GOLDEN:
        bench.feed(golden.endpoint, golden.frame)
    run(bench)
    kinds = {channel.partition(":")[0] for channel, _ in bench.data()}
    assert kinds == {feed}
