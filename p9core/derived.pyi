"""What is computed here from the own book and trades."""

from p9core.messages import Messages

class Derived(Messages):
    """A layer of the engine; use `p9core.engine.Engine`."""
