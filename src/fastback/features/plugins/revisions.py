"""Revisions of plugins: which fields they store, and how two of them differ."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from fastback.features.plugins.schemas import PluginForm
from fastback.kit.http import BadRequest
from fastback.records import diff
from fastback.records.revision_store import FullRevision, Snapshot


def build_snapshot(
    name: str, content: str | None, meta: dict[str, Any] | None, *, derived: tuple[str, ...]
) -> Snapshot:
    """Return the fields that a revision stores: name, code and meta, without the fields derived from the code."""
    stored_meta = {key: value for key, value in deepcopy(meta or {}).items() if key not in derived}
    stored_meta.setdefault("description", None)
    if not stored_meta.get("i18n"):
        stored_meta.pop("i18n", None)
    return {"name": name, "content": content or "", "meta": stored_meta}


async def compare_revisions(before: FullRevision, after: FullRevision) -> dict[str, Any]:
    """Return the differences of two revisions; those of the code as one text in unified diff format."""
    old, new = (str(revision.snapshot.get("content") or "") for revision in (before, after))
    diff_lines = await diff.diff_texts(old, new, before_name="selected.py", after_name="production.py")
    return {
        "from_id": before.id,
        "to_id": after.id,
        "metadata": diff.diff_fields(before.snapshot, after.snapshot, ("name", "meta")),
        "content_diff": "\n".join(diff_lines),
        "line_endings_only": old != new and not diff_lines,
    }


def build_form(plugin_id: str, revision: FullRevision) -> PluginForm:
    """Return the form whose content is that of a revision.

    Raises:
        BadRequest: the revision lacks a name or code.
    """
    snapshot = revision.snapshot
    if not isinstance(snapshot.get("name"), str) or not isinstance(snapshot.get("content"), str):
        raise BadRequest("The version lacks a name or code")
    return PluginForm(plugin_id, snapshot["name"], snapshot["content"], snapshot.get("meta") or {})
