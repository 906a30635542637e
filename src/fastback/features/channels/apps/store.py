"""The memberships of apps in `channel_member`. Times are in nanoseconds."""

from __future__ import annotations

import time
import uuid

from fastback.kit.db import Executor

LIST_APP_IDS = """
    SELECT app_id FROM channel_member WHERE channel_id = :channel_id AND app_id IS NOT NULL AND is_active = TRUE
    ORDER BY joined_at, id"""
INVITE_APP = """
    INSERT INTO channel_member (id, channel_id, app_id, role, status, is_active, is_channel_muted, is_channel_pinned,
        invited_by, invited_at, joined_at, created_at, updated_at)
    VALUES (:id, :channel_id, :app_id, 'member', 'joined', TRUE, FALSE, FALSE, :invited_by, :now, :now, :now, :now)
    ON CONFLICT (channel_id, app_id) DO UPDATE SET is_active = TRUE, left_at = NULL, joined_at = :now,
        updated_at = :now, invited_by = :invited_by, invited_at = :now"""
REMOVE_APP = """
    UPDATE channel_member SET is_active = FALSE, left_at = :now, updated_at = :now
    WHERE channel_id = :channel_id AND app_id = :app_id"""


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
        now=time.time_ns(),
    )


async def remove_app(db: Executor, channel_id: str, app_id: str) -> None:
    """End the membership of an app, if it has one."""
    await db.execute("channels.remove_app", REMOVE_APP, channel_id=channel_id, app_id=app_id, now=time.time_ns())
