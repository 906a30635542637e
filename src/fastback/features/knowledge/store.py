"""Rows of `knowledge`, and of `knowledge_file`: which files lie in which knowledge."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from fastback.access.grants import Grant
from fastback.kit.db import Database, Executor


class Knowledge(msgspec.Struct):
    id: str
    user_id: str
    name: str
    description: str | None
    meta: msgspec.Raw
    created_at: int
    updated_at: int | None

    @property
    def details(self) -> dict[str, Any]:
        """The meta, decoded."""
        found = msgspec.json.decode(self.meta)
        return found if isinstance(found, dict) else {}

    @property
    def external(self) -> dict[str, Any]:
        """Where knowledge lies that is not ours; empty for our own."""
        found = self.details
        where = found.get("external")
        return where if found.get("source") == "external" and isinstance(where, dict) else {}

    @property
    def is_external(self) -> bool:
        return self.details.get("source") == "external"


class FileMetadata(msgspec.Struct):
    """A file of a knowledge, as answers about the knowledge list it."""

    id: str
    hash: str | None
    meta: msgspec.Raw
    created_at: int | None
    updated_at: int | None


#: The columns of `Knowledge`, of a table known as `t`.
COLUMNS = "t.id, t.user_id, t.name, t.description, t.meta, t.created_at, t.updated_at"


def build_response(row: Knowledge, grants: list[Grant] | None = None) -> dict[str, Any]:
    """A knowledge as answers show it."""
    return {
        "id": row.id,
        "user_id": row.user_id,
        "name": row.name,
        "description": row.description,
        "meta": row.meta,
        "access_grants": grants or [],
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


async def find_knowledge(db: Executor, knowledge_id: str) -> Knowledge | None:
    text = f"SELECT {COLUMNS} FROM knowledge t WHERE t.id = :id"
    return await db.fetch_first(Knowledge, "knowledge.get", text, id=knowledge_id)


async def list_knowledge(db: Database) -> list[Knowledge]:
    """All knowledge there is, the one changed last first."""
    text = f"SELECT {COLUMNS} FROM knowledge t ORDER BY t.updated_at DESC, t.id"
    return await db.fetch_all_in_thread(Knowledge, "knowledge.everything", text)


async def insert_knowledge(tx: Executor, row: Knowledge) -> None:
    await tx.execute(
        "knowledge.insert",
        """INSERT INTO knowledge (id, user_id, name, description, meta, created_at, updated_at)
           VALUES (:id, :user_id, :name, :description, :meta, :created_at, :updated_at)""",
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        description=row.description,
        meta=bytes(row.meta).decode(),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def update_knowledge(tx: Executor, knowledge_id: str, **fields: Any) -> bool:
    """Change `name`, `description` or `meta` (an object), or only the time; whether the knowledge is there."""
    unknown = set(fields) - {"name", "description", "meta"}
    if unknown:
        raise ValueError(f"not columns of knowledge that change: {unknown}")
    if "meta" in fields:
        fields["meta"] = msgspec.json.encode(fields["meta"]).decode()
    assignments = "".join(f"{name} = :{name}, " for name in fields)
    changed = await tx.execute(
        f"knowledge.update.{'+'.join(fields)}",
        f"UPDATE knowledge SET {assignments}updated_at = :now WHERE id = :id",
        id=knowledge_id,
        now=int(time.time()),
        **fields,
    )
    return changed > 0


async def delete_knowledge(tx: Executor, knowledge_id: str) -> None:
    """Delete a knowledge with its links and directories; its files stay."""
    await unlink_all_files(tx, knowledge_id)
    await tx.execute(
        "knowledge.delete.directories", "DELETE FROM knowledge_directory WHERE knowledge_id = :id", id=knowledge_id
    )
    await tx.execute("knowledge.delete", "DELETE FROM knowledge WHERE id = :id", id=knowledge_id)


async def count_by_connection(db: Executor, connection_id: str) -> int:
    """How many knowledge lie behind an external connection."""
    text = "SELECT count(*) FROM knowledge t WHERE t.meta -> 'external' ->> 'connection_id' = :id"
    return int(await db.fetch_value("knowledge.of_connection", text, id=connection_id) or 0)


# -- its files ----------------------------------------------------------------------------------------------------


async def list_files(db: Database, knowledge_id: str) -> list[FileMetadata]:
    """The files of a knowledge, in the order in which they were added; never their text."""
    return await db.fetch_all_in_thread(
        FileMetadata,
        "knowledge.files",
        """SELECT f.id, f.hash, f.meta, f.created_at, f.updated_at
           FROM knowledge_file kf JOIN file f ON f.id = kf.file_id
           WHERE kf.knowledge_id = :id ORDER BY kf.created_at, kf.id""",
        id=knowledge_id,
    )


async def list_file_ids(db: Database, knowledge_id: str) -> list[str]:
    text = "SELECT kf.file_id FROM knowledge_file kf WHERE kf.knowledge_id = :id ORDER BY kf.created_at, kf.id"
    return await db.fetch_all_in_thread(str, "knowledge.file_ids", text, id=knowledge_id)


async def filter_linked_ids(db: Executor, knowledge_id: str, file_ids: Sequence[str]) -> set[str]:
    """Those of the files that lie in the knowledge."""
    text = "SELECT file_id FROM knowledge_file WHERE knowledge_id = :id AND file_id = ANY(:file_ids)"
    return set(await db.fetch_all(str, "knowledge.linked", text, id=knowledge_id, file_ids=list(file_ids)))


async def filter_used_ids(db: Executor, file_ids: Sequence[str]) -> set[str]:
    """Those of the files that lie in any knowledge."""
    text = "SELECT DISTINCT file_id FROM knowledge_file WHERE file_id = ANY(:file_ids)"
    return set(await db.fetch_all(str, "knowledge.elsewhere", text, file_ids=list(file_ids)))


async def link_file(db: Executor, knowledge_id: str, file_id: str, user_id: str, directory_id: str | None) -> None:
    """Put a file into a knowledge; one that is in it stays where it is."""
    now = int(time.time())
    await db.execute(
        "knowledge.link",
        """INSERT INTO knowledge_file (id, knowledge_id, file_id, directory_id, user_id, created_at, updated_at)
           VALUES (:id, :knowledge_id, :file_id, :directory_id, :user_id, :now, :now)
           ON CONFLICT (knowledge_id, file_id) DO NOTHING""",
        id=str(uuid.uuid4()),
        knowledge_id=knowledge_id,
        file_id=file_id,
        directory_id=directory_id or None,
        user_id=user_id,
        now=now,
    )


async def unlink_files(db: Executor, knowledge_id: str, file_ids: Sequence[str]) -> None:
    text = "DELETE FROM knowledge_file WHERE knowledge_id = :id AND file_id = ANY(:file_ids)"
    await db.execute("knowledge.unlink", text, id=knowledge_id, file_ids=list(file_ids))


async def unlink_all_files(db: Executor, knowledge_id: str) -> None:
    await db.execute("knowledge.unlink_all", "DELETE FROM knowledge_file WHERE knowledge_id = :id", id=knowledge_id)


async def move_file(db: Executor, knowledge_id: str, file_id: str, directory_id: str | None) -> None:
    await db.execute(
        "knowledge.move",
        """UPDATE knowledge_file SET directory_id = :directory_id, updated_at = :now
           WHERE knowledge_id = :knowledge_id AND file_id = :file_id""",
        knowledge_id=knowledge_id,
        file_id=file_id,
        directory_id=directory_id or None,
        now=int(time.time()),
    )
