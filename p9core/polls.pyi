"""REST polls."""

from p9core.snapshots import Snapshots

ASKS: dict[str, int]

class Polls(Snapshots):
    """A layer of the engine; use `p9core.engine.Engine`."""

    def feed_poll(
        self,
        endpoint: str,
        ask: str,
        recv_ns: int,
        body: bytes,
        instrument: int = -1,
        timeframe: str = "",
        old_ns: int = 0,
    ) -> str:
        """A REST answer to `ask` (see ASKS), of one instrument or of all that are known. What
        it tells with a venue time more than `old_ns` before `recv_ns` is not taken. "" where
        something was taken, else why not: "empty", "old", "reject.…".
        """
