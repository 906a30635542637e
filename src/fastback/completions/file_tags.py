"""Tags that name the files of each question to models with tools, which read them by their ids."""

from __future__ import annotations

import html
from typing import Any

from fastback.completions.sources.items import Item

_OPENING, _CLOSING = "<attached_files>\n", "\n</attached_files>\n\n"


def add_file_tags(content: Any, files: Any) -> Any:
    """Return the content of a question with its files named before it: in its text, or as a part of their own."""
    tags = [_build_tag(file) for file in files if _is_named(file)] if isinstance(files, list) else []
    if not tags:
        return content
    text = _OPENING + "\n".join(tags) + _CLOSING
    if isinstance(content, list):
        return [{"type": "text", "text": text}, *content]
    return text + (content if isinstance(content, str) else "")


def remove_file_tags(text: str) -> str:
    """Return the text of a question without the tags before it."""
    if not text.startswith(_OPENING):
        return text
    _, closing, question = text.partition(_CLOSING)
    return question.removeprefix("\n") if closing else text  # parts of a content are joined by line breaks


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
