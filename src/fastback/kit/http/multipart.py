"""Forms with files, read as they come: a large file goes where its reader puts it, memory holds a piece of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import msgspec
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from fastback.kit.http.errors import BadRequest

#: Bytes of the headers of one part, and parts of a form, at most.
_HEADERS, _PARTS = 16 * 1024, 1000
_BROKEN = "There was an error parsing the body"


class Part(msgspec.Struct):
    """The beginning of a field; it is a file where it has a file name."""

    name: str
    filename: str | None
    content_type: str | None


#: What a form is read as: a part begins, its bytes follow in pieces, None ends it.
Event = Part | bytes | None


class Reader:
    """Takes a form apart, piece by piece. Raises: BadRequest, where it is none."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._held = b"\r\n"  # the first delimiter stands at the very beginning
        self._state = self._preamble
        self._parts = 0
        self.ended = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """What can be said after this piece."""
        self._held += data
        while not self.ended:
            found, more = self._state()
            yield from found
            if not more:
                return

    # Each state answers what it found, and whether it is worth asking on.

    def _preamble(self) -> tuple[list[Event], bool]:
        place = self._held.find(self._delimiter)
        if place < 0:
            self._held = self._held[-len(self._delimiter) :]
            return [], False
        self._held = self._held[place + len(self._delimiter) :]
        self._state = self._delimited
        return [], True

    def _delimited(self) -> tuple[list[Event], bool]:
        """Behind a delimiter: two dashes end the form, a line break begins a part."""
        if len(self._held) < 2:
            return [], False
        if self._held.startswith(b"--"):
            self.ended = True
            self._held = b""
            return [], False
        place = self._held.find(b"\r\n")
        if place < 0:
            if len(self._held) > 128:
                raise BadRequest(_BROKEN)
            return [], False
        if self._held[:place].strip(b" \t"):
            raise BadRequest(_BROKEN)
        self._held = self._held[place + 2 :]
        self._state = self._headers
        return [], True

    def _headers(self) -> tuple[list[Event], bool]:
        place = self._held.find(b"\r\n\r\n")
        if place < 0 or place > _HEADERS:
            if len(self._held) > _HEADERS:
                raise BadRequest(_BROKEN)
            return [], False
        rest = self._held[place + 4 :]
        if self._delimiter[2:].startswith(rest):
            return [], False  # it may still become a delimiter
        part = _part(self._held[:place])
        # A part that is empty may end where its headers do.
        self._held = b"\r\n" + rest if rest.startswith(self._delimiter[2:]) else rest
        self._state = self._body
        self._parts += 1
        if self._parts > _PARTS:
            raise BadRequest(f"Too many fields. Maximum number of fields is {_PARTS}.")
        return [part], True

    def _body(self) -> tuple[list[Event], bool]:
        place = self._held.find(self._delimiter)
        if place >= 0:
            piece, self._held = self._held[:place], self._held[place + len(self._delimiter) :]
            self._state = self._delimited
            return ([piece, None] if piece else [None]), True
        safe = len(self._held) - len(self._delimiter)
        if safe <= 0:
            return [], False
        piece, self._held = self._held[:safe], self._held[safe:]
        return [piece], False


def _part(head: bytes) -> Part:
    headers: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon:
            raise BadRequest(_BROKEN)
        headers[name.strip().lower()] = value.strip()
    _, options = parse_options_header(headers.get(b"content-disposition", b""))
    if b"name" not in options:
        raise BadRequest('The Content-Disposition header field "name" must be provided.')
    filename = options.get(b"filename")
    kind = headers.get(b"content-type")
    return Part(
        _text(options[b"name"]),
        None if filename is None else _text(filename),
        None if kind is None else kind.decode("latin-1"),
    )


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


async def read_form(request: Request) -> AsyncIterator[Event]:
    """The form of a request; nothing at all where its body is none.

    Raises:
        BadRequest: a form that is broken, or ends in the middle.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind.lower() != b"multipart/form-data":
        return
    boundary = options.get(b"boundary")
    if not boundary or len(boundary) > 256:
        raise BadRequest("Missing boundary in multipart.")
    reader = Reader(boundary)
    async for piece in request.stream():
        for event in reader.feed(piece):
            yield event
    if not reader.ended:
        raise BadRequest(_BROKEN)
