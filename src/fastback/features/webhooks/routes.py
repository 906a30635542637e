"""`/api/events`: what there is to be told of, and the webhooks that are told."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from fastback import REFERENCE_VERSION
from fastback.access.activity import ActivityEvent
from fastback.access.guards import AdminUser
from fastback.access.identity import User
from fastback.features.webhooks.catalog import Known, catalog
from fastback.features.webhooks.registry import InvalidWebhook, Target, Webhook, Webhooks
from fastback.kit.bus import Bus
from fastback.kit.http import BadRequest, NotFound, Router

router = Router("/api/events")

_MISSING = "Webhook not found"


class Catalog(msgspec.Struct):
    schema: str
    events: list[Known]


@router.get("")
async def events(user: AdminUser) -> Catalog:
    return Catalog(REFERENCE_VERSION, list(catalog().values()))


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
async def webhooks(user: AdminUser, known: Webhooks) -> list[Webhook]:
    return known.all()


async def _save(given: Webhook, action: str, user: User, known: Webhooks, bus: Bus) -> Webhook:
    try:
        webhook = await known.save(given)
    except InvalidWebhook as error:
        raise BadRequest(str(error)) from None
    data = {"action": action, **{name: webhook[name] for name in ("enabled", "events", "targets")}}
    await bus.publish(ActivityEvent("config.webhook.updated", user, webhook["id"], "config", data))
    return webhook


@router.post("/webhooks")
async def create(data: WebhookForm, user: AdminUser, known: Webhooks, bus: Bus) -> Webhook:
    return await _save(msgspec.structs.asdict(data), "created", user, known, bus)


@router.put("/webhooks/{webhook_id}")
async def update(webhook_id: str, data: WebhookUpdate, user: AdminUser, known: Webhooks, bus: Bus) -> Webhook:
    existing = next((one for one in known.all() if one["id"] == webhook_id), None)
    if existing is None:
        raise NotFound(_MISSING)
    changes: dict[str, Any] = msgspec.to_builtins(data)
    return await _save({**existing, **changes}, "updated", user, known, bus)


@router.delete("/webhooks/{webhook_id}")
async def delete(webhook_id: str, user: AdminUser, known: Webhooks, bus: Bus) -> dict[str, bool]:
    if not await known.delete(webhook_id):
        raise NotFound(_MISSING)
    await bus.publish(ActivityEvent("config.webhook.updated", user, webhook_id, "config", {"action": "deleted"}))
    return {"status": True}
