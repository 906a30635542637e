"""Encode requests to model servers, long conversations without holding the event loop."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from fastback.kit.large_json import LARGE_SIZE


async def encode_request(body: Any) -> bytes:
    """Return the JSON of a request. A long conversation is encoded message by message, in a thread."""
    messages = _get_conversation(body)
    if sum(map(_count_characters, messages)) <= LARGE_SIZE:
        return msgspec.json.encode(body)
    return await asyncio.to_thread(_encode_parts, body)


def _get_conversation(body: Any) -> list[Any]:
    messages = (body.get("messages") or body.get("input")) if isinstance(body, dict) else None
    return messages if isinstance(messages, list) else []


def _count_characters(message: Any) -> int:
    """Return about how many characters a message has."""
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        return sum(_count_part(part) for part in content if isinstance(part, dict))
    return len(content) if isinstance(content, str) else 0


def _count_part(part: dict[str, Any]) -> int:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    return sum(len(text) for text in (part.get("text"), url) if isinstance(text, str))


def _encode_parts(body: dict[str, Any]) -> bytes:
    # Each call of the encoder locks the interpreter until it ends; a long join does not.
    parts: list[bytes] = []
    for name, value in body.items():
        parts += (b"," if parts else b"{", msgspec.json.encode(name), b":")
        if isinstance(value, list) and value:
            for index, item in enumerate(value):
                parts += (b"," if index else b"[", msgspec.json.encode(item))
            parts.append(b"]")
        else:
            parts.append(msgspec.json.encode(value))
    return b"".join((*parts, b"}"))
