"""Routes below `/api/events`: the event catalog, and the webhooks of administrators."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from fastback import REFERENCE_VERSION
from fastback.access.activity import ActivityEvent
from fastback.access.guards import AdminUser
from fastback.access.identity import User
from fastback.features.webhooks.catalog import EventDescription, load_event_catalog
from fastback.features.webhooks.registry import InvalidWebhook, Target, Webhook, WebhookRegistry
from fastback.kit.bus import Bus
from fastback.kit.http import BadRequest, NotFound, Router

router = Router("/api/events")

_MISSING = "Webhook not found"


class Catalog(msgspec.Struct):
    schema: str
    events: list[EventDescription]


@router.get("")
async def list_events(user: AdminUser) -> Catalog:
    """List all events."""
    return Catalog(REFERENCE_VERSION, list(load_event_catalog().values()))


class WebhookForm(msgspec.Struct):
    url: str
    name: str | None = None
    enabled: bool = True
    events: list[str] | None = None
    targets: list[Target] | None = None


class WebhookUpdate(msgspec.Struct):
    name: str | UnsetType | None = UNSET
    url: str | UnsetType | None = UNSET
    enabled: bool | UnsetType | None = UNSET
    events: list[str] | UnsetType | None = UNSET
    targets: list[Target] | UnsetType | None = UNSET


@router.get("/webhooks")
async def list_webhooks(user: AdminUser, registry: WebhookRegistry) -> list[Webhook]:
    """List the webhooks, oldest first."""
    return registry.list_webhooks()


async def _save_webhook(fields: Webhook, action: str, user: User, registry: WebhookRegistry, bus: Bus) -> Webhook:
    """Save a webhook and publish the change; an invalid webhook is a BadRequest."""
    try:
        webhook = await registry.save_webhook(fields)
    except InvalidWebhook as error:
        raise BadRequest(str(error)) from None
    data = {"action": action, **{name: webhook[name] for name in ("enabled", "events", "targets")}}
    await bus.publish(ActivityEvent("config.webhook.updated", user, webhook["id"], "config", data))
    return webhook


@router.post("/webhooks")
async def create_webhook(data: WebhookForm, user: AdminUser, registry: WebhookRegistry, bus: Bus) -> Webhook:
    """Create a webhook."""
    return await _save_webhook(msgspec.structs.asdict(data), "created", user, registry, bus)


@router.put("/webhooks/{webhook_id}")
async def update_webhook(
    webhook_id: str, data: WebhookUpdate, user: AdminUser, registry: WebhookRegistry, bus: Bus
) -> Webhook:
    """Change the sent fields of a webhook."""
    existing = next((webhook for webhook in registry.list_webhooks() if webhook["id"] == webhook_id), None)
    if existing is None:
        raise NotFound(_MISSING)
    changes: dict[str, Any] = msgspec.to_builtins(data)
    return await _save_webhook({**existing, **changes}, "updated", user, registry, bus)


@router.delete("/webhooks/{webhook_id}")
async def delete_webhook(webhook_id: str, user: AdminUser, registry: WebhookRegistry, bus: Bus) -> dict[str, bool]:
    """Delete a webhook."""
    if not await registry.delete_webhook(webhook_id):
        raise NotFound(_MISSING)
    await bus.publish(ActivityEvent("config.webhook.updated", user, webhook_id, "config", {"action": "deleted"}))
    return {"status": True}
