"""Requests about notes, and the shape of a note's data."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class NoteForm(msgspec.Struct):
    """A new note."""

    title: str
    #: Of any type: see `normalize_data`.
    data: Any = None
    meta: dict[str, Any] | None = None
    access_grants: list[dict[str, Any]] | None = None


class NoteChange(msgspec.Struct):
    """A change of a note: absent fields stay as they are; `data` and `meta` are merged into the stored ones by key."""

    title: str | UnsetType | None = UNSET
    data: Any = UNSET
    meta: dict[str, Any] | UnsetType | None = UNSET


class AccessForm(msgspec.Struct):
    """The new grants of a note."""

    access_grants: list[dict[str, Any]]


def normalize_data(data: Any) -> dict[str, Any] | None:
    """Return a note's data with a string as its text, whatever the client sent: other code reads Markdown from it."""
    if data is None or isinstance(data, dict):
        content = data.get("content") if data else None
        if not isinstance(content, dict) or isinstance(content.get("md", ""), str):
            return data
        return {**(data or {}), "content": {**content, "md": _render_text(content["md"])}}
    return {"content": {"md": str(data)}}


def _render_text(value: Any) -> str:
    """Render any value as Markdown: lists and objects as a JSON block, None as an empty text."""
    if isinstance(value, (dict, list)):
        return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"
    return "" if value is None else str(value)
