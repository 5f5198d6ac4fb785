"""The epoch: greater than all that Redis has seen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from p9.publish.publisher import Publisher, RedisRefused
from tests.publishing import settings
from tests.redis_server import RedisServer

pytestmark = pytest.mark.timeout(60)
NOW_MS = 1_800_000_000_000


@pytest.fixture(scope="module")
def shared() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def server(shared: RedisServer) -> RedisServer:
    with shared.client() as client:
        client.flushall()
    return shared


async def negotiate(server: RedisServer, prefix: str = "", keys: tuple[str, ...] = ()) -> int:
    publisher = Publisher(settings(server.url))
    await publisher.open(5)
    try:
        return await publisher.negotiate_epoch(keys, prefix, NOW_MS)
    finally:
        await publisher.close()


def test_the_clock_then_one_more_each_time(server: RedisServer) -> None:
    assert asyncio.run(negotiate(server)) == NOW_MS
    with server.client() as client:
        assert client.get("epoch") == str(NOW_MS).encode()
    assert asyncio.run(negotiate(server)) == NOW_MS + 1
    assert asyncio.run(negotiate(server)) == NOW_MS + 2


def test_above_the_streams_even_emptied_ones(server: RedisServer) -> None:
    with server.client() as client:
        for number in range(2500):  # several rounds of SCAN
            client.set(f"other:{number}", "x")
        client.xadd("log:trade:a", {"m": "x"}, id=f"{NOW_MS + 10}-7")
        client.xadd("log:trade:b", {"m": "x"}, id=f"{NOW_MS + 20}-1")
        client.xtrim("log:trade:b", maxlen=0)
        client.set("log:text", "no stream")
        client.xadd("elsewhere", {"m": "x"}, id=f"{NOW_MS + 30}-1")
    assert asyncio.run(negotiate(server)) == NOW_MS + 21
    keys = ("elsewhere", "log:none", "log:text")
    assert asyncio.run(negotiate(server, keys=keys)) == NOW_MS + 31


def test_the_prefix_is_literal(server: RedisServer) -> None:
    with server.client() as client:
        client.xadd("aXlog:t", {"m": "x"}, id=f"{NOW_MS + 50}-1")
        client.xadd("a*log:t", {"m": "x"}, id=f"{NOW_MS + 5}-1")
    assert asyncio.run(negotiate(server, prefix="a*")) == NOW_MS + 6
    with server.client() as client:
        assert client.get("a*epoch") == str(NOW_MS + 6).encode()


def test_pipelines_that_start_together_get_different_ones(server: RedisServer) -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*(negotiate(server) for _ in range(5)))

    assert sorted(asyncio.run(main())) == [NOW_MS + n for n in range(5)]


@pytest.mark.parametrize("stored", ["soon", "-5", "9" * 19])
def test_an_absurd_stored_epoch_is_refused(server: RedisServer, stored: str) -> None:
    with server.client() as client:
        client.set("epoch", stored)
    with pytest.raises(RedisRefused, match="epoch"):
        asyncio.run(negotiate(server))
    with server.client() as client:
        assert client.get("epoch") == stored.encode()


def test_a_server_that_cannot_store_is_refused(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("maxmemory", "1")
        try:
            with pytest.raises(RedisRefused, match="OOM"):
                asyncio.run(negotiate(server))
        finally:
            client.config_set("maxmemory", "0")
