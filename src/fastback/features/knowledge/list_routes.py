"""`/api/v1/knowledge`: finding knowledge and the files in it."""

from __future__ import annotations

from typing import Any

from fastback.access.grants import build_grant_condition
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.knowledge import store
from fastback.features.knowledge.file_list_store import KnowledgeFileLists
from fastback.features.knowledge.store import COLUMNS, Knowledge
from fastback.kit.http import Router
from fastback.records.listing import OWNER_LIKE, Listing, RecordCatalog, build_listing, load_user_summaries

router = Router("/api/v1/knowledge")

PAGE_SIZE = 30


class _ListedKnowledge(Knowledge):
    files: int = 0


_COUNTED = f"{COLUMNS}, (SELECT count(*) FROM knowledge_file k WHERE k.knowledge_id = t.id)"
_OWNER_NAMED = 't.user_id IN (SELECT u.id FROM "user" u WHERE lower(u.username) LIKE lower(:query))'
_SOURCES = {
    "external": "COALESCE(t.meta ->> 'source', '') = 'external'",
    "local": "COALESCE(t.meta ->> 'source', '') <> 'external'",
}
_READABLE = f"""kf.knowledge_id IN (
    SELECT k.id FROM knowledge k WHERE k.user_id = :user_id OR {build_grant_condition("knowledge", "k.id")})"""


@router.get("/")
async def list_knowledge(user: VerifiedUser, catalog: RecordCatalog, page: int | None = 1) -> dict[str, Any]:
    return await _list_page(user, catalog, build_listing(user, []), page)


@router.get("/search")
async def search_knowledge(
    user: VerifiedUser,
    catalog: RecordCatalog,
    query: str | None = None,
    view_option: str | None = None,
    source: str | None = None,
    page: int | None = 1,
    order_by: str | None = None,
    direction: str | None = None,
) -> dict[str, Any]:
    listing = build_listing(
        user,
        ["t.name", "t.description"],
        query=query,
        view_option=view_option,
        order_by=order_by,
        direction=direction,
    )
    if query:
        listing.where = listing.where.replace(OWNER_LIKE, f"{OWNER_LIKE} OR {_OWNER_NAMED}")
    if source in _SOURCES:
        listing.where += f" AND {_SOURCES[source]}"
    return await _list_page(user, catalog, listing, page)


async def _list_page(user: User, catalog: RecordCatalog, listed: Listing, page: int | None) -> dict[str, Any]:
    rows, total = await catalog.list_rows(
        _ListedKnowledge,
        user,
        resource="knowledge",
        columns=_COUNTED,
        table="knowledge",
        where=listed.where,
        order=listed.order,
        page=(PAGE_SIZE, (max(page or 1, 1) - 1) * PAGE_SIZE),
        **listed.params,
    )
    items = await catalog.add_details([store.build_response(row) for row in rows], user, "knowledge", writable=True)
    for index, row in enumerate(rows):
        write_access = items[index].pop("write_access")
        items[index] |= {"file_count": row.files, "write_access": write_access}
    return {"items": items, "total": total}


@router.get("/search/files")
async def search_files(
    user: VerifiedUser,
    catalog: RecordCatalog,
    lists: KnowledgeFileLists,
    query: str | None = None,
    include_content: bool = False,
    page: int | None = 1,
) -> dict[str, Any]:
    """Files in all knowledge that is one's own or granted; to administrators, too."""
    rows, total = await lists.list_page(
        _READABLE,
        limit=PAGE_SIZE,
        skip=(max(page or 1, 1) - 1) * PAGE_SIZE,
        query=query,
        content=include_content,
        user_id=user.id,
        group_ids=await catalog.permissions.list_group_ids(user.id),
        permission="read",
    )
    adders = await load_user_summaries(catalog.db, [row.added_by for row in rows])
    knowledge_by_id = await _load_knowledge(catalog, list({row.knowledge_id for row in rows}))
    items = [
        {
            **row.build_response(adders.get(row.added_by)),
            # Where the file lies in it is told by the knowledge's own list.
            "directory_id": None,
            "has_original": True,
            "collection": knowledge_by_id[row.knowledge_id],
        }
        for row in rows
    ]
    return {"items": items, "directories": [], "breadcrumbs": [], "total": total}


async def _load_knowledge(catalog: RecordCatalog, ids: list[str]) -> dict[str, dict[str, Any]]:
    """The knowledge that files lie in, with its grants."""
    text = f"SELECT {COLUMNS} FROM knowledge t WHERE t.id = ANY(:ids)"
    rows = await catalog.db.fetch_all(Knowledge, "knowledge.bases", text, ids=ids) if ids else []
    items = await catalog.add_details([store.build_response(row) for row in rows], None, "knowledge", owner=False)
    return {item["id"]: item for item in items}
