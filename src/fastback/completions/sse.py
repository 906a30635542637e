"""Server-sent events out of a stream of bytes, wherever the network cut it."""

from __future__ import annotations


class EventParser:
    """Collects bytes and gives the payloads of `data:` lines, without comments and field names.

    Providers send one line a payload; a payload over several `data:` lines of one event is not used by any of them, so
    each line counts for itself. Lines that are bare JSON (no `data:`) are given too: some providers answer errors so.
    """

    __slots__ = ("_rest",)

    #: A line longer than this is no event (bytes).
    LONGEST = 64 * 1024 * 1024

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """The payloads that are complete with this piece."""
        content = self._rest + piece if self._rest else piece
        lines = content.split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > self.LONGEST:
            raise ValueError("a line of the stream is too long")
        found: list[bytes] = []
        for line in lines:
            if line[:5] == b"data:":
                found.append(line[5:].strip())
            elif line[:1] == b"{":
                found.append(line.strip())
        return found

    def end(self) -> list[bytes]:
        """The payload of a last line without an end."""
        rest, self._rest = self._rest, b""
        return self.feed(rest + b"\n") if rest else []
