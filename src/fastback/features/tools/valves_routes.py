"""Routes for the valves of a tool: those of everybody, which its owner sets, and those of each user."""

from __future__ import annotations

import time
from typing import Any

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.plugins.loading import PluginFailed, ValvesClass
from fastback.features.plugins.valves import filled
from fastback.features.tools import store
from fastback.features.tools.service import KIND, Tools
from fastback.features.tools.store import Tool
from fastback.kit.http import BadRequest, Router, Unauthorized

router = Router("/api/v1/tools/id")

Answer = dict[str, Any]


async def _found(tools: Tools, tool_id: str, user: User, permission: str) -> Tool:
    return await tools.found(tool_id, user, permission, refusal=messages.ACCESS_PROHIBITED)


async def _schema(tools: Tools, row: Tool, name: ValvesClass, user: User) -> Answer | None:
    try:
        return await tools.plugins.valves_schema(KIND, row.id, row.content or "", name, user)
    except PluginFailed as error:
        raise BadRequest(str(error)) from None


async def _filled(tools: Tools, row: Tool, name: ValvesClass, values: Answer, what: str) -> Answer:
    try:
        return await filled(tools.plugins, KIND, row.id, row.content or "", name, values, what)
    except PluginFailed as error:
        raise BadRequest(str(error)) from None


@router.get("/{id}/valves")
async def valves(id: str, user: VerifiedUser, tools: Tools) -> Answer:
    row = await _found(tools, id, user, "write")
    return tools.valves.read(row.valves)


@router.get("/{id}/valves/spec")
async def spec(id: str, user: VerifiedUser, tools: Tools) -> Answer | None:
    return await _schema(tools, await _found(tools, id, user, "write"), "Valves", user)


@router.post("/{id}/valves/update")
async def update(id: str, data: dict[str, Any], user: VerifiedUser, tools: Tools) -> Answer:
    row = await store.find_tool(tools.db, id)
    if row is None:
        raise Unauthorized(messages.NOT_FOUND)
    if not await tools.owned.is_allowed_or_admin(user, KIND, row, "write"):
        raise BadRequest(messages.ACCESS_PROHIBITED)
    values = await _filled(tools, row, "Valves", data, "tool valves")
    await tools.valves.store(tools.db, KIND, id, values, int(time.time()))
    return values


@router.get("/{id}/valves/user")
async def user_valves(id: str, user: VerifiedUser, tools: Tools) -> Answer:
    await _found(tools, id, user, "read")
    return await tools.valves.of_user(KIND, id, user.id)


@router.get("/{id}/valves/user/spec")
async def user_spec(id: str, user: VerifiedUser, tools: Tools) -> Answer | None:
    return await _schema(tools, await _found(tools, id, user, "read"), "UserValves", user)


@router.post("/{id}/valves/user/update")
async def update_user(id: str, data: dict[str, Any], user: VerifiedUser, tools: Tools) -> Answer:
    row = await _found(tools, id, user, "read")
    values = await _filled(tools, row, "UserValves", data, "tool user valves")
    await tools.valves.store_of_user(KIND, id, user.id, values)
    return values
