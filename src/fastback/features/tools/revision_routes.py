"""Routes for the revisions of a tool."""

from __future__ import annotations

from typing import Any

from fastback.access.guards import VerifiedUser
from fastback.features.plugins import revisions as plugin_history
from fastback.features.plugins.schemas import VersionForm
from fastback.features.tools.service import Tools, versions
from fastback.kit.http import NotFound, Router
from fastback.records.revision_store import FullRevision

router = Router("/api/v1/tools/id")

Answer = dict[str, Any]


async def _entry(tools: Tools, tool_id: str, version_id: str) -> FullRevision:
    revision = await versions.find_revision(tools.db, tool_id, version_id)
    if revision is None:
        raise NotFound("Version not found")
    return revision


@router.get("/{id}/history")
async def history(id: str, user: VerifiedUser, tools: Tools, page: int = 1) -> list[Answer]:
    """Return a page of revisions, the newest first; pages are counted from 1."""
    await tools.with_history(id, user)
    return await versions.list_page(tools.db, id, page)


@router.get("/{id}/history/diff")
async def difference(id: str, from_id: str, to_id: str, user: VerifiedUser, tools: Tools) -> Answer:
    await tools.with_history(id, user)
    before = await _entry(tools, id, from_id)
    return await plugin_history.difference(before, await _entry(tools, id, to_id))


@router.get("/{id}/history/{history_id}")
async def version(id: str, history_id: str, user: VerifiedUser, tools: Tools) -> Answer:
    await tools.with_history(id, user)
    revision = await _entry(tools, id, history_id)
    return {**versions.summarize(revision), "snapshot": revision.snapshot}


@router.delete("/{id}/history/{history_id}")
async def forget(id: str, history_id: str, user: VerifiedUser, tools: Tools) -> bool:
    """Delete a revision that is not in use."""
    await tools.with_history(id, user)
    await versions.delete_unused(tools.db, id, history_id)
    return True


@router.post("/{id}/update/version")
async def go_back(id: str, data: VersionForm, user: VerifiedUser, tools: Tools) -> Answer:
    """Put a revision into use."""
    row = await tools.with_history(id, user)
    revision = await _entry(tools, id, data.version_id)
    form = plugin_history.form_of(id, revision)
    return await tools.change(user, row, form, version_id=revision.id)
