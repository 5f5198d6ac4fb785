"""Frames over a real socket: messages in parts, pings between the parts, the listener's end."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from fuzz_check import Broken
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server

from p9core.engine import Control, Engine
from p9core.listener import FeedListener

LAST = b"that was all"
WAIT_S = 60


class Sender(WSListener):
    """The venue's end: sends everything in parts as they fall, then a ping."""

    def __init__(self, random: Random, messages: list[bytes]) -> None:
        super().__init__()
        self.random, self.messages = random, messages
        self.answered = asyncio.Event()

    def on_ws_connected(self, transport: WSTransport) -> None:
        for message in self.messages:
            self.send(transport, message)
        transport.send_ping(LAST)

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.PONG and frame.get_payload_as_bytes() == LAST:
            self.answered.set()

    def send(self, transport: WSTransport, message: bytes) -> None:
        random = self.random
        kind = WSMsgType.BINARY if random.random() < 0.1 else WSMsgType.TEXT
        parts = random.choice([1, 1, 1, 2, 3, 8])
        cuts = sorted(random.randint(0, len(message)) for _ in range(parts - 1))
        ends = [*cuts, len(message)]
        start = 0
        for i, end in enumerate(ends):
            transport.send(kind, message[start:end], i == len(ends) - 1)
            kind = WSMsgType.CONTINUATION
            start = end
            if random.random() < 0.2:
                transport.send_ping(b"between")


class Owner:
    """Counts what the listener hands up."""

    def __init__(self) -> None:
        self.controls = 0
        self.closed = asyncio.Event()

    def on_open(self, transport: WSTransport) -> None: ...

    def on_close(self) -> None:
        self.closed.set()

    def on_control(self, control: Control) -> None:
        self.controls += 1

    def flush(self) -> None: ...


async def exchange(engine: Engine, conn: int, random: Random, messages: list[bytes]) -> None:
    sender = Sender(random, messages)
    server = await ws_create_server(lambda _request: sender, "127.0.0.1", 0, enable_auto_pong=False)
    host, port = server.sockets[0].getsockname()[:2]
    owner = Owner()
    recorded: list[bytes] = []

    def listener() -> FeedListener:
        made = FeedListener(engine, conn, owner)
        made.recorder = lambda _conn, _recv_ns, frame: recorded.append(frame)
        return made

    before = sum(counts.get("frames", 0) for counts in engine.counters().values())
    transport, client = await ws_connect(listener, f"ws://{host}:{port}/", enable_auto_pong=False)
    try:
        await asyncio.wait_for(sender.answered.wait(), WAIT_S)
    finally:
        transport.disconnect()
        await asyncio.wait_for(owner.closed.wait(), WAIT_S)
        server.close()
    assert isinstance(client, FeedListener)
    if recorded != messages:
        raise Broken(f"{len(messages)} messages sent, {len(recorded)} received, or not the same")
    taken = sum(counts.get("frames", 0) for counts in engine.counters().values()) - before
    if not taken == client.frames == len(messages):
        raise Broken(f"{len(messages)} sent, {client.frames} heard, {taken} counted")
    if client.bytes_in != sum(map(len, messages)):
        raise Broken(f"{client.bytes_in} bytes heard")


def over_the_wire(engine: Any, conn: int, random: Random, messages: list[bytes]) -> None:
    asyncio.run(exchange(engine, conn, random, messages))
