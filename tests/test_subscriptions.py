"""Requests and their answers: chunks, distance, refusals that cost one topic only."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from p9.connect import subscriptions
from p9.connect.subscriptions import Subscriptions
from p9.venues import ENDPOINTS, Limits


class Said(NamedTuple):
    """A control frame as the core reads it."""

    kind: str
    id: str = ""
    code: str = ""
    msg: str = ""
    topic: str = ""


class Line:
    """The owner of a `Subscriptions`, and the venue behind it."""

    def __init__(self, endpoint: str, **limits: Any) -> None:
        row = ENDPOINTS[endpoint]
        self.limits: Limits = replace(row.limits, spacing_s=0.0)
        self.limits = replace(self.limits, **limits)
        self.counters: Counter[str] = Counter()
        self.sent: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.order: list[str] = []
        self.accepted: list[str] = []
        self.refused: dict[str, str] = {}
        self.spoken: set[str] = set()
        self.exhausted: list[str] = []
        self.venue: Callable[[dict[str, Any]], Sequence[Said]] = lambda message: ()
        self.requests = Subscriptions(row.wire, self.limits, self, self.counters)

    def send_text(self, text: str) -> None:
        message = json.loads(text)
        self.sent.append(message)
        loop = asyncio.get_running_loop()
        self.times.append(loop.time())
        for said in self.venue(message):
            loop.call_soon(self.requests.on_control, said)

    def on_sent(self, topics: Sequence[str]) -> None:
        self.order += topics

    def on_accepted(self, topic: str) -> None:
        self.accepted.append(topic)

    def on_refused(self, topic: str, reason: str) -> None:
        self.refused[topic] = reason

    def has_spoken(self, topic: str) -> bool:
        return topic in self.spoken

    def on_exhausted(self, reason: str) -> None:
        self.exhausted.append(reason)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 10.0))


async def settle(seconds: float = 0.02) -> None:
    await asyncio.sleep(seconds)


def topics_of(message: dict[str, Any]) -> list[str]:
    if "params" in message:
        return list(message["params"])
    return [a if isinstance(a, str) else ":".join(a.values()) for a in message["args"]]


def id_of(message: dict[str, Any]) -> str:
    return str(message.get("id", message.get("req_id")))


def acks(message: dict[str, Any]) -> list[Said]:
    """The answers of a venue that likes everything."""
    if isinstance(message.get("args", [""])[0], dict):
        return [Said("ack", id_of(message), topic=topic) for topic in topics_of(message)]
    return [Said("ack", id_of(message))]


@pytest.mark.parametrize(
    ("endpoint", "count", "sizes"),
    [
        ("bybit:spot", 25, [10, 10, 5]),
        ("bybit:linear", 25, [25]),
        ("binance:spot", 450, [200, 200, 50]),
        ("okx", 150, [100, 50]),
    ],
)
def test_requests_stay_within_the_limits(endpoint: str, count: int, sizes: list[int]) -> None:
    async def main() -> None:
        line = Line(endpoint)
        line.venue = acks
        names = [f"topic:{n}-USDT" for n in range(count)]
        line.requests.subscribe(names)
        await settle()
        assert [len(topics_of(message)) for message in line.sent] == sizes
        assert line.accepted == names
        assert len({id_of(message) for message in line.sent}) == len(sizes)
        line.requests.stop()

    run(main())


def test_long_names_are_split_by_bytes() -> None:
    async def main() -> None:
        line = Line("binance:spot", bytes_per_request=1000)
        line.requests.subscribe(["币" * 50 + str(n) for n in range(20)])
        assert all(len(json.dumps(m, ensure_ascii=False).encode()) < 1100 for m in line.sent)
        assert sum(len(topics_of(message)) for message in line.sent) == 20
        line.requests.stop()

    run(main())


def test_messages_keep_their_distance() -> None:
    async def main() -> None:
        line = Line("bybit:spot", spacing_s=0.05)
        line.requests.subscribe([f"t.{n}" for n in range(40)])
        await settle(0.25)
        gaps = [b - a for a, b in zip(line.times, line.times[1:], strict=False)]
        assert len(gaps) == 3
        assert all(gap >= 0.048 for gap in gaps)
        line.requests.stop()

    run(main())


def bybit_like(bad: dict[str, str]) -> Callable[[dict[str, Any]], list[Said]]:
    """One bad topic voids the request; `bad`: topic -> text of the answer."""

    def answer(message: dict[str, Any]) -> list[Said]:
        for topic in topics_of(message):
            if topic in bad:
                return [Said("error", id_of(message), msg=bad[topic], topic="subscribe")]
        return [Said("ack", id_of(message), topic="subscribe")]

    return answer


def test_a_bad_topic_costs_itself_only() -> None:
    async def main() -> None:
        line = Line("bybit:linear")
        line.venue = bybit_like(
            {
                "a.BAD": "error:handler not found,topic:a.BAD",
                "c.BAD": "Invalid symbol :[c.BAD]",
                "d.TWICE": "error:already subscribed,topic:d.TWICE",
            }
        )
        line.requests.subscribe(["a.BAD", "b.OK", "c.BAD", "d.TWICE", "e.OK"])
        await settle()
        assert sorted(line.accepted) == ["b.OK", "d.TWICE", "e.OK"]
        assert list(line.refused) == ["a.BAD", "c.BAD"]
        assert "handler not found" in line.refused["a.BAD"]
        assert len(line.sent) == 4
        line.requests.stop()

    run(main())


@pytest.mark.parametrize("endpoint", ["bybit:linear", "binance:spot"])
def test_an_error_that_names_no_topic_is_narrowed_down(endpoint: str) -> None:
    async def main() -> None:
        line = Line(endpoint)
        names = [f"t.{n}" for n in range(64)]
        line.venue = bybit_like({"t.13": "no", "t.40": "no"})
        line.requests.subscribe(names)
        await settle()
        assert sorted(line.refused) == ["t.13", "t.40"]
        assert sorted(line.accepted) == sorted(set(names) - {"t.13", "t.40"})
        assert len(line.sent) <= 30
        line.requests.stop()

    run(main())


def test_okx_answers_each_topic_and_names_it_in_words() -> None:
    async def main() -> None:
        line = Line("okx")

        def answer(message: dict[str, Any]) -> list[Said]:
            said = []
            for topic in topics_of(message):
                channel, _, name = topic.partition(":")
                words = f"Wrong URL or channel:{channel},instId:{name} doesn't exist."
                bad = Said("error", id_of(message), "60018", words)
                said.append(bad if "NO" in name else Said("ack", id_of(message), topic=topic))
            return said

        line.venue = answer
        names = [
            "books:A-USDT",
            "books:NO-USDT",
            "trades:NO-USDT",
            "books:NO-USDT-SWAP",
            "trades:A-USDT",
        ]
        line.requests.subscribe(names)
        await settle()
        assert line.accepted == ["books:A-USDT", "trades:A-USDT"]
        assert list(line.refused) == ["books:NO-USDT", "trades:NO-USDT", "books:NO-USDT-SWAP"]
        assert line.refused["books:NO-USDT"].startswith("60018")
        assert len(line.sent) == 1
        line.requests.stop()

    run(main())


def test_a_channel_of_a_type_is_asked_for_by_its_type() -> None:
    async def main() -> None:
        line = Line("okx")
        names = ["liquidation-orders:SWAP", "index-tickers:BTC-USDT", "liquidation-orders:OPTION"]
        words = "Wrong URL or channel:liquidation-orders,instType:OPTION doesn't exist."

        def answer(message: dict[str, Any]) -> list[Said]:
            good = [Said("ack", id_of(message), topic=topic) for topic in names[:2]]
            return [*good, Said("error", id_of(message), "60018", words)]

        line.venue = answer
        line.requests.subscribe(names)
        await settle()
        assert line.sent[0]["args"] == [
            {"channel": "liquidation-orders", "instType": "SWAP"},
            {"channel": "index-tickers", "instId": "BTC-USDT"},
            {"channel": "liquidation-orders", "instType": "OPTION"},
        ]
        assert line.accepted == names[:2]
        assert line.refused == {"liquidation-orders:OPTION": f"60018 {words}"}
        line.requests.stop()

    run(main())


def test_too_frequent_is_not_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(subscriptions, "MAX_WAIT_S", 0.03)
        line = Line("okx")
        line.venue = lambda m: (
            [Said("error", id_of(m), "60014", "Requests too frequent")]
            if len(line.sent) == 1
            else acks(m)
        )
        line.requests.subscribe(["books:A-B", "books:C-D"])
        await settle(0.1)
        assert line.refused == {}
        assert line.accepted == ["books:A-B", "books:C-D"]
        line.requests.stop()

    run(main())


def test_an_error_without_an_id_is_for_the_oldest_request() -> None:
    async def main() -> None:
        line = Line("binance:spot")
        line.requests.subscribe(["one@trade"])
        line.requests.subscribe(["two@trade"])
        line.requests.on_control(Said("error", "", "2", "Invalid request"))
        assert line.refused == {"one@trade": "2 Invalid request"}
        line.requests.on_control(Said("ack", "2"))
        assert line.accepted == ["two@trade"]
        line.requests.on_control(Said("ack", "77"))
        line.requests.on_control(Said("error", "", "3", "?"))
        assert line.counters["stray_answers"] == 2
        line.requests.stop()

    run(main())


def test_no_answer_is_asked_again_and_a_dead_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(subscriptions, "ACK_S", 0.02)
        monkeypatch.setattr(subscriptions, "MAX_WAIT_S", 0.02)
        line = Line("bybit:linear")
        line.spoken = {"b.OK"}
        line.requests.subscribe(["a.OK", "b.OK"])
        loop = asyncio.get_running_loop()
        for _ in range(60):
            await settle(0.01)
            line.requests.tick(loop.time())
            if line.exhausted:
                break
        assert line.accepted == ["b.OK"]  # its answer got lost, its data did not
        assert line.exhausted == ["no answers"]
        assert [topics_of(m) for m in line.sent[:3]] == [["a.OK", "b.OK"], ["a.OK"], ["a.OK"]]
        line.requests.stop()

    run(main())


@pytest.mark.parametrize("endpoint", ["binance:spot", "bybit:linear", "okx"])
def test_resubscribing_waits_for_the_answer_and_goes_first(endpoint: str) -> None:
    async def main() -> None:
        line = Line(endpoint, spacing_s=0.03)
        line.requests.subscribe(["other:A-B"])
        line.requests.subscribe(["later:A-B"])
        line.requests.unsubscribe(["books:A-B"], again=True)
        assert line.requests.busy("books:A-B")
        await settle(0.2)
        assert [topics_of(message)[0] for message in line.sent] == [
            "other:A-B",
            "books:A-B",
            "later:A-B",
        ]
        for said in acks(line.sent[1]):
            line.requests.on_control(said)
        await settle(0.05)
        assert topics_of(line.sent[-1]) == ["books:A-B"]
        assert line.order == ["other:A-B", "later:A-B", "books:A-B"]
        for said in acks(line.sent[-1]):
            line.requests.on_control(said)
        assert line.accepted == ["books:A-B"]
        assert not line.requests.busy("books:A-B")
        line.requests.stop()

    run(main())


def test_an_unsubscribe_that_is_refused_or_lost_still_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        monkeypatch.setattr(subscriptions, "UNSUBSCRIBE_S", 0.02)
        line = Line("bybit:linear")
        line.requests.unsubscribe(["a.X"], again=True)
        line.requests.on_control(Said("error", "u1", msg="not subscribed"))
        line.requests.unsubscribe(["b.X"], again=True)
        await settle(0.03)
        line.requests.tick(asyncio.get_running_loop().time())
        assert line.order == ["a.X", "b.X"]
        assert line.refused == {}
        line.requests.stop()

    run(main())


def test_what_is_not_wanted_any_more_does_not_come_back() -> None:
    async def main() -> None:
        line = Line("bybit:linear", spacing_s=0.02)
        line.requests.unsubscribe(["a.X", "b.X"], again=True)
        line.requests.subscribe(["c.X", "d.X"])
        line.requests.forget("a.X")
        line.requests.forget("c.X")
        line.requests.on_control(Said("ack", "u1"))
        await settle(0.1)
        assert sorted(line.order) == ["b.X", "d.X"]
        line.requests.stop()

    run(main())


def test_operations_per_hour_are_kept() -> None:
    async def main() -> None:
        line = Line("okx", operations_per_hour=3, topics_per_request=1)
        line.requests.subscribe([f"books:{n}-X" for n in range(5)])
        assert len(line.sent) == 3
        assert line.exhausted == ["operations per hour"]
        line.requests.stop()

    run(main())


def test_after_the_end_nothing_is_sent() -> None:
    async def main() -> None:
        line = Line("bybit:spot", spacing_s=0.01)
        line.requests.subscribe([f"t.{n}" for n in range(30)])
        line.requests.stop()
        await settle(0.05)
        assert len(line.sent) == 1
        line.requests.subscribe(["more.X"])
        assert len(line.sent) == 1

    run(main())


def test_notices_and_topics_of_frames() -> None:
    binance, okx = ENDPOINTS["binance:spot"].wire, ENDPOINTS["okx"].wire
    bybit = ENDPOINTS["bybit:spot"].wire
    assert binance.leaving(Said("notice", code="serverShutdown", msg="serverShutdown"))
    assert okx.leaving(Said("notice", code="64008"))
    assert not okx.leaving(Said("notice", code="1"))
    assert not bybit.leaving(Said("notice", code="64008"))
    assert binance.topic_of(b'{"stream":"btcusdt@trade","data":{"e":"trade"}}') == "btcusdt@trade"
    assert binance.topic_of(b'{"result":null,"id":1}') == ""
    assert bybit.topic_of(b'{"topic":"publicTrade.BTCUSDT","ts":1}') == "publicTrade.BTCUSDT"
    assert bybit.topic_of(b'{"success":true,"op":"ping"}') == ""
    books = b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[]}'
    assert okx.topic_of(books) == "books:BTC-USDT"
    ack = b'{"id":"s1","event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"}}'
    assert okx.topic_of(ack) == ""
    forced = (
        b'{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{'
        b'"bkPx":"0.18"}],"instFamily":"DOGE-USDT","instId":"DOGE-USDT-SWAP","instType":"SWAP"}]}'
    )
    assert okx.topic_of(forced) == "liquidation-orders:SWAP"
    index = (
        b'{"arg":{"channel":"index-tickers","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT"}]}'
    )
    assert okx.topic_of(index) == "index-tickers:BTC-USDT"
    poor = b'{"arg":{"channel":"block-tickers"},"data":[{"instId":"BTC-USDT"}]}'
    assert okx.topic_of(poor) == ""
    assert okx.topic_of(b"pong") == ""
