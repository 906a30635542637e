"""Changes of groups, members and nesting: one at a time, each announced once it is committed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import UNSET

from fastback.access.events import GroupsChanged
from fastback.features.groups import member_store, store
from fastback.features.groups.schemas import GroupForm
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.db.database import Transaction
from fastback.kit.http.errors import BadRequest, NotFound
from fastback.settings import Settings

_GROUP_NOT_FOUND = "Group not found."
#: Users from which on a group gets or loses them in a long transaction.
_MANY_MEMBERS = 100


class MemberChanges(msgspec.Struct, frozen=True):
    """The users who joined and left a group, in the order of their ids."""

    added_ids: list[str]
    removed_ids: list[str]


class GroupDeletion(msgspec.Struct, frozen=True):
    """The parent of a deleted group, and its child groups, which have moved to that parent."""

    parent_id: str | None
    child_ids: list[str]


class GroupService:
    """Creates, changes and deletes groups."""

    def __init__(self, db: Database, bus: Bus, settings: Settings) -> None:
        self._db = db
        self._bus = bus
        self._default_share = settings.default_group_share

    @asynccontextmanager
    async def _open_transaction(self, *, long: bool = False) -> AsyncIterator[Transaction]:
        """Open a transaction with no other change of groups beside it, so that no cycle of groups can arise."""
        async with self._db.transaction(long=long) as tx:
            await store.lock_groups(tx)
            yield tx

    async def _announce(self, user_ids: list[str]) -> None:
        if user_ids:
            await self._bus.publish(GroupsChanged(tuple(user_ids)))

    @staticmethod
    async def _get_group(tx: Transaction, group_id: str) -> store.CountedGroup:
        group = await store.find_group(tx, group_id)
        if group is None:
            raise NotFound(_GROUP_NOT_FOUND)
        return group

    @staticmethod
    async def _require_valid_parent(tx: Transaction, group_id: str | None, parent_id: str | None) -> None:
        if parent_id is None:
            return
        if not parent_id:
            raise BadRequest("Parent group must be a group ID or null.")
        ancestor_ids = await store.list_ids_with_ancestors(tx, parent_id)
        if not ancestor_ids:
            raise NotFound("Parent group not found.")
        if group_id in ancestor_ids:
            raise BadRequest("A group cannot be its own parent or a descendant of itself.")

    async def create_group(self, user_id: str, form: GroupForm) -> store.CountedGroup:
        """Create a group and return it.

        Raises:
            Invalid: the group's data has another shape.
            NotFound: the parent group does not exist.
            BadRequest: the parent id is empty.
        """
        data = dict(form.parse_data() or {})
        config = data.get("config") or {}
        data["config"] = config if "share" in config else {**config, "share": self._default_share}
        parent_id = None if form.parent_group_id is UNSET else form.parent_group_id
        async with self._open_transaction() as tx:
            await self._require_valid_parent(tx, None, parent_id)
            fields = {
                "parent_group_id": parent_id,
                "user_id": user_id,
                "name": form.name,
                "description": form.description,
                "data": data,
                "permissions": form.permissions,
            }
            return await self._get_group(tx, await store.insert_group(tx, fields))

    async def create_missing_groups(self, user_id: str, names: list[str]) -> None:
        """Create a group of the user for each name that no group has, as a directory names them."""
        async with self._open_transaction() as tx:
            existing = set(await store.list_existing_names(tx, names))
            fields = {
                "parent_group_id": None,
                "user_id": user_id,
                "description": "",
                "data": {"config": {"share": self._default_share}},
                "permissions": None,
            }
            await store.insert_groups(tx, [{**fields, "name": name} for name in names if name not in existing])

    async def update_group(self, group_id: str, form: GroupForm) -> store.CountedGroup:
        """Change a group, and announce the users whose permissions may change with it.

        Raises:
            Invalid: the group's data has another shape.
            NotFound: the group or its parent does not exist.
            BadRequest: the parent id is empty, or the parent is the group itself or below it.
        """
        data = form.parse_data()
        affected_ids: list[str] = []
        async with self._open_transaction() as tx:
            group = await self._get_group(tx, group_id)
            fields: dict[str, Any] = {"name": form.name, "description": form.description}
            if form.parent_group_id is not UNSET:
                await self._require_valid_parent(tx, group_id, form.parent_group_id)
                fields["parent_group_id"] = form.parent_group_id
            if form.permissions is not None:
                fields["permissions"] = form.permissions
            if data is not None:
                fields["data"] = _merge_data(_decode_object(group.data), data)
            if self._has_effect_on_members(group, fields):
                affected_ids = await member_store.list_effective_ids(tx, group_id)
            await store.update_group(tx, group_id, fields)
            updated = await self._get_group(tx, group_id)
        await self._announce(affected_ids)
        return updated

    @staticmethod
    def _has_effect_on_members(group: store.Group, fields: dict[str, Any]) -> bool:
        """Return whether the parent, the permissions or the default models change."""
        if fields.get("parent_group_id", group.parent_group_id) != group.parent_group_id:
            return True
        if "permissions" in fields and fields["permissions"] != _decode_object(group.permissions):
            return True
        return "data" in fields and _get_default_models(fields["data"]) != _get_default_models(
            _decode_object(group.data)
        )

    async def change_group(
        self,
        group_id: str,
        fields: dict[str, Any],
        choose_members: Callable[[set[str]], Collection[str]] | None = None,
        *,
        named_ids: list[str] | None = None,
    ) -> MemberChanges:
        """Change columns of a group, and make its direct members those that a function of the present ones chooses.

        With `named_ids` the function is about these users alone, and the other members stay.

        Raises:
            NotFound: the group does not exist.
            BadRequest: a member is no user.
        """
        added_ids: list[str] = []
        removed_ids: list[str] = []
        async with self._open_transaction(long=True) as tx:
            await self._get_group(tx, group_id)
            if choose_members is not None:
                members = (
                    member_store.list_direct_ids(tx, group_id)
                    if named_ids is None
                    else member_store.filter_members(tx, group_id, named_ids)
                )
                present_ids = set(await members)
                chosen_ids = set(choose_members(present_ids))
                added_ids, removed_ids = sorted(chosen_ids - present_ids), sorted(present_ids - chosen_ids)
                await self._require_users(tx, added_ids)
                await member_store.insert_members(tx, group_id, added_ids)
                await member_store.delete_members(tx, group_id, removed_ids)
            await store.update_group(tx, group_id, fields)
        await self._announce([*added_ids, *removed_ids])
        return MemberChanges(added_ids, removed_ids)

    @staticmethod
    async def _require_users(tx: Transaction, user_ids: list[str]) -> None:
        if user_ids and len(await member_store.filter_existing_users(tx, user_ids)) < len(user_ids):
            raise BadRequest("One or more member users were not found.")

    async def delete_group(self, group_id: str) -> GroupDeletion:
        """Delete a group; its child groups become children of its parent.

        Raises:
            NotFound: the group does not exist.
        """
        async with self._open_transaction() as tx:
            group = await self._get_group(tx, group_id)
            affected_ids = await member_store.list_effective_ids(tx, group_id)
            child_ids = await store.list_child_ids(tx, group_id)
            await store.delete_group(tx, group_id, group.parent_group_id)
        await self._announce(affected_ids)
        return GroupDeletion(group.parent_group_id, child_ids)

    async def add_members(self, group_id: str, user_ids: list[str]) -> store.CountedGroup:
        """Add users to a group and return it; unknown ids are skipped.

        Raises:
            NotFound: the group does not exist.
        """
        async with self._open_transaction(long=len(user_ids) >= _MANY_MEMBERS) as tx:
            await self._get_group(tx, group_id)
            existing_ids = await member_store.filter_existing_users(tx, user_ids)
            added_ids = await member_store.add_members(tx, group_id, existing_ids)
            await store.update_group(tx, group_id, {})
            updated = await self._get_group(tx, group_id)
        await self._announce(added_ids)
        return updated

    async def remove_members(self, group_id: str, user_ids: list[str]) -> store.CountedGroup:
        """Remove users from a group and return it.

        Raises:
            NotFound: the group does not exist.
        """
        async with self._open_transaction(long=len(user_ids) >= _MANY_MEMBERS) as tx:
            await self._get_group(tx, group_id)
            removed_ids = await member_store.remove_members(tx, group_id, user_ids)
            await store.update_group(tx, group_id, {})
            updated = await self._get_group(tx, group_id)
        await self._announce(removed_ids)
        return updated


def _decode_object(raw: msgspec.Raw) -> dict[str, Any]:
    value = msgspec.json.decode(raw)
    return value if isinstance(value, dict) else {}


def _merge_data(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the old data overwritten by the new; the fields of `config` are merged one by one."""
    return {**old, **new, "config": {**(old.get("config") or {}), **(new.get("config") or {})}}


def _get_default_models(data: dict[str, Any]) -> Any:
    config = data.get("config")
    return (config.get("default_models") if isinstance(config, dict) else None) or None
