"""Files as answers show them."""

from __future__ import annotations

from typing import Any

from fastback.features.files.store import Listed


def meta_shown(meta: dict[str, Any] | None) -> dict[str, Any] | None:
    """A file's `meta` with the fields that are always there; a media type that is none is mended."""
    if meta is None:
        return None
    kind = meta.get("content_type")
    if isinstance(kind, list):
        kind = next((one for one in kind if isinstance(one, str)), None)
    elif not isinstance(kind, str):
        kind = None
    return {"name": meta.get("name"), **meta, "content_type": kind, "size": meta.get("size")}


def listed(row: Listed) -> dict[str, Any]:
    """A file in a list."""
    return {
        "id": row.id,
        "user_id": row.user_id,
        "hash": row.hash,
        "filename": row.filename,
        "data": row.data,
        "meta": meta_shown(row.meta),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
