"""Where users want to be told of things: kept in their settings, among what the page keeps there."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import urlsplit

import msgspec

from fastback import messages
from fastback.access.events import UserChanged
from fastback.config.keys.auth import WEBHOOK_URL
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.web_guard import BlockedAddress, WebGuard

Target = dict[str, Any]

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
NAMES = frozenset(event for event, _, _ in EVENTS)
#: The id of what older releases kept as one address for everything, and what that was told of at first.
_OLD_ID, _OLD_EVENTS = "webhook", {"chat.finished", "chat.failed"}
_MIGRATED = "legacy_notification_events_migrated"


class InvalidTarget(ValueError):
    """What was given is no target; the text is for the user."""


class Known(msgspec.Struct):
    """The targets of a user; `rest` is what else stands beside them."""

    targets: list[Target]
    default_id: str | None
    rest: dict[str, Any]

    def place(self, target_id: str) -> int | None:
        """Where a target stands, capitals aside."""
        wanted = target_id.lower()
        return next((place for place, one in enumerate(self.targets) if _id(one) == wanted), None)

    def is_default(self, target_id: str) -> bool:
        return str(self.default_id or "").lower() == target_id.lower()


def _id(target: Target) -> str:
    return str(target.get("id", "")).lower()


def masked(target: Target, default_id: str | None) -> Target:
    """A target as its user sees it again: of the address, which is a secret, host and last characters alone."""
    config = dict(target.get("config") or {})
    url = str(config.pop("url", "") or "")
    config["url_masked"] = _masked_url(url) if url else ""
    return {**target, "config": config, "is_default": target.get("id") == default_id}


def _masked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "****"
    return f"{parts.scheme}://{parts.hostname}/...{parts.path[-4:]}" if parts.hostname else "****"


class Targets:
    """Reads and changes them."""

    def __init__(self, db: Database, bus: Bus, guard: WebGuard) -> None:
        self._db = db
        self._bus = bus
        self._guard = guard

    async def load(self, user_id: str) -> Known:
        """A user's targets. The one address that older releases kept becomes a target.

        Raises:
            InvalidTarget: there is no such user, or that address may not be called.
        """
        raw = await users.find_json_column(self._db, user_id, "settings")
        if raw is None:
            raise InvalidTarget("User not found")
        settings = msgspec.json.decode(raw) or {}
        rest = dict(settings.get("notifications") or {}) if isinstance(settings, dict) else {}
        targets = rest.pop("targets", None)
        old = self._old_address(settings, rest)
        if not isinstance(targets, list) or not targets:
            if not old:
                return Known([], rest.pop("default_target_id", None), rest)
            made = await self._made({"id": _OLD_ID, "events": sorted(NAMES), "config": {"url": old}})
            known = Known([made], _OLD_ID, {**rest, _MIGRATED: True})
            await self.keep(user_id, known)
            return known
        found = [one for one in targets if isinstance(one, dict)]
        first = found[0].get("id") if found else None
        known = Known(found, rest.pop("default_target_id", first), rest)
        if old and not rest.get(_MIGRATED):
            rest[_MIGRATED] = True
            widened = [one for one in found if self._is_old(one, old)]
            for one in widened:
                one["events"] = sorted(NAMES)
            if widened:
                await self.keep(user_id, known)
        return known

    @staticmethod
    def _old_address(settings: Any, rest: dict[str, Any]) -> str:
        page = (settings.get("ui") or {}) if isinstance(settings, dict) else {}
        older = (page.get("notifications") or {}) if isinstance(page, dict) else {}
        return str(rest.get(WEBHOOK_URL) or older.get(WEBHOOK_URL) or "").strip()

    @staticmethod
    def _is_old(target: Target, url: str) -> bool:
        same = str((target.get("config") or {}).get("url") or "").strip() == url
        return same and target.get("id") == _OLD_ID and set(target.get("events") or ()) == _OLD_EVENTS

    async def keep(self, user_id: str, known: Known) -> None:
        """Write the targets into the user's settings."""
        raw = await users.find_json_column(self._db, user_id, "settings")
        settings = (msgspec.json.decode(raw) if raw is not None else None) or {}
        settings["notifications"] = {
            **known.rest,
            "targets": known.targets,
            **({"default_target_id": known.default_id} if known.default_id is not None else {}),
        }
        await users.update_user(self._db, user_id, settings=settings)
        await self._bus.publish(UserChanged(user_id))

    async def _made(self, given: Target, existing: Target | None = None) -> Target:
        """A whole target out of what was given and what there was.

        Raises:
            InvalidTarget: another kind than a webhook, an address that may not be called, an unknown event.
        """
        existing = existing or {}
        now = int(time.time())
        if str(given.get("type") or existing.get("type") or "webhook").strip() != "webhook":
            raise InvalidTarget("Unsupported notification target type")
        config = {**(existing.get("config") or {}), **(given.get("config") or {})}
        url = str(config.get("url") or "").strip()
        if not url:
            raise InvalidTarget("Webhook URL is required")
        if "..." in url:  # masked, so it is the old one
            url = str((existing.get("config") or {}).get("url") or "").strip()
        try:
            await self._guard.check_url(url)
        except BlockedAddress:
            raise InvalidTarget(messages.INVALID_URL) from None
        config["url"] = url
        name = str(given.get("id") or existing.get("id") or "").strip() or urlsplit(url).hostname or "webhook"
        events: list[str] = []
        for event in (given["events"] if "events" in given else existing.get("events")) or []:
            if event not in NAMES:
                raise InvalidTarget(f"unsupported notification event: {event}")
            if event not in events:
                events.append(event)
        delivery = str(given.get("delivery") or existing.get("delivery") or "away").strip()
        if delivery not in ("away", "always"):
            raise InvalidTarget("Invalid notification delivery mode")
        return {
            "id": re.sub(r"[^a-zA-Z0-9_-]+", "-", name).strip("-").lower() or "target",
            "type": "webhook",
            "enabled": bool(given.get("enabled", existing.get("enabled", True))),
            "events": events,
            "delivery": delivery,
            "config": config,
            "created_at": int(existing.get("created_at") or now),
            "updated_at": now,
        }

    async def create(self, user_id: str, given: Target) -> Target:
        """A new target, as its user sees it. Raises: InvalidTarget, also where its id is taken."""
        known = await self.load(user_id)
        made = await self._made(given)
        name, number = made["id"], 2
        while known.place(made["id"]) is not None:
            if str(given.get("id") or "").strip():
                raise InvalidTarget("notification target id already exists")
            made["id"] = f"{name}-{number}"
            number += 1
        known.targets.append(made)
        known.default_id = known.default_id or made["id"]
        await self.keep(user_id, known)
        return masked(made, known.default_id)

    async def update(self, user_id: str, target_id: str, given: Target) -> Target:
        """Change a target; see `create`."""
        known = await self.load(user_id)
        place = known.place(target_id)
        if place is None:
            raise InvalidTarget("Notification target not found")
        made = await self._made({"id": target_id, **given}, known.targets[place])
        if known.place(made["id"]) not in (None, place):
            raise InvalidTarget("notification target id already exists")
        known.targets[place] = made
        if known.is_default(target_id):
            known.default_id = made["id"]
        await self.keep(user_id, known)
        return masked(made, known.default_id)

    async def delete(self, user_id: str, target_id: str) -> bool:
        """False where there is none of this id."""
        known = await self.load(user_id)
        place = known.place(target_id)
        if place is None:
            return False
        del known.targets[place]
        if known.is_default(target_id):
            known.default_id = known.targets[0].get("id") if known.targets else None
        await self.keep(user_id, known)
        return True

    async def make_default(self, user_id: str, target_id: str) -> Target:
        """Raises: InvalidTarget, where there is none of this id."""
        known = await self.load(user_id)
        place = known.place(target_id)
        if place is None:
            raise InvalidTarget("Notification target not found")
        known.default_id = known.targets[place]["id"]
        await self.keep(user_id, known)
        return masked(known.targets[place], known.default_id)
