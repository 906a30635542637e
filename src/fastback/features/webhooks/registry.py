"""The event webhooks that administrators configure: address, events, and the users and groups they are limited to."""

from __future__ import annotations

import time
import uuid
from typing import Any

from fastback import messages
from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys.auth import WEBHOOK_URL
from fastback.features.webhooks.catalog import load_event_catalog
from fastback.kit.web_guard import BlockedAddress, WebGuard

Webhook = dict[str, Any]
Target = dict[str, str]

_KEY = ConfigKey("events.webhooks")
#: Older releases stored one address for all events; it becomes the webhook with this id.
_LEGACY_KEY, _LEGACY_ID = WEBHOOK_URL, "default"


class InvalidWebhook(ValueError):
    """A webhook with an invalid field; the text is for the administrator."""


def _parse_events(events: Any) -> list[str]:
    """Return the subscribed events: event names, `area.*`, or `*`, which is also the default."""
    patterns = [text for event in events or ["*"] if (text := str(event).strip())] or ["*"]
    for pattern in patterns:
        if pattern.endswith(".*"):
            prefix = pattern[:-1]
            if prefix == "." or not any(name.startswith(prefix) for name in load_event_catalog()):
                raise InvalidWebhook(f"Invalid event pattern: {pattern}")
        elif pattern != "*" and pattern not in load_event_catalog():
            raise InvalidWebhook(f"Invalid event: {pattern}")
    return patterns


def _parse_targets(targets: Any) -> list[Target] | None:
    """Return the targeted users and groups without duplicates; None means that events are not limited to targets."""
    if targets is None:
        return None
    if not isinstance(targets, list):
        raise InvalidWebhook("Invalid targets")
    parsed: list[Target] = []
    for item in targets:
        kind, target_id = (
            (str(item.get(name) or "").strip() for name in ("type", "id")) if isinstance(item, dict) else ("", "")
        )
        if kind not in ("user", "group") or not target_id:
            raise InvalidWebhook("Invalid target")
        if {"type": kind, "id": target_id} not in parsed:
            parsed.append({"type": kind, "id": target_id})
    return parsed


def normalise_webhook(webhook: Webhook, *, is_changed: bool = False) -> Webhook:
    """Return a webhook with all its fields. `is_changed` sets the time of its last change to now.

    Raises:
        InvalidWebhook: an event is unknown, or a target is invalid.
    """
    now = int(time.time())
    webhook_id = str(webhook.get("id") or uuid.uuid4())
    return {
        "id": webhook_id,
        "name": str(webhook.get("name") or ("Default webhook" if webhook_id == _LEGACY_ID else "Webhook")),
        "url": str(webhook.get("url") or "").strip(),
        "enabled": bool(webhook.get("enabled", True)),
        "events": _parse_events(webhook.get("events")),
        "targets": _parse_targets(webhook.get("targets")),
        "created_at": int(webhook.get("created_at") or now),
        "updated_at": now if is_changed else int(webhook.get("updated_at") or now),
    }


def is_subscribed(webhook: Webhook, event: str) -> bool:
    """Return whether the webhook is enabled and subscribed to this event."""
    return bool(webhook["enabled"]) and any(
        pattern in ("*", event) or (pattern.endswith(".*") and event.startswith(pattern[:-1]))
        for pattern in webhook["events"]
    )


class WebhookRegistry:
    """Read and write the webhooks, which are stored in the configuration."""

    def __init__(self, config: Config, guard: WebGuard) -> None:
        self._config = config
        self._guard = guard

    def list_webhooks(self) -> list[Webhook]:
        """Return the webhooks, oldest first; invalid ones are skipped."""
        webhooks = []
        for item in self._config.get_list(_KEY):
            try:
                if isinstance(item, dict):
                    webhooks.append(normalise_webhook(item))
            except ValueError:
                continue
        return webhooks

    def has_subscriber(self, event: str) -> bool:
        """Return whether a webhook is subscribed to this event; without webhooks this costs one configuration read."""
        return bool(self._config.get_list(_KEY)) and any(
            webhook["url"] and is_subscribed(webhook, event) for webhook in self.list_webhooks()
        )

    async def migrate_legacy_url(self) -> None:
        """Create a webhook from the single address that older releases stored."""
        url = self._config.get_text(_LEGACY_KEY)
        webhooks = self.list_webhooks()
        if url and not any(webhook["id"] == _LEGACY_ID for webhook in webhooks):
            legacy = normalise_webhook({"id": _LEGACY_ID, "url": url}, is_changed=True)
            await self._config.set(_KEY, [legacy, *webhooks])

    async def save_webhook(self, fields: Webhook) -> Webhook:
        """Add a webhook, or replace the one with the same id, and return it.

        Raises:
            InvalidWebhook: a field is invalid, or the address is blocked.
        """
        url = str(fields.get("url") or "").strip()
        if url:
            try:
                await self._guard.check_url(url)
            except BlockedAddress:
                raise InvalidWebhook(messages.INVALID_URL) from None
        webhook = normalise_webhook(fields, is_changed=True)
        webhooks = self.list_webhooks()
        for index, existing in enumerate(webhooks):
            if existing["id"] == webhook["id"]:
                webhook["created_at"] = existing["created_at"]
                webhooks[index] = webhook
                break
        else:
            webhooks.append(webhook)
        await self._config.set(_KEY, webhooks)
        return webhook

    async def delete_webhook(self, webhook_id: str) -> bool:
        """Delete a webhook; return False if it does not exist."""
        webhooks = self.list_webhooks()
        remaining = [webhook for webhook in webhooks if webhook["id"] != webhook_id]
        if len(remaining) == len(webhooks):
            return False
        await self._config.set_many({_KEY: remaining, **({_LEGACY_KEY: ""} if webhook_id == _LEGACY_ID else {})})
        return True
