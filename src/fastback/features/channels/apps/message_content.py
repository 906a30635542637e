"""Messages of channels as apps see them: their content and author, and no internal metadata."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.channels.messages.app_message_store import MessageHead
from fastback.features.channels.messages.responses import FullMessage
from fastback.features.channels.messages.store import MessageRow
from fastback.features.channels.messages.stored_data import find_model_id, find_object, find_webhook_id

Json = dict[str, Any]

_NO_ITEMS = msgspec.Raw(b"[]")


def describe_message(message: MessageRow | FullMessage) -> Json:
    """Return a message for an app."""
    data = find_object(message.data) or {}
    app_data = find_object(data.get("app", msgspec.Raw(b"null"))) or {}
    return {
        "id": message.id,
        "channel_id": message.channel_id,
        "author": _describe_author(message),
        "content": message.content or "",
        "parent_id": message.parent_id,
        "reply_to_id": message.reply_to_id,
        "files": data.get("files", _NO_ITEMS),
        "actions": app_data.get("actions", _NO_ITEMS),
        "embeds": app_data.get("embeds", _NO_ITEMS),
        "created_at": str(message.created_at),
        "updated_at": str(message.updated_at),
        "etag": str(message.updated_at),
    }


def describe_deleted_message(message: MessageHead | FullMessage) -> Json:
    """Return what apps hear of a message that was deleted."""
    return {
        "id": message.id,
        "channel_id": message.channel_id,
        "parent_id": message.parent_id,
        "author": _describe_author(message),
        "updated_at": str(message.updated_at),
    }


def _describe_author(message: MessageRow | MessageHead | FullMessage) -> Json:
    if message.app_id:
        return {"type": "app", "id": message.app_id}
    webhook_id = find_webhook_id(message.meta)
    if webhook_id is not None:
        return {"type": "webhook", "id": webhook_id}
    model_id = find_model_id(message.meta)
    if model_id is not None:
        return {"type": "model", "id": model_id}
    return {"type": "user", "id": message.user_id}
