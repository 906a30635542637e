"""Rows of `folder`: a tree for each user."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.kit.db import Database, Executor


class Folder(msgspec.Struct):
    """A folder as answers show it."""

    id: str
    parent_id: str | None
    user_id: str
    name: str
    items: msgspec.Raw
    meta: msgspec.Raw
    data: msgspec.Raw
    is_expanded: bool
    created_at: int
    updated_at: int


COLUMNS = "f.id, f.parent_id, f.user_id, f.name, f.items, f.meta, f.data, f.is_expanded, f.created_at, f.updated_at"

#: A folder and all below it, of one owner.
_DOWN = """
    WITH RECURSIVE down(id) AS (
        SELECT id FROM folder WHERE id = :id AND user_id = :user_id
        UNION
        SELECT f.id FROM folder f JOIN down d ON f.parent_id = d.id WHERE f.user_id = :user_id
    )"""


async def of_user(db: Executor, user_id: str) -> list[Folder]:
    text = f"SELECT {COLUMNS} FROM folder f WHERE f.user_id = :user_id ORDER BY f.created_at, f.id"
    return await db.all(Folder, "folders.of_user", text, user_id=user_id)


async def get(db: Executor, folder_id: str) -> Folder | None:
    return await db.first(Folder, "folders.get", f"SELECT {COLUMNS} FROM folder f WHERE f.id = :id", id=folder_id)


async def name_taken(
    db: Executor, user_id: str, parent_id: str | None, name: str, *, besides: str | None = None
) -> bool:
    """Whether a sister has this name, capitals aside."""
    text = """SELECT 1 FROM folder WHERE user_id = :user_id AND lower(name) = lower(:name)
        AND COALESCE(parent_id, '') = COALESCE(CAST(:parent_id AS TEXT), '')
        AND (CAST(:besides AS TEXT) IS NULL OR id <> :besides) LIMIT 1"""
    found = await db.scalar(
        "folders.name_taken", text, user_id=user_id, parent_id=parent_id, name=name, besides=besides
    )
    return bool(found)


async def insert(db: Executor, user_id: str, *, name: str, parent_id: str | None, meta: Any, data: Any) -> Folder:
    folder_id, now = str(uuid.uuid4()), int(time.time())
    await db.execute(
        "folders.insert",
        """INSERT INTO folder (id, parent_id, user_id, name, meta, data, is_expanded, created_at, updated_at)
           VALUES (:id, :parent_id, :user_id, :name, :meta, :data, FALSE, :now, :now)""",
        id=folder_id,
        parent_id=parent_id,
        user_id=user_id,
        name=name,
        meta=None if meta is None else msgspec.json.encode(meta).decode(),
        data=None if data is None else msgspec.json.encode(data).decode(),
        now=now,
    )
    found = await get(db, folder_id)
    assert found is not None
    return found


async def update(db: Executor, folder: Folder, *, name: str | None, meta: Any, data: Any) -> None:
    """Rename a folder and lay new fields over its meta and data."""
    values = {
        column: msgspec.json.encode({**(msgspec.json.decode(known) or {}), **new}).decode() if new is not None else None
        for column, known, new in (("meta", folder.meta, meta), ("data", folder.data, data))
    }
    await db.execute(
        "folders.update",
        """UPDATE folder SET name = COALESCE(:name, name), meta = COALESCE(:meta, meta), data = COALESCE(:data, data),
               updated_at = :now WHERE id = :id""",
        id=folder.id,
        name=name,
        now=int(time.time()),
        **values,
    )


async def set_parent(db: Executor, folder_id: str, parent_id: str | None) -> None:
    text = "UPDATE folder SET parent_id = :parent_id, updated_at = :now WHERE id = :id"
    await db.execute("folders.set_parent", text, id=folder_id, parent_id=parent_id, now=int(time.time()))


async def set_expanded(db: Executor, folder_id: str, expanded: bool) -> None:
    text = f"UPDATE folder SET is_expanded = {'TRUE' if expanded else 'FALSE'}, updated_at = :now WHERE id = :id"
    await db.execute("folders.set_expanded", text, id=folder_id, now=int(time.time()))


async def subtree(db: Executor, folder_id: str, user_id: str) -> list[str]:
    text = f"{_DOWN} SELECT id FROM down"
    return await db.all(str, "folders.subtree", text, id=folder_id, user_id=user_id)


async def with_chats(db: Executor, folder_ids: list[str]) -> list[str]:
    """The chats that lie in these folders."""
    return await db.all(str, "folders.chats", "SELECT id FROM chat WHERE folder_id = ANY(:ids)", ids=folder_ids)


async def delete(db: Database, folder_ids: list[str]) -> None:
    """Remove folders; chats that still lie in them come out."""
    async with db.transaction() as tx:
        await tx.execute(
            "folders.empty", "UPDATE chat SET folder_id = NULL WHERE folder_id = ANY(:ids)", ids=folder_ids
        )
        await tx.execute(
            "folders.automations", "UPDATE automation SET folder_id = NULL WHERE folder_id = ANY(:ids)", ids=folder_ids
        )
        await tx.execute(
            "folders.grants",
            "DELETE FROM access_grant WHERE resource_type = 'folder' AND resource_id = ANY(:ids)",
            ids=folder_ids,
        )
        await tx.execute("folders.delete", "DELETE FROM folder WHERE id = ANY(:ids)", ids=folder_ids)


async def mark_read(db: Executor, user_id: str, folder_ids: list[str]) -> int:
    return await db.execute(
        "folders.mark_read",
        """UPDATE chat SET last_read_at = :now WHERE user_id = :user_id AND folder_id = ANY(:ids)
           AND updated_at > COALESCE(last_read_at, 0)""",
        user_id=user_id,
        ids=folder_ids,
        now=int(time.time()),
    )


class Shared(msgspec.Struct):
    resource_id: str
    permission: str


async def granted_to(db: Executor, user_id: str, group_ids: list[str]) -> dict[str, str]:
    """Folders granted to a user, and their own that are granted to others, with the stronger permission."""
    rows = await db.all(
        Shared,
        "folders.granted",
        """SELECT ag.resource_id, ag.permission FROM access_grant ag WHERE ag.resource_type = 'folder'
           AND ((ag.principal_type = 'user' AND ag.principal_id IN (:user_id, '*'))
             OR (ag.principal_type = 'group' AND ag.principal_id = ANY(:group_ids))
             OR EXISTS (SELECT 1 FROM folder f WHERE f.id = ag.resource_id AND f.user_id = :user_id))""",
        user_id=user_id,
        group_ids=group_ids,
    )
    found: dict[str, str] = {}
    for row in rows:
        if found.get(row.resource_id) != "write":
            found[row.resource_id] = row.permission
    return found


class InFolder(msgspec.Struct):
    """A chat in a shared folder."""

    id: str
    title: str
    user_id: str
    updated_at: int
    created_at: int
    last_read_at: int | None


async def chats_in(
    db: Executor, folder_id: str, user_id: str, *, skip: int, limit: int, sort_by: str, direction: str
) -> list[InFolder]:
    """Everybody's chats in a folder: the reader's unread ones first, unless another order is asked for."""
    unread = """CASE WHEN c.user_id = :user_id AND c.updated_at > COALESCE(c.last_read_at, 0) AND NOT EXISTS (
        SELECT 1 FROM chat_message m WHERE m.chat_id = c.id AND m.role = 'assistant' AND m.done = FALSE)
        THEN 1 ELSE 0 END DESC, c.updated_at DESC, c.id"""
    column = {"title": "c.title", "updated_at": "c.updated_at"}.get(sort_by)
    order = unread if column is None else f"{column} {'ASC' if direction == 'asc' else 'DESC'}, c.id"
    return await db.all(
        InFolder,
        "folders.chats_in",
        f"""SELECT c.id, c.title, c.user_id, c.updated_at, c.created_at, c.last_read_at FROM chat c
            WHERE c.folder_id = :folder_id AND c.archived = FALSE AND CAST(:user_id AS TEXT) IS NOT NULL
            ORDER BY {order} LIMIT :limit OFFSET :skip""",
        folder_id=folder_id,
        user_id=user_id,
        limit=limit,
        skip=skip,
    )


async def count_in(db: Executor, folder_id: str) -> int:
    text = "SELECT count(*) FROM chat WHERE folder_id = :id AND archived = FALSE"
    return int(await db.scalar("folders.count_in", text, id=folder_id) or 0)
