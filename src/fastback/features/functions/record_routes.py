"""`/api/v1/functions`: making, switching, changing, replacing and deleting functions; the administrator's alone."""

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
from fastback.records.revision_store import FullVersion
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
    return await download.fetched(client, settings, data.url, "function")


@router.post("/sync")
async def replace_all(data: SyncForm, user: AdminUser, functions: Functions) -> list[Answer]:
    return await functions.replace_all(user, data.functions)


@router.post("/create")
async def create(data: PluginForm, user: AdminUser, functions: Functions) -> Answer:
    if not data.id.isidentifier():
        raise BadRequest("Only alphanumeric characters and underscores are allowed in the id")
    function_id = data.id.lower()
    if await store.get(functions.db, function_id) is not None:
        raise BadRequest(messages.ID_TAKEN)
    return await functions.create(user, data, function_id)


@router.get("/id/{id}")
async def one(id: str, user: AdminUser, functions: Functions) -> Answer:
    return store.full(await functions.found(id))


@router.post("/id/{id}/toggle")
async def toggle(id: str, user: AdminUser, functions: Functions) -> Answer:
    row = await functions.found(id)
    return await functions.switch(row, is_active=not row.is_active)


@router.post("/id/{id}/toggle/global")
async def toggle_global(id: str, user: AdminUser, functions: Functions) -> Answer:
    row = await functions.found(id)
    return await functions.switch(row, is_global=not row.is_global)


@router.post("/id/{id}/update")
async def update(id: str, data: PluginForm, user: AdminUser, functions: Functions) -> Answer:
    return await functions.change(user, id, data)


@router.delete("/id/{id}/delete")
async def delete(id: str, user: AdminUser, functions: Functions) -> bool:
    await functions.delete(id)
    return True


# -- versions -----------------------------------------------------------------------------------------------------


async def _entry(functions: Functions, function_id: str, version_id: str) -> FullVersion:
    found = await versions.get(functions.db, function_id, version_id)
    if found is None:
        raise NotFound("Version not found")
    return found


@router.get("/id/{id}/history")
async def history(id: str, user: AdminUser, functions: Functions, page: int = 1) -> list[Answer]:
    await functions.with_history(id)
    return await versions.page(functions.db, id, page)


@router.get("/id/{id}/history/diff")
async def difference(id: str, from_id: str, to_id: str, user: AdminUser, functions: Functions) -> Answer:
    await functions.with_history(id)
    before = await _entry(functions, id, from_id)
    return await plugin_history.difference(before, await _entry(functions, id, to_id))


@router.get("/id/{id}/history/{history_id}")
async def version(id: str, history_id: str, user: AdminUser, functions: Functions) -> Answer:
    await functions.with_history(id)
    found = await _entry(functions, id, history_id)
    return {**versions.shown(found), "snapshot": found.snapshot}


@router.delete("/id/{id}/history/{history_id}")
async def forget(id: str, history_id: str, user: AdminUser, functions: Functions) -> bool:
    await functions.with_history(id)
    await versions.forget(functions.db, id, history_id)
    return True


@router.post("/id/{id}/update/version")
async def go_back(id: str, data: VersionForm, user: AdminUser, functions: Functions) -> Answer:
    await functions.with_history(id)
    entry = await _entry(functions, id, data.version_id)
    form = plugin_history.form_of(id, entry)
    return await functions.change(user, id, form, version_id=entry.id)
