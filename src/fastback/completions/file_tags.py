"""Tags that name the files of each question to models with tools, which read them by their ids."""

from __future__ import annotations

import html
from typing import Any

from fastback.completions.sources.items import Item

Message = dict[str, Any]

_OPENING, _CLOSING = "<attached_files>\n", "\n</attached_files>\n\n"


def add_file_tags(messages: list[Message]) -> list[Message]:
    """Return the messages with the files of each question named before its text, where the chat has stored them."""
    return [_add_tags(message) if message.get("role") == "user" else message for message in messages]


def remove_file_tags(text: str) -> str:
    """Return the text of a question without the tags before it."""
    if not text.startswith(_OPENING):
        return text
    _, closing, question = text.partition(_CLOSING)
    return question.removeprefix("\n") if closing else text  # parts of a content are joined by line breaks


def _add_tags(message: Message) -> Message:
    files = message.get("files")
    tags = [_build_tag(file) for file in files if _is_named(file)] if isinstance(files, list) else []
    if not tags:
        return message
    text, content = _OPENING + "\n".join(tags) + _CLOSING, message.get("content")
    if isinstance(content, list):
        return {**message, "content": [{"type": "text", "text": text}, *content]}
    return {**message, "content": text + (content if isinstance(content, str) else "")}


def _is_named(file: Any) -> bool:
    """Return whether a file has an address, or is another chat, which has only an id."""
    if not isinstance(file, dict):
        return False
    url = file.get("url")
    if isinstance(url, str) and url:
        return not url.startswith("data:")
    return file.get("type") == "chat" and isinstance(file.get("id"), str) and bool(file["id"])


def _build_tag(file: Item) -> str:
    attributes = {"type": file.get("type", "file"), "id": file.get("id") or file.get("url")}
    attributes |= {name: file[name] for name in ("url", "content_type", "name") if file.get(name)}
    return "<file " + " ".join(f'{name}="{html.escape(str(value))}"' for name, value in attributes.items()) + "/>"
