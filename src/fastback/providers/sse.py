"""Server-sent events, and lines of JSON, parsed from a stream of bytes wherever the network cut it."""

from __future__ import annotations

import logging

import msgspec

from fastback.providers.lenient_json import decode_leniently
from fastback.providers.long_text import LONG_TEXT_WINDOW, LongText, find_long_text

log = logging.getLogger("fastback.completions")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: Bytes of a line from which its text is taken out of it while it arrives.
_LONG_LINE = 256 * 1024
#: First bytes of a payload, and of further lines of one that is laid out over several.
_BEGINNINGS, _CONTINUATIONS = (b"{", b"["), (b" ", b"\t", b"}", b"]")
#: The last line of a payload that is laid out over several.
_LAST_LINES = (b"}", b"]")

#: Checks JSON without building its values.
_check_json = msgspec.json.Decoder(msgspec.Raw).decode


class EventParser:
    """Collect bytes and return the payloads of events: their `data`, without comments and other fields.

    An event ends with a blank line, and its `data:` lines are one payload. Some servers send no blank lines: there each
    line that is complete is a payload. Lines that are bare JSON are payloads too: Ollama's stream consists of them, and
    some servers send errors so. Lines end with LF, CRLF or CR. A delta with a very long text becomes several payloads
    as it arrives, see `long_text`.
    """

    __slots__ = (
        "_event",
        "_event_size",
        "_has_carriage_return",
        "_has_started",
        "_is_between_events",
        "_is_skipping",
        "_line_bytes",
        "_long_text",
        "_max_line_bytes",
        "_may_have_long_text",
        "_tail",
    )

    #: A longer line, or event, is skipped (bytes), unless the settings allow less; of a long text only the rest is.
    MAX_LINE_BYTES = 32 * 1024 * 1024

    def __init__(self, max_line_bytes: int | None = None) -> None:
        """`max_line_bytes` can lower the limit; None and 0 leave it as it is."""
        #: The bytes after the last line end, and how many have come.
        self._tail = bytearray()
        self._line_bytes = 0
        #: The text that is taken out of the line that arrives, and whether there may be one.
        self._long_text: LongText | None = None
        self._may_have_long_text = True
        is_limited = max_line_bytes is not None and max_line_bytes > 0
        self._max_line_bytes = min(max_line_bytes or 0, self.MAX_LINE_BYTES) if is_limited else self.MAX_LINE_BYTES
        #: The lines of the event so far, and how many bytes they have.
        self._event: list[bytes] = []
        self._event_size = 0
        self._has_started = False
        #: Whether nothing waits for further bytes.
        self._is_between_events = False
        #: Whether the bytes so far end with CR: an LF that follows belongs to it.
        self._has_carriage_return = False
        #: Whether the rest of a line that is too long is skipped.
        self._is_skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads that are complete with these bytes."""
        if self._is_between_events and data[-2:] == b"\n\n" and b"\r" not in data:
            # Nearly every packet of a stream: an event of one line, or several.
            if data.find(b"\n") == len(data) - 2 and data[:5] == b"data:":
                return [data[5:].strip()]
            lines = data.split(b"\n")
            if not any(lines[1::2]):
                payloads = [line[5:].strip() for line in lines[::2] if line[:5] == b"data:"]
                if len(payloads) == len(lines) // 2:
                    return payloads
        payloads = self._feed_lines(data)
        is_in_line = self._tail or self._long_text or self._is_skipping
        self._is_between_events = not (is_in_line or self._event or self._has_carriage_return)
        return payloads

    def _feed_lines(self, data: bytes) -> list[bytes]:
        if self._has_carriage_return or b"\r" in data:
            data = self._unify_line_ends(data)
        payloads: list[bytes] = []
        if b"\n" not in data:
            self._add_tail(data, payloads)
            return payloads
        lines = data.split(b"\n")
        if self._line_bytes:
            self._add_tail(lines[0], payloads)
            lines[0] = self._end_line(payloads)
        if self._is_skipping:
            self._is_skipping = False
            del lines[0]
        rest = lines.pop()
        for line in lines:
            if line:
                self._add_line(line, payloads)
            else:
                self._end_event(payloads)
        if self._event and not rest and self._is_complete():
            self._end_event(payloads)
        if rest:
            self._add_tail(rest, payloads)
        return payloads

    def end(self) -> list[bytes]:
        """Return the payload of a last event that has no end."""
        payloads: list[bytes] = []
        if line := self._end_line(payloads):
            self._add_line(line, payloads)
        self._end_event(payloads)
        return payloads

    def _unify_line_ends(self, data: bytes) -> bytes:
        if self._has_carriage_return and data[:1] == b"\n":
            data = data[1:]
        self._has_carriage_return = data[-1:] == b"\r"
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _add_tail(self, data: bytes, payloads: list[bytes]) -> None:
        """Add bytes to the line that arrives; where its text is very long, add the payloads with it."""
        self._line_bytes += len(data)
        if self._is_skipping:
            return
        if self._line_bytes > self._max_line_bytes:
            log.info("skipped a line of a stream, it is longer than %d bytes", self._max_line_bytes)
            self._tail, self._long_text = bytearray(), None
            self._is_skipping = True
            return
        if self._long_text is None:
            self._tail += data
            if len(self._tail) <= _LONG_LINE or not self._begin_long_text(payloads):
                return
            data, self._tail = bytes(self._tail), bytearray()
        assert self._long_text is not None
        payloads += self._long_text.feed(data)
        if self._long_text.rest is not None:
            self._tail += b"data:" + self._long_text.rest
            self._long_text = None
            self._add_tail(b"", payloads)  # another long text may follow

    def _begin_long_text(self, payloads: list[bytes]) -> bool:
        """Return whether the text of the line is taken out of it; then the line goes on with its payload."""
        if not self._may_have_long_text:
            return False
        if self._event and self._is_complete():
            self._end_event(payloads)
        line = bytes(self._tail[: 2 * LONG_TEXT_WINDOW])
        start = 0 if self._has_started or not line.startswith(_BYTE_ORDER_MARK) else len(_BYTE_ORDER_MARK)
        if line.startswith(b"data:", start):
            start += 5
        payload = line[start:].lstrip()
        match = None if self._event else find_long_text(payload)
        if match is None:
            self._may_have_long_text = False
            return False
        self._long_text, text_start = match
        self._has_started = True
        del self._tail[: len(line) - len(payload) + text_start]
        return True

    def _end_line(self, payloads: list[bytes]) -> bytes:
        """Return the line that has arrived; where its text breaks off, add the payload with the last of it."""
        line = bytes(self._tail)
        if self._long_text is not None:
            payloads += self._long_text.end()
        self._tail, self._long_text = bytearray(), None
        self._line_bytes, self._may_have_long_text = 0, True
        return line

    def _add_line(self, line: bytes, payloads: list[bytes]) -> None:
        """Add a line to the event; a line that begins another payload ends the event before it."""
        if not self._has_started:
            self._has_started = True
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if line[:5] == b"data:":
            line = line[6:] if line[5:6] == b" " else line[5:]
        elif not self._is_bare_json(line):
            return
        if self._event:
            if line[:1] in _BEGINNINGS and self._is_complete():
                self._end_event(payloads)
        else:
            self._event_size = 0
        self._event_size += len(line)
        if self._event_size > self._max_line_bytes:
            log.info("skipped a line of a stream, it has %d bytes", self._event_size)
            self._event.clear()
            return
        self._event.append(line.rstrip())

    def _is_bare_json(self, line: bytes) -> bool:
        """Return whether a line that is no field is JSON, or goes on with JSON that a line before has begun."""
        return line[:1] in _BEGINNINGS or (bool(self._event) and line[:1] in _CONTINUATIONS)

    def _is_complete(self) -> bool:
        """Return whether the lines of the event are a payload by themselves, without the blank line that ends it."""
        if self._event == [b"[DONE]"]:
            return True
        if len(self._event) > 1 and self._event[-1] not in _LAST_LINES:
            return False
        content = b"\n".join(self._event)
        if content[-1:] not in _LAST_LINES:
            return False
        try:
            _check_json(content)
        except (msgspec.DecodeError, RecursionError):
            return _is_lenient_json(content)
        return True

    def _end_event(self, payloads: list[bytes]) -> None:
        if self._event:
            payloads.append(b"\n".join(self._event))
            self._event.clear()


def _is_lenient_json(content: bytes) -> bool:
    try:
        decode_leniently(content)
    except ValueError:
        return False
    return True
