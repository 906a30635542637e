"""Reading, creation, change and deletion of groups by an identity provider."""

from __future__ import annotations

import asyncio
from typing import Any

from fastback.access.activity import ActivityEvent
from fastback.features.groups.schemas import GroupForm
from fastback.features.groups.service import GroupService as Groups
from fastback.features.groups.service import MemberChanges
from fastback.features.scim import group_store, user_store
from fastback.features.scim.errors import InvalidValue, ResourceNotFound, ScimError
from fastback.features.scim.group_members import ChooseMembers
from fastback.features.scim.group_patches import GroupPatch, MemberChange
from fastback.features.scim.group_store import GroupRow
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import BadRequest, NotFound


class GroupProvisioning:
    """Writes groups for an identity provider, and publishes what has changed."""

    def __init__(self, *, db: Database, bus: Bus, groups: Groups) -> None:
        self._db = db
        self._bus = bus
        self._groups = groups

    async def get_group(self, group_id: str) -> GroupRow:
        """Return a group.

        Raises:
            ScimError: 404, no group has this id.
        """
        row = await group_store.find_group(self._db, group_id)
        if row is None:
            raise ResourceNotFound("Group", group_id)
        return row

    async def create_group(self, name: str, external_id: str | None, member_ids: list[str]) -> GroupRow:
        """Create a group of the first administrator with these direct members.

        Raises:
            ScimError: 400, a member is no user; 500, there is no administrator.
        """
        await self._require_users(member_ids)
        admin_id = await user_store.find_admin_id(self._db)
        if admin_id is None:
            raise ScimError(500, "No admin user found")
        group = await self._groups.create_group(admin_id, GroupForm(name=name, description=""))
        if external_id or member_ids:
            await self._change_group(group.id, await self._build_meta(group.id, external_id), lambda _: member_ids)
        data = {"name": name, "member_ids": member_ids, "member_count": len(member_ids)}
        await self._publish("group.created", group.id, data)
        await self._publish_members(group.id, MemberChanges(member_ids, []))
        return await self.get_group(group.id)

    async def replace_group(
        self, group_id: str, name: str | None, external_id: str | None, member_ids: list[str] | None
    ) -> GroupRow:
        """Change the name, the external id and the members of a group; None leaves each as it is.

        Raises:
            ScimError: 404, there is no such group; 400, a member is no user.
        """
        await self._require_users(member_ids or [])
        row = await self.get_group(group_id)
        fields = {"name": name or row.name, **await self._build_meta(group_id, external_id)}
        choose_members = None if member_ids is None else lambda _: member_ids
        changes = await self._change_group(group_id, fields, choose_members)
        updated_fields = ["name"] if member_ids is None else ["name", "members"]
        await self._publish("group.updated", group_id, {"updated_fields": updated_fields})
        await self._publish_members(group_id, changes)
        return await self.get_group(group_id)

    async def patch_group(self, group_id: str, patch: GroupPatch, operation_count: int) -> GroupRow:
        """Apply a patch: all of it, or nothing.

        Raises:
            ScimError: 404, there is no such group; 400, a member is no user.
        """
        for change in patch.member_changes:
            if change.op != "remove":
                await self._require_users(change.ids or [])
        patch.member_changes = [await self._resolve_filter(group_id, change) for change in patch.member_changes]
        fields: dict[str, Any] = {} if patch.display_name is None else {"name": patch.display_name}
        if patch.has_external_id:
            fields |= await self._build_meta(group_id, patch.external_id, may_remove=True)
        choose_members = patch.choose_members if patch.member_changes else None
        changes = await self._change_group(group_id, fields, choose_members, named_ids=patch.list_named_ids())
        await self._publish("group.updated", group_id, {"operation_count": operation_count})
        await self._publish_members(group_id, changes)
        return await self.get_group(group_id)

    async def _resolve_filter(self, group_id: str, change: MemberChange) -> MemberChange:
        """Return a change with the ids of the members that its filter selects."""
        if change.candidates_filter is None:
            return change
        from fastback.features.scim.standard.member_paths import select_members

        rows = (await group_store.list_members(self._db, [group_id]))[group_id]
        members = [(row.id, row.name) for row in rows]
        return MemberChange(change.op, await asyncio.to_thread(select_members, change.candidates_filter, members))

    async def delete_group(self, group_id: str) -> None:
        """Delete a group; its child groups become children of its parent.

        Raises:
            ScimError: 404, there is no such group.
        """
        row = await self.get_group(group_id)
        try:
            deletion = await self._groups.delete_group(group_id)
        except NotFound:
            raise ResourceNotFound("Group", group_id) from None
        moved = {"parent_group_id": deletion.parent_id, "promoted_child_ids": deletion.child_ids}
        await self._publish("group.deleted", group_id, {"name": row.name, **moved})
        for child_id in deletion.child_ids:
            data = {"old_parent_group_id": group_id, "parent_group_id": deletion.parent_id}
            await self._publish("group.updated", child_id, data)

    async def _change_group(
        self,
        group_id: str,
        fields: dict[str, Any],
        choose_members: ChooseMembers | None,
        *,
        named_ids: list[str] | None = None,
    ) -> MemberChanges:
        try:
            return await self._groups.change_group(group_id, fields, choose_members, named_ids=named_ids)
        except NotFound:
            raise ResourceNotFound("Group", group_id) from None
        except BadRequest as error:
            raise InvalidValue(str(error.detail)) from None

    async def _build_meta(
        self, group_id: str, external_id: str | None, *, may_remove: bool = False
    ) -> dict[str, dict[str, Any]]:
        """Return the column `meta` with an external id; empty where it stays."""
        if external_id is None and not may_remove:
            return {}
        meta = await group_store.get_meta(self._db, group_id)
        return {"meta": group_store.build_meta(meta, external_id)}

    async def _require_users(self, user_ids: list[str]) -> None:
        """Require that these ids belong to users.

        Raises:
            ScimError: 400, one does not.
        """
        unique_ids = list(dict.fromkeys(user_ids))
        if unique_ids and await user_store.count_users_by_id(self._db, unique_ids) < len(unique_ids):
            raise InvalidValue("One or more member users were not found.")

    async def _publish_members(self, group_id: str, changes: MemberChanges) -> None:
        for event, ids in (("group.member_added", changes.added_ids), ("group.member_removed", changes.removed_ids)):
            if ids:
                await self._publish(event, group_id, {"member_ids": ids, "count": len(ids)})

    async def _publish(self, event: str, group_id: str, data: dict[str, Any]) -> None:
        await self._bus.publish(ActivityEvent(event, None, group_id, data=data, source="scim"))
