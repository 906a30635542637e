"""Groups of users."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_models import Record, dump_form
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class GroupModel(Record):
    parent_group_id: str | None = None
    id: str
    user_id: str
    name: str
    description: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    permissions: dict[str, Any] | None = None
    created_at: int
    updated_at: int


class GroupMemberModel(Record):
    id: str
    group_id: str
    user_id: str
    created_at: int | None = None
    updated_at: int | None = None


class GroupResponse(GroupModel):
    member_count: int | None = None


class GroupForm(Record):
    parent_group_id: str | None = None
    name: str
    description: str
    permissions: dict[str, Any] | None = None
    data: dict[str, Any] | None = None


class GroupUpdateForm(GroupForm):
    pass


class UserIdsForm(Record):
    user_ids: list[str] | None = None


class GroupTable(RecordTable):
    table = "group"
    model = GroupModel

    @awaited_or_not
    async def get_group_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_all_groups(self, db: Any = None) -> Any:
        return await self._list(order="-updated_at")

    @awaited_or_not
    async def get_group_by_name(self, name: str, db: Any = None) -> Any:
        return await self._find(name=name)

    @awaited_or_not
    async def get_groups(self, filter: dict[str, Any] | None = None, db: Any = None) -> Any:
        groups = await self._list(order="-updated_at")
        counts = await self._count_members([group.id for group in groups])
        return [GroupResponse(**group.model_dump(), member_count=counts.get(group.id, 0)) for group in groups]

    @awaited_or_not
    async def get_groups_by_member_id(self, user_id: str, db: Any = None, *, include_inherited: bool = False) -> Any:
        members = await self._list_rows("group_member", {"user_id": user_id})
        return await self._list(order="-updated_at", id=[member["group_id"] for member in members])

    @awaited_or_not
    async def get_group_user_ids_by_id(self, id: str, db: Any = None, *, include_inherited: bool = False) -> Any:
        return [member["user_id"] for member in await self._list_rows("group_member", {"group_id": id})]

    @awaited_or_not
    async def get_group_member_count_by_id(self, id: str, db: Any = None, *, include_inherited: bool = False) -> Any:
        return (await self._count_members([id])).get(id, 0)

    async def _count_members(self, ids: list[str]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for member in await self._list_rows("group_member", {"group_id": ids}):
            counts[member["group_id"]] = counts.get(member["group_id"], 0) + 1
        return counts

    @awaited_or_not
    async def insert_new_group(self, user_id: str, form_data: Any, db: Any = None) -> Any:
        created = await self._run(None, "POST", "/api/v1/groups/create", content=dump_form(form_data))
        return await self._find(id=created["id"]) if created else None

    @awaited_or_not
    async def update_group_by_id(
        self, id: str, form_data: Any, overwrite: bool = False, db: Any = None, **more: Any
    ) -> Any:
        await self._run(None, "POST", f"/api/v1/groups/id/{id}/update", content=dump_form(form_data))
        return await self._find(id=id)

    @awaited_or_not
    async def delete_group_by_id(self, id: str, db: Any = None, **more: Any) -> Any:
        return bool(await self._run(None, "DELETE", f"/api/v1/groups/id/{id}/delete"))

    @awaited_or_not
    async def add_users_to_group(self, id: str, user_ids: list[str] | None = None, db: Any = None) -> Any:
        content = {"user_ids": user_ids or []}
        await self._run(None, "POST", f"/api/v1/groups/id/{id}/users/add", content=content)
        return await self._find(id=id)

    @awaited_or_not
    async def remove_users_from_group(self, id: str, user_ids: list[str] | None = None, db: Any = None) -> Any:
        content = {"user_ids": user_ids or []}
        await self._run(None, "POST", f"/api/v1/groups/id/{id}/users/remove", content=content)
        return await self._find(id=id)


Groups = GroupTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Group": "group", "GroupMember": "group_member"})
