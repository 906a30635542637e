"""Functions: pipes, filters and actions."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.open_webui.models.users import UserResponse
from fastback.plugin_host.record_models import OpenRecord, Record, dump_form
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class FunctionMeta(OpenRecord):
    description: str | None = None
    manifest: dict[str, Any] | None = {}


class FunctionModel(Record):
    version_id: str | None = None
    id: str
    user_id: str | None = None
    name: str
    type: str
    content: str
    meta: FunctionMeta
    is_active: bool = False
    is_global: bool = False
    updated_at: int
    created_at: int


class FunctionWithValvesModel(Record):
    version_id: str | None = None
    id: str
    user_id: str | None = None
    name: str
    type: str
    content: str
    meta: FunctionMeta
    valves: dict[str, Any] | None = None
    is_active: bool = False
    is_global: bool = False
    updated_at: int
    created_at: int


class FunctionResponse(Record):
    version_id: str | None = None
    id: str
    user_id: str | None = None
    type: str
    name: str
    meta: FunctionMeta
    is_active: bool
    is_global: bool
    updated_at: int
    created_at: int


class FunctionUserResponse(FunctionResponse):
    user: UserResponse | None = None


class FunctionForm(Record):
    commit_message: str | None = None
    id: str
    name: str
    content: str
    meta: FunctionMeta


class FunctionValves(Record):
    valves: dict[str, Any] | None = None


class FunctionsTable(RecordTable):
    table = "function"
    model = FunctionModel

    @awaited_or_not
    async def get_function_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_functions_by_ids(self, ids: list[str], db: Any = None) -> Any:
        return await self._list(id=list(ids))

    @awaited_or_not
    async def get_functions(self, active_only: bool = False, include_valves: bool = False, db: Any = None) -> Any:
        functions = await (self._list(is_active=True) if active_only else self._list())
        if not include_valves:
            return functions
        return [
            FunctionWithValvesModel(**function.model_dump(), valves=await self._find_valves(function.id))
            for function in functions
        ]

    async def _find_valves(self, id: str) -> Any:
        return await self._call("valves.find", kind="function", plugin_id=id)

    @awaited_or_not
    async def get_function_list(self, db: Any = None) -> Any:
        functions = await self._list(order="-updated_at")
        owners = await self._list_owners(functions)
        return [
            FunctionUserResponse.model_validate({**function.model_dump(), "user": owners.get(function.user_id)})
            for function in functions
        ]

    @awaited_or_not
    async def get_functions_by_type(self, type: str, active_only: bool = False, db: Any = None) -> Any:
        return await (self._list(type=type, is_active=True) if active_only else self._list(type=type))

    @awaited_or_not
    async def get_global_filter_functions(self, db: Any = None) -> Any:
        return await self._list(type="filter", is_active=True, is_global=True)

    @awaited_or_not
    async def get_global_action_functions(self, db: Any = None) -> Any:
        return await self._list(type="action", is_active=True, is_global=True)

    @awaited_or_not
    async def get_active_function_ids_by_type(self, type: str, db: Any = None) -> Any:
        """Return pairs: the id of each active function, and whether it is global."""
        return [(function.id, function.is_global) for function in await self._list(type=type, is_active=True)]

    @awaited_or_not
    async def get_active_filter_ids(self, db: Any = None) -> Any:
        return [(function.id, function.is_global) for function in await self._list(type="filter", is_active=True)]

    @awaited_or_not
    async def get_function_valves_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find_valves(id)

    @awaited_or_not
    async def get_function_valves_by_ids(self, ids: list[str], db: Any = None) -> Any:
        return {id: await self._find_valves(id) or {} for id in ids}

    @awaited_or_not
    async def update_function_valves_by_id(self, id: str, valves: dict[str, Any], db: Any = None) -> Any:
        await self._call("valves.set", kind="function", plugin_id=id, values=valves)
        return FunctionValves(valves=await self._find_valves(id))

    @awaited_or_not
    async def get_user_valves_by_id_and_user_id(self, id: str, user_id: str, db: Any = None) -> Any:
        return await self._call("valves.find_user_valves", kind="function", plugin_id=id, user_id=user_id)

    @awaited_or_not
    async def update_user_valves_by_id_and_user_id(
        self, id: str, user_id: str, valves: dict[str, Any], db: Any = None
    ) -> Any:
        values = {"kind": "function", "plugin_id": id, "user_id": user_id, "values": valves}
        await self._call("valves.set_user_valves", **values)
        return valves

    @awaited_or_not
    async def update_function_metadata_by_id(
        self, id: str, metadata: dict[str, Any], db: Any = None, user_id: str | None = None
    ) -> Any:
        return await self._update(id, {"meta": metadata}, ["meta"])

    @awaited_or_not
    async def update_function_by_id(
        self, id: str, updated: dict[str, Any], db: Any = None, user_id: str | None = None, **more: Any
    ) -> Any:
        """Change fields: flags and metadata at once, code by the operation that also checks it."""
        fields = {name: value for name, value in updated.items() if name in ("is_active", "is_global", "meta")}
        function = await self._find(id=id)
        if function is not None and "content" in updated:
            form = {"id": id, "name": function.name, "meta": function.meta.model_dump(), **dump_form(updated)}
            await self._run(user_id, "POST", f"/api/v1/functions/id/{id}/update", content=form)
        return await self._update(id, fields) if fields else await self._find(id=id)

    @awaited_or_not
    async def insert_new_function(
        self, user_id: str, type: str, form_data: Any, db: Any = None, module: Any = None
    ) -> Any:
        """Create a function, which is inactive; its type is that of its code."""
        content = dump_form(form_data)
        created = await self._run(user_id, "POST", "/api/v1/functions/create", content=content)
        return await self._find(id=created["id"]) if created else None

    @awaited_or_not
    async def delete_function_by_id(self, id: str, db: Any = None) -> Any:
        return bool(await self._run(None, "DELETE", f"/api/v1/functions/id/{id}/delete"))


Functions = FunctionsTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Function": "function"})
