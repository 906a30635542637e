"""`/api/v1/channels/{id}/webhooks`: the incoming webhooks of a channel, for those who manage it; their pictures."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from fastback.access.activity import ActivityEvent
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.webhooks import store
from fastback.features.channels.webhooks.schemas import WebhookForm
from fastback.features.channels.webhooks.store import Webhook
from fastback.features.users.pictures import build_picture_response, list_allowed_types, require_valid_picture
from fastback.frontend.default_pictures import DefaultPictures
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import NotFound, Router
from fastback.settings import Settings

router = Router("/api/v1/channels")

_DEFAULT_PICTURE = "favicon.png"


async def _publish(bus: Bus, user: User, event: str, webhook_id: str, **data: Any) -> None:
    await bus.publish(ActivityEvent(event, user, webhook_id, data=data))


async def _get_webhook(db: Database, channel_id: str, webhook_id: str) -> Webhook:
    """Return a webhook of a channel.

    Raises:
        NotFound: the channel has no such webhook.
    """
    webhook = await store.find_webhook(db, webhook_id)
    if webhook is None or webhook.channel_id != channel_id:
        raise NotFound()
    return webhook


@router.get("/{id}/webhooks")
async def list_webhooks(id: str, user: VerifiedUser, db: Database, access: ChannelAccess) -> list[Webhook]:
    """List the webhooks of a channel, with their tokens."""
    channel = await access.get_managed_channel(id, user)
    return await store.list_webhooks(db, channel.id)


@router.post("/{id}/webhooks/create")
async def create_webhook(
    id: str, data: WebhookForm, user: VerifiedUser, db: Database, access: ChannelAccess, settings: Settings, bus: Bus
) -> Webhook:
    """Create a webhook. Anyone who knows its address posts messages into the channel."""
    require_valid_picture(data.profile_image_url, settings)
    channel = await access.get_managed_channel(id, user)
    webhook = await store.insert_webhook(db, channel.id, user.id, data.name, data.profile_image_url)
    await _publish(bus, user, "channel.webhook.created", webhook.id, channel_id=channel.id, name=webhook.name)
    return webhook


@router.post("/{id}/webhooks/{webhook_id}/update")
async def update_webhook(
    id: str,
    webhook_id: str,
    data: WebhookForm,
    user: VerifiedUser,
    db: Database,
    access: ChannelAccess,
    settings: Settings,
    bus: Bus,
) -> Webhook:
    """Change the name and the picture of a webhook."""
    require_valid_picture(data.profile_image_url, settings)
    channel = await access.get_managed_channel(id, user)
    await _get_webhook(db, channel.id, webhook_id)
    await store.update_webhook(db, webhook_id, data.name, data.profile_image_url)
    await _publish(bus, user, "channel.webhook.updated", webhook_id, channel_id=channel.id, name=data.name)
    return await _get_webhook(db, channel.id, webhook_id)


@router.delete("/{id}/webhooks/{webhook_id}/delete")
async def delete_webhook(
    id: str, webhook_id: str, user: VerifiedUser, db: Database, access: ChannelAccess, bus: Bus
) -> bool:
    """Delete a webhook: its address posts nothing any more."""
    channel = await access.get_managed_channel(id, user)
    await _get_webhook(db, channel.id, webhook_id)
    is_deleted = await store.delete_webhook(db, webhook_id)
    if is_deleted:
        await _publish(bus, user, "channel.webhook.deleted", webhook_id, channel_id=channel.id)
    return is_deleted


@router.get("/webhooks/{webhook_id}/profile/image")
async def get_webhook_picture(
    webhook_id: str,
    user: VerifiedUser,
    db: Database,
    access: ChannelAccess,
    settings: Settings,
    pictures: DefaultPictures,
) -> Response:
    """Return the picture of a webhook, or the default picture."""
    await access.require_feature(user)
    webhook = await store.find_webhook(db, webhook_id)
    if webhook is None:
        return pictures.build_response(_DEFAULT_PICTURE)
    await access.get_permitted_channel(webhook.channel_id, user, "read")
    response = build_picture_response(
        webhook.profile_image_url,
        allowed=list_allowed_types(settings),
        forward=settings.enable_profile_image_url_forwarding,
    )
    return response or pictures.build_response(_DEFAULT_PICTURE)
