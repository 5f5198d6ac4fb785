"""Polls: when something is asked, how the calls are spread, and what is reported as stale."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from p9.polls import scheduler as module
from p9.rest.client import RestError
from p9.venues import FUNDING, INDEX, INSURANCE, MARK, OPEN_INTEREST, Poll, RestCall, RestPool
from tests.polling import (
    FUNDS,
    INTEREST,
    INTERVALS,
    NAME,
    PREMIUM,
    RATIO,
    STREAM,
    Straw,
)

ONE = "BTCUSDT"
MANY = tuple(f"S{n}USDT" for n in range(60))
ALL_BUT = "feeds: {{{}: {{max_age_s: {}}}}}"


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 20.0))


def gaps(times: list[float]) -> list[float]:
    return [round(b - a, 1) for a, b in pairwise(times)]


# --- when ----------------------------------------------------------------------------------


def test_nothing_is_asked_while_the_streams_bring_it() -> None:
    async def main() -> None:
        straw = Straw(PREMIUM, streams=(STREAM,))
        straw.run(ONE)
        for _ in range(30):
            await straw.go(2.0)
            straw.stream(MARK, INDEX, FUNDING)
        assert straw.calls == []
        assert straw.told == []

    run(main())


def test_a_silent_stream_is_replaced_before_its_greatest_age() -> None:
    """Mark and index may be 10 s old, less the margin of 2 s."""

    async def main() -> None:
        straw = Straw(PREMIUM, streams=(STREAM,))
        straw.run(ONE)
        await straw.go(40.0)
        assert straw.asked() == pytest.approx([8.0, 16.1, 24.2, 32.3], abs=0.5)
        assert straw.told == []
        straw.stream(MARK, INDEX, FUNDING)  # ... until it is back
        before = straw.now
        await straw.go(7.5)
        assert straw.asked(since=before) == []

    run(main())


def test_one_silent_feed_is_enough_for_a_batch() -> None:
    async def main() -> None:
        straw = Straw(PREMIUM, streams=(STREAM,))
        straw.run(*MANY)
        for _ in range(12):
            straw.stream(MARK, INDEX, FUNDING)
            del straw.seen[7, INDEX]
            await straw.go(1.0)
        assert len(straw.calls) == 1
        assert straw.took == [(MARK, -1, "", 60_000_000_000, "")]

    run(main())


def test_what_no_stream_brings_is_asked_at_once_and_then_by_its_age() -> None:
    async def main() -> None:
        straw = Straw(INTEREST)
        straw.run(ONE)
        await straw.go(30.0)
        times = straw.asked()
        assert times[0] <= 0.7
        assert gaps(times) == pytest.approx([12.0, 12.0], abs=0.3)  # 15 s less 3
        assert [row[:2] for row in straw.took] == [(OPEN_INTEREST, 0)] * 3

    run(main())


def test_an_instrument_that_no_answer_has_is_not_asked_for_all_the_time() -> None:
    async def main() -> None:
        straw = Straw(PREMIUM)
        straw.run("AUSDT", "BUSDT")
        straw.without = {1}
        await straw.go(60.0)
        assert min(gaps(straw.asked())) >= 7.9
        stale = [row for _, row in straw.told]
        assert {row["symbol"] for row in stale} == {"BUSDT-PERP"}
        assert {row["feed"] for row in stale} == {MARK, INDEX, FUNDING}
        assert {row["reason"] for row in stale} == {"not in the answer"}

    run(main())


def test_by_time() -> None:
    async def main() -> None:
        straw = Straw(INTERVALS)
        straw.run(ONE)
        await straw.go(1.0)
        assert len(straw.calls) == 1
        straw.now += 3590.0
        await straw.go(5.0)
        assert len(straw.calls) == 1
        await straw.go(10.0)
        assert len(straw.calls) == 2

    run(main())


def test_the_calls_of_one_question_are_a_round() -> None:
    """The fund of a venue takes two calls: the first makes it fresh, both are made."""

    async def main() -> None:
        straw = Straw(FUNDS)
        straw.run(ONE)
        await straw.go(70.0)
        paths = [path for _, path in straw.calls]
        assert paths == ["fund1", "fund2"] * 2
        assert gaps(straw.asked("fund1")) == pytest.approx([57.5], abs=0.5)
        straw.answers["fund2"] = RestError("http_500", retry=True)
        await straw.go(55.0)
        before = Counter(path for _, path in straw.calls)
        await straw.go(30.0)
        after = Counter(path for _, path in straw.calls)
        assert after["fund1"] == before["fund1"]
        assert after["fund2"] > before["fund2"]

    run(main())


@pytest.mark.parametrize("poll", [FUNDS, replace(FUNDS, period_s=60.0)], ids=["age", "period"])
def test_a_question_that_is_never_answered_does_not_end_the_rounds(poll: Poll) -> None:
    async def main() -> None:
        straw = Straw(poll)
        straw.answers["fund1"] = "empty"
        straw.run(ONE)
        await straw.go(250.0)
        assert len(straw.asked("fund2")) in (4, 5)
        assert straw.told == []

    run(main())


def test_a_feed_that_is_off_is_not_asked_for() -> None:
    async def main() -> None:
        off = "feeds: {open_interest: {enabled: no}, funding: {enabled: no}}"
        straw = Straw(INTEREST, INTERVALS, PREMIUM, config=off)
        straw.run(ONE)
        await straw.go(5.0)
        assert {path for _, path in straw.calls} == {"premium"}
        straw.reload("")
        await straw.go(5.0)
        assert {"interest?symbol=BTCUSDT", "intervals"} < {path for _, path in straw.calls}
        straw.reload(off)
        before = straw.now
        await straw.go(30.0)
        assert straw.asked("interest", since=before) == []

    run(main())


def test_a_new_greatest_age_holds_at_once() -> None:
    async def main() -> None:
        straw = Straw(INTEREST)
        straw.run(ONE)
        await straw.go(5.0)
        straw.reload("feeds: {open_interest: {max_age_s: 2}}")
        await straw.go(10.0)
        assert len(straw.calls) >= 5
        assert straw.told == []

    run(main())


def test_kinds_of_instruments() -> None:
    async def main() -> None:
        straw = Straw(PREMIUM, INTEREST)
        straw.run("BTCUSDT_261225")  # a future has no funding
        await straw.go(20.0)
        assert straw.wanted[0].instrument.kind == "future"
        assert straw.asked("premium") == []
        assert len(straw.asked("interest")) == 2
        assert straw.told == []

    run(main())


# --- how many ------------------------------------------------------------------------------


def test_calls_are_spread_over_the_period() -> None:
    async def main() -> None:
        straw = Straw(INTEREST)
        straw.run(*MANY)
        await straw.go(48.0)
        assert straw.told == []
        seconds = Counter(int(at) for at in straw.asked())
        assert max(seconds.values()) <= 8  # 60 calls in 12 s
        symbols = Counter(path for _, path in straw.calls)
        assert len(symbols) == 60
        assert set(symbols.values()) <= {4, 5}

    run(main())


def test_no_more_is_asked_than_the_venue_allows() -> None:
    """60 calls, and 4 in 2 s are allowed: the venue's limit decides how old a value may be."""

    async def main() -> None:
        pools = (RestPool("linear", 4, 2.0),)
        straw = Straw(INTEREST, pools=pools)
        straw.run(*MANY)
        await straw.go(160.0)
        assert len(straw.calls) == pytest.approx(4 / 2 * 0.8 * 160.0, rel=0.15)
        assert max(Counter(path for _, path in straw.calls).values()) <= 5
        assert straw.told == []
        straw.answers = {f"interest?symbol={MANY[0]}": "empty"}
        await straw.go(60.0)
        assert [row["symbol"] for _, row in straw.told] == ["S0USDT-PERP"]

    run(main())


def test_a_few_symbols_do_not_wait_for_their_turn() -> None:
    async def main() -> None:
        straw = Straw(INTEREST)
        straw.run("AUSDT", "BUSDT", "CUSDT", "DUSDT")
        await straw.go(2.0)
        assert len(straw.calls) == 4

    run(main())


def test_a_question_that_hangs_holds_up_no_other() -> None:
    async def main() -> None:
        straw = Straw(INTEREST, RATIO, PREMIUM)
        straw.hangs = {f"interest?symbol={name}" for name in MANY}
        straw.run(*MANY)
        await straw.go(25.0)
        assert len(straw.asked("interest")) == module.ROW_CALLS
        assert len(straw.asked("ratio")) == 60
        assert len(straw.asked("premium")) == 4  # each 8 s
        assert straw.most <= module.CALLS
        stale = {row["feed"] for _, row in straw.told}
        assert stale == {OPEN_INTEREST}
        assert {row["reason"] for _, row in straw.told} == {"no answer yet"}
        await straw.pollers.close()
        assert straw.flying == 0

    run(main())


def test_one_call_at_a_time_for_each_instrument() -> None:
    async def main() -> None:
        straw = Straw(INTEREST)
        straw.hangs = {f"interest?symbol={ONE}"}
        straw.run(ONE, "ETHUSDT")
        await straw.go(60.0)
        assert len(straw.asked(f"interest?symbol={ONE}")) == 1
        assert len(straw.asked("interest?symbol=ETHUSDT")) >= 4
        await straw.pollers.close()

    run(main())


# --- failures ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    ["empty", "old", "reject.symbol", "reject.json", RestError("timeout", retry=True),
     RestError("not_json", retry=True), RestError("error_-1121"), RuntimeError("a fault of ours")],
    ids=str,
)  # fmt: skip
def test_what_gives_nothing_is_tried_again_slower_and_slower(
    answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        straw = Straw(INTEREST)
        path = f"interest?symbol={ONE}"
        straw.answers[path] = answer
        straw.run(ONE, "ETHUSDT")
        await straw.go(14.0)
        tries = straw.asked(path)
        assert 4 <= len(tries) <= 9
        waits = gaps(tries)
        assert min(waits) >= 0.7
        assert max(waits) >= 3.0
        assert straw.asked("interest?symbol=ETHUSDT")[1] <= 13.0  # not touched by it
        await straw.go(4.0)
        word = {"RuntimeError": "internal"}.get(type(answer).__name__, str(answer))
        assert [row for _, row in straw.told] == [
            {
                "feed": "open_interest", "symbol": "BTCUSDT-PERP", "state": "STALE",
                "reason": word, "age_s": pytest.approx(16.0, abs=0.2),
            }
        ]  # fmt: skip
        (row,) = straw.pollers.fresh.missing(NAME)
        assert row[0] == "binance open_interest BTCUSDT-PERP"
        assert row[1].startswith("stale for 1")
        assert row[1].endswith(f" s ({word})")
        assert straw.pollers.fresh.stale()[NAME, OPEN_INTEREST] == 1
        assert straw.pollers.results[OPEN_INTEREST, word] >= 4
        del straw.answers[path]
        await straw.go(14.0)
        assert [row["state"] for _, row in straw.told] == ["STALE", "LIVE"]
        assert list(straw.pollers.fresh.missing(NAME)) == []

    run(main())
    assert ("internal error" in caplog.text) == isinstance(answer, RuntimeError)


def test_a_wait_that_the_venue_asks_for_is_kept() -> None:
    async def main() -> None:
        straw = Straw(INTEREST)
        straw.answers[f"interest?symbol={ONE}"] = RestError("rate_limited", retry_after=30.0)
        straw.run(ONE)
        await straw.go(29.0)
        assert len(straw.calls) == 1
        await straw.go(3.0)
        assert len(straw.calls) == 2

    run(main())


# --- stale, and back -----------------------------------------------------------------------


def test_a_stream_that_no_poll_replaces_is_judged_too() -> None:
    async def main() -> None:
        straw = Straw(streams=(STREAM,))
        straw.run(ONE)
        assert {name for name, _ in straw.pollers.fresh.missing(NAME)} == {
            f"binance {feed} BTCUSDT-PERP" for feed in (MARK, INDEX, FUNDING)
        }
        assert {why for _, why in straw.pollers.fresh.missing(NAME)} == {"no data yet"}
        await straw.go(1.0)
        straw.stream(MARK, INDEX, FUNDING)
        await straw.go(10.0)
        assert straw.told == []
        assert list(straw.pollers.fresh.missing(NAME)) == []
        await straw.go(1.5)
        assert [at for at, _ in straw.told] == pytest.approx([12.0, 12.0], abs=0.2)
        assert [(row["feed"], row["state"], row["reason"]) for _, row in straw.told] == [
            (feed, "STALE", "the stream is silent") for feed in (MARK, INDEX)
        ]
        await straw.go(60.0)
        assert len(straw.told) == 3  # once each; funding after 30 s
        straw.stream(MARK, INDEX, FUNDING)
        await straw.go(1.0)
        assert [row for _, row in straw.told[3:]] == [
            {"feed": feed, "symbol": "BTCUSDT-PERP", "state": "LIVE", "reason": None}
            for feed in (MARK, INDEX, FUNDING)
        ]

    run(main())


def test_the_fund_is_of_the_exchange() -> None:
    async def main() -> None:
        straw = Straw(FUNDS)
        straw.answers["fund1"] = straw.answers["fund2"] = RestError("http_502", retry=True)
        straw.run(ONE, "ETHUSDT")
        await straw.go(62.0)
        assert [row for _, row in straw.told] == [
            {"feed": INSURANCE, "state": "STALE", "reason": "http_502",
             "age_s": pytest.approx(61.0, abs=0.2)}
        ]  # fmt: skip
        assert [name for name, _ in straw.pollers.fresh.missing(NAME)] == ["binance insurance_fund"]

    run(main())


def test_a_symbol_that_is_removed_is_neither_asked_for_nor_stale() -> None:
    async def main() -> None:
        straw = Straw(INTEREST, RATIO)
        straw.run(ONE, "ETHUSDT")
        await straw.go(3.0)
        straw.run("ETHUSDT")
        before = straw.now
        await straw.go(100.0)
        assert {path for at, path in straw.calls if at > before} == {
            "interest?symbol=ETHUSDT", "ratio?symbol=ETHUSDT",
        }  # fmt: skip
        assert straw.told == []

    run(main())


def test_an_answer_for_a_symbol_that_was_removed_meanwhile_is_dropped() -> None:
    async def main() -> None:
        straw = Straw(INTEREST)
        straw.run(ONE)
        straw.hangs = {f"interest?symbol={ONE}"}
        await straw.go(2.0)
        straw.run()
        straw.hangs.clear()
        await straw.go(2.0)
        assert straw.took == []
        await straw.pollers.close()

    run(main())


def test_other_symbols_keep_their_rhythm_when_one_is_added() -> None:
    async def main() -> None:
        straw = Straw(INTEREST)
        straw.run(ONE)
        await straw.go(5.0)
        straw.run(ONE, "ETHUSDT")
        await straw.go(20.0)
        assert gaps(straw.asked(f"interest?symbol={ONE}")) == pytest.approx([12.0, 12.0], abs=0.3)

    run(main())


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    async def main() -> None:
        straw = Straw(INTEREST)
        straw.run(ONE)
        await straw.go(5.0)
        straw.seen = {key: at + 3600.0 for key, at in straw.seen.items()}
        await straw.go(30.0)
        assert straw.told == []
        straw.seen = {key: at - 3600.0 for key, at in straw.seen.items()}
        await straw.go(13.0)
        assert len(straw.calls) >= 2

    run(main())


# --- seeds ---------------------------------------------------------------------------------


def kline(venue_id: str, timeframe: str, limit: int) -> RestCall | None:
    if timeframe == "3m":
        return None  # not offered
    return RestCall(NAME, "candles", f"/k?{venue_id}&{timeframe}&{limit}", 1, "linear", venue_id)


TIMEFRAMES = "feeds: {candles: {timeframes: [1s, 1m, 3m, 1h, 1d]}}"


def test_bars_are_seeded_once_the_longest_first() -> None:
    async def main() -> None:
        straw = Straw(config=TIMEFRAMES, kline_call=kline)
        straw.run(ONE)
        await straw.go(1.5)
        assert straw.calls == []  # the stream begins first
        await straw.go(600.0)
        assert [path for _, path in straw.calls] == [
            "k?BTCUSDT&1d&2", "k?BTCUSDT&1h&2", "k?BTCUSDT&1m&2",
        ]  # fmt: skip
        assert [row[:4] for row in straw.took] == [
            ("candles", 0, timeframe, 0) for timeframe in ("1d", "1h", "1m")
        ]
        assert min(gaps(straw.asked())) >= 0.1
        straw.run(ONE, "ETHUSDT")
        await straw.go(600.0)
        assert [path[2:9] for _, path in straw.calls[3:]] == ["ETHUSDT"] * 3

    run(main())


def test_a_seed_that_fails_is_given_up_after_some_tries() -> None:
    async def main() -> None:
        straw = Straw(config=TIMEFRAMES, kline_call=kline)
        straw.answers["k?BTCUSDT&1h&2"] = "empty"
        straw.run(ONE)
        await straw.go(600.0)
        tries = Counter(path for _, path in straw.calls)
        assert tries == {"k?BTCUSDT&1d&2": 1, "k?BTCUSDT&1h&2": 5, "k?BTCUSDT&1m&2": 1}

    run(main())


def test_no_seeds_without_candles() -> None:
    async def main() -> None:
        straw = Straw(config="feeds: {candles: {enabled: no}}", kline_call=kline)
        straw.run(ONE)
        await straw.go(20.0)
        assert straw.calls == []
        straw.reload(TIMEFRAMES)
        await straw.go(20.0)
        assert len(straw.calls) == 3

    run(main())
