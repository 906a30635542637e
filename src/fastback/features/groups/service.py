"""Changes of groups: who is in them and what lies above them, one change at a time, announced when it is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import UNSET

from fastback.access.events import GroupsChanged
from fastback.features.groups import members, store
from fastback.features.groups.schemas import GroupForm
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.db.database import Transaction
from fastback.kit.http.errors import BadRequest, NotFound
from fastback.settings import Settings

_MISSING = "Group not found."


class GroupService:
    """Changes groups."""

    def __init__(self, db: Database, bus: Bus, settings: Settings) -> None:
        self._db = db
        self._bus = bus
        self._share = settings.default_group_share

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[Transaction]:
        """A transaction that no other change of groups, also by the reference, runs beside: circles cannot arise."""
        async with self._db.transaction() as tx:
            if tx.dialect == "postgres":
                await tx.execute("groups.lock", "SELECT pg_advisory_xact_lock(731947205)")
            yield tx

    async def _announce(self, user_ids: list[str]) -> None:
        if user_ids:
            await self._bus.publish(GroupsChanged(tuple(user_ids)))

    async def _found(self, tx: Transaction, group_id: str) -> store.CountedGroup:
        found = await store.get(tx, group_id)
        if found is None:
            raise NotFound(_MISSING)
        return found

    @staticmethod
    async def _check_parent(tx: Transaction, group_id: str | None, parent_id: str | None) -> None:
        if parent_id is None:
            return
        if not parent_id:
            raise BadRequest("Parent group must be a group ID or null.")
        above = await store.with_ancestors(tx, parent_id)
        if not above:
            raise NotFound("Parent group not found.")
        if group_id in above:
            raise BadRequest("A group cannot be its own parent or a descendant of itself.")

    async def create_group(self, user_id: str, form: GroupForm) -> store.CountedGroup:
        """Raises: Invalid for data that make no sense; NotFound, BadRequest for a parent that cannot be one."""
        data = dict(form.checked_data() or {})
        config = data.get("config") or {}
        data["config"] = config if "share" in config else {**config, "share": self._share}
        parent = None if form.parent_group_id is UNSET else form.parent_group_id
        async with self._change() as tx:
            await self._check_parent(tx, None, parent)
            fields = {
                "parent_group_id": parent,
                "user_id": user_id,
                "name": form.name,
                "description": form.description,
                "data": data,
                "permissions": form.permissions,
            }
            return await self._found(tx, await store.insert(tx, fields))

    async def update_group(self, group_id: str, form: GroupForm) -> store.CountedGroup:
        """Change a group; everybody whose permissions may change with it is asked for anew.

        Raises: as `create`, and NotFound where there is no such group.
        """
        data = form.checked_data()
        affected: list[str] = []
        async with self._change() as tx:
            group = await self._found(tx, group_id)
            fields: dict[str, Any] = {"name": form.name, "description": form.description}
            if form.parent_group_id is not UNSET:
                await self._check_parent(tx, group_id, form.parent_group_id)
                fields["parent_group_id"] = form.parent_group_id
            if form.permissions is not None:
                fields["permissions"] = form.permissions
            if data is not None:
                fields["data"] = _merged(_object(group.data), data)
            if self._matters(group, fields):
                affected = await members.effective_ids(tx, group_id)
            await store.update(tx, group_id, fields)
            changed = await self._found(tx, group_id)
        await self._announce(affected)
        return changed

    @staticmethod
    def _matters(group: store.Group, fields: dict[str, Any]) -> bool:
        """Whether members notice: another parent, other permissions, other models to begin with."""
        if fields.get("parent_group_id", group.parent_group_id) != group.parent_group_id:
            return True
        if "permissions" in fields and fields["permissions"] != _object(group.permissions):
            return True
        return "data" in fields and _default_models(fields["data"]) != _default_models(_object(group.data))

    async def delete_group(self, group_id: str) -> None:
        """Delete a group; those below it go up to its parent. Raises: NotFound."""
        async with self._change() as tx:
            group = await self._found(tx, group_id)
            affected = await members.effective_ids(tx, group_id)
            await store.remove(tx, group_id, group.parent_group_id)
        await self._announce(affected)

    async def add_members(self, group_id: str, user_ids: list[str]) -> store.CountedGroup:
        """Put users into a group; ids that are nobody's are passed over. Raises: NotFound."""
        async with self._change() as tx:
            await self._found(tx, group_id)
            added = await members.add(tx, group_id, await members.known_users(tx, user_ids))
            await store.update(tx, group_id, {})
            changed = await self._found(tx, group_id)
        await self._announce(added)
        return changed

    async def remove_members(self, group_id: str, user_ids: list[str]) -> store.CountedGroup:
        """Take users out of a group. Raises: NotFound."""
        async with self._change() as tx:
            await self._found(tx, group_id)
            removed = await members.remove(tx, group_id, user_ids)
            await store.update(tx, group_id, {})
            changed = await self._found(tx, group_id)
        await self._announce(removed)
        return changed


def _object(raw: msgspec.Raw) -> dict[str, Any]:
    found = msgspec.json.decode(raw)
    return found if isinstance(found, dict) else {}


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """New data over old; of the part `config` the fields are merged, too."""
    return {**old, **new, "config": {**(old.get("config") or {}), **(new.get("config") or {})}}


def _default_models(data: dict[str, Any]) -> Any:
    config = data.get("config")
    return (config.get("default_models") if isinstance(config, dict) else None) or None
