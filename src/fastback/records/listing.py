"""Lists of workspace records: rows that a user owns or was granted, with their owners.

Tools, skills, prompts, knowledge, notes and calendars follow the same rule: the owner of a row sees it, a user it is
granted to sees it, administrators see all rows (unless `BYPASS_ADMIN_ACCESS_CONTROL` is off).
"""

from __future__ import annotations

import json
from typing import Any, TypeVar, cast

import msgspec

from fastback.access.grants import Grant, Grants
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.kit.db import Database, Executor
from fastback.records import listing_store
from fastback.settings import Settings

R = TypeVar("R")


class UserSummary(msgspec.Struct):
    """A user as lists of records show their owners."""

    id: str
    name: str
    role: str
    email: str


async def load_user_summaries(db: Executor, user_ids: list[str]) -> dict[str, UserSummary]:
    """Return the users by id; ids of deleted users are absent."""
    if not user_ids:
        return {}
    ids = list(set(user_ids))
    rows = await db.fetch_all(UserSummary, "records.list_user_summaries", listing_store.LIST_USER_SUMMARIES, ids=ids)
    return {row.id: row for row in rows}


class PageEntry(msgspec.Struct):
    """A row of a page, and the number of rows on all pages."""

    id: str
    total: int


class RecordCatalog:
    """Lists the records of any kind that a user may read."""

    def __init__(self, *, db: Database, grants: Grants, permissions: Permissions, settings: Settings) -> None:
        self.db = db
        self.grants = grants
        self.permissions = permissions
        self._bypass = settings.bypass_admin_access_control

    def can_see_all(self, user: User) -> bool:
        """Return whether the user sees every record: an administrator who is exempt from grants."""
        return user.is_admin and self._bypass

    async def list_rows(
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
        """Return the rows of `table` (as `t`) that a user may read, and the number of such rows on all pages.

        `page` is (limit, offset); rows of a page have an `id`. `permission` is what a grant must give: `read`, `write`,
        or `read_only` (reading without writing, rows of the user excluded). With `all_to_admins` off, administrators
        see only rows that they own or were granted.
        """
        sees_all = all_to_admins and self.can_see_all(user)
        visible = listing_store.build_visible_condition(self.db.dialect, resource, table, permission)
        if sees_all and permission == "read_only":
            # For a user who may write everything, "read only" means: granted to all users for reading alone.
            where = f"({where}) AND {visible}"
            params |= {"user_id": "*", "group_ids": [], "permission": "read"}
        elif not sees_all:
            where = f"({where}) AND {visible}"
            params |= {
                "user_id": user.id,
                "group_ids": await self.permissions.list_group_ids(user.id),
                "permission": "read" if permission == "read_only" else permission,
            }
        if page is None:
            text = listing_store.build_list(columns, table, joined, where, order)
            rows = await self.db.fetch_all_in_thread(row, "records.list", text, **params)
            return rows, len(rows)
        limit, skip = page
        ids_text = listing_store.build_page_ids(table, joined, where, order)
        # In a thread: whatever the page shows, every row that the user may see is tested and sorted.
        entries = await self.db.fetch_all_in_thread(
            PageEntry, "records.list_page_ids", ids_text, limit=limit, skip=skip, **params
        )
        if not entries:
            if not skip:
                return [], 0
            count_text = listing_store.build_count(table, joined, where)
            return [], (await self.db.fetch_all_in_thread(int, "records.count", count_text, **params))[0]
        ids = [entry.id for entry in entries]
        text = listing_store.build_rows(columns, table, joined)
        rows = await self.db.fetch_all(row, "records.load_page", text, ids=ids, **params)
        positions = {record_id: index for index, record_id in enumerate(ids)}
        return sorted(rows, key=lambda record: positions[cast(Any, record).id]), entries[0].total

    async def add_details(
        self,
        rows: list[dict[str, Any]],
        user: User | None,
        resource: str,
        *,
        writable: bool = False,
        owner: bool = True,
    ) -> list[dict[str, Any]]:
        """Add grants, owners and write access to the rows, in place, and return them.

        A row gets its grants if it has the key `access_grants`; with `owner` its owner as `user`; with `writable`
        whether the user may write it as `write_access`.
        """
        ids = [row["id"] for row in rows]
        grants = await self.grants.list_grants_by_resource(resource, ids)
        owners = await load_user_summaries(self.db, [row["user_id"] for row in rows]) if owner else {}
        writable_ids = (
            await self.grants.filter_accessible_ids(user.id, resource, ids, "write") if writable and user else set()
        )
        for row in rows:
            if "access_grants" in row:
                row["access_grants"] = _encode_grants(grants[row["id"]])
            if owner:
                row["user"] = owners.get(row["user_id"])
            if writable and user:
                is_writable = row["user_id"] == user.id or row["id"] in writable_ids
                row["write_access"] = self.can_see_all(user) or is_writable
        return rows


class Listing(msgspec.Struct):
    """The condition, order and parameters of a list that users search and sort."""

    where: str
    order: str
    params: dict[str, Any]


#: The columns that lists can be sorted by, unless a list names its own.
ORDERS = {"name": "t.name", "created_at": "t.created_at", "updated_at": "t.updated_at"}
#: The condition that the owner's name or email address matches `:query`.
OWNER_LIKE = """t.user_id IN (SELECT u.id FROM "user" u WHERE lower(u.name) LIKE lower(:query)
    OR lower(u.email) LIKE lower(:query))"""


def build_listing(
    user: User,
    columns: list[str],
    *,
    query: str | None = None,
    view_option: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    orders: dict[str, str] = ORDERS,
) -> Listing:
    """Translate a list's query parameters.

    `query` is searched in `columns` and in the owner's name and email address, as a LIKE pattern like in the
    reference. `view_option` is `created` (the user's own) or `shared` (those of other users). The list is sorted by
    `updated_at`, newest first, unless `order_by` names another key of `orders`.
    """
    conditions, params = ["TRUE"], {}
    if query:
        matches = [f"lower({column}) LIKE lower(:query)" for column in columns]
        conditions.append(f"({' OR '.join([*matches, OWNER_LIKE])})")
        params["query"] = f"%{query}%"
    if view_option in ("created", "shared"):
        conditions.append(f"t.user_id {'=' if view_option == 'created' else '<>'} :me")
        params["me"] = user.id
    ascending = direction == "asc" and order_by in orders
    order = f"{orders.get(order_by or '', 't.updated_at')} {'ASC' if ascending else 'DESC'}, t.id"
    return Listing(" AND ".join(conditions), order, params)


def escape_like(text: str) -> str:
    """Return a LIKE pattern (with `ESCAPE '\\'`) that matches exactly this text."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def list_json_spellings(text: str) -> list[str]:
    """Return the spellings of a text inside stored JSON, unquoted: with its own characters, and escaped to ASCII."""
    return list(dict.fromkeys(json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True)))


def _encode_grants(grants: list[Grant]) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(grant) for grant in grants]
