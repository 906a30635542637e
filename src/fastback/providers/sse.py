"""Server-sent events out of a stream of bytes, wherever the network cut it."""

from __future__ import annotations

import logging

log = logging.getLogger("fastback.completions")


class EventParser:
    """Collects bytes and gives the payloads of `data:` lines, without comments and field names.

    Providers send one line a payload; a payload over several `data:` lines of one event is not used by any of them, so
    each line counts for itself. Lines that are bare JSON (no `data:`) are given too: some providers answer errors so.
    """

    __slots__ = ("_dropping", "_longest", "_rest")

    #: A line longer than this is no event (bytes), unless the settings allow less.
    LONGEST = 64 * 1024 * 1024

    def __init__(self, longest: int | None = None) -> None:
        self._rest = b""
        self._longest = min(longest, self.LONGEST) if longest and longest > 0 else self.LONGEST
        #: Whether a line that is too long still goes on.
        self._dropping = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The payloads that are complete with this piece."""
        content = self._rest + piece if self._rest else piece
        lines = content.split(b"\n")
        self._rest = lines.pop()
        if self._dropping and lines:
            del lines[0]
            self._dropping = False
        if len(self._rest) > self._longest:
            log.info("a line of a stream is longer than %d bytes and is left out", self._longest)
            self._rest, self._dropping = b"", True
        found: list[bytes] = []
        for line in lines:
            if len(line) > self._longest:
                log.info("a line of a stream of %d bytes is left out", len(line))
                continue
            if line[:5] == b"data:":
                found.append(line[5:].strip())
            elif line[:1] == b"{":
                found.append(line.strip())
        return found

    def end(self) -> list[bytes]:
        """The payload of a last line without an end."""
        rest, self._rest = self._rest, b""
        return self.feed(rest + b"\n") if rest else []
