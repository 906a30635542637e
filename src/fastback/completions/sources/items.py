"""Items: what a request refers to, as the page sends it (`{type, id, name, …}`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

Item = dict[str, Any]

#: The type of an item that names a note together with the files in it.
NOTE_WITH_FILES = "note_with_files"


def is_image(item: Item) -> bool:
    """Return whether an item is an image that the model is shown itself. SVG is read as text."""
    media_type = str(item.get("content_type") or "").partition(";")[0].strip().lower()
    return item.get("type") == "image" or (media_type.startswith("image/") and media_type != "image/svg+xml")


def list_readable_items(items: Iterable[Any]) -> list[Item]:
    """Return the items that hold text, each once. Images, and folders of a terminal, are dealt with elsewhere."""
    readable: dict[bytes, Item] = {}
    for item in items:
        if isinstance(item, dict) and item.get("type") != "filesystem" and not is_image(item):
            readable[msgspec.json.encode(item, order="sorted")] = item
    return list(readable.values())


def list_knowledge_items(entries: Any) -> list[Item]:
    """Return a workspace model's `meta.knowledge` as items; entries of old models name collections."""
    items: list[Item] = []
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        if entry.get("collection_name"):
            items.append({"id": entry["collection_name"], "name": entry.get("name"), "legacy": True})
        elif entry.get("collection_names"):
            names = entry["collection_names"]
            items.append({"name": entry.get("name"), "type": "collection", "collection_names": names, "legacy": True})
        else:
            items.append(dict(entry))
    return items


def is_full_context(item: Item) -> bool:
    """Return whether an item is to be read from beginning to end instead of being searched."""
    return item.get("context") == "full"


def find_nested(item: Item, *path: str) -> Any:
    """Return the value below the keys of `path`; None where a key is missing."""
    value: Any = item
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def parse_id(value: Any) -> str | None:
    """Return what a client sent as an id; None where it cannot be one: PostgreSQL takes no NUL."""
    return value if isinstance(value, str) and value and "\x00" not in value else None


def find_id(item: Item) -> str | None:
    """Return an item's id; None where it has none, or one that cannot be one."""
    return parse_id(item.get("id"))


def identify(item: Item) -> tuple[str, str | None]:
    """Return an item's type and id."""
    return str(item.get("type")), find_id(item)
