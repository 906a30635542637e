"""SQL of channels: rows of `channel`, with memberships and unread messages of a user."""

from __future__ import annotations

import msgspec

from fastback.access.grants import build_granted_ids
from fastback.kit.db import Database, Executor
from fastback.kit.db.indexes import Index

_COLUMNS = """c.id, c.user_id, c.type, c.name, c.description, c.is_private, c.data, c.meta, c.created_at, c.updated_at,
    c.updated_by, c.archived_at, c.archived_by, c.deleted_at, c.deleted_by"""

#: The messages of a channel; the reference's schema has no index for them.
INDEX = Index(
    "fastback_message_channel",
    sqlite="ON message (channel_id, created_at, parent_id, user_id)",
    postgres="ON message (channel_id, created_at, parent_id, user_id)",
)
#: Group and direct channels need a membership, other channels a grant. Nothing is unread without a membership.
LIST_JOINED_CHANNELS = f"""
    SELECT {_COLUMNS}, m.is_channel_muted,
        (SELECT max(x.created_at) FROM message x WHERE x.channel_id = c.id),
        CASE WHEN m.id IS NULL THEN 0 ELSE (
            SELECT count(*) FROM message x WHERE x.channel_id = c.id AND x.parent_id IS NULL
              AND x.created_at > COALESCE(m.last_read_at, 0) AND (x.user_id <> :user_id OR x.user_id IS NULL)) END
    FROM channel c LEFT JOIN channel_member m ON m.channel_id = c.id AND m.user_id = :user_id
    WHERE c.deleted_at IS NULL AND c.archived_at IS NULL AND (
        (c.type IN ('group', 'dm') AND m.is_active = TRUE)
        OR (COALESCE(c.type, '') NOT IN ('group', 'dm')
            AND (c.user_id = :user_id OR c.id IN ({build_granted_ids("channel")}))))
    ORDER BY CASE WHEN c.type IN ('group', 'dm') THEN 0 ELSE 1 END, c.created_at, c.id"""

LIST_CHANNELS = f"SELECT {_COLUMNS} FROM channel c ORDER BY c.created_at, c.id"

LIST_MEMBERS = """
    SELECT m.channel_id, u.status_emoji, u.status_message, u.status_expires_at, u.id, u.name, u.last_active_at
    FROM channel_member m JOIN "user" u ON u.id = m.user_id
    WHERE m.channel_id = ANY(:ids) ORDER BY u.created_at, u.id"""


class Channel(msgspec.Struct):
    """A row of `channel`."""

    id: str
    user_id: str
    type: str | None
    name: str
    description: str | None
    is_private: bool | None
    data: msgspec.Raw
    meta: msgspec.Raw
    created_at: int
    updated_at: int
    updated_by: str | None
    archived_at: int | None
    archived_by: str | None
    deleted_at: int | None
    deleted_by: str | None


class JoinedChannel(Channel):
    """A channel with what a user needs to see of it: muted, time of the last message, number of unread messages."""

    muted: bool | None
    last_message_at: int | None
    unread: int


class ChannelMember(msgspec.Struct):
    """A user in a channel."""

    channel_id: str
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    id: str
    name: str
    last_active_at: int | None


async def list_joined_channels(db: Database, user_id: str, group_ids: list[str]) -> list[JoinedChannel]:
    """Return the open channels that a user is in or may read, direct and group channels first."""
    # In a thread: unread messages are counted one by one.
    return await db.fetch_all_in_thread(
        JoinedChannel,
        "channels.list_joined",
        LIST_JOINED_CHANNELS,
        user_id=user_id,
        group_ids=group_ids,
        permission="read",
    )


async def list_channels(db: Executor) -> list[Channel]:
    """Return all channels, oldest first; archived and deleted ones as well."""
    return await db.fetch_all(Channel, "channels.list", LIST_CHANNELS)


async def list_members(db: Executor, channel_ids: list[str]) -> list[ChannelMember]:
    """Return the members of some channels, longest-standing users first."""
    return await db.fetch_all(ChannelMember, "channels.list_members", LIST_MEMBERS, ids=channel_ids)
