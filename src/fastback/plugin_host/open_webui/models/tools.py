"""Tools."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.open_webui.models.access_grants import AccessGrantModel
from fastback.plugin_host.open_webui.models.users import UserResponse
from fastback.plugin_host.record_models import OpenRecord, Record, dump_form
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class ToolMeta(OpenRecord):
    i18n: dict[str, dict[str, str]] | None = None
    description: str | None = None
    manifest: dict[str, Any] | None = {}
    has_user_valves: bool = False


class ToolModel(Record):
    version_id: str | None = None
    id: str
    user_id: str | None = None
    name: str
    content: str | None = None
    specs: list[dict[str, Any]]
    meta: ToolMeta
    access_grants: list[AccessGrantModel] = []
    updated_at: int
    created_at: int


class ToolUserModel(ToolModel):
    user: UserResponse | None = None


class ToolResponse(Record):
    version_id: str | None = None
    id: str
    user_id: str | None = None
    name: str
    meta: ToolMeta
    access_grants: list[AccessGrantModel] = []
    updated_at: int
    created_at: int


class ToolUserResponse(ToolResponse):
    user: UserResponse | None = None


class ToolAccessResponse(ToolUserResponse):
    write_access: bool | None = False


class ToolForm(Record):
    commit_message: str | None = None
    id: str
    name: str
    content: str
    meta: ToolMeta
    access_grants: list[dict[str, Any]] | None = None


class ToolValves(Record):
    valves: dict[str, Any] | None = None


class ToolsTable(RecordTable):
    table = "tool"
    model = ToolModel
    grant_type = "tool"

    @awaited_or_not
    async def get_tool_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_tools_by_ids(self, tool_ids: list[str], db: Any = None) -> Any:
        return {tool.id: tool for tool in await self._list(id=list(tool_ids))}

    @awaited_or_not
    async def get_tools(self, defer_content: bool = False, db: Any = None) -> Any:
        """Return all tools with their owners, the most recently changed first."""
        tools = await self._list(order="-updated_at")
        owners = await self._list_owners(tools)
        return [ToolUserModel.model_validate({**tool.model_dump(), "user": owners.get(tool.user_id)}) for tool in tools]

    @awaited_or_not
    async def get_tools_by_user_id(
        self, user_id: str, permission: str = "write", defer_content: bool = False, db: Any = None
    ) -> Any:
        """Return the tools that are the user's own, or that grants allow the user."""
        tools = await self._list(order="-updated_at")
        ids = [tool.id for tool in tools]
        granted = await self._list_granted(user_id, ids, permission)
        return [tool for tool in tools if tool.user_id == user_id or tool.id in granted]

    @awaited_or_not
    async def get_tool_valves_by_id(self, id: str, db: Any = None) -> Any:
        return await self._call("valves.find", kind="tool", plugin_id=id)

    @awaited_or_not
    async def update_tool_valves_by_id(self, id: str, valves: dict[str, Any], db: Any = None) -> Any:
        await self._call("valves.set", kind="tool", plugin_id=id, values=valves)
        return ToolValves(valves=valves)

    @awaited_or_not
    async def get_user_valves_by_id_and_user_id(self, id: str, user_id: str, db: Any = None) -> Any:
        return await self._call("valves.find_user_valves", kind="tool", plugin_id=id, user_id=user_id)

    @awaited_or_not
    async def update_user_valves_by_id_and_user_id(
        self, id: str, user_id: str, valves: dict[str, Any], db: Any = None
    ) -> Any:
        values = {"kind": "tool", "plugin_id": id, "user_id": user_id, "values": valves}
        await self._call("valves.set_user_valves", **values)
        return valves

    @awaited_or_not
    async def update_tool_by_id(self, id: str, updated: dict[str, Any], db: Any = None, **more: Any) -> Any:
        tool = await self._find(id=id)
        if tool is None:
            return None
        form = {"id": id, "name": tool.name, "content": tool.content, "meta": tool.meta.model_dump()}
        await self._run(None, "POST", f"/api/v1/tools/id/{id}/update", content={**form, **dump_form(updated)})
        return await self._find(id=id)

    @awaited_or_not
    async def delete_tool_by_id(self, id: str, db: Any = None) -> Any:
        return bool(await self._run(None, "DELETE", f"/api/v1/tools/id/{id}/delete"))


Tools = ToolsTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Tool": "tool"})
