"""Requests of `/api/v1/chats`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class ChatForm(msgspec.Struct):
    """The document of a chat, or changed fields of it."""

    chat: dict[str, Any]
    variables: dict[str, Any] | None = None
    folder_id: str | None = None


class ImportedChat(msgspec.Struct):
    """A chat in an import."""

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
    """Chats to import."""

    chats: list[ImportedChat]


class MessageForm(msgspec.Struct):
    """A changed text of a message, or a recording of it."""

    content: str | None = None
    voice: dict[str, Any] | None = None


class EventForm(msgspec.Struct):
    """A socket message about a message of a chat."""

    type: str
    data: dict[str, Any]


class TagForm(msgspec.Struct):
    """The name of a tag."""

    name: str


class TagFilter(msgspec.Struct):
    """The name of a tag, and the page of its chats."""

    name: str
    skip: int | None = 0
    limit: int | None = 50


class CloneForm(msgspec.Struct):
    """The title of a copy."""

    title: str | None = None


class ForkForm(msgspec.Struct):
    """The message at whose branch a fork ends."""

    message_id: str | None = None


class ShareForm(msgspec.Struct):
    """Whether readers may continue a shared chat."""

    share_mode: Literal["continue"] | msgspec.UnsetType | None = msgspec.UNSET


class AccessForm(msgspec.Struct):
    """The grants of a shared chat, and whether readers may continue it."""

    access_grants: list[dict[str, Any]]
    share_mode: Literal["continue"] | msgspec.UnsetType | None = msgspec.UNSET


class FolderForm(msgspec.Struct):
    """The folder to move a chat into."""

    folder_id: str | None = None


class ResolveForm(msgspec.Struct):
    """A user's decision on a tool call that waits for it."""

    call_id: str
    action: Literal["approve", "reject", "answer"]
    answers: Any = None
    timed_out: bool = False


class CompactForm(msgspec.Struct):
    """The model that summarizes a chat."""

    model: str | None = None
