"""Rows of `knowledge_directory`: the tree in which a knowledge's files lie.

On SQLite nothing follows a deleted row by itself, as foreign keys are off there: what lies below is deleted here.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping

import msgspec

from fastback.kit.db import Database, Executor
from fastback.kit.http import NotFound


class Directory(msgspec.Struct):
    id: str
    knowledge_id: str
    #: None at the top.
    parent_id: str | None
    name: str
    user_id: str
    created_at: int
    updated_at: int


COLUMNS = "d.id, d.knowledge_id, d.parent_id, d.name, d.user_id, d.created_at, d.updated_at"

#: The ids of directories and of all below them.
_DOWN = """
    WITH RECURSIVE down(id) AS (
        SELECT id FROM knowledge_directory WHERE id = ANY(:ids) AND knowledge_id = :knowledge_id
        UNION
        SELECT d.id FROM knowledge_directory d JOIN down ON d.parent_id = down.id
    )
    SELECT id FROM down"""


async def find_directory(db: Executor, knowledge_id: str, directory_id: str) -> Directory | None:
    text = f"SELECT {COLUMNS} FROM knowledge_directory d WHERE d.id = :id AND d.knowledge_id = :knowledge_id"
    return await db.fetch_first(Directory, "directories.get", text, id=directory_id, knowledge_id=knowledge_id)


async def require_directories(
    db: Executor, knowledge_id: str, directory_ids: Iterable[str | None], detail: str
) -> None:
    """Check that directories lie in a knowledge; None and empty stand for its top.

    Raises:
        NotFound: with `detail`.
    """
    required_ids = {directory_id for directory_id in directory_ids if directory_id}
    if not required_ids:
        return
    text = "SELECT count(*) FROM knowledge_directory WHERE knowledge_id = :knowledge_id AND id = ANY(:ids)"
    count = await db.fetch_value("directories.require", text, knowledge_id=knowledge_id, ids=list(required_ids))
    if count != len(required_ids):
        raise NotFound(detail)


async def list_directories(db: Database, knowledge_id: str) -> list[Directory]:
    """All directories of a knowledge, by name."""
    text = f"SELECT {COLUMNS} FROM knowledge_directory d WHERE d.knowledge_id = :id ORDER BY d.name, d.id"
    return await db.fetch_all_in_thread(Directory, "directories.everything", text, id=knowledge_id)


async def list_level(db: Database, knowledge_id: str, parent_id: str | None) -> list[Directory]:
    """The directories at one level, by name."""
    below = "d.parent_id = :parent_id" if parent_id else "d.parent_id IS NULL"
    params = {"parent_id": parent_id} if parent_id else {}
    return await db.fetch_all_in_thread(
        Directory,
        "directories.level",
        f"SELECT {COLUMNS} FROM knowledge_directory d WHERE d.knowledge_id = :id AND {below} ORDER BY d.name, d.id",
        id=knowledge_id,
        **params,
    )


async def load_with_ancestors(
    db: Executor, knowledge_id: str, directory_ids: Iterable[str | None]
) -> dict[str, Directory]:
    """The directories and all above them, by id."""
    ids = [directory_id for directory_id in directory_ids if directory_id]
    if not ids:
        return {}
    rows = await db.fetch_all(
        Directory,
        "directories.upwards",
        f"""WITH RECURSIVE up(id) AS (
                SELECT id FROM knowledge_directory WHERE knowledge_id = :knowledge_id AND id = ANY(:ids)
                UNION
                SELECT d.parent_id FROM knowledge_directory d JOIN up ON d.id = up.id WHERE d.parent_id IS NOT NULL
            )
            SELECT {COLUMNS} FROM knowledge_directory d JOIN up ON up.id = d.id
            WHERE d.knowledge_id = :knowledge_id""",
        knowledge_id=knowledge_id,
        ids=ids,
    )
    return {row.id: row for row in rows}


def list_breadcrumbs(directories: Mapping[str, Directory], directory_id: str | None) -> list[Directory]:
    """The way from the top to a directory, itself included; as far as it is known."""
    breadcrumbs: list[Directory] = []
    seen: set[str] = set()
    current = directory_id
    while current and current in directories and current not in seen:
        seen.add(current)
        breadcrumbs.append(directories[current])
        current = directories[current].parent_id
    breadcrumbs.reverse()
    return breadcrumbs


def build_path(directories: Mapping[str, Directory], directory_id: str | None) -> str:
    """The names on the way to a directory, `docs/api`; empty at the top."""
    return "/".join(directory.name for directory in list_breadcrumbs(directories, directory_id))


def build_paths(directories: Iterable[Directory]) -> dict[str, str]:
    """The path of each directory, by id."""
    by_id = {directory.id: directory for directory in directories}
    paths: dict[str, str] = {}
    for directory in by_id.values():
        # From a directory up to the first whose path is known, and down again.
        chain: list[Directory] = []
        current: Directory | None = directory
        while current is not None and current.id not in paths and len(chain) <= len(by_id):
            chain.append(current)
            current = by_id.get(current.parent_id or "")
        parent_path = paths.get(current.id, "") if current is not None else ""
        for ancestor in reversed(chain):
            parent_path = f"{parent_path}/{ancestor.name}" if parent_path else ancestor.name
            paths[ancestor.id] = parent_path
    return paths


async def create_directory(
    tx: Executor, knowledge_id: str, name: str, user_id: str, parent_id: str | None
) -> Directory:
    """Raises: IntegrityError, when the name is taken at this level."""
    now = int(time.time())
    row = Directory(str(uuid.uuid4()), knowledge_id, parent_id or None, name, user_id, now, now)
    await tx.execute(
        "directories.create",
        """INSERT INTO knowledge_directory (id, knowledge_id, parent_id, name, user_id, created_at, updated_at)
           VALUES (:id, :knowledge_id, :parent_id, :name, :user_id, :created_at, :updated_at)""",
        **msgspec.structs.asdict(row),
    )
    return row


async def update_directory(tx: Executor, row: Directory) -> None:
    """Write a directory's name and place. Raises: IntegrityError, when the name is taken there."""
    await tx.execute(
        "directories.update",
        "UPDATE knowledge_directory SET name = :name, parent_id = :parent_id, updated_at = :updated_at WHERE id = :id",
        id=row.id,
        name=row.name,
        parent_id=row.parent_id,
        updated_at=row.updated_at,
    )


async def list_descendant_ids(db: Executor, knowledge_id: str, directory_ids: list[str]) -> list[str]:
    """Those of the directories that lie in the knowledge, and all below them."""
    if not directory_ids:
        return []
    return await db.fetch_all(str, "directories.below", _DOWN, ids=directory_ids, knowledge_id=knowledge_id)


async def list_file_ids(db: Executor, knowledge_id: str, directory_ids: list[str]) -> list[str]:
    """The files that lie in these directories."""
    text = """SELECT file_id FROM knowledge_file WHERE knowledge_id = :knowledge_id AND directory_id = ANY(:ids)
              ORDER BY created_at, id"""
    return await db.fetch_all(str, "directories.files", text, knowledge_id=knowledge_id, ids=directory_ids)


async def delete_directories(tx: Executor, directory_ids: list[str]) -> None:
    """Delete directories, given with all below them; files in them are at the top then."""
    for name, text in (
        ("files", "UPDATE knowledge_file SET directory_id = NULL WHERE directory_id = ANY(:ids)"),
        ("rows", "DELETE FROM knowledge_directory WHERE id = ANY(:ids)"),
    ):
        await tx.execute(f"directories.delete.{name}", text, ids=directory_ids)


async def move_files(tx: Executor, directory_ids: list[str], target: str | None) -> None:
    """Let the files of these directories lie in another one."""
    await tx.execute(
        "directories.move_files",
        "UPDATE knowledge_file SET directory_id = :target WHERE directory_id = ANY(:ids)",
        target=target,
        ids=directory_ids,
    )


async def delete_all_directories(tx: Executor, knowledge_id: str) -> None:
    """Delete every directory of a knowledge."""
    await tx.execute("directories.clear", "DELETE FROM knowledge_directory WHERE knowledge_id = :id", id=knowledge_id)
