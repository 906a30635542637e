"""Routes for the valves of a tool: the shared ones, which its owner sets, and each user's own."""

from __future__ import annotations

import time
from typing import Any

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.plugins.loading import PluginError, ValvesClass
from fastback.features.plugins.valves import fill_valves
from fastback.features.tools import store
from fastback.features.tools.service import KIND, ToolRecords
from fastback.features.tools.store import Tool
from fastback.kit.http import BadRequest, Router, Unauthorized

router = Router("/api/v1/tools/id")

JsonObject = dict[str, Any]


async def _get_tool(tools: ToolRecords, tool_id: str, user: User, permission: str) -> Tool:
    return await tools.get_tool(tool_id, user, permission, refusal=messages.ACCESS_PROHIBITED)


async def _get_schema(tools: ToolRecords, row: Tool, name: ValvesClass, user: User) -> JsonObject | None:
    try:
        return await tools.plugins.get_valves_schema(KIND, row.id, row.content or "", name, user)
    except PluginError as error:
        raise BadRequest(str(error)) from None


async def _fill_valves(tools: ToolRecords, row: Tool, name: ValvesClass, values: JsonObject, what: str) -> JsonObject:
    try:
        return await fill_valves(tools.plugins, KIND, row.id, row.content or "", name, values, what)
    except PluginError as error:
        raise BadRequest(str(error)) from None


@router.get("/{id}/valves")
async def get_valves(id: str, user: VerifiedUser, tools: ToolRecords) -> JsonObject:
    row = await _get_tool(tools, id, user, "write")
    return tools.valves.decode_column(row.valves)


@router.get("/{id}/valves/spec")
async def get_valves_schema(id: str, user: VerifiedUser, tools: ToolRecords) -> JsonObject | None:
    return await _get_schema(tools, await _get_tool(tools, id, user, "write"), "Valves", user)


@router.post("/{id}/valves/update")
async def update_valves(id: str, data: dict[str, Any], user: VerifiedUser, tools: ToolRecords) -> JsonObject:
    row = await store.find_tool(tools.db, id)
    if row is None:
        raise Unauthorized(messages.NOT_FOUND)
    if not await tools.access.is_allowed_or_admin(user, KIND, row, "write"):
        raise BadRequest(messages.ACCESS_PROHIBITED)
    values = await _fill_valves(tools, row, "Valves", data, "tool valves")
    await tools.valves.store_valves(tools.db, KIND, id, values, int(time.time()))
    return values


@router.get("/{id}/valves/user")
async def get_user_valves(id: str, user: VerifiedUser, tools: ToolRecords) -> JsonObject:
    await _get_tool(tools, id, user, "read")
    return await tools.valves.get_user_valves(KIND, id, user.id)


@router.get("/{id}/valves/user/spec")
async def get_user_valves_schema(id: str, user: VerifiedUser, tools: ToolRecords) -> JsonObject | None:
    return await _get_schema(tools, await _get_tool(tools, id, user, "read"), "UserValves", user)


@router.post("/{id}/valves/user/update")
async def update_user_valves(id: str, data: dict[str, Any], user: VerifiedUser, tools: ToolRecords) -> JsonObject:
    row = await _get_tool(tools, id, user, "read")
    values = await _fill_valves(tools, row, "UserValves", data, "tool user valves")
    await tools.valves.store_user_valves(KIND, id, user.id, values)
    return values
