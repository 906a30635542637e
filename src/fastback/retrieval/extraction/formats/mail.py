"""E-mail messages (.eml): headers and text, also of forwarded messages. Attachments are named, not read."""

from __future__ import annotations

from collections.abc import Iterator
from email.errors import HeaderParseError
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32, default

from fastback.retrieval.extraction.formats.encoding import decode_text
from fastback.retrieval.extraction.formats.html import extract_page_text
from fastback.retrieval.extraction.formats.reader import (
    MAX_TEXT,
    ExtractedText,
    Metadata,
    SourceFile,
    too_much_text,
    unreadable_file,
)

HEADERS = ("Subject", "From", "To", "Cc", "Date")
#: Types of parts that contain a whole message.
_MESSAGE_TYPES = ("message/rfc822", "message/global", "message/news")
#: Encodings of which Python's decoders take time that grows with the square of the size.
_SLOW_ENCODINGS = ("punycode", "idna")
#: How deeply messages in base64 may be nested; the parser itself limits all others.
_MAX_ENCODED_DEPTH = 20
#: Alternatives in the order of preference; all other kinds follow.
_PREFERRED_TYPES = ("text/plain", "text/html", "multipart/related", "multipart/mixed", "multipart/alternative")


def format_headers(headers: dict[str, str], attachments: list[str]) -> str:
    """Return each header in a line, and the names of the attachments."""
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    if attachments:
        lines.append(f"Attachments: {', '.join(attachments)}")
    return "\n".join(lines)


def format_message(headers: dict[str, str], body: str, attachments: list[str], source: SourceFile) -> ExtractedText:
    """Return a message as a document: each header in a line, then the text."""
    metadata: Metadata = dict(source.metadata)
    if subject := headers.get("Subject"):
        metadata["title"] = subject
    return "\n\n".join(part for part in (format_headers(headers, attachments), body.strip()) if part), metadata


def _decode_header(name: str, value: str) -> str:
    """Return a header's text, with its encoded words decoded and its bytes beyond ASCII guessed."""
    value = decode_text(value.encode("utf-8", "surrogateescape"))
    try:
        return " ".join(str(default.header_fetch_parse(name, value)).split())
    except Exception:  # the library raises many kinds of errors on headers that it cannot parse
        return " ".join(value.split())


def _read_headers(message: Message) -> dict[str, str]:
    """Return the headers that a reader of messages sees; the first of each name counts."""
    values: dict[str, str] = {}
    for name, value in message.raw_items():
        values.setdefault(name.lower(), str(value))
    return {name: _decode_header(name, values.get(name.lower(), "")) for name in HEADERS}


def _list_headers(message: Message) -> str:
    """Return all headers, as reports of deliveries consist of them."""
    return "\n".join(f"{name}: {_decode_header('Comments', str(value))}" for name, value in message.raw_items())


def _get_payload(part: Message) -> bytes:
    """Return the decoded bytes of a part that contains no other parts."""
    try:
        content = part.get_payload(decode=True)
    except (ValueError, AssertionError, LookupError):
        content = None
    if isinstance(content, bytes):
        return content
    payload = part.get_payload()
    return payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else b""


def _decode_part(part: Message) -> str:
    content = _get_payload(part)
    try:
        encoding = part.get_content_charset("") or ""
        text = content.decode(encoding) if encoding and encoding not in _SLOW_ENCODINGS else decode_text(content)
    except (LookupError, ValueError):
        text = decode_text(content)
    return extract_page_text(text)[1] if part.get_content_subtype() == "html" else text


def _get_filename(part: Message) -> str:
    try:
        name = part.get_filename() or ""
    except (ValueError, LookupError, TypeError, HeaderParseError):
        name = ""
    return _decode_header("Comments", name)


class _Body:
    """The text of a message, or of one alternative of it, and the names of its attachments."""

    def __init__(self, encoded_depth: int = 0) -> None:
        self.attachments: list[str] = []
        self._texts: list[str] = []
        self._size = 0
        self._encoded_depth = encoded_depth

    @property
    def text(self) -> str:
        """Return all texts, in order."""
        return "\n\n".join(self._texts)

    def read_part(self, part: Message) -> None:
        """Add the text of a part, or its name."""
        content_type = part.get_content_type()
        if part.get_content_maintype() == "multipart":
            self._read_parts(part, content_type)
        elif content_type in _MESSAGE_TYPES:
            self._read_message(part)
        elif part.get_content_maintype() == "message" and part.is_multipart():
            for report in part.get_payload():
                self._add_text(_list_headers(report))  # type: ignore[arg-type]
        elif part.get_content_maintype() in ("text", "message"):
            if name := _get_filename(part):
                self.attachments.append(name)
            if part.get_content_disposition() != "attachment":
                self._add_text(_decode_part(part))
            elif not name:
                self.attachments.append(content_type)
        else:
            self.attachments.append(_get_filename(part) or content_type)

    def _add_text(self, text: str) -> None:
        if text.strip():
            self._texts.append(text.strip("\r\n"))
            self._size += len(text)
            if self._size > MAX_TEXT:
                raise too_much_text()

    def _read_parts(self, part: Message, content_type: str) -> None:
        parts = part.get_payload()
        if isinstance(parts, str) or not parts:  # none of its parts begins with the boundary
            self._add_text(decode_text(_get_payload(part)) or part.preamble or "")
        elif content_type == "multipart/alternative":
            self._read_alternatives(parts)  # type: ignore[arg-type]
        else:
            for child in parts:
                self.read_part(child)  # type: ignore[arg-type]

    def _read_alternatives(self, parts: list[Message]) -> None:
        """Add the first alternative with text in the order of preference, and the attachments of all."""
        types = {kind: rank for rank, kind in enumerate(_PREFERRED_TYPES)}
        has_text = False
        for part in sorted(parts, key=lambda part: types.get(part.get_content_type(), len(types))):
            body = _Body(self._encoded_depth)
            body.read_part(part)
            self.attachments += body.attachments
            if not has_text and body.text:
                has_text = True
                self._add_text(body.text)

    def _read_message(self, part: Message) -> None:
        """Add a message that another contains, as a forwarding mail or a bounce does."""
        payload = part.get_payload()
        encoded_depth = self._encoded_depth
        message = payload[0] if isinstance(payload, list) and payload else None
        if not isinstance(message, Message):
            return self._add_text(_decode_part(part))
        if str(part.get("Content-Transfer-Encoding", "")).strip().lower() in ("base64", "quoted-printable"):
            encoded_depth += 1
            if encoded_depth > _MAX_ENCODED_DEPTH:
                raise unreadable_file("an e-mail", "it is nested too deeply.")
            if not message.keys():  # the parser took the encoded message for the text of one without headers
                message.add_header("Content-Transfer-Encoding", str(part["Content-Transfer-Encoding"]))
                message = _parse_message(_get_payload(message))
        body = _Body(encoded_depth)
        body.read_part(message)
        self._add_text(format_headers(_read_headers(message), body.attachments))
        self._add_text(body.text)
        return None


def _parse_message(content: bytes) -> Message:
    """Return a message. One that is nested too deeply for the parser is read as headers and a single text."""
    try:
        return BytesParser(policy=compat32).parsebytes(content)
    except RecursionError:
        message = BytesHeaderParser(policy=compat32).parsebytes(content)
        message.set_type("text/plain")
        return message


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with headers and text. Metadata: `title`, the subject."""
    if source.size > 4 * MAX_TEXT:
        raise too_much_text()
    with open(source.path, "rb") as file:
        content = file.read()
    body = _Body()
    try:
        message = _parse_message(content)
        del content
        body.read_part(message)
    except RecursionError:
        raise unreadable_file("an e-mail", "it is nested too deeply.") from None
    except (AttributeError, KeyError, TypeError, IndexError, AssertionError, HeaderParseError) as error:
        raise unreadable_file("an e-mail", "it is damaged.") from error
    yield format_message(_read_headers(message), body.text, body.attachments, source)
