"""`/api/v1/knowledge`: finding knowledge and the files in it."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.features.catalog import Catalog, people
from fastback.kit.http import Router

router = Router("/api/v1/knowledge")

PAGE = 30


class _Knowledge(msgspec.Struct):
    id: str
    user_id: str
    name: str
    description: str | None
    meta: msgspec.Raw
    created_at: int
    updated_at: int | None
    files: int


_COLUMNS = """t.id, t.user_id, t.name, t.description, t.meta, t.created_at, t.updated_at,
    (SELECT count(*) FROM knowledge_file k WHERE k.knowledge_id = t.id)"""


@router.get("/search", "/")
async def search(
    user: VerifiedUser, catalog: Catalog, query: str | None = None, page: int | None = 1
) -> dict[str, Any]:
    rows, total = await catalog.rows(
        _Knowledge,
        user,
        resource="knowledge",
        columns=_COLUMNS,
        table="knowledge",
        where="CAST(:query AS TEXT) IS NULL OR lower(t.name) LIKE :query OR lower(t.description) LIKE :query",
        page=(PAGE, (max(page or 1, 1) - 1) * PAGE),
        query=f"%{query.lower()}%" if query else None,
    )
    shown = [
        {
            "id": row.id,
            "user_id": row.user_id,
            "name": row.name,
            "description": row.description,
            "meta": row.meta,
            "access_grants": [],
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
        for row in rows
    ]
    items = await catalog.shown(shown, user, "knowledge", writable=True)
    for place, row in enumerate(rows):
        write = items[place].pop("write_access")
        items[place] |= {"file_count": row.files, "write_access": write}
    return {"items": items, "total": total}


class _File(msgspec.Struct):
    id: str
    user_id: str
    hash: str | None
    filename: str
    meta: msgspec.Raw
    created_at: int
    updated_at: int
    directory_id: str | None
    path: str | None


@router.get("/search/files")
async def search_files(
    user: VerifiedUser, catalog: Catalog, query: str | None = None, page: int | None = 1
) -> dict[str, Any]:
    known, _ = await catalog.rows(_Knowledge, user, resource="knowledge", columns=_COLUMNS, table="knowledge")
    condition = """k.knowledge_id = ANY(:ids) AND (CAST(:query AS TEXT) IS NULL OR lower(f.filename) LIKE :query)"""
    params = {"ids": [row.id for row in known], "query": f"%{query.lower()}%" if query else None}
    joined = "knowledge_file k JOIN file f ON f.id = k.file_id"
    total = await catalog.db.scalar(
        "knowledge.files.count", f"SELECT count(*) FROM {joined} WHERE {condition}", **params
    )
    rows = await catalog.db.all(
        _File,
        "knowledge.files",
        f"""SELECT f.id, f.user_id, f.hash, f.filename, f.meta, f.created_at, f.updated_at, k.directory_id, f.path
            FROM {joined} WHERE {condition} ORDER BY f.updated_at DESC, f.id LIMIT {PAGE} OFFSET :skip""",
        skip=(max(page or 1, 1) - 1) * PAGE,
        **params,
    )
    owners = await people(catalog.db, [row.user_id for row in rows])
    items = []
    for row in rows:
        fields = msgspec.structs.asdict(row)
        has_original = bool(fields.pop("path"))
        items.append(
            {
                "id": row.id,
                "user_id": row.user_id,
                "hash": row.hash,
                "filename": row.filename,
                "data": None,
                "meta": row.meta,
                "created_at": row.created_at,
                "updated_at": row.updated_at,
                "directory_id": row.directory_id,
                "directory_path": "",
                "has_original": has_original,
                "user": owners.get(row.user_id),
            }
        )
    return {"items": items, "total": int(total or 0)}
