"""Forms with files, read as they come: a large file goes where its reader puts it, memory holds a piece of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import msgspec
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from fastback.kit.http.errors import BadRequest

#: Parts of a form, headers of a part, and bytes of a header, at most.
_MAX_PARTS, _MAX_HEADERS, _MAX_HEADER_SIZE = 1000, 16, 16 * 1024
_BROKEN = "There was an error parsing the body"

# A broken form is the client's mistake: it is told in the response, and is worth no line of the log.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


class Part(msgspec.Struct):
    """The beginning of a field; it is a file where it has a file name."""

    name: str
    filename: str | None
    content_type: str | None


#: What a form is read as: a part begins, its bytes follow in pieces, None ends it.
FormEvent = Part | bytes | None


class _EmptyPart(Exception):
    """A delimiter follows the headers of a part directly; holds what was read of the content, which is none."""


class FormReader:
    """Take a form apart, piece by piece.

    python-multipart parses. Two things that RFC 2046 allows and it does not know are settled here: text before the
    first delimiter, and a part without content whose headers end in the line break of the next delimiter.
    """

    def __init__(self, boundary: bytes) -> None:
        self._boundary = boundary
        self._delimiter = b"--" + boundary
        self._preamble: bytes | None = b"\r\n"  # the first delimiter may stand at the very beginning
        self._parser = self._make_parser()
        self._events: list[FormEvent] = []
        self._parts = 0
        self.is_complete = False

    def feed(self, data: bytes) -> Iterator[FormEvent]:
        """Yield what this piece of the form completes.

        Raises:
            BadRequest: the form is broken, or has too many parts.
        """
        try:
            self._parse(data)
        finally:
            events, self._events = self._events, []
        yield from events

    def _parse(self, data: bytes) -> None:
        if self._preamble is not None:
            self._preamble += data
            start = self._preamble.find(b"\r\n" + self._delimiter)
            if start < 0:
                self._preamble = self._preamble[-len(self._delimiter) - 2 :]
                return
            data, self._preamble = self._preamble[start + 2 :], None
        while data:
            try:
                self._parser.write(data)
                return
            except _EmptyPart as empty_part:
                (content,) = empty_part.args
                self._events.append(None)
                self._parser = self._make_parser()
                data = content
            except MultipartParseError:
                raise BadRequest(_BROKEN) from None

    def _make_parser(self) -> MultipartParser:
        """Return a parser that stands before a delimiter."""
        return MultipartParser(
            self._boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._extend_header_name,
                "on_header_value": self._extend_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._add_content,
                "on_part_end": self._end_part,
                "on_end": self._complete,
            },
            max_header_count=_MAX_HEADERS,
            max_header_size=_MAX_HEADER_SIZE,
        )

    def _begin_part(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        #: The first bytes of the content, until it is clear that they are no delimiter.
        self._content_start: bytes | None = b""

    def _extend_header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _extend_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value.strip()
        self._name = self._value = b""

    def _end_headers(self) -> None:
        part = _make_part(self._headers)
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise BadRequest(f"Too many fields. Maximum number of fields is {_MAX_PARTS}.")
        self._events.append(part)

    def _add_content(self, data: bytes, start: int, end: int) -> None:
        content = data[start:end]
        if self._content_start is not None:
            content = self._content_start + content
            if content.startswith(self._delimiter):
                # Only the form itself holds a delimiter, never the parser's own copy: what follows `end` is to be read.
                raise _EmptyPart(content + data[end:])
            if self._delimiter.startswith(content):
                self._content_start = content
                return
            self._content_start = None
        self._events.append(content)

    def _end_part(self) -> None:
        if self._content_start:
            self._events.append(self._content_start)
        self._events.append(None)

    def _complete(self) -> None:
        self.is_complete = True


def _make_part(headers: dict[bytes, bytes]) -> Part:
    _, options = parse_options_header(headers.get(b"content-disposition", b""))
    if b"name" not in options:
        raise BadRequest('The Content-Disposition header field "name" must be provided.')
    filename = options.get(b"filename")
    content_type = headers.get(b"content-type")
    return Part(
        _decode_text(options[b"name"]),
        None if filename is None else _decode_text(filename),
        None if content_type is None else content_type.decode("latin-1"),
    )


def _decode_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


async def read_form(request: Request) -> AsyncIterator[FormEvent]:
    """The form of a request; nothing at all where its body is none.

    Raises:
        BadRequest: a form that is broken, or ends in the middle.
    """
    media_type, options = parse_options_header(request.headers.get("content-type"))
    if media_type.lower() != b"multipart/form-data":
        return
    boundary = options.get(b"boundary")
    if not boundary or len(boundary) > 256:
        raise BadRequest("Missing boundary in multipart.")
    reader = FormReader(boundary)
    async for chunk in request.stream():
        for event in reader.feed(chunk):
            yield event
    if not reader.is_complete:
        raise BadRequest(_BROKEN)
