"""Grants of access to records."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not, call_server
from fastback.plugin_host.grant_records.changes import GrantChanges
from fastback.plugin_host.grant_records.forms import AccessGrantModel as AccessGrantModel
from fastback.plugin_host.grant_records.forms import AccessGrantResponse as AccessGrantResponse
from fastback.plugin_host.grant_records.lists import access_control_to_grants as access_control_to_grants
from fastback.plugin_host.grant_records.lists import grants_to_access_control as grants_to_access_control
from fastback.plugin_host.grant_records.lists import has_anyone_read_access_grant as has_anyone_read_access_grant
from fastback.plugin_host.grant_records.lists import has_public_read_access_grant as has_public_read_access_grant
from fastback.plugin_host.grant_records.lists import has_public_write_access_grant as has_public_write_access_grant
from fastback.plugin_host.grant_records.lists import has_user_access_grant as has_user_access_grant
from fastback.plugin_host.grant_records.lists import normalize_access_grants as normalize_access_grants
from fastback.plugin_host.grant_records.lists import strip_anyone_access_grants as strip_anyone_access_grants
from fastback.plugin_host.grant_records.lists import strip_user_access_grants as strip_user_access_grants
from fastback.plugin_host.sql_records import find_record_class


class AccessGrantsTable(GrantChanges):
    table = "access_grant"
    model = AccessGrantModel

    @awaited_or_not
    async def get_grants_by_resource(self, resource_type: str, resource_id: str, db: Any = None) -> Any:
        return await self._list(resource_type=resource_type, resource_id=resource_id)

    @awaited_or_not
    async def get_grants_by_resources(self, resource_type: str, resource_ids: list[str], db: Any = None) -> Any:
        grants: dict[str, list[Any]] = {resource_id: [] for resource_id in resource_ids}
        for grant in await self._list(resource_type=resource_type, resource_id=list(resource_ids)):
            grants[grant.resource_id].append(grant)
        return grants

    @awaited_or_not
    async def has_access(
        self,
        user_id: str,
        resource_type: str,
        resource_id: str,
        permission: str = "read",
        user_group_ids: Any = None,
        db: Any = None,
    ) -> Any:
        """Return whether grants allow a user this, for the user, one of the user's groups, or everybody."""
        ids = await self._list_accessible(user_id, resource_type, [resource_id], permission)
        return resource_id in ids

    @awaited_or_not
    async def get_accessible_resource_ids(
        self,
        user_id: str,
        resource_type: str,
        resource_ids: list[str],
        permission: str = "read",
        user_group_ids: Any = None,
        db: Any = None,
    ) -> Any:
        return set(await self._list_accessible(user_id, resource_type, list(resource_ids), permission))

    @awaited_or_not
    async def has_anyone_access(
        self, resource_type: str, resource_id: str, permission: str = "read", db: Any = None
    ) -> Any:
        """Return whether visitors are allowed this, too."""
        where = {"resource_type": resource_type, "resource_id": resource_id, "permission": permission}
        return await self._count(**where, principal_type="anyone", principal_id="*") > 0

    @awaited_or_not
    async def get_users_with_access(
        self, resource_type: str, resource_id: str, permission: str = "read", db: Any = None
    ) -> Any:
        from fastback.plugin_host.open_webui.models.users import Users

        grants = await self._list(resource_type=resource_type, resource_id=resource_id)
        return await Users.get_users_by_user_ids(sorted(await self.get_user_ids_by_access_grants(grants, permission)))

    @awaited_or_not
    async def get_user_ids_by_access_grants(
        self, access_grants: list[Any], permission: str = "read", db: Any = None
    ) -> Any:
        """Return the users that grants allow this, also by a group; a grant for all names all but pending ones."""
        grants = [grant for grant in access_grants if grant.permission == permission]
        user_ids = {grant.principal_id for grant in grants if grant.principal_type == "user"}
        if "*" in user_ids:
            return {row["id"] for row in await self._list_rows("user", {}) if row["role"] != "pending"}
        group_ids = [grant.principal_id for grant in grants if grant.principal_type == "group"]
        if group_ids:
            from fastback.plugin_host.open_webui.models.groups import Groups

            members = await Groups.get_group_user_ids_by_ids(group_ids, include_inherited=True)
            user_ids.update(*members.values())
        return user_ids

    @awaited_or_not
    async def get_revoked_user_ids_by_resource(
        self,
        resource_type: str,
        resource_id: str,
        previous_access_grants: list[Any],
        permission: str = "read",
        db: Any = None,
    ) -> Any:
        """Return the users that the former grants allowed this, and the present ones do not."""
        grants = await self._list(resource_type=resource_type, resource_id=resource_id)
        former_ids = await self.get_user_ids_by_access_grants(previous_access_grants, permission)
        return former_ids - await self.get_user_ids_by_access_grants(grants, permission)

    async def _list_accessible(self, user_id: str, kind: str, ids: list[str], permission: str) -> list[str]:
        accessible: list[str] = await call_server(
            "access.list_granted", user_id=user_id, resource_type=kind, resource_ids=ids, permission=permission
        )
        return accessible


AccessGrants = AccessGrantsTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"AccessGrant": "access_grant"})
