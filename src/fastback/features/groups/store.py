"""Rows of `group` and `group_member`."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.kit.db import Executor


class Group(msgspec.Struct):
    """A group as one's own groups are listed."""

    parent_group_id: str | None
    id: str
    user_id: str | None
    name: str
    description: str | None
    data: msgspec.Raw
    meta: msgspec.Raw
    permissions: msgspec.Raw
    created_at: int
    updated_at: int


class CountedGroup(Group):
    """A group with the number of its direct members."""

    member_count: int


class GroupInfo(msgspec.Struct):
    """What everybody may know of a group."""

    parent_group_id: str | None
    id: str
    user_id: str | None
    name: str
    description: str | None
    member_count: int
    created_at: int
    updated_at: int


_COLUMNS = """g.parent_group_id, g.id, g.user_id, g.name, g.description, g.data, g.meta, g.permissions, g.created_at,
    g.updated_at"""
_COUNT = "(SELECT count(*) FROM group_member m WHERE m.group_id = g.id)"
_ORDER = "ORDER BY g.updated_at DESC, g.id"


async def everything(db: Executor) -> list[CountedGroup]:
    return await db.fetch_all(CountedGroup, "groups.all", f'SELECT {_COLUMNS}, {_COUNT} FROM "group" g {_ORDER}')


async def among(db: Executor, ids: list[str]) -> list[CountedGroup]:
    text = f'SELECT {_COLUMNS}, {_COUNT} FROM "group" g WHERE g.id = ANY(:ids) {_ORDER}'
    return await db.fetch_all(CountedGroup, "groups.among", text, ids=ids)


# A boolean is the text `true` in PostgreSQL and the number 1 in SQLite.
_SHARE = "lower(CAST(g.data -> 'config' ->> 'share' AS TEXT))"


async def shareable(db: Executor, ids: list[str], *, share: bool) -> list[CountedGroup]:
    """Groups that somebody in the groups `ids` may share with; `share` false: those that nobody may."""
    if share:
        where = f"g.data IS NULL OR {_SHARE} IS NULL OR {_SHARE} IN ('true', '1')"
        where += f" OR ({_SHARE} = 'members' AND g.id = ANY(:ids))"
        text = f'SELECT {_COLUMNS}, {_COUNT} FROM "group" g WHERE {where} {_ORDER}'
        return await db.fetch_all(CountedGroup, "groups.shareable", text, ids=ids)
    where = f"g.data IS NOT NULL AND {_SHARE} IN ('false', '0')"
    text = f'SELECT {_COLUMNS}, {_COUNT} FROM "group" g WHERE {where} {_ORDER}'
    return await db.fetch_all(CountedGroup, "groups.unshareable", text)


async def get(db: Executor, group_id: str) -> CountedGroup | None:
    text = f'SELECT {_COLUMNS}, {_COUNT} FROM "group" g WHERE g.id = :id'
    return await db.fetch_first(CountedGroup, "groups.get", text, id=group_id)


async def info(db: Executor, group_id: str) -> GroupInfo | None:
    text = f"""SELECT g.parent_group_id, g.id, g.user_id, g.name, g.description, {_COUNT}, g.created_at, g.updated_at
               FROM "group" g WHERE g.id = :id"""
    return await db.fetch_first(GroupInfo, "groups.info", text, id=group_id)


async def exists(db: Executor, group_id: str) -> bool:
    return bool(await db.fetch_value("groups.exists", 'SELECT 1 FROM "group" WHERE id = :id', id=group_id))


async def insert(db: Executor, fields: dict[str, Any]) -> str:
    """A new group; its id."""
    group_id, now = str(uuid.uuid4()), int(time.time())
    await db.execute(
        "groups.insert",
        """INSERT INTO "group" (id, parent_group_id, user_id, name, description, data, permissions, created_at,
               updated_at)
           VALUES (:id, :parent_group_id, :user_id, :name, :description, :data, :permissions, :now, :now)""",
        id=group_id,
        now=now,
        **_columns(fields),
    )
    return group_id


async def update(db: Executor, group_id: str, fields: dict[str, Any]) -> None:
    """Change columns of a group; without any, only the time of its last change."""
    assignments = "".join(f"{name} = :{name}, " for name in fields)
    await db.execute(
        f"groups.update.{'+'.join(fields)}",
        f'UPDATE "group" SET {assignments}updated_at = :now WHERE id = :id',
        id=group_id,
        now=int(time.time()),
        **_columns(fields),
    )


def _columns(fields: dict[str, Any]) -> dict[str, Any]:
    """Values as columns: objects become JSON."""
    return {
        name: msgspec.json.encode(value).decode() if isinstance(value, dict) else value
        for name, value in fields.items()
    }


async def remove(db: Executor, group_id: str, parent_group_id: str | None) -> None:
    """Delete a group; the groups below it go up to its parent, what was shared with it no longer is."""
    await db.execute(
        "groups.promote",
        'UPDATE "group" SET parent_group_id = :parent, updated_at = :now WHERE parent_group_id = :id',
        id=group_id,
        parent=parent_group_id,
        now=int(time.time()),
    )
    await db.execute("groups.remove_members", "DELETE FROM group_member WHERE group_id = :id", id=group_id)
    await db.execute(
        "groups.remove_grants",
        "DELETE FROM access_grant WHERE principal_type = 'group' AND principal_id = :id",
        id=group_id,
    )
    await db.execute("groups.remove", 'DELETE FROM "group" WHERE id = :id', id=group_id)


_ABOVE = """
    WITH RECURSIVE above(group_id) AS (
        SELECT id FROM "group" WHERE id = :id
        UNION
        SELECT g.parent_group_id FROM "group" g JOIN above a ON g.id = a.group_id WHERE g.parent_group_id IS NOT NULL
    )
    SELECT group_id FROM above"""


async def with_ancestors(db: Executor, group_id: str) -> list[str]:
    """The group and those above it."""
    return await db.fetch_all(str, "groups.above", _ABOVE, id=group_id)


async def direct_ids(db: Executor, user_id: str) -> set[str]:
    """The groups a user was put into."""
    text = "SELECT group_id FROM group_member WHERE user_id = :id"
    return set(await db.fetch_all(str, "groups.direct", text, id=user_id))


_OF_USER = f"""
    WITH RECURSIVE chain(group_id) AS (
        SELECT group_id FROM group_member WHERE user_id = :id
        UNION
        SELECT g.parent_group_id FROM "group" g JOIN chain c ON g.id = c.group_id WHERE g.parent_group_id IS NOT NULL
    )
    SELECT {_COLUMNS} FROM "group" g JOIN chain c ON c.group_id = g.id {_ORDER}"""


async def of_user(db: Executor, user_id: str, *, inherited: bool = False) -> list[Group]:
    """The groups a user was put into; `inherited`: also those above them."""
    if inherited:
        return await db.fetch_all(Group, "groups.of_user_inherited", _OF_USER, id=user_id)
    text = f"""SELECT {_COLUMNS} FROM "group" g JOIN group_member m ON m.group_id = g.id
               WHERE m.user_id = :id {_ORDER}"""
    return await db.fetch_all(Group, "groups.of_user", text, id=user_id)
