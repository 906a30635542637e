"""Routes for one function and for all of them: create, read, update, replace and delete; administrators only."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

from fastback import messages
from fastback.access.guards import AdminUser
from fastback.features.functions import store
from fastback.features.functions.service import FunctionRecords, SyncedFunction, function_revisions
from fastback.features.plugins import download
from fastback.features.plugins import revisions as plugin_history
from fastback.features.plugins.schemas import PluginForm, RevisionForm, UrlForm
from fastback.kit.http import BadRequest, NotFound, Router
from fastback.records.revision_store import FullRevision
from fastback.settings import Settings

router = Router("/api/v1/functions")

JsonObject = dict[str, Any]


class SyncForm(msgspec.Struct):
    functions: list[SyncedFunction] = []


@router.get("/export")
async def export_functions(
    user: AdminUser, functions: FunctionRecords, settings: Settings, include_valves: bool = False
) -> list[JsonObject]:
    return await functions.export_functions(valves=include_valves) if settings.enable_functions else []


@router.post("/load/url")
async def load_from_url(
    data: UrlForm, user: AdminUser, client: aiohttp.ClientSession, settings: Settings
) -> JsonObject:
    """Return the code of a function at a URL, for the editor."""
    return await download.download_plugin(client, settings, data.url, "function")


@router.post("/sync", takes_content=True)
async def sync_functions(data: SyncForm, user: AdminUser, functions: FunctionRecords) -> list[JsonObject]:
    """Write these functions and delete all others, in one transaction."""
    return await functions.sync_functions(user, data.functions)


@router.post("/create")
async def create_function(data: PluginForm, user: AdminUser, functions: FunctionRecords) -> JsonObject:
    if not data.id.isidentifier():
        raise BadRequest("Only alphanumeric characters and underscores are allowed in the id")
    function_id = data.id.lower()
    if await store.find_function(functions.db, function_id) is not None:
        raise BadRequest(messages.ID_TAKEN)
    return await functions.create_function(user, data, function_id)


@router.get("/id/{id}")
async def get_function(id: str, user: AdminUser, functions: FunctionRecords) -> JsonObject:
    return store.serialize_function(await functions.get_function(id))


@router.post("/id/{id}/toggle")
async def toggle_function(id: str, user: AdminUser, functions: FunctionRecords) -> JsonObject:
    """Activate an inactive function, deactivate an active one."""
    row = await functions.get_function(id)
    return await functions.set_flags(row, is_active=not row.is_active)


@router.post("/id/{id}/toggle/global")
async def toggle_function_global(id: str, user: AdminUser, functions: FunctionRecords) -> JsonObject:
    """Change whether a function applies to all models."""
    row = await functions.get_function(id)
    return await functions.set_flags(row, is_global=not row.is_global)


@router.post("/id/{id}/update")
async def update_function(id: str, data: PluginForm, user: AdminUser, functions: FunctionRecords) -> JsonObject:
    return await functions.update_function(user, id, data)


@router.delete("/id/{id}/delete")
async def delete_function(id: str, user: AdminUser, functions: FunctionRecords) -> bool:
    await functions.delete_function(id)
    return True


# -- revisions ----------------------------------------------------------------------------------------------------


async def _get_revision(functions: FunctionRecords, function_id: str, version_id: str) -> FullRevision:
    revision = await function_revisions.find_revision(functions.db, function_id, version_id)
    if revision is None:
        raise NotFound("Version not found")
    return revision


@router.get("/id/{id}/history")
async def list_revisions(id: str, user: AdminUser, functions: FunctionRecords, page: int = 1) -> list[JsonObject]:
    """Return a page of revisions, the newest first; pages are counted from 1."""
    await functions.require_function(id)
    return await function_revisions.list_page(functions.db, id, page)


@router.get("/id/{id}/history/diff")
async def compare_revisions(
    id: str, from_id: str, to_id: str, user: AdminUser, functions: FunctionRecords
) -> JsonObject:
    await functions.require_function(id)
    before = await _get_revision(functions, id, from_id)
    return await plugin_history.compare_revisions(before, await _get_revision(functions, id, to_id))


@router.get("/id/{id}/history/{history_id}")
async def get_revision(id: str, history_id: str, user: AdminUser, functions: FunctionRecords) -> JsonObject:
    await functions.require_function(id)
    revision = await _get_revision(functions, id, history_id)
    return {**function_revisions.summarize(revision), "snapshot": revision.snapshot}


@router.delete("/id/{id}/history/{history_id}")
async def delete_revision(id: str, history_id: str, user: AdminUser, functions: FunctionRecords) -> bool:
    """Delete a revision that is not in use."""
    await functions.require_function(id)
    await function_revisions.delete_unused(functions.db, id, history_id)
    return True


@router.post("/id/{id}/update/version")
async def restore_revision(id: str, data: RevisionForm, user: AdminUser, functions: FunctionRecords) -> JsonObject:
    """Put a revision into use."""
    await functions.require_function(id)
    revision = await _get_revision(functions, id, data.version_id)
    form = plugin_history.build_form(id, revision)
    return await functions.update_function(user, id, form, version_id=revision.id)
