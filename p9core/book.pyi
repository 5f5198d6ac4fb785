"""L2 book in integer mantissas."""

class L2Book:
    """Bids and asks as (price, size) mantissas, at most `keep` levels a side.

    With `slack` 0 the book is a window that the venue keeps full; else the worst levels are
    pruned once `keep + slack` is passed, and nothing below them is taken until the next load.
    """

    def __init__(self, keep: int = 1000, slack: int = 0) -> None: ...
    def load(
        self, bids: list[tuple[int, int]], asks: list[tuple[int, int]], limit: int = 0
    ) -> None:
        """Replaces the book. `limit`: levels a side that were asked for, 0: all there are."""

    def apply(
        self, bids: list[tuple[int, int]], asks: list[tuple[int, int]]
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Applies new absolute sizes, 0 deletes, as one transition.

        Returns what changed a held level; pruned levels stand at the end as deletions.
        """

    def bids(self, n: int = -1) -> list[tuple[int, int]]:
        """Best first, at most `n`."""

    def asks(self, n: int = -1) -> list[tuple[int, int]]:
        """Best first, at most `n`."""

    def thin(self, wanted: int) -> bool:
        """Whether fewer than `wanted` levels of a side are known to be without a hole."""

    def rescale(self, px_power: int, qty_power: int) -> None:
        """Multiplies prices and sizes by powers of ten. OverflowError outside int64."""

    @property
    def crossed(self) -> bool: ...
    @property
    def nbytes(self) -> int: ...
