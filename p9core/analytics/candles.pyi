"""Candles from trades. Prices and sizes are mantissas (int), times ns since 1970 UTC.

A bar is a dictionary: `timeframe`, `open_time`, `close_time`, `open`, `high`, `low`, `close`,
`volume`, `buy_volume`, `quote_volume` (at 10^-(px_exp + qty_exp); None where it left 128 bits),
`delta`, `delta_max`, `delta_min`, `trades`, `closed`, `rev`, `q` ("ok", or "warming" where it
was begun before the first print).
"""

from typing import Any

from typing_extensions import Buffer

TIMEFRAMES: tuple[str, ...]

class Candles:
    """All timeframes of one instrument, or of `members` venues together (at most 16).

    Prices are at 10^-px_exp quote per base, sizes at 10^-qty_exp base units. Each step returns
    the bars that it emits: in order of time, the shortest timeframe first.
    """

    def __init__(self, px_exp: int, qty_exp: int, members: int = 1) -> None: ...
    def trade(
        self,
        ts_ns: int,
        px: int,
        qty: int,
        side: int,
        count: int = 1,
        recv_ns: int = 0,
        member: int = 0,
    ) -> list[dict[str, Any]]:
        """One print: `side` +1 the taker bought, -1 sold; `count` fills in it. With `recv_ns` 0
        the lag learns nothing from it. ValueError for what is no print."""

    def fold(self, rows: Buffer, member: int = 0) -> list[dict[str, Any]]:
        """Many prints: a buffer of native int64, four a print: time, price, size, side."""

    def timer(self, now_ns: int) -> list[dict[str, Any]]:
        """The receive clock: closes what no print in flight belongs to any more."""

    def advance(self, until_ns: list[int | None]) -> list[dict[str, Any]]:
        """As `timer`, the venue time that each member is known up to given; None: not known."""

    def running(self, now_ns: int) -> list[dict[str, Any]]:
        """Running bars that have changed, of each timeframe but 1s at most one a second."""

    def bars(self) -> list[dict[str, Any]]:
        """Of each timeframe the newest closed bar and the running one, where they are."""

    def member_live(self, member: int, live: bool) -> None:
        """A member that is not live holds no bucket open."""

    def seed(self, candle: dict[str, Any]) -> bool:
        """Takes the venue's running candle for a bar begun before the first print.

        `candle` has the keys of a bar, its values decimal text; `quote_volume` is needed,
        `buy_volume` and `trades` need not be there. False where own bar is complete, of another
        bucket, or where a value does not fit the exponents.
        """

    def check(self, candle: dict[str, Any]) -> dict[str, Any] | None:
        """Own bar less the venue's closed candle (decimal text): `volume`, `quote_volume`,
        `trades`, and whether `open`, `high`, `low`, `close` are the same. `carried`: the venue
        begins the candle at the close before it, and prices were compared with that in them.
        None where no complete bar of that bucket is held: the newest closed one is, of 1m the
        one before too.
        """

    def rescale(self, px_power: int, qty_power: int) -> None:
        """Multiplies prices and sizes by powers of ten. OverflowError where one does not fit."""

    def lag_ns(self, member: int = 0) -> int | None:
        """The bound of receive time less venue time that the timer goes by; None before the
        first print with a receive time."""

    @property
    def late_dropped(self) -> dict[str, int]:
        """Prints too late for their bucket, by timeframe."""

    @property
    def skipped(self) -> dict[str, int]:
        """Empty buckets that were never emitted, by timeframe."""

    @property
    def nbytes(self) -> int: ...
