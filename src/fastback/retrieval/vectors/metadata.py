"""What a chunk's metadata looks like once it is stored: the same in every store, because answers show it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from fastback.retrieval.interfaces import Metadata

#: Parts of a document that some extractors leave in the metadata, often larger than the text itself.
_DROPPED_KEYS = frozenset(
    (
        "languages",
        "content",
        "pages",
        "tables",
        "paragraphs",
        "sections",
        "figures",
        "documents",
        "keyValuePairs",
        "styles",
    )
)
#: What a filter says where one of several values is enough: `{"file_id": {"$in": ["a", "b"]}}`.
ANY_OF = "$in"


def convert_metadata(metadata: Mapping[str, Any], max_characters: int | None = None) -> Metadata:
    """Metadata as stores keep it: without null and what is too large, lists and objects as Python writes them.

    `longest` is the number of characters from which on lists and objects are left out.
    """
    converted: Metadata = {}
    for key, value in metadata.items():
        if key in _DROPPED_KEYS or value is None:
            continue
        if isinstance(value, (list, dict)):
            text = str(value)
            if max_characters is None or len(text) <= max_characters:
                converted[key] = remove_unstorable(text)
        elif isinstance(value, datetime.datetime):
            converted[key] = str(value)
        elif isinstance(value, str):
            converted[key] = remove_unstorable(value)
        else:
            converted[key] = value
    return converted


def remove_unstorable(text: str) -> str:
    """Without what databases refuse: zero characters and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


def list_conditions(where: Mapping[str, Any] | None) -> list[tuple[str, list[Any]]]:
    """A filter as keys with the values of which one must be there."""
    result = []
    for key, value in (where or {}).items():
        if isinstance(value, Mapping):
            result.append((key, list(value.get(ANY_OF, ()))))
        else:
            result.append((key, [value]))
    return result
