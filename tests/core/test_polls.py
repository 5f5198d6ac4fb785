"""Answers of REST: of whom they are, what is refused, and the funds of an exchange."""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from tests.core.child import in_child
from tests.core.frames import (
    MINUTE,
    SECOND,
    TICKER,
    Told,
    Wire,
    accounts,
    answer,
    fund,
    of_kind,
    okx_body,
    pools,
    premium,
)
from tests.core.support import RECV

BYBIT, USDM, OKX = "bybit:linear", "binance:linear", "okx"
SWAP, INVERSE = "BTC-USDT-SWAP", "BTC-USD-SWAP"
NOW = RECV // 10**6

# endpoint, what is asked, of whom ("": of all), the body
BODIES: list[tuple[str, str, str, str]] = [
    (USDM, "mark_price", "BTCUSDT", premium(NOW)),
    (USDM, "mark_price", "", f"[{premium(NOW)},{premium(NOW, symbol='OTHERUSDT')}]"),
    (USDM, "funding_interval", "", '[{"symbol":"BTCUSDT","fundingIntervalHours":4}]'),
    (USDM, "open_interest", "BTCUSDT",
     f'{{"openInterest":"10659.509","symbol":"BTCUSDT","time":{NOW}}}'),
    (USDM, "insurance_fund", "", json.dumps([fund(NOW, "5", "BTCUSDT", "ETHUSDT")])),
    (BYBIT, "ticker", "SOLUSDT", answer(NOW, [TICKER], category="linear")),
    (BYBIT, "long_short", "SOLUSDT", accounts(NOW, NOW - 1000, "0.6", "0.4")),
    (BYBIT, "insurance_fund", "",
     answer(NOW, [{"coin": "USDT", "symbols": "SOLUSDT", "balance": "7"}], updatedTime=str(NOW))),
    (OKX, "mark_price", SWAP, okx_body({"instId": SWAP, "markPx": "5", "ts": str(NOW)})),
    (OKX, "index_price", "", okx_body({"instId": "BTC-USDT", "idxPx": "5", "ts": str(NOW)})),
    (OKX, "long_short", SWAP, okx_body([str(NOW), "1.5"])),
    (OKX, "insurance_fund", "",
     okx_body({"total": "9", "instFamily": "BTC-USDT",
               "details": [{"balance": "8", "ccy": "BTC", "ts": str(NOW)}]})),
]  # fmt: skip
EACH = pytest.mark.parametrize(("endpoint", "ask", "of", "body"), BODIES)


def asked(wire: Wire, ask: str, of: str, body: str, **more: Any) -> tuple[str, list[Told]]:
    return wire.poll(ask, body, wire.number(of) if of else -1, **more)


@EACH
def test_an_answer_is_taken(endpoint: str, ask: str, of: str, body: str) -> None:
    wire = Wire(endpoint)
    outcome, said = asked(wire, ask, of, body)
    assert outcome == ""
    assert bool(said) == (ask != "funding_interval")
    assert wire.count("polls") == 1


@EACH
def test_bodies_cut_at_every_byte(endpoint: str, ask: str, of: str, body: str) -> None:
    def run() -> None:
        wire = Wire(endpoint)
        for size in range(len(body)):
            outcome, said = asked(wire, ask, of, body[:size])
            assert outcome.startswith("reject."), body[:size]
            assert said == []
        assert asked(wire, ask, of, body)[0] == "", "something of those has stayed"

    in_child(run)


@EACH
def test_bodies_with_a_wrong_byte(endpoint: str, ask: str, of: str, body: str) -> None:
    """Run in a process of its own: nothing but a word of why it is not taken, or messages."""

    def run() -> None:
        random = Random(body)
        raw = body.encode()
        for _ in range(400):
            wire = Wire(endpoint)
            broken = bytearray(raw)
            for _ in range(random.choice([1, 1, 2])):
                broken[random.randrange(len(broken))] = random.choice(b'{}[]",:\\0aeE-. \x00\xff')
            number = wire.number(of) if of else -1
            outcome = wire.engine.feed_poll(endpoint, ask, RECV, bytes(broken), number)
            said = wire.said()  # all of it is JSON
            assert outcome in ("", "empty", "old") or outcome.startswith("reject."), broken
            assert not (outcome and said), broken

    in_child(run)


@EACH
def test_what_is_no_answer(endpoint: str, ask: str, of: str, body: str) -> None:
    wire = Wire(endpoint)
    for raw, wanted in (
        ("", "reject.json"), ("<html><h1>502</h1>", "reject.json"), (body + "}", "reject.json"),
        ("{}", "reject.shape"), ('"x"', "reject.shape"), ("5", "reject.shape"),
        ('{"code":-1121,"msg":"Invalid symbol."}', "reject.shape"),
        ('{"retCode":10006,"retMsg":"Too many visits!","result":{},"time":1}', "reject.shape"),
        ('{"code":"50011","msg":"Too Many Requests","data":[]}', "reject.shape"),
    ):  # fmt: skip
        outcome, said = asked(wire, ask, of, raw)
        assert (outcome, said) in [(wanted, []), ("reject.json", [])], raw
    assert wire.count("polls") == 9
    assert len(wire.engine.samples()) == 8, "four of each of two reasons"


def test_empty_lists_and_lists_of_others() -> None:
    other = premium(NOW, symbol="OTHERUSDT")
    for endpoint, ask, of, body in (
        (USDM, "mark_price", "", "[]"),
        (USDM, "mark_price", "", f"[{other},{other}]"),
        (USDM, "insurance_fund", "", "[]"),
        (BYBIT, "ticker", "", answer(NOW, [], category="linear")),
        (BYBIT, "insurance_fund", "", answer(NOW, [], updatedTime=str(NOW))),
        (OKX, "mark_price", "", okx_body()),
        (OKX, "index_price", "", okx_body({"instId": "X-Y", "idxPx": "5", "ts": str(NOW)})),
    ):
        assert asked(Wire(endpoint), ask, of, body) == ("empty", []), body


def test_an_answer_about_another_symbol_is_refused() -> None:
    for endpoint, ask, of, body in (
        (USDM, "mark_price", "BTCUSDT", premium(NOW, symbol="ETHUSDT")),
        (BYBIT, "ticker", "SOLUSDT", answer(NOW, [{**TICKER, "symbol": "X"}], category="linear")),
        (OKX, "mark_price", SWAP, okx_body({"instId": INVERSE, "markPx": "5", "ts": str(NOW)})),
    ):
        wire = Wire(endpoint)
        assert asked(wire, ask, of, body) == ("reject.symbol", []), body
        assert wire.count("reject.symbol") == 1


def test_the_callers_mistakes() -> None:
    wire = Wire(USDM)
    for number, error in ((wire.bench.numbers[BYBIT, "SOLUSDT"], ValueError), (999, IndexError)):
        with pytest.raises(error):
            wire.poll("mark_price", premium(NOW), number)
    with pytest.raises(KeyError):
        wire.poll("weather", premium(NOW))
    with pytest.raises(KeyError):
        wire.engine.feed_poll("kraken", "mark_price", RECV, b"{}")
    with pytest.raises(ValueError, match="2h"):
        wire.poll("candles", "[]", wire.number("BTCUSDT"), timeframe="2h")
    with pytest.raises(ValueError, match="feed of an exchange"):
        wire.engine.last_seen_exchange("okx", "ticker")
    assert wire.engine.counters()[USDM] == {}


def test_an_answer_may_be_so_old_and_no_older() -> None:
    wire = Wire(USDM)
    at = wire.ms
    wire.wait(10)
    body = premium(at)
    assert wire.poll("mark_price", body, old_ns=wire.now - at * 10**6 - 1) == ("old", [])
    assert wire.count("old") == 1
    assert wire.poll("mark_price", body, old_ns=wire.now - at * 10**6)[0] == ""
    # of a list what is recent enough counts
    body = answer(wire.ms, [{"coin": "USDT", "symbols": "A", "balance": "1"}], updatedTime=str(at))
    wire = Wire(BYBIT).wait(3600)
    assert wire.poll("insurance_fund", body, old_ns=MINUTE) == ("old", [])
    assert wire.engine.last_seen_exchange("bybit", "insurance_fund") == 0


# ---- insurance funds --------------------------------------------------------------------


def balances(said: list[Told]) -> list[tuple[str, str, Any]]:
    [message] = of_kind(said, "insurance_fund")
    return [(row["pool"], row["asset"], row["amount"]) for row in message["balances"]]


def test_funds_are_merged_over_answers() -> None:
    wire = Wire(OKX)

    def polled(family: str, balance: str) -> list[tuple[str, str, Any]]:
        detail = {"balance": balance, "ccy": "USDT", "ts": str(wire.wait(1).ms)}
        row = {"total": "1", "instFamily": family, "details": [detail]}
        outcome, said = wire.poll("insurance_fund", okx_body(row))
        assert outcome == ""
        return balances(said)

    assert polled("BTC-USDT", "5.50") == [("BTC-USDT", "USDT", Decimal("5.5"))]
    assert polled("ETH-USDT", "6")[1:] == [("ETH-USDT", "USDT", 6)]
    assert polled("BTC-USDT", "7") == [("BTC-USDT", "USDT", 7), ("ETH-USDT", "USDT", 6)]
    assert wire.engine.last_seen_exchange("okx", "insurance_fund") == wire.now
    assert wire.engine.last_seen_exchange("bybit", "insurance_fund") == 0


def test_an_older_answer_of_a_cache_is_not_taken() -> None:
    wire = Wire(BYBIT)
    at = wire.ms

    def polled(amount: str, at: int) -> tuple[str, list[Told]]:
        row = {"coin": "USDT", "symbols": "A,B", "balance": amount}
        return wire.poll("insurance_fund", answer(wire.ms, [row], updatedTime=str(at)))

    assert balances(polled("5", at)[1]) == [("A,B", "USDT", 5)]
    assert polled("4", at - 60_000) == ("old", [])
    assert (wire.count("balances"), wire.count("old")) == (1, 1)
    assert balances(wire.feed(pools(at + 1, ("USDT", "A,B", "-3.5")))) == [
        ("A,B", "USDT", Decimal("-3.5"))
    ]
    assert polled("4", at) == ("old", [])
    assert balances(polled("4", at + 10**10)[1]) == [("A,B", "USDT", 4)]
    assert balances(polled("3", at + 2)[1]) == [("A,B", "USDT", 3)], "a slip of the venue's clock"


def test_unchanged_funds_are_said_again_at_half_their_greatest_age() -> None:
    wire = Wire(BYBIT, max_age_ns={"insurance_fund": 60 * SECOND})
    times = []
    for _ in range(100):
        if wire.feed(pools(wire.ms, ("USDT", "A", "5"))):
            times.append((wire.now - RECV) // SECOND)
        wire.wait(1)
    assert times == [0, 30, 60, 90]
    assert len(wire.feed(pools(wire.ms, ("USDT", "A", "6")))) == 1


def test_a_pool_with_other_symbols_takes_the_place_of_the_one_before() -> None:
    """Binance names all symbols of a pool: with each listing it is another list."""
    wire = Wire(USDM)

    def polled(*funds: dict[str, Any]) -> list[tuple[str, str, Any]]:
        wire.wait(60)
        outcome, said = wire.poll("insurance_fund", json.dumps(list(funds)))
        assert outcome == ""
        return balances(said)

    first = polled(fund(NOW, "5", "A", "B"), fund(NOW, "6", "C"), fund(NOW, "1", "A", asset="BNB"))
    assert first == [("A,B", "USDT", 5), ("C", "USDT", 6), ("A", "BNB", 1)]
    # D is listed, and of the others nothing is told now
    assert polled(fund(NOW + 1, "7", "A", "B", "D")) == [
        ("C", "USDT", 6), ("A", "BNB", 1), ("A,B,D", "USDT", 7)
    ]  # fmt: skip
    # the pools of C and D are one now
    assert polled(fund(NOW + 2, "8", "C", "D"), fund(NOW + 2, "9", "A", "B")) == [
        ("A", "BNB", 1), ("C,D", "USDT", 8), ("A,B", "USDT", 9)
    ]  # fmt: skip


def test_funds_are_bounded() -> None:
    wire = Wire(BYBIT)

    def told(start: int, amount: str) -> list[Told]:
        rows = [("USDT", f"S{n}", amount) for n in range(start, start + 3000)]
        return wire.wait(1).feed(pools(wire.ms, *rows))

    assert [len(balances(told(start, "1"))) for start in (0, 3000)] == [3000, 5000]
    assert told(6000, "1") == []
    assert {row[2] for row in balances(told(0, "2"))} == {1, 2}, "those that are known go on"


def test_text_of_a_pool_cannot_break_a_message() -> None:
    wire = Wire(BYBIT)
    strange = 'a"b\\c\ud83d\u2028ü\x7f[x]'
    said = balances(wire.feed(pools(wire.ms, (strange, strange, "1"))))
    assert len(said) == 1
    frame = pools(wire.ms, ("USDT", "X", "1")).encode().replace(b"X", b"\xc3\xbc")
    wire.engine.feed(wire.bench.conns[BYBIT], wire.now, frame)
    assert ("ü", "USDT", 1) in balances(wire.said())
