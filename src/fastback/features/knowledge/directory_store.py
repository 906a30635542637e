"""Statements of the table `knowledge_directory`: the tree of directories in a knowledge.

On SQLite foreign keys are off and delete nothing, so callers delete the directories below a deleted one themselves.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable

import msgspec

from fastback.kit.db import Database, Executor


class Directory(msgspec.Struct):
    id: str
    knowledge_id: str
    #: None at the top.
    parent_id: str | None
    name: str
    user_id: str
    created_at: int
    updated_at: int


_COLUMNS = "d.id, d.knowledge_id, d.parent_id, d.name, d.user_id, d.created_at, d.updated_at"

FIND_DIRECTORY = f"SELECT {_COLUMNS} FROM knowledge_directory d WHERE d.id = :id AND d.knowledge_id = :knowledge_id"
COUNT_DIRECTORIES = """
    SELECT count(*) FROM knowledge_directory WHERE knowledge_id = :knowledge_id AND id = ANY(:ids)"""
LIST_DIRECTORIES = f"SELECT {_COLUMNS} FROM knowledge_directory d WHERE d.knowledge_id = :id ORDER BY d.name, d.id"
LIST_TOP_LEVEL = f"""
    SELECT {_COLUMNS} FROM knowledge_directory d
    WHERE d.knowledge_id = :id AND d.parent_id IS NULL ORDER BY d.name, d.id"""
LIST_CHILDREN = f"""
    SELECT {_COLUMNS} FROM knowledge_directory d
    WHERE d.knowledge_id = :id AND d.parent_id = :parent_id ORDER BY d.name, d.id"""
LIST_WITH_ANCESTORS = f"""
    WITH RECURSIVE up(id) AS (
        SELECT id FROM knowledge_directory WHERE knowledge_id = :knowledge_id AND id = ANY(:ids)
        UNION
        SELECT d.parent_id FROM knowledge_directory d JOIN up ON d.id = up.id WHERE d.parent_id IS NOT NULL
    )
    SELECT {_COLUMNS} FROM knowledge_directory d JOIN up ON up.id = d.id
    WHERE d.knowledge_id = :knowledge_id"""
LIST_DESCENDANT_IDS = """
    WITH RECURSIVE down(id) AS (
        SELECT id FROM knowledge_directory WHERE id = ANY(:ids) AND knowledge_id = :knowledge_id
        UNION
        SELECT d.id FROM knowledge_directory d JOIN down ON d.parent_id = down.id
    )
    SELECT id FROM down"""
LIST_FILE_IDS = """
    SELECT file_id FROM knowledge_file WHERE knowledge_id = :knowledge_id AND directory_id = ANY(:ids)
    ORDER BY created_at, id"""
INSERT_DIRECTORY = """
    INSERT INTO knowledge_directory (id, knowledge_id, parent_id, name, user_id, created_at, updated_at)
    VALUES (:id, :knowledge_id, :parent_id, :name, :user_id, :created_at, :updated_at)"""
UPDATE_DIRECTORY = """
    UPDATE knowledge_directory SET name = :name, parent_id = :parent_id, updated_at = :updated_at WHERE id = :id"""
MOVE_FILES = "UPDATE knowledge_file SET directory_id = :target WHERE directory_id = ANY(:ids)"
MOVE_FILES_TO_TOP = "UPDATE knowledge_file SET directory_id = NULL WHERE directory_id = ANY(:ids)"
DELETE_DIRECTORIES = "DELETE FROM knowledge_directory WHERE id = ANY(:ids)"
DELETE_ALL_DIRECTORIES = "DELETE FROM knowledge_directory WHERE knowledge_id = :id"


async def find_directory(db: Executor, knowledge_id: str, directory_id: str) -> Directory | None:
    return await db.fetch_first(
        Directory, "directories.find", FIND_DIRECTORY, id=directory_id, knowledge_id=knowledge_id
    )


async def count_directories(db: Executor, knowledge_id: str, directory_ids: list[str]) -> int:
    """Count the directories among these that belong to the knowledge."""
    return int(
        await db.fetch_value("directories.count", COUNT_DIRECTORIES, knowledge_id=knowledge_id, ids=directory_ids)
    )


async def list_directories(db: Database, knowledge_id: str) -> list[Directory]:
    """List all directories of a knowledge, by name."""
    return await db.fetch_all_in_thread(Directory, "directories.list", LIST_DIRECTORIES, id=knowledge_id)


async def list_level(db: Database, knowledge_id: str, parent_id: str | None) -> list[Directory]:
    """List the directories directly below a directory, or at the top, by name."""
    if parent_id:
        return await db.fetch_all_in_thread(
            Directory, "directories.children", LIST_CHILDREN, id=knowledge_id, parent_id=parent_id
        )
    return await db.fetch_all_in_thread(Directory, "directories.top_level", LIST_TOP_LEVEL, id=knowledge_id)


async def load_with_ancestors(
    db: Executor, knowledge_id: str, directory_ids: Iterable[str | None]
) -> dict[str, Directory]:
    """Return directories and all their ancestors, by id."""
    ids = [directory_id for directory_id in directory_ids if directory_id]
    if not ids:
        return {}
    rows = await db.fetch_all(
        Directory, "directories.with_ancestors", LIST_WITH_ANCESTORS, knowledge_id=knowledge_id, ids=ids
    )
    return {row.id: row for row in rows}


async def create_directory(
    tx: Executor, knowledge_id: str, name: str, user_id: str, parent_id: str | None
) -> Directory:
    """Insert a directory.

    Raises:
        IntegrityError: the name exists at this level.
    """
    now = int(time.time())
    row = Directory(str(uuid.uuid4()), knowledge_id, parent_id or None, name, user_id, now, now)
    await tx.execute("directories.insert", INSERT_DIRECTORY, **msgspec.structs.asdict(row))
    return row


async def update_directory(tx: Executor, row: Directory) -> None:
    """Write a directory's name and parent.

    Raises:
        IntegrityError: the name exists at the new level.
    """
    await tx.execute(
        "directories.update",
        UPDATE_DIRECTORY,
        id=row.id,
        name=row.name,
        parent_id=row.parent_id,
        updated_at=row.updated_at,
    )


async def list_descendant_ids(db: Executor, knowledge_id: str, directory_ids: list[str]) -> list[str]:
    """List the ids of the directories that belong to the knowledge, and of all directories below them."""
    if not directory_ids:
        return []
    return await db.fetch_all(
        str, "directories.descendants", LIST_DESCENDANT_IDS, ids=directory_ids, knowledge_id=knowledge_id
    )


async def list_file_ids(db: Executor, knowledge_id: str, directory_ids: list[str]) -> list[str]:
    """List the files directly in these directories, in the order in which they were added."""
    return await db.fetch_all(str, "directories.file_ids", LIST_FILE_IDS, knowledge_id=knowledge_id, ids=directory_ids)


async def delete_directories(tx: Executor, directory_ids: list[str]) -> None:
    """Delete directories, which include all below them; files in them move to the top."""
    await tx.execute("directories.move_files_to_top", MOVE_FILES_TO_TOP, ids=directory_ids)
    await tx.execute("directories.delete", DELETE_DIRECTORIES, ids=directory_ids)


async def move_files(tx: Executor, directory_ids: list[str], target: str | None) -> None:
    """Move the files of these directories to another one, or to the top (None)."""
    await tx.execute("directories.move_files", MOVE_FILES, target=target, ids=directory_ids)


async def delete_all_directories(tx: Executor, knowledge_id: str) -> None:
    await tx.execute("directories.delete_all", DELETE_ALL_DIRECTORIES, id=knowledge_id)
