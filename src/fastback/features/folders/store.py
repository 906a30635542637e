"""Rows of `folder`: one tree of folders for each user."""

from __future__ import annotations

import time
import uuid
from functools import cache
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.features.chats import store as chats_store
from fastback.kit.db import Database, Executor
from fastback.kit.db.indexes import Index
from fastback.kit.storable_text import encode_json


class Folder(msgspec.Struct):
    """A folder as the API returns it."""

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


class FolderGrant(msgspec.Struct):
    """A grant on a folder."""

    resource_id: str
    permission: str


_COLUMNS = "f.id, f.parent_id, f.user_id, f.name, f.items, f.meta, f.data, f.is_expanded, f.created_at, f.updated_at"

#: The folders of a user, and those below another one.
INDEX = Index(
    "fastback_folder_user", sqlite="ON folder (user_id, parent_id)", postgres="ON folder (user_id, parent_id)"
)

#: In the order of creation. Times are seconds, so SQLite orders by its row numbers.
LIST_FOLDERS = {
    "sqlite": f"SELECT {_COLUMNS} FROM folder f WHERE f.user_id = :user_id ORDER BY f.rowid",
    "postgres": f"SELECT {_COLUMNS} FROM folder f WHERE f.user_id = :user_id ORDER BY f.created_at, f.id",
}
LIST_FOLDERS_OF_USERS = f"SELECT {_COLUMNS} FROM folder f WHERE f.user_id = ANY(:ids) ORDER BY f.updated_at DESC, f.id"
FIND_FOLDER = f"SELECT {_COLUMNS} FROM folder f WHERE f.id = :id"
IS_NAME_TAKEN = """SELECT 1 FROM folder WHERE user_id = :user_id AND lower(name) = lower(:name)
    AND COALESCE(parent_id, '') = COALESCE(CAST(:parent_id AS TEXT), '')
    AND (CAST(:except_id AS TEXT) IS NULL OR id <> :except_id) LIMIT 1"""
INSERT_FOLDER = """INSERT INTO folder (id, parent_id, user_id, name, meta, data, is_expanded, created_at, updated_at)
    VALUES (:id, :parent_id, :user_id, :name, :meta, :data, FALSE, :now, :now)"""
SET_PARENT = "UPDATE folder SET parent_id = :parent_id, updated_at = :now WHERE id = :id"
SET_EXPANDED = "UPDATE folder SET is_expanded = :expanded, updated_at = :now WHERE id = :id"
CLEAR_PARENTS = "UPDATE folder SET parent_id = NULL, updated_at = :now WHERE id = ANY(:ids)"
#: A folder and all folders below it, of one owner.
LIST_SUBTREE_IDS = """
    WITH RECURSIVE down(id) AS (
        SELECT id FROM folder WHERE id = :id AND user_id = :user_id
        UNION
        SELECT f.id FROM folder f JOIN down d ON f.parent_id = d.id WHERE f.user_id = :user_id
    )
    SELECT id FROM down"""
FIND_OWNER = """SELECT id, email, name, role FROM "user" WHERE id = :id"""
LIST_OWNER_IDS = "SELECT DISTINCT user_id FROM folder WHERE id = ANY(:ids)"
CLEAR_AUTOMATIONS = "UPDATE automation SET folder_id = NULL WHERE folder_id = ANY(:ids)"
DELETE_GRANTS = "DELETE FROM access_grant WHERE resource_type = 'folder' AND resource_id = ANY(:ids)"
DELETE_FOLDERS = "DELETE FROM folder WHERE id = ANY(:ids)"
LIST_GRANTS = """SELECT ag.resource_id, ag.permission FROM access_grant ag WHERE ag.resource_type = 'folder'
    AND ((ag.principal_type = 'user' AND ag.principal_id IN (:user_id, '*'))
      OR (ag.principal_type = 'group' AND ag.principal_id = ANY(:group_ids))
      OR EXISTS (SELECT 1 FROM folder f WHERE f.id = ag.resource_id AND f.user_id = :user_id))"""


@cache
def _build_update(columns: tuple[str, ...]) -> str:
    assignments = "".join(f"{column} = :{column}, " for column in columns)
    return (
        f"UPDATE folder SET {assignments}name = COALESCE(CAST(:name AS TEXT), name), updated_at = :now WHERE id = :id"
    )


def _encode_json(value: Any) -> str | None:
    return None if value is None else encode_json(value)


# -- reading ------------------------------------------------------------------------------------------------------


async def list_folders(db: Executor, user_id: str) -> list[Folder]:
    """Return the folders of an owner in the order of their creation."""
    return await db.fetch_all(Folder, "folders.list", LIST_FOLDERS[db.dialect], user_id=user_id)


async def list_folders_of_users(db: Executor, user_ids: list[str]) -> list[Folder]:
    """Return the folders of several owners, last changed first."""
    return await db.fetch_all(Folder, "folders.list_of_users", LIST_FOLDERS_OF_USERS, ids=user_ids)


async def find_folder(db: Executor, folder_id: str) -> Folder | None:
    """Return a folder, or None."""
    return await db.fetch_first(Folder, "folders.find", FIND_FOLDER, id=folder_id)


async def is_name_taken(
    db: Executor, user_id: str, parent_id: str | None, name: str, *, except_id: str | None = None
) -> bool:
    """Return whether another folder in the same place has this name, ignoring case."""
    match = await db.fetch_value(
        "folders.is_name_taken", IS_NAME_TAKEN, user_id=user_id, parent_id=parent_id, name=name, except_id=except_id
    )
    return bool(match)


async def list_subtree_ids(db: Executor, folder_id: str, user_id: str) -> list[str]:
    """Return the ids of a user's folder and of all folders below it."""
    return await db.fetch_all(str, "folders.list_subtree_ids", LIST_SUBTREE_IDS, id=folder_id, user_id=user_id)


async def list_owner_ids(db: Executor, folder_ids: list[str]) -> list[str]:
    """Return the owners of these folders, each once."""
    return await db.fetch_all(str, "folders.list_owner_ids", LIST_OWNER_IDS, ids=folder_ids)


async def find_owner(db: Executor, user_id: str) -> User | None:
    """Return the user who owns a folder, or None."""
    return await db.fetch_first(User, "folders.find_owner", FIND_OWNER, id=user_id)


async def load_granted_permissions(db: Executor, user_id: str, group_ids: list[str]) -> dict[str, str]:
    """Return folder id → the stronger permission, for folders granted to a user, and the user's own granted to others.

    The permissions are `read` and `write`.
    """
    rows = await db.fetch_all(FolderGrant, "folders.list_grants", LIST_GRANTS, user_id=user_id, group_ids=group_ids)
    permissions: dict[str, str] = {}
    for row in rows:
        if permissions.get(row.resource_id) != "write":
            permissions[row.resource_id] = row.permission
    return permissions


# -- writing ------------------------------------------------------------------------------------------------------


async def insert_folder(
    db: Executor, user_id: str, *, name: str, parent_id: str | None, meta: Any, data: Any
) -> Folder:
    """Insert a folder, and return it."""
    folder_id = str(uuid.uuid4())
    await db.execute(
        "folders.insert",
        INSERT_FOLDER,
        id=folder_id,
        parent_id=parent_id,
        user_id=user_id,
        name=name,
        meta=_encode_json(meta),
        data=_encode_json(data),
        now=int(time.time()),
    )
    folder = await find_folder(db, folder_id)
    assert folder is not None
    return folder


async def update_folder(
    db: Executor, folder: Folder, *, name: str | None = None, meta: Any = None, data: Any = None
) -> None:
    """Rename a folder, and merge new fields into its meta and data; None leaves each as it is."""
    values = {
        column: _encode_json({**(msgspec.json.decode(stored) or {}), **changes})
        for column, stored, changes in (("meta", folder.meta, meta), ("data", folder.data, data))
        if changes is not None
    }
    await db.execute(
        "folders.update", _build_update(tuple(values)), id=folder.id, name=name, now=int(time.time()), **values
    )


async def set_parent(db: Executor, folder_id: str, parent_id: str | None) -> None:
    """Move a folder into another one, or to the top level."""
    await db.execute("folders.set_parent", SET_PARENT, id=folder_id, parent_id=parent_id, now=int(time.time()))


async def set_expanded(db: Executor, folder_id: str, expanded: bool) -> None:
    """Store whether the sidebar shows a folder expanded."""
    await db.execute("folders.set_expanded", SET_EXPANDED, id=folder_id, expanded=expanded, now=int(time.time()))


async def clear_parents(db: Executor, folder_ids: list[str]) -> None:
    """Move folders to the top level, for folders whose parent is deleted or that form a cycle."""
    await db.execute("folders.clear_parents", CLEAR_PARENTS, ids=folder_ids, now=int(time.time()))


async def delete_folders(db: Database, folder_ids: list[str]) -> None:
    """Delete folders and their grants; take the chats and automations that are still in them out."""
    async with db.transaction() as tx:
        await chats_store.clear_folders(tx, folder_ids)
        await tx.execute("folders.clear_automations", CLEAR_AUTOMATIONS, ids=folder_ids)
        await tx.execute("folders.delete_grants", DELETE_GRANTS, ids=folder_ids)
        await tx.execute("folders.delete", DELETE_FOLDERS, ids=folder_ids)
