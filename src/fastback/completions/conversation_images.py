"""The images of a conversation: those that users have attached, and those that answers show."""

from __future__ import annotations

from typing import Any

from fastback.completions.sources.items import is_image

Message = dict[str, Any]


def list_image_addresses(messages: list[Message]) -> list[list[str]]:
    """Return the addresses of the images of each message that has any, those of the last message first."""
    addresses = [_list_addresses(message.get("files")) for message in reversed(messages)]
    return [group for group in addresses if group]


def _list_addresses(files: Any) -> list[str]:
    entries = [file for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    return [url for file in entries if is_image(file) and isinstance(url := file.get("url"), str) and url]
