"""An engine that makes the same kind of output as the real one, by the slow, obvious way."""

from __future__ import annotations

import time
from array import array
from collections import Counter

from hiredis import pack_command


def pack(*words: str | int | bytes) -> bytes:
    return pack_command(words)  # type: ignore[arg-type, no-any-return]  # the stub: one element


class FakeEngine:
    """`emit` is a message: PUBLISH, SET last:, and XADD for the channels of `stream_kinds`."""

    def __init__(
        self,
        channels: list[str],
        *,
        epoch: int = 1,
        prefix: str = "",
        stream_kinds: tuple[str, ...] = ("trade",),
        maxlen: int = 1_000_000,
    ) -> None:
        self.epoch = epoch
        self.prefix = prefix
        self.channels = channels
        self.seq: Counter[int] = Counter()
        self._kinds = stream_kinds
        self._maxlen = maxlen
        self._pub: list[bytes] = []
        self._messages = 0
        self._first_recv_ns = 0
        self._log: list[bytes] = []
        self._index = array("q")
        self._offset = 0

    def emit(self, channel: int, size: int = 100) -> None:
        name = self.channel_name(channel)
        self.seq[channel] += 1
        seq = self.seq[channel]
        payload = b'{"epoch":%d,"seq":%d,"pad":"%s"}' % (self.epoch, seq, b"x" * size)
        self._first_recv_ns = self._first_recv_ns or time.time_ns()
        self._messages += 1
        self._pub.append(pack("PUBLISH", name, payload))
        self._pub.append(pack("SET", f"{self.prefix}last:{self.channels[channel]}", payload))
        if self.channels[channel].split(":")[0] in self._kinds:
            key, id_ = self.stream_key(channel), f"{self.epoch}-{seq}"
            self._add(channel, seq, pack(
                "XADD", key, "MAXLEN", "~", self._maxlen, id_, "m", payload))  # fmt: skip

    def publish(self, *words: str | int | bytes) -> None:
        """Any command among those of pub/sub."""
        self._pub.append(pack(*words))

    def _add(self, channel: int, seq: int, command: bytes) -> None:
        self._log.append(command)
        self._index.extend((channel, seq, self._offset, len(command)))
        self._offset += len(command)

    # --- what the publisher uses ------------------------------------------------------------

    def take_pub(self) -> tuple[bytes, int, int, int] | None:
        if not self._pub:
            return None
        output = b"".join(self._pub), len(self._pub), self._messages, self._first_recv_ns
        self._pub = []
        self._messages = self._first_recv_ns = 0
        return output

    def take_log(self) -> tuple[bytes, bytes, int] | None:
        if not self._log:
            return None
        output = b"".join(self._log), self._index.tobytes(), len(self._log)
        self._log = []
        self._index = array("q")
        self._offset = 0
        return output

    def has_output(self) -> bool:
        return bool(self._pub or self._log)

    def channel_name(self, channel: int, /) -> str:
        return self.prefix + self.channels[channel]

    def stream_key(self, channel: int, /) -> str:
        return f"{self.prefix}log:{self.channels[channel]}"
