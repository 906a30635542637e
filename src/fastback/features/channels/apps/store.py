"""The memberships of apps in `channel_member`. Times are in nanoseconds."""

from __future__ import annotations

import uuid

import msgspec

from fastback.kit.clock import clock
from fastback.kit.db import Executor

LIST_APP_IDS = """
    SELECT app_id FROM channel_member WHERE channel_id = :channel_id AND app_id IS NOT NULL AND is_active = TRUE
    ORDER BY joined_at, id"""
IS_MEMBER = """
    SELECT 1 FROM channel_member WHERE channel_id = :channel_id AND app_id = :app_id AND is_active = TRUE LIMIT 1"""
#: `user_id IS NULL` lets an index find the apps among many members.
LIST_RECEIVERS = """
    SELECT m.app_id FROM channel_member m JOIN app a ON a.id = m.app_id
    WHERE m.channel_id = :channel_id AND m.user_id IS NULL AND m.is_active = TRUE AND m.joined_at <= :at
        AND a.is_active = TRUE
    ORDER BY m.joined_at, m.id"""
LIST_CHANNELS = """
    SELECT c.id, c.name, c.type, c.is_private FROM channel_member m JOIN channel c ON c.id = m.channel_id
    WHERE m.app_id = :app_id AND m.is_active = TRUE AND c.deleted_at IS NULL AND c.archived_at IS NULL
    ORDER BY c.created_at, c.id"""
INVITE_APP = """
    INSERT INTO channel_member (id, channel_id, app_id, role, status, is_active, is_channel_muted, is_channel_pinned,
        invited_by, invited_at, joined_at, created_at, updated_at)
    VALUES (:id, :channel_id, :app_id, 'member', 'joined', TRUE, FALSE, FALSE, :invited_by, :now, :now, :now, :now)
    ON CONFLICT (channel_id, app_id) DO UPDATE SET is_active = TRUE, left_at = NULL, joined_at = :now,
        updated_at = :now, invited_by = :invited_by, invited_at = :now"""
REMOVE_APP = """
    UPDATE channel_member SET is_active = FALSE, left_at = :now, updated_at = :now
    WHERE channel_id = :channel_id AND app_id = :app_id"""


class AppChannel(msgspec.Struct):
    """A channel that an app takes part in."""

    id: str
    name: str
    type: str | None
    is_private: bool | None


async def is_member(db: Executor, channel_id: str, app_id: str) -> bool:
    """Return whether an app takes part in a channel."""
    member = await db.fetch_value("channels.is_app_member", IS_MEMBER, channel_id=channel_id, app_id=app_id)
    return member is not None


async def list_receivers(db: Executor, channel_id: str, at: int) -> list[str]:
    """List the active apps that took part in a channel at a time."""
    return await db.fetch_all(str, "channels.list_app_receivers", LIST_RECEIVERS, channel_id=channel_id, at=at)


async def list_channels(db: Executor, app_id: str) -> list[AppChannel]:
    """List the open channels that an app takes part in, oldest first."""
    return await db.fetch_all(AppChannel, "channels.list_of_app", LIST_CHANNELS, app_id=app_id)


async def list_app_ids(db: Executor, channel_id: str) -> list[str]:
    """List the apps that take part in a channel."""
    return await db.fetch_all(str, "channels.list_app_ids", LIST_APP_IDS, channel_id=channel_id)


async def invite_app(db: Executor, channel_id: str, app_id: str, user_id: str) -> None:
    """Let an app take part in a channel, also one that was removed."""
    await db.execute(
        "channels.invite_app",
        INVITE_APP,
        id=str(uuid.uuid4()),
        channel_id=channel_id,
        app_id=app_id,
        invited_by=user_id,
        now=clock.time_ns(),
    )


async def remove_app(db: Executor, channel_id: str, app_id: str) -> None:
    """End the membership of an app, if it has one."""
    await db.execute("channels.remove_app", REMOVE_APP, channel_id=channel_id, app_id=app_id, now=clock.time_ns())
