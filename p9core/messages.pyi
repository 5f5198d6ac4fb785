"""What the engine says, and its hand-over."""

from p9core.lines import Lines

class Messages(Lines):
    """A layer of the engine; use `p9core.engine.Engine`."""

    def take_pub(self) -> tuple[bytes, int, int, int] | None:
        """(commands, replies owed, messages in it, receive time of the oldest), or None."""

    def take_log(self) -> tuple[bytes, bytes, int] | None:
        """(XADD commands, index, count), or None.

        The index holds four native int64 a command: channel, seq, offset, size.
        """

    def take_lines(self) -> bytes:
        """What a sink of lines has written since the last call."""

    def has_output(self) -> bool: ...
    def say_again(self) -> None:
        """Redis may be another server, or empty: keys and the set of channels are written anew."""

    def alert(self, kind: str, fields_json: str, now_ns: int) -> None:
        """Publishes on `alert:{kind}`; the fields are the text of a JSON object."""

    def status(self, exchange: str, fields_json: str, now_ns: int) -> None:
        """Publishes on `status:{exchange}`."""
