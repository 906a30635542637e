"""Requests about notes, and what may stand in a note."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class NoteForm(msgspec.Struct):
    title: str
    #: Anything: see `clean`.
    data: Any = None
    meta: dict[str, Any] | None = None
    access_grants: list[dict[str, Any]] | None = None


class NoteChange(msgspec.Struct):
    """What is not named stays; `data` and `meta` are laid over what is there, field by field."""

    title: str | UnsetType | None = UNSET
    data: Any = UNSET
    meta: dict[str, Any] | UnsetType | None = UNSET


class AccessForm(msgspec.Struct):
    access_grants: list[dict[str, Any]]


def normalize_data(data: Any) -> dict[str, Any] | None:
    """A note's data with a text where its text stands, whatever was put there; others read it as Markdown."""
    if data is None or isinstance(data, dict):
        content = data.get("content") if data else None
        if not isinstance(content, dict) or isinstance(content.get("md", ""), str):
            return data
        return {**(data or {}), "content": {**content, "md": _render_text(content["md"])}}
    return {"content": {"md": str(data)}}


def _render_text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"
    return "" if value is None else str(value)
