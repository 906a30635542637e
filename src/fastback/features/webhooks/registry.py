"""Event webhooks as administrators keep them: where to, of which events, about whom."""

from __future__ import annotations

import time
import uuid
from typing import Any

from fastback import messages
from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys.auth import WEBHOOK_URL
from fastback.features.webhooks.catalog import catalog
from fastback.kit.web_guard import BlockedAddress, WebGuard

Webhook = dict[str, Any]
Target = dict[str, str]

_KEY = ConfigKey("events.webhooks")
#: What older releases kept: one address for everything, under this id among the others.
_OLD_KEY, _OLD_ID = WEBHOOK_URL, "default"


class InvalidWebhook(ValueError):
    """What was given is no webhook; the text is for the administrator."""


def _events(given: Any) -> list[str]:
    """Names of events, or `area.*`, or `*`."""
    found = [text for one in given or ["*"] if (text := str(one).strip())] or ["*"]
    for one in found:
        if one.endswith(".*"):
            prefix = one[:-1]
            if prefix == "." or not any(event.startswith(prefix) for event in catalog()):
                raise InvalidWebhook(f"Invalid event pattern: {one}")
        elif one != "*" and one not in catalog():
            raise InvalidWebhook(f"Invalid event: {one}")
    return found


def _targets(given: Any) -> list[Target] | None:
    """Users and groups, each once; None for anybody."""
    if given is None:
        return None
    if not isinstance(given, list):
        raise InvalidWebhook("Invalid targets")
    found: list[Target] = []
    for one in given:
        kind, target = (
            (str(one.get(name) or "").strip() for name in ("type", "id")) if isinstance(one, dict) else ("", "")
        )
        if kind not in ("user", "group") or not target:
            raise InvalidWebhook("Invalid target")
        if {"type": kind, "id": target} not in found:
            found.append({"type": kind, "id": target})
    return found


def normalised(given: Webhook, *, fresh: bool = False) -> Webhook:
    """A webhook with all its fields; a `fresh` one changes now.

    Raises:
        InvalidWebhook: an unknown event, or a target that is none.
    """
    now = int(time.time())
    found_id = str(given.get("id") or uuid.uuid4())
    return {
        "id": found_id,
        "name": str(given.get("name") or ("Default webhook" if found_id == _OLD_ID else "Webhook")),
        "url": str(given.get("url") or "").strip(),
        "enabled": bool(given.get("enabled", True)),
        "events": _events(given.get("events")),
        "targets": _targets(given.get("targets")),
        "created_at": int(given.get("created_at") or now),
        "updated_at": now if fresh else int(given.get("updated_at") or now),
    }


def wants(webhook: Webhook, event: str) -> bool:
    """Whether the webhook is switched on and asks for this event."""
    return bool(webhook["enabled"]) and any(
        one in ("*", event) or (one.endswith(".*") and event.startswith(one[:-1])) for one in webhook["events"]
    )


class Webhooks:
    """The webhooks, kept in the configuration."""

    def __init__(self, config: Config, guard: WebGuard) -> None:
        self._config = config
        self._guard = guard

    def all(self) -> list[Webhook]:
        """In the order in which they were made; what makes no sense is left out."""
        found = []
        for one in self._config.items(_KEY):
            try:
                if isinstance(one, dict):
                    found.append(normalised(one))
            except ValueError:
                continue
        return found

    def wanted(self, event: str) -> bool:
        """Whether any webhook asks for this event; without webhooks that costs a look into the configuration."""
        return bool(self._config.items(_KEY)) and any(one["url"] and wants(one, event) for one in self.all())

    async def take_over(self) -> None:
        """Make a webhook of the one address that older releases kept."""
        url = self._config.text(_OLD_KEY)
        known = self.all()
        if url and not any(one["id"] == _OLD_ID for one in known):
            made = normalised({"id": _OLD_ID, "url": url}, fresh=True)
            await self._config.set(_KEY, [made, *known])

    async def save(self, given: Webhook) -> Webhook:
        """Add a webhook, or change the one of the same id.

        Raises:
            InvalidWebhook: see `normalised`, or an address that may not be called.
        """
        url = str(given.get("url") or "").strip()
        if url:
            try:
                await self._guard.check_url(url)
            except BlockedAddress:
                raise InvalidWebhook(messages.INVALID_URL) from None
        made = normalised(given, fresh=True)
        known = self.all()
        for place, one in enumerate(known):
            if one["id"] == made["id"]:
                made["created_at"] = one["created_at"]
                known[place] = made
                break
        else:
            known.append(made)
        await self._config.set(_KEY, known)
        return made

    async def delete(self, webhook_id: str) -> bool:
        """False when there is none of this id."""
        known = self.all()
        left = [one for one in known if one["id"] != webhook_id]
        if len(left) == len(known):
            return False
        await self._config.set_many({_KEY: left, **({_OLD_KEY: ""} if webhook_id == _OLD_ID else {})})
        return True
