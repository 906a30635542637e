"""`/api/v1/channels/webhooks/{id}/{token}`: post a message by the address of a webhook, without an account."""

from __future__ import annotations

import hmac

from starlette.requests import Request

from fastback import messages as texts
from fastback.access.activity import ActivityEvent, WebhookActor
from fastback.features.channels import store as channel_store
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.messages.service import PREVIEW_LENGTH, MessageService
from fastback.features.channels.webhooks import store
from fastback.features.channels.webhooks.schemas import PostedMessage, WebhookMessageForm
from fastback.features.webhooks.sender import DELIVERY_HEADER
from fastback.kit.bus import Bus
from fastback.kit.clock import clock
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.http import NotFound, Router, TooManyRequests, Unauthorized

router = Router("/api/v1/channels/webhooks")

#: Messages that one webhook posts within a number of seconds; more are refused.
MAX_MESSAGES, PERIOD_SECONDS = 100, 10


async def _require_rate(cluster: Cluster, webhook_id: str) -> None:
    """Count a message of a webhook.

    Raises:
        TooManyRequests: it posts too many; perhaps two programs answer each other.
    """
    period = int(clock.time() / PERIOD_SECONDS)
    name = f"channel-webhook:{webhook_id}:{period}"
    if await cluster.increment(name, expires_in=PERIOD_SECONDS) > MAX_MESSAGES:
        raise TooManyRequests(texts.RATE_LIMIT_EXCEEDED)


@router.post("/{webhook_id}/{token}")
async def post_webhook_message(
    webhook_id: str,
    token: str,
    data: WebhookMessageForm,
    request: Request,
    db: Database,
    access: ChannelAccess,
    messages: MessageService,
    cluster: Cluster,
    bus: Bus,
) -> PostedMessage:
    """Post a message under the name of a webhook. Models do not answer it."""
    access.require_enabled()
    webhook = await store.find_webhook(db, webhook_id)
    if webhook is None or not hmac.compare_digest(webhook.token.encode(), token.encode()):
        raise Unauthorized(texts.INVALID_URL)
    await _require_rate(cluster, webhook.id)
    channel = await channel_store.find_channel(db, webhook.channel_id)
    if channel is None:
        raise NotFound()
    message = await messages.post_webhook_message(channel, webhook, data.content)
    # An event about a message that came from a webhook of this server would go there again.
    if DELIVERY_HEADER not in request.headers:
        event = ActivityEvent(
            "message.created",
            WebhookActor(webhook.id, webhook.name),
            message.id,
            data={"channel_id": channel.id, "content_preview": data.content[:PREVIEW_LENGTH]},
            source="channel_webhook",
        )
        await bus.publish(event)
    return PostedMessage(True, message.id)
