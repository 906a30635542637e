"""The table `file`: named statements.

`data` holds a file's text beside its status and may be large: it is never read where it is not shown, and what changes
in it is changed by the database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.features.files import text_files
from fastback.kit.db import Database, Executor
from fastback.kit.db.database import Dialect
from fastback.kit.db.indexes import Index
from fastback.kit.workers import spool

#: Bytes of a text, or of a row's `data`, from which the server's own memory is spared.
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
    """A whole row, in the order in which answers show it."""

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
    """A row of a list; `data` is without the text unless it was asked for."""

    id: str
    user_id: str | None
    hash: str | None
    filename: str
    data: msgspec.Raw
    meta: dict[str, Any] | None
    created_at: int | None
    updated_at: int | None


class ProcessingStatus(msgspec.Struct):
    """How far the processing of a file has come; None where nobody says."""

    status: str | None
    error: str | None


#: Lists of a user's files, in both orders, without a look at the rows themselves.
INDEXES = [
    Index(f"fastback_file_{order}", f"ON file (user_id, {order}_at, id)", f"ON file (user_id, {order}_at, id)")
    for order in ("updated", "created")
]


class _Json(msgspec.Struct):
    json: msgspec.Raw


BRIEF = "f.id, f.user_id, f.hash, f.filename, f.path, f.meta, f.created_at, f.updated_at"


# SQLite reads a row up to the last column asked for, and some stand behind `data`: all of these leave the event loop.


async def find_file(db: Database, file_id: str) -> FileSummary | None:
    rows = await db.fetch_all_in_thread(
        FileSummary, "files.brief", f"SELECT {BRIEF} FROM file f WHERE f.id = :id", id=file_id
    )
    return rows[0] if rows else None


async def list_files(db: Database, ids: list[str]) -> list[FileSummary]:
    """Those of the files that exist, the one changed last first."""
    text = f"SELECT {BRIEF} FROM file f WHERE f.id = ANY(:ids) ORDER BY f.updated_at DESC"
    return await db.fetch_all_in_thread(FileSummary, "files.briefs", text, ids=ids) if ids else []


async def find_full_file(db: Database, file_id: str) -> File | None:
    text = """SELECT f.id, f.user_id, f.hash, f.filename, f.path, f.data, f.meta, f.created_at, f.updated_at
              FROM file f WHERE f.id = :id"""
    rows = await db.fetch_all_in_thread(File, "files.whole", text, id=file_id)
    return rows[0] if rows else None


async def find_text(db: Database, file_id: str) -> str | None:
    """The text of a file; None where there is none."""
    rows = await db.fetch_all_in_thread(
        str, "files.content", "SELECT f.data ->> 'content' FROM file f WHERE f.id = :id", id=file_id
    )
    return rows[0] if rows else None


async def write_text_to(db: Database, file_id: str, path: str | Path) -> bool:
    """Write the text of a file into a file; whether there is one."""
    text = "SELECT f.data ->> 'content' FROM file f WHERE f.id = :id"
    if await _size(db, file_id) > LARGE:
        return await db.text_apart("files.content", text, path, id=file_id)
    found = await find_text(db, file_id)
    await asyncio.to_thread(text_files.write_text, path, found or "")
    return found is not None


async def get_text_json(db: Database, file_id: str) -> msgspec.Raw:
    """The text of a file as JSON, an empty one where there is none: it goes out as it lies there."""
    path = "'content'" if db.dialect == "postgres" else "'$.content'"
    text = f"SELECT f.data -> {path} FROM file f WHERE f.id = :id AND f.data ->> 'content' IS NOT NULL"
    rows = await db.fetch_all_in_thread(_Json, "files.content_json", text, id=file_id)
    return rows[0].json if rows else msgspec.Raw(b'""')


async def list_knowledge_ids(db: Executor, file_id: str) -> list[str]:
    """The knowledge that a file lies in."""
    text = "SELECT k.id FROM knowledge_file kf JOIN knowledge k ON k.id = kf.knowledge_id WHERE kf.file_id = :id"
    return await db.fetch_all(str, "files.knowledge", text, id=file_id)


async def is_owned_by_admin(db: Executor, file_id: str) -> bool:
    """Whether an administrator owns the file."""
    text = 'SELECT 1 FROM file f JOIN "user" u ON u.id = f.user_id WHERE f.id = :id AND u.role = :role'
    return bool(await db.fetch_value("files.is_of_admin", text, id=file_id, role="admin"))


async def find_status(db: Database, file_id: str) -> ProcessingStatus | None:
    """How far a file is; None where there is no such file."""
    text = "SELECT f.data ->> 'status', f.data ->> 'error' FROM file f WHERE f.id = :id"
    rows = await db.fetch_all_in_thread(ProcessingStatus, "files.status", text, id=file_id)
    return rows[0] if rows else None


class UnfinishedFile(msgspec.Struct):
    """A file that waits to be read, and whose it is."""

    file: FileSummary
    owner: User


async def list_unfinished(db: Database, since: int) -> list[UnfinishedFile]:
    """Files whose reading began, and did not end, after a time."""
    # The index says which are new; the others' rows are not looked at.
    text = f"""SELECT {BRIEF}, u.id, u.email, u.name, u.role FROM file f JOIN "user" u ON u.id = f.user_id
               WHERE f.id IN (SELECT id FROM file WHERE updated_at > :since)
               AND f.data ->> 'status' IN ('pending', 'processing') ORDER BY f.created_at"""
    rows = await db.fetch_all_in_thread(_Owned, "files.unfinished", text, since=since)
    return [
        UnfinishedFile(
            FileSummary(
                row.id, row.user_id, row.hash, row.filename, row.path, row.meta, row.created_at, row.updated_at
            ),
            User(row.owner_id, row.email, row.name, row.role),
        )
        for row in rows
    ]


class _Owned(FileSummary):
    owner_id: str
    email: str
    name: str
    role: str


def data_without_text(dialect: Dialect) -> str:
    """The column `data` of `file f` without what may be large in it, as JSON."""
    if dialect == "postgres":
        return """CASE WHEN json_typeof(f.data) = 'object' THEN COALESCE(
            (SELECT json_object_agg(x.key, x.value) FROM json_each(f.data) x WHERE x.key <> 'content'), '{}'::json)
            ELSE f.data END"""
    return "json_remove(f.data, '$.content')"


async def list_page(
    db: Database, *, user_id: str | None, like: str | None = None, order: str, content: bool, limit: int, skip: int
) -> list[ListedFile]:
    """A page of the files of a user, or of everybody; `like` is a pattern of their names, `order` a column."""
    where, params = _chosen(user_id, like)
    data = "f.data" if content else data_without_text(db.dialect)
    # The page is chosen before anything of a large column is read.
    text = f"""SELECT f.id, f.user_id, f.hash, f.filename, {data}, f.meta, f.created_at, f.updated_at
               FROM file f WHERE f.id IN (
                   SELECT f.id FROM file f WHERE {where} ORDER BY f.{order} DESC, f.id DESC LIMIT :limit OFFSET :skip)
               ORDER BY f.{order} DESC, f.id DESC"""
    return await db.fetch_all_in_thread(ListedFile, "files.page", text, limit=limit, skip=skip, **params)


async def count_files(db: Executor, user_id: str | None) -> int:
    """How many files a user has, or everybody."""
    where, params = _chosen(user_id, None)
    return int(await db.fetch_value("files.count", f"SELECT count(*) FROM file f WHERE {where}", **params))


def _chosen(user_id: str | None, like: str | None) -> tuple[str, dict[str, Any]]:
    conditions, params = ["TRUE"], {}
    if user_id is not None:
        conditions.append("f.user_id = :user_id")
        params["user_id"] = user_id
    if like is not None:
        conditions.append("lower(f.filename) LIKE lower(:like) ESCAPE '\\'")
        params["like"] = like
    return " AND ".join(conditions), params


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
    """Add a file; the time that was written down."""
    now = int(time.time())
    await tx.execute(
        "files.insert",
        """INSERT INTO file (id, user_id, hash, filename, path, data, meta, created_at, updated_at)
           VALUES (:id, :user_id, :hash, :filename, :path, :data, :meta, :now, :now)""",
        id=file_id,
        user_id=user_id,
        hash=file_hash,
        filename=filename,
        path=path,
        data=msgspec.json.encode(data).decode(),
        meta=msgspec.json.encode(meta).decode(),
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
    """Set texts in a file's `data` and `meta`, leaving the rest of them, and columns (`hash`, `filename`).

    A `Path` stands for the text in that file, in UTF-8. Returns whether there is such a file.

    The texts are encoded by the database, beside the event loop; one call writes the row once.
    """
    unknown = columns.keys() - {"hash", "filename"}
    if unknown:
        raise ValueError(f"not columns of file that change: {unknown}")
    assignments, params = [f"{name} = :{name}" for name in columns], dict[str, Any](columns)
    for column, fields in (("data", data), ("meta", meta)):
        if fields:
            assignments.append(f"{column} = {_merged(db.dialect, column, list(fields))}")
            params |= {f"{column}_{name}": value for name, value in fields.items()}
    name = f"files.change.{'+'.join(params)}"
    text = f"UPDATE file SET {', '.join(assignments)}, updated_at = :now WHERE id = :id"
    params |= {"id": file_id, "now": int(time.time())}
    async with AsyncExitStack() as stack:
        files: dict[str, Path] = {}
        for parameter, value in params.items():
            if isinstance(value, str) and len(value) > LARGE:
                files[parameter] = Path(await stack.enter_async_context(spool.spool()))
                await asyncio.to_thread(text_files.write_text, files[parameter], value)
            elif isinstance(value, Path) and value.stat().st_size > LARGE:
                files[parameter] = value
            elif isinstance(value, Path):
                params[parameter] = value.read_bytes().decode()
        if files or (db.dialect == "sqlite" and await _size(db, file_id) > LARGE):
            kept = {parameter: value for parameter, value in params.items() if parameter not in files}
            return await db.execute_apart(name, text, files, **kept) > 0
        return await db.execute_in_thread(name, text, **params) > 0


async def _size(db: Database, file_id: str) -> int:
    """Bytes of a row's `data`, or so: what PostgreSQL compresses is taken for five times what it keeps."""
    # It stands at the beginning of the row, and nothing else of that is read.
    size = "5 * pg_column_size(data)" if db.dialect == "postgres" else "octet_length(data)"
    return await db.fetch_value("files.size", f"SELECT {size} FROM file WHERE id = :id", id=file_id) or 0


def _merged(dialect: Dialect, column: str, names: list[str]) -> str:
    """A JSON column with some fields set to the parameters `column_name`."""
    if dialect == "postgres":
        # Through json alone: what is no JSON to jsonb, a zero character in a text for one, stays as it is.
        pairs = ", ".join(f"'{name}', :{column}_{name}::text" for name in names)
        old = f"(CASE WHEN json_typeof({column}) = 'object' THEN {column} ELSE '{{}}'::json END)"
        new = f"json_build_object({pairs})"
        return f"""(SELECT json_object_agg(x.key, x.value ORDER BY x.place) FROM (
            SELECT o.key, CASE WHEN n.key IS NULL THEN o.value ELSE n.value END AS value, o.place
            FROM json_each({old}) WITH ORDINALITY o(key, value, place) LEFT JOIN json_each({new}) n ON n.key = o.key
            UNION ALL
            SELECT n.key, n.value, 1000000 + n.place FROM json_each({new}) WITH ORDINALITY n(key, value, place)
            WHERE n.key NOT IN (SELECT json_object_keys({old}))) x)"""
    pairs = ", ".join(f"'$.{name}', :{column}_{name}" for name in names)
    return f"json_set(CASE WHEN json_type({column}) = 'object' THEN {column} ELSE '{{}}' END, {pairs})"


async def delete_file(tx: Executor, file_id: str) -> bool:
    """Delete a file and what refers to it; whether there was one."""
    for table in ("chat_file", "channel_file", "knowledge_file"):
        await tx.execute(f"files.delete.{table}", f"DELETE FROM {table} WHERE file_id = :id", id=file_id)
    return await tx.execute("files.delete", "DELETE FROM file WHERE id = :id", id=file_id) > 0


async def delete_all_files(tx: Executor) -> None:
    for table in ("chat_file", "channel_file", "knowledge_file", "file"):
        await tx.execute(f"files.delete_all.{table}", f"DELETE FROM {table}")
