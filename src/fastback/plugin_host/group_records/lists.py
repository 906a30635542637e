"""Methods that list groups."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.group_records.forms import GroupModel, GroupResponse
from fastback.plugin_host.group_records.members import GroupMembers

Json = dict[str, Any]


class GroupLists(GroupMembers):
    """Lists of groups, the last changed first."""

    @awaited_or_not
    async def get_all_groups(self, db: Any = None) -> Any:
        return await self._list(order="-updated_at")

    @awaited_or_not
    async def get_groups(self, filter: Json | None = None, db: Any = None) -> Any:
        """Return groups with the number of their members.

        A filter has `query`, a part of the name, `member_id`, and `share`: whether members, or everybody, may share
        with the group.
        """
        filter = filter or {}
        groups = await self._search(filter)
        own_ids = await self._list_ids_of(filter.get("member_id"))
        if "share" in filter:
            groups = [group for group in groups if _is_shareable(group, filter["share"], own_ids)]
        elif own_ids is not None:
            groups = [group for group in groups if group.id in own_ids]
        return await self._add_counts(groups)

    @awaited_or_not
    async def search_groups(self, filter: Json | None = None, skip: int = 0, limit: int = 30, db: Any = None) -> Any:
        """Return `items` and `total` of the groups that a filter names."""
        filter = filter or {}
        own_ids = await self._list_ids_of(filter.get("member_id"))
        groups = [
            group
            for group in await self._search(filter)
            if (own_ids is None or group.id in own_ids)
            and ("share" not in filter or str((group.data or {}).get("share")) == str(filter["share"]))
        ]
        items = await self._add_counts(groups[skip : skip + limit])
        return {"items": items, "total": len(groups)}

    @awaited_or_not
    async def get_groups_by_member_id(self, user_id: str, db: Any = None, *, include_inherited: bool = False) -> Any:
        groups = await self.get_groups_by_member_ids([user_id], include_inherited=include_inherited)
        return groups[user_id]

    @awaited_or_not
    async def get_groups_by_member_ids(
        self, user_ids: list[str], db: Any = None, *, include_inherited: bool = False
    ) -> Any:
        """Return the groups of each user; inherited ones are those above the user's own."""
        members = await self._list_rows("group_member", {"user_id": list(user_ids)})
        groups = await self._list(order="-updated_at id")
        parents = {group.id: group.parent_group_id for group in groups}
        ids: dict[str, set[str]] = {user_id: set() for user_id in user_ids}
        for member in members:
            joined = list_with_ancestors(member["group_id"], parents) if include_inherited else [member["group_id"]]
            ids[member["user_id"]].update(joined)
        return {user_id: [group for group in groups if group.id in ids[user_id]] for user_id in user_ids}

    @awaited_or_not
    async def get_ancestor_ids(self, group_id: str, db: Any = None) -> Any:
        """Return the id of a group and of all groups above it."""
        parents = {group.id: group.parent_group_id for group in await self._list()}
        return set(list_with_ancestors(group_id, parents)) if group_id in parents else set()

    async def _list_ids_of(self, user_id: str | None) -> set[str] | None:
        if user_id is None:
            return None
        return {group.id for group in await self.get_groups_by_member_id(user_id, include_inherited=True)}

    async def _search(self, filter: Json) -> list[GroupModel]:
        query = (filter.get("query") or "").lower()
        return [group for group in await self._list(order="-updated_at") if query in group.name.lower()]

    async def _add_counts(self, groups: list[GroupModel]) -> list[GroupResponse]:
        counts = await self.get_group_member_counts_by_ids([group.id for group in groups])
        return [GroupResponse(**group.model_dump(), member_count=counts.get(group.id, 0)) for group in groups]


def list_with_ancestors(group_id: str, parents: dict[str, str | None]) -> list[str]:
    """Return a group and the groups above it."""
    chain: list[str] = []
    current: str | None = group_id
    while current is not None and current not in chain:
        chain.append(current)
        current = parents.get(current)
    return chain


def _is_shareable(group: GroupModel, share_filter: Any, own_ids: set[str] | None) -> bool:
    share = ((group.data or {}).get("config") or {}).get("share")
    share = str(share).lower() if share is not None else None
    if not share_filter:
        return share == "false"
    is_own = own_ids is not None and group.id in own_ids
    return share in (None, "true", "1") or (share == "members" and is_own)
