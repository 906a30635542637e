"""`/api/v1/knowledge/{id}/files`: the files of a knowledge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.knowledge import directory_paths, directory_store, export, service
from fastback.features.knowledge.file_list_store import KnowledgeFileLists, PendingFile, filter_by_directory
from fastback.features.knowledge.service import JsonObject, KnowledgeService
from fastback.kit.http import Router
from fastback.kit.http.streaming_response import StreamResponse
from fastback.records.listing import load_user_summaries

router = Router("/api/v1/knowledge")

PAGE_SIZE = 30
#: Seconds between two checks of a stream of pending files, and the checks after which it ends (an hour).
_POLL_SECONDS, _MAX_POLLS = 3.0, 1200


@router.get("/{id}/files")
async def list_files(
    id: str,
    user: VerifiedUser,
    knowledge: KnowledgeService,
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
    """List the files in a directory of the knowledge (`directory_id`, empty for the top) or in all of it.

    The response contains the directories at that level, or at the top. Only administrators may set `limit`.
    """
    await knowledge.get_knowledge(id, user, "read", service.ERRORS_400_400)
    page_size = max(limit, 1) if user.is_admin and limit is not None else PAGE_SIZE
    selection = filter_by_directory(id, directory_id, view_option=view_option, user_id=user.id)
    rows, total = await lists.list_page(
        selection,
        limit=page_size,
        skip=(max(page or 1, 1) - 1) * page_size,
        query=query,
        content=include_content,
        order_by=order_by,
        direction=direction,
    )
    adders = await load_user_summaries(knowledge.db, [row.added_by for row in rows])
    directories = await directory_store.load_with_ancestors(
        knowledge.db, id, {directory_id, *(row.directory_id for row in rows)}
    )
    return {
        "items": [row.build_response(adders.get(row.added_by), directories) for row in rows],
        "directories": await directory_store.list_level(knowledge.db, id, directory_id),
        "breadcrumbs": directory_paths.list_breadcrumbs(directories, directory_id),
        "total": total,
    }


@router.get("/{id}/files/pending")
async def list_pending_files(
    id: str, user: VerifiedUser, knowledge: KnowledgeService, lists: KnowledgeFileLists, stream: bool = False
) -> list[PendingFile] | StreamResponse:
    """List the files that are being processed for the knowledge; `stream` repeats the list until it is empty."""
    await knowledge.get_knowledge(id, user, "read", service.ERRORS_404_400)
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
async def export_files(id: str, user: AdminUser, knowledge: KnowledgeService) -> StreamResponse:
    """Send the texts of all files as a zip archive, which is created while it is sent."""
    row = await knowledge.get_knowledge(id, user, "read", service.ERRORS_404_401, local_only=True)
    return StreamResponse(export.stream_archive(knowledge.db, id), "application/zip", export.build_headers(row.name))
