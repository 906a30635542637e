"""Pages of files that lie in knowledge: narrow rows are sorted, and only those of the page are read whole.

A file's row holds its text, and on SQLite what stands behind the text is reached through all of it. So there is an
index of what lists sort and search by; among ten thousand files of a knowledge a page costs a sixth with it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.knowledge.directory_store import Directory, build_path
from fastback.kit.db import Database
from fastback.kit.db.indexes import Index
from fastback.records.listing import UserSummary

INDEX = Index(
    "fastback_file_head",
    sqlite="ON file (id, filename, created_at, updated_at)",
    # PostgreSQL keeps long texts apart from their rows.
    postgres="",
)
#: For which knowledge a file was uploaded. No `->`: an older SQLite, which another program may bring along, could not
#: open a database with such an index; and an index must not refuse a row for what it holds.
_KNOWLEDGE_ID = {
    "sqlite": "CASE WHEN json_valid(meta) THEN json_extract(meta, '$.data.knowledge_id') END",
    "postgres": "(meta -> 'data') ->> 'knowledge_id'",
}
PENDING_INDEX = Index(
    "fastback_file_meant",
    sqlite=f"ON file ({_KNOWLEDGE_ID['sqlite']}) WHERE {_KNOWLEDGE_ID['sqlite']} IS NOT NULL",
    # The reference has one there.
    postgres="",
)

#: What a list of files is sorted by.
_ORDER_COLUMNS = {"name": "filename", "created_at": "created_at", "updated_at": "updated_at"}


class KnowledgeFile(msgspec.Struct):
    """A file in a knowledge; `added_by` is who put it there."""

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

    def build_response(
        self, adder: UserSummary | None, directories: dict[str, Directory] | None = None
    ) -> dict[str, Any]:
        """The file as lists show it, without its text; `directories` are those on the way to it."""
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
    """A file that is being read for a knowledge and is not in it yet."""

    id: str
    user_id: str
    hash: str | None
    filename: str
    data: msgspec.Raw
    meta: msgspec.Raw
    created_at: int
    updated_at: int | None


class KnowledgeFileLists:
    """Reads such pages. `indexed`: whether the index is there."""

    def __init__(self, db: Database, content_characters: int) -> None:
        self._db = db
        self._characters = content_characters
        self.has_index = False

    async def list_page(
        self,
        where: str,
        *,
        limit: int,
        skip: int,
        query: str | None = None,
        content: bool = False,
        order_by: str | None = None,
        direction: str | None = None,
        **params: Any,
    ) -> tuple[list[KnowledgeFile], int]:
        """Files whose row of `knowledge_file` (known as `kf`) meets `where`, and how many there are.

        `query` is looked for in names, with `content` in texts, too, as a LIKE pattern like in the reference.
        """
        if query:
            params["query"] = f"%{query}%"
            where = f"({where}) AND {self._build_search_condition(content=content)}"
        hint = f"INDEXED BY {INDEX.name}" if self.has_index and self._db.dialect == "sqlite" and not content else ""
        source = f"knowledge_file kf JOIN file f {hint} ON f.id = kf.file_id"
        column = _ORDER_COLUMNS.get(order_by or "", "updated_at")
        order = f"f.{column} {'ASC' if direction == 'asc' and order_by in _ORDER_COLUMNS else 'DESC'}, f.id"
        # PostgreSQL sees to it that each row has its file.
        rows_alone = self._db.dialect == "postgres" and not query
        counts = await self._db.fetch_all_in_thread(
            int,
            "knowledge.page.count",
            f"SELECT count(*) FROM {'knowledge_file kf' if rows_alone else source} WHERE {where}",
            **params,
        )
        rows = await self._db.fetch_all_in_thread(
            KnowledgeFile,
            "knowledge.page",
            f"""SELECT f.id, f.user_id, f.hash, f.filename, f.meta, f.created_at, f.updated_at,
                    COALESCE(f.path, '') <> '', l.directory_id, l.user_id, l.knowledge_id
                FROM (SELECT kf.id AS link, kf.file_id FROM {source} WHERE {where}
                      ORDER BY {order} LIMIT {int(limit)} OFFSET {int(skip)}) p
                JOIN knowledge_file l ON l.id = p.link
                JOIN file f ON f.id = p.file_id
                ORDER BY {order}""",
            **params,
        )
        return rows, counts[0] if counts else 0

    def _build_search_condition(self, *, content: bool) -> str:
        condition = "lower(f.filename) LIKE lower(:query)"
        if content:
            condition += f" OR lower(substr(f.data ->> 'content', 1, {self._characters})) LIKE lower(:query)"
        return f"({condition})"

    async def list_pending(self, knowledge_id: str) -> list[PendingFile]:
        """Files that somebody uploaded for a knowledge and that are being read, the newest first."""
        knowledge_id_column = _KNOWLEDGE_ID[self._db.dialect]
        # Texts are opened only of the few that are in no knowledge yet.
        return await self._db.fetch_all_in_thread(
            PendingFile,
            "knowledge.pending",
            f"""WITH meant AS MATERIALIZED (
                    SELECT f.id FROM file f WHERE {knowledge_id_column} = :id AND NOT EXISTS (
                        SELECT 1 FROM knowledge_file kf WHERE kf.knowledge_id = :id AND kf.file_id = f.id))
                SELECT f.id, f.user_id, f.hash, f.filename, f.data, f.meta, f.created_at, f.updated_at
                FROM meant m JOIN file f ON f.id = m.id
                WHERE f.data ->> 'status' IN ('pending', 'processing')
                ORDER BY f.created_at DESC, f.id""",
            id=knowledge_id,
        )
