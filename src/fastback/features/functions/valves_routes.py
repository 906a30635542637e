"""Routes for the valves of a function: the shared ones, which administrators set, and each user's own."""

from __future__ import annotations

import time
from typing import Any

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.features.functions import store
from fastback.features.functions.service import KIND, FunctionRecords
from fastback.features.functions.store import Function
from fastback.features.plugins.loading import PluginError, ValvesClass
from fastback.features.plugins.valves import fill_valves
from fastback.kit.http import BadRequest, Router

router = Router("/api/v1/functions/id")

JsonObject = dict[str, Any]


async def _deactivate_function(functions: FunctionRecords, row: Function, error: PluginError) -> BadRequest:
    """Deactivate a function that does not load, and return the error for the client."""
    if row.is_active:
        await store.update_function(functions.db, row.id, is_active=False)
        await functions.publish_change()
    return BadRequest(str(error))


async def _get_schema(functions: FunctionRecords, row: Function, name: ValvesClass, user: User) -> JsonObject | None:
    try:
        return await functions.plugins.get_valves_schema(KIND, row.id, row.content, name, user)
    except PluginError as error:
        raise await _deactivate_function(functions, row, error) from None


async def _fill_valves(
    functions: FunctionRecords, row: Function, name: ValvesClass, values: JsonObject, what: str
) -> JsonObject:
    try:
        return await fill_valves(functions.plugins, KIND, row.id, row.content, name, values, what)
    except PluginError as error:
        raise await _deactivate_function(functions, row, error) from None


@router.get("/{id}/valves")
async def get_valves(id: str, user: AdminUser, functions: FunctionRecords) -> JsonObject:
    return functions.valves.decode_column((await functions.get_function(id)).valves)


@router.get("/{id}/valves/spec")
async def get_valves_schema(id: str, user: AdminUser, functions: FunctionRecords) -> JsonObject | None:
    return await _get_schema(functions, await functions.get_function(id), "Valves", user)


@router.post("/{id}/valves/update")
async def update_valves(id: str, data: dict[str, Any], user: AdminUser, functions: FunctionRecords) -> JsonObject:
    row = await functions.get_function(id)
    values = await _fill_valves(functions, row, "Valves", data, "function valves")
    await functions.valves.store_valves(functions.db, KIND, id, values, int(time.time()))
    await functions.publish_change()
    return values


@router.get("/{id}/valves/user")
async def get_user_valves(id: str, user: VerifiedUser, functions: FunctionRecords) -> JsonObject:
    await functions.get_function(id)
    return await functions.valves.get_user_valves(KIND, id, user.id)


@router.get("/{id}/valves/user/spec")
async def get_user_valves_schema(id: str, user: VerifiedUser, functions: FunctionRecords) -> JsonObject | None:
    row = await functions.get_function(id)
    return await _get_schema(functions, row, "UserValves", user) if row.is_active else None


@router.post("/{id}/valves/user/update")
async def update_user_valves(
    id: str, data: dict[str, Any], user: VerifiedUser, functions: FunctionRecords
) -> JsonObject:
    row = await functions.get_function(id)
    if not row.is_active:
        raise BadRequest("Function is not active")
    values = await _fill_valves(functions, row, "UserValves", data, "function user valves")
    await functions.valves.store_user_valves(KIND, id, user.id, values)
    return values
