"""`/api/v1/notifications`: where a user wants to be told of things."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlparse

import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.users import store as users
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, NotFound, Router

router = Router("/api/v1/notifications")

#: What one can be told of: event, label, description, in the words of the contract.
EVENTS = (
    ("chat.finished", "Chat finished", "A chat response finished."),
    ("chat.failed", "Chat failed", "A chat response failed."),
    ("channel.message", "Channel message", "A channel message was posted."),
    ("calendar.alert", "Calendar alert", "A calendar event alert was triggered."),
    (
        "retrieval.content.process_failed",
        "Retrieval Content process failed",
        "Retrieval content processing failed.",
    ),
)


async def _check(user: User, config: Config, permissions: Permissions) -> None:
    if not config.flag("ui.enable_user_webhooks"):
        raise NotFound(messages.NOT_FOUND)
    if not user.is_admin and not await permissions.has(user.id, "features.webhooks"):
        raise Forbidden(messages.ACCESS_PROHIBITED)


@router.get("/events")
async def events(user: VerifiedUser, config: Config, permissions: Permissions) -> dict[str, Any]:
    await _check(user, config, permissions)
    return {"events": [dict(zip(("event", "label", "description"), one, strict=True)) for one in EVENTS]}


def _masked(target: dict[str, Any], default_id: str | None) -> dict[str, Any]:
    """A target without its address, which is a secret: host and last characters alone."""
    config = dict(target.get("config") or {})
    url = str(config.pop("url", "") or "")
    address = urlparse(url) if url else None
    if address is None:
        config["url_masked"] = ""
    elif address.hostname:
        config["url_masked"] = f"{address.scheme}://{address.hostname}/...{address.path[-4:]}"
    else:
        config["url_masked"] = "****"
    return {**target, "config": config, "is_default": target.get("id") == default_id}


@router.get("/targets")
async def targets(user: VerifiedUser, db: Database, config: Config, permissions: Permissions) -> dict[str, Any]:
    await _check(user, config, permissions)
    raw = await users.json_column(db, user.id, "settings")
    settings = (msgspec.json.decode(raw) if raw is not None else None) or {}
    known = (settings.get("notifications") or {}) if isinstance(settings, dict) else {}
    found = known.get("targets") or _legacy(settings, known)
    found = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    default_id = known.get("default_target_id") or (found[0].get("id") if found else None)
    return {"targets": [_masked(one, default_id) for one in found]}


def _legacy(settings: Any, known: dict[str, Any]) -> list[dict[str, Any]]:
    """The one address that older releases kept, as a target."""
    interface = (settings.get("ui") or {}) if isinstance(settings, dict) else {}
    older = interface.get("notifications") or {}
    url = str(known.get("webhook_url") or older.get("webhook_url") or "").strip()
    if not url:
        return []
    return [
        {
            "id": "webhook",
            "type": "webhook",
            "enabled": True,
            "events": sorted(event for event, _, _ in EVENTS),
            "delivery": "away",
            "config": {"url": url},
            "created_at": 0,
            "updated_at": 0,
        }
    ]
