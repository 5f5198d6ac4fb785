"""The REST client and its ledger, against a small server on loopback that misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from aiohttp import ClientTimeout, web

from p9.rest import client as rest
from p9.rest.client import RestClient, RestError, retry_after
from p9.rest.ledger import Ledger, LedgerFull
from p9.venues import ENDPOINTS, Priority, RestCall, RestPool

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
DEPTH_BODY = {"lastUpdateId": 7, "bids": [["1", "1"]], "asks": [["2", "1"]]}
OK: dict[str, dict[str, Any]] = {
    "binance:spot": DEPTH_BODY,
    "bybit:spot": {"retCode": 0, "result": {"list": []}},
    "okx": {"code": "0", "msg": "", "data": [{"asks": [], "bids": [], "seqId": 1}]},
}


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 20.0))


class Server:
    """Answers with what `answers` holds, one after the other, the last one for ever."""

    def __init__(self, *answers: Handler | web.Response | dict[str, Any]) -> None:
        self.answers = list(answers)
        self.requests: list[web.Request] = []
        self.base = ""

    async def __aenter__(self) -> Server:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, dict):
            return web.json_response(answer)
        if isinstance(answer, web.Response):
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        return await answer(request)


def client(endpoint: str, base: str, **more: Any) -> RestClient:
    return RestClient([ENDPOINTS[endpoint]], {endpoint: base}, **more)


def depth(endpoint: str) -> RestCall:
    call = ENDPOINTS[endpoint].depth_call("BTC-USDT", 1000)
    return call or ENDPOINTS[endpoint].listing_calls[0]


def answer(status: int, body: Any = "", **headers: str) -> web.Response:
    text = body if isinstance(body, str) else json.dumps(body)
    return web.Response(status=status, text=text, headers=headers)


@pytest.mark.parametrize("endpoint", sorted(OK))
def test_a_good_answer(endpoint: str) -> None:
    async def main() -> None:
        async with Server(OK[endpoint]) as server:
            api = client(endpoint, server.base + "/")
            reply = await api.get(depth(endpoint))
            assert json.loads(reply.body) == OK[endpoint]
            assert reply.url == server.base + depth(endpoint).path
            request = server.requests[0]
            assert request.headers["User-Agent"].startswith("p9-microstream/")
            assert request.path_qs == depth(endpoint).path
            await api.close()

    run(main())


@pytest.mark.parametrize(
    ("endpoint", "reply", "reason", "hold"),
    [
        ("binance:spot", answer(429, {"code": -1003, "msg": "x"}), "rate_limited", 10),
        ("binance:spot", answer(429, "", **{"Retry-After": "7"}), "rate_limited", 7),
        ("binance:spot", answer(418, "", **{"Retry-After": "300"}), "banned", 300),
        ("binance:spot", answer(403, "<html>WAF</html>"), "firewall", 120),
        (
            "binance:spot",
            answer(400, {"code": -1121, "msg": "Invalid symbol."}),
            "unknown_symbol",
            0,
        ),
        (
            "binance:spot",
            answer(200, {"code": -1121, "msg": "Invalid symbol."}),
            "unknown_symbol",
            0,
        ),
        ("binance:spot", answer(200, {"code": -1100, "msg": "Illegal"}), "error_-1100", 0),
        ("binance:spot", answer(200, {"surprise": 1}), "not_a_depth_body", 0),
        ("binance:spot", answer(200, "<html>hello</html>"), "not_json", 0),
        ("binance:spot", answer(200, ""), "not_json", 0),
        ("binance:spot", answer(404, "nothing here"), "http_404", 0),
        ("binance:spot", answer(503, "down", **{"Retry-After": "3"}), "http_503", 3),
        ("binance:spot", answer(302, "", Location="http://127.0.0.1:1/"), "redirect", 0),
        ("binance:spot", answer(451, "region"), "http_451", 0),
        ("bybit:spot", answer(403, "Access too frequent"), "banned", 600),
        ("bybit:spot", answer(403, ""), "forbidden", 60),
        (
            "bybit:spot",
            answer(200, {"retCode": 10006, "retMsg": "Too many visits"}),
            "rate_limited",
            5,
        ),
        ("bybit:spot", answer(200, {"retCode": 10018}), "banned", 600),
        ("bybit:spot", answer(200, {"retCode": 10001}), "bad_request", 0),
        ("bybit:spot", answer(200, '{"retCode":'), "malformed", 0),
        ("okx", answer(429, {"msg": "Too Many Requests", "code": "50011"}), "rate_limited", 2),
        ("okx", answer(200, {"msg": "Too Many Requests", "code": "50011"}), "rate_limited", 2),
        ("okx", answer(429, "slow down"), "rate_limited", 2),
        ("okx", answer(200, {"code": "51001", "data": []}), "unknown_symbol", 0),
        ("okx", answer(200, {"code": "0", "data": []}), "not_a_depth_body", 0),
        ("okx", answer(200, {"code": 0, "data": [1]}), "error_0", 0),
        ("okx", answer(502, "<html>"), "http_502", 0),
    ],
)
def test_what_goes_wrong_has_a_name(
    endpoint: str, reply: web.Response, reason: str, hold: float
) -> None:
    async def main() -> None:
        async with Server(reply) as server:
            api = client(endpoint, server.base)
            with pytest.raises(RestError) as caught:
                await api.get(depth(endpoint), attempts=1)
            assert caught.value.reason == reason
            assert caught.value.retry_after == hold
            held = api.ledger.held_s(depth(endpoint).pool)
            assert held == pytest.approx(hold, abs=0.5)
            assert api.counters[f"error.{reason}"] == 1
            await api.close()

    run(main())


def test_a_hold_stops_everybody_until_it_is_over() -> None:
    async def main() -> None:
        async with Server(answer(429, "", **{"Retry-After": "0.4"}), DEPTH_BODY) as server:
            api = client("binance:spot", server.base)
            loop = asyncio.get_running_loop()
            with pytest.raises(RestError):
                await api.get(depth("binance:spot"), attempts=1)
            began = loop.time()
            waiting = [asyncio.create_task(api.get(depth("binance:spot"))) for _ in range(3)]
            await asyncio.sleep(0.3)
            assert len(server.requests) == 1
            await asyncio.gather(*waiting)
            # the shortest wait that this venue is given is a second
            assert loop.time() - began >= 0.9
            assert len(server.requests) == 4
            await api.close()

    run(main())


def test_a_ban_covers_all_pools_of_the_venue_and_a_limit_only_its_own() -> None:
    rows = [ENDPOINTS["binance:spot"], ENDPOINTS["binance:linear"]]

    async def main() -> None:
        spot, linear = depth("binance:spot"), depth("binance:linear")
        async with Server(answer(429), answer(418)) as server:
            api = RestClient(rows, {row.name: server.base for row in rows})
            for call in (spot, linear):
                with pytest.raises(RestError):
                    await api.get(call, attempts=1)
                if call is spot:
                    assert api.ledger.held_s("spot") > 0
                    assert api.ledger.held_s("linear") == 0
            assert api.ledger.held_s("spot") == pytest.approx(120, abs=1)
            assert api.ledger.held_s("linear") == pytest.approx(120, abs=1)
            await api.close()

    run(main())


def test_a_ban_until_a_moment_is_measured_by_the_clock_of_the_answer() -> None:
    said = {"code": -1003, "msg": "Way too many requests; IP banned until 1893456060000."}
    headers = {"Date": "Tue, 01 Jan 2030 00:00:00 GMT"}
    fault = ENDPOINTS["binance:spot"].fault(
        429, headers, json.dumps(said).encode(), depth("binance:spot")
    )
    assert fault is not None
    assert (fault.reason, fault.hold_s, fault.scope) == ("banned", 60.0, "venue")


def test_what_may_pass_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "BACKOFF_S", 0.02)

    async def main() -> None:
        async with Server(answer(500), answer(200, "<html>"), DEPTH_BODY) as server:
            api = client("binance:spot", server.base)
            await api.get(depth("binance:spot"))
            assert len(server.requests) == 3
            assert api.counters["calls"] == 3
            await api.close()
        async with Server(answer(400, {"code": -1121, "msg": ""}), DEPTH_BODY) as server:
            api = client("binance:spot", server.base)
            with pytest.raises(RestError):
                await api.get(depth("binance:spot"))
            assert len(server.requests) == 1
            await api.close()

    run(main())


def test_an_unreachable_venue_is_told_once_and_told_again_when_it_is_back() -> None:
    async def main() -> None:
        told: list[tuple[str, bool, str]] = []
        api = client("okx", "http://127.0.0.1:1", on_state=lambda *state: told.append(state))
        for _ in range(3):
            with pytest.raises(RestError) as caught:
                await api.get(depth("okx"), attempts=1)
            assert (caught.value.reason, caught.value.retry) == ("unreachable", True)
        assert told == [("okx", False, "unreachable")]
        assert "okx" in api.stats()["unreachable_s"]  # type: ignore[operator]
        async with Server(OK["okx"]) as server:
            api._bases["okx"] = server.base
            await api.get(depth("okx"))
        assert told[1:] == [("okx", True, "")]
        await api.close()

    run(main())


def test_hanging_cut_and_endless_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "TIMEOUT", ClientTimeout(total=0.3))
    monkeypatch.setattr(rest, "MAX_BODY", 100_000)

    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(5)
        raise AssertionError

    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"lastUpdateId":1')
        assert request.transport is not None
        request.transport.close()
        return response

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(50):
            await response.write(b" " * 10_000)
        return response

    async def main() -> None:
        for handler, reason in ((hang, "timeout"), (cut, "broken_answer"), (endless, "too_big")):
            async with Server(handler) as server:
                api = client("binance:spot", server.base)
                with pytest.raises(RestError) as caught:
                    await api.get(depth("binance:spot"), attempts=1)
                assert caught.value.reason == reason
                await api.close()

    run(main())


def test_the_header_of_used_weight_slows_us_down() -> None:
    async def main() -> None:
        reply = answer(200, DEPTH_BODY, **{"X-MBX-USED-WEIGHT-1M": "5390"})
        async with Server(reply) as server:
            api = client("binance:spot", server.base)
            await api.get(depth("binance:spot"))
            assert api.ledger.stats()["spot"]["used"] == 5390
            with pytest.raises(TimeoutError):  # 50 more do not fit under 90 % of 6000
                await asyncio.wait_for(api.get(depth("binance:spot")), 0.2)
            assert len(server.requests) == 1
            await api.close()

    run(main())


def test_closing_frees_those_who_wait() -> None:
    async def main() -> None:
        api = client("binance:spot", "http://127.0.0.1:1")
        api.ledger.hold(None, 60)
        waiting = asyncio.create_task(api.get(depth("binance:spot")))
        await asyncio.sleep(0.05)
        await api.close()
        with pytest.raises(RestError):
            await waiting

    run(main())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"Retry-After": "30"}, 30),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "soon"}, 60),
        ({"Retry-After": "-5"}, 60),
        (
            {
                "Retry-After": "Tue, 01 Jan 2030 00:00:09 GMT",
                "Date": "Tue, 01 Jan 2030 00:00:00 GMT",
            },
            9,
        ),
        (
            {
                "Retry-After": "Tue, 01 Jan 2030 00:00:00 GMT",
                "Date": "Tue, 01 Jan 2030 00:00:09 GMT",
            },
            0,
        ),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers) == seconds


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_ledger_never_spends_more_than_the_window_allows() -> None:
    async def main() -> None:
        clock = Clock()
        ledger = Ledger([RestPool("p", 100, 60.0)], clock)  # 90 of them are ours
        for _ in range(9):
            await ledger.take("p", 10)
            clock.now += 1
        waiting = asyncio.create_task(ledger.take("p", 10))
        await asyncio.sleep(0)
        assert not waiting.done()
        clock.now += 51.1  # the first ten are a minute old
        ledger._pools["p"].pump()
        await asyncio.wait_for(waiting, 1)
        assert ledger.stats()["p"]["used"] == 90
        ledger.stop()

    run(main())


def test_the_ledger_serves_the_urgent_first() -> None:
    async def main() -> None:
        clock = Clock()
        ledger = Ledger([RestPool("p", 10, 1.0)], clock)
        ledger.hold("p", 5)
        order: list[str] = []

        async def ask(name: str, priority: Priority) -> None:
            await ledger.take("p", 1, priority)
            order.append(name)

        tasks = [
            asyncio.create_task(ask(name, priority))
            for name, priority in (
                ("history", Priority.HISTORY),
                ("poll", Priority.POLL),
                ("resync", Priority.RESYNC),
                ("given up", Priority.RESYNC),
                ("resync 2", Priority.RESYNC),
            )
        ]
        await asyncio.sleep(0)
        tasks[3].cancel()
        await asyncio.sleep(0)
        clock.now += 5.1
        ledger._pools["p"].pump()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == ["resync", "resync 2", "poll", "history"]
        assert ledger.stats()["p"]["used"] == 4  # who gave up pays nothing
        ledger.stop()

    run(main())


def test_the_ledger_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p9.rest.ledger.WAITERS", 2)

    async def main() -> None:
        ledger = Ledger([RestPool("p", 10, 60.0)])
        ledger.hold(None, 60)
        tasks = [asyncio.create_task(ledger.take("p", 1)) for _ in range(3)]
        await asyncio.sleep(0)
        assert isinstance(tasks[2].exception(), LedgerFull)
        ledger.stop()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, LedgerFull) for result in results)

    run(main())
