"""What a version keeps of a plugin, and what differs between two of them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from fastback.features.plugins.schemas import PluginForm
from fastback.kit.http import BadRequest
from fastback.records import diff
from fastback.records.revision_store import FullVersion, Snapshot


def snapshot(name: str, content: str | None, meta: dict[str, Any] | None, *, derived: tuple[str, ...]) -> Snapshot:
    """What a version keeps: name, code and meta, without what is derived from the code."""
    kept = {key: value for key, value in deepcopy(meta or {}).items() if key not in derived}
    kept.setdefault("description", None)
    if not kept.get("i18n"):
        kept.pop("i18n", None)
    return {"name": name, "content": content or "", "meta": kept}


async def difference(before: FullVersion, after: FullVersion) -> dict[str, Any]:
    """Two versions side by side, the code as a unified diff in one text."""
    old, new = (str(one.snapshot.get("content") or "") for one in (before, after))
    patch = await diff.unified(old, new, before_name="selected.py", after_name="production.py")
    return {
        "from_id": before.id,
        "to_id": after.id,
        "metadata": diff.changed(before.snapshot, after.snapshot, ("name", "meta")),
        "content_diff": "\n".join(patch),
        "line_endings_only": old != new and not patch,
    }


def form_of(plugin_id: str, entry: FullVersion) -> PluginForm:
    """What would have to be asked for to get this version.

    Raises:
        BadRequest: it lacks a name or code.
    """
    kept = entry.snapshot
    if not isinstance(kept.get("name"), str) or not isinstance(kept.get("content"), str):
        raise BadRequest("The version lacks a name or code")
    return PluginForm(plugin_id, kept["name"], kept["content"], kept.get("meta") or {})
