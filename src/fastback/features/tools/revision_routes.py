"""Routes for the revisions of a tool."""

from __future__ import annotations

from typing import Any

from fastback.access.guards import VerifiedUser
from fastback.features.plugins import revisions as plugin_history
from fastback.features.plugins.schemas import RevisionForm
from fastback.features.tools.service import ToolRecords, tool_revisions
from fastback.kit.http import NotFound, Router
from fastback.records.revision_store import FullRevision

router = Router("/api/v1/tools/id")

JsonObject = dict[str, Any]


async def _get_revision(tools: ToolRecords, tool_id: str, version_id: str) -> FullRevision:
    revision = await tool_revisions.find_revision(tools.db, tool_id, version_id)
    if revision is None:
        raise NotFound("Version not found")
    return revision


@router.get("/{id}/history")
async def list_revisions(id: str, user: VerifiedUser, tools: ToolRecords, page: int = 1) -> list[JsonObject]:
    """Return a page of revisions, the newest first; pages are counted from 1."""
    await tools.get_tool_for_revisions(id, user)
    return await tool_revisions.list_page(tools.db, id, page)


@router.get("/{id}/history/diff")
async def compare_revisions(id: str, from_id: str, to_id: str, user: VerifiedUser, tools: ToolRecords) -> JsonObject:
    await tools.get_tool_for_revisions(id, user)
    before = await _get_revision(tools, id, from_id)
    return await plugin_history.compare_revisions(before, await _get_revision(tools, id, to_id))


@router.get("/{id}/history/{history_id}")
async def get_revision(id: str, history_id: str, user: VerifiedUser, tools: ToolRecords) -> JsonObject:
    await tools.get_tool_for_revisions(id, user)
    revision = await _get_revision(tools, id, history_id)
    return {**tool_revisions.summarize(revision), "snapshot": revision.snapshot}


@router.delete("/{id}/history/{history_id}")
async def delete_revision(id: str, history_id: str, user: VerifiedUser, tools: ToolRecords) -> bool:
    """Delete a revision that is not in use."""
    await tools.get_tool_for_revisions(id, user)
    await tool_revisions.delete_unused(tools.db, id, history_id)
    return True


@router.post("/{id}/update/version")
async def restore_revision(id: str, data: RevisionForm, user: VerifiedUser, tools: ToolRecords) -> JsonObject:
    """Put a revision into use."""
    row = await tools.get_tool_for_revisions(id, user)
    revision = await _get_revision(tools, id, data.version_id)
    form = plugin_history.build_form(id, revision)
    return await tools.update_tool(user, row, form, version_id=revision.id)
