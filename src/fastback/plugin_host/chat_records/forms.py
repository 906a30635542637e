"""Chats, entries of lists of them, and forms."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.record_models import Record


class ChatModel(Record):
    id: str
    user_id: str
    title: str
    chat: dict[str, Any]
    created_at: int
    updated_at: int
    share_id: str | None = None
    archived: bool = False
    pinned: bool | None = False
    meta: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    folder_id: str | None = None
    tasks: list[Any] | None = None
    summary: str | None = None
    current_message_id: str | None = None
    last_read_at: int | None = None
    timer_at: int | None = None


class ChatFileModel(Record):
    id: str
    user_id: str
    chat_id: str
    message_id: str | None = None
    file_id: str
    created_at: int
    updated_at: int


class ChatForm(Record):
    chat: dict[str, Any]
    variables: dict[str, Any] | None = None
    folder_id: str | None = None


class ChatImportForm(ChatForm):
    meta: dict[str, Any] | None = {}
    pinned: bool | None = False
    archived: bool | None = False
    current_message_id: str | None = None
    created_at: int | None = None
    updated_at: int | None = None


class ChatsImportForm(Record):
    chats: list[ChatImportForm]


class ChatTitleForm(Record):
    title: str


class ChatResponse(Record):
    id: str
    user_id: str
    title: str
    chat: dict[str, Any]
    updated_at: int
    created_at: int
    share_id: str | None = None
    archived: bool
    pinned: bool | None = False
    meta: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    folder_id: str | None = None
    tasks: list[Any] | None = None
    summary: str | None = None
    current_message_id: str | None = None
    context_usage: dict[str, Any] | None = None


class ChatTitleIdResponse(Record):
    id: str
    title: str
    updated_at: int
    created_at: int
    last_read_at: int | None = None
    snippet: str | None = None
    active: bool = False
    archived: bool = False


class SharedChatResponse(Record):
    id: str
    title: str
    share_id: str | None = None
    updated_at: int
    created_at: int


class ChatListResponse(Record):
    items: list[ChatModel]
    total: int
