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

#: Chats that belong to a note or a subagent are no chats of a folder.
_VISIBLE = {
    "sqlite": "COALESCE(json_extract(meta, '$.internal'), 0) <> 1",
    "postgres": "COALESCE(meta ->> 'internal', 'false') <> 'true'",
}

#: A folder and all below it, of one owner.
_DOWN = """
    WITH RECURSIVE down(id) AS (
        SELECT id FROM folder WHERE id = :id AND user_id = :user_id
        UNION
        SELECT f.id FROM folder f JOIN down d ON f.parent_id = d.id WHERE f.user_id = :user_id
    )"""


async def list_folders(db: Executor, user_id: str) -> list[Folder]:
    """The folders of an owner, in the order in which they were made; times are seconds, so SQLite tells by its rows."""
    order = {"sqlite": "f.rowid", "postgres": "f.created_at, f.id"}[db.dialect]
    text = f"SELECT {COLUMNS} FROM folder f WHERE f.user_id = :user_id ORDER BY {order}"
    return await db.fetch_all(Folder, "folders.of_user", text, user_id=user_id)


async def find_folder(db: Executor, folder_id: str) -> Folder | None:
    return await db.fetch_first(Folder, "folders.get", f"SELECT {COLUMNS} FROM folder f WHERE f.id = :id", id=folder_id)


async def is_name_taken(
    db: Executor, user_id: str, parent_id: str | None, name: str, *, besides: str | None = None
) -> bool:
    """Whether a sister has this name, capitals aside."""
    text = """SELECT 1 FROM folder WHERE user_id = :user_id AND lower(name) = lower(:name)
        AND COALESCE(parent_id, '') = COALESCE(CAST(:parent_id AS TEXT), '')
        AND (CAST(:besides AS TEXT) IS NULL OR id <> :besides) LIMIT 1"""
    found = await db.fetch_value(
        "folders.name_taken", text, user_id=user_id, parent_id=parent_id, name=name, besides=besides
    )
    return bool(found)


async def insert_folder(
    db: Executor, user_id: str, *, name: str, parent_id: str | None, meta: Any, data: Any
) -> Folder:
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
    found = await find_folder(db, folder_id)
    assert found is not None
    return found


async def update_folder(
    db: Executor, folder: Folder, *, name: str | None = None, meta: Any = None, data: Any = None
) -> None:
    """Rename a folder and lay new fields over its meta and data."""
    values = {
        column: msgspec.json.encode({**(msgspec.json.decode(known) or {}), **new}).decode() if new is not None else None
        for column, known, new in (("meta", folder.meta, meta), ("data", folder.data, data))
    }
    sets = [f"{column} = :{column}" for column, value in values.items() if value is not None]
    await db.execute(
        "folders.update",
        f"UPDATE folder SET {', '.join([*sets, 'name = COALESCE(CAST(:name AS TEXT), name)', 'updated_at = :now'])} "
        "WHERE id = :id",
        id=folder.id,
        name=name,
        now=int(time.time()),
        **{column: value for column, value in values.items() if value is not None},
    )


async def set_parent(db: Executor, folder_id: str, parent_id: str | None) -> None:
    text = "UPDATE folder SET parent_id = :parent_id, updated_at = :now WHERE id = :id"
    await db.execute("folders.set_parent", text, id=folder_id, parent_id=parent_id, now=int(time.time()))


async def set_expanded(db: Executor, folder_id: str, expanded: bool) -> None:
    text = f"UPDATE folder SET is_expanded = {'TRUE' if expanded else 'FALSE'}, updated_at = :now WHERE id = :id"
    await db.execute("folders.set_expanded", text, id=folder_id, now=int(time.time()))


async def list_subtree_ids(db: Executor, folder_id: str, user_id: str) -> list[str]:
    text = f"{_DOWN} SELECT id FROM down"
    return await db.fetch_all(str, "folders.subtree", text, id=folder_id, user_id=user_id)


async def clear_parents(db: Executor, folder_ids: list[str]) -> None:
    """Put folders whose parent is gone, or who lie in a circle, back to the top."""
    text = "UPDATE folder SET parent_id = NULL, updated_at = :now WHERE id = ANY(:ids)"
    await db.execute("folders.unparent", text, ids=folder_ids, now=int(time.time()))


async def list_folders_of_users(db: Executor, user_ids: list[str]) -> list[Folder]:
    """The folders of several owners, last changed first."""
    text = f"SELECT {COLUMNS} FROM folder f WHERE f.user_id = ANY(:ids) ORDER BY f.updated_at DESC, f.id"
    return await db.fetch_all(Folder, "folders.of_users", text, ids=user_ids)


async def list_owner_ids(db: Executor, folder_ids: list[str]) -> list[str]:
    text = "SELECT DISTINCT user_id FROM folder WHERE id = ANY(:ids)"
    return await db.fetch_all(str, "folders.owners", text, ids=folder_ids)


async def list_chat_ids(db: Executor, folder_ids: list[str], user_id: str) -> list[str]:
    """The chats of a user that lie in these folders."""
    text = "SELECT id FROM chat WHERE folder_id = ANY(:ids) AND user_id = :user_id"
    return await db.fetch_all(str, "folders.chats", text, ids=folder_ids, user_id=user_id)


async def delete_folders(db: Database, folder_ids: list[str]) -> None:
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


async def mark_chats_read(db: Executor, user_id: str, folder_ids: list[str]) -> int:
    """Mark a user's chats in these folders as read up to their last change; how many there are."""
    return await db.execute(
        "folders.mark_read",
        f"""UPDATE chat SET last_read_at = updated_at WHERE user_id = :user_id AND folder_id = ANY(:ids)
            AND archived = FALSE AND {_VISIBLE[db.dialect]}""",
        user_id=user_id,
        ids=folder_ids,
    )


class FolderGrant(msgspec.Struct):
    resource_id: str
    permission: str


async def load_granted_permissions(db: Executor, user_id: str, group_ids: list[str]) -> dict[str, str]:
    """Folders granted to a user, and their own that are granted to others, with the stronger permission."""
    rows = await db.fetch_all(
        FolderGrant,
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
