"""Kinds of chat ids: stored chats, temporary chats, and channels."""

from __future__ import annotations

#: The prefixes of chats that are never stored; the remainder of the id is the session of the chat.
TEMPORARY = ("temporary:", "local:")
#: The prefix of the id under which models answer in a channel; the remainder is the id of the channel.
CHANNEL = "channel:"
NOT_STORED = (*TEMPORARY, CHANNEL)


def is_temporary(chat_id: str) -> bool:
    """Return whether the chat with this id lives in its page alone."""
    return chat_id.startswith(TEMPORARY)


def is_channel(chat_id: str) -> bool:
    """Return whether the id is that of a channel."""
    return chat_id.startswith(CHANNEL)


def get_channel_id(chat_id: str) -> str:
    """Return the id of the channel that an id names."""
    return chat_id.removeprefix(CHANNEL)


def is_stored(chat_id: str | None) -> bool:
    """Return whether the database stores the chat with this id."""
    return bool(chat_id) and not str(chat_id).startswith(NOT_STORED)
