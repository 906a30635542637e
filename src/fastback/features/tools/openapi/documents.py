"""OpenAPI documents as tool servers write them: JSON or YAML, decoded to plain values."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from fastback.kit.json_cuts import TooManyValues
from fastback.kit.json_pieces import decode_body

Document = dict[str, Any]

#: Size of a document in bytes.
MAX_BYTES = 16 * 1024**2
#: YAML takes a hundred times longer than JSON.
MAX_YAML_BYTES = 4 * 1024**2


class InvalidDocument(Exception):
    """A document is malformed, too large, or no object; the text says which."""


async def decode_document(body: bytes) -> Document:
    """Return the object of a document.

    Raises:
        InvalidDocument: it is neither JSON nor YAML, has too many values, or is no object.
    """
    try:
        document = await decode_body(body)
    except TooManyValues as error:
        raise InvalidDocument(str(error)) from None
    except ValueError:
        document = await asyncio.to_thread(_decode_yaml, body)
    if not isinstance(document, dict):
        raise InvalidDocument("its description is no object")
    return document


def _decode_yaml(body: bytes) -> Any:
    """Return the value of YAML, with dates as texts and every key a text, as in JSON."""
    import yaml  # imported here because it is slow, and few servers need it

    if len(body) > MAX_YAML_BYTES:
        raise InvalidDocument("its description is not JSON")
    try:
        return msgspec.to_builtins(yaml.load(body, Loader=_get_yaml_loader(yaml)), str_keys=True)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        raise InvalidDocument("its description is neither JSON nor YAML") from None


def _get_yaml_loader(yaml: Any) -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
