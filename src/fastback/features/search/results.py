"""The results of the workspace search, as the page shows them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from fastback.features.channels.messages.search_store import MatchingMessage
from fastback.features.chats.search.passages import Passage
from fastback.features.search import store
from fastback.features.search.query import WorkspaceQuery, list_descendant_ids
from fastback.features.search.words import cut_excerpt

#: Characters of a result's long excerpt.
PREVIEW_LENGTH = 2400


class SearchResult(msgspec.Struct):
    """A chat, a note or a message that matches; `url` is its path in the frontend."""

    id: str
    kind: str
    title: str
    context: str
    snippet: str
    preview: str
    url: str
    updated_at: int
    shared: bool
    pinned: bool


def _build_url(path: str, passage: Passage) -> str:
    return path + (f"?{urlencode({'message': passage.message_id})}" if passage.message_id else "")


def _build_result(query: WorkspaceQuery, content: str, **fields: Any) -> SearchResult:
    return SearchResult(
        snippet=cut_excerpt(content, query.query), preview=cut_excerpt(content, query.query, PREVIEW_LENGTH), **fields
    )


def build_chat_result(query: WorkspaceQuery, chat: store.ChatRow, passage: Passage) -> SearchResult:
    is_own = chat.user_id == query.user.id
    names = {folder.id: folder.name for folder in query.folders}
    shared_ids = list_descendant_ids(query.folders, {folder.id for folder in query.folders if folder.shared})
    return _build_result(
        query,
        passage.content,
        id=f"chat:{chat.id}",
        kind="chat",
        title=chat.title or "Untitled",
        context=names.get(chat.folder_id or "") or ("Personal chat" if is_own else "Shared chat"),
        url=_build_url(f"/c/{chat.id}", passage),
        updated_at=chat.updated_at,
        shared=not is_own or bool(chat.share_id) or chat.folder_id in shared_ids,
        pinned=chat.pinned and is_own,
    )


def build_snapshot_result(query: WorkspaceQuery, row: store.SnapshotRow, passage: Passage) -> SearchResult:
    return _build_result(
        query,
        passage.content,
        id=f"shared:{row.id}",
        kind="chat",
        title=row.title or "Untitled",
        context="Shared snapshot",
        url=_build_url(f"/s/{row.id}", passage),
        updated_at=row.updated_at,
        shared=True,
        pinned=False,
    )


def build_note_result(query: WorkspaceQuery, row: store.NoteRow) -> SearchResult:
    shared = row.user_id != query.user.id or row.shared
    return _build_result(
        query,
        row.content or "",
        id=f"note:{row.id}",
        kind="note",
        title=row.title or "Untitled",
        context="Shared note" if shared else "Personal note",
        url=f"/notes/{row.id}" + (f"?{urlencode({'search': query.query})}" if query.query else ""),
        updated_at=row.updated_at,
        shared=shared,
        pinned=row.pinned,
    )


def build_message_result(query: WorkspaceQuery, row: MatchingMessage) -> SearchResult:
    channel = next(channel for channel in query.channels if channel.id == row.channel_id)
    position = {"thread": row.parent_id or row.id, "message": row.id}
    return _build_result(
        query,
        row.content,
        id=f"message:{row.id}",
        kind="message",
        title=row.user_name or "Message",
        context=channel.name if channel.type == "dm" else f"#{channel.name}",
        url=f"/channels/{channel.id}?{urlencode(position)}",
        updated_at=row.updated_at // 10**9,
        shared=True,
        pinned=False,
    )
