"""Indexes of channels; the reference's schema has none for their messages, members and reactions."""

from __future__ import annotations

from fastback.kit.db.indexes import Index


def _build_index(name: str, text: str) -> Index:
    return Index(name, sqlite=text, postgres=text)


INDEXES = (
    #: The last message of a channel.
    _build_index("fastback_message_channel", "ON message (channel_id, created_at, parent_id, user_id)"),
    #: A page of a channel or of a thread; unread messages; the number of replies.
    _build_index("fastback_message_thread", "ON message (channel_id, parent_id, created_at, id, user_id)"),
    _build_index("fastback_message_pinned", "ON message (channel_id, pinned_at) WHERE is_pinned = TRUE"),
    _build_index("fastback_message_reaction", "ON message_reaction (message_id, created_at)"),
    _build_index("fastback_channel_member_channel", "ON channel_member (channel_id, user_id)"),
    _build_index("fastback_channel_member_user", "ON channel_member (user_id, channel_id)"),
)
