"""What venues tell of an instrument besides book and trades."""

from p9core.prints import Prints

class Reports(Prints):
    """A layer of the engine; use `p9core.engine.Engine`."""
