"""Notification targets of users, stored in `user.settings` under `notifications`, beside settings of the frontend."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import urlsplit

import msgspec

from fastback import messages
from fastback.access.events import UserChanged
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.web_guard import BlockedAddress, WebGuard

Target = dict[str, Any]

#: Events that a target can subscribe to: name, label, description. The texts are those of the reference.
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
EVENT_NAMES = frozenset(event for event, _, _ in EVENTS)
#: Older releases stored one address for all events. Its id as a target, and the events it was first subscribed to.
_LEGACY_ID, _LEGACY_EVENTS = "webhook", {"chat.finished", "chat.failed"}
_MIGRATED = "legacy_notification_events_migrated"
_UNSAFE_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]+")


class InvalidTarget(ValueError):
    """A target with an invalid field; the text is for the user."""


class TargetList(msgspec.Struct):
    """The targets of a user.

    Attributes:
        default_id: id of the default target.
        other_settings: other fields of the `notifications` settings, kept when the targets are written.
    """

    targets: list[Target]
    default_id: str | None
    other_settings: dict[str, Any]

    def find_index(self, target_id: str) -> int | None:
        """Return the index of a target, or None; ids compare without case."""
        normalised_id = target_id.lower()
        return next(
            (index for index, target in enumerate(self.targets) if _normalise_id(target) == normalised_id), None
        )

    def is_default(self, target_id: str) -> bool:
        """Return whether this is the default target; ids compare without case."""
        return str(self.default_id or "").lower() == target_id.lower()


def _normalise_id(target: Target) -> str:
    return str(target.get("id", "")).lower()


def mask_target(target: Target, default_id: str | None) -> Target:
    """Return a target as its user may see it: of the address, a secret, only host and last four characters."""
    config = dict(target.get("config") or {})
    url = str(config.pop("url", "") or "")
    config["url_masked"] = _mask_url(url) if url else ""
    return {**target, "config": config, "is_default": target.get("id") == default_id}


def _mask_url(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "****"
    return f"{parts.scheme}://{parts.hostname}/...{parts.path[-4:]}" if parts.hostname else "****"


class NotificationTargets:
    """Read and write the notification targets of users."""

    def __init__(self, db: Database, bus: Bus, guard: WebGuard) -> None:
        self._db = db
        self._bus = bus
        self._guard = guard

    async def load_targets(self, user_id: str) -> TargetList:
        """Return a user's targets. A single address stored by an older release becomes a target, and is written.

        Raises:
            InvalidTarget: the user does not exist, or the old address is blocked.
        """
        raw = await users.find_json_column(self._db, user_id, "settings")
        if raw is None:
            raise InvalidTarget("User not found")
        settings = msgspec.json.decode(raw) or {}
        other_settings = dict(settings.get("notifications") or {}) if isinstance(settings, dict) else {}
        targets = other_settings.pop("targets", None)
        legacy_url = self._get_legacy_url(settings, other_settings)
        if not isinstance(targets, list) or not targets:
            if not legacy_url:
                return TargetList([], other_settings.pop("default_target_id", None), other_settings)
            target = await self._build_target(
                {"id": _LEGACY_ID, "events": sorted(EVENT_NAMES), "config": {"url": legacy_url}}
            )
            target_list = TargetList([target], _LEGACY_ID, {**other_settings, _MIGRATED: True})
            await self.save_targets(user_id, target_list)
            return target_list
        valid_targets = [target for target in targets if isinstance(target, dict)]
        first_id = valid_targets[0].get("id") if valid_targets else None
        target_list = TargetList(valid_targets, other_settings.pop("default_target_id", first_id), other_settings)
        if legacy_url and not other_settings.get(_MIGRATED):
            other_settings[_MIGRATED] = True
            unchanged = [target for target in valid_targets if self._is_unchanged_legacy_target(target, legacy_url)]
            for target in unchanged:
                target["events"] = sorted(EVENT_NAMES)
            if unchanged:
                await self.save_targets(user_id, target_list)
        return target_list

    @staticmethod
    def _get_legacy_url(settings: Any, other_settings: dict[str, Any]) -> str:
        ui = (settings.get("ui") or {}) if isinstance(settings, dict) else {}
        ui_notifications = (ui.get("notifications") or {}) if isinstance(ui, dict) else {}
        return str(other_settings.get("webhook_url") or ui_notifications.get("webhook_url") or "").strip()

    @staticmethod
    def _is_unchanged_legacy_target(target: Target, url: str) -> bool:
        has_same_url = str((target.get("config") or {}).get("url") or "").strip() == url
        return has_same_url and target.get("id") == _LEGACY_ID and set(target.get("events") or ()) == _LEGACY_EVENTS

    async def save_targets(self, user_id: str, target_list: TargetList) -> None:
        """Write the targets into the user's settings, and announce the change of the user."""
        raw = await users.find_json_column(self._db, user_id, "settings")
        settings = (msgspec.json.decode(raw) if raw is not None else None) or {}
        settings["notifications"] = {
            **target_list.other_settings,
            "targets": target_list.targets,
            **({"default_target_id": target_list.default_id} if target_list.default_id is not None else {}),
        }
        await users.update_user(self._db, user_id, settings=settings)
        await self._bus.publish(UserChanged(user_id))

    async def _build_target(self, fields: Target, existing: Target | None = None) -> Target:
        """Return a complete target from the sent fields and those of the existing target.

        Raises:
            InvalidTarget: the type, an event or the delivery mode is unknown, or the address is missing or blocked.
        """
        existing = existing or {}
        now = int(time.time())
        if str(fields.get("type") or existing.get("type") or "webhook").strip() != "webhook":
            raise InvalidTarget("Unsupported notification target type")
        config = {**(existing.get("config") or {}), **(fields.get("config") or {})}
        url = str(config.get("url") or "").strip()
        if not url:
            raise InvalidTarget("Webhook URL is required")
        if "..." in url:  # masked, so the client sent back what it was shown
            url = str((existing.get("config") or {}).get("url") or "").strip()
        try:
            await self._guard.check_url(url)
        except BlockedAddress:
            raise InvalidTarget(messages.INVALID_URL) from None
        config["url"] = url
        name = str(fields.get("id") or existing.get("id") or "").strip() or urlsplit(url).hostname or "webhook"
        events: list[str] = []
        for event in (fields["events"] if "events" in fields else existing.get("events")) or []:
            if event not in EVENT_NAMES:
                raise InvalidTarget(f"unsupported notification event: {event}")
            if event not in events:
                events.append(event)
        delivery = str(fields.get("delivery") or existing.get("delivery") or "away").strip()
        if delivery not in ("away", "always"):
            raise InvalidTarget("Invalid notification delivery mode")
        return {
            "id": _UNSAFE_IN_IDS.sub("-", name).strip("-").lower() or "target",
            "type": "webhook",
            "enabled": bool(fields.get("enabled", existing.get("enabled", True))),
            "events": events,
            "delivery": delivery,
            "config": config,
            "created_at": int(existing.get("created_at") or now),
            "updated_at": now,
        }

    async def create_target(self, user_id: str, fields: Target) -> Target:
        """Create a target and return it masked.

        Raises:
            InvalidTarget: a field is invalid, or the id is taken.
        """
        target_list = await self.load_targets(user_id)
        target = await self._build_target(fields)
        base_id, suffix = target["id"], 2
        while target_list.find_index(target["id"]) is not None:
            if str(fields.get("id") or "").strip():
                raise InvalidTarget("notification target id already exists")
            target["id"] = f"{base_id}-{suffix}"
            suffix += 1
        target_list.targets.append(target)
        target_list.default_id = target_list.default_id or target["id"]
        await self.save_targets(user_id, target_list)
        return mask_target(target, target_list.default_id)

    async def update_target(self, user_id: str, target_id: str, fields: Target) -> Target:
        """Change a target and return it masked.

        Raises:
            InvalidTarget: there is no such target, a field is invalid, or the new id is taken.
        """
        target_list = await self.load_targets(user_id)
        index = target_list.find_index(target_id)
        if index is None:
            raise InvalidTarget("Notification target not found")
        target = await self._build_target({"id": target_id, **fields}, target_list.targets[index])
        if target_list.find_index(target["id"]) not in (None, index):
            raise InvalidTarget("notification target id already exists")
        target_list.targets[index] = target
        if target_list.is_default(target_id):
            target_list.default_id = target["id"]
        await self.save_targets(user_id, target_list)
        return mask_target(target, target_list.default_id)

    async def delete_target(self, user_id: str, target_id: str) -> bool:
        """Delete a target; return False if it does not exist."""
        target_list = await self.load_targets(user_id)
        index = target_list.find_index(target_id)
        if index is None:
            return False
        del target_list.targets[index]
        if target_list.is_default(target_id):
            target_list.default_id = target_list.targets[0].get("id") if target_list.targets else None
        await self.save_targets(user_id, target_list)
        return True

    async def set_default_target(self, user_id: str, target_id: str) -> Target:
        """Make a target the default one and return it masked.

        Raises:
            InvalidTarget: there is no such target.
        """
        target_list = await self.load_targets(user_id)
        index = target_list.find_index(target_id)
        if index is None:
            raise InvalidTarget("Notification target not found")
        target_list.default_id = target_list.targets[index]["id"]
        await self.save_targets(user_id, target_list)
        return mask_target(target_list.targets[index], target_list.default_id)
