"""Slow, obvious models of what the core must do. They know the protocol pages, not the core."""
