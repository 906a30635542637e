"""Access to workspace records: owners, users with a grant, and administrators may read, change and share them."""

from __future__ import annotations

from typing import Any, Protocol

from fastback.access.events import GrantsChanged
from fastback.access.grants import Grant, Grants
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.records.listing import RecordCatalog


class OwnedRecord(Protocol):
    """A row that has an owner."""

    @property
    def id(self) -> str: ...

    @property
    def user_id(self) -> str | None: ...


class RecordAccess:
    """Decides who may use records of every kind; `kind` is their resource type in grants (`prompt`, `tool`, …)."""

    def __init__(self, catalog: RecordCatalog, bus: Bus) -> None:
        self.catalog = catalog
        self.db: Database = catalog.db
        self.grants: Grants = catalog.grants
        self.permissions: Permissions = catalog.permissions
        self._bus = bus

    async def is_allowed(self, user: User, kind: str, row: OwnedRecord, permission: str) -> bool:
        """Return whether a user may `read` or `write` (`permission`) a row: its owner, by a grant, or an administrator
        who sees all records."""
        if row.user_id == user.id or self.catalog.can_see_all(user):
            return True
        return await self.grants.has_access(user.id, kind, row.id, permission)

    async def is_allowed_or_admin(self, user: User, kind: str, row: OwnedRecord, permission: str) -> bool:
        """Like `is_allowed`; administrators are always allowed."""
        return user.is_admin or await self.is_allowed(user, kind, row, permission)

    async def has_any_permission(self, user: User, *permissions: str) -> bool:
        """Return whether a user is an administrator or has one of the permissions."""
        if user.is_admin:
            return True
        return any([await self.permissions.has(user.id, permission) for permission in permissions])

    async def replace_grants(
        self, user: User, kind: str, resource_id: str, requested: list[dict[str, Any]]
    ) -> list[Grant]:
        """Replace the grants of a resource, and return the new ones.

        Raises:
            Forbidden: the user may not share with one of the audiences.
        """
        validated = await self.grants.validate_grants(user.id, user.role, requested, kind)
        async with self.db.transaction() as tx:
            grants = await self.grants.replace_grants(tx, kind, resource_id, validated)
        await self.publish_grants_changed(kind, resource_id)
        return grants

    async def publish_grants_changed(self, kind: str, resource_id: str) -> None:
        """Publish that the grants of a resource changed."""
        await self._bus.publish(GrantsChanged(kind, resource_id))
