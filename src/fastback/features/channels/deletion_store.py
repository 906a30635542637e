"""Deletion of what belongs to a channel. Messages may be many: they are deleted some at a time."""

from __future__ import annotations

from fastback.kit.db import Database, Executor

#: Messages that one statement deletes.
BATCH_SIZE = 1000

DELETE_FILES = "DELETE FROM channel_file WHERE channel_id = :id"
DELETE_WEBHOOKS = "DELETE FROM channel_webhook WHERE channel_id = :id"
DELETE_REACTIONS = f"""
    DELETE FROM message_reaction WHERE message_id IN (
        SELECT m.id FROM message m WHERE m.channel_id = :id ORDER BY m.created_at, m.id LIMIT {BATCH_SIZE})"""
DELETE_MESSAGES = f"""
    DELETE FROM message WHERE id IN (
        SELECT m.id FROM message m WHERE m.channel_id = :id ORDER BY m.created_at, m.id LIMIT {BATCH_SIZE})"""


async def delete_dependents(tx: Executor, channel_id: str) -> None:
    """Delete the links to files and the webhooks of a channel."""
    await tx.execute("channels.delete_files", DELETE_FILES, id=channel_id)
    await tx.execute("channels.delete_webhooks", DELETE_WEBHOOKS, id=channel_id)


async def delete_messages(db: Database, channel_id: str) -> None:
    """Delete the messages of a channel with their reactions."""
    while True:
        async with db.transaction(long=True) as tx:
            await tx.execute("channels.delete_reactions", DELETE_REACTIONS, id=channel_id)
            if await tx.execute("channels.delete_messages", DELETE_MESSAGES, id=channel_id) < BATCH_SIZE:
                return
