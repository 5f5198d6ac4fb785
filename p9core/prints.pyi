"""Liquidations and block trades."""

from p9core.derived import Derived

class Prints(Derived):
    """A layer of the engine; use `p9core.engine.Engine`."""
