"""Server-sent events parsed from a stream of bytes, wherever the network cut it."""

from __future__ import annotations

import logging

log = logging.getLogger("fastback.completions")


class EventParser:
    """Collect bytes and return the payloads of `data:` lines, without comments and other fields.

    Model servers send each payload in one line; none of them splits a payload into several `data:` lines of one event,
    so each line is a payload of its own. Lines that are bare JSON are payloads too: some servers send errors so.
    """

    __slots__ = ("_is_skipping", "_max_line_bytes", "_tail")

    #: A longer line is no event (bytes), unless the settings allow less.
    MAX_LINE_BYTES = 64 * 1024 * 1024

    def __init__(self, max_line_bytes: int | None = None) -> None:
        """`max_line_bytes` can lower the limit; None and 0 leave it as it is."""
        self._tail = b""
        is_limited = max_line_bytes is not None and max_line_bytes > 0
        self._max_line_bytes = min(max_line_bytes or 0, self.MAX_LINE_BYTES) if is_limited else self.MAX_LINE_BYTES
        #: Whether the rest of a line that is too long is skipped.
        self._is_skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads whose lines are complete with these bytes."""
        content = self._tail + data if self._tail else data
        lines = content.split(b"\n")
        self._tail = lines.pop()
        if self._is_skipping and lines:
            del lines[0]
            self._is_skipping = False
        if len(self._tail) > self._max_line_bytes:
            log.info("skipped a line of a stream, it is longer than %d bytes", self._max_line_bytes)
            self._tail, self._is_skipping = b"", True
        payloads: list[bytes] = []
        for line in lines:
            if len(line) > self._max_line_bytes:
                log.info("skipped a line of a stream, it has %d bytes", len(line))
                continue
            if line[:5] == b"data:":
                payloads.append(line[5:].strip())
            elif line[:1] == b"{":
                payloads.append(line.strip())
        return payloads

    def end(self) -> list[bytes]:
        """Return the payload of a last line that has no line end."""
        tail, self._tail = self._tail, b""
        return self.feed(tail + b"\n") if tail else []
