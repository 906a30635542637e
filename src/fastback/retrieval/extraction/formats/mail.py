"""E-mail (.eml): who wrote to whom, and what. Attachments are named, not read."""

from __future__ import annotations

import email
import email.message
import email.policy
from collections.abc import Iterator
from typing import cast

from fastback.retrieval.extraction.formats.encoding import decoded
from fastback.retrieval.extraction.formats.html import page_text
from fastback.retrieval.extraction.formats.reader import MOST_TEXT, Metadata, Piece, Source, broken, too_much

HEADERS = ("Subject", "From", "To", "Cc", "Date")


def letter(headers: dict[str, str], body: str, attachments: list[str], source: Source) -> Piece:
    """A message as a document: its headers, a line each, and its text."""
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    if attachments:
        lines.append(f"Attachments: {', '.join(attachments)}")
    metadata: Metadata = dict(source.metadata)
    if subject := headers.get("Subject"):
        metadata["title"] = subject
    return "\n\n".join(one for one in ("\n".join(lines), body.strip()) if one), metadata


def _text(part: email.message.EmailMessage) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    charset = part.get_content_charset()
    try:
        text = content.decode(charset) if charset else decoded(content)
    except (LookupError, UnicodeDecodeError):
        text = decoded(content)
    return page_text(text)[1] if part.get_content_subtype() == "html" else text


def _header(message: email.message.EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message[name] or "").split())
    except Exception:  # what the library says of headers it cannot take apart differs from case to case
        return ""


def read(source: Source) -> Iterator[Piece]:
    if source.size > 4 * MOST_TEXT:
        raise too_much()
    with open(source.path, "rb") as file:
        try:
            found = email.message_from_binary_file(file, policy=email.policy.default)
        except Exception as error:
            raise broken("an e-mail", error) from None
    message = found
    body, attachments = "", []
    try:
        chosen = message.get_body(("plain", "html"))
        body = _text(cast(email.message.EmailMessage, chosen)) if chosen is not None else ""
        attachments = [one.get_filename() or one.get_content_type() for one in message.iter_attachments()]
    except (AttributeError, KeyError, TypeError):  # parts that are not what they say
        pass
    yield letter({name: _header(message, name) for name in HEADERS}, body, attachments, source)
