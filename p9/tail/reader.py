"""The subscription to Redis. One connection at a time; who waits and tries again is above."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from p9.config import RedisAddress
from p9.secret import scrub
from p9.tail.text import visible

TIMEOUT_S = 5.0
"""To connect, and for the answer to a subscription."""
PING_AFTER_S = 5.0
SILENT_S = 15.0
"""No message and no answer to a PING for so long: the connection is dead."""


class Lost(Exception):
    """Redis is not reached, refuses, or went away; the text says why."""


class Reader:
    def __init__(self, address: RedisAddress, tls_ca: str | None, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self._options = _options(address, tls_ca)
        self._client: redis.Redis | None = None
        self._pubsub: Any = None
        self._early: deque[tuple[bytes, bytes]] = deque()
        self._heard_s = self._asked_s = 0.0

    def open(self) -> None:
        """Returns when every pattern is subscribed. Raises Lost."""
        self.close()
        try:
            self._client = redis.Redis(**self._options)
            self._pubsub = self._client.pubsub()  # type: ignore[no-untyped-call]
            self._pubsub.psubscribe(*self._patterns)
            self._confirm()
        except (redis.RedisError, OSError) as error:
            self.close()
            raise Lost(_why(error)) from None
        self._heard_s = self._asked_s = time.monotonic()

    def _confirm(self) -> None:
        until = time.monotonic() + TIMEOUT_S
        left = len(self._patterns)
        while left:
            wait_s = until - time.monotonic()
            if wait_s <= 0:
                raise redis.TimeoutError("no answer")
            reply = self._pubsub.get_message(timeout=wait_s)
            if reply is not None and reply["type"] == "psubscribe":
                left -= 1
            elif reply is not None and reply["type"] == "pmessage":
                self._early.append((reply["channel"], reply["data"]))

    def next(self, wait_s: float) -> tuple[bytes, bytes] | None:
        """Channel and payload; None when nothing came in time. Raises Lost."""
        if self._early:
            return self._early.popleft()
        try:
            reply = self._pubsub.get_message(timeout=wait_s)
            if reply is None:
                self._watch()
                return None
        except (redis.RedisError, OSError) as error:
            self.close()
            raise Lost(_why(error)) from None
        self._heard_s = time.monotonic()
        return (reply["channel"], reply["data"]) if reply["type"] == "pmessage" else None

    def _watch(self) -> None:
        """In silence: asks whether the server is still there."""
        now_s = time.monotonic()
        if now_s - self._heard_s > SILENT_S:
            raise redis.TimeoutError(f"silent for {SILENT_S:.0f} s")
        if now_s - max(self._heard_s, self._asked_s) > PING_AFTER_S:
            self._asked_s = now_s
            self._pubsub.ping()

    def close(self) -> None:
        self._early.clear()
        for thing in (self._pubsub, self._client):
            if thing is not None:
                try:
                    thing.close()
                except (redis.RedisError, OSError):
                    pass  # it was broken anyway
        self._pubsub = self._client = None


def _options(address: RedisAddress, tls_ca: str | None) -> dict[str, Any]:
    where: dict[str, Any] = {"host": address.host, "port": address.port}
    if address.path:
        where = {"unix_socket_path": address.path}
    elif address.tls:
        where |= {"ssl": True, "ssl_ca_certs": tls_ca}
    return where | {
        "db": address.db,
        "username": address.username or None,
        "password": address.password.reveal() or None,
        "socket_connect_timeout": TIMEOUT_S,
        "socket_timeout": TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        "client_name": "p9-tail",
    }


def _why(error: Exception) -> str:
    """One line, without what could be a password."""
    text = " ".join(scrub(str(error)).split())
    return visible(text or type(error).__name__).rstrip(".")
