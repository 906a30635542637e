"""Chats for statistics: their ids in pages, and their documents."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.chats import fragments
from fastback.features.chats.document import Document
from fastback.features.chats.store import NO_LIMIT, complete_document
from fastback.kit.db import Database
from fastback.kit.large_json import LARGE_SIZE


class StoredChat(msgspec.Struct):
    """The columns of a chat that statistics need, and the document where it is large."""

    id: str
    user_id: str
    created_at: int
    updated_at: int
    meta: dict[str, Any] | None
    chat: msgspec.Raw
    document: Any = None


_CHANGED_SINCE = {
    dialect: f"user_id = :user_id AND {visible} AND updated_at > :since"
    for dialect, visible in fragments.VISIBLE.items()
}
COUNT_CHATS = {dialect: f"SELECT count(*) FROM chat WHERE {condition}" for dialect, condition in _CHANGED_SINCE.items()}
LIST_IDS_NEWEST_FIRST = {
    dialect: f"SELECT id FROM chat WHERE {condition} ORDER BY updated_at DESC, id LIMIT :limit OFFSET :skip"
    for dialect, condition in _CHANGED_SINCE.items()
}
LIST_IDS_OLDEST_FIRST = {
    dialect: f"SELECT id FROM chat WHERE {condition} ORDER BY updated_at ASC, id LIMIT :limit OFFSET :skip"
    for dialect, condition in _CHANGED_SINCE.items()
}
LOAD_CHATS = {
    dialect: f"SELECT id, user_id, created_at, updated_at, meta, {document} AS chat FROM chat WHERE id = ANY(:ids)"
    for dialect, document in fragments.SMALL_DOCUMENT.items()
}


async def list_chat_ids(
    db: Database, user_id: str, *, since: int | None = None, oldest_first: bool = False, skip: int, limit: int
) -> tuple[list[str], int]:
    """Return a page of the ids of a user's chats, by their last change, and the number of ids on all pages.

    `since` (seconds) excludes chats without a later change; a `limit` below zero means no limit.
    """
    since = since or -1
    (total,) = await db.fetch_all_in_thread(
        int, "stats.count_chats", COUNT_CHATS[db.dialect], user_id=user_id, since=since
    )
    params = {
        "user_id": user_id,
        "since": since,
        "limit": NO_LIMIT if limit < 0 else limit,
        "skip": max(skip, 0),
    }
    if oldest_first:
        text = LIST_IDS_OLDEST_FIRST[db.dialect]
        ids = await db.fetch_all_in_thread(str, "stats.list_ids_oldest_first", text, **params)
    else:
        text = LIST_IDS_NEWEST_FIRST[db.dialect]
        ids = await db.fetch_all_in_thread(str, "stats.list_ids_newest_first", text, **params)
    return ids, total


async def load_chats(db: Database, chat_ids: list[str]) -> list[StoredChat]:
    """Return these chats, in no order."""
    chats = await db.fetch_all_in_thread(StoredChat, "stats.load_chats", LOAD_CHATS[db.dialect], ids=chat_ids)
    for chat in chats:
        chat.chat = await complete_document(db, chat.id, chat.chat)
        if len(memoryview(chat.chat)) > LARGE_SIZE:
            chat.document = await Document.load(db, chat.chat)
    return chats
