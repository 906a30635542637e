"""Messages of apps in `message`. Times are in nanoseconds."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from fastback.features.channels.messages.store import MessageRow
from fastback.kit.clock import clock
from fastback.kit.db import Executor
from fastback.kit.storable_text import encode_json

INSERT_MESSAGE = """
    INSERT INTO message (id, app_id, channel_id, reply_to_id, parent_id, is_pinned, content, data, created_at,
        updated_at)
    VALUES (:id, :app_id, :channel_id, :reply_to_id, :parent_id, FALSE, :content, :data, :now, :now)"""
#: Only the version that the app has seen.
REPLACE_MESSAGE = """
    UPDATE message SET content = :content, data = :data, updated_at = :now
    WHERE id = :id AND app_id = :app_id AND updated_at = :read_at"""
#: What apps hear of replies that are deleted with their thread; their content may be large.
LIST_REPLY_HEADS = """
    SELECT id, user_id, app_id, channel_id, parent_id, meta, updated_at FROM message
    WHERE channel_id = :channel_id AND parent_id = :parent_id ORDER BY created_at DESC, id DESC LIMIT :limit"""


class MessageHead(msgspec.Struct):
    """A message without its content."""

    id: str
    user_id: str | None
    app_id: str | None
    channel_id: str | None
    parent_id: str | None
    meta: msgspec.Raw
    updated_at: int


async def list_reply_heads(db: Executor, channel_id: str, parent_id: str, *, limit: int) -> list[MessageHead]:
    """Return the last replies in a thread, newest first, without their content."""
    return await db.fetch_all(
        MessageHead,
        "channel_messages.list_reply_heads",
        LIST_REPLY_HEADS,
        channel_id=channel_id,
        parent_id=parent_id,
        limit=limit,
    )


async def insert_message(
    db: Executor,
    channel_id: str,
    app_id: str,
    content: str,
    *,
    data: dict[str, Any],
    parent_id: str | None,
    reply_to_id: str | None,
) -> str:
    """Insert a message of an app, and return its id."""
    message_id = str(uuid.uuid4())
    await db.execute(
        "channel_messages.insert_of_app",
        INSERT_MESSAGE,
        id=message_id,
        app_id=app_id,
        channel_id=channel_id,
        reply_to_id=reply_to_id,
        parent_id=parent_id,
        content=content,
        data=encode_json(data),
        now=clock.time_ns(),
    )
    return message_id


async def replace_message(db: Executor, row: MessageRow, content: str, data: dict[str, Any]) -> bool:
    """Replace the content of an app's message; return False where it was changed meanwhile."""
    count = await db.execute(
        "channel_messages.replace_of_app",
        REPLACE_MESSAGE,
        id=row.id,
        app_id=row.app_id,
        content=content,
        data=encode_json(data),
        now=max(clock.time_ns(), row.updated_at + 1),
        read_at=row.updated_at,
    )
    return count > 0
