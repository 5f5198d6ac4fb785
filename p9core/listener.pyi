"""The seam between picows and the engine."""

from collections.abc import Callable
from typing import Protocol

from picows import WSFrame, WSListener, WSTransport

from p9core.control import Control
from p9core.engine import Engine

class _Owner(Protocol):
    """Who runs the connection."""

    def on_open(self, transport: WSTransport) -> None: ...
    def on_close(self) -> None: ...
    def on_control(self, control: Control) -> None: ...
    def flush(self) -> None:
        """A socket read has left output behind."""

class FeedListener(WSListener):
    """One connection's frames, stamped and handed to the engine in place.

    Answers pings itself: connect with `enable_auto_pong=False`.
    """

    recorder: Callable[[int, int, bytes], None] | None
    last_recv_ns: int
    frames: int
    bytes_in: int

    def __init__(self, engine: Engine, conn: int, owner: _Owner) -> None: ...
    def on_ws_connected(self, transport: WSTransport) -> None: ...
    def on_ws_disconnected(self, transport: WSTransport) -> None: ...
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None: ...
