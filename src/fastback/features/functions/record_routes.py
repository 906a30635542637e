"""Routes for one function and for all of them: create, read, update, replace and delete; administrators only."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

from fastback import messages
from fastback.access.guards import AdminUser
from fastback.features.functions import store
from fastback.features.functions.service import Functions, SyncedFunction, versions
from fastback.features.plugins import download
from fastback.features.plugins import revisions as plugin_history
from fastback.features.plugins.schemas import PluginForm, UrlForm, VersionForm
from fastback.kit.http import BadRequest, NotFound, Router
from fastback.records.revision_store import FullRevision
from fastback.settings import Settings

router = Router("/api/v1/functions")

Answer = dict[str, Any]


class SyncForm(msgspec.Struct):
    functions: list[SyncedFunction] = []


@router.get("/export")
async def export(
    user: AdminUser, functions: Functions, settings: Settings, include_valves: bool = False
) -> list[Answer]:
    return await functions.exported(valves=include_valves) if settings.enable_functions else []


@router.post("/load/url")
async def load(data: UrlForm, user: AdminUser, client: aiohttp.ClientSession, settings: Settings) -> Answer:
    """Return the code of a function at a URL, for the editor."""
    return await download.fetched(client, settings, data.url, "function")


@router.post("/sync")
async def replace_all(data: SyncForm, user: AdminUser, functions: Functions) -> list[Answer]:
    """Write these functions and delete all others, in one transaction."""
    return await functions.replace_all(user, data.functions)


@router.post("/create")
async def create(data: PluginForm, user: AdminUser, functions: Functions) -> Answer:
    if not data.id.isidentifier():
        raise BadRequest("Only alphanumeric characters and underscores are allowed in the id")
    function_id = data.id.lower()
    if await store.find_function(functions.db, function_id) is not None:
        raise BadRequest(messages.ID_TAKEN)
    return await functions.create(user, data, function_id)


@router.get("/id/{id}")
async def one(id: str, user: AdminUser, functions: Functions) -> Answer:
    return store.serialize_function(await functions.found(id))


@router.post("/id/{id}/toggle")
async def toggle(id: str, user: AdminUser, functions: Functions) -> Answer:
    """Activate an inactive function, deactivate an active one."""
    row = await functions.found(id)
    return await functions.switch(row, is_active=not row.is_active)


@router.post("/id/{id}/toggle/global")
async def toggle_global(id: str, user: AdminUser, functions: Functions) -> Answer:
    """Change whether a function applies to all models."""
    row = await functions.found(id)
    return await functions.switch(row, is_global=not row.is_global)


@router.post("/id/{id}/update")
async def update(id: str, data: PluginForm, user: AdminUser, functions: Functions) -> Answer:
    return await functions.change(user, id, data)


@router.delete("/id/{id}/delete")
async def delete(id: str, user: AdminUser, functions: Functions) -> bool:
    await functions.delete(id)
    return True


# -- revisions ----------------------------------------------------------------------------------------------------


async def _entry(functions: Functions, function_id: str, version_id: str) -> FullRevision:
    revision = await versions.find_revision(functions.db, function_id, version_id)
    if revision is None:
        raise NotFound("Version not found")
    return revision


@router.get("/id/{id}/history")
async def history(id: str, user: AdminUser, functions: Functions, page: int = 1) -> list[Answer]:
    """Return a page of revisions, the newest first; pages are counted from 1."""
    await functions.with_history(id)
    return await versions.list_page(functions.db, id, page)


@router.get("/id/{id}/history/diff")
async def difference(id: str, from_id: str, to_id: str, user: AdminUser, functions: Functions) -> Answer:
    await functions.with_history(id)
    before = await _entry(functions, id, from_id)
    return await plugin_history.difference(before, await _entry(functions, id, to_id))


@router.get("/id/{id}/history/{history_id}")
async def version(id: str, history_id: str, user: AdminUser, functions: Functions) -> Answer:
    await functions.with_history(id)
    revision = await _entry(functions, id, history_id)
    return {**versions.summarize(revision), "snapshot": revision.snapshot}


@router.delete("/id/{id}/history/{history_id}")
async def forget(id: str, history_id: str, user: AdminUser, functions: Functions) -> bool:
    """Delete a revision that is not in use."""
    await functions.with_history(id)
    await versions.delete_unused(functions.db, id, history_id)
    return True


@router.post("/id/{id}/update/version")
async def go_back(id: str, data: VersionForm, user: AdminUser, functions: Functions) -> Answer:
    """Put a revision into use."""
    await functions.with_history(id)
    revision = await _entry(functions, id, data.version_id)
    form = plugin_history.form_of(id, revision)
    return await functions.change(user, id, form, version_id=revision.id)
