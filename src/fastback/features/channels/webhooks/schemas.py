"""Requests about incoming webhooks."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fastback.features.channels.messages.schemas import Content


class WebhookForm(msgspec.Struct):
    """The name and the picture under which a webhook posts."""

    name: Annotated[str, msgspec.Meta(max_length=1000)]
    profile_image_url: str | None = None


class WebhookMessageForm(msgspec.Struct):
    """A message that another program posts."""

    content: Content


class PostedMessage(msgspec.Struct):
    """The id of a message that was posted."""

    success: bool
    message_id: str
