"""The epoch: the first half of every stream id, greater with each start of the pipeline."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Iterator
from typing import cast

from p9.log import event
from p9.publish.redis_link import RedisLink, RedisRefused, RedisUnreachable, ReplyError, pack

log = logging.getLogger("p9.publish.publisher")

MAX_EPOCH = 2**53 - 1
"""Readers may hold JSON numbers as doubles."""
SCAN_COUNT = 1_000
SCAN_LIMIT_S = 5.0
QUESTIONS_PER_WRITE = 500
RACE_TRIES = 20


async def negotiate(link: RedisLink, stream_keys: Iterable[str], prefix: str, now_ms: int) -> int:
    """max(unix ms, 1 + the greatest epoch in Redis), stored under `{prefix}epoch`.

    Seen are that key, the given streams, and the streams `{prefix}log:*` (SCAN looks at the whole
    database, hence its time limit; the key alone is enough where it has survived).
    Nothing else may use `link` meanwhile. Raises RedisRefused, RedisUnreachable.
    """
    epoch_key = f"{prefix}epoch"
    keys = {key.encode() for key in stream_keys}
    keys |= await _scan(link, prefix)
    top = await _top(link, sorted(keys))
    for _ in range(RACE_TRIES):
        # WATCH: of two pipelines that start in the same millisecond, one has to look again.
        _, stored = _checked(await link.ask([pack("WATCH", epoch_key), pack("GET", epoch_key)]))
        epoch = max(now_ms, 1 + max(top, _stored(stored, epoch_key)))
        if epoch > MAX_EPOCH:
            raise RedisRefused(f"a stream or {epoch_key} has an epoch too great to go on: {epoch}")
        commands = [pack("MULTI"), pack("SET", epoch_key, epoch), pack("EXEC")]
        *_, done = _checked(await link.ask(commands))
        if done is not None:
            return epoch
    raise RedisUnreachable(f"{epoch_key} is changed by others all the time")


async def _scan(link: RedisLink, prefix: str) -> set[bytes]:
    pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix) + "log:*"
    found: set[bytes] = set()
    cursor = b"0"
    until = time.monotonic() + SCAN_LIMIT_S
    while True:
        command = pack("SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT, "TYPE", "stream")
        (reply,) = _checked(await link.ask([command]))
        cursor, keys = cast("tuple[bytes, list[bytes]]", reply)
        found.update(keys)
        if cursor == b"0":
            return found
        if time.monotonic() > until:
            event(log, "warning", "not all streams were looked at", found=len(found),
                  limit_s=SCAN_LIMIT_S)  # fmt: skip
            return found


async def _top(link: RedisLink, keys: list[bytes]) -> int:
    """The greatest epoch among the last ids ever given by these streams; 0: none."""
    top = 0
    for start in range(0, len(keys), QUESTIONS_PER_WRITE):
        # XINFO and not XREVRANGE: an emptied stream still refuses the ids it has given.
        asked = [pack("XINFO", "STREAM", key) for key in keys[start : start + QUESTIONS_PER_WRITE]]
        for reply in await link.ask(asked):
            if isinstance(reply, list):
                facts = dict(_pairs(reply))
                top = max(top, int(cast("bytes", facts[b"last-generated-id"]).split(b"-")[0]))
            elif not _is_no_stream(reply):
                raise RedisRefused(str(reply))
    return top


def _is_no_stream(reply: object) -> bool:
    text = str(reply)
    return text.startswith("WRONGTYPE") or "no such key" in text


def _pairs(flat: list[object]) -> Iterator[tuple[object, object]]:
    values = iter(flat)
    return zip(values, values, strict=True)


def _stored(value: object, key: str) -> int:
    if value is None:
        return 0
    text = cast("bytes", value)
    if not text.isdigit() or len(text) > 20:
        raise RedisRefused(f"{key} is no epoch: {text[:40]!r}")
    return int(text)


def _checked(replies: list[object]) -> list[object]:
    for reply in replies:
        if isinstance(reply, ReplyError):
            raise RedisRefused(str(reply))
    return replies
