"""Texts that a database can store: without NUL characters, which PostgreSQL refuses, and halves of surrogate pairs."""

from __future__ import annotations

from typing import Any

import msgspec


def remove_unstorable(text: str) -> str:
    """Return the text without NUL characters and halves of surrogate pairs; the same object if it has none."""
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-8", "ignore").decode()
    return text


def remove_nul_escapes(content: bytes) -> bytes:
    r"""Return JSON whose texts have no NUL character (`\u0000`); the same object if they have none."""
    if rb"\u0000" not in content or b"\0" in content:  # a byte 0 is no JSON: it is left to the decoder
        return content
    # Complete pairs of backslashes are put aside: one of them is no beginning of an escape.
    return content.replace(rb"\\", b"\0").replace(rb"\u0000", b"").replace(b"\0", rb"\\")


def encode_without_surrogates(value: Any) -> bytes:
    """Return the JSON of a value; halves of surrogate pairs in its texts are left out."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(clean_texts(value))


def encode_storable(value: Any) -> bytes:
    """Return the JSON of a value, without the characters that a database refuses in its texts."""
    return remove_nul_escapes(encode_without_surrogates(value))


def encode_json(value: Any) -> str:
    """Return the text of a JSON column that holds the value."""
    return encode_storable(value).decode()


def clean_texts(value: Any) -> Any:
    """Return a JSON value whose texts have no NUL characters and halves of surrogate pairs."""
    if isinstance(value, str):
        return remove_unstorable(value)
    if isinstance(value, dict):
        return {clean_texts(key): clean_texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean_texts(item) for item in value]
    return value
