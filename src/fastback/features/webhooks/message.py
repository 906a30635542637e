"""The message that a webhook receives for an event, without secrets."""

from __future__ import annotations

import time
import uuid
from typing import Any

from fastback import REFERENCE_VERSION
from fastback.access.activity import ActivityEvent, WebhookActor

Message = dict[str, Any]

_MAX_TEXT_LENGTH = 1000
_SECRET_FIELDS = frozenset(
    {
        "password",
        "hashed_password",
        "token",
        "access_token",
        "refresh_token",
        "id_token",
        "api_key",
        "secret",
        "key",
        "authorization",
        "cookie",
        "webhook_token",
    }
)
_SECRET_SUFFIXES = ("_token", "_secret", "_api_key", "_key")


def _remove_secrets(value: Any) -> Any:
    """Return the value without secret fields; texts are cut after 1,000 characters."""
    if isinstance(value, dict):
        return {key: _remove_secrets(item) for key, item in value.items() if not _is_secret(str(key))}
    if isinstance(value, (list, tuple, set)):
        return [_remove_secrets(item) for item in value]
    if isinstance(value, str) and len(value) > _MAX_TEXT_LENGTH:
        return f"{value[:_MAX_TEXT_LENGTH]}..."
    return value


def _is_secret(name: str) -> bool:
    normalised_name = name.lower().replace("-", "_")
    return normalised_name in _SECRET_FIELDS or normalised_name.endswith(_SECRET_SUFFIXES)


def build_message(event: ActivityEvent, instance_id: str) -> Message:
    """Return the body that webhooks receive."""
    area, _, operation = event.event.rpartition(".")
    subject = None
    if event.subject_id is not None or event.subject_type is not None:
        subject = {"type": event.subject_type or area, "id": event.subject_id}
    return {
        "schema": REFERENCE_VERSION,
        "id": str(uuid.uuid4()),
        "event": event.event,
        "resource": area,
        "operation": operation,
        "created_at": int(time.time()),
        "instance_id": instance_id,
        "version": REFERENCE_VERSION,
        "source": event.source,
        "actor": _describe_actor(event),
        "subject": subject,
        "data": _remove_secrets(event.data),
        "message": event.message,
    }


def _describe_actor(event: ActivityEvent) -> dict[str, Any] | None:
    actor = event.actor
    if actor is None:
        return None
    if isinstance(actor, WebhookActor):
        return {"id": actor.id, "name": actor.name, "role": "webhook", "type": "webhook"}
    return {"id": actor.id, "name": actor.name, "email": actor.email, "role": actor.role, "type": "user"}


def get_concerned_users(message: Message) -> set[str]:
    """Return the ids of the users concerned: the actor, a user who is the subject, and users named in the data."""
    actor, subject, data = message["actor"] or {}, message["subject"] or {}, message["data"]
    ids = [actor.get("id"), subject.get("id") if subject.get("type") == "user" else None, data.get("user_id")]
    return {str(user_id) for user_id in [*ids, *(data.get("user_ids") or [])] if user_id}
