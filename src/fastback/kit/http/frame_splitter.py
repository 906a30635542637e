"""Split large WebSocket frames while they arrive, so that each part of them is unmasked and copied in a moment.

The library reads a frame as a whole. For a frame of 16 MB it copies, unmasks and copies again, and holds the event loop
for 20 ms. WebSockets allow a message to consist of several frames (RFC 6455, 5.4): a large frame is passed on as such a
message. Very small frames, of which thousands arrive at once, are passed on some at a time.
"""

from __future__ import annotations

#: Bytes of a frame from which it is split, and those of its parts: a multiple of the mask's length, so that the mask
#: fits each part.
LARGE_FRAME = 64 * 1024
#: Frames that are passed on at once: the library takes some microseconds for each, however small it is.
_MOST_FRAMES = 20

_FIN, _OPCODE = 0x80, 0x0F
_MASKED, _LENGTH = 0x80, 0x7F
_FIRST_CONTROL_OPCODE = 8


class FrameSplitter:
    """The stream of one client; it looks at the headers of frames alone."""

    def __init__(self) -> None:
        #: The beginning of a header that has not arrived completely.
        self._header = b""
        #: Bytes of payload until the next header.
        self._left_of_frame = 0
        #: The first byte of the header and the mask of the large frame that is being split.
        self._first_byte, self._mask = 0, b""
        self._left_of_part = 0

    def split(self, data: bytes, limit: int) -> tuple[bytes, bytes]:
        """Return what is passed on at once, with new headers in large frames of up to `limit` bytes, and the rest."""
        if self._left_of_frame >= len(data) and not self._mask:
            self._left_of_frame -= len(data)
            return data, b""
        parts: list[bytes] = []
        frames = 0
        view = memoryview(self._header + data if self._header else data)
        self._header = b""
        position = 0
        while position < len(view):
            if self._left_of_frame == 0:
                if frames == _MOST_FRAMES:
                    break
                frames += 1
                size = self._read_header(bytes(view[position : position + 14]), limit)
                if size == 0:
                    self._header = bytes(view[position:])
                    return b"".join(parts), b""
                if not self._mask:
                    parts.append(bytes(view[position : position + size]))
                position += size
                continue
            if self._mask and self._left_of_part == 0:
                parts.append(self._begin_part())
            stop = position + (self._left_of_part if self._mask else self._left_of_frame)
            payload = view[position:stop]
            parts.append(bytes(payload))
            position += len(payload)
            self._left_of_frame -= len(payload)
            if self._mask:
                self._left_of_part -= len(payload)
                if self._left_of_frame == 0:
                    self._mask = b""
        return b"".join(parts), bytes(view[position:])

    def _read_header(self, header: bytes, limit: int) -> int:
        """Begin a frame, and return the size of its header; 0 where the header is incomplete."""
        if len(header) < 2:
            return 0
        length = header[1] & _LENGTH
        extended = {126: 2, 127: 8}.get(length, 0)
        size = 2 + extended + (4 if header[1] & _MASKED else 0)
        if len(header) < size:
            return 0
        if extended:
            length = int.from_bytes(header[2 : 2 + extended], "big")
        self._left_of_frame = length
        is_data = header[0] & _OPCODE < _FIRST_CONTROL_OPCODE
        if LARGE_FRAME < length <= limit and is_data and header[1] & _MASKED:
            self._first_byte, self._mask = header[0], header[size - 4 : size]
            self._left_of_part = 0
        return size

    def _begin_part(self) -> bytes:
        """Begin the next part of a large frame, and return its header."""
        self._left_of_part = min(LARGE_FRAME, self._left_of_frame)
        first_byte = self._first_byte & ~_FIN
        if self._left_of_part == self._left_of_frame:
            first_byte |= self._first_byte & _FIN
        self._first_byte &= _FIN  # the other parts continue the first one
        return bytes((first_byte, _MASKED | 127)) + self._left_of_part.to_bytes(8, "big") + self._mask
