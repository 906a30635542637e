"""Rows of `channel_webhook`. Times are in nanoseconds."""

from __future__ import annotations

import secrets
import uuid

import msgspec

from fastback.kit.clock import clock
from fastback.kit.db import Executor

_COLUMNS = "id, channel_id, user_id, name, profile_image_url, token, last_used_at, created_at, updated_at"

FIND_WEBHOOK = f"SELECT {_COLUMNS} FROM channel_webhook WHERE id = :id"
LIST_WEBHOOKS = f"SELECT {_COLUMNS} FROM channel_webhook WHERE channel_id = :channel_id ORDER BY created_at, id"
LIST_NAMES = "SELECT id, name FROM channel_webhook WHERE id = ANY(:ids)"
INSERT_WEBHOOK = """
    INSERT INTO channel_webhook (id, channel_id, user_id, name, profile_image_url, token, created_at, updated_at)
    VALUES (:id, :channel_id, :user_id, :name, :profile_image_url, :token, :now, :now)"""
UPDATE_WEBHOOK = """
    UPDATE channel_webhook SET name = :name, profile_image_url = :profile_image_url, updated_at = :now
    WHERE id = :id"""
MARK_USED = "UPDATE channel_webhook SET last_used_at = :now WHERE id = :id"
DELETE_WEBHOOK = "DELETE FROM channel_webhook WHERE id = :id"


class Webhook(msgspec.Struct):
    """A row of `channel_webhook`, as its managers see it."""

    id: str
    channel_id: str
    user_id: str
    name: str
    profile_image_url: str | None
    token: str
    last_used_at: int | None
    created_at: int
    updated_at: int


class _WebhookName(msgspec.Struct):
    id: str
    name: str


async def find_webhook(db: Executor, webhook_id: str) -> Webhook | None:
    """Return a webhook, or None."""
    return await db.fetch_first(Webhook, "channel_webhooks.find", FIND_WEBHOOK, id=webhook_id)


async def list_webhooks(db: Executor, channel_id: str) -> list[Webhook]:
    """Return the webhooks of a channel, oldest first."""
    return await db.fetch_all(Webhook, "channel_webhooks.list", LIST_WEBHOOKS, channel_id=channel_id)


async def list_names(db: Executor, webhook_ids: list[str]) -> dict[str, str]:
    """Return the names of webhooks by id; missing ones are absent."""
    rows = await db.fetch_all(_WebhookName, "channel_webhooks.list_names", LIST_NAMES, ids=webhook_ids)
    return {row.id: row.name for row in rows}


async def insert_webhook(db: Executor, channel_id: str, user_id: str, name: str, picture: str | None) -> Webhook:
    """Insert a webhook with a new token, and return it."""
    now = clock.time_ns()
    webhook = Webhook(
        id=str(uuid.uuid4()),
        channel_id=channel_id,
        user_id=user_id,
        name=name,
        profile_image_url=picture,
        token=secrets.token_urlsafe(32),
        last_used_at=None,
        created_at=now,
        updated_at=now,
    )
    await db.execute(
        "channel_webhooks.insert",
        INSERT_WEBHOOK,
        id=webhook.id,
        channel_id=channel_id,
        user_id=user_id,
        name=name,
        profile_image_url=picture,
        token=webhook.token,
        now=now,
    )
    return webhook


async def update_webhook(db: Executor, webhook_id: str, name: str, picture: str | None) -> bool:
    """Replace the name and the picture of a webhook; return whether it exists."""
    count = await db.execute(
        "channel_webhooks.update",
        UPDATE_WEBHOOK,
        id=webhook_id,
        name=name,
        profile_image_url=picture,
        now=clock.time_ns(),
    )
    return count > 0


async def mark_used(db: Executor, webhook_id: str) -> None:
    """Note that a webhook is used now."""
    await db.execute("channel_webhooks.mark_used", MARK_USED, id=webhook_id, now=clock.time_ns())


async def delete_webhook(db: Executor, webhook_id: str) -> bool:
    """Delete a webhook; return whether it existed."""
    return await db.execute("channel_webhooks.delete", DELETE_WEBHOOK, id=webhook_id) > 0
