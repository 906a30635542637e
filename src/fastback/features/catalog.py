"""Reading what people make and share: rows that are one's own or granted, with their owners.

Tools, skills, prompts, knowledge, notes and calendars are read alike: whoever made a row sees it, whoever it is
granted to sees it, administrators see all (unless `BYPASS_ADMIN_ACCESS_CONTROL` is off).
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from fastback.access.grants import Grant, Grants, granted
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.kit.db import Database, Executor
from fastback.kit.http.binding import Services
from fastback.settings import Settings

R = TypeVar("R")


class Person(msgspec.Struct):
    """An owner, as lists show them."""

    id: str
    name: str
    role: str
    email: str


async def people(db: Executor, user_ids: list[str]) -> dict[str, Person]:
    """Owners by id."""
    text = 'SELECT id, name, role, email FROM "user" WHERE id = ANY(:ids)'
    rows = await db.all(Person, "catalog.people", text, ids=list(set(user_ids))) if user_ids else []
    return {row.id: row for row in rows}


class Catalog:
    """Runs such reads."""

    def __init__(self, db: Database, grants: Grants, permissions: Permissions, settings: Settings) -> None:
        self.db = db
        self.grants = grants
        self.permissions = permissions
        self._bypass = settings.bypass_admin_access_control

    def sees_all(self, user: User) -> bool:
        return user.is_admin and self._bypass

    async def rows(
        self,
        row: type[R],
        user: User,
        *,
        resource: str,
        columns: str,
        table: str,
        where: str = "TRUE",
        order: str = "t.updated_at DESC, t.id",
        page: tuple[int, int] | None = None,
        **params: Any,
    ) -> tuple[list[R], int]:
        """Rows of `table` (known as `t`) a user may read, `page` as (limit, offset), and how many there are in all."""
        if not self.sees_all(user):
            where = f"({where}) AND (t.user_id = :user_id OR {granted(resource, 't.id')})"
            params |= {
                "user_id": user.id,
                "group_ids": await self.permissions.group_ids(user.id),
                "permission": "read",
            }
        bounds = ""
        total = -1
        if page is not None:
            count = f"SELECT count(*) FROM {table} t WHERE {where}"
            total = int(await self.db.scalar(f"catalog.{resource}.count", count, **params) or 0)
            bounds = f"LIMIT {int(page[0])} OFFSET {int(page[1])}"
        found = await self.db.all(
            row,
            f"catalog.{resource}",
            f"SELECT {columns} FROM {table} t WHERE {where} ORDER BY {order} {bounds}",
            **params,
        )
        return found, len(found) if total < 0 else total

    async def shown(
        self, rows: list[dict[str, Any]], user: User, resource: str, *, writable: bool = False, owner: bool = True
    ) -> list[dict[str, Any]]:
        """The rows with their grants where the field `access_grants` stands, their owners, and whether one may write."""
        ids = [row["id"] for row in rows]
        grants = await self.grants.of_many(resource, ids)
        owners = await people(self.db, [row["user_id"] for row in rows]) if owner else {}
        may = await self.grants.accessible(user.id, resource, ids, "write") if writable else set()
        for row in rows:
            if "access_grants" in row:
                row["access_grants"] = _dumped(grants[row["id"]])
            if owner:
                row["user"] = owners.get(row["user_id"])
            if writable:
                row["write_access"] = self.sees_all(user) or row["user_id"] == user.id or row["id"] in may
        return rows


def _dumped(grants: list[Grant]) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(grant) for grant in grants]


async def start(services: Services) -> None:
    """Add `Catalog`."""
    services.add(
        Catalog,
        Catalog(services.get(Database), services.get(Grants), services.get(Permissions), services.get(Settings)),
    )
