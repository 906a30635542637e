"""Routes for one tool: create, read, update, share, export and delete it."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.plugins import download
from fastback.features.plugins.schemas import UrlForm
from fastback.features.tools import store
from fastback.features.tools.service import KIND, ToolForm, ToolRecords
from fastback.kit.http import BadRequest, NotFound, Router, Unauthorized
from fastback.records.listing import RecordCatalog
from fastback.settings import Settings

router = Router("/api/v1/tools")

JsonObject = dict[str, Any]


class AccessForm(msgspec.Struct):
    access_grants: list[dict[str, Any]]


@router.post("/load/url")
async def load_from_url(
    data: UrlForm, user: AdminUser, client: aiohttp.ClientSession, settings: Settings
) -> JsonObject:
    """Return the code of a tool at a URL, for the editor."""
    return await download.download_plugin(client, settings, data.url, "tool")


@router.get("/export")
async def export_tools(user: VerifiedUser, tools: ToolRecords, catalog: RecordCatalog) -> list[JsonObject]:
    """Return the tools that the user may write, with their code."""
    if not await tools.access.has_any_permission(user, "workspace.tools_export"):
        raise Unauthorized(messages.UNAUTHORIZED)
    rows = await store.list_writable_tools(catalog, user)
    grants = await catalog.grants.list_grants_by_resource(KIND, [row.id for row in rows])
    return [store.serialize_tool(row, grants[row.id]) for row in rows]


@router.post("/create")
async def create_tool(data: ToolForm, user: VerifiedUser, tools: ToolRecords) -> JsonObject:
    if not await tools.may_write_code(user):
        raise Unauthorized(messages.UNAUTHORIZED)
    if not data.id.isidentifier():
        raise BadRequest("Only alphanumeric characters and underscores are allowed in the id")
    tool_id = data.id.lower()
    if await store.find_tool(tools.db, tool_id) is not None:
        raise BadRequest(messages.ID_TAKEN)
    return await tools.create_tool(user, data, tool_id)


@router.get("/id/{id}")
async def get_tool(id: str, user: VerifiedUser, tools: ToolRecords) -> JsonObject:
    """Return a tool that the user may read; its code only if the user may write it."""
    row = await store.find_tool(tools.db, id)
    if row is None:
        raise NotFound()
    if not await tools.access.is_allowed_or_admin(user, KIND, row, "read"):
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    may_write = await tools.access.is_allowed(user, KIND, row, "write")
    summary = store.serialize_summary(row, await tools.access.grants.list_grants(KIND, id))
    code = {"content": row.content} if may_write else {}
    return {**summary, "user": None, "write_access": may_write, **code, "specs": row.specs}


@router.post("/id/{id}/update")
async def update_tool(id: str, data: ToolForm, user: VerifiedUser, tools: ToolRecords) -> JsonObject:
    row = await tools.get_tool(id, user, "write", refusal=messages.UNAUTHORIZED, missing_status=401)
    return await tools.update_tool(user, row, data)


@router.post("/id/{id}/access/update")
async def update_tool_access(id: str, data: AccessForm, user: VerifiedUser, tools: ToolRecords) -> JsonObject:
    row = await tools.get_tool(id, user, "write", refusal=messages.UNAUTHORIZED)
    return store.serialize_tool(row, await tools.access.replace_grants(user, KIND, id, data.access_grants))


@router.delete("/id/{id}/delete")
async def delete_tool(id: str, user: VerifiedUser, tools: ToolRecords) -> bool:
    await tools.get_tool(id, user, "write", refusal=messages.UNAUTHORIZED, missing_status=401)
    await tools.delete_tool(id)
    return True
