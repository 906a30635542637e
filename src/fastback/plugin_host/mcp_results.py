"""Results of tools of MCP servers, as plain values."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

#: Parts of one result, and characters of its texts; the rest is left out. Models read two million characters.
MAX_PARTS, MAX_CHARACTERS = 1_000, 1_999_000


def build_content(result: Json) -> list[Json]:
    """Return the parts of a result: its content, and its structured content as a text where no text repeats it.

    `result` is a `CallToolResult` of the protocol, as JSON. FastMCP wraps lists and plain values in
    `{"result": …}` and sends them as texts, too: one for all, or one for each.
    """
    content: list[Json] = list(result.get("content") or [])[:MAX_PARTS]
    structured = result.get("structuredContent")
    if structured is None:
        return content
    texts = [part["text"] for part in content if part.get("type") == "text"]
    encoded_texts = [_encode(_decode(text)) for text in texts]
    encoded = _encode(structured)
    if encoded in encoded_texts:
        return content
    if isinstance(structured, dict) and structured.keys() == {"result"} and texts:
        wrapped = structured["result"]
        if encoded_texts == [_encode(wrapped)]:
            return content
        values = wrapped if isinstance(wrapped, list) else [wrapped]
        if len(texts) == len(values) and all(
            text == value or encoded_text == _encode(value)
            for text, encoded_text, value in zip(texts, encoded_texts, values, strict=True)
        ):
            return content
    return [*content, {"type": "text", "text": encoded}]


def cut_texts(content: list[Json]) -> list[Json]:
    """Return the parts with no more text than models read."""
    remaining = MAX_CHARACTERS
    parts: list[Json] = []
    for part in content:
        text = part.get("text") if part.get("type") == "text" else None
        if text is not None:
            if remaining <= 0:
                continue
            if len(text) > remaining:
                part = {**part, "text": f"{text[:remaining]}\n[{len(text) - remaining} more characters were cut off]"}
            remaining -= len(text)
        parts.append(part)
    return parts


def join_error_texts(result: Json) -> str:
    """Return what a failed tool says of its failure."""
    texts = [part["text"] for part in result.get("content") or [] if part.get("type") == "text"]
    return "\n".join(texts) or "MCP tool call returned an error."


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _encode(value: Any) -> str:
    """Return a value as JSON in one form, so that true and 1 differ, and the order of keys does not count."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
