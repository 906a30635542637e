"""`access.…`: grants of access, permissions and groups of users."""

from __future__ import annotations

from typing import Any

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.plugins.methods import HostMethods


class AccessMethods:
    """Say what users may do."""

    def __init__(self, grants: Grants, permissions: Permissions) -> None:
        self._grants = grants
        self._permissions = permissions

    def add_to(self, methods: HostMethods) -> None:
        methods.add("access.list_granted", self.list_granted)
        methods.add("access.get_permissions", self.get_permissions)
        methods.add("access.list_group_ids", self.list_group_ids)

    async def list_granted(
        self, user_id: str, resource_type: str, resource_ids: list[str], permission: str = "read"
    ) -> list[str]:
        """Return the resources on which a grant gives the user this permission; ownership is not checked."""
        return sorted(await self._grants.filter_accessible_ids(user_id, resource_type, resource_ids, permission))

    async def get_permissions(self, user_id: str) -> dict[str, Any]:
        """Return the tree of permissions of a user."""
        return dict(await self._permissions.get_tree(user_id))

    async def list_group_ids(self, user_id: str) -> list[str]:
        return list(await self._permissions.list_group_ids(user_id))
