"""Messages with what responses show beside them: authors, quoted messages, reactions, the figures of threads."""

from __future__ import annotations

from typing import Any

from fastback.features.apps import store as app_store
from fastback.features.channels.messages import reaction_store, store
from fastback.features.channels.messages.responses import (
    Author,
    FullMessage,
    PinnedMessage,
    PlainMessage,
    QuotedMessage,
)
from fastback.features.channels.messages.store import MessageRow, ReplyCount
from fastback.features.channels.messages.stored_data import find_webhook_id, summarize_data, summarize_quoted_data
from fastback.features.channels.webhooks import store as webhook_store
from fastback.kit.db import Database


class _Names:
    """The names of the webhooks and apps that wrote some messages."""

    def __init__(self, webhooks: dict[str, str], apps: dict[str, str]) -> None:
        self._webhooks = webhooks
        self._apps = apps

    def find_author(self, row: MessageRow) -> Author | None:
        """Return who wrote a message; None where the user was deleted."""
        if row.app_id:
            return Author(row.app_id, self._apps.get(row.app_id, "Removed App"), "app")
        webhook_id = find_webhook_id(row.meta)
        if webhook_id is not None:
            return Author(webhook_id, self._webhooks.get(webhook_id, "Deleted Webhook"), "webhook")
        if row.user_id is None or row.user_name is None or row.user_role is None:
            return None
        return Author(row.user_id, row.user_name, row.user_role)


def get_fields(row: MessageRow) -> dict[str, Any]:
    """Return the columns of a message as responses show them, with all of its data."""
    return {
        "id": row.id,
        "user_id": row.user_id,
        "app_id": row.app_id,
        "channel_id": row.channel_id,
        "reply_to_id": row.reply_to_id,
        "parent_id": row.parent_id,
        "is_pinned": row.is_pinned,
        "pinned_by": row.pinned_by,
        "pinned_at": row.pinned_at,
        "content": row.content or "",
        "data": row.data,
        "meta": row.meta,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "etag": str(row.updated_at),
    }


def describe_plainly(message: FullMessage) -> PlainMessage:
    """Return a message alone."""
    return PlainMessage(**{name: getattr(message, name) for name in PlainMessage.__struct_fields__})


class MessageReader:
    """Read messages with everything that responses show; a list costs the same statements as one message."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find_message(self, message_id: str) -> FullMessage | None:
        """Return a message with all of its data, or None."""
        row = await store.find_message(self._db, message_id)
        return None if row is None else await self.describe(row)

    async def describe(self, row: MessageRow) -> FullMessage:
        """Return a message with all of its data."""
        (message,) = await self._describe_all([row], with_threads=True)
        return message

    async def list_messages(self, rows: list[MessageRow], *, with_threads: bool) -> list[FullMessage]:
        """Return messages of one channel as lists show them, in their order: whether there is data, not which.

        Without `with_threads` the figures of their threads are zero: they are in a thread themselves.
        """
        messages = await self._describe_all(rows, with_threads=with_threads)
        for row, message in zip(rows, messages, strict=True):
            message.data = summarize_data(row.data, row.app_id)
        return messages

    async def list_pinned(self, rows: list[MessageRow]) -> list[PinnedMessage]:
        """Return pinned messages of one channel, in their order."""
        if not rows:
            return []
        names = await self._load_names(rows)
        reactions = await reaction_store.list_reactions(self._db, [row.id for row in rows])
        return [
            PinnedMessage(
                **{**get_fields(row), "data": row.data if row.app_id else summarize_quoted_data(row.data)},
                user=names.find_author(row),
                reactions=reactions.get(row.id, []),
            )
            for row in rows
        ]

    async def find_author(self, row: MessageRow) -> Author | None:
        """Return who wrote a message; None where the user was deleted."""
        return (await self._load_names([row])).find_author(row)

    async def _describe_all(self, rows: list[MessageRow], *, with_threads: bool) -> list[FullMessage]:
        if not rows:
            return []
        message_ids = [row.id for row in rows]
        quoted = await store.load_messages(self._db, list({row.reply_to_id for row in rows if row.reply_to_id}))
        names = await self._load_names([*rows, *quoted.values()])
        reactions = await reaction_store.list_reactions(self._db, message_ids)
        counts: dict[str, ReplyCount] = {}
        if with_threads and rows[0].channel_id is not None:
            counts = await store.count_replies(self._db, rows[0].channel_id, message_ids)
        messages = []
        for row in rows:
            quoted_row, count = quoted.get(row.reply_to_id or ""), counts.get(row.id)
            message = FullMessage(
                **get_fields(row),
                user=names.find_author(row),
                reply_to_message=None if quoted_row is None else _describe_quoted(quoted_row, names),
                latest_reply_at=None if count is None else count.latest_at,
                reply_count=0 if count is None else count.count,
                reactions=reactions.get(row.id, []),
            )
            messages.append(message)
        return messages

    async def _load_names(self, rows: list[MessageRow]) -> _Names:
        webhook_ids = {webhook_id for row in rows if (webhook_id := find_webhook_id(row.meta)) is not None}
        app_ids = {row.app_id for row in rows if row.app_id}
        webhooks = await webhook_store.list_names(self._db, list(webhook_ids)) if webhook_ids else {}
        return _Names(webhooks, await app_store.list_names(self._db, list(app_ids)) if app_ids else {})


def _describe_quoted(row: MessageRow, names: _Names) -> QuotedMessage:
    return QuotedMessage(**{**get_fields(row), "data": summarize_quoted_data(row.data)}, user=names.find_author(row))
