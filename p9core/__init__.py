"""The compiled core: bytes in, messages out. Knows no socket, no event loop and no clock."""
