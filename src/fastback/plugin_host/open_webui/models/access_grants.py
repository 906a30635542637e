"""Grants of access to records."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not, call_server
from fastback.plugin_host.record_models import Record
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class AccessGrantModel(Record):
    id: str
    resource_type: str
    resource_id: str
    principal_type: str
    principal_id: str
    permission: str
    created_at: int


class AccessGrantResponse(Record):
    id: str
    principal_type: str
    principal_id: str
    permission: str


class AccessGrantsTable(RecordTable):
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

    async def _list_accessible(self, user_id: str, kind: str, ids: list[str], permission: str) -> list[str]:
        accessible: list[str] = await call_server(
            "access.list_granted", user_id=user_id, resource_type=kind, resource_ids=ids, permission=permission
        )
        return accessible


AccessGrants = AccessGrantsTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"AccessGrant": "access_grant"})
