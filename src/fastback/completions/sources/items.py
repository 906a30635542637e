"""What a request refers to: items as the page sends them (`{type, id, name, …}`), each once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

Item = dict[str, Any]

#: The type of an item that stands for a note and the files in it.
NOTE_WITH_FILES = "note_with_files"


def is_picture(item: Item) -> bool:
    """Whether an item is shown to the model itself: a picture made of dots, as SVG is text."""
    kind = str(item.get("content_type") or "").partition(";")[0].strip().lower()
    return item.get("type") == "image" or (kind.startswith("image/") and kind != "image/svg+xml")


def readable(items: Iterable[Any]) -> list[Item]:
    """The items that hold something to read, each once; pictures and folders of a terminal are left to others."""
    found: dict[bytes, Item] = {}
    for item in items:
        if isinstance(item, dict) and item.get("type") != "filesystem" and not is_picture(item):
            found[msgspec.json.encode(item, order="sorted")] = item
    return list(found.values())


def of_knowledge(entries: Any) -> list[Item]:
    """A workspace model's `meta.knowledge` as items; old models name collections in their entries."""
    found: list[Item] = []
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        if entry.get("collection_name"):
            found.append({"id": entry["collection_name"], "name": entry.get("name"), "legacy": True})
        elif entry.get("collection_names"):
            names = entry["collection_names"]
            found.append({"name": entry.get("name"), "type": "collection", "collection_names": names, "legacy": True})
        else:
            found.append(dict(entry))
    return found


def is_whole(item: Item) -> bool:
    """Whether an item is meant to be read from beginning to end."""
    return item.get("context") == "full"


def inner(item: Item, *path: str) -> Any:
    """What lies below the keys of `path`; None where nothing does."""
    found: Any = item
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def an_id(value: Any) -> str | None:
    """What a client put where an id belongs, if it can be one: PostgreSQL takes no NUL."""
    return value if isinstance(value, str) and value and "\x00" not in value else None


def text_id(item: Item) -> str | None:
    """An item's id, if it can be one."""
    return an_id(item.get("id"))


def named(item: Item) -> tuple[str, str | None]:
    """An item's type and id, whatever a client put there."""
    return str(item.get("type")), text_id(item)
