"""Pages of the files in knowledge: narrow rows are sorted, and only the rows of the page are read in full.

A file's row holds its text, and SQLite reads through the text to reach the columns after it. An index of our own
contains what lists sort and search by: among ten thousand files of a knowledge a page takes a sixth of the time.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.grants import build_grant_condition
from fastback.features.knowledge.directory_paths import build_path
from fastback.features.knowledge.directory_store import Directory
from fastback.kit.db import Database
from fastback.kit.db.indexes import Index
from fastback.records.listing import UserSummary

INDEX = Index(
    "fastback_file_head",
    sqlite="ON file (id, filename, created_at, updated_at)",
    # PostgreSQL stores long texts outside of their rows.
    postgres=None,
)
#: The knowledge that a file was uploaded for. No `->`: an older SQLite, which another program may bring along, could
#: not open a database with such an index; and an index must not refuse a row because of its contents.
_KNOWLEDGE_ID = {
    "sqlite": "CASE WHEN json_valid(meta) THEN json_extract(meta, '$.data.knowledge_id') END",
    # In the form of the reference's index, which itself refuses a row with NUL characters.
    "postgres": "(meta -> 'data') ->> 'knowledge_id'",
}
PENDING_INDEX = Index(
    "fastback_file_meant",
    sqlite=f"ON file ({_KNOWLEDGE_ID['sqlite']}) WHERE {_KNOWLEDGE_ID['sqlite']} IS NOT NULL",
    # The reference's schema has one there.
    postgres=None,
)

#: The columns that lists of files are sorted by, by the names that requests use.
_ORDER_COLUMNS = {"name": "filename", "created_at": "created_at", "updated_at": "updated_at"}
_READABLE = f"""kf.knowledge_id IN (
    SELECT k.id FROM knowledge k WHERE k.user_id = :user_id OR {build_grant_condition("knowledge", "k.id")})"""
_LIST_PAGE = """
    SELECT f.id, f.user_id, f.hash, f.filename, f.meta, f.created_at, f.updated_at,
        COALESCE(f.path, '') <> '', l.directory_id, l.user_id, l.knowledge_id, p.total
    FROM (SELECT kf.id AS link, kf.file_id, {total} AS total FROM {source} WHERE {where}
          ORDER BY {order} LIMIT {limit} OFFSET {skip}) p
    JOIN knowledge_file l ON l.id = p.link
    JOIN file f ON f.id = p.file_id
    ORDER BY {order}"""
_LIST_ENTRIES = """
    SELECT kf.knowledge_id, kf.directory_id, h.id, h.filename, f.meta, h.created_at, h.updated_at
    FROM knowledge_file kf CROSS JOIN file h CROSS JOIN file f
    WHERE kf.knowledge_id = ANY(:ids) AND {head} AND f.id = kf.file_id ORDER BY kf.created_at, kf.id"""
# SQLite searches a range in our index, which has all that is needed, and would compare with one that has only ids.
LIST_ENTRIES = {
    "sqlite": _LIST_ENTRIES.format(head="h.id BETWEEN kf.file_id AND kf.file_id"),
    "postgres": _LIST_ENTRIES.format(head="h.id = kf.file_id"),
}
# Texts are read only of the few files that are in no knowledge yet.
_LIST_PENDING = """
    WITH meant AS MATERIALIZED (
        SELECT f.id FROM file f WHERE {selected} AND NOT EXISTS (
            SELECT 1 FROM knowledge_file kf WHERE kf.knowledge_id = :id AND kf.file_id = f.id))
    SELECT f.id, f.user_id, f.hash, f.filename, f.data, f.meta, f.created_at, f.updated_at
    FROM meant m JOIN file f ON f.id = m.id
    WHERE f.data ->> 'status' IN ('pending', 'processing')
    ORDER BY f.created_at DESC, f.id"""
_PENDING_STATEMENTS = {
    "sqlite": _LIST_PENDING.format(selected=f"{_KNOWLEDGE_ID['sqlite']} = :id"),
    "postgres": _LIST_PENDING.format(
        selected=f"{_KNOWLEDGE_ID['postgres']} = :id AND f.data ->> 'status' IN ('pending', 'processing')"
    ),
}


class KnowledgeFile(msgspec.Struct):
    """A file in a knowledge; `added_by` is the user who added it."""

    id: str
    user_id: str
    hash: str | None
    filename: str
    meta: msgspec.Raw
    created_at: int
    updated_at: int | None
    has_original: bool
    directory_id: str | None
    added_by: str
    knowledge_id: str
    #: The number of files on all pages, where the page counts them.
    total: int

    def build_response(
        self, adder: UserSummary | None, directories: dict[str, Directory] | None = None
    ) -> dict[str, Any]:
        """Return the file as lists show it, without its text; `directories` contain its directory and all above."""
        return {
            "id": self.id,
            "user_id": self.user_id,
            "hash": self.hash,
            "filename": self.filename,
            "data": None,
            "meta": self.meta,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "directory_id": self.directory_id,
            "directory_path": build_path(directories or {}, self.directory_id),
            "has_original": self.has_original,
            "user": adder,
        }


class PendingFile(msgspec.Struct):
    """A file that is being processed for a knowledge and is not in it yet."""

    id: str
    user_id: str
    hash: str | None
    filename: str
    data: msgspec.Raw
    meta: msgspec.Raw
    created_at: int
    updated_at: int | None


class KnowledgeEntry(msgspec.Struct):
    """A file in a knowledge, as a directory lists it."""

    knowledge_id: str
    directory_id: str | None
    id: str
    filename: str | None
    meta: dict[str, Any] | None
    created_at: int | None
    updated_at: int | None


class FileFilter(msgspec.Struct):
    """Which links of `knowledge_file` (with the alias `kf`) a list contains: a condition and its parameters."""

    condition: str
    params: dict[str, Any]


def filter_by_directory(
    knowledge_id: str, directory_id: str | None, *, view_option: str | None, user_id: str
) -> FileFilter:
    """Select the files of a knowledge: of all directories (None), of its top (empty), or of one directory.

    `view_option` narrows to files that the user (`created`) or other users (`shared`) added.
    """
    conditions, params = ["kf.knowledge_id = :id"], {"id": knowledge_id}
    if directory_id:
        conditions.append("kf.directory_id = :directory_id")
        params["directory_id"] = directory_id
    elif directory_id is not None:
        conditions.append("kf.directory_id IS NULL")
    if view_option in ("created", "shared"):
        conditions.append(f"kf.user_id {'=' if view_option == 'created' else '<>'} :me")
        params["me"] = user_id
    return FileFilter(" AND ".join(conditions), params)


def filter_readable(user_id: str, group_ids: list[str]) -> FileFilter:
    """Select the files of all knowledge that a user owns or is granted to read."""
    return FileFilter(_READABLE, {"user_id": user_id, "group_ids": group_ids, "permission": "read"})


def _build_count(source: str, where: str) -> str:
    return f"SELECT count(*) FROM {source} WHERE {where}"


def _build_page(source: str, where: str, order: str, limit: int, skip: int, *, counts: bool) -> str:
    total = "count(*) OVER ()" if counts else "CAST(0 AS BIGINT)"
    return _LIST_PAGE.format(source=source, where=where, order=order, limit=limit, skip=skip, total=total)


class KnowledgeFileLists:
    """Reads pages of files. `has_index`: whether `INDEX` has been created."""

    def __init__(self, db: Database, content_characters: int) -> None:
        self._db = db
        self._content_characters = content_characters
        self.has_index = False

    async def list_page(
        self,
        selection: FileFilter,
        *,
        limit: int,
        skip: int,
        query: str | None = None,
        content: bool = False,
        order_by: str | None = None,
        direction: str | None = None,
    ) -> tuple[list[KnowledgeFile], int]:
        """Return a page of the selected files, and how many there are.

        `query` is matched with names and, if `content` is set, with the beginning of texts. As in the reference it is a
        LIKE pattern.
        """
        where, params = selection.condition, selection.params
        if query:
            params = {**params, "query": f"%{query}%"}
            where = f"({where}) AND {self._build_search_condition(content=content)}"
        hint = f"INDEXED BY {INDEX.name}" if self.has_index and self._db.dialect == "sqlite" and not content else ""
        source = f"knowledge_file kf JOIN file f {hint} ON f.id = kf.file_id"
        column = _ORDER_COLUMNS.get(order_by or "", "updated_at")
        order = f"f.{column} {'ASC' if direction == 'asc' and order_by in _ORDER_COLUMNS else 'DESC'}, f.id"
        # PostgreSQL's foreign keys guarantee that each link has its file: it counts the links without a look at files.
        counts_links = self._db.dialect == "postgres" and not query
        page = _build_page(source, where, order, int(limit), int(skip), counts=not counts_links)
        rows = await self._db.fetch_all_in_thread(KnowledgeFile, "knowledge.page", page, **params)
        if not counts_links and (rows or not skip):
            return rows, rows[0].total if rows else 0
        count = _build_count("knowledge_file kf" if counts_links else source, where)
        return rows, (await self._db.fetch_all_in_thread(int, "knowledge.page_count", count, **params))[0]

    async def list_entries(self, knowledge_ids: list[str]) -> list[KnowledgeEntry]:
        """Return the files of several knowledge, without their texts, in the order in which they were added."""
        return await self._db.fetch_all_in_thread(
            KnowledgeEntry, "knowledge.entries", LIST_ENTRIES[self._db.dialect], ids=knowledge_ids
        )

    def _build_search_condition(self, *, content: bool) -> str:
        condition = "lower(f.filename) LIKE lower(:query)"
        if content:
            text = f"substr(f.data ->> 'content', 1, {self._content_characters})"
            condition += f" OR lower({text}) LIKE lower(:query)"
        return f"({condition})"

    async def list_pending(self, knowledge_id: str) -> list[PendingFile]:
        """List the files that were uploaded for a knowledge and are being processed, the newest first."""
        statement = _PENDING_STATEMENTS[self._db.dialect]
        return await self._db.fetch_all_in_thread(PendingFile, "knowledge.pending", statement, id=knowledge_id)
