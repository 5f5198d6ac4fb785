"""What is computed here from the own book and trades."""

from p9core.charts import Charts

class Derived(Charts):
    """A layer of the engine; use `p9core.engine.Engine`."""
