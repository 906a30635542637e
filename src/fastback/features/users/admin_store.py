"""What administrators do with users: lists, changes, removal."""

from __future__ import annotations

import msgspec

from fastback.features.users.store import COLUMNS, Listed
from fastback.kit.db import Database, Executor

_ORDERS = {
    "name": "lower(u.name)",
    "email": "lower(u.email)",
    "role": "u.role",
    "created_at": "u.created_at",
    "last_active_at": "u.last_active_at",
    "updated_at": "u.updated_at",
}


def _order(order_by: str | None, direction: str | None) -> str:
    column = _ORDERS.get(order_by or "", "u.created_at")
    way = "ASC" if direction == "asc" or (direction is None and order_by) else "DESC"
    return f"{column} {way}, u.id"


async def page(
    db: Executor, *, query: str | None, order_by: str | None, direction: str | None, limit: int, skip: int
) -> tuple[list[Listed], int]:
    """Users whose name or address holds the query, a page of them, and how many there are in all."""
    where = "(CAST(:query AS TEXT) IS NULL OR lower(u.name) LIKE :query OR lower(u.email) LIKE :query)"
    like = f"%{query.lower()}%" if query else None
    rows = await db.all(
        Listed,
        "users.page",
        f'SELECT {COLUMNS} FROM "user" u WHERE {where} '
        f"ORDER BY {_order(order_by, direction)} LIMIT :limit OFFSET :skip",
        query=like,
        limit=limit,
        skip=skip,
    )
    total = await db.scalar("users.count", f'SELECT count(*) FROM "user" u WHERE {where}', query=like)
    return rows, int(total or 0)


async def everybody(db: Executor) -> list[Listed]:
    return await db.all(Listed, "users.all", f'SELECT {COLUMNS} FROM "user" u ORDER BY u.created_at DESC, u.id')


class Membership(msgspec.Struct):
    user_id: str
    group_id: str


async def group_ids(db: Executor, user_ids: list[str]) -> dict[str, list[str]]:
    """The groups each user is a direct member of."""
    found: dict[str, list[str]] = {one: [] for one in user_ids}
    if user_ids:
        text = "SELECT user_id, group_id FROM group_member WHERE user_id = ANY(:ids)"
        for row in await db.all(Membership, "users.group_ids", text, ids=user_ids):
            found[row.user_id].append(row.group_id)
    return found


async def first_admin(db: Executor) -> str | None:
    """The administrator who cannot be removed: the first user."""
    found = await db.scalar("users.first", 'SELECT id FROM "user" ORDER BY created_at, id LIMIT 1')
    return None if found is None else str(found)


#: Everything that belongs to a user, by table and column, in an order that keeps references whole.
_OWNED = (
    ("chat_file", "user_id"),
    ("shared_chat", "user_id"),
    ("chat_message", "user_id"),
    ("chat", "user_id"),
    ("folder", "user_id"),
    ("tag", "user_id"),
    ("memory", "user_id"),
    ("feedback", "user_id"),
    ("pinned_note", "user_id"),
    ("oauth_session", "user_id"),
    ("group_member", "user_id"),
    ("channel_member", "user_id"),
    ("api_key", "user_id"),
)


async def delete(db: Database, user_id: str) -> None:
    """Remove a user with everything that is theirs alone."""
    async with db.transaction() as tx:
        await tx.execute(
            "users.delete_messages",
            "DELETE FROM chat_message WHERE chat_id IN (SELECT id FROM chat WHERE user_id = :id)",
            id=user_id,
        )
        for table, column in _OWNED:
            await tx.execute(f"users.delete.{table}", f"DELETE FROM {table} WHERE {column} = :id", id=user_id)
        await tx.execute(
            "users.delete_grants",
            "DELETE FROM access_grant WHERE principal_type = 'user' AND principal_id = :id",
            id=user_id,
        )
        await tx.execute("users.delete_auth", "DELETE FROM auth WHERE id = :id", id=user_id)
        await tx.execute("users.delete", 'DELETE FROM "user" WHERE id = :id', id=user_id)
