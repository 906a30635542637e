"""Routes for the valves of a function: those of everybody, which administrators set, and those of each user."""

from __future__ import annotations

import time
from typing import Any

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.features.functions import store
from fastback.features.functions.service import KIND, Functions
from fastback.features.functions.store import Function
from fastback.features.plugins.loading import PluginFailed, ValvesClass
from fastback.features.plugins.valves import filled
from fastback.kit.http import BadRequest, Router

router = Router("/api/v1/functions/id")

Answer = dict[str, Any]


async def _switched_off(functions: Functions, row: Function, error: PluginFailed) -> BadRequest:
    """Deactivate a function that does not load, and return the error for the client."""
    if row.is_active:
        await store.update_function(functions.db, row.id, is_active=False)
        await functions.changed()
    return BadRequest(str(error))


async def _schema(functions: Functions, row: Function, name: ValvesClass, user: User) -> Answer | None:
    try:
        return await functions.plugins.valves_schema(KIND, row.id, row.content, name, user)
    except PluginFailed as error:
        raise await _switched_off(functions, row, error) from None


async def _filled(functions: Functions, row: Function, name: ValvesClass, values: Answer, what: str) -> Answer:
    try:
        return await filled(functions.plugins, KIND, row.id, row.content, name, values, what)
    except PluginFailed as error:
        raise await _switched_off(functions, row, error) from None


@router.get("/{id}/valves")
async def valves(id: str, user: AdminUser, functions: Functions) -> Answer:
    return functions.valves.read((await functions.found(id)).valves)


@router.get("/{id}/valves/spec")
async def spec(id: str, user: AdminUser, functions: Functions) -> Answer | None:
    return await _schema(functions, await functions.found(id), "Valves", user)


@router.post("/{id}/valves/update")
async def update(id: str, data: dict[str, Any], user: AdminUser, functions: Functions) -> Answer:
    row = await functions.found(id)
    values = await _filled(functions, row, "Valves", data, "function valves")
    await functions.valves.store(functions.db, KIND, id, values, int(time.time()))
    await functions.changed()
    return values


@router.get("/{id}/valves/user")
async def user_valves(id: str, user: VerifiedUser, functions: Functions) -> Answer:
    await functions.found(id)
    return await functions.valves.of_user(KIND, id, user.id)


@router.get("/{id}/valves/user/spec")
async def user_spec(id: str, user: VerifiedUser, functions: Functions) -> Answer | None:
    row = await functions.found(id)
    return await _schema(functions, row, "UserValves", user) if row.is_active else None


@router.post("/{id}/valves/user/update")
async def update_user(id: str, data: dict[str, Any], user: VerifiedUser, functions: Functions) -> Answer:
    row = await functions.found(id)
    if not row.is_active:
        raise BadRequest("Function is not active")
    values = await _filled(functions, row, "UserValves", data, "function user valves")
    await functions.valves.store_of_user(KIND, id, user.id, values)
    return values
