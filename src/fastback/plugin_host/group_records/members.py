"""Methods for the members of groups."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.group_records.forms import GroupModel
from fastback.plugin_host.record_tables import RecordTable


class GroupMembers(RecordTable):
    """Members of groups: direct ones, and inherited ones, those of the groups below."""

    table = "group"
    model = GroupModel

    @awaited_or_not
    async def get_group_user_ids_by_id(self, id: str, db: Any = None, *, include_inherited: bool = False) -> Any:
        return (await self.get_group_user_ids_by_ids([id], include_inherited=include_inherited))[id]

    @awaited_or_not
    async def get_group_user_ids_by_ids(
        self, group_ids: list[str], db: Any = None, *, include_inherited: bool = False
    ) -> Any:
        """Return the members of each group."""
        below = await self._list_below(group_ids) if include_inherited else {id: {id} for id in group_ids}
        ids = sorted({id for descendants in below.values() for id in descendants})
        rows = await self._list_rows("group_member", {"group_id": ids}) if ids else []
        members: dict[str, dict[str, None]] = {id: {} for id in group_ids}
        for row in rows:
            for id, descendants in below.items():
                if row["group_id"] in descendants:
                    members[id][row["user_id"]] = None
        return {id: list(user_ids) for id, user_ids in members.items()}

    @awaited_or_not
    async def get_group_member_count_by_id(self, id: str, db: Any = None, *, include_inherited: bool = False) -> Any:
        return len(await self.get_group_user_ids_by_id(id, include_inherited=include_inherited))

    @awaited_or_not
    async def get_group_member_counts_by_ids(
        self, ids: list[str], db: Any = None, *, include_inherited: bool = False
    ) -> Any:
        """Return the number of members by group, without the groups that have none."""
        members = await self.get_group_user_ids_by_ids(list(ids), include_inherited=include_inherited)
        return {id: len(user_ids) for id, user_ids in members.items() if user_ids}

    async def _list_below(self, group_ids: list[str]) -> dict[str, set[str]]:
        """Return, for each group, its id and those of all groups below it."""
        groups = await self._list()
        below: dict[str, set[str]] = {}
        for id in group_ids:
            below[id], level = set(), {id}
            while level:
                below[id] |= level
                level = {group.id for group in groups if group.parent_group_id in level} - below[id]
        return below

    async def _change_members(self, id: str, change: str, user_ids: list[str]) -> Any:
        """Have the server add or remove direct members, and return the group."""
        if user_ids:
            content = {"user_ids": user_ids}
            await self._run(None, "POST", f"/api/v1/groups/id/{id}/users/{change}", content=content)
        return await self._find(id=id)

    @awaited_or_not
    async def add_users_to_group(self, id: str, user_ids: list[str] | None = None, db: Any = None) -> Any:
        return await self._change_members(id, "add", user_ids or [])

    @awaited_or_not
    async def remove_users_from_group(self, id: str, user_ids: list[str] | None = None, db: Any = None) -> Any:
        return await self._change_members(id, "remove", user_ids or [])

    @awaited_or_not
    async def set_group_user_ids_by_id(self, group_id: str, user_ids: list[str], db: Any = None) -> Any:
        """Make the direct members of a group exactly these users."""
        present = set(await self.get_group_user_ids_by_id(group_id))
        await self._change_members(group_id, "add", sorted(set(user_ids) - present))
        await self._change_members(group_id, "remove", sorted(present - set(user_ids)))

    @awaited_or_not
    async def remove_user_from_all_groups(self, user_id: str, db: Any = None) -> Any:
        for row in await self._list_rows("group_member", {"user_id": user_id}):
            await self._change_members(row["group_id"], "remove", [user_id])
        return True

    @awaited_or_not
    async def sync_groups_by_group_names(self, user_id: str, group_names: list[str], db: Any = None) -> Any:
        """Make the user a direct member of exactly the groups with these names."""
        named = {group.id for group in await self._list(name=list(group_names))}
        joined = {row["group_id"] for row in await self._list_rows("group_member", {"user_id": user_id})}
        for id in sorted(named - joined):
            await self._change_members(id, "add", [user_id])
        for id in sorted(joined - named):
            await self._change_members(id, "remove", [user_id])
        return True
