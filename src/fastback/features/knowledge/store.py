"""Statements of the tables `knowledge` and `knowledge_file`, the links between knowledge and files."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from fastback.access.grants import Grant, build_grant_condition
from fastback.kit.db import Database, Executor
from fastback.kit.storable_text import encode_json
from fastback.providers.model_store import COLUMNS as _MODEL_COLUMNS
from fastback.providers.model_store import ModelRow


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
        """Return the meta, decoded."""
        meta = msgspec.json.decode(self.meta)
        return meta if isinstance(meta, dict) else {}

    @property
    def external(self) -> dict[str, Any]:
        """Return which source of which connection an external knowledge reads; empty for a local one."""
        details = self.details
        external = details.get("external")
        return external if details.get("source") == "external" and isinstance(external, dict) else {}

    @property
    def is_external(self) -> bool:
        return self.details.get("source") == "external"


class FileMetadata(msgspec.Struct):
    """A file of a knowledge, as responses about the knowledge list it."""

    id: str
    hash: str | None
    meta: msgspec.Raw
    created_at: int | None
    updated_at: int | None


class SyncedFile(msgspec.Struct):
    """A file of a knowledge as a sync compares it; `checksum` is that of its bytes."""

    id: str
    filename: str
    directory_id: str | None
    checksum: str | None


class FileText(msgspec.Struct):
    filename: str
    content: str | None


class _Access(msgspec.Struct):
    id: str
    is_accessible: int


#: The columns of `Knowledge`, of a table with the alias `t`.
COLUMNS = "t.id, t.user_id, t.name, t.description, t.meta, t.created_at, t.updated_at"

FIND_KNOWLEDGE = f"SELECT {COLUMNS} FROM knowledge t WHERE t.id = :id"
LIST_KNOWLEDGE = f"SELECT {COLUMNS} FROM knowledge t ORDER BY t.updated_at DESC, t.id"
LIST_KNOWLEDGE_BY_ID = f"SELECT {COLUMNS} FROM knowledge t WHERE t.id = ANY(:ids)"
LIST_ACCESS = f"""
    SELECT k.id, CASE WHEN k.user_id = :user_id OR {build_grant_condition("knowledge", "k.id")} THEN 1 ELSE 0 END
    FROM knowledge k WHERE k.id = ANY(:ids)"""
COUNT_BY_CONNECTION = "SELECT count(*) FROM knowledge t WHERE t.meta::readable -> 'external' ->> 'connection_id' = :id"
INSERT_KNOWLEDGE = """
    INSERT INTO knowledge (id, user_id, name, description, meta, created_at, updated_at)
    VALUES (:id, :user_id, :name, :description, :meta, :created_at, :updated_at)"""
DELETE_KNOWLEDGE = "DELETE FROM knowledge WHERE id = :id"
DELETE_DIRECTORIES = "DELETE FROM knowledge_directory WHERE knowledge_id = :id"
LIST_MODELS_WITH_TEXT = f"SELECT {_MODEL_COLUMNS} FROM model WHERE CAST(meta AS TEXT) LIKE :like"

LIST_FILES = """
    SELECT f.id, f.hash, f.meta, f.created_at, f.updated_at
    FROM knowledge_file kf JOIN file f ON f.id = kf.file_id
    WHERE kf.knowledge_id = :id ORDER BY kf.created_at, kf.id"""
LIST_SYNCED_FILES = """
    SELECT f.id, f.filename, kf.directory_id, f.meta::readable ->> 'file_hash'
    FROM knowledge_file kf JOIN file f ON f.id = kf.file_id
    WHERE kf.knowledge_id = :id ORDER BY kf.created_at, kf.id"""
FIND_FILE_TEXT = "SELECT f.filename, f.data ->> 'content' FROM file f WHERE f.id = :id"
LIST_FILE_IDS = """
    SELECT kf.file_id FROM knowledge_file kf WHERE kf.knowledge_id = :id ORDER BY kf.created_at, kf.id"""
FILTER_LINKED_IDS = "SELECT file_id FROM knowledge_file WHERE knowledge_id = :id AND file_id = ANY(:file_ids)"
FILTER_USED_IDS = "SELECT DISTINCT file_id FROM knowledge_file WHERE file_id = ANY(:file_ids)"
LINK_FILE = """
    INSERT INTO knowledge_file (id, knowledge_id, file_id, directory_id, user_id, created_at, updated_at)
    VALUES (:id, :knowledge_id, :file_id, :directory_id, :user_id, :now, :now)
    ON CONFLICT (knowledge_id, file_id) DO NOTHING"""
UNLINK_FILES = "DELETE FROM knowledge_file WHERE knowledge_id = :id AND file_id = ANY(:file_ids)"
UNLINK_ALL_FILES = "DELETE FROM knowledge_file WHERE knowledge_id = :id"
MOVE_FILE = """
    UPDATE knowledge_file SET directory_id = :directory_id, updated_at = :now
    WHERE knowledge_id = :knowledge_id AND file_id = :file_id"""

RESET_GRANTS = "DELETE FROM access_grant WHERE resource_type = 'knowledge'"
RESET_LINKS = "DELETE FROM knowledge_file"
RESET_DIRECTORIES = "DELETE FROM knowledge_directory"
RESET_KNOWLEDGE = "DELETE FROM knowledge"


def build_response(row: Knowledge, grants: list[Grant] | None = None) -> dict[str, Any]:
    """Return a knowledge as responses show it."""
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
    return await db.fetch_first(Knowledge, "knowledge.find", FIND_KNOWLEDGE, id=knowledge_id)


async def list_knowledge(db: Database) -> list[Knowledge]:
    """List all knowledge of all users, the most recently changed first."""
    return await db.fetch_all_in_thread(Knowledge, "knowledge.list", LIST_KNOWLEDGE)


async def list_knowledge_by_id(db: Executor, ids: list[str]) -> list[Knowledge]:
    return await db.fetch_all(Knowledge, "knowledge.list_by_id", LIST_KNOWLEDGE_BY_ID, ids=ids) if ids else []


async def load_access(
    db: Executor, ids: list[str], *, user_id: str, group_ids: list[str], permission: str
) -> dict[str, bool]:
    """Return for each existing knowledge whether the user owns it or is granted the permission."""
    rows = await db.fetch_all(
        _Access,
        "knowledge.access",
        LIST_ACCESS,
        ids=ids,
        user_id=user_id,
        group_ids=group_ids,
        permission=permission,
    )
    return {row.id: bool(row.is_accessible) for row in rows}


async def insert_knowledge(tx: Executor, row: Knowledge) -> None:
    await tx.execute(
        "knowledge.insert", INSERT_KNOWLEDGE, **{**msgspec.structs.asdict(row), "meta": bytes(row.meta).decode()}
    )


async def update_knowledge(tx: Executor, knowledge_id: str, **fields: Any) -> bool:
    """Change `name`, `description` or `meta` (an object), or only the time. Return whether the knowledge exists."""
    unknown = set(fields) - {"name", "description", "meta"}
    if unknown:
        raise ValueError(f"not columns of knowledge that change: {unknown}")
    if "meta" in fields:
        fields["meta"] = encode_json(fields["meta"])
    statement = _build_update_statement(tuple(fields))
    changed = await tx.execute("knowledge.update", statement, id=knowledge_id, now=int(time.time()), **fields)
    return changed > 0


@cache
def _build_update_statement(columns: tuple[str, ...]) -> str:
    assignments = "".join(f"{name} = :{name}, " for name in columns)
    return f"UPDATE knowledge SET {assignments}updated_at = :now WHERE id = :id"


async def delete_knowledge(tx: Executor, knowledge_id: str) -> None:
    """Delete a knowledge with its links and directories; its files remain."""
    await unlink_all_files(tx, knowledge_id)
    await tx.execute("knowledge.delete_directories", DELETE_DIRECTORIES, id=knowledge_id)
    await tx.execute("knowledge.delete", DELETE_KNOWLEDGE, id=knowledge_id)


async def delete_all_knowledge(tx: Executor) -> None:
    """Delete every knowledge with its grants, links and directories."""
    await tx.execute("knowledge.reset_grants", RESET_GRANTS)
    await tx.execute("knowledge.reset_links", RESET_LINKS)
    await tx.execute("knowledge.reset_directories", RESET_DIRECTORIES)
    await tx.execute("knowledge.reset", RESET_KNOWLEDGE)


async def count_by_connection(db: Executor, connection_id: str) -> int:
    """Count the knowledge that use an external connection."""
    return int(await db.fetch_value("knowledge.count_by_connection", COUNT_BY_CONNECTION, id=connection_id) or 0)


async def list_models_with_text(db: Database, text: str) -> list[ModelRow]:
    """List the models whose `meta` contains a text."""
    return await db.fetch_all_in_thread(ModelRow, "knowledge.models", LIST_MODELS_WITH_TEXT, like=f"%{text}%")


# -- files of a knowledge -----------------------------------------------------------------------------------------


async def list_files(db: Database, knowledge_id: str) -> list[FileMetadata]:
    """List the files of a knowledge without their texts, in the order in which they were added."""
    return await db.fetch_all_in_thread(FileMetadata, "knowledge.files", LIST_FILES, id=knowledge_id)


async def list_synced_files(db: Database, knowledge_id: str) -> list[SyncedFile]:
    """List the files of a knowledge with their checksums, in the order in which they were added."""
    return await db.fetch_all_in_thread(SyncedFile, "knowledge.synced_files", LIST_SYNCED_FILES, id=knowledge_id)


async def find_file_text(db: Database, file_id: str) -> FileText | None:
    rows = await db.fetch_all_in_thread(FileText, "knowledge.file_text", FIND_FILE_TEXT, id=file_id)
    return rows[0] if rows else None


async def list_file_ids(db: Database, knowledge_id: str) -> list[str]:
    """List the ids of the files of a knowledge, in the order in which they were added."""
    return await db.fetch_all_in_thread(str, "knowledge.file_ids", LIST_FILE_IDS, id=knowledge_id)


async def filter_linked_ids(db: Executor, knowledge_id: str, file_ids: Sequence[str]) -> set[str]:
    """Return the files among these that the knowledge contains."""
    return set(
        await db.fetch_all(str, "knowledge.linked_ids", FILTER_LINKED_IDS, id=knowledge_id, file_ids=list(file_ids))
    )


async def filter_used_ids(db: Executor, file_ids: Sequence[str]) -> set[str]:
    """Return the files among these that any knowledge contains."""
    return set(await db.fetch_all(str, "knowledge.used_ids", FILTER_USED_IDS, file_ids=list(file_ids)))


async def link_file(db: Executor, knowledge_id: str, file_id: str, user_id: str, directory_id: str | None) -> None:
    """Add a file to a knowledge; a file that the knowledge contains keeps its directory."""
    await db.execute(
        "knowledge.link_file",
        LINK_FILE,
        id=str(uuid.uuid4()),
        knowledge_id=knowledge_id,
        file_id=file_id,
        directory_id=directory_id or None,
        user_id=user_id,
        now=int(time.time()),
    )


async def unlink_files(db: Executor, knowledge_id: str, file_ids: Sequence[str]) -> None:
    await db.execute("knowledge.unlink_files", UNLINK_FILES, id=knowledge_id, file_ids=list(file_ids))


async def unlink_all_files(db: Executor, knowledge_id: str) -> None:
    await db.execute("knowledge.unlink_all_files", UNLINK_ALL_FILES, id=knowledge_id)


async def move_file(db: Executor, knowledge_id: str, file_id: str, directory_id: str | None) -> None:
    """Move a file to a directory, or to the top (None)."""
    await db.execute(
        "knowledge.move_file",
        MOVE_FILE,
        knowledge_id=knowledge_id,
        file_id=file_id,
        directory_id=directory_id or None,
        now=int(time.time()),
    )
