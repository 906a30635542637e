"""Routes below `/api/v1/notifications`: the notification targets of the current user."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.interface import UI_ENABLE_USER_WEBHOOKS
from fastback.features.notifications.targets import EVENTS, InvalidTarget, NotificationTargets, Target, mask_target
from fastback.features.webhooks.sender import WebhookSender
from fastback.kit.http import BadRequest, Forbidden, NotFound, Router

router = Router("/api/v1/notifications")


async def _require_notifications(user: User, config: Config, permissions: Permissions) -> None:
    """Raise NotFound if notifications are disabled, Forbidden if the user may not use them."""
    if not config.get_bool(UI_ENABLE_USER_WEBHOOKS):
        raise NotFound(messages.NOT_FOUND)
    if not user.is_admin and not await permissions.has(user.id, "features.webhooks"):
        raise Forbidden(messages.ACCESS_PROHIBITED)


@router.get("/events")
async def list_events(user: VerifiedUser, config: Config, permissions: Permissions) -> dict[str, Any]:
    """List the events that a target can subscribe to."""
    await _require_notifications(user, config, permissions)
    return {"events": [dict(zip(("event", "label", "description"), event, strict=True)) for event in EVENTS]}


class TargetForm(msgspec.Struct):
    id: str | UnsetType | None = UNSET
    type: str | UnsetType | None = UNSET
    enabled: bool | UnsetType | None = UNSET
    events: list[str] | UnsetType | None = UNSET
    delivery: str | UnsetType | None = UNSET
    config: dict[str, Any] | UnsetType | None = UNSET


@router.get("/targets")
async def list_targets(
    user: VerifiedUser, targets: NotificationTargets, config: Config, permissions: Permissions
) -> dict[str, list[Target]]:
    """List the current user's targets, with masked addresses."""
    await _require_notifications(user, config, permissions)
    try:
        target_list = await targets.load_targets(user.id)
    except InvalidTarget as error:
        raise BadRequest(str(error)) from None
    return {"targets": [mask_target(target, target_list.default_id) for target in target_list.targets]}


@router.post("/targets")
async def create_target(
    data: TargetForm, user: VerifiedUser, targets: NotificationTargets, config: Config, permissions: Permissions
) -> Target:
    """Create a target."""
    await _require_notifications(user, config, permissions)
    try:
        return await targets.create_target(user.id, msgspec.to_builtins(data))
    except InvalidTarget as error:
        raise BadRequest(str(error)) from None


@router.put("/targets/{target_id}")
async def update_target(
    target_id: str,
    data: TargetForm,
    user: VerifiedUser,
    targets: NotificationTargets,
    config: Config,
    permissions: Permissions,
) -> Target:
    """Change the sent fields of a target."""
    await _require_notifications(user, config, permissions)
    try:
        return await targets.update_target(user.id, target_id, msgspec.to_builtins(data))
    except InvalidTarget as error:
        raise BadRequest(str(error)) from None


@router.delete("/targets/{target_id}")
async def delete_target(
    target_id: str, user: VerifiedUser, targets: NotificationTargets, config: Config, permissions: Permissions
) -> dict[str, bool]:
    """Delete a target."""
    await _require_notifications(user, config, permissions)
    if not await targets.delete_target(user.id, target_id):
        raise NotFound(messages.NOT_FOUND)
    return {"ok": True}


@router.put("/targets/{target_id}/default")
async def set_default_target(
    target_id: str, user: VerifiedUser, targets: NotificationTargets, config: Config, permissions: Permissions
) -> Target:
    """Make a target the default one."""
    await _require_notifications(user, config, permissions)
    try:
        return await targets.set_default_target(user.id, target_id)
    except InvalidTarget as error:
        raise BadRequest(str(error)) from None


@router.post("/targets/{target_id}/test")
async def send_test_notification(
    target_id: str,
    user: VerifiedUser,
    targets: NotificationTargets,
    sender: WebhookSender,
    config: Config,
    permissions: Permissions,
) -> dict[str, bool]:
    """Send a test notification to a target, and raise BadRequest if it does not arrive."""
    await _require_notifications(user, config, permissions)
    try:
        target_list = await targets.load_targets(user.id)
    except InvalidTarget as error:
        raise BadRequest(str(error)) from None
    index = target_list.find_index(target_id)
    if index is None:
        raise BadRequest("Notification target not found")
    url = str(target_list.targets[index]["config"]["url"])
    data = {"action": "test", "user_id": user.id}
    description = "This is a test notification from Open WebUI."
    if not await sender.send(url, "Test notification", data, description):
        raise BadRequest("Webhook delivery failed")
    return {"ok": True}
