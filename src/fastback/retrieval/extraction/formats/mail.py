"""E-mail messages (.eml): headers and text. Attachments are named, not read."""

from __future__ import annotations

import email
import email.message
import email.policy
from collections.abc import Iterator
from typing import cast

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


def format_message(headers: dict[str, str], body: str, attachments: list[str], source: SourceFile) -> ExtractedText:
    """Return a message as a document: each header in a line, then the text."""
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    if attachments:
        lines.append(f"Attachments: {', '.join(attachments)}")
    metadata: Metadata = dict(source.metadata)
    if subject := headers.get("Subject"):
        metadata["title"] = subject
    return "\n\n".join(part for part in ("\n".join(lines), body.strip()) if part), metadata


def _decode_part(part: email.message.EmailMessage) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    charset = part.get_content_charset()
    try:
        text = content.decode(charset) if charset else decode_text(content)
    except (LookupError, UnicodeDecodeError):
        text = decode_text(content)
    return extract_page_text(text)[1] if part.get_content_subtype() == "html" else text


def _get_header(message: email.message.EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message[name] or "").split())
    except Exception:  # the library raises many kinds of errors on headers that it cannot parse
        return ""


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with headers and text. Metadata: `title`, the subject."""
    if source.size > 4 * MAX_TEXT:
        raise too_much_text()
    with open(source.path, "rb") as file:
        try:
            parsed = email.message_from_binary_file(file, policy=email.policy.default)
        except Exception as error:
            raise unreadable_file("an e-mail", error) from None
    message = parsed
    body, attachments = "", []
    try:
        body_part = message.get_body(("plain", "html"))
        body = _decode_part(cast(email.message.EmailMessage, body_part)) if body_part is not None else ""
        attachments = [
            attachment.get_filename() or attachment.get_content_type() for attachment in message.iter_attachments()
        ]
    except (AttributeError, KeyError, TypeError):  # parts whose structure contradicts their content type
        pass
    yield format_message({name: _get_header(message, name) for name in HEADERS}, body, attachments, source)
