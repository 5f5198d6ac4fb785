"""What a venue says about the connection itself, as the decoders read it."""

from __future__ import annotations

from typing import NamedTuple


class Control(NamedTuple):
    """One control frame. Fields that the frame lacks are empty.

    `kind` is "ack", "error", "pong", "notice" or "other"; `id` echoes the request.
    """

    kind: str
    id: str
    code: str
    msg: str
    topic: str
