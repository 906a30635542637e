"""`/api/v1/knowledge/{id}/files`: the files of a knowledge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.knowledge import directory_store, export, service
from fastback.features.knowledge.file_list_store import KnowledgeFileLists, PendingFile
from fastback.features.knowledge.service import JsonObject, KnowledgeService
from fastback.kit.http import Router
from fastback.kit.http.streaming_response import StreamResponse
from fastback.records.listing import load_user_summaries

router = Router("/api/v1/knowledge")

PAGE_SIZE = 30
#: A stream of pending files looks again after so many seconds, and ends after so many looks (an hour).
_POLL_SECONDS, _MAX_POLLS = 3.0, 1200


@router.get("/{id}/files")
async def list_files(
    id: str,
    user: VerifiedUser,
    library: KnowledgeService,
    lists: KnowledgeFileLists,
    query: str | None = None,
    include_content: bool = False,
    view_option: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    directory_id: str | None = None,
    page: int | None = 1,
    limit: int | None = None,
) -> JsonObject:
    """Files at a place of the knowledge (`directory_id`, empty for its top) or everywhere in it.

    The directories are those at that place, or at the top. `limit` is for administrators.
    """
    await library.get_knowledge(id, user, "read", service.ERRORS_400_400)
    page_size = max(limit, 1) if user.is_admin and limit is not None else PAGE_SIZE
    where, params = ["kf.knowledge_id = :id"], dict[str, Any](id=id)
    if directory_id:
        where.append("kf.directory_id = :directory_id")
        params["directory_id"] = directory_id
    elif directory_id is not None:
        where.append("kf.directory_id IS NULL")
    if view_option in ("created", "shared"):
        where.append(f"kf.user_id {'=' if view_option == 'created' else '<>'} :me")
        params["me"] = user.id
    rows, total = await lists.list_page(
        " AND ".join(where),
        limit=page_size,
        skip=(max(page or 1, 1) - 1) * page_size,
        query=query,
        content=include_content,
        order_by=order_by,
        direction=direction,
        **params,
    )
    adders = await load_user_summaries(library.db, [row.added_by for row in rows])
    directories = await directory_store.load_with_ancestors(
        library.db, id, {directory_id, *(row.directory_id for row in rows)}
    )
    return {
        "items": [row.build_response(adders.get(row.added_by), directories) for row in rows],
        "directories": await directory_store.list_level(library.db, id, directory_id),
        "breadcrumbs": directory_store.list_breadcrumbs(directories, directory_id),
        "total": total,
    }


@router.get("/{id}/files/pending")
async def list_pending_files(
    id: str, user: VerifiedUser, library: KnowledgeService, lists: KnowledgeFileLists, stream: bool = False
) -> list[PendingFile] | StreamResponse:
    """Files that were uploaded for the knowledge and are being read; with `stream` until there are none."""
    await library.get_knowledge(id, user, "read", service.ERRORS_404_400)
    return (
        StreamResponse(_stream_pending(lists, id), "text/event-stream; charset=utf-8")
        if stream
        else await lists.list_pending(id)
    )


async def _stream_pending(lists: KnowledgeFileLists, knowledge_id: str) -> AsyncIterator[bytes]:
    for _ in range(_MAX_POLLS):
        pending = await lists.list_pending(knowledge_id)
        yield b"data: " + msgspec.json.encode(pending) + b"\n\n"
        if not pending:
            return
        await asyncio.sleep(_POLL_SECONDS)


@router.get("/{id}/export")
async def export_files(id: str, user: AdminUser, library: KnowledgeService) -> StreamResponse:
    """The texts of all files, as an archive that is made while it is sent."""
    row = await library.get_knowledge(id, user, "read", service.ERRORS_404_401, local_only=True)
    return StreamResponse(export.stream_archive(library.db, id), "application/zip", export.build_headers(row.name))
