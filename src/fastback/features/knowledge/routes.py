"""`/api/v1/knowledge`: finding knowledge and the files in it."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.grants import granted
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.catalog import OWNER_LIKE, Catalog, Listing, listing, people
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


def _row(row: _Knowledge) -> dict[str, Any]:
    return {
        "id": row.id,
        "user_id": row.user_id,
        "name": row.name,
        "description": row.description,
        "meta": row.meta,
        "access_grants": [],
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


_OWNER_NAMED = 't.user_id IN (SELECT u.id FROM "user" u WHERE lower(u.username) LIKE lower(:query))'
_SOURCES = {
    "external": "COALESCE(t.meta ->> 'source', '') = 'external'",
    "local": "COALESCE(t.meta ->> 'source', '') <> 'external'",
}


@router.get("/")
async def page(user: VerifiedUser, catalog: Catalog, page: int | None = 1) -> dict[str, Any]:
    return await _page(user, catalog, listing(user, []), page)


@router.get("/search")
async def search(
    user: VerifiedUser,
    catalog: Catalog,
    query: str | None = None,
    view_option: str | None = None,
    source: str | None = None,
    page: int | None = 1,
    order_by: str | None = None,
    direction: str | None = None,
) -> dict[str, Any]:
    listed = listing(
        user,
        ["t.name", "t.description"],
        query=query,
        view_option=view_option,
        order_by=order_by,
        direction=direction,
    )
    if query:
        listed.where = listed.where.replace(OWNER_LIKE, f"{OWNER_LIKE} OR {_OWNER_NAMED}")
    if source in _SOURCES:
        listed.where += f" AND {_SOURCES[source]}"
    return await _page(user, catalog, listed, page)


async def _page(user: User, catalog: Catalog, listed: Listing, page: int | None) -> dict[str, Any]:
    rows, total = await catalog.rows(
        _Knowledge,
        user,
        resource="knowledge",
        columns=_COLUMNS,
        table="knowledge",
        where=listed.where,
        order=listed.order,
        page=(PAGE, (max(page or 1, 1) - 1) * PAGE),
        **listed.params,
    )
    shown = [_row(row) for row in rows]
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
    updated_at: int | None
    added_by: str
    knowledge: str


#: How much of a file's text is searched, in characters.
_CONTENT = 64 * 1024 * 1024


@router.get("/search/files")
async def search_files(
    user: VerifiedUser,
    catalog: Catalog,
    query: str | None = None,
    include_content: bool = False,
    page: int | None = 1,
) -> dict[str, Any]:
    condition = f"(k.user_id = :user_id OR {granted('knowledge', 'k.id')})"
    params: dict[str, Any] = {
        "user_id": user.id,
        "group_ids": await catalog.permissions.group_ids(user.id),
        "permission": "read",
    }
    if query:
        params["query"] = f"%{query}%"
        found = "lower(f.filename) LIKE lower(:query)"
        if include_content:
            found += f" OR lower(substr(f.data ->> 'content', 1, {_CONTENT})) LIKE lower(:query)"
        condition += f" AND ({found})"
    joined = "knowledge_file kf JOIN file f ON f.id = kf.file_id JOIN knowledge k ON k.id = kf.knowledge_id"
    counted = await catalog.db.all_long(
        int, "knowledge.files.count", f"SELECT count(*) FROM {joined} WHERE {condition}", **params
    )
    rows = await catalog.db.all_long(
        _File,
        "knowledge.files",
        f"""SELECT f.id, f.user_id, f.hash, f.filename, f.meta, f.created_at, f.updated_at, kf.user_id, k.id
            FROM {joined} WHERE {condition} ORDER BY f.updated_at DESC, f.id LIMIT {PAGE} OFFSET :skip""",
        skip=(max(page or 1, 1) - 1) * PAGE,
        **params,
    )
    owners = await people(catalog.db, [row.added_by for row in rows])
    bases = await _bases(catalog, list({row.knowledge for row in rows}))
    items = [
        {
            "id": row.id,
            "user_id": row.user_id,
            "hash": row.hash,
            "filename": row.filename,
            "data": None,
            "meta": row.meta,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "directory_id": None,
            "directory_path": "",
            "has_original": True,
            "user": owners.get(row.added_by),
            "collection": bases[row.knowledge],
        }
        for row in rows
    ]
    return {"items": items, "directories": [], "breadcrumbs": [], "total": counted[0] if counted else 0}


async def _bases(catalog: Catalog, ids: list[str]) -> dict[str, dict[str, Any]]:
    """The knowledge that files lie in, with its grants."""
    text = f"SELECT {_COLUMNS} FROM knowledge t WHERE t.id = ANY(:ids)"
    rows = await catalog.db.all(_Knowledge, "knowledge.bases", text, ids=ids) if ids else []
    shown = await catalog.shown([_row(row) for row in rows], None, "knowledge", owner=False)
    return {one["id"]: one for one in shown}
