"""Requests of `/api/v1/chats`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class ChatForm(msgspec.Struct):
    chat: dict[str, Any]
    variables: dict[str, Any] | None = None
    folder_id: str | None = None


class ImportedChat(msgspec.Struct):
    chat: dict[str, Any]
    variables: dict[str, Any] | None = None
    folder_id: str | None = None
    meta: dict[str, Any] | None = None
    pinned: bool | None = False
    archived: bool | None = False
    current_message_id: str | None = None
    created_at: int | None = None
    updated_at: int | None = None


class ImportForm(msgspec.Struct):
    chats: list[ImportedChat]


class MessageForm(msgspec.Struct):
    content: str | None = None
    voice: dict[str, Any] | None = None


class EventForm(msgspec.Struct):
    type: str
    data: dict[str, Any]


class TagForm(msgspec.Struct):
    name: str


class TagFilter(msgspec.Struct):
    name: str
    skip: int | None = 0
    limit: int | None = 50


class CloneForm(msgspec.Struct):
    title: str | None = None


class ForkForm(msgspec.Struct):
    message_id: str | None = None


class ShareForm(msgspec.Struct):
    share_mode: Literal["continue"] | msgspec.UnsetType | None = msgspec.UNSET


class AccessForm(msgspec.Struct):
    access_grants: list[dict[str, Any]]
    share_mode: Literal["continue"] | msgspec.UnsetType | None = msgspec.UNSET


class FolderForm(msgspec.Struct):
    folder_id: str | None = None


class ResolveForm(msgspec.Struct):
    """A decision on a tool call that waits for one."""

    call_id: str
    action: Literal["approve", "reject", "answer"]
    answers: Any = None
    timed_out: bool = False


class CompactForm(msgspec.Struct):
    model: str | None = None
