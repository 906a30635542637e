"""Changes of grants of access."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.grant_records.forms import AccessGrantModel
from fastback.plugin_host.grant_records.lists import (
    access_control_to_grants,
    grants_to_access_control,
    normalize_access_grants,
)
from fastback.plugin_host.record_tables import RecordTable


class GrantChanges(RecordTable):
    """Methods that give and take access. They do not ask whether the user may share."""

    async def _replace(self, resource_type: str, resource_id: str, grants: list[Any]) -> list[AccessGrantModel]:
        params = {"resource_type": resource_type, "resource_id": resource_id, "grants": normalize_access_grants(grants)}
        stored = await self._call("access.replace_grants", **params) or []
        return [AccessGrantModel.model_validate(grant) for grant in stored]

    @awaited_or_not
    async def grant_access(
        self,
        resource_type: str,
        resource_id: str,
        principal_type: str,
        principal_id: str,
        permission: str,
        db: Any = None,
    ) -> Any:
        """Add a grant, unless there is one like it, and return it."""
        principal = {"principal_type": principal_type, "principal_id": principal_id, "permission": permission}
        existing = await self._find(resource_type=resource_type, resource_id=resource_id, **principal)
        if existing is not None:
            return existing
        grants = await self._list(resource_type=resource_type, resource_id=resource_id)
        await self._replace(resource_type, resource_id, [*grants, principal])
        return await self._find(resource_type=resource_type, resource_id=resource_id, **principal)

    @awaited_or_not
    async def revoke_access(
        self,
        resource_type: str,
        resource_id: str,
        principal_type: str,
        principal_id: str,
        permission: str,
        db: Any = None,
    ) -> Any:
        """Remove a grant, and return whether there was one."""
        revoked = (principal_type, principal_id, permission)
        grants = await self._list(resource_type=resource_type, resource_id=resource_id)
        remaining = [
            grant for grant in grants if (grant.principal_type, grant.principal_id, grant.permission) != revoked
        ]
        if len(remaining) < len(grants):
            await self._replace(resource_type, resource_id, remaining)
        return len(remaining) < len(grants)

    @awaited_or_not
    async def revoke_all_access(self, resource_type: str, resource_id: str, db: Any = None) -> Any:
        """Remove the grants of a resource, and return their number."""
        number = await self._count(resource_type=resource_type, resource_id=resource_id)
        await self._replace(resource_type, resource_id, [])
        return number

    @awaited_or_not
    async def set_access_grants(
        self, resource_type: str, resource_id: str, access_grants: list[Any] | None, db: Any = None
    ) -> Any:
        return await self._replace(resource_type, resource_id, access_grants or [])

    @awaited_or_not
    async def replace_access_grants(
        self, db: Any, resource_type: str, resource_id: str, access_grants: list[Any] | None
    ) -> Any:
        return await self._replace(resource_type, resource_id, access_grants or [])

    @awaited_or_not
    async def set_access_control(
        self, resource_type: str, resource_id: str, access_control: dict[str, Any] | None, db: Any = None
    ) -> Any:
        grants = access_control_to_grants(resource_type, resource_id, access_control)
        return await self._replace(resource_type, resource_id, grants)

    @awaited_or_not
    async def get_access_control(self, resource_type: str, resource_id: str, db: Any = None) -> Any:
        return grants_to_access_control(await self._list(resource_type=resource_type, resource_id=resource_id))
