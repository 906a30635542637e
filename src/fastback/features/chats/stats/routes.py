"""Statistics of the user's chats, for pages and for the community site."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.interface import UI_ENABLE_COMMUNITY_SHARING
from fastback.features.chats import store
from fastback.features.chats.service import ChatService
from fastback.features.chats.stats import figures
from fastback.features.chats.stats import store as stats_store
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, NotFound, Router, Unauthorized
from fastback.kit.http.body import JsonBytes, encoder
from fastback.kit.http.streaming_response import StreamResponse

router = Router("/api/v1/chats")


@router.get("/stats/usage")
async def list_usage(
    user: VerifiedUser, db: Database, items_per_page: int | None = 50, page: int | None = 1
) -> dict[str, Any]:
    """List statistics of the user's chats."""
    size = 50 if items_per_page is None else items_per_page
    ids, total = await stats_store.list_chat_ids(db, user.id, skip=((page or 1) - 1) * size, limit=size)
    return {"items": await figures.load_usages(db, ids), "total": total}


def _require_sharing(user: User, config: Config) -> None:
    """Check that the user may share statistics with the community.

    Raises:
        Unauthorized: community sharing is disabled.
    """
    if not user.is_admin and not config.get_bool(UI_ENABLE_COMMUNITY_SHARING):
        raise Unauthorized(messages.ACCESS_PROHIBITED)


@router.get("/stats/export")
async def export_stats(
    user: VerifiedUser,
    db: Database,
    config: Config,
    updated_at: int | None = None,
    page: int | None = 1,
    stream: bool = False,
) -> Response | JsonBytes:
    """Export statistics of the user's chats with those of their messages, as a page or as a stream."""
    _require_sharing(user, config)
    if stream:
        ids, _ = await stats_store.list_chat_ids(db, user.id, since=updated_at, oldest_first=True, skip=0, limit=-1)
        name = f"attachment; filename=chat-stats-export-{user.id}.jsonl"
        return StreamResponse(_encode_lines(db, ids), "application/x-ndjson", {"content-disposition": name})
    skip = ((page or 1) - 1) * figures.SLICE
    ids, total = await stats_store.list_chat_ids(
        db, user.id, since=updated_at, oldest_first=True, skip=skip, limit=figures.SLICE
    )
    items = await figures.load_exports(db, ids)
    return JsonBytes(encoder.encode({"type": "chats", "items": items, "total": total, "page": page or 1}))


async def _encode_lines(db: Database, ids: list[str]) -> AsyncIterator[bytes]:
    """Yield the statistics of the chats as JSON, one chat a line."""
    for start in range(0, len(ids), figures.SLICE):
        exports = await figures.load_exports(db, ids[start : start + figures.SLICE])
        yield b"".join(encoder.encode(export) + b"\n" for export in exports)


@router.get("/stats/export/{chat_id}")
async def export_chat_stats(chat_id: str, user: VerifiedUser, chats: ChatService, config: Config) -> figures.ChatExport:
    """Export statistics of a chat with those of its messages."""
    _require_sharing(user, config)
    head = await store.find_head(chats.db, chat_id)
    if head is None:
        raise NotFound(messages.NOT_FOUND)
    if not chats.access.has_owner_rights(head.user_id, user):
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    export = await figures.find_export(chats.db, chat_id)
    if export is None:
        raise BadRequest("Failed to process chat stats")
    return export
