"""Snapshots by REST."""

from p9core.updates import Updates

class Snapshots(Updates):
    """A layer of the engine; use `p9core.engine.Engine`."""

    def feed_snapshot(self, instrument: int, recv_ns: int, body: bytes, limit: int = 0) -> str:
        """A REST depth body, asked for with `limit` levels a side (0: all there are).

        Returns "" or why it was not taken: "stale", "not needed", "reject.<reason>".
        """

    def snapshot_failed(self, instrument: int, now_ns: int) -> None:
        """The snapshot could not be fetched: it is asked for again after a while."""
