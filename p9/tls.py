"""The one place where TLS settings are made: certificates and host names are always verified."""

from __future__ import annotations

import ssl


def context(extra_ca: str | None = None) -> ssl.SSLContext:
    """The system's authorities, and those of the PEM file `extra_ca` besides.

    Raises OSError or ssl.SSLError when that file cannot be read.
    """
    made = ssl.create_default_context()
    if extra_ca:
        made.load_verify_locations(cafile=extra_ca)
    return made
