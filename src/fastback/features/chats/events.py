"""Events about chats."""

from __future__ import annotations

import msgspec


class ChatWritten(msgspec.Struct, frozen=True):
    """The messages, title or folder of a chat changed; the search index and open pages need to know."""

    chat_id: str
    user_id: str


class ChatDeleted(msgspec.Struct, frozen=True):
    """A chat was deleted."""

    chat_id: str
    user_id: str
