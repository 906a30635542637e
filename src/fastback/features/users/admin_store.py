"""Lists of users for administrators, and the users that other users may see."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from fastback.features.users.store import UserRecord, complete_user
from fastback.kit.db import Database, Executor
from fastback.kit.db.indexes import Index
from fastback.records.listing import PageEntry

#: What users are searched and sorted by: SQLite reads their pictures to reach some of it in a row.
INDEX = Index(
    "fastback_user_head",
    sqlite='ON "user" (created_at, id, name, email, role, last_active_at, updated_at)',
    postgres=None,
)
_SORTABLE = frozenset({"name", "email", "role", "created_at", "last_active_at", "updated_at"})
_IN_GROUP = "EXISTS (SELECT 1 FROM group_member gm WHERE gm.user_id = u.id AND gm.group_id = :group_id)"
_MATCHES = "(lower(u.name) LIKE :query OR lower(u.email) LIKE :query)"
#: The columns of `UserRecord`.
_RECORD = ", ".join(f"u.{column}" for column in UserRecord.__struct_fields__)
#: The columns of `UserInfo`.
_INFO = """u.status_emoji, u.status_message, u.status_expires_at, u.id, u.name, u.email, u.role, u.bio,
    u.last_active_at, u.timezone"""


class UserQuery(msgspec.Struct, frozen=True):
    """The users to list, and their order.

    Attributes:
        query: part of a name or an address.
        order_by: a column, or `group_id:<id>`: members of the group first, last with direction `asc`.
    """

    query: str | None = None
    order_by: str | None = None
    direction: str | None = None
    limit: int = 30
    skip: int = 0

    @property
    def group_id(self) -> str | None:
        """The group whose members come first."""
        return self.order_by.partition(":")[2] if self.order_by and self.order_by.startswith("group_id:") else None

    @property
    def order(self) -> str:
        """The terms of the `ORDER BY` clause."""
        direction = "ASC" if self.direction == "asc" else "DESC"
        if self.group_id is not None:
            return f"CASE WHEN {_IN_GROUP} THEN 1 ELSE 0 END {direction}, u.name, u.id"
        if self.order_by in _SORTABLE:
            return f"u.{self.order_by} {direction}, u.id"
        return "u.created_at, u.id" if self.query else "u.created_at DESC, u.id"

    @property
    def text_params(self) -> dict[str, str]:
        """The parameters of the condition on the text."""
        return {"query": f"%{self.query.lower()}%"} if self.query else {}

    @property
    def page_params(self) -> dict[str, str | int]:
        """All parameters of a page."""
        group = {} if self.group_id is None else {"group_id": self.group_id}
        return {"limit": self.limit, "skip": self.skip, **self.text_params, **group}


class NamedGroup(msgspec.Struct):
    id: str
    name: str


class UserInfo(msgspec.Struct, kw_only=True):
    """A user as other users see them."""

    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    id: str
    name: str
    email: str
    role: str
    bio: str | None
    last_active_at: int | None
    timezone: str | None
    groups: list[NamedGroup] = []
    #: Lists leave it false.
    is_active: bool = False


class Membership(msgspec.Struct):
    user_id: str
    group_id: str


COUNT_USERS = 'SELECT count(*) FROM "user" u WHERE TRUE'
COUNT_MATCHING_USERS = f'SELECT count(*) FROM "user" u WHERE {_MATCHES}'
LOAD_USERS = f'SELECT {_RECORD} FROM "user" u WHERE u.id = ANY(:ids)'
LOAD_USER_INFOS = f'SELECT {_INFO} FROM "user" u WHERE u.id = ANY(:ids)'
FIND_USER_INFO = f'SELECT {_INFO} FROM "user" u WHERE u.id = :id'
LIST_ALL_USERS = f'SELECT {_INFO} FROM "user" u ORDER BY u.created_at DESC, u.id'
LIST_GROUPS_OF_USER = """
    SELECT g.id, g.name FROM "group" g JOIN group_member m ON m.group_id = g.id WHERE m.user_id = :id
    ORDER BY g.updated_at DESC, g.id"""
LIST_MEMBERSHIPS = """
    SELECT m.user_id, m.group_id FROM group_member m JOIN "group" g ON g.id = m.group_id
    WHERE m.user_id = ANY(:ids) ORDER BY g.updated_at DESC, g.id"""


@lru_cache(128)
def _build_page_ids(order: str, has_query: bool) -> str:
    where = _MATCHES if has_query else "TRUE"
    return f'SELECT u.id, count(*) OVER () FROM "user" u WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :skip'


async def _list_page_ids(db: Database, query: UserQuery) -> tuple[list[str], int]:
    """Return the ids of a page, and the number of matching users; pictures are not read."""
    text = _build_page_ids(query.order, bool(query.query))
    entries = await db.fetch_all_in_thread(PageEntry, "users.list_page_ids", text, **query.page_params)
    if entries or not query.skip:
        return [entry.id for entry in entries], entries[0].total if entries else 0
    if not query.query:
        return [], int(await db.fetch_value("users.count", COUNT_USERS) or 0)
    counts = await db.fetch_all_in_thread(int, "users.count_matching", COUNT_MATCHING_USERS, **query.text_params)
    return [], counts[0]


async def list_user_page(db: Database, query: UserQuery) -> tuple[list[UserRecord], int]:
    """Return a page of users, and the number of matching users."""
    ids, total = await _list_page_ids(db, query)
    rows = {row.id: row for row in await db.fetch_all(UserRecord, "users.load_records", LOAD_USERS, ids=ids)}
    return [complete_user(rows[user_id]) for user_id in ids if user_id in rows], total


async def list_info_page(db: Database, query: UserQuery) -> tuple[list[UserInfo], int]:
    """Return a page of users as other users see them, and the number of matching users."""
    ids, total = await _list_page_ids(db, query)
    rows = {row.id: row for row in await db.fetch_all(UserInfo, "users.load_infos", LOAD_USER_INFOS, ids=ids)}
    return [rows[user_id] for user_id in ids if user_id in rows], total


async def list_all_users(db: Database) -> list[UserInfo]:
    """List all users, the newest first."""
    return await db.fetch_all_in_thread(UserInfo, "users.list_all", LIST_ALL_USERS)


async def find_user_info(db: Executor, user_id: str) -> UserInfo | None:
    """Return a user as other users see them, or None."""
    return await db.fetch_first(UserInfo, "users.find_info", FIND_USER_INFO, id=user_id)


async def list_groups_of_user(db: Executor, user_id: str) -> list[NamedGroup]:
    """List the groups of which a user is a direct member."""
    return await db.fetch_all(NamedGroup, "users.list_groups", LIST_GROUPS_OF_USER, id=user_id)


async def list_group_ids_by_user(db: Executor, user_ids: list[str]) -> dict[str, list[str]]:
    """Return, for each user, the groups of which they are a direct member."""
    group_ids: dict[str, list[str]] = {user_id: [] for user_id in user_ids}
    if user_ids:
        for row in await db.fetch_all(Membership, "users.list_memberships", LIST_MEMBERSHIPS, ids=user_ids):
            group_ids[row.user_id].append(row.group_id)
    return group_ids
