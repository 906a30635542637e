"""Kinds of chat ids: stored chats, temporary ones, those of channels."""

from __future__ import annotations

#: Ids of chats that are never stored begin so; the rest is the session they belong to.
TEMPORARY = ("temporary:", "local:")
NOT_STORED = (*TEMPORARY, "channel:")


def is_stored(chat_id: str | None) -> bool:
    """Whether a chat with this id lives in the database."""
    return bool(chat_id) and not str(chat_id).startswith(NOT_STORED)
