"""Who may read, change and share what people make: the owner, whoever a grant lets in, and administrators."""

from __future__ import annotations

from typing import Any, Protocol

from fastback.access.events import GrantsChanged
from fastback.access.grants import Grant, Grants
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.records.listing import Catalog


class Owned(Protocol):
    """A row that somebody made."""

    @property
    def id(self) -> str: ...

    @property
    def user_id(self) -> str | None: ...


class Ownership:
    """Answers for resources of every kind; `kind` is what their grants call them (`prompt`, `tool`, …)."""

    def __init__(self, catalog: Catalog, bus: Bus) -> None:
        self.catalog = catalog
        self.db: Database = catalog.db
        self.grants: Grants = catalog.grants
        self.permissions: Permissions = catalog.permissions
        self._bus = bus

    async def may(self, user: User, kind: str, row: Owned, permission: str) -> bool:
        """Whether a row is one's own, granted with this permission (`read`, `write`), or open to an administrator who
        sees all."""
        if row.user_id == user.id or self.catalog.sees_all(user):
            return True
        return await self.grants.has_access(user.id, kind, row.id, permission)

    async def may_or_admin(self, user: User, kind: str, row: Owned, permission: str) -> bool:
        """Like `may`; administrators may always."""
        return user.is_admin or await self.may(user, kind, row, permission)

    async def permitted(self, user: User, *permissions: str) -> bool:
        """Whether somebody is an administrator or has one of the permissions."""
        if user.is_admin:
            return True
        return any([await self.permissions.has(user.id, one) for one in permissions])

    async def share(self, user: User, kind: str, resource_id: str, wanted: list[dict[str, Any]]) -> list[Grant]:
        """Set the grants of a resource.

        Raises:
            Forbidden: the user may not share with one of the audiences.
        """
        checked = await self.grants.validate_grants(user.id, user.role, wanted, kind)
        async with self.db.transaction() as tx:
            grants = await self.grants.replace_grants(tx, kind, resource_id, checked)
        await self.changed(kind, resource_id)
        return grants

    async def changed(self, kind: str, resource_id: str) -> None:
        """Tell that the grants of a resource changed."""
        await self._bus.publish(GrantsChanged(kind, resource_id))
