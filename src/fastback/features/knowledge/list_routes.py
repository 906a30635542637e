"""`/api/v1/knowledge`: lists and searches of knowledge and of the files in it."""

from __future__ import annotations

from typing import Any

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.knowledge import store
from fastback.features.knowledge.file_list_store import KnowledgeFileLists, filter_readable
from fastback.features.knowledge.list_store import LISTED_COLUMNS, ListedKnowledge, build_knowledge_listing
from fastback.kit.http import Router
from fastback.records.listing import Listing, RecordCatalog, load_user_summaries

router = Router("/api/v1/knowledge")

PAGE_SIZE = 30


@router.get("/")
async def list_knowledge(user: VerifiedUser, catalog: RecordCatalog, page: int | None = 1) -> dict[str, Any]:
    return await _list_page(user, catalog, build_knowledge_listing(user), page)


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
    listing = build_knowledge_listing(
        user,
        query=query,
        view_option=view_option,
        source=source,
        order_by=order_by,
        direction=direction,
    )
    return await _list_page(user, catalog, listing, page)


async def _list_page(user: User, catalog: RecordCatalog, listing: Listing, page: int | None) -> dict[str, Any]:
    rows, total = await catalog.list_rows(
        ListedKnowledge,
        user,
        resource="knowledge",
        columns=LISTED_COLUMNS,
        table="knowledge",
        where=listing.where,
        order=listing.order,
        page=(PAGE_SIZE, (max(page or 1, 1) - 1) * PAGE_SIZE),
        **listing.params,
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
    """Search the files of all knowledge that the user owns or is granted, for administrators, too."""
    rows, total = await lists.list_page(
        filter_readable(user.id, await catalog.permissions.list_group_ids(user.id)),
        limit=PAGE_SIZE,
        skip=(max(page or 1, 1) - 1) * PAGE_SIZE,
        query=query,
        content=include_content,
    )
    adders = await load_user_summaries(catalog.db, [row.added_by for row in rows])
    knowledge_by_id = await _load_knowledge(catalog, list({row.knowledge_id for row in rows}))
    items = [
        {
            **row.build_response(adders.get(row.added_by)),
            # Directories are part of the list of a single knowledge only.
            "directory_id": None,
            "has_original": True,
            "collection": knowledge_by_id[row.knowledge_id],
        }
        for row in rows
    ]
    return {"items": items, "directories": [], "breadcrumbs": [], "total": total}


async def _load_knowledge(catalog: RecordCatalog, ids: list[str]) -> dict[str, dict[str, Any]]:
    """Return knowledge with their grants as responses show them, by id."""
    rows = await store.list_knowledge_by_id(catalog.db, ids)
    items = await catalog.add_details([store.build_response(row) for row in rows], None, "knowledge", owner=False)
    return {item["id"]: item for item in items}
