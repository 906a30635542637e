"""Statements that list what knowledge contains, for models that look into it: narrow rows, without texts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fastback.kit.db import Database, Executor


class NamedFile(msgspec.Struct):
    id: str
    filename: str | None


class FileCount(msgspec.Struct):
    """The number of files in a knowledge."""

    knowledge_id: str
    count: int


LIST_NAMES = """
    SELECT f.id, f.filename FROM knowledge_file kf JOIN file f ON f.id = kf.file_id
    WHERE kf.knowledge_id = ANY(:ids) ORDER BY kf.created_at, kf.id"""
LIST_NAMES_OF_PAGE = """
    SELECT f.id, f.filename FROM knowledge_file kf JOIN file f ON f.id = kf.file_id
    WHERE kf.knowledge_id = :id ORDER BY kf.created_at, kf.id LIMIT :limit OFFSET :skip"""
COUNT_FILES = """
    SELECT knowledge_id, count(*) FROM knowledge_file WHERE knowledge_id = ANY(:ids) GROUP BY knowledge_id"""


async def list_file_names(db: Database, knowledge_ids: Sequence[str]) -> list[NamedFile]:
    """List the files of several knowledge in the order in which they were added, each once."""
    rows = await db.fetch_all_in_thread(NamedFile, "knowledge.names", LIST_NAMES, ids=list(knowledge_ids))
    return list({row.id: row for row in rows}.values())


async def list_page_of_names(db: Database, knowledge_id: str, *, limit: int, skip: int) -> list[NamedFile]:
    """List a page of the files of a knowledge in the order in which they were added."""
    return await db.fetch_all_in_thread(
        NamedFile, "knowledge.names_of_page", LIST_NAMES_OF_PAGE, id=knowledge_id, limit=limit, skip=skip
    )


async def count_files(db: Executor, knowledge_ids: Sequence[str]) -> dict[str, int]:
    """Return the number of files by knowledge; knowledge without files is absent."""
    rows = await db.fetch_all(FileCount, "knowledge.file_counts", COUNT_FILES, ids=list(knowledge_ids))
    return {row.knowledge_id: row.count for row in rows}
