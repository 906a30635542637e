"""Forms with files, parsed while they are received: memory holds a chunk of a large file, never all of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import msgspec
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive

from fastback.kit.http.errors import BadRequest

#: Limits: parts of a form, headers of a part, bytes of a header.
_MAX_PARTS, _MAX_HEADERS, _MAX_HEADER_SIZE = 1000, 16, 16 * 1024
_BROKEN = "There was an error parsing the body"

# A broken form is the client's error: the response reports it, the log does not.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


class Part(msgspec.Struct):
    """The headers of a field; one with a file name is a file."""

    name: str
    filename: str | None
    content_type: str | None


#: A step of a form: a part begins, its bytes follow in chunks, None ends it.
FormEvent = Part | bytes | None


class _EmptyPart(Exception):
    """A delimiter follows the headers of a part directly: it has no content. The argument is what is still to parse."""


class FormReader:
    """Parse a form chunk by chunk.

    The parser is python-multipart. Two things that RFC 2046 allows and it does not support are handled here: text
    before the first delimiter, and a part without content whose headers end in the line break of the next delimiter.
    """

    def __init__(self, boundary: bytes) -> None:
        self._boundary = boundary
        self._delimiter = b"--" + boundary
        self._preamble: bytes | None = b"\r\n"  # the first delimiter may be at the very beginning
        self._parser = self._make_parser()
        self._events: list[FormEvent] = []
        self._parts = 0
        self.is_complete = False

    def feed(self, data: bytes) -> Iterator[FormEvent]:
        """Yield the steps that a chunk of the form completes.

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
        """Return a parser that expects a delimiter."""
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
        #: The first bytes of the content, until it is clear that they are not a delimiter.
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
                # Only the form itself has a delimiter, never the parser's own copy: parse what follows `end`, too.
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


async def parse_form(request: Request, *, limit: int | None = None, refusal: str = "") -> FormData:
    """Return a request's whole form, which the caller closes; larger files are in temporary files.

    Raises:
        BadRequest: the form is broken; with the text `refusal` where the body has more than `limit` bytes.
    """
    if limit is not None:
        request = Request(request.scope, _limit_body(request.receive, limit, refusal))
    try:
        return await request.form()
    except MultiPartException as error:
        raise BadRequest(error.message) from None


def _limit_body(receive: Receive, limit: int, refusal: str) -> Receive:
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise BadRequest(refusal)
        return message

    return receive_limited


async def read_form(request: Request) -> AsyncIterator[FormEvent]:
    """Yield the steps of a request's form; nothing where the body is not a form.

    Raises:
        BadRequest: the form is broken, or incomplete.
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
