"""An event as it goes out: who did what to what, without anything secret."""

from __future__ import annotations

import time
import uuid
from typing import Any

from fastback import REFERENCE_VERSION
from fastback.access.activity import ActivityEvent

Message = dict[str, Any]

_LONGEST = 1000
_SECRET = frozenset(
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
_SECRET_ENDS = ("_token", "_secret", "_api_key", "_key")


def _clean(value: Any) -> Any:
    """The value without secret fields, long texts cut off."""
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items() if not _secret(str(key))}
    if isinstance(value, (list, tuple, set)):
        return [_clean(one) for one in value]
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"{value[:_LONGEST]}..."
    return value


def _secret(name: str) -> bool:
    folded = name.lower().replace("-", "_")
    return folded in _SECRET or folded.endswith(_SECRET_ENDS)


def message_of(happened: ActivityEvent, instance_id: str) -> Message:
    """What webhooks get."""
    area, _, operation = happened.event.rpartition(".")
    subject = None
    if happened.subject_id is not None or happened.subject_type is not None:
        subject = {"type": happened.subject_type or area, "id": happened.subject_id}
    actor = None
    if (user := happened.actor) is not None:
        actor = {"id": user.id, "name": user.name, "email": user.email, "role": user.role, "type": "user"}
    return {
        "schema": REFERENCE_VERSION,
        "id": str(uuid.uuid4()),
        "event": happened.event,
        "resource": area,
        "operation": operation,
        "created_at": int(time.time()),
        "instance_id": instance_id,
        "version": REFERENCE_VERSION,
        "source": happened.source,
        "actor": actor,
        "subject": subject,
        "data": _clean(happened.data),
        "message": happened.message,
    }


def concerned(message: Message) -> set[str]:
    """Ids of the users whom an event is about: who did it, to whom, whose it is."""
    actor, subject, data = message["actor"] or {}, message["subject"] or {}, message["data"]
    ids = [actor.get("id"), subject.get("id") if subject.get("type") == "user" else None, data.get("user_id")]
    return {str(one) for one in [*ids, *(data.get("user_ids") or [])] if one}
