"""Files as JSON responses show them."""

from __future__ import annotations

from typing import Any

from fastback.features.files.store import ListedFile


def build_meta(meta: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a file's `meta` with the fields that responses always have, and an invalid media type repaired."""
    if meta is None:
        return None
    content_type = meta.get("content_type")
    if isinstance(content_type, list):
        content_type = next((value for value in content_type if isinstance(value, str)), None)
    elif not isinstance(content_type, str):
        content_type = None
    return {"name": meta.get("name"), **meta, "content_type": content_type, "size": meta.get("size")}


def build_list_item(row: ListedFile) -> dict[str, Any]:
    """Return a file as lists show it."""
    return {
        "id": row.id,
        "user_id": row.user_id,
        "hash": row.hash,
        "filename": row.filename,
        "data": row.data,
        "meta": build_meta(row.meta),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
