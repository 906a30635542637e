"""What administrators do with users: lists, changes, removal."""

from __future__ import annotations

import time
from typing import TypeVar

import msgspec

from fastback.features.auths.store import FIRST_USER
from fastback.features.users.store import COLUMNS, UserRecord, complete_user
from fastback.kit.db import Database, Executor

R = TypeVar("R")

_ORDERS = frozenset({"name", "email", "role", "created_at", "last_active_at", "updated_at"})
_IN_GROUP = "EXISTS (SELECT 1 FROM group_member gm WHERE gm.user_id = u.id AND gm.group_id = :group_id)"


class Question(msgspec.Struct, frozen=True):
    """Which users, in which order: `query` is part of a name or an address, `order_by` a column or
    `group_id:<id>` (members first, unless ascending)."""

    query: str | None = None
    order_by: str | None = None
    direction: str | None = None
    limit: int = 30
    skip: int = 0

    @property
    def group_id(self) -> str | None:
        return self.order_by.partition(":")[2] if self.order_by and self.order_by.startswith("group_id:") else None

    @property
    def order(self) -> str:
        way = "ASC" if self.direction == "asc" else "DESC"
        if self.group_id is not None:
            return f"CASE WHEN {_IN_GROUP} THEN 1 ELSE 0 END {way}, u.name, u.id"
        if self.order_by in _ORDERS:
            return f"u.{self.order_by} {way}, u.id"
        return "u.created_at, u.id" if self.query else "u.created_at DESC, u.id"


_WHERE = "(lower(u.name) LIKE :query OR lower(u.email) LIKE :query)"


async def _page(db: Executor, row: type[R], name: str, columns: str, question: Question) -> tuple[list[R], int]:
    where = _WHERE if question.query else "TRUE"
    given = {"query": f"%{question.query.lower()}%"} if question.query else {}
    member = {} if question.group_id is None else {"group_id": question.group_id}
    rows = await db.fetch_all(
        row,
        name,
        f'SELECT {columns} FROM "user" u WHERE {where} ORDER BY {question.order} LIMIT :limit OFFSET :skip',
        limit=question.limit,
        skip=question.skip,
        **given,
        **member,
    )
    total = await db.fetch_value("users.count", f'SELECT count(*) FROM "user" u WHERE {where}', **given)
    return rows, int(total or 0)


async def page(db: Executor, question: Question) -> tuple[list[UserRecord], int]:
    """A page of users, and how many there are in all."""
    rows, total = await _page(db, UserRecord, "users.page", COLUMNS, question)
    return [complete_user(row) for row in rows], total


class Info(msgspec.Struct, kw_only=True):
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
    #: Lists do not tell it: they say false.
    is_active: bool = False


class NamedGroup(msgspec.Struct):
    id: str
    name: str


_INFO = """u.status_emoji, u.status_message, u.status_expires_at, u.id, u.name, u.email, u.role, u.bio,
    u.last_active_at, u.timezone"""


async def info(db: Executor, user_id: str) -> Info | None:
    return await db.fetch_first(Info, "users.info", f'SELECT {_INFO} FROM "user" u WHERE u.id = :id', id=user_id)


async def infos(db: Executor, question: Question) -> tuple[list[Info], int]:
    """Like `page`, as other users see them."""
    return await _page(db, Info, "users.infos", _INFO, question)


async def everybody(db: Database) -> list[Info]:
    return await db.fetch_all_in_thread(
        Info, "users.all", f'SELECT {_INFO} FROM "user" u ORDER BY u.created_at DESC, u.id'
    )


async def groups(db: Executor, user_id: str) -> list[NamedGroup]:
    """The groups a user was put into."""
    text = """SELECT g.id, g.name FROM "group" g JOIN group_member m ON m.group_id = g.id WHERE m.user_id = :id
              ORDER BY g.updated_at DESC, g.id"""
    return await db.fetch_all(NamedGroup, "users.groups", text, id=user_id)


class Membership(msgspec.Struct):
    user_id: str
    group_id: str


async def group_ids(db: Executor, user_ids: list[str]) -> dict[str, list[str]]:
    """The groups each user was put into."""
    found: dict[str, list[str]] = {one: [] for one in user_ids}
    if user_ids:
        text = """SELECT m.user_id, m.group_id FROM group_member m JOIN "group" g ON g.id = m.group_id
                  WHERE m.user_id = ANY(:ids) ORDER BY g.updated_at DESC, g.id"""
        for row in await db.fetch_all(Membership, "users.group_ids", text, ids=user_ids):
            found[row.user_id].append(row.group_id)
    return found


async def first_admin(db: Executor) -> str | None:
    """The administrator who cannot be removed: the first user."""
    found = await db.fetch_value("users.first", FIRST_USER.format("id"))
    return None if found is None else str(found)


#: What is a user's alone, by table, in an order that keeps references whole. What others may use or the administrator
#: has collected (files, knowledge, tools, models, ratings) stays, as in the reference.
_OWNED = (
    "chat_file",
    "shared_chat",
    "chat",
    "tag",
    "memory",
    "pinned_note",
    "oauth_session",
    "group_member",
    "channel_member",
    "api_key",
)
_CHATS = "SELECT id FROM chat WHERE user_id = :id"
_BEFORE = (
    ("messages", f"DELETE FROM chat_message WHERE chat_id IN ({_CHATS})"),
    ("runs", f"UPDATE automation_run SET chat_id = NULL WHERE chat_id IN ({_CHATS})"),
    (
        "own_runs",
        "DELETE FROM automation_run WHERE automation_id IN (SELECT id FROM automation WHERE user_id = :id)",
    ),
    ("automations", "DELETE FROM automation WHERE user_id = :id"),
)
_AFTER = (
    # A folder in which others keep chats stays.
    (
        "folders",
        "DELETE FROM folder WHERE user_id = :id AND NOT EXISTS (SELECT 1 FROM chat c WHERE c.folder_id = folder.id)",
    ),
    ("grants", "DELETE FROM access_grant WHERE principal_type = 'user' AND principal_id = :id"),
    ("auth", "DELETE FROM auth WHERE id = :id"),
    ("row", 'DELETE FROM "user" WHERE id = :id'),
)


async def delete(db: Database, user_id: str) -> None:
    """Remove a user with everything that is theirs alone; nothing happens where there is no such user."""
    async with db.transaction(long=True) as tx:
        await tx.execute(
            "users.delete.touch_groups",
            'UPDATE "group" SET updated_at = :now WHERE id IN (SELECT group_id FROM group_member WHERE user_id = :id)',
            id=user_id,
            now=int(time.time()),
        )
        owned = [(table, f"DELETE FROM {table} WHERE user_id = :id") for table in _OWNED]
        for name, text in (*_BEFORE, *owned, *_AFTER):
            await tx.execute(f"users.delete.{name}", text, id=user_id)
