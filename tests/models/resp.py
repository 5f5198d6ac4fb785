"""Redis commands as a server reads them."""

from __future__ import annotations


def commands(data: bytes) -> list[list[bytes]]:
    """Every command of a buffer; AssertionError where it is not whole RESP."""
    found, at = [], 0

    def number(mark: bytes) -> int:
        nonlocal at
        end = data.index(b"\r\n", at)
        assert data[at : at + 1] == mark, data[at : at + 20]
        value, at = int(data[at + 1 : end]), end + 2
        return value

    while at < len(data):
        words = []
        for _ in range(number(b"*")):
            size = number(b"$")
            words.append(data[at : at + size])
            assert data[at + size : at + size + 2] == b"\r\n"
            at += size + 2
        found.append(words)
    return found
