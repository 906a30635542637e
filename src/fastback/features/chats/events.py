"""What happens to chats."""

from __future__ import annotations

import msgspec


class ChatWritten(msgspec.Struct, frozen=True):
    """A chat's messages, title or place changed; the search index and other pages care."""

    chat_id: str
    user_id: str


class ChatDeleted(msgspec.Struct, frozen=True):
    chat_id: str
    user_id: str


class ChatListChanged(msgspec.Struct, frozen=True):
    """The list of a user's chats looks different now."""

    user_id: str
    chat_id: str
    folder_id: str | None = None
