"""Statements of the table `file`, and of the links that end with a file.

`data` holds a file's text beside its status and may be large. Statements read it only where it is returned, and the
database itself changes single fields of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from fastback.access.identity import User
from fastback.features.files import text_files
from fastback.kit.db import Database, Executor, large_text
from fastback.kit.db.database import Dialect
from fastback.kit.db.indexes import Index
from fastback.kit.storable_text import encode_json
from fastback.kit.workers import spool

#: Bytes of a text, or of a row's `data`, above which the server does not hold it in its own memory.
LARGE = 1 << 20


class FileSummary(msgspec.Struct):
    """A file without its `data`."""

    id: str
    user_id: str | None
    hash: str | None
    filename: str
    path: str | None
    meta: dict[str, Any] | None
    created_at: int | None
    updated_at: int | None


class File(msgspec.Struct):
    """A full row, its columns in the order of responses."""

    id: str
    user_id: str | None
    hash: str | None
    filename: str
    path: str | None
    data: msgspec.Raw
    meta: msgspec.Raw
    created_at: int | None
    updated_at: int | None


class ListedFile(msgspec.Struct):
    """A row of a list; `data` is without the text unless the caller asked for it."""

    id: str
    user_id: str | None
    hash: str | None
    filename: str
    data: msgspec.Raw
    meta: dict[str, Any] | None
    created_at: int | None
    updated_at: int | None


class ProcessingStatus(msgspec.Struct):
    """The progress of a file's processing; both fields are None where the row has no status."""

    status: str | None
    error: str | None


class KnowledgeLink(msgspec.Struct):
    """A file that is part of a knowledge."""

    knowledge_id: str
    file_id: str


class UnfinishedFile(msgspec.Struct):
    """A file that waits to be processed, and its owner."""

    file: FileSummary
    owner: User


class _UnfinishedRow(FileSummary):
    owner_id: str
    email: str
    name: str
    role: str


class _Json(msgspec.Struct):
    json: msgspec.Raw


class _Flag(msgspec.Struct):
    value: bool


#: Lists of a user's files and of all files in both orders, read from the index without a look at the rows.
INDEXES = [
    Index(f"fastback_file_{order}", f"ON file (user_id, {order}_at, id)", f"ON file (user_id, {order}_at, id)")
    for order in ("updated", "created")
] + [
    Index(f"fastback_file_all_{order}", f"ON file ({order}_at, id, filename)", f"ON file ({order}_at, id)")
    for order in ("updated", "created")
]

_SUMMARY = "f.id, f.user_id, f.hash, f.filename, f.path, f.meta, f.created_at, f.updated_at"

FIND_FILE = f"SELECT {_SUMMARY} FROM file f WHERE f.id = :id"
LIST_FILES = f"SELECT {_SUMMARY} FROM file f WHERE f.id = ANY(:ids) ORDER BY f.updated_at DESC"
FILTER_FILE_IDS = "SELECT id FROM file WHERE id = ANY(:ids)"
FIND_FULL_FILE = """
    SELECT f.id, f.user_id, f.hash, f.filename, f.path, f.data, f.meta, f.created_at, f.updated_at
    FROM file f WHERE f.id = :id"""
FIND_TEXT = "SELECT f.data ->> 'content' FROM file f WHERE f.id = :id"
FIND_TEXT_JSON = "SELECT f.data -> 'content' FROM file f WHERE f.id = :id AND f.data ->> 'content' IS NOT NULL"
FIND_STATUS = "SELECT f.data ->> 'status', f.data ->> 'error' FROM file f WHERE f.id = :id"
IS_PROCESSED = """
    SELECT CAST(f.data AS TEXT) NOT IN ('{}', 'null') FROM file f WHERE f.id = :id AND f.data IS NOT NULL"""
IS_OWNED_BY_ADMIN = """
    SELECT 1 FROM file f JOIN "user" u ON u.id = f.user_id WHERE f.id = :id AND u.role = :role"""
LIST_KNOWLEDGE_IDS = """
    SELECT k.id FROM knowledge_file kf JOIN knowledge k ON k.id = kf.knowledge_id WHERE kf.file_id = :id"""
LIST_KNOWLEDGE_LINKS = "SELECT knowledge_id, file_id FROM knowledge_file WHERE file_id = ANY(:ids)"
# The index on `updated_at` selects the recent files; the rows of the others are not read.
LIST_UNFINISHED = f"""
    SELECT {_SUMMARY}, u.id, u.email, u.name, u.role FROM file f JOIN "user" u ON u.id = f.user_id
    WHERE f.id IN (SELECT id FROM file WHERE updated_at > :since)
    AND f.data ->> 'status' IN ('pending', 'processing') ORDER BY f.created_at"""
INSERT_FILE = """
    INSERT INTO file (id, user_id, hash, filename, path, data, meta, created_at, updated_at)
    VALUES (:id, :user_id, :hash, :filename, :path, :data, :meta, :now, :now)"""
DELETE_CHAT_LINKS = "DELETE FROM chat_file WHERE file_id = ANY(:ids)"
DELETE_CHANNEL_LINKS = "DELETE FROM channel_file WHERE file_id = ANY(:ids)"
DELETE_KNOWLEDGE_LINKS = "DELETE FROM knowledge_file WHERE file_id = ANY(:ids)"
DELETE_FILES = "DELETE FROM file WHERE id = ANY(:ids)"
DELETE_ALL_CHAT_LINKS = "DELETE FROM chat_file"
DELETE_ALL_CHANNEL_LINKS = "DELETE FROM channel_file"
DELETE_ALL_KNOWLEDGE_LINKS = "DELETE FROM knowledge_file"
DELETE_ALL_FILES = "DELETE FROM file"

# PostgreSQL compresses the column; five times its stored size estimates the text. SQLite finds the column at the
# beginning of the row and reads nothing else of it.
_DATA_SIZE: dict[Dialect, str] = {
    "sqlite": "SELECT octet_length(data) FROM file WHERE id = :id",
    "postgres": "SELECT 5 * pg_column_size(data) FROM file WHERE id = :id",
}
#: The column `data` without the text, as JSON.
_DATA_WITHOUT_TEXT: dict[Dialect, str] = {
    "sqlite": "json_remove(f.data, '$.content')",
    "postgres": """CASE WHEN json_typeof(f.data) = 'object' THEN COALESCE(
        (SELECT json_object_agg(x.key, x.value) FROM json_each(f.data) x WHERE x.key <> 'content'), '{}'::json)
        ELSE f.data END""",
}
_FILTERS = {
    "user_id": "f.user_id = :user_id",
    "like": "lower(f.filename) LIKE lower(:like) ESCAPE '\\'",
}
# The page is chosen before anything of a large column is read.
_LIST_PAGE = """
    SELECT f.id, f.user_id, f.hash, f.filename, {data}, f.meta, f.created_at, f.updated_at
    FROM file f WHERE f.id IN (
        SELECT f.id FROM file f WHERE {where} ORDER BY f.{order} DESC, f.id DESC LIMIT :limit OFFSET :skip)
    ORDER BY f.{order} DESC, f.id DESC"""

Order = Literal["created_at", "updated_at"]


# SQLite reads a row up to the last column asked for, and some columns come after `data`: statements that read rows of
# `file` run off the event loop.


async def find_file(db: Database, file_id: str) -> FileSummary | None:
    rows = await db.fetch_all_in_thread(FileSummary, "files.find", FIND_FILE, id=file_id)
    return rows[0] if rows else None


async def list_files(db: Database, ids: list[str]) -> list[FileSummary]:
    """List the files with these ids that exist, the most recently changed first."""
    return await db.fetch_all_in_thread(FileSummary, "files.list", LIST_FILES, ids=ids) if ids else []


async def filter_file_ids(db: Database, ids: list[str]) -> list[str]:
    """Return the ids among these that belong to files."""
    return await db.fetch_all(str, "files.filter_ids", FILTER_FILE_IDS, ids=ids)


async def find_full_file(db: Database, file_id: str) -> File | None:
    rows = await db.fetch_all_in_thread(File, "files.find_full", FIND_FULL_FILE, id=file_id)
    return rows[0] if rows else None


async def find_text(db: Database, file_id: str) -> str | None:
    """Return the text of a file, or None if it has none."""
    rows = await db.fetch_all_in_thread(str, "files.text", FIND_TEXT, id=file_id)
    return rows[0] if rows else None


async def write_text_to(db: Database, file_id: str, path: str | Path) -> bool:
    """Write the text of a file to a path, in UTF-8. Return whether the file has a text."""
    if await _estimate_data_size(db, file_id) > LARGE:
        return await large_text.fetch_into_file(db, "files.text", FIND_TEXT, path, id=file_id)
    text = await find_text(db, file_id)
    await asyncio.to_thread(text_files.write_text, path, text or "")
    return text is not None


async def get_text_json(db: Database, file_id: str) -> msgspec.Raw:
    """Return the text of a file as the JSON string that the row stores, `""` if it has none."""
    rows = await db.fetch_all_in_thread(_Json, "files.text_json", FIND_TEXT_JSON, id=file_id)
    return rows[0].json if rows else msgspec.Raw(b'""')


async def is_processed(db: Database, file_id: str) -> bool:
    """Return whether processing has written anything into the file's `data`."""
    rows = await db.fetch_all_in_thread(_Flag, "files.is_processed", IS_PROCESSED, id=file_id)
    return bool(rows and rows[0].value)


async def list_knowledge_ids(db: Executor, file_id: str) -> list[str]:
    """List the knowledge that contain a file."""
    return await db.fetch_all(str, "files.knowledge_ids", LIST_KNOWLEDGE_IDS, id=file_id)


async def is_owned_by_admin(db: Executor, file_id: str) -> bool:
    return bool(await db.fetch_value("files.is_owned_by_admin", IS_OWNED_BY_ADMIN, id=file_id, role="admin"))


async def find_status(db: Database, file_id: str) -> ProcessingStatus | None:
    """Return the processing status of a file, or None if there is no such file."""
    rows = await db.fetch_all_in_thread(ProcessingStatus, "files.status", FIND_STATUS, id=file_id)
    return rows[0] if rows else None


async def list_unfinished(db: Database, since: int) -> list[UnfinishedFile]:
    """List the files changed after a time whose processing has not ended, oldest first."""
    rows = await db.fetch_all_in_thread(_UnfinishedRow, "files.unfinished", LIST_UNFINISHED, since=since)
    return [
        UnfinishedFile(
            FileSummary(
                row.id, row.user_id, row.hash, row.filename, row.path, row.meta, row.created_at, row.updated_at
            ),
            User(row.owner_id, row.email, row.name, row.role),
        )
        for row in rows
    ]


async def list_page(
    db: Database, *, user_id: str | None, like: str | None = None, order: Order, content: bool, limit: int, skip: int
) -> list[ListedFile]:
    """List a page of the files of a user (None: of all users), newest by `order` first.

    `like` is an SQL pattern of names with `\\` as its escape; `content` keeps the text in `data`.
    """
    params = _build_filter(user_id, like)
    statement = _build_page_statement(db.dialect, order, tuple(params), content=content)
    return await db.fetch_all_in_thread(ListedFile, "files.page", statement, limit=limit, skip=skip, **params)


async def count_files(db: Executor, user_id: str | None) -> int:
    """Count the files of a user, or of all users (None)."""
    params = _build_filter(user_id, None)
    return int(await db.fetch_value("files.count", _build_count_statement(tuple(params)), **params))


def _build_filter(user_id: str | None, like: str | None) -> dict[str, str]:
    return {name: value for name, value in (("user_id", user_id), ("like", like)) if value is not None}


def _build_condition(filters: tuple[str, ...]) -> str:
    return " AND ".join(["TRUE", *(_FILTERS[name] for name in filters)])


@cache
def _build_page_statement(dialect: Dialect, order: Order, filters: tuple[str, ...], *, content: bool) -> str:
    data = "f.data" if content else _DATA_WITHOUT_TEXT[dialect]
    return _LIST_PAGE.format(data=data, where=_build_condition(filters), order=order)


@cache
def _build_count_statement(filters: tuple[str, ...]) -> str:
    return f"SELECT count(*) FROM file f WHERE {_build_condition(filters)}"


async def insert_file(
    tx: Executor,
    file_id: str,
    user_id: str,
    *,
    filename: str,
    path: str,
    data: dict[str, Any],
    meta: dict[str, Any],
    file_hash: str | None = None,
) -> int:
    """Insert a file. Return its creation time, in seconds."""
    now = int(time.time())
    await tx.execute(
        "files.insert",
        INSERT_FILE,
        id=file_id,
        user_id=user_id,
        hash=file_hash,
        filename=filename,
        path=path,
        data=encode_json(data),
        meta=encode_json(meta),
        now=now,
    )
    return now


async def update_file(
    db: Database,
    file_id: str,
    *,
    data: Mapping[str, str | Path | None] | None = None,
    meta: Mapping[str, str | None] | None = None,
    **columns: str | None,
) -> bool:
    """Set single fields of a file's `data` and `meta`, and columns (`hash`, `filename`). Return whether it exists.

    A `Path` means the text in that file, in UTF-8. The database encodes the texts, off the event loop; one call writes
    the row once.
    """
    unknown = columns.keys() - {"hash", "filename"}
    if unknown:
        raise ValueError(f"not columns of file that change: {unknown}")
    params: dict[str, Any] = dict(columns)
    for column, fields in (("data", data), ("meta", meta)):
        params |= {f"{column}_{name}": value for name, value in (fields or {}).items()}
    statement = _build_update_statement(db.dialect, tuple(columns), tuple(data or ()), tuple(meta or ()))
    params |= {"id": file_id, "now": int(time.time())}
    async with AsyncExitStack() as stack:
        text_paths: dict[str, Path] = {}
        for parameter, value in params.items():
            if isinstance(value, str) and len(value) > LARGE:
                text_paths[parameter] = Path(await stack.enter_async_context(spool.create_spool_file()))
                await asyncio.to_thread(text_files.write_text, text_paths[parameter], value)
            elif isinstance(value, Path) and value.stat().st_size > LARGE:
                text_paths[parameter] = value
            elif isinstance(value, Path):
                params[parameter] = value.read_bytes().decode()
        if text_paths or (db.dialect == "sqlite" and await _estimate_data_size(db, file_id) > LARGE):
            small = {parameter: value for parameter, value in params.items() if parameter not in text_paths}
            return await large_text.execute_with_files(db, "files.update_large", statement, text_paths, **small) > 0
        return await db.execute_in_thread("files.update", statement, **params) > 0


@cache
def _build_update_statement(
    dialect: Dialect, columns: tuple[str, ...], data: tuple[str, ...], meta: tuple[str, ...]
) -> str:
    assignments = [f"{name} = :{name}" for name in columns]
    assignments += [
        f"{column} = {_merge_fields(dialect, column, names)}"
        for column, names in (("data", data), ("meta", meta))
        if names
    ]
    return f"UPDATE file SET {', '.join(assignments)}{', ' if assignments else ''}updated_at = :now WHERE id = :id"


async def _estimate_data_size(db: Database, file_id: str) -> int:
    """Return about how many bytes a row's `data` has."""
    return await db.fetch_value("files.data_size", _DATA_SIZE[db.dialect], id=file_id) or 0


def _merge_fields(dialect: Dialect, column: str, names: tuple[str, ...]) -> str:
    """Return the expression of a JSON column with some fields set to the parameters `column_name`."""
    if dialect == "postgres":
        # Through json alone: jsonb changes the order of the fields.
        pairs = ", ".join(f"'{name}', :{column}_{name}::text" for name in names)
        old = f"(CASE WHEN json_typeof({column}) = 'object' THEN {column}::readable ELSE '{{}}'::json END)"
        new = f"json_build_object({pairs})"
        return f"""(SELECT json_object_agg(x.key, x.value ORDER BY x.place) FROM (
            SELECT o.key, CASE WHEN n.key IS NULL THEN o.value ELSE n.value END AS value, o.place
            FROM json_each({old}) WITH ORDINALITY o(key, value, place) LEFT JOIN json_each({new}) n ON n.key = o.key
            UNION ALL
            SELECT n.key, n.value, 1000000 + n.place FROM json_each({new}) WITH ORDINALITY n(key, value, place)
            WHERE n.key NOT IN (SELECT json_object_keys({old}))) x)"""
    pairs = ", ".join(f"'$.{name}', :{column}_{name}" for name in names)
    return f"json_set(CASE WHEN json_type({column}) = 'object' THEN {column} ELSE '{{}}' END, {pairs})"


async def list_knowledge_links(tx: Executor, file_ids: list[str]) -> list[KnowledgeLink]:
    """List the links between these files and knowledge."""
    return await tx.fetch_all(KnowledgeLink, "files.knowledge_links", LIST_KNOWLEDGE_LINKS, ids=file_ids)


async def delete_files(tx: Executor, file_ids: list[str]) -> None:
    """Delete files and the links that refer to them."""
    await tx.execute("files.delete_chat_links", DELETE_CHAT_LINKS, ids=file_ids)
    await tx.execute("files.delete_channel_links", DELETE_CHANNEL_LINKS, ids=file_ids)
    await tx.execute("files.delete_knowledge_links", DELETE_KNOWLEDGE_LINKS, ids=file_ids)
    await tx.execute("files.delete", DELETE_FILES, ids=file_ids)


async def delete_all_files(tx: Executor) -> None:
    """Delete every file and every link to one."""
    await tx.execute("files.delete_all_chat_links", DELETE_ALL_CHAT_LINKS)
    await tx.execute("files.delete_all_channel_links", DELETE_ALL_CHANNEL_LINKS)
    await tx.execute("files.delete_all_knowledge_links", DELETE_ALL_KNOWLEDGE_LINKS)
    await tx.execute("files.delete_all", DELETE_ALL_FILES)
