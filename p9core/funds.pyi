"""Insurance funds."""

from p9core.reports import Reports

class Funds(Reports):
    """A layer of the engine; use `p9core.engine.Engine`."""

    def last_seen_exchange(self, exchange: str, feed: str) -> int:
        """Receive time (ns) of the newest "insurance_fund" of an exchange, 0 for none."""
