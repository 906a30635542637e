"""Metadata of chunks as all stores keep them: responses show them, so they are the same everywhere."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from fastback.kit.storable_text import remove_unstorable
from fastback.retrieval.interfaces import Metadata

#: Parts of a document that some extractors put into the metadata, often larger than the text itself.
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
#: The operator of a filter that accepts one of several values: `{"file_id": {"$in": ["a", "b"]}}`.
ANY_OF = "$in"


def convert_metadata(metadata: Mapping[str, Any], max_characters: int | None = None) -> Metadata:
    """Return metadata as stores keep them: without null and large values, lists and objects as Python prints them.

    Lists and objects of more than `max_characters` are dropped.
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


def list_conditions(where: Mapping[str, Any] | None) -> list[tuple[str, list[Any]]]:
    """Return a filter as keys, each with the values of which a chunk must have one."""
    result = []
    for key, value in (where or {}).items():
        if isinstance(value, Mapping):
            result.append((key, list(value.get(ANY_OF, ()))))
        else:
            result.append((key, [value]))
    return result
