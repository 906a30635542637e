"""`access.…`: grants of access, permissions and groups of users."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.events import GrantsChanged
from fastback.access.grants import Grants, normalise_grants
from fastback.access.permissions import Permissions
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]


class AccessMethods:
    """Say and change what users may do."""

    def __init__(self, *, db: Database, grants: Grants, permissions: Permissions, bus: Bus) -> None:
        self._db = db
        self._grants = grants
        self._permissions = permissions
        self._bus = bus

    def add_to(self, methods: HostMethods) -> None:
        methods.add("access.list_granted", self.list_granted)
        methods.add("access.replace_grants", self.replace_grants)
        methods.add("access.get_permissions", self.get_permissions)
        methods.add("access.list_group_ids", self.list_group_ids)

    async def list_granted(
        self, user_id: str, resource_type: str, resource_ids: list[str], permission: str = "read"
    ) -> list[str]:
        """Return the resources on which a grant gives the user this permission; ownership is not checked."""
        return sorted(await self._grants.filter_accessible_ids(user_id, resource_type, resource_ids, permission))

    async def replace_grants(self, resource_type: str, resource_id: str, grants: list[Json]) -> list[Json]:
        """Replace the grants of a resource by those that are valid, and return them."""
        async with self._db.transaction() as tx:
            stored = await self._grants.replace_grants(tx, resource_type, resource_id, normalise_grants(grants))
        await self._bus.publish(GrantsChanged(resource_type, resource_id))
        return [msgspec.structs.asdict(grant) for grant in stored]

    async def get_permissions(self, user_id: str) -> Json:
        """Return the tree of permissions of a user."""
        return dict(await self._permissions.get_tree(user_id))

    async def list_group_ids(self, user_id: str) -> list[str]:
        return list(await self._permissions.list_group_ids(user_id))
