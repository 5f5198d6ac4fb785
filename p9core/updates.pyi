"""Updates, and what would repair a book."""

from p9core.funds import Funds

class Updates(Funds):
    """A layer of the engine; use `p9core.engine.Engine`."""

    def take_wants(self) -> list[tuple[str, int, int]]:
        """(kind, instrument, attempt): "snapshot", "resubscribe" or "instruments"."""
