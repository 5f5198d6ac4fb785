"""Updates, and what would repair a book."""

from p9core.reports import Reports

class Updates(Reports):
    """A layer of the engine; use `p9core.engine.Engine`."""

    def take_wants(self) -> list[tuple[str, int, int]]:
        """(kind, instrument, attempt): "snapshot", "resubscribe" or "instruments"."""
