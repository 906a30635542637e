"""Groups of users."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.group_records.forms import GroupForm as GroupForm
from fastback.plugin_host.group_records.forms import GroupInfoResponse as GroupInfoResponse
from fastback.plugin_host.group_records.forms import GroupListResponse as GroupListResponse
from fastback.plugin_host.group_records.forms import GroupMemberModel as GroupMemberModel
from fastback.plugin_host.group_records.forms import GroupModel as GroupModel
from fastback.plugin_host.group_records.forms import GroupResponse as GroupResponse
from fastback.plugin_host.group_records.forms import GroupUpdateForm as GroupUpdateForm
from fastback.plugin_host.group_records.forms import UserIdsForm as UserIdsForm
from fastback.plugin_host.group_records.lists import GroupLists
from fastback.plugin_host.record_models import dump_form
from fastback.plugin_host.sql_records import find_record_class


class GroupHierarchyError(ValueError):
    """Groups cannot be nested like this, in Open WebUI."""

    def __init__(self, message: str, status_code: int = 400) -> None:
        super().__init__(message)
        self.status_code = status_code


class GroupTable(GroupLists):
    @awaited_or_not
    async def get_group_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_group_by_name(self, name: str, db: Any = None) -> Any:
        return await self._find(name=name)

    @awaited_or_not
    async def insert_new_group(self, user_id: str, form_data: Any, db: Any = None) -> Any:
        created = await self._run(None, "POST", "/api/v1/groups/create", content=dump_form(form_data))
        if created and created["user_id"] != user_id:
            await self._update(created["id"], {"user_id": user_id})
        return await self._find(id=created["id"]) if created else None

    @awaited_or_not
    async def create_groups_by_group_names(self, user_id: str, group_names: list[str], db: Any = None) -> Any:
        """Create the groups that are missing, and return these."""
        existing = {group.name for group in await self._list(name=list(group_names))}
        created = []
        for name in dict.fromkeys(name for name in group_names if name not in existing):
            group = await self.insert_new_group(user_id, {"name": name, "description": ""})
            created += [group] if group is not None else []
        return created

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
    async def delete_all_groups(self, db: Any = None) -> Any:
        for group in await self._list():
            await self._run(None, "DELETE", f"/api/v1/groups/id/{group.id}/delete")
        return True


Groups = GroupTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Group": "group", "GroupMember": "group_member"})
