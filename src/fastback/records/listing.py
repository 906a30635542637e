"""Reading what people make and share: rows that are one's own or granted, with their owners.

Tools, skills, prompts, knowledge, notes and calendars are read alike: whoever made a row sees it, whoever it is
granted to sees it, administrators see all (unless `BYPASS_ADMIN_ACCESS_CONTROL` is off).
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from fastback.access.grants import Grant, Grants, build_grant_condition
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.kit.db import Database, Executor
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
    rows = await db.fetch_all(Person, "catalog.people", text, ids=list(set(user_ids))) if user_ids else []
    return {row.id: row for row in rows}


class Catalog:
    """Runs such reads."""

    def __init__(self, *, db: Database, grants: Grants, permissions: Permissions, settings: Settings) -> None:
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
        joined: str = "",
        where: str = "TRUE",
        order: str = "t.updated_at DESC, t.id",
        page: tuple[int, int] | None = None,
        permission: str = "read",
        all_to_admins: bool = True,
        **params: Any,
    ) -> tuple[list[R], int]:
        """Rows of `table` (known as `t`) a user may read, `page` as (limit, offset), and how many there are in all.

        `permission` is what a grant must give: `read`, `write`, or `read_only` (reading without writing, and not one's
        own). With
        `all_to_admins` off administrators see only what is theirs or granted to them.
        """
        sees_all = all_to_admins and self.sees_all(user)
        if sees_all and permission == "read_only":
            # To somebody who may write everything "read only" means: open to everybody for reading alone.
            where = f"({where}) AND {_visible(resource, permission)}"
            params |= {"user_id": "*", "group_ids": [], "permission": "read"}
        elif not sees_all:
            where = f"({where}) AND {_visible(resource, permission)}"
            params |= {
                "user_id": user.id,
                "group_ids": await self.permissions.list_group_ids(user.id),
                "permission": "read" if permission == "read_only" else permission,
            }
        bounds = ""
        total = -1
        if page is not None:
            count = f"SELECT count(*) FROM {table} t {joined} WHERE {where}"
            total = int(await self.db.fetch_value(f"catalog.{resource}.count", count, **params) or 0)
            bounds = f"LIMIT {int(page[0])} OFFSET {int(page[1])}"
        found = await self.db.fetch_all(
            row,
            f"catalog.{resource}",
            f"SELECT {columns} FROM {table} t {joined} WHERE {where} ORDER BY {order} {bounds}",
            **params,
        )
        return found, len(found) if total < 0 else total

    async def shown(
        self,
        rows: list[dict[str, Any]],
        user: User | None,
        resource: str,
        *,
        writable: bool = False,
        owner: bool = True,
    ) -> list[dict[str, Any]]:
        """The rows with their grants where `access_grants` stands, their owners, and whether one may write."""
        ids = [row["id"] for row in rows]
        grants = await self.grants.list_grants_by_resource(resource, ids)
        owners = await people(self.db, [row["user_id"] for row in rows]) if owner else {}
        may = await self.grants.filter_accessible_ids(user.id, resource, ids, "write") if writable and user else set()
        for row in rows:
            if "access_grants" in row:
                row["access_grants"] = _dumped(grants[row["id"]])
            if owner:
                row["user"] = owners.get(row["user_id"])
            if writable and user:
                row["write_access"] = self.sees_all(user) or row["user_id"] == user.id or row["id"] in may
        return rows


def _visible(resource: str, permission: str) -> str:
    let_in = build_grant_condition(resource, "t.id")
    if permission != "read_only":
        return f"(t.user_id = :user_id OR {let_in})"
    may_write = let_in.replace("ag.permission = :permission", "ag.permission = 'write'")
    return f"({let_in} AND NOT {may_write} AND t.user_id <> :user_id)"


class Listing(msgspec.Struct):
    """The condition, order and parameters of a list that people search and sort."""

    where: str
    order: str
    params: dict[str, Any]


#: What lists may be sorted by, unless they say otherwise.
ORDERS = {"name": "t.name", "created_at": "t.created_at", "updated_at": "t.updated_at"}
#: Owners whose name or address holds the searched text.
OWNER_LIKE = """t.user_id IN (SELECT u.id FROM "user" u WHERE lower(u.name) LIKE lower(:query)
    OR lower(u.email) LIKE lower(:query))"""


def listing(
    user: User,
    searched: list[str],
    *,
    query: str | None = None,
    view_option: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    orders: dict[str, str] = ORDERS,
) -> Listing:
    """What a list's query parameters mean.

    `query` is looked for in the `searched` columns and in the owner's name and address, as a LIKE pattern like in the
    reference; `view_option` is `created` (one's own) or `shared` (others'); sorted by `updated_at`, newest first,
    unless `order_by` names another of `orders`.
    """
    conditions, params = ["TRUE"], {}
    if query:
        conditions.append(f"({' OR '.join([f'lower({one}) LIKE lower(:query)' for one in searched] + [OWNER_LIKE])})")
        params["query"] = f"%{query}%"
    if view_option in ("created", "shared"):
        conditions.append(f"t.user_id {'=' if view_option == 'created' else '<>'} :me")
        params["me"] = user.id
    upwards = direction == "asc" and order_by in orders
    order = f"{orders.get(order_by or '', 't.updated_at')} {'ASC' if upwards else 'DESC'}, t.id"
    return Listing(" AND ".join(conditions), order, params)


def like_exactly(text: str) -> str:
    """A text as a LIKE pattern that stands for itself (with `ESCAPE '\\'`)."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def json_spellings(text: str) -> list[str]:
    """How a text may stand inside stored JSON, unquoted: with its own characters, or escaped to ASCII."""
    return list(dict.fromkeys(json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True)))


def _dumped(grants: list[Grant]) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(grant) for grant in grants]
